"""Values for invalid pixels beside valid ones, so that any kernel can be run over an image as if it had no gaps.

An invalid pixel gets the mean of the valid pixels in its own cell of 2 × 2 pixels; where there is none, that of the
cells around it, ring after ring. So a mean over a cell is that of its valid pixels, and kernels with negative lobes
find nothing at the edge of a gap that the image does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from rastercollection.rasters.pixels.raster_buffer import RasterBuffer
from rastercollection.rasters.pixels.windows import Array, iterate_windows

__all__ = ["MARGIN", "fill_buffer", "fill_invalid"]

MARGIN = 8
"""Pixels around a part of an image that have a say in what its gaps are filled with; an even number."""
_RINGS = 3
"""Cells around a valid one that are filled: the widest kernel (Lanczos) reaches 6 pixels from the middle of a cell."""
_SIDE = 1024
_CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))
_AROUND = np.array([(-1, -1, -1, 0, 0, 1, 1, 1), (-1, 0, 1, -1, 1, -1, 0, 1)])[:, :, np.newaxis]
"""Rows and columns from a cell to those around it."""

_Mask = NDArray[np.bool_]


def fill_buffer(buffer: RasterBuffer, is_full: Callable[[Window], bool]) -> None:
    """The same for a whole buffer by its mask, alpha bands like all others; in place. The mask stays as it is.

    Args:
        buffer: With a mask, if it has gaps.
        is_full: Whether all pixels of a window are valid, as far as that is known.
    """
    for window in iterate_windows(buffer.width, buffer.height, (_SIDE, _SIDE)):
        around = _with_margin(window, buffer)
        valid = None if is_full(window) else buffer.read_mask(around)
        if valid is None or valid.all():
            continue
        data = np.array(buffer.read(around))
        fill_invalid(data, valid, alpha=None)
        top, left = window.row_off - around.row_off, window.col_off - around.col_off
        inner = data[:, top : top + window.height, left : left + window.width]
        buffer.write(window, inner)


def _with_margin(window: Window, buffer: RasterBuffer) -> Window:
    left, top = max(0, window.col_off - MARGIN), max(0, window.row_off - MARGIN)
    right = min(buffer.width, window.col_off + window.width + MARGIN)
    bottom = min(buffer.height, window.row_off + window.height + MARGIN)
    return Window(left, top, right - left, bottom - top)


def fill_invalid(data: Array, valid: _Mask, *, alpha: int | None) -> None:
    """Give invalid pixels near valid ones values of those, and all others 0; in place.

    Args:
        data: ``(bands, rows, columns)``; cells begin at its upper left corner.
        valid: ``(1, rows, columns)`` where all bands agree, else ``(bands, rows, columns)``.
        alpha: Position of the alpha band, which is left alone; None without one.
    """
    bands = [band for band in range(data.shape[0]) if band != alpha]
    if valid.shape[0] > 1:
        for band in bands:
            _fill(data[band : band + 1], valid[band])
    elif alpha is None:
        _fill(data, valid[0])
    else:
        for band in bands:
            _fill(data[band : band + 1], valid[0])


def _fill(data: Array, valid: _Mask) -> None:
    if valid.all():
        return
    rows, columns = valid.shape
    if rows % 2 or columns % 2:
        # what a cell lacks at the edge is not valid
        missing = (0, rows % 2), (0, columns % 2)
        whole = np.pad(data, ((0, 0), *missing))
        _fill_cells(whole, np.pad(valid, missing))
        data[...] = whole[:, :rows, :columns]
    else:
        _fill_cells(data, valid)


def _fill_cells(data: Array, valid: _Mask) -> None:
    """The same for whole cells, some of them with invalid pixels."""
    np.copyto(data, data.dtype.type(0), where=~valid)
    own = [valid[down::2, right::2] for down, right in _CORNERS]
    known = np.logical_or.reduce(own)
    corners = [data[:, down::2, right::2] for down, right in _CORNERS]
    _fill_torn(corners, own, known & ~np.logical_and.reduce(own))
    for _ in range(_RINGS):
        ring = _dilated(known) & ~known
        if not ring.any():
            return
        _fill_ring(corners, known, ring)
        known |= ring


def _dilated(cells: _Mask) -> _Mask:
    wide = cells.copy()
    wide[:, 1:] |= cells[:, :-1]
    wide[:, :-1] |= cells[:, 1:]
    found = wide.copy()
    found[1:] |= wide[:-1]
    found[:-1] |= wide[1:]
    return found


def _fill_torn(corners: Sequence[Array], valid: Sequence[_Mask], torn: _Mask) -> None:
    """Cells with valid and invalid pixels.

    Args:
        corners: For each corner of the cells, its pixels, ``(bands, rows, columns)``.
        valid: Which of these are valid, ``(rows, columns)``.
        torn: The cells.
    """
    down, right = np.nonzero(torn)
    own = np.stack([corner[down, right] for corner in valid])
    values = np.stack([corner[:, down, right] for corner in corners])
    means = _as_type(values.sum(axis=0, dtype=_sum_type(values.dtype)) / own.sum(axis=0), values.dtype)
    for corner, kept, value in zip(corners, own, values, strict=True):
        corner[:, down, right] = np.where(kept, value, means)


def _fill_ring(corners: Sequence[Array], known: _Mask, ring: _Mask) -> None:
    """Cells without any value, from the known ones around them; what is not known is 0."""
    down, right = np.nonzero(ring)
    rows, columns = _AROUND[0] + down, _AROUND[1] + right
    below, beside = np.clip(rows, 0, known.shape[0] - 1), np.clip(columns, 0, known.shape[1] - 1)
    near = known[below, beside] & (rows == below) & (columns == beside)
    values = np.where(near, corners[0][:, below, beside], 0)
    means = _as_type(values.sum(axis=1, dtype=_sum_type(values.dtype)) / near.sum(axis=0), values.dtype)
    for corner in corners:
        corner[:, down, right] = means


def _sum_type(dtype: np.dtype) -> np.dtype:
    return np.result_type(dtype, np.float64)


def _as_type(means: Array, dtype: np.dtype) -> Array:
    return np.rint(means).astype(dtype) if dtype.kind in "iu" else means.astype(dtype)
