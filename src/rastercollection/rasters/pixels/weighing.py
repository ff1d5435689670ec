"""Pixels of an image of half the size as weighted sums, made of products of matrices that fit the cache of a core.

Two passes of small products, along columns and along rows, cost less than sums of shifted arrays although most of each
matrix is zero. Each product is small enough for BLAS not to start threads of its own.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable

import attrs
import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from rasterio.windows import Window

from rastercollection.rasters.pixels.taps import BLOCK, Taps
from rastercollection.rasters.pixels.windows import Array

__all__ = ["Weighing"]

_KEPT_MATRICES = 128
_SMALL = ("bool", "uint8", "uint16", "int8", "int16", "float32")
"""Types whose sums are made of floats of 32 bits."""
_PAIRS: dict[str, tuple[type[np.unsignedinteger], int]] = {"uint8": (np.uint16, 8), "uint16": (np.uint32, 16)}
"""The type that holds two pixels side by side, and the bits of each."""

_Sums = NDArray[np.floating]


class _Scratch(threading.local):
    """Arrays that a thread uses again: to have new ones costs as much as what is done with them."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, np.dtype], Array] = {}

    def take(self, name: str, shape: tuple[int, int], dtype: np.dtype) -> Array:
        """An array with any content."""
        size = math.prod(shape)
        held = self._held.get((name, dtype))
        if held is None or held.size < size:
            held = self._held[name, dtype] = np.empty(size, dtype)
        return held[:size].reshape(shape)


_scratch = _Scratch()


@attrs.frozen(kw_only=True, eq=False)
class _Matrices:
    """Weights along an axis; see :class:`~rastercollection.rasters.pixels.taps.Blocks`.

    Attributes:
        first: Pixel of the larger image that the first matrix begins with.
        extent: Pixels of the larger image that all of them want.
        stack: One behind the other: ``(blocks, BLOCK, pixels)`` for rows, ``(blocks, pixels, BLOCK)`` for columns.
    """

    first: int
    extent: int
    stack: Array


@attrs.frozen(kw_only=True, eq=False)
class Weighing:
    """Weights along both axes of an image.

    Attributes:
        rows, columns: What becomes one pixel, and how much it counts.
        is_mean: They are those of the mean of what a pixel covers.
    """

    rows: Taps
    columns: Taps
    is_mean: bool
    _matrices: Callable[[int, int, int, np.dtype], _Matrices]

    @classmethod
    def of(cls, rows: Taps, columns: Taps, *, is_mean: bool) -> Weighing:
        if is_mean and columns.size % 2 == 0:
            rows = rows.with_equal_pairs()  # as GDAL has it at the first and the last row

        @functools.lru_cache(_KEPT_MATRICES)
        def matrices(axis: int, start: int, stop: int, dtype: np.dtype) -> _Matrices:
            blocks = (rows, columns)[axis].blocks(start, stop)
            stack = blocks.matrices if axis == 0 else blocks.matrices.transpose(0, 2, 1)
            return _Matrices(first=blocks.first, extent=blocks.extent, stack=np.ascontiguousarray(stack, dtype))

        return cls(rows=rows, columns=columns, is_mean=is_mean, matrices=matrices)

    def reduce(self, band: Array, around: Window, window: Window, out: Array, shares: _Sums | None = None) -> None:
        """Make a window of the smaller image.

        Args:
            band: ``(rows, columns)`` of the larger image; 0 where invalid.
            around: Where they lie in it; all that the window is made of lies inside.
            window: Of the smaller image, not much larger than what fits the cache.
            out: ``(rows, columns)`` of it, to be filled.
            shares: What :meth:`shares` found; None where all pixels are valid.
        """
        four = self._four(band, around, window)
        if four is not None and shares is None and band.dtype.name in _PAIRS and four.strides[1] == four.itemsize:
            _average_pairs(four, out)
        elif four is not None and out.dtype.kind == "f":
            _average_floats(four, out)
            if shares is not None:
                out /= shares
        else:
            self._store(self._sums(band, around, window), shares, out)
            # where a pixel is infinite, or a sum nearly so, all that its matrix makes is spoilt
            if out.dtype.kind == "f" and not _is_finite(out):
                self._store(self._sums_one_by_one(band, around, window), shares, out)

    def shares(self, valid: NDArray[np.bool_], around: Window, window: Window) -> _Sums:
        """What part of the weights valid pixels have, never 0: ``(rows, columns)`` of a window of the smaller image."""
        found = self._sums(valid, around, window)
        return np.maximum(found, np.finfo(found.dtype).tiny)

    def _four(self, band: Array, around: Window, window: Window) -> Array | None:
        """What a window is made of where each pixel is the mean of four; None where it is not."""
        if not self.is_mean or self.rows.size % 2 or self.columns.size % 2:
            return None
        top, left = 2 * window.row_off - around.row_off, 2 * window.col_off - around.col_off
        return band[top : top + 2 * window.height, left : left + 2 * window.width]

    @staticmethod
    def _store(sums: _Sums, shares: _Sums | None, out: Array) -> None:
        if shares is not None:
            sums /= shares
        _store(sums, out)

    def _sums(self, band: Array, around: Window, window: Window) -> _Sums:
        """Weighted sums, to be used up before the thread asks for others."""
        dtype = np.dtype(np.float32 if band.dtype.name in _SMALL else np.float64)
        down = self._matrices(0, window.row_off, window.row_off + window.height, dtype)
        across = self._matrices(1, window.col_off, window.col_off + window.width, dtype)
        padded = _scratch.take("padded", (down.extent, across.extent), dtype)
        _place(band, padded, around.row_off - down.first, around.col_off - across.first)
        middle = _scratch.take("middle", (len(down.stack) * BLOCK, across.extent), dtype)
        with np.errstate(all="ignore"):
            _multiply_rows(down.stack, padded, middle)
            found = _scratch.take("found", (window.height, len(across.stack) * BLOCK), dtype)
            _multiply_columns(middle[: window.height], across.stack, found)
        return found[:, : window.width]

    def _sums_one_by_one(self, band: Array, around: Window, window: Window) -> _Sums:
        rows, columns = window.toslices()
        with np.errstate(all="ignore"):
            down = _summed(band.astype(np.float64), self.rows, rows, around.row_off)
            return _summed(down.T, self.columns, columns, around.col_off).T


def _place(band: Array, padded: Array, top: int, left: int) -> None:
    """Copy what of a band lies inside an array, as its upper left corner lies there; the rest becomes 0."""
    bottom, right = min(top + band.shape[0], padded.shape[0]), min(left + band.shape[1], padded.shape[1])
    above, before = max(top, 0), max(left, 0)
    padded[:above] = 0
    padded[bottom:] = 0
    padded[above:bottom, :before] = 0
    padded[above:bottom, right:] = 0
    padded[above:bottom, before:right] = band[above - top : bottom - top, before - left : right - left]


def _multiply_rows(stack: Array, data: Array, out: Array) -> None:
    blocks, _, pixels = stack.shape
    row, pixel = data.strides
    parts = as_strided(data, (blocks, pixels, data.shape[1]), (2 * BLOCK * row, row, pixel), writeable=False)
    np.matmul(stack, parts, out=out.reshape(blocks, BLOCK, data.shape[1]))


def _multiply_columns(data: Array, stack: Array, out: Array) -> None:
    blocks, pixels, _ = stack.shape
    row, pixel = data.strides
    parts = as_strided(data, (blocks, len(data), pixels), (2 * BLOCK * pixel, row, pixel), writeable=False)
    np.matmul(parts, stack, out=out.reshape(len(out), blocks, BLOCK).transpose(1, 0, 2))


def _summed(data: Array, taps: Taps, window: slice, first: int) -> Array:
    """The same along the rows of ``data``, the first of which is given, tap by tap."""
    starts, stops, weights = taps.starts[window], taps.stops[window], taps.weights[window]
    found = np.zeros((len(starts), data.shape[1]))
    for tap in range(weights.shape[1]):
        has = np.flatnonzero(tap < stops - starts)
        found[has] += weights[has, tap, np.newaxis] * data[starts[has] + tap - first]
    return found


def _store(sums: _Sums, out: Array) -> None:
    """Write sums as numbers of the type of an array: integers are rounded, and clipped to what there is; uses them up.

    Halves are rounded away from zero.
    """
    if out.dtype.kind == "f":
        with np.errstate(over="ignore"):
            out[...] = sums
        return
    limits = np.iinfo(out.dtype)
    half = sums.dtype.type(0.5)
    sums += half if limits.min == 0 else np.copysign(half, sums)
    np.clip(sums, *_floats_between(out.dtype, sums.dtype), out=sums)
    np.copyto(out, sums, casting="unsafe")


@functools.cache
def _floats_between(integers: np.dtype, floats: np.dtype) -> tuple[np.floating, np.floating]:
    """The lowest and the largest float that are not outside of what integers there are."""
    limits = np.iinfo(integers)
    least, most = floats.type(limits.min), floats.type(limits.max)
    return least, most if int(most) <= limits.max else np.nextafter(most, floats.type(0))


def _is_finite(data: Array) -> bool:
    # a sum is not finite if any of its terms is not, and costs no array of its own
    with np.errstate(all="ignore"):
        return bool(np.isfinite(data.sum())) or bool(np.isfinite(data).all())


def _average_pairs(data: Array, out: Array) -> None:
    """Means of 2 × 2 small integers, two of which are one number to add to others."""
    both, bits = _PAIRS[data.dtype.name]
    pairs, shift = data.view(both), both(bits)
    one = both(2**bits - 1)
    sums = (pairs[::2] & one) + (pairs[1::2] & one)
    other = pairs[::2] >> shift
    other += pairs[1::2] >> shift
    sums += other
    sums += both(2)
    sums >>= both(2)
    np.copyto(out, sums, casting="unsafe")


def _average_floats(data: Array, out: Array) -> None:
    with np.errstate(all="ignore"):
        sums = data[::2] + data[1::2]
        np.add(sums[:, ::2], sums[:, 1::2], out=out)
        out *= data.dtype.type(0.25)
