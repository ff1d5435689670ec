"""Arithmetic of many tiles of WebMercatorQuad: which ones bounds reach into, and what the fullest of them hold.

Pure, no GDAL. Tiles are numbered as in :mod:`~rastercollection.geo.webmercator`. *Boxes* are ``(left, top, right,
bottom)`` on the map of the world, 0–1 from its upper left.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import shapely

__all__ = [
    "Floats",
    "Integers",
    "fullest",
    "most_of_a_tile",
    "on_world_map",
    "tile_boxes",
    "tile_count",
    "tiles_of",
    "typical_zoom",
]

TOUCHING = 1e-12
"""Bounds that reach this much of the world map into a tile only touch it."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def on_world_map(bounds: Floats) -> Floats:
    """Boxes (n, 4) of bounds (n, 4) in EPSG:4326, none of them across the antimeridian."""
    x = (bounds[:, [0, 2]] + 180) / 360
    y = 0.5 - np.arcsinh(np.tan(np.radians(bounds[:, [3, 1]]))) / (2 * math.pi)
    return np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], axis=1)


def typical_zoom(boxes: Floats) -> int:
    """The zoom whose tiles are between half as large and as large as most boxes (n, 4)."""
    sides = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    return math.ceil(-math.log2(max(float(np.median(sides)), 2.0**-30)))


def tile_count(boxes: Floats, zoom: int) -> float:
    """About how many tiles boxes (n, 4) reach into, all together."""
    across, down = (boxes[:, 2] - boxes[:, 0]) * 2.0**zoom, (boxes[:, 3] - boxes[:, 1]) * 2.0**zoom
    return float(((across + 1) * (down + 1)).sum())


def tiles_of(bounds: Floats, zoom: int) -> tuple[Integers, Integers, Integers]:
    """Every tile that each of the ``bounds`` (n, 4) reaches into: index of the bounds, column, row.

    Bounds are in EPSG:4326 and do not cross the antimeridian.
    """
    left, top, right, bottom = on_world_map(bounds).T
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
