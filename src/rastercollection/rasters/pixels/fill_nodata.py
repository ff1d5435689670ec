"""Values for invalid pixels beside valid ones, so that any kernel can be run over an image as if it had no gaps.

An invalid pixel gets the mean of the valid pixels in its own cell of 2 × 2 pixels; where there is none, that of the
cells around it, ring after ring. So a mean over a cell is that of its valid pixels, and kernels with negative lobes
find nothing at the edge of a gap that the image does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

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
_AROUND = tuple((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if (down, right) != (0, 0))

_Mask = NDArray[np.bool_]
_Places = NDArray[np.intp]


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
    np.copyto(data, data.dtype.type(0), where=~valid)
    corners = _corners(valid)
    known = np.logical_or.reduce(corners)
    _fill_torn(data, valid, known & ~np.logical_and.reduce(corners))
    for _ in range(_RINGS):
        ring = _dilated(known) & ~known
        if not ring.any():
            return
        _fill_ring(data, known, ring)
        known |= ring


def _corners(valid: _Mask) -> list[_Mask]:
    """The four pixels of each cell; what a cell lacks at the edge is not valid."""
    rows, columns = valid.shape
    if rows % 2 or columns % 2:
        valid = np.pad(valid, ((0, rows % 2), (0, columns % 2)))
    return [valid[down::2, right::2] for down, right in _CORNERS]


def _dilated(cells: _Mask) -> _Mask:
    wide = cells.copy()
    wide[:, 1:] |= cells[:, :-1]
    wide[:, :-1] |= cells[:, 1:]
    found = wide.copy()
    found[1:] |= wide[:-1]
    found[:-1] |= wide[1:]
    return found


def _fill_torn(data: Array, valid: _Mask, torn: _Mask) -> None:
    """Cells with valid and invalid pixels."""
    down, right = np.nonzero(torn)
    sums, counts = np.zeros((data.shape[0], down.size)), np.zeros(down.size)
    for at, rows, columns in _pixels(down, right, valid.shape):
        own = valid[rows, columns]
        sums[:, at] += np.where(own, data[:, rows, columns], 0)
        counts[at] += own
    means = _as_type(sums / counts, data.dtype)
    for at, rows, columns in _pixels(down, right, valid.shape):
        own = ~valid[rows, columns]
        data[:, rows[own], columns[own]] = means[:, at][:, own]


def _fill_ring(data: Array, known: _Mask, ring: _Mask) -> None:
    """Cells without any value, from the known ones around them."""
    down, right = np.nonzero(ring)
    sums, counts = np.zeros((data.shape[0], down.size)), np.zeros(down.size)
    for below, beside in _AROUND:
        rows, columns = down + below, right + beside
        at = np.flatnonzero((rows >= 0) & (columns >= 0) & (rows < known.shape[0]) & (columns < known.shape[1]))
        at = at[known[rows[at], columns[at]]]
        sums[:, at] += data[:, 2 * rows[at], 2 * columns[at]]
        counts[at] += 1
    means = _as_type(sums / counts, data.dtype)
    for at, rows, columns in _pixels(down, right, (data.shape[1], data.shape[2])):
        data[:, rows, columns] = means[:, at]


def _pixels(down: _Places, right: _Places, shape: tuple[int, ...]) -> Iterator[tuple[_Places, _Places, _Places]]:
    """For each corner of cells: which cells have it, and its row and column."""
    for below, beside in _CORNERS:
        rows, columns = 2 * down + below, 2 * right + beside
        at = np.flatnonzero((rows < shape[0]) & (columns < shape[1]))
        yield at, rows[at], columns[at]


def _as_type(means: Array, dtype: np.dtype) -> Array:
    return means.astype(dtype) if dtype.kind == "f" else np.rint(means).astype(dtype)
