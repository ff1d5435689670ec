"""Invalid pixels told by a value that no valid pixel has, in place of a mask, which many readers do not look at."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from rastercollection.model.band import BandStatistics
from rastercollection.model.cog import CogSettings
from rastercollection.model.tiers import PICTURES
from rastercollection.rasters.pixels.raster_buffer import RasterBuffer
from rastercollection.rasters.pixels.statistics import RunningStatistics
from rastercollection.rasters.pixels.validity import LARGEST_EXACT, PixelLayout
from rastercollection.rasters.pixels.windows import iterate_windows, window_steps

__all__ = ["told_by_value"]

_AT_ONCE = 2**24
_COUNTED = 2
"""Bytes of the largest type whose values can be looked through one by one."""


def told_by_value(
    buffer: RasterBuffer, layout: PixelLayout, statistics: RunningStatistics, raster_type: str, settings: CogSettings
) -> PixelLayout:
    """Have a value tell the invalid pixels of whole numbers that are no picture, in place of the buffer's mask.

    Pictures are made of bytes, which have all their values, and readers of pictures look at masks.

    Args:
        buffer: The image; its invalid pixels get the value, and it has no mask any more.
        layout: How it tells invalid pixels.
        statistics: Of its valid pixels.
        raster_type: As validated.
        settings: How it will be written.

    Returns:
        The layout with that value as nodata; as it is where a mask has to stay.
    """
    is_picture = raster_type in PICTURES and layout.dtype.itemsize == 1
    if not buffer.has_mask or layout.dtype.kind not in "iu" or is_picture or not settings.is_exact:
        return layout
    value = _unused_value(buffer, statistics.result(), keeps_values=settings.keeps_values)
    if value is None:
        return layout
    _burn(buffer, value)
    return attrs.evolve(layout, kind="nodata", nodata=value)


def _unused_value(
    buffer: RasterBuffer, statistics: Sequence[BandStatistics | None], *, keeps_values: bool
) -> int | None:
    """A value that no valid pixel of an image of integers has, and none of its overviews will.

    The end of the type's range that is least likely to be data: the lowest of signed types, the highest of unsigned
    ones; else the other end. Where pixels have both, and overviews hold no other values than the image, any between.

    Args:
        buffer: The image, with a mask.
        statistics: Of its bands; None of a band that does not count.
        keeps_values: Overviews hold no value that the image lacks.

    Returns:
        None where there is no such value, or none that all readers tell from its neighbours.
    """
    limits = np.iinfo(buffer.dtype)
    low = min((band.minimum for band in statistics if band and band.minimum is not None), default=0.0)
    high = max((band.maximum for band in statistics if band and band.maximum is not None), default=0.0)
    lowest, highest = max(int(limits.min), -LARGEST_EXACT), min(int(limits.max), LARGEST_EXACT)
    ends = [(lowest, lowest < low), (highest, high < highest)]
    for value, is_unused in ends if lowest < 0 else reversed(ends):
        if is_unused:
            return value
    return _between(buffer) if keeps_values and buffer.dtype.itemsize <= _COUNTED else None


def _between(buffer: RasterBuffer) -> int | None:
    """The highest value that no valid pixel has, of all that the type holds."""
    lowest, highest = int(np.iinfo(buffer.dtype).min), int(np.iinfo(buffer.dtype).max)
    is_used = np.zeros(highest - lowest + 1, bool)
    for window in iterate_windows(buffer.width, buffer.height, _steps(buffer)):
        data, mask = buffer.read(window), buffer.read_mask(window)
        valid = data if mask is None else data[:, mask[0]]
        is_used[valid.ravel().astype(np.int64) - lowest] = True
    free = np.flatnonzero(~is_used)
    return int(free[-1]) + lowest if free.size else None


def _burn(buffer: RasterBuffer, value: int) -> None:
    """Give all bands of the pixels that the mask calls invalid a value, and have no mask any more; in place."""
    for window in iterate_windows(buffer.width, buffer.height, _steps(buffer)):
        mask = buffer.read_mask(window)
        if mask is not None and not mask.all():
            buffer.write(window, np.where(mask, buffer.read(window), buffer.dtype.type(value)))
    buffer.drop_mask()


def _steps(buffer: RasterBuffer) -> tuple[int, int]:
    return window_steps(buffer.width, buffer.height, buffer.count * buffer.dtype.itemsize, _AT_ONCE)
