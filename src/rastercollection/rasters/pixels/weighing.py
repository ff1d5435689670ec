"""Pixels of an image of half the size as weighted sums, made of products of matrices that fit the cache of a core.

Two passes of small products, along columns and along rows, cost less than sums of shifted arrays although most of each
matrix is zero. Each product is small enough for BLAS not to start threads of its own.

In what order a BLAS adds depends on the processor and on the size of the product. Sums of integers of at most 16 bits
must not, or the same image had other overviews elsewhere, and other ones where it is cut otherwise: their weights are
fixed-point numbers of so few bits that every product and every sum is exact.
"""

from __future__ import annotations

import functools
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
_MOST_ROOMS = 16
_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
_LARGE = "iIlL"
"""Types of 32 bits whose sums need floats of 64."""
_WEIGHT_BITS = 32, 26
"""Bits behind the point of exact weights for rows and for columns."""
_KEPT_BITS = {"b": (26, 26), "u": (16, 8), "i": (16, 8)}
"""Bits behind the point of what rows make, before columns weigh it: for kinds of types, of 8 bits and of 16."""
_PAIRS: dict[str, tuple[type[np.unsignedinteger], int]] = {"B": (np.uint16, 8), "H": (np.uint32, 16)}
"""For the characters of types, the type that holds two pixels side by side, and the bits of each."""

_Sums = NDArray[np.floating]


@attrs.frozen(kw_only=True, eq=False)
class _Room:
    """Arrays for one size of windows, as parts of the same memory; all of it is used anew for each window.

    Attributes:
        padded: Pixels, ``(rows, columns)``.
        down: What of them each matrix for rows is multiplied with: ``(blocks, pixels, columns)``.
        middle: Rows that are made of them, by matrix: ``(blocks, BLOCK, columns)``.
        across: What of these each matrix for columns is multiplied with: ``(blocks, rows, pixels)``.
        products: Sums, by matrix: ``(blocks, rows, BLOCK)``.
        sums: The same, ``(rows, columns)``.
    """

    padded: Array
    down: Array
    middle: Array
    across: Array
    products: Array
    sums: Array


class _Rooms(threading.local):
    """Those that a thread has used lately: to have new arrays costs as much as what is done with them."""

    def __init__(self) -> None:
        self._memory = np.empty(0, np.uint8)
        self._rooms: dict[tuple[object, ...], _Room] = {}

    def get(self, down: _Matrices, across: _Matrices, height: int, width: int, dtype: np.dtype) -> _Room:
        key = down.stack.shape, across.stack.shape, height, width, dtype.char
        room = self._rooms.get(key)
        if room is None:
            room = self._rooms[key] = self._new(down, across, height, width, dtype)
        return room

    def _new(self, down: _Matrices, across: _Matrices, height: int, width: int, dtype: np.dtype) -> _Room:
        blocks, _, pixels = down.stack.shape
        beside, reached, _ = across.stack.shape
        sizes = [down.extent * across.extent, blocks * BLOCK * across.extent, height * beside * BLOCK]
        needed = sum(sizes) * dtype.itemsize
        if needed > self._memory.size or len(self._rooms) == _MOST_ROOMS:
            self._memory = np.empty(max(needed, self._memory.size), np.uint8)
            self._rooms.clear()
        padded, middle, found = np.split(self._memory[:needed].view(dtype), np.cumsum(sizes[:2]))
        step, row = dtype.itemsize, across.extent * dtype.itemsize
        padded = padded.reshape(down.extent, across.extent)
        found = found.reshape(height, beside * BLOCK)
        return _Room(
            padded=padded,
            down=as_strided(padded, (blocks, pixels, across.extent), (2 * BLOCK * row, row, step)),
            middle=middle.reshape(blocks, BLOCK, across.extent),
            across=as_strided(middle, (beside, height, reached), (2 * BLOCK * step, row, step)),
            products=found.reshape(height, beside, BLOCK).transpose(1, 0, 2),
            sums=found[:, :width],
        )


_rooms = _Rooms()


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
    _matrices: Callable[[int, int, int, np.dtype, bool], _Matrices]

    @classmethod
    def of(cls, rows: Taps, columns: Taps, *, is_mean: bool) -> Weighing:
        if is_mean and columns.size % 2 == 0:
            rows = rows.with_equal_pairs()  # as GDAL has it at the first and the last row

        @functools.lru_cache(_KEPT_MATRICES)
        def matrices(axis: int, start: int, stop: int, dtype: np.dtype, is_exact: bool) -> _Matrices:
            blocks = (rows, columns)[axis].blocks(start, stop)
            weights = _rounded(blocks.matrices, _WEIGHT_BITS[axis]) if is_exact else blocks.matrices
            stack = weights if axis == 0 else weights.transpose(0, 2, 1)
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
        if four is not None and shares is None and band.dtype.char in _PAIRS and four.strides[1] == four.itemsize:
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
        four = self._four(valid, around, window)
        if four is not None and four.strides[1] == 1:
            counts = _sums_of_pairs(four.view(np.uint8))
            return np.maximum(counts * np.float32(0.25), np.float32(0.25))
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
        is_exact = band.dtype.kind in _KEPT_BITS and band.dtype.itemsize <= 2
        dtype = _FLOAT64 if is_exact or band.dtype.itemsize > 4 or band.dtype.char in _LARGE else _FLOAT32
        down = self._matrices(0, window.row_off, window.row_off + window.height, dtype, is_exact)
        across = self._matrices(1, window.col_off, window.col_off + window.width, dtype, is_exact)
        room = _rooms.get(down, across, window.height, window.width, dtype)
        _place(band, room.padded, around.row_off - down.first, around.col_off - across.first)
        with np.errstate(all="ignore"):
            np.matmul(down.stack, room.down, out=room.middle)
            if is_exact:
                _round(room.middle, _KEPT_BITS[band.dtype.kind][band.dtype.itemsize - 1])
            np.matmul(room.across, across.stack, out=room.products)
        return room.sums

    def _sums_one_by_one(self, band: Array, around: Window, window: Window) -> _Sums:
        rows, columns = window.toslices()
        with np.errstate(all="ignore"):
            down = _summed(band.astype(np.float64), self.rows, rows, around.row_off)
            return _summed(down.T, self.columns, columns, around.col_off).T


def _rounded(weights: _Sums, bits: int) -> _Sums:
    found = weights.copy()
    _round(found, bits)
    return found


def _round(numbers: _Sums, bits: int) -> None:
    """Round floats of 64 bits to some bits behind the point: what is added leaves no room for more."""
    shift = 1.5 * 2.0 ** (52 - bits)
    numbers += shift
    numbers -= shift


def _place(band: Array, padded: Array, top: int, left: int) -> None:
    """Copy what of a band lies inside an array, as its upper left corner lies there; the rest becomes 0."""
    bottom, right = min(top + band.shape[0], padded.shape[0]), min(left + band.shape[1], padded.shape[1])
    above, before = max(top, 0), max(left, 0)
    if above or before or bottom < padded.shape[0] or right < padded.shape[1]:
        padded[:above] = 0
        padded[bottom:] = 0
        padded[above:bottom, :before] = 0
        padded[above:bottom, right:] = 0
    padded[above:bottom, before:right] = band[above - top : bottom - top, before - left : right - left]


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
    half = sums.dtype.type(0.5)
    sums += half if out.dtype.kind == "u" else np.copysign(half, sums)
    np.clip(sums, *_limits(out.dtype.char, sums.dtype.char), out=sums)
    np.copyto(out, sums, casting="unsafe")


@functools.cache
def _limits(integers: str, floats: str) -> tuple[np.floating, np.floating]:
    """The lowest and the largest float, of one type, that is not outside of what there is of another."""
    limits, kind = np.iinfo(integers), np.dtype(floats).type
    least, most = kind(limits.min), kind(limits.max)
    return least, most if int(most) <= limits.max else np.nextafter(most, kind(0))


def _is_finite(data: Array) -> bool:
    # a sum is not finite if any of its terms is not, and costs no array of its own
    with np.errstate(all="ignore"):
        return bool(np.isfinite(data.sum())) or bool(np.isfinite(data).all())


def _sums_of_pairs(data: Array) -> Array:
    """Sums of 2 × 2 small integers, two of which are one number to add to others, of the type of these."""
    both, bits = _PAIRS[data.dtype.char]
    pairs, shift = data.view(both), both(bits)
    one = both(2**bits - 1)
    sums: Array = pairs[::2] & one
    sums += pairs[1::2] & one
    sums += pairs[::2] >> shift
    sums += pairs[1::2] >> shift
    return sums


def _average_pairs(data: Array, out: Array) -> None:
    sums = _sums_of_pairs(data)
    sums += sums.dtype.type(2)
    sums >>= sums.dtype.type(2)
    np.copyto(out, sums, casting="unsafe")


def _average_floats(data: Array, out: Array) -> None:
    with np.errstate(all="ignore"):
        sums = data[::2] + data[1::2]
        np.add(sums[:, ::2], sums[:, 1::2], out=out)
        out *= data.dtype.type(0.25)
