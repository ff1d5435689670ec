"""Web Mercator (EPSG:3857) and its tiles, WebMercatorQuad: where the map ends, zooms, single tiles, quadkeys.

The standard library's arithmetic alone; :mod:`~rastercollection.geo.mercator_tiles` works on arrays. The tile matrix
set is that of OGC 17-083r4, annex D.1: tiles of 256 pixels are numbered by column from the west and row from the north,
2^z each way at zoom ``z``.
"""

from __future__ import annotations

import math

from rastercollection.geo.types import Bounds

__all__ = [
    "HALF_WORLD",
    "MERCATOR_LATITUDE",
    "TILE",
    "exact_zoom",
    "from_mercator",
    "is_on_map",
    "isometric_latitude",
    "latitude_at",
    "pixel_size",
    "quadkey",
    "tile_number",
    "tile_of",
    "within_map",
    "world_pixels",
]

MERCATOR_LATITUDE = 85.0511287798066
"""The map, a square, ends here, north and south."""

TILE = 256
"""Pixels along a tile."""

_RADIUS = 6378137.0
HALF_WORLD = math.pi * _RADIUS
"""From the middle of the map to its edges, in metres of EPSG:3857."""

_COLUMN_BITS, _ROW_BITS = str.maketrans("0123", "0101"), str.maketrans("0123", "0011")


def is_on_map(bounds: Bounds) -> bool:
    return bounds[1] < MERCATOR_LATITUDE and bounds[3] > -MERCATOR_LATITUDE


def within_map(bounds: Bounds) -> Bounds:
    """The bounds without what lies beyond the latitudes of the map."""
    west, south, east, north = bounds
    return (west, max(south, -MERCATOR_LATITUDE), east, min(north, MERCATOR_LATITUDE))


def isometric_latitude(latitude: float) -> float:
    """How far up on the map a latitude in degrees lies, in radians: ±π at its edges and beyond them."""
    limited = max(-MERCATOR_LATITUDE, min(MERCATOR_LATITUDE, latitude))
    return math.asinh(math.tan(math.radians(limited)))


def latitude_at(isometric: float) -> float:
    """The latitude in degrees of an isometric latitude in radians."""
    return math.degrees(math.atan(math.sinh(isometric)))


def from_mercator(bounds: Bounds) -> Bounds:
    """Bounds in EPSG:4326 of those in EPSG:3857."""
    west, east = (x / HALF_WORLD * 180 for x in (bounds[0], bounds[2]))
    south, north = (latitude_at(y / _RADIUS) for y in (bounds[1], bounds[3]))
    return (west, south, east, north)


def world_pixels(zoom: int) -> int:
    """Pixels across the whole map."""
    return TILE << zoom


def pixel_size(zoom: int) -> float:
    """Metres of EPSG:3857 along a pixel."""
    return 2 * HALF_WORLD / world_pixels(zoom)


def exact_zoom(pixel: float) -> float:
    """The zoom whose pixels have this size in metres of EPSG:3857; between whole zooms for sizes between theirs."""
    return math.log2(2 * HALF_WORLD / TILE / pixel)


def tile_of(longitude: float, latitude: float, zoom: int) -> tuple[int, int]:
    """Column and row of the tile that a place lies in; for places beyond the map, of the tile at its edge."""
    tiles = 1 << zoom
    column = math.floor((longitude + 180) / 360 * tiles)
    row = math.floor((0.5 - isometric_latitude(latitude) / (2 * math.pi)) * tiles)
    return max(0, min(tiles - 1, column)), max(0, min(tiles - 1, row))


def quadkey(column: int, row: int, zoom: int) -> str:
    """One digit a level, from the world down: 0 and 1 in the upper half, 0 and 2 on the left."""
    levels = range(zoom - 1, -1, -1)
    return "".join("0123"[(column >> level & 1) | (row >> level & 1) << 1] for level in levels)


def tile_number(key: str) -> tuple[int, int]:
    """Column and row of a quadkey."""
    return int("0" + key.translate(_COLUMN_BITS), 2), int("0" + key.translate(_ROW_BITS), 2)
