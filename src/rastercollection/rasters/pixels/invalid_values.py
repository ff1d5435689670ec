"""Values of invalid pixels that say what they are, and of valid ones that do not say so."""

from __future__ import annotations

import math

import numpy as np

from rastercollection.rasters.pixels.validity import PixelLayout, Valid, any_band, is_nodata
from rastercollection.rasters.pixels.windows import Array

__all__ = ["clear_masked", "settle"]

_FLOAT_STEP = float(np.finfo(np.float32).eps)


def settle(data: Array, valid: Valid, layout: PixelLayout) -> None:
    """Give invalid pixels the values that say so, and keep valid ones from having them; in place.

    Args:
        data: ``(bands, rows, columns)``.
        valid: Which of them are valid.
        layout: How the COG tells.
    """
    if layout.kind == "nodata" and layout.nodata is not None:
        _move_off_nodata(data, valid, layout)
    if layout.alpha is not None:
        alpha = data[layout.alpha]
        alpha[alpha == 0] = 1
    if valid is None:
        return
    for band in range(data.shape[0]):
        invalid = ~valid[band if valid.shape[0] > 1 else 0]
        data[band][invalid] = 0 if band == layout.alpha else layout.fill
    clear_masked(data, valid, layout)


def clear_masked(data: Array, valid: Valid, layout: PixelLayout) -> None:
    """Put zero in place of NaN where no band is valid, if that must not be NaN; in place.

    Args:
        data, valid, layout: As those of :func:`settle`.
    """
    there = any_band(valid) if layout.clears_masked else None
    if there is not None:
        for pixels in data:
            pixels[~there & np.isnan(pixels)] = 0


def _move_off_nodata(data: Array, valid: Valid, layout: PixelLayout) -> None:
    assert layout.nodata is not None
    bands = [band for band in range(data.shape[0]) if band != layout.alpha]
    hits = np.stack([is_nodata(data[band], layout.nodata) for band in bands])
    if not hits.any():
        return
    beside = _beside(layout.nodata, layout.dtype)
    for hit, band in zip(hits, bands, strict=True):
        if valid is not None:
            hit &= valid[band if valid.shape[0] > 1 else 0]
        data[band][hit] = beside


def _beside(nodata: int | float, dtype: np.dtype) -> int | float:
    """The number closest to ``nodata``, towards zero, that nobody takes for it."""
    if dtype.kind in "iu":
        return int(nodata) - 1 if nodata > 0 else int(nodata) + 1
    if math.isnan(nodata):
        return 0
    largest = float(np.finfo(dtype).max)
    if largest / 2 < abs(nodata) <= largest:
        return math.copysign(0.99 * (largest - abs(nodata)), nodata)
    return float(np.finfo(dtype).tiny) if nodata == 0 else nodata * (1 - 16 * _FLOAT_STEP)
