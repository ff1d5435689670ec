"""Statistics of a band, gathered window by window over its valid pixels."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from rastercollection.model.band import BandStatistics, Histogram
from rastercollection.rasters.pixels.validity import Valid
from rastercollection.rasters.pixels.windows import Array

__all__ = ["BandSummary", "RunningStatistics"]

_AT_ONCE = 2**18
_SAMPLE = 200_000
_BUCKETS = 64
_FEWEST_BUCKETS = 3
"""Of STAC's raster extension."""
_MANY = 2**20
"""Bytes that are worth a table of pairs."""
_COUNTED = ("uint8", "int8", "uint16", "int16")


class RunningStatistics:
    """Statistics of all bands of an image but alpha and complex numbers."""

    def __init__(self, count: int, dtype: np.dtype, pixels: int, alpha: int | None) -> None:
        bands = [band for band in range(count) if band != alpha and dtype.kind != "c"]
        self._count = count
        self._summaries = {band: BandSummary(dtype, pixels) for band in bands}

    def add(self, data: Array, valid: Valid) -> None:
        """Take in a window: ``(bands, rows, columns)``, and which of its pixels are valid."""
        for band, summary in self._summaries.items():
            summary.add(data[band], None if valid is None else valid[band if valid.shape[0] > 1 else 0])

    def result(self) -> tuple[BandStatistics | None, ...]:
        """Of each band; None for alpha and complex ones."""
        return tuple(self._summaries[band].result() if band in self._summaries else None for band in range(self._count))


class BandSummary:
    """Minimum, maximum, mean and so on of the values it is given.

    Integers of up to 16 bits are counted one by one; of other types, percentiles come from an even sample. Infinite
    values are valid pixels, but have no part in the figures.
    """

    def __init__(self, dtype: np.dtype, pixels: int) -> None:
        """``pixels`` is the number of pixels of the whole band."""
        self._pixels = pixels
        self._count = 0
        self._stride = max(1, pixels // _SAMPLE)
        self._sample: list[Array] = []
        self._finite, self._mean, self._squares = 0, 0.0, 0.0
        self._low, self._high = math.inf, -math.inf
        self._lowest = np.iinfo(dtype).min if dtype.name in _COUNTED else 0
        size = np.iinfo(dtype).max - self._lowest + 1 if dtype.name in _COUNTED else 0
        self._counts = np.zeros(size, np.int64)

    def add(self, values: Array, valid: NDArray[np.bool_] | None = None) -> None:
        """Take in values, those that are valid if not all are, in whatever shape."""
        if not self._counts.size:
            for part in _valid_slices(values, valid):
                self._add_numbers(part)
                self._count += part.size
            return
        counts = self._counted_in(values)
        if valid is not None:
            # it is cheaper to count all and to take the few invalid ones away again
            counts -= self._counted_in(values[~valid])
        self._counts += counts
        self._count += int(counts.sum())

    def _counted_in(self, values: Array) -> NDArray[np.int64]:
        total = np.zeros(self._counts.size, np.int64)
        flat = values.ravel()
        if flat.dtype == np.uint8 and flat.size >= _MANY:
            pairs = flat[: flat.size // 2 * 2].view(np.uint16)
            total += _counts_of_bytes(pairs)
            flat = flat[2 * pairs.size :]
        for part in _slices(flat):
            positions = part if self._lowest == 0 else part.astype(np.int32) - self._lowest
            total += np.bincount(positions, minlength=total.size)
        return total

    def _add_numbers(self, part: Array) -> None:
        numbers = part.astype(np.float64)
        finite = np.isfinite(numbers)
        if not finite.all():
            numbers = numbers[finite]
        if not numbers.size:
            return
        self._sample.append(numbers[:: self._stride].copy())
        self._low = min(self._low, float(numbers.min()))
        self._high = max(self._high, float(numbers.max()))
        with np.errstate(all="ignore"):
            mean = float(numbers.mean())
            numbers -= mean
            total, apart = self._finite + numbers.size, mean - self._mean
            self._squares += float(np.dot(numbers, numbers)) + apart * apart * self._finite * numbers.size / total
            self._mean += apart * numbers.size / total
        self._finite = total

    def result(self) -> BandStatistics:
        """The figures of all values so far."""
        share = 100 * self._count / self._pixels
        figures = self._by_counts() if self._counts.size else self._measured()
        low, high, mean, deviation, second, ninety_eighth = figures
        return BandStatistics(
            minimum=low,
            maximum=high,
            mean=mean,
            stddev=deviation,
            count=self._count,
            valid_percent=share,
            percentile_2=second,
            percentile_98=ninety_eighth,
            histogram=self._histogram(low, high),
        )

    def _histogram(self, low: float | None, high: float | None) -> Histogram | None:
        if low is None or high is None or not math.isfinite(high - low):
            return None
        if self._counts.size:
            # buckets of whole numbers
            width = -(-int(high - low + 1) // _BUCKETS)
            buckets = max(_FEWEST_BUCKETS, int(high - low) // width + 1)
            first = int(low) - self._lowest
            counts = np.zeros(buckets * width, np.int64)
            part = self._counts[first : first + counts.size]
            counts[: part.size] = part
            summed = counts.reshape(buckets, width).sum(axis=1)
            return Histogram(minimum=low, maximum=low + buckets * width, counts=tuple(summed.tolist()))
        ends = (low, high) if high > low else (low - 0.5, low + 0.5)
        if ends[1] - ends[0] < _BUCKETS * np.spacing(max(abs(low), abs(high))):
            return None  # numbers so large that there is no float between the edges of two buckets
        sample = np.concatenate(self._sample)
        counts, _ = np.histogram(sample, _BUCKETS, ends)
        scaled = np.diff(np.rint(np.cumsum(counts) * (self._finite / sample.size)), prepend=0).astype(np.int64)
        return Histogram(minimum=ends[0], maximum=ends[1], counts=tuple(scaled.tolist()))

    def _by_counts(self) -> tuple[float | None, ...]:
        if not self._count:
            return (None,) * 6
        values = np.arange(self._counts.size, dtype=np.float64) + self._lowest
        present = np.flatnonzero(self._counts)
        mean = float(np.dot(values, self._counts)) / self._count
        variance = float(np.dot((values - mean) ** 2, self._counts)) / self._count
        upto = np.cumsum(self._counts)
        second, ninety_eighth = (float(values[np.searchsorted(upto, q * self._count)]) for q in (0.02, 0.98))
        return float(values[present[0]]), float(values[present[-1]]), mean, math.sqrt(variance), second, ninety_eighth

    def _measured(self) -> tuple[float | None, ...]:
        if not self._finite:
            return (None,) * 6
        with np.errstate(all="ignore"):
            second, ninety_eighth = np.percentile(np.concatenate(self._sample), [2, 98])
        deviation = math.sqrt(self._squares / self._finite) if self._squares >= 0 else math.nan
        figures = (self._low, self._high, self._mean, deviation, float(second), float(ninety_eighth))
        # sums of numbers near the largest a float can hold overflow
        return tuple(figure if math.isfinite(figure) else None for figure in figures)


def _counts_of_bytes(pairs: NDArray[np.uint16]) -> NDArray[np.int64]:
    """How often each byte occurs, counted two at a time, which takes half as long."""
    table = np.zeros(2**16, np.int64)
    for part in _slices(pairs):
        table += np.bincount(part, minlength=2**16)
    square = table.reshape(2**8, 2**8)
    return np.asarray(square.sum(axis=0) + square.sum(axis=1))


def _valid_slices(values: Array, valid: NDArray[np.bool_] | None) -> Iterator[Array]:
    """The valid ones; most slices are valid as a whole and need no copy."""
    if valid is None:
        yield from _slices(values.ravel())
        return
    for part, own in zip(_slices(values.ravel()), _slices(valid.ravel()), strict=True):
        yield part if own.all() else part[own]


def _slices(flat: Array) -> Iterator[Array]:
    for start in range(0, flat.size, _AT_ONCE):
        yield flat[start : start + _AT_ONCE]
