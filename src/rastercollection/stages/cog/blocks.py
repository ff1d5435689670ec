"""How large a COG's blocks are."""

from __future__ import annotations

import math

__all__ = ["block_size"]

_SMALL = 512
"""Images up to this size need not be tiled."""


def block_size(width: int, height: int, preferred: int) -> int:
    """The side of a COG's blocks in pixels, a multiple of 16: the preferred one, if validators see that it is tiled.

    rasterio, and with it rio-cogeo, takes an image that is as wide as its blocks for one in strips; for images and
    overviews of more than 512 rows rio-cogeo calls that an error. Halves of 512 never come to 384, so one always does.

    Args:
        width, height: Of the COG in pixels.
        preferred: A multiple of 32.
    """
    candidates = (preferred, preferred // 2, 3 * preferred // 4)
    return next((side for side in candidates if not _looks_like_strips(width, height, side)), preferred)


def _looks_like_strips(width: int, height: int, side: int) -> bool:
    """Whether the image or one of its overviews is one block wide and too tall for that."""
    levels = math.ceil(math.log2(max(width, height))) + 1
    shapes = [(-(-height // 2**level), -(-width // 2**level)) for level in range(levels)]
    return any(columns == side and rows > _SMALL for rows, columns in shapes)
