"""Overviews of a buffer: each from the one before, half as large.

An overview's pixel is valid if any pixel that it covers is, as GDAL's overviews of rasters with a nodata value have it:
a mosaic of tiles then has no gaps when it is seen from afar. Invalid pixels have no part in its value.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np
from rasterio.enums import Resampling
from rasterio.windows import Window

from rastercollection.rasters.pixels.invalid_values import settle
from rastercollection.rasters.pixels.raster_buffer import RasterBuffer
from rastercollection.rasters.pixels.reduction import PIECE, Reduction
from rastercollection.rasters.pixels.validity import PixelLayout, Valid, any_band
from rastercollection.rasters.pixels.windows import Array, ValidityMap, iterate_windows
from rastercollection.rasters.pixels.workspace import Workspace

__all__ = ["Halving"]

_AT_ONCE = 1024, 1024
"""Rows and columns of the smaller buffer that are read for at once: whole pieces."""
_CELL = 32
"""Pixels of a level, along each side of the cells that tell where it has gaps."""


@attrs.frozen(kw_only=True)
class Halving:
    """From one level to the next, window by window, in any order and by any number of threads.

    Attributes:
        source: The level before.
        half: Half its size, rounded up; filled by :meth:`fill`.
        map: Valid pixels of the image at full resolution, by cells that are small beside a piece; None where bands
            disagree on them.
        layout: How the image tells invalid pixels.
        reduction: How pixels become one.
        decimation: Pixels of the image for one of ``source``.
    """

    source: RasterBuffer
    half: RasterBuffer
    map: ValidityMap | None
    layout: PixelLayout
    reduction: Reduction
    decimation: int

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
        half = RasterBuffer(workspace, (source.count, -(-source.height // 2), -(-source.width // 2)), source.dtype)
        half.nodata = source.nodata
        if source.has_mask:
            half.give_mask()  # GDAL warns where an image has a mask and its overview has none
        reduction = Reduction.of(source.height, source.width, resampling, layout.alpha)
        map = None if map is None else map.coarser(_CELL * decimation)
        return cls(source=source, half=half, map=map, layout=layout, reduction=reduction, decimation=decimation)

    def first_row_needed(self, window: Window) -> int:
        """The first row of ``source`` that a window of the smaller buffer is made of."""
        return int(self.reduction.around(window).row_off)

    def last_row_needed(self, window: Window) -> int:
        """The row of ``source`` after the last one that a window of the smaller buffer is made of."""
        around = self.reduction.around(window)
        return int(around.row_off + around.height)

    def fill(self, window: Window) -> None:
        """Fill a window of the smaller buffer; at the same time as others that do not overlap it."""
        for part in _parts(window, _AT_ONCE):
            self._fill_part(part)

    def _fill_part(self, part: Window) -> None:
        around = self.reduction.around(part)
        data = self.source.read(around)
        full = self._is_full(around)
        mask = None if full else self.source.read_mask(around)
        in_place = self.half.in_place(part)
        out = np.empty((self.half.count, part.height, part.width), self.half.dtype) if in_place is None else in_place
        kept = np.ones((part.height, part.width), bool) if self.half.has_mask else None
        for piece in _parts(part, PIECE):
            inner = np.s_[_rows(piece, part), _columns(piece, part)]
            there = any_band(self._fill_piece(data, mask, around, piece, out[:, *inner], full=full))
            if kept is not None and there is not None:
                kept[inner] = there
        self.half.write(part, out, None if kept is None or kept.all() else kept)

    def _fill_piece(self, data: Array, mask: Valid, whole: Window, piece: Window, out: Array, *, full: bool) -> Valid:
        """Fill what belongs to a piece of a part.

        Args:
            data, mask: Of the source, around the part.
            whole: Where they lie in it.
            piece: Of the smaller buffer.
            out: ``(bands, rows, columns)`` of it.
            full: All pixels of the source around the part are known to be valid.

        Returns:
            Which of the new pixels are valid.
        """
        around = self.reduction.around(piece)
        own = np.s_[:, _rows(around, whole), _columns(around, whole)]
        data, valid = data[own], None
        if not full and not self._is_full(around):
            valid = self.layout.validity.judge(data, None if mask is None else mask[own])
        found = self.reduction.reduce(data, valid, around, piece, out)
        settle(out, found, self.layout)
        return found

    def _is_full(self, around: Window) -> bool:
        factor = self.decimation
        return self.map is not None and self.map.is_full_in(
            around.col_off * factor,
            around.row_off * factor,
            (around.col_off + around.width) * factor,
            (around.row_off + around.height) * factor,
        )


def _parts(window: Window, steps: tuple[int, int]) -> Iterator[Window]:
    """A window cut into parts of at most ``steps`` rows and columns."""
    for part in iterate_windows(window.width, window.height, steps):
        yield Window(window.col_off + part.col_off, window.row_off + part.row_off, part.width, part.height)


def _rows(window: Window, whole: Window) -> slice:
    top = window.row_off - whole.row_off
    return slice(top, top + window.height)


def _columns(window: Window, whole: Window) -> slice:
    left = window.col_off - whole.col_off
    return slice(left, left + window.width)
