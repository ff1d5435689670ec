"""What is looked at of an image, and of a block, to tell how it is best encoded."""

from __future__ import annotations

import numpy as np
from rasterio.windows import Window

from rastercollection.rasters.encoding.predictors import FLOATING_POINT
from rastercollection.rasters.pixels.windows import Array

__all__ = ["MOST_WINDOWS", "content", "sample_windows", "stripes"]

MOST_WINDOWS = 16
"""Of an image: so many places tell what kinds of blocks there are."""

_STRIPES = 4


def sample_windows(width: int, height: int, block_size: int, most: int = MOST_WINDOWS) -> tuple[Window, ...]:
    """Windows of whole blocks, spread evenly over an image; all of it where it has no whole block.

    Args:
        width, height: Of the image.
        block_size: Of its blocks, in pixels.
        most: So many windows at most.
    """
    columns, rows = width // block_size, height // block_size
    if not columns or not rows:
        return (Window(0, 0, min(width, block_size), min(height, block_size)),)
    across = min(columns, max(1, round((most * columns / rows) ** 0.5)), most)
    down = min(rows, most // across)
    across = min(columns, most // down)
    return tuple(
        Window(left * block_size, top * block_size, block_size, block_size)
        for top in _spread(rows, down)
        for left in _spread(columns, across)
    )


def content(tile: Array, shape: tuple[int, ...], itemsize: int, predictor: int) -> Array:
    """The part of a tile after its predictor that pixels of the image are in: ``(rows, planes, bytes)``.

    Args:
        tile: ``(side, bytes of a row)``.
        shape: ``(bands, rows, columns)`` of the block.
        itemsize: Bytes of a sample.
        predictor: TIFF's number.
    """
    bands, rows, columns = shape
    planes = itemsize if predictor == FLOATING_POINT else 1
    return tile[:rows].reshape(rows, planes, -1)[:, :, : bands * columns * itemsize // planes]


def stripes(rows: Array, least: int) -> Array:
    """So many rows, copied, in a few stripes that are spread over all: patterns are seen, and every part.

    Args:
        rows: Rows first.
        least: Number of rows; all where there are not more.
    """
    count = len(rows)
    if least >= count:
        return np.ascontiguousarray(rows)
    each = max(1, -(-least // _STRIPES))
    starts = [min(start, count - each) for start in _spread(count - each + 1, _STRIPES)]
    return np.concatenate([rows[start : start + each] for start in starts])


def _spread(count: int, picked: int) -> list[int]:
    return [(2 * number + 1) * count // (2 * picked) for number in range(picked)]
