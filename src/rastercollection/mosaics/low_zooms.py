"""At which zooms a tile opens so many COGs that an image of the whole collection serves it better. Pure, no GDAL.

Zooms are those of WebMercatorQuad with tiles of 256 pixels. The two tasks of the mosaic stage run at the same time and
have to agree, so both ask here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs
import numpy as np

from rastercollection.geo.bounds import bounds_parts, bounds_union, crosses_antimeridian
from rastercollection.geo.mercator_tiles import (
    Floats,
    fullest,
    most_of_a_tile,
    on_world_map,
    tile_count,
    tiles_of,
    typical_zoom,
)
from rastercollection.geo.types import Bounds
from rastercollection.geo.webmercator import is_on_map, within_map, world_pixels
from rastercollection.model.cog import CogFile

__all__ = ["BEARABLE", "HANDFUL", "LowZooms", "find_low_zooms", "mercator_boxes"]

HANDFUL = 4
"""COGs that a tile may well open: where tiles are as large as COGs, four meet in one."""
BEARABLE = 16
"""COGs that a tile may open at worst, before a server had better not be asked for it."""

_MOST_PIXELS = 2**26
"""Of the overview: 8192 × 8192, or as many in another shape."""
_FEWEST_PIXELS = 512
"""Along its longer side: of fewer, no thumbnail could be made that shows anything."""
_ALIGNED = 32
"""Pixels that the overview begins and ends at whole multiples of, so that its own overviews lie on coarser zooms."""
_TILES_PER_COG = 32


@attrs.frozen(kw_only=True)
class LowZooms:
    """What an overview is for, and where it lies.

    Attributes:
        maxzoom: The deepest zoom it is for; its pixels are those of that zoom.
        wanted: The deepest zoom at which a tile opens more than a handful of COGs; deeper than ``maxzoom`` where the
            overview would have been too large, or finer than the tiles' own overviews.
        bearable: The lowest zoom at which no tile opens more COGs than is bearable.
        most: Greatest number of COGs that one tile opens, at any zoom.
        left, top, width, height: In pixels of ``maxzoom``, from the upper left of the world.
        is_torn: The collection lies at both edges of the map, on either side of the antimeridian.
    """

    maxzoom: int
    wanted: int
    bearable: int
    most: int
    left: int
    top: int
    width: int
    height: int
    is_torn: bool


def find_low_zooms(cogs: Sequence[CogFile]) -> LowZooms | str:
    """The zooms that an overview of these COGs is for; in words, why there are none.

    Takes about a second for 100,000 COGs.
    """
    boxes, owners = _boxes(cogs)
    if not len(boxes):
        return "no COG lies within the latitudes of a Web Mercator map"
    deepest = max(cog.maxzoom for cog in cogs)
    on_map = on_world_map(boxes)
    zoom = min(deepest, typical_zoom(on_map) + 1)
    while zoom > 0 and tile_count(on_map, zoom) > _TILES_PER_COG * len(boxes) + 1024:
        zoom -= 1
    part, column, row = tiles_of(boxes, zoom)
    counts = fullest(owners[part], column, row, zoom)
    wanted = most_of_a_tile(counts, HANDFUL)
    if wanted is None:
        return f"no tile opens more than {HANDFUL} COGs at any zoom"
    bearable = most_of_a_tile(counts, BEARABLE)
    return _placed(
        cogs, wanted=wanted, bearable=0 if bearable is None else bearable + 1, most=counts[0], deepest=_deepest(cogs)
    )


def mercator_boxes(cogs: Sequence[CogFile]) -> tuple[Floats, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Where COGs lie on the map of the world, and whose box each is: a COG across the antimeridian has two.

    Boxes are ``(left, top, right, bottom)``, 0–1 from the upper left.
    """
    boxes, owners = _boxes(cogs)
    return on_world_map(boxes), owners


def _boxes(cogs: Sequence[CogFile]) -> tuple[Floats, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Bounds in EPSG:4326, none across the antimeridian nor beyond the map, and the numbers of their COGs."""
    parts = [
        (number, within_map(part))
        for number, cog in enumerate(cogs)
        for part in bounds_parts(cog.bounds_4326)
        if is_on_map(part) and part[0] < part[2]
    ]
    bounds = np.array([part for _, part in parts], dtype=np.float64).reshape(-1, 4)
    return bounds, np.array([number for number, _ in parts], dtype=np.int64)


def _deepest(cogs: Sequence[CogFile]) -> int:
    """The zoom of the finest overview of any COG; that of the finest image where none has overviews."""
    finest = [cog.maxzoom - 1 for cog in cogs if cog.overview_levels]
    return max(0, max(finest, default=max(cog.maxzoom for cog in cogs)))


def _placed(cogs: Sequence[CogFile], *, wanted: int, bearable: int, most: int, deepest: int) -> LowZooms:
    zoom = min(wanted, deepest)
    bounds = bounds_union(within_map(cog.bounds_4326) for cog in cogs if is_on_map(cog.bounds_4326))
    left, top, width, height = _pixels(bounds, zoom)
    while zoom < deepest and max(width, height) < _FEWEST_PIXELS:
        zoom += 1
        left, top, width, height = _pixels(bounds, zoom)
    while zoom > 0 and width * height > _MOST_PIXELS:
        zoom -= 1
        left, top, width, height = _pixels(bounds, zoom)
    return LowZooms(
        maxzoom=zoom,
        wanted=wanted,
        bearable=bearable,
        most=most,
        left=left,
        top=top,
        width=width,
        height=height,
        is_torn=crosses_antimeridian(bounds),
    )


def _pixels(bounds: Bounds, zoom: int) -> tuple[int, int, int, int]:
    """Left, top, width and height of the bounds in pixels of a zoom, snapped outward.

    Bounds across the antimeridian take the whole width of the map: its two edges are its only way to show both sides.
    """
    west, south, east, north = (-180.0, bounds[1], 180.0, bounds[3]) if crosses_antimeridian(bounds) else bounds
    box, size = on_world_map(np.array([[west, south, east, north]]))[0], world_pixels(zoom)
    left, top = (max(0, _ALIGNED * math.floor(at * size / _ALIGNED + 1e-6)) for at in box[:2])
    right, bottom = (min(size, _ALIGNED * math.ceil(at * size / _ALIGNED - 1e-6)) for at in box[2:])
    return left, top, right - left, bottom - top
