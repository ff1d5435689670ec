"""Whether overviews that are to be published as they are show what the image shows, by a few windows of pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from rasterio.io import DatasetReader
from rasterio.windows import Window

from rastercollection.model.cog import KEEPS_VALUES
from rastercollection.rasters.encoding.sampling import sample_windows
from rastercollection.rasters.pixels.windows import Array

__all__ = ["why_not_the_image"]

_Masked = np.ma.MaskedArray[Any, Any]

_WINDOW = 256
_WINDOWS = 4
_CELL = 32
_SPREAD = 0.2
"""How far means of cells may differ, in standard deviations of the window: resampling moves them by far less, another
picture by far more."""


def why_not_the_image(image: DatasetReader, overview: DatasetReader, resampling: str) -> str | None:
    """Why the first overview, half as large, cannot be one of the image; None when nothing speaks against it.

    Args:
        image: The image, with its overviews hidden.
        overview: Its first overview.
        resampling: What overviews are to be made by; ``nearest`` and ``mode`` make no values that the image lacks.
    """
    for window in sample_windows(overview.width, overview.height, _WINDOW, _WINDOWS):
        for band in image.indexes:
            below = image.read(band, window=_doubled(window, image), masked=True)
            above = overview.read(band, window=window, masked=True)
            if resampling in KEEPS_VALUES and not _are_among(
                above, image.read(band, window=_doubled(window, image, 2))
            ):
                return "hold values that the image lacks"
            if not _alike(below, above):
                return "do not show what the image shows"
    return None


def _doubled(window: Window, image: DatasetReader, more: int = 0) -> Window:
    """The pixels below those of a window of the overview, and so many more on each side: odd sizes do not halve."""
    left, top = max(0, 2 * window.col_off - more), max(0, 2 * window.row_off - more)
    right = min(image.width, 2 * (window.col_off + window.width) + more)
    bottom = min(image.height, 2 * (window.row_off + window.height) + more)
    return Window(left, top, right - left, bottom - top)


def _are_among(above: _Masked, below: Array) -> bool:
    values = above.compressed()
    return bool(np.isin(values[np.isfinite(values)], below).all())


def _alike(below: _Masked, above: _Masked) -> bool:
    rows, columns = min(below.shape[0] // 2, above.shape[0]) // _CELL, min(below.shape[1] // 2, above.shape[1]) // _CELL
    if not rows or not columns:
        return True
    one, other = _means(below, rows, columns, 2 * _CELL), _means(above, rows, columns, _CELL)
    differences = (one - other)[np.isfinite(one) & np.isfinite(other)]
    if not differences.size:
        return True
    values = below.compressed().real
    values = values[np.isfinite(values)].astype("float64")
    rounding = 1 if below.dtype.kind in "iu" else 1e-6 * float(np.abs(values).max())
    return bool(np.sqrt(np.mean(differences**2)) <= _SPREAD * values.std() + rounding)


def _means(data: _Masked, rows: int, columns: int, side: int) -> Array:
    """Means of square cells; NaN where less than half of a cell is valid."""
    values = np.ma.filled(data.real.astype("float64"), np.nan)
    cells = values[: rows * side, : columns * side].reshape(rows, side, columns, side)
    valid = np.isfinite(cells)
    counts = valid.sum(axis=(1, 3))
    sums = np.where(valid, cells, 0).sum(axis=(1, 3))
    return np.where(2 * counts >= side**2, sums / np.maximum(counts, 1), np.nan)
