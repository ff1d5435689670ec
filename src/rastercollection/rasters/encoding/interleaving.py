"""Blocks as TIFF stores them: whole, band by band for each pixel, in arrays that each thread uses again and again."""

from __future__ import annotations

import enum
import math
import threading

import numpy as np

from rastercollection.rasters.pixels.windows import Array

__all__ = ["Padding", "pad", "pixel_interleaved", "scratch"]

_own = threading.local()


class Padding(enum.Enum):
    """What takes least beyond the last column and the last row of an image, by what a codec looks for."""

    EDGES = enum.auto()
    """Both are repeated, so that pictures have no edge there."""
    RUNS = enum.auto()
    """The column is repeated, which goes on with a run, or is no difference; rows are zero."""
    ZEROS = enum.auto()
    """All is zero: the cheapest of surfaces."""


def scratch(name: str, shape: tuple[int, ...], dtype: np.dtype) -> Array:
    """An array in memory of this thread's own, whose content is whatever the last use of the name left.

    Fresh pages would cost as much as the predictor.
    """
    memory: dict[str, Array] = _own.__dict__.setdefault("memory", {})
    size = math.prod(shape) * dtype.itemsize
    found = memory.get(name)
    if found is None or found.size < size:
        memory[name] = found = np.empty(size, np.uint8)
    return found[:size].view(dtype).reshape(shape)


def pixel_interleaved(block: Array, side: int) -> Array:
    """``(rows, side, bands)`` of this thread's scratch: columns that are missing repeat the last one.

    A repeated pixel is no difference for a predictor, and goes on with a run where there is none. Rows are not added.

    Args:
        block: ``(bands, rows, columns)``.
        side: Pixels along a side of a whole block.
    """
    bands, rows, columns = block.shape
    pixels = scratch("pixels", (rows, side, bands), block.dtype)
    for band in range(bands):
        pixels[:, :columns, band] = block[band]
    pixels[:, columns:] = pixels[:, columns - 1 : columns]
    return pixels


def pad(block: Array, side: int, padding: Padding) -> Array:
    """``(bands, side, side)``: the block itself where it is whole, else this thread's scratch.

    Args:
        block: ``(bands, rows, columns)``.
        side: Pixels along a side of a whole block.
        padding: What is missing.
    """
    bands, rows, columns = block.shape
    if (rows, columns) == (side, side):
        return block
    padded = scratch("padded", (bands, side, side), block.dtype)
    padded[:, :rows, :columns] = block
    padded[:, :rows, columns:] = padded[:, :rows, columns - 1 : columns] if padding is not Padding.ZEROS else 0
    padded[:, rows:] = padded[:, rows - 1 : rows] if padding is Padding.EDGES else 0
    return padded
