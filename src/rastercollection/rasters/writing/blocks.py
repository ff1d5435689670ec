"""Blocks and levels of a COG: how many levels, and how wide it has to be for all readers to see that it is tiled."""

from __future__ import annotations

import math

__all__ = ["overview_levels", "tiled_width"]

_SMALL = 512
"""Images up to this size need not be tiled."""


def overview_levels(width: int, height: int, block_size: int) -> tuple[int, ...]:
    """Decimations, down to an overview that fits into one block: ``(2, 4, 8)``.

    A raster that is one pixel wide has none: readers tell decimations from widths.
    """
    if width == 1:
        return ()
    halvings = math.ceil(math.log2(max(width, height) / block_size)) if max(width, height) > block_size else 0
    return tuple(2**level for level in range(1, halvings + 1))


def tiled_width(width: int, height: int, block: int) -> int:
    """The least number of columns, as many as given or more, with which no level looks as if it were in strips.

    rasterio, and with it rio-cogeo, takes an image that is as wide as its blocks for one in strips; for images and
    overviews of more than 512 rows rio-cogeo calls that an error. One invalid column more than a block is all it takes.

    Args:
        width, height: Of the COG in pixels.
        block: Side of its blocks in pixels.
    """
    while (level := _level_in_strips(width, height, block)) is not None:
        width = block * 2**level + 1
    return width


def _level_in_strips(width: int, height: int, block: int) -> int | None:
    """The level that is one block wide and too tall for that; None where there is none."""
    levels = range(math.ceil(math.log2(max(width, height))) + 1)
    return next((level for level in levels if -(-width // 2**level) == block and -(-height // 2**level) > _SMALL), None)
