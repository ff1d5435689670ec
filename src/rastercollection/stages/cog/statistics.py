"""Statistics of a band, gathered window by window over its valid pixels."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from rastercollection.products import BandStatistics
from rastercollection.stages.cog.windows import Array

__all__ = ["BandSummary"]

_AT_ONCE = 2**20
_SAMPLE = 200_000
_WITH_HISTOGRAM = ("uint8", "int8", "uint16", "int16")


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
        self._lowest = np.iinfo(dtype).min if dtype.name in _WITH_HISTOGRAM else 0
        size = np.iinfo(dtype).max - self._lowest + 1 if dtype.name in _WITH_HISTOGRAM else 0
        self._histogram = np.zeros(size, np.int64)

    def add(self, values: Array) -> None:
        """Take in valid values, in whatever shape."""
        flat = values.ravel()
        self._count += flat.size
        for part in _slices(flat):
            if self._histogram.size:
                positions = part if self._lowest == 0 else part.astype(np.int32) - self._lowest
                self._histogram += np.bincount(positions, minlength=self._histogram.size)
            else:
                self._add_numbers(part)

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
        figures = self._counted() if self._histogram.size else self._measured()
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
        )

    def _counted(self) -> tuple[float | None, ...]:
        if not self._count:
            return (None,) * 6
        values = np.arange(self._histogram.size, dtype=np.float64) + self._lowest
        present = np.flatnonzero(self._histogram)
        mean = float(np.dot(values, self._histogram)) / self._count
        variance = float(np.dot((values - mean) ** 2, self._histogram)) / self._count
        upto = np.cumsum(self._histogram)
        second, ninety_eighth = (float(values[np.searchsorted(upto, q * self._count)]) for q in (0.02, 0.98))
        return float(values[present[0]]), float(values[present[-1]]), mean, math.sqrt(variance), second, ninety_eighth

    def _measured(self) -> tuple[float | None, ...]:
        if not self._finite:
            return (None,) * 6
        second, ninety_eighth = np.percentile(np.concatenate(self._sample), [2, 98])
        deviation = math.sqrt(self._squares / self._finite) if self._squares >= 0 else math.nan
        figures = (self._low, self._high, self._mean, deviation, float(second), float(ninety_eighth))
        # sums of numbers near the largest a float can hold overflow
        return tuple(figure if math.isfinite(figure) else None for figure in figures)


def _slices(flat: Array) -> Iterator[Array]:
    for start in range(0, flat.size, _AT_ONCE):
        yield flat[start : start + _AT_ONCE]
