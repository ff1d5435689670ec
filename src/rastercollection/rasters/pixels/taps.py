"""Which pixels along an axis become one when it is halved, and how much each of them counts.

As GDAL's overviews have it: half of ``size`` pixels are ``ceil(size / 2)``, so that of odd sizes, fewer than two become
one: kernels are widened by that ratio, and their places drift against the pixels from one end of the axis to the other.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import attrs
import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.windows import Window

from rastercollection.rasters.pixels.windows import Array

__all__ = ["BLOCK", "Blocks", "Places", "Taps", "take"]

BLOCK = 8
"""Pixels that one product of matrices makes: few, as most of a matrix is zero, but enough for it to be worth a call."""
_COVERING = Resampling.nearest, Resampling.mode, Resampling.average
"""What is made of nothing but the pixels that are covered."""
_CLOSE = 1e-8
"""What is closer to a whole pixel is that pixel."""

_Floats = NDArray[np.float64]
_Indices = NDArray[np.intp]


def _triangle(x: _Floats) -> _Floats:
    return np.maximum(1 - x, 0)


def _cubic(x: _Floats) -> _Floats:
    """Catmull and Rom's."""
    near, far = 1 + x * x * (1.5 * x - 2.5), 2 + x * (-4 + x * (2.5 - 0.5 * x))
    return np.where(x <= 1, near, np.where(x <= 2, far, 0))


def _spline(x: _Floats) -> _Floats:
    near, far = 2 / 3 + x * x * (x / 2 - 1), (2 - x) ** 3 / 6
    return np.where(x <= 1, near, np.where(x <= 2, far, 0))


def _lanczos(x: _Floats) -> _Floats:
    return np.where(x <= 3, np.sinc(x) * np.sinc(x / 3), 0)


_KERNELS: dict[Resampling, tuple[int, Callable[[_Floats], _Floats]]] = {
    Resampling.bilinear: (1, _triangle),
    Resampling.cubic: (2, _cubic),
    Resampling.cubic_spline: (2, _spline),
    Resampling.lanczos: (3, _lanczos),
}
"""Radius, and the weight at a distance of 0 or more."""


@attrs.frozen(kw_only=True)
class Blocks:
    """Weights for some pixels of the smaller image, as matrices that make ``BLOCK`` of them each.

    Attributes:
        first: Pixel of the larger image that the first matrix begins with, each other 2 × ``BLOCK`` after the one
            before; may lie outside of the image, where weights are 0.
        matrices: ``(blocks, BLOCK, pixels)``.
    """

    first: int
    matrices: _Floats

    @property
    def extent(self) -> int:
        """Pixels of the larger image that all matrices together want."""
        count, _, pixels = self.matrices.shape
        return int(2 * BLOCK * (count - 1) + pixels)


@attrs.frozen(kw_only=True, eq=False)
class Places:
    """One pixel of the larger image for each of the smaller one, along an axis.

    Attributes:
        at: Which.
        breaks: Pixels of the smaller image whose successor's is not the next but one.
    """

    at: _Indices
    breaks: _Indices

    @classmethod
    def of(cls, at: _Indices) -> Places:
        return cls(at=at, breaks=np.flatnonzero(np.diff(at) != 2))

    def index(self, start: int, count: int, first: int) -> slice | _Indices:
        """Those of some pixels, counted from ``first``: a slice if possible, which costs less."""
        begin, end = np.searchsorted(self.breaks, (start, start + count - 1))
        at = self.at[start : start + count] - first
        return at if begin < end else slice(int(at[0]), int(at[-1]) + 1, 2)


def take(data: Array, rows: Places, columns: Places, around: Window, window: Window) -> Array:
    """The pixels at some rows and columns for a window of the smaller image, ``(bands, rows, columns)``.

    Args:
        data: ``(bands, rows, columns)`` of the larger image.
        rows, columns: Which are wanted.
        around: Where ``data`` lies in the larger image.
        window: Of the smaller one.
    """
    down = rows.index(window.row_off, window.height, around.row_off)
    across = columns.index(window.col_off, window.width, around.col_off)
    found: Array = data[:, down][:, :, across]
    return found


@attrs.frozen(kw_only=True, eq=False)
class Taps:
    """The pixels that become one, and their weights, for each pixel of the smaller image along an axis.

    Attributes:
        size: Pixels of the larger image.
        starts, stops: The first of the pixels that become one, and the one after the last.
        weights: ``(pixels of the smaller image, most taps)``; their sum is 1, and 0 stands behind the last.
    """

    size: int
    starts: _Indices
    stops: _Indices
    weights: _Floats

    @classmethod
    def of(cls, size: int, resampling: Resampling) -> Taps:
        """Those of an axis; of kernels that do not weigh, the pixels that are covered, by the part that is."""
        count = -(-size // 2)
        ratio = size / count
        at = np.arange(count)
        if resampling in _COVERING:
            left, right = at * ratio, (at + 1) * ratio
            starts = (left + _CLOSE).astype(np.intp)
            stops = np.minimum(np.ceil(right - _CLOSE).astype(np.intp), size)
            places = starts[:, np.newaxis] + np.arange((stops - starts).max())
            ends = np.minimum(places + 1, right[:, np.newaxis])
            weights = np.maximum(ends - np.maximum(places, left[:, np.newaxis]), 0)
        else:
            radius, kernel = _KERNELS[resampling]
            middle = (at + 0.5) * ratio
            starts = np.maximum(np.floor(middle - radius * ratio + 0.5).astype(np.intp), 0)
            stops = np.minimum((middle + radius * ratio + 0.5).astype(np.intp), size)
            places = starts[:, np.newaxis] + np.arange((stops - starts).max())
            weights = kernel(np.abs(places + 0.5 - middle[:, np.newaxis]) / ratio)
        weights[places >= stops[:, np.newaxis]] = 0
        weights /= weights.sum(axis=1, keepdims=True)
        return cls(size=size, starts=starts, stops=stops, weights=weights)

    def with_equal_pairs(self) -> Taps:
        """The same, but where two pixels become one, both count alike."""
        pairs = self.stops - self.starts == 2
        return attrs.evolve(self, weights=np.where(pairs[:, np.newaxis], (self.weights > 0) / 2, self.weights))

    @property
    def count(self) -> int:
        """Pixels of the smaller image."""
        return len(self.starts)

    @functools.cached_property
    def nearest(self) -> Places:
        """For each pixel of the smaller image, the one that begins closest to where what is covered begins."""
        return self._places(np.arange(self.count) * self.ratio + 0.5)

    @functools.cached_property
    def samples(self) -> tuple[Places, Places]:
        """For each pixel of the smaller image, two that lie evenly in what is covered, or one and the same twice."""
        at = np.arange(self.count)
        return self._places((at + 0.25) * self.ratio), self._places((at + 0.75) * self.ratio)

    def _places(self, at: NDArray[np.floating]) -> Places:
        return Places.of(np.minimum(at.astype(np.intp), self.size - 1))

    @property
    def ratio(self) -> float:
        """Pixels of the larger image for one of the smaller one."""
        return self.size / self.count

    def around(self, start: int, count: int, margin: int) -> tuple[int, int]:
        """What of the larger image some pixels of the smaller one are made of, from an even place to an even place.

        Args:
            start, count: Of the smaller image.
            margin: Pixels of the larger image to be added at both ends.
        """
        first, last = int(self.starts[start]) - margin, int(self.stops[start + count - 1]) + margin
        return max(0, first // 2 * 2), min(self.size, -(-last // 2) * 2)

    def blocks(self, start: int, stop: int) -> Blocks:
        """Their weights as matrices; the last one also makes pixels behind ``stop``, which are 0."""
        starts, stops = self.starts[start:stop], self.stops[start:stop]
        at = np.arange(stop - start)
        block, row = at // BLOCK, at % BLOCK
        first = int((starts - 2 * BLOCK * block).min())
        begin = starts - 2 * BLOCK * block - first
        pixels = int((stops - 2 * BLOCK * block).max()) - first
        matrices = np.zeros((-(-len(at) // BLOCK), BLOCK, pixels))
        for tap in range(self.weights.shape[1]):
            has = np.flatnonzero(tap < stops - starts)
            matrices[block[has], row[has], begin[has] + tap] = self.weights[start:stop][has, tap]
        return Blocks(first=first, matrices=matrices)
