"""Arithmetic of the tiles of WebMercatorQuad: which ones bounds reach into, and what the fullest of them hold.

Pure, no GDAL. Tiles are numbered by column from the west and row from the north; at zoom ``z`` there are 2^z each way.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import shapely

from rastercollection.geo.types import Bounds

__all__ = [
    "MERCATOR_LATITUDE",
    "Floats",
    "Integers",
    "fullest",
    "is_on_map",
    "most_of_a_tile",
    "on_world_map",
    "quadkey",
    "tile_boxes",
    "tile_number",
    "tiles_of",
    "within_map",
]

MERCATOR_LATITUDE = 85.0511287798066
"""WebMercatorQuad ends here, north and south."""

TOUCHING = 1e-12
"""Bounds that reach this much of the world map into a tile only touch it."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def is_on_map(bounds: Bounds) -> bool:
    return bounds[1] < MERCATOR_LATITUDE and bounds[3] > -MERCATOR_LATITUDE


def within_map(bounds: Bounds) -> Bounds:
    """The bounds without what lies beyond the latitudes of the map."""
    west, south, east, north = bounds
    return (west, max(south, -MERCATOR_LATITUDE), east, min(north, MERCATOR_LATITUDE))


def on_world_map(longitude: Floats, latitude: Floats) -> tuple[Floats, Floats]:
    """Position on the Web Mercator map of the world, 0–1 from the left and from the top."""
    x = (longitude + 180) / 360
    y = 0.5 - np.arcsinh(np.tan(np.radians(latitude))) / (2 * math.pi)
    return x, y


def tiles_of(bounds: Floats, zoom: int) -> tuple[Integers, Integers, Integers]:
    """Every tile that each of the ``bounds`` (n, 4) reaches into: index of the bounds, column, row.

    Bounds are in EPSG:4326 and do not cross the antimeridian.
    """
    left, bottom = on_world_map(bounds[:, 0], bounds[:, 1])
    right, top = on_world_map(bounds[:, 2], bounds[:, 3])
    first_column, first_row = _number(left + TOUCHING, zoom), _number(top + TOUCHING, zoom)
    columns = np.maximum(_number(right - TOUCHING, zoom) - first_column, 0) + 1
    rows = np.maximum(_number(bottom - TOUCHING, zoom) - first_row, 0) + 1
    counts = columns * rows
    part = np.repeat(np.arange(len(bounds)), counts)
    position = np.arange(len(part)) - np.repeat(np.cumsum(counts) - counts, counts)
    return part, first_column[part] + position % columns[part], first_row[part] + position // columns[part]


def _number(fraction: Floats, zoom: int) -> Integers:
    numbers: Integers = np.clip(np.floor(fraction * 2.0**zoom), 0, 2**zoom - 1).astype(np.int64)
    return numbers


def tile_boxes(column: Integers, row: Integers, zoom: int) -> npt.NDArray[np.object_]:
    """The tiles as boxes in EPSG:4326."""
    x, y = column.astype(np.float64), row.astype(np.float64)
    degrees, height = 360 / 2.0**zoom, 1 / 2.0**zoom
    west, east = x * degrees - 180, (x + 1) * degrees - 180
    south, north = _latitude((y + 1) * height), _latitude(y * height)
    boxes: npt.NDArray[np.object_] = shapely.box(west, south, east, north)
    return boxes


def _latitude(y: Floats) -> Floats:
    """The latitude at a fraction of the world map's height from the top."""
    latitude: Floats = np.degrees(np.arctan(np.sinh(math.pi * (1 - 2 * y))))
    return latitude


def quadkey(column: int, row: int, zoom: int) -> str:
    """One digit a level, from the world down: 0 and 1 in the upper half, 0 and 2 on the left."""
    levels = range(zoom - 1, -1, -1)
    return "".join("0123"[(column >> level & 1) | (row >> level & 1) << 1] for level in levels)


def tile_number(key: str) -> tuple[int, int]:
    """Column and row of a quadkey."""
    column = sum((int(digit) & 1) << level for level, digit in enumerate(reversed(key)))
    row = sum((int(digit) >> 1) << level for level, digit in enumerate(reversed(key)))
    return column, row


def fullest(thing: Integers, column: Integers, row: Integers, zoom: int) -> dict[int, int]:
    """How many different things the tile that holds most holds, at every zoom from 0 to ``zoom``.

    Args:
        thing: Number of a thing, for each time that one is in a tile.
        column, row: Of that tile.
        zoom: Of those tiles.
    """
    found = {}
    for level in range(zoom, -1, -1):
        tile = np.unique(column << level | row, return_inverse=True)[1]
        size = int(thing.max()) + 1 if thing.size else 1
        pairs, first = np.unique(tile * size + thing, return_index=True)
        found[level] = int(np.bincount(pairs // size).max()) if pairs.size else 0
        thing, column, row = thing[first], column[first] >> 1, row[first] >> 1
    return dict(sorted(found.items()))


def most_of_a_tile(counts: dict[int, int], most: int) -> int | None:
    """The deepest zoom at which some tile holds more than ``most`` things; None where none does."""
    return max((zoom for zoom, count in counts.items() if count > most), default=None)
