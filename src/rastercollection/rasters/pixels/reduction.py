"""Images of half the size, as GDAL's overviews define them where all is valid, and of valid pixels alone elsewhere.

A pixel is valid if any of those is that lie evenly in what it covers. Invalid ones have no part in its value: a mean is
that of the valid pixels, and for kernels that reach further than what is covered, gaps are filled first.
"""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.windows import Window

from rastercollection.rasters.pixels.fill_nodata import fill_invalid
from rastercollection.rasters.pixels.picking import Picking
from rastercollection.rasters.pixels.taps import Taps
from rastercollection.rasters.pixels.validity import Valid
from rastercollection.rasters.pixels.weighing import Weighing
from rastercollection.rasters.pixels.windows import Array

__all__ = ["PIECE", "Reduction"]

PIECE = (64, 512)
"""Rows and columns of the smaller image to be made at once: what becomes of a band then fits the cache of a core."""
_FILLED = 6
"""Pixels that a value goes into a gap."""

_Mask = NDArray[np.bool_]


@attrs.frozen(kw_only=True, eq=False)
class Reduction:
    """How an image becomes one of half its size, rounded up.

    Attributes:
        resampling: nearest, mode, average, bilinear, cubic, cubic_spline or lanczos.
        alpha: Position of the band that says how opaque the others are; None without one.
        rows, columns: What becomes one pixel.
    """

    resampling: Resampling
    alpha: int | None
    rows: Taps
    columns: Taps
    _weighing: Weighing
    _picking: Picking

    @classmethod
    def of(cls, height: int, width: int, resampling: Resampling, alpha: int | None = None) -> Reduction:
        """That of an image of some height and width."""
        rows, columns = Taps.of(height, resampling), Taps.of(width, resampling)
        return cls(
            resampling=resampling,
            alpha=alpha,
            rows=rows,
            columns=columns,
            weighing=Weighing.of(rows, columns, is_mean=resampling is Resampling.average),
            picking=Picking(rows=rows, columns=columns),
        )

    def around(self, window: Window) -> Window:
        """What a window of the smaller image is made of, with what has a say in how gaps there are filled."""
        margin = 0 if self._stays_inside else _FILLED
        top, bottom = self.rows.around(window.row_off, window.height, margin)
        left, right = self.columns.around(window.col_off, window.width, margin)
        return Window(left, top, right - left, bottom - top)

    @property
    def _stays_inside(self) -> bool:
        return self.resampling in (Resampling.nearest, Resampling.mode, Resampling.average)

    def reduce(self, data: Array, valid: Valid, around: Window, window: Window, out: Array) -> Valid:
        """Make a window of the smaller image; best in windows of ``PIECE``.

        Args:
            data: ``(bands, rows, columns)`` of the larger image.
            valid: Which of them are valid.
            around: Where they lie in the larger image: as :meth:`around` has it, or more.
            window: Of the smaller image.
            out: ``(bands, rows, columns)`` of it, to be filled, with anything where invalid.

        Returns:
            Which of the new pixels are valid.
        """
        if data.dtype.kind == "c" and not self._picks:
            self.reduce(data.real, valid, around, window, out.real)
            return self.reduce(data.imag, valid, around, window, out.imag)
        if self.resampling is Resampling.nearest:
            out[...] = self._picking.nearest(data, valid, around, window)
        elif self.resampling is Resampling.mode:
            out[...] = self._picking.most_frequent(data, valid, around, window)
        else:
            self._weigh(data, valid, around, window, out)
        return None if valid is None else self._is_valid(valid, around, window)

    def _is_valid(self, valid: _Mask, around: Window, window: Window) -> _Mask:
        above, below = (at.index(window.row_off, window.height, around.row_off) for at in self.rows.samples)
        before, behind = (at.index(window.col_off, window.width, around.col_off) for at in self.columns.samples)
        rows = valid[:, above] | valid[:, below]
        found: _Mask = rows[:, :, before] | rows[:, :, behind]
        return found

    @property
    def _picks(self) -> bool:
        return self.resampling in (Resampling.nearest, Resampling.mode)

    def _weigh(self, data: Array, valid: Valid, around: Window, window: Window, out: Array) -> None:
        mean = self.resampling is Resampling.average
        if valid is not None and not mean:
            data = data.copy()
            fill_invalid(data, valid, alpha=self.alpha)
        share: Array | None = None
        for band, (pixels, found) in enumerate(zip(data, out, strict=True)):
            if valid is None or not mean or band == self.alpha:
                self._weighing.reduce(pixels, around, window, found)
                continue
            own = valid[band if valid.shape[0] > 1 else 0]
            if share is None or valid.shape[0] > 1:
                share = self._weighing.shares(own, around, window)
            known = pixels.copy()
            np.copyto(known, 0, where=~own)
            self._weighing.reduce(known, around, window, found, share)
