"""Overviews of a buffer: each from the one before, half as large.

An overview's pixel is valid if any pixel that it covers is, as GDAL's overviews of rasters with a nodata value have it:
a mosaic of tiles then has no gaps when it is seen from afar. Invalid pixels have no part in its value.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs
import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.windows import Window

from rastercollection.rasters.pixels.fill_nodata import MARGIN, fill_invalid
from rastercollection.rasters.pixels.raster_buffer import RasterBuffer, ValidPixels, open_buffer
from rastercollection.rasters.pixels.validity import PixelLayout, Valid, any_band, settle
from rastercollection.rasters.pixels.windows import Array, ValidityMap, iterate_windows
from rastercollection.rasters.pixels.workspace import Workspace

__all__ = ["Halving", "build_pyramid"]

_LARGE, _SMALL = 1024, 256


def build_pyramid(
    workspace: Workspace,
    base: RasterBuffer,
    valid_pixels: ValidPixels,
    layout: PixelLayout,
    resampling: Resampling,
    levels: int,
) -> list[RasterBuffer]:
    """Overviews of a buffer.

    Args:
        workspace: Where they are kept.
        base: The image at full resolution.
        valid_pixels: Its valid pixels.
        layout: How it tells invalid pixels.
        resampling: How pixels become one.
        levels: How many.
    """
    found: list[RasterBuffer] = []
    agree = bool((valid_pixels.counts == valid_pixels.map.total).all())
    for level in range(levels):
        halving = Halving.of(
            workspace,
            found[-1] if found else base,
            valid_pixels.map if agree else None,
            layout,
            resampling,
            2**level,
        )
        for window in iterate_windows(halving.half.width, halving.half.height, (_LARGE, _LARGE)):
            halving.fill(window)
        found.append(halving.half)
    return found


@attrs.frozen(kw_only=True)
class Halving:
    """From one level to the next, window by window, in any order and by any number of threads.

    Attributes:
        workspace: Where pixels are kept.
        source: The level before.
        half: Half its size, rounded up; filled by :meth:`fill`.
        map: Valid pixels of the image at full resolution; None where bands disagree on them.
        layout: How the image tells invalid pixels.
        resampling: How pixels become one.
        decimation: Pixels of the image for one of ``source``.
    """

    workspace: Workspace
    source: RasterBuffer
    half: RasterBuffer
    map: ValidityMap | None
    layout: PixelLayout
    resampling: Resampling
    decimation: int
    _document: Path

    @classmethod
    def of(
        cls,
        workspace: Workspace,
        source: RasterBuffer,
        map: ValidityMap | None,
        layout: PixelLayout,
        resampling: Resampling,
        decimation: int,
    ) -> Halving:
        """Make the smaller buffer, which has a mask and a nodata value where ``source`` has them now."""
        size = -(-source.height // 2), -(-source.width // 2)
        half = RasterBuffer(workspace, (source.count, *size), source.dtype)
        half.nodata = source.nodata
        if source.has_mask:
            half.give_mask()  # GDAL warns where an image has a mask and its overview has none
        return cls(
            workspace=workspace,
            source=source,
            half=half,
            map=map,
            layout=layout,
            resampling=resampling,
            decimation=decimation,
            document=source.as_document(masked=False),
        )

    def fill(self, window: Window) -> None:
        """Fill a window of the smaller buffer; at the same time as others that do not overlap it."""
        with open_buffer(self._document) as dataset:
            for part in self._parts(window):
                self._fill(dataset, part)

    def first_row_needed(self, window: Window) -> int:
        """The first row of ``source`` that a window of the smaller buffer is made of."""
        return int(self._around(self._below(window)).row_off)

    def last_row_needed(self, window: Window) -> int:
        """The row of ``source`` after the last one that a window of the smaller buffer is made of."""
        around = self._around(self._below(window))
        return int(around.row_off + around.height)

    def _parts(self, window: Window) -> Iterator[Window]:
        """A block as it is, or cut where that leaves less to be done with care."""
        if self._is_full(window):
            yield window
            return
        parts = [
            Window(window.col_off + part.col_off, window.row_off + part.row_off, part.width, part.height)
            for part in iterate_windows(window.width, window.height, (_SMALL, _SMALL))
        ]
        yield from parts if any(map(self._is_full, parts)) else [window]

    def _fill(self, dataset: DatasetReader, window: Window) -> None:
        if self._is_full(window):
            shape = (self.half.count, window.height, window.width)
            data, valid = dataset.read(window=self._below(window), out_shape=shape, resampling=self.resampling), None
        else:
            data, valid = self._with_gaps(window)
        settle(data, valid, self.layout)
        self.half.write(window, data, any_band(valid) if self.source.has_mask else None)

    def _below(self, window: Window) -> Window:
        """What a window of the smaller buffer covers."""
        source = self.source
        across, down = source.width / -(-source.width // 2), source.height / -(-source.height // 2)
        return Window(window.col_off * across, window.row_off * down, window.width * across, window.height * down)

    def _around(self, below: Window) -> Window:
        """The whole pixels that kernels reach."""
        # at even places, as the cells of two by two pixels are
        left, top = (max(0, (int(offset) - MARGIN) // 2 * 2) for offset in (below.col_off, below.row_off))
        right = min(self.source.width, int(below.col_off + below.width) + MARGIN + 1)
        bottom = min(self.source.height, int(below.row_off + below.height) + MARGIN + 1)
        return Window(left, top, right - left, bottom - top)

    def _is_full(self, window: Window) -> bool:
        if self.map is None:
            return False
        around, factor = self._around(self._below(window)), self.decimation
        return self.map.is_full_in(
            around.col_off * factor,
            around.row_off * factor,
            (around.col_off + around.width) * factor,
            (around.row_off + around.height) * factor,
        )

    def _with_gaps(self, window: Window) -> tuple[Array, Valid]:
        """Pixels of a window of the smaller buffer, and which of them are valid."""
        below = self._below(window)
        around = self._around(below)
        data = np.array(self.source.read(around))
        valid = self.layout.validity.judge(data, self.source.read_mask(around))
        if valid is None:
            valid = np.ones((1, *data.shape[1:]), bool)
        inner = Window(below.col_off - around.col_off, below.row_off - around.row_off, below.width, below.height)
        shape = (window.height, window.width)
        if not valid.any():
            return np.zeros((data.shape[0], *shape), data.dtype), np.zeros((1, *shape), bool)
        if self.resampling is Resampling.mode:
            return _most_frequent(data, valid, inner, shape, samples=2)
        if self.resampling is Resampling.nearest:
            return _nearest(data, valid, inner, shape)
        kept = np.asarray(_Samples.of(data.shape, inner, shape, 2).take(valid).any(axis=0))
        fill_invalid(data, valid, alpha=self.layout.alpha)
        return self._reduced(data, inner, shape), kept

    def _reduced(self, data: Array, inner: Window, shape: tuple[int, int]) -> Array:
        """A part of an array, resampled to ``shape`` by GDAL as if all of it were valid."""
        buffer = RasterBuffer(attrs.evolve(self.workspace, in_memory=True), data.shape, data.dtype)
        buffer.write(Window(0, 0, buffer.width, buffer.height), data)
        with open_buffer(buffer.as_document()) as dataset:
            found: Array = dataset.read(window=inner, out_shape=(buffer.count, *shape), resampling=self.resampling)
        buffer.discard()
        return found


def _nearest(data: Array, valid: Array, inner: Window, shape: tuple[int, int]) -> tuple[Array, Valid]:
    """The pixel in the middle; where that is invalid, one of those around it that is not."""
    found, there = _most_frequent(data, valid, inner, shape, samples=1)
    assert there is not None
    other, kept = _most_frequent(data, valid, inner, shape, samples=2)
    return np.where(there, found, other), kept


def _most_frequent(
    data: Array, valid: Array, inner: Window, shape: tuple[int, int], *, samples: int
) -> tuple[Array, Valid]:
    """The most frequent of the valid values among ``samples`` × ``samples`` pixels; of equals, the first."""
    places = _Samples.of(data.shape, inner, shape, samples)
    values = places.take(data)
    known = np.broadcast_to(places.take(valid), values.shape)
    votes = sum(known * (known[other] & (values == values[other])).astype(np.int8) for other in range(len(values)))
    best = np.argmax(votes, axis=0)[np.newaxis]
    found = np.asarray(np.take_along_axis(values, best, axis=0)[0])
    kept = np.asarray(known.any(axis=0))
    return found, kept if valid.shape[0] > 1 else kept[:1]


@attrs.frozen(kw_only=True)
class _Samples:
    """Pixels that lie evenly in what each pixel of a smaller image covers.

    Attributes:
        rows, columns: Positions along each axis, for each sample.
    """

    rows: tuple[NDArray[np.intp], ...]
    columns: tuple[NDArray[np.intp], ...]

    @classmethod
    def of(cls, size: tuple[int, ...], inner: Window, shape: tuple[int, int], samples: int) -> _Samples:
        return cls(
            rows=_positions(inner.row_off, inner.height, shape[0], samples, size[1]),
            columns=_positions(inner.col_off, inner.width, shape[1], samples, size[2]),
        )

    def take(self, data: Array) -> Array:
        """``(samples, bands, rows, columns)``."""
        return np.stack([data[:, row[:, np.newaxis], column] for row in self.rows for column in self.columns])


def _positions(offset: float, size: float, count: int, samples: int, end: int) -> tuple[NDArray[np.intp], ...]:
    """Pixels along an axis, evenly inside each of ``count`` parts, for each sample."""
    part = size / count
    starts = offset + part * np.arange(count)
    return tuple(
        np.minimum((starts + part * (sample + 0.5) / samples).astype(np.intp), end - 1) for sample in range(samples)
    )
