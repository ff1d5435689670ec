"""The values that categories take."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rastercollection.rasters.pixels.validity import Valid
from rastercollection.rasters.pixels.windows import Array

__all__ = ["Values"]

_MOST = 2**20


class Values:
    """Gathers the valid values of an image, to tell later whether another has one that it lacks.

    Of types with more than 16 bits, it gives up at a million different values: those are no categories.
    """

    def __init__(self, dtype: np.dtype) -> None:
        counted = dtype.kind in "iu" and dtype.itemsize <= 2
        self._lowest = int(np.iinfo(dtype).min) if counted else 0
        size = 2 ** (8 * dtype.itemsize) if counted else 0
        self._present = np.zeros(size, bool)
        self._distinct: Array | None = np.zeros(0, dtype)

    def add(self, data: Array, valid: Valid) -> None:
        """Take in a window: ``(bands, rows, columns)``, and which of its pixels are valid."""
        values = _valid(data, valid)
        if self._present.size:
            self._present |= self._counts(values) > 0
        elif self._distinct is not None:
            found = np.union1d(self._distinct, np.unique(values))
            self._distinct = found if found.size <= _MOST else None

    def missing(self, data: Array, valid: Valid) -> int:
        """How many valid pixels of a window have a value that was not taken in."""
        values = _valid(data, valid)
        if self._present.size:
            return int(self._counts(values)[~self._present].sum())
        if self._distinct is None:
            return 0
        return int(np.count_nonzero(~np.isin(values, self._distinct)))

    def _counts(self, values: Array) -> NDArray[np.intp]:
        positions = values if self._lowest == 0 else values.astype(np.int32) - self._lowest
        return np.bincount(positions, minlength=self._present.size)


def _valid(data: Array, valid: Valid) -> Array:
    return data.ravel() if valid is None else data[np.broadcast_to(valid, data.shape)]
