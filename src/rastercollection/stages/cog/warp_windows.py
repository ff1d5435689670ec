"""Which windows of a grid are warped in which order, so that the source can go while its COG's image is filled."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

import attrs
import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from rastercollection.rasters.grid.plan import Grid
from rastercollection.rasters.pixels.windows import cell_steps, iterate_windows
from rastercollection.stages.cog.coverage import Coverage

__all__ = ["WarpWindows"]

_PIXELS = 2**19
_BYTES = 2**22
"""Of one window: the warper holds about four times as much of it. Smaller ones cost time."""
_LEAST_ROWS, _MOST_ROWS = 64, 512
_COLUMNS = 2048


@attrs.frozen(kw_only=True, eq=False)
class WarpWindows:
    """Windows in rows, one after the other; every window begins and ends with coarse cells of the grid.

    They are the same whatever is there of memory and threads, as results depend on them.

    Attributes:
        grid: That they cover.
        steps: Rows and columns of a window.
        upwards: Rows of windows are taken from the last to the first, as the source runs the other way.
        needed_from: For each row of windows as they are taken, and for what comes after the last: the first row of the
            source that it and those after it need.
    """

    grid: Grid
    steps: tuple[int, int]
    upwards: bool
    needed_from: tuple[int, ...]

    @classmethod
    def of(cls, coverage: Coverage, straight: int | None, pixel_bytes: int, shrink: float) -> WarpWindows:
        """The windows of a grid.

        Args:
            coverage: Where the source lies on it.
            straight: Columns over which positions in the source run straight; None where rows must not be cut.
            pixel_bytes: Of a pixel of the grid while it is warped.
            shrink: Pixels of the source for one of the grid.
        """
        grid = coverage.grid
        steps = _steps(grid, straight, pixel_bytes * max(1.0, shrink))
        tops = np.append(np.arange(0, grid.height, steps[0]), grid.height)
        if coverage.is_thin:  # whose windows see the whole of it
            return cls(
                grid=grid, steps=(grid.height, grid.width), upwards=False, needed_from=(0, coverage.placement.height)
            )
        first_rows = coverage.first_rows(tops)
        down, up = (_needed_from(rows, coverage.placement.height) for rows in (first_rows, first_rows[::-1]))
        upwards = sum(up) > sum(down)
        return cls(grid=grid, steps=steps, upwards=upwards, needed_from=up if upwards else down)

    def rows(self) -> Iterator[list[Window]]:
        """The windows of one row after the other."""
        rows, columns = self.steps
        tops = range(0, self.grid.height, rows)
        for top in reversed(tops) if self.upwards else tops:
            height = min(rows, self.grid.height - top)
            windows = iterate_windows(self.grid.width, height, (height, columns))
            yield [Window(window.col_off, top, window.width, height) for window in windows]

    def held_rows(self, source_height: int) -> Iterator[tuple[int, int]]:
        """Rows of the source and of the grid's image that are held at the same time, of each row of windows."""
        rows, height = self.steps[0], self.grid.height
        for number, needed in enumerate(self.needed_from[:-1]):
            missing = (len(self.needed_from) - 2 - number) * rows
            yield (
                source_height - needed,
                max(rows, height - missing) if self.upwards else min((number + 1) * rows, height),
            )


def _steps(grid: Grid, straight: int | None, pixel_bytes: float) -> tuple[int, int]:
    cell_rows, cell_columns = cell_steps(grid.width, grid.height)
    pixels = min(_PIXELS, int(_BYTES / pixel_bytes))
    columns = grid.width
    if straight is not None:
        most = min(straight, _COLUMNS)
        columns = most if most >= grid.width else max(most // cell_columns, 1) * cell_columns
    rows = min(max(pixels // columns, _LEAST_ROWS), _MOST_ROWS)
    unit = max(cell_rows, _LEAST_ROWS)
    return max(rows // unit, 1) * unit, columns


def _needed_from(first_rows: NDArray[np.float64], height: int) -> tuple[int, ...]:
    """The first row that each of the strips, or any after it, needs; ``height`` after the last."""
    clipped = np.clip(np.floor(np.nan_to_num(first_rows, nan=0, neginf=0)), 0, height).astype(int)
    return (*reversed(list(accumulate(reversed(clipped.tolist()), min))), height)
