"""Cutting a raster into windows, and counting valid pixels in coarse cells. Pure arithmetic on arrays."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

__all__ = ["Array", "ValidityMap", "cell_steps", "iterate_windows", "window_steps"]

Array = NDArray[Any]
"""Pixels of whatever type."""

_UNIT = 512
_MOST_CELLS = 1024
"""Coarse cells along one axis: fine enough for an outline, small enough to keep in memory."""


def cell_steps(width: int, height: int, most: int = _MOST_CELLS) -> tuple[int, int]:
    """Pixels of a coarse cell, ``(rows, columns)``: powers of two, so that cells fill windows exactly."""
    return _power_of_two(height / most), _power_of_two(width / most)


def _power_of_two(least: float) -> int:
    return 1 << max(0, int(np.ceil(np.log2(max(least, 1)))))


def window_steps(
    width: int, height: int, pixel_bytes: int, budget: int, block: tuple[int, int] = (1, 1)
) -> tuple[int, int]:
    """Rows and columns of the windows to work in: whole blocks, whole coarse cells, about ``budget`` bytes.

    Args:
        width, height: Of the raster.
        pixel_bytes: Of one pixel in all bands.
        budget: Bytes of one window; exceeded only where a single block is larger.
        block: ``(rows, columns)`` of the blocks that are read.
    """
    cell_rows, cell_columns = cell_steps(width, height)
    rows, columns = _multiple(_UNIT, block[0], cell_rows), _multiple(_UNIT, block[1], cell_columns)
    across = max(1, budget // (rows * columns * pixel_bytes))
    columns = min(columns * across, _multiple(columns, width))
    if columns < width:
        return rows, columns
    down = max(1, budget // (rows * min(columns, width) * pixel_bytes))
    return rows * down, columns


def _multiple(unit: int, *sizes: int) -> int:
    """The smallest multiple of ``unit`` that is not less than any of ``sizes``."""
    return unit * max(1, *(-(-size // unit) for size in sizes))


def iterate_windows(width: int, height: int, steps: tuple[int, int]) -> Iterator[Window]:
    """Windows of at most ``steps`` rows and columns that cover a raster, row by row."""
    rows, columns = steps
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield Window(left, top, min(columns, width - left), min(rows, height - top))


@attrs.define(kw_only=True)
class ValidityMap:
    """How many pixels of each coarse cell are valid, in any band.

    Attributes:
        width, height: Of the raster, in pixels.
        steps: ``(rows, columns)`` of a cell.
        counts: Valid pixels by cell, in the smallest unsigned type that holds a full cell.
    """

    width: int
    height: int
    steps: tuple[int, int]
    counts: NDArray[np.unsignedinteger[Any]]

    @classmethod
    def of(cls, width: int, height: int) -> ValidityMap:
        rows, columns = cell_steps(width, height)
        counts = np.zeros((-(-height // rows), -(-width // columns)), np.min_scalar_type(rows * columns))
        return cls(width=width, height=height, steps=(rows, columns), counts=counts)

    def add(self, window: Window, valid: NDArray[np.bool_] | None) -> None:
        """Count the pixels of a window.

        Args:
            window: Its offsets are multiples of ``steps``.
            valid: ``(rows, columns)``; None where all are valid.
        """
        rows, columns = self.steps
        top, left = window.row_off // rows, window.col_off // columns
        sums = self._full(window) if valid is None else _valid_in_cells(valid, rows, columns)
        self.counts[top : top + sums.shape[0], left : left + sums.shape[1]] += sums.astype(self.counts.dtype)

    def _full(self, window: Window) -> NDArray[np.int64]:
        rows, columns = self.steps
        return np.outer(_extents(window.height, rows), _extents(window.width, columns))

    def coarser(self, least: int) -> ValidityMap:
        """The same in cells of at least ``least`` pixels along each side, a power of two."""
        rows, columns = (max(1, least // step) for step in self.steps)
        steps = self.steps[0] * rows, self.steps[1] * columns
        counts = _summed(self.counts, rows, columns, np.int64).astype(np.min_scalar_type(steps[0] * steps[1]))
        return ValidityMap(width=self.width, height=self.height, steps=steps, counts=counts)

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    @property
    def is_full(self) -> bool:
        """Whether every pixel is valid."""
        return self.total == self.width * self.height

    @functools.cached_property
    def full_share(self) -> float:
        """Share of the cells that are valid throughout."""
        return float((self.counts == self._sizes).mean())

    def is_full_in(self, left: float, top: float, right: float, bottom: float) -> bool:
        """Whether every pixel of the raster is valid in a box, given in pixels, as far as whole cells can tell."""
        rows, columns = self.steps
        first_row, last_row = (min(max(at, 0), self.height) / rows for at in (top, bottom))
        first_column, last_column = (min(max(at, 0), self.width) / columns for at in (left, right))
        box = (
            slice(math.floor(first_row), math.ceil(last_row)),
            slice(math.floor(first_column), math.ceil(last_column)),
        )
        return bool((self.counts[box] == self._sizes[box]).all())

    @functools.cached_property
    def _sizes(self) -> NDArray[np.unsignedinteger[Any]]:
        """Pixels of each cell that are inside the raster."""
        rows, columns = (_extents(size, step) for size, step in zip((self.height, self.width), self.steps, strict=True))
        return np.multiply.outer(rows.astype(self.counts.dtype), columns.astype(self.counts.dtype))

    def fractions(self) -> NDArray[np.float32]:
        """Share of valid pixels of each cell, 0–1, of those that are inside the raster."""
        shares: NDArray[np.float64] = np.divide(self.counts, self._sizes, dtype=np.float64)
        return shares.astype(np.float32)


def _extents(size: int, step: int) -> NDArray[np.int64]:
    """Lengths of the cells along an axis; the last may be cut."""
    return np.minimum(step, size - np.arange(0, size, step)).astype(np.int64)


def _valid_in_cells(valid: NDArray[np.bool_], rows: int, columns: int) -> NDArray[np.int64]:
    return _summed(valid.view(np.uint8), rows, columns, np.uint16 if rows < 2**16 else np.int64)


def _summed(values: Array, rows: int, columns: int, between: type[np.integer[Any]]) -> NDArray[np.int64]:
    """Sums of cells of so many rows and columns; ``between`` holds those of the rows of a cell."""
    # adding whole strided slices is many times faster than numpy's reductions over short runs
    down = np.zeros((-(-values.shape[0] // rows), values.shape[1]), between)
    for row in range(min(rows, values.shape[0])):
        part = values[row::rows]
        down[: part.shape[0]] += part
    sums = np.zeros((down.shape[0], -(-values.shape[1] // columns)), np.int64)
    for column in range(min(columns, values.shape[1])):
        part = down[:, column::columns]
        sums[:, : part.shape[1]] += part
    return sums
