"""Which pixels of a grid have their centre inside the source, to a millionth of a pixel.

The warper approximates coordinates to a fraction of a pixel, so that where two sources meet a pixel could fall
between them, or into both. Here the outline is told exactly: coordinates are projected at the nodes of a lattice,
interpolated between them near the outline, and projected one by one where interpolation could be wrong.
"""

from __future__ import annotations

import math

import attrs
import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from rastercollection.rasters.gdal_crs import from_rasterio
from rastercollection.rasters.grid.placement import Placement, Points, apply
from rastercollection.rasters.grid.plan import Grid

__all__ = ["Coverage", "Extent", "source_pixels"]

_STEPS = (64, 16, 4)
_MOST_ERROR = 0.2
_CLEARLY = 2.0
_EPSILON = 1e-6
_SURE = 0.02
_SPAN = 1024
_PLACES = 9
_LEAP = 0.25
_UNIT = 64
_IN_LINE = 1.0
_SHARES = (0.6, 0.55, 0.45, 0.7)
_THIN = 3
_REACH = 6
"""Pixels of the coarser of both rasters that a kernel reaches at most, with what coordinates may be off."""


@attrs.frozen(kw_only=True)
class Extent:
    """The part of the source below a window, in its pixels; infinite where that cannot be told."""

    left: float
    top: float
    right: float
    bottom: float


def source_pixels(placement: Placement, grid: Grid, x: Points, y: Points) -> tuple[Points, Points]:
    """Columns and rows in the source of coordinates in the grid's CRS; NaN where they have none."""
    source_x, source_y = placement.unproject(grid.crs, x, y)
    there = np.isfinite(source_x) & np.isfinite(source_y)
    columns, rows = np.full(x.shape, np.nan), np.full(x.shape, np.nan)
    if there.any():
        columns[there], rows[there] = placement.find(_unrolled(placement, source_x[there]), source_y[there])
    return columns, rows


def _unrolled(placement: Placement, x: Points) -> Points:
    """Longitudes in the turn that the source counts them in."""
    crs = from_rasterio(placement.crs)
    if placement.transform is None or crs is None or not crs.is_geographic:
        return x
    west, _, east, _ = placement.bounds()
    turn = 2 * np.pi / crs.axis_info[0].unit_conversion_factor
    return np.asarray(x - turn * np.round((x - (west + east) / 2) / turn))


@attrs.frozen(kw_only=True)
class Coverage:
    """Where a source lies on a grid, by its geotransform, control points or polynomials, as GDAL evaluates them."""

    placement: Placement
    grid: Grid

    def extent(self, window: Window) -> Extent:
        """Where in the source the pixels of a window come from."""
        columns, rows = self._at(*_nodes(window, max(window.width, window.height) // 8 or 1))
        if not (np.isfinite(columns).all() and np.isfinite(rows).all()):
            return Extent(left=-np.inf, top=-np.inf, right=np.inf, bottom=np.inf)
        # between nodes, a curved edge may reach a little further
        slack = 4 + 0.02 * max(np.ptp(columns), np.ptp(rows))
        return Extent(
            left=columns.min() - slack,
            top=rows.min() - slack,
            right=columns.max() + slack,
            bottom=rows.max() + slack,
        )

    def first_rows(self, edges: NDArray[np.intp]) -> Points:
        """The first row of the source that kernels reach from each strip of the grid between two rows.

        -inf where that cannot be told.

        Args:
            edges: Rows of the grid, ascending: each strip ends where the next one begins.
        """
        columns = np.linspace(0, self.grid.width, max(_PLACES, self.grid.width // _SPAN * 2))
        _, rows = self._at(*np.meshgrid(columns, edges.astype(float)))
        with np.errstate(invalid="ignore"):
            spans = np.diff(edges)[:, np.newaxis], np.diff(columns)
            slopes = [np.diff(rows, axis=axis) / span for axis, span in enumerate(spans)]
            scale = max(float(np.abs(slope).max()) for slope in slopes)
            # between nodes, a curve strays from a straight line by less than its line does from one node to the next
            bends = [np.abs(np.diff(slope, axis=axis)).max(initial=0) for axis, slope in enumerate(slopes)]
            bend = max(float(bend * span.max()) for bend, span in zip(bends, spans, strict=True))
        first = np.minimum(rows[:-1], rows[1:]).min(axis=1) - bend - _REACH * max(scale, 1)
        return np.where(np.isfinite(first), first, -np.inf)

    def straight(self, tolerance: float) -> int | None:
        """Columns of the grid over which positions in the source run straight and evenly along a row.

        None where rows must not be cut: beside a line where longitudes start anew, small windows miss what lies on its
        other side. Of sources without a geotransform, nothing is known.

        Args:
            tolerance: Pixels of the source by which they may bend in the middle.
        """
        grid = self.grid
        if self.placement.transform is None:
            return None
        span = min(grid.width, _SPAN)
        starts, rows = np.meshgrid(np.linspace(0, grid.width - span, _PLACES), np.linspace(0, grid.height, _PLACES))
        ends = [self._at(starts + span * part, rows) for part in (0, 0.5, 1)]
        (c0, r0), (c1, r1), (c2, r2) = ends
        bend = np.hypot(c1 - (c0 + c2) / 2, r1 - (r0 + r2) / 2)
        there = np.isfinite(bend) & (self.depth(c1, r1) > -2 * span)
        most = float(bend[there].max(initial=0.0))
        leaps = bend[there] > _LEAP * np.hypot(c2 - c0, r2 - r0)[there]
        if leaps.any():
            return None
        if most == 0:
            return grid.width
        # the bend of a smooth curve grows with the square of its length
        columns = int(min(span * (tolerance / most) ** 0.5, grid.width))
        return max(_UNIT, columns // _UNIT * _UNIT)

    def uneven(self) -> int:
        """Columns of the grid that GDAL may be given at once where rows ought not to be cut.

        It takes a row for straight where its first, its middle and its last position in the source are in line: those
        of a whole world between two rims that longitudes run over are, and all in between would be mirrored. Parts of
        another length are not in line.
        """
        width = self.grid.width
        candidates = (width, *(math.ceil(width * share) for share in _SHARES))
        return next((columns for columns in candidates if not self._misleads(columns)), width)

    def _misleads(self, columns: int) -> bool:
        """Whether in any part of so many columns ends and middle are in line, and what lies between is not."""
        width, height = self.grid.width, self.grid.height
        starts, rows = np.meshgrid(np.arange(0, width, columns), np.linspace(0.5, height - 0.5, _PLACES))
        spans = np.minimum(columns, width - starts) - 1
        places = [self._at(starts + 0.5 + spans * part, rows)[0] for part in (0, 0.25, 0.5, 0.75, 1)]
        first, quarter, middle, later, last = places
        in_line = np.abs(middle - (first + last) / 2) < _IN_LINE
        apart = np.maximum(np.abs(quarter - (first + middle) / 2), np.abs(later - (middle + last) / 2))
        return bool((in_line & (apart > 1)).any())

    def inside(self, window: Window) -> NDArray[np.bool_] | None:
        """``(rows, columns)``: whether the source holds the centre of each pixel of a window; None where it holds all.

        Where coordinates change too abruptly to be interpolated, or do not exist, pixels count as inside: the warper
        has to tell. A source that is thinner than the grid's pixels may slip between their centres: then it has the
        pixel that is closest.

        """
        inside = self._inside(window)
        return inside if inside is None or not self.is_thin else self._with_closest(window, inside)

    @property
    def is_thin(self) -> bool:
        """Whether the source, or the grid, has so few rows or columns that it may slip between centres of the grid."""
        placement, grid = self.placement, self.grid
        return min(grid.width, grid.height) <= _THIN or min(placement.width, placement.height) < _THIN

    def positions(self, window: Window, places: NDArray[np.intp]) -> tuple[Points, Points]:
        """Columns and rows in the source of the centres of a window's pixels, given as ``(…, 2)``: row and column."""
        return self._at(window.col_off + places[..., 1] + 0.5, window.row_off + places[..., 0] + 0.5)

    def _with_closest(self, window: Window, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """With the pixel closest to the source in each line across the longer axis that it would be missing from."""
        columns, rows = self.positions(window, np.moveaxis(np.indices((window.height, window.width)), 0, -1))
        depth = np.nan_to_num(self.depth(columns, rows), nan=-np.inf)
        across = 0 if self.grid.width >= self.grid.height else 1
        if depth.shape[across] < (self.grid.height, self.grid.width)[across]:
            return inside  # who knows whether the closest pixel is in another window
        runs_along_columns = np.ptp(columns.mean(axis=across)) >= np.ptp(rows.mean(axis=across))
        along, length = (columns, self.placement.width) if runs_along_columns else (rows, self.placement.height)
        closest = (depth == depth.max(axis=across, keepdims=True)) & (along >= 0) & (along < length)
        reaches = closest & (depth > -self._reach(window))
        found = inside | (reaches & ~inside.any(axis=across, keepdims=True))
        if not found.any() and (window.width, window.height) == (self.grid.width, self.grid.height):
            found.flat[np.argmax(depth)] = True
        return np.asarray(found)

    def _reach(self, window: Window) -> float:
        """Half of the longer side of the grid's pixels, in pixels of the source."""
        columns, rows = self._at(*_nodes(window, 1))
        sides = [np.hypot(np.diff(columns, axis=axis), np.diff(rows, axis=axis)) for axis in (0, 1)]
        return float(max(np.nanmax(side) for side in sides)) / 2

    def _inside(self, window: Window) -> NDArray[np.bool_] | None:
        # cells that reach far beyond a small window may reach around the world
        for step in [step for step in _STEPS if step <= min(window.width, window.height)] or _STEPS[-1:]:
            lattice = _Lattice.of(self, window, step)
            if lattice.error <= _MOST_ERROR:
                return lattice.inside(self)
        return None

    def _at(self, columns: Points, rows: Points) -> tuple[Points, Points]:
        """Positions in the source, in pixels, of positions on the grid."""
        return source_pixels(self.placement, self.grid, *apply(self.grid.transform, columns, rows))

    def depth(self, columns: Points, rows: Points) -> Points:
        """How far positions in the source are from its outline, in pixels, positive inside."""
        width, height = self.placement.width, self.placement.height
        return np.minimum(np.minimum(columns, width - columns), np.minimum(rows, height - rows))


def _nodes(window: Window, step: int) -> tuple[Points, Points]:
    """A lattice over the whole window, which may reach beyond it by less than a step."""
    columns = window.col_off + step * np.arange(-(-window.width // step) + 1, dtype=float)
    rows = window.row_off + step * np.arange(-(-window.height // step) + 1, dtype=float)
    across, down = np.meshgrid(columns, rows)
    return across, down


@attrs.frozen(kw_only=True)
class _Lattice:
    """Positions in the source, projected exactly, of the corners of square cells of a window.

    Attributes:
        window: On the grid.
        step: Pixels of a cell's side.
        columns, rows: In the source, ``(cells down + 1, cells across + 1)``.
        error: How far positions interpolated in the middle of cells are off, at most, in pixels.
    """

    window: Window
    step: int
    columns: Points
    rows: Points
    error: float

    @classmethod
    def of(cls, coverage: Coverage, window: Window, step: int) -> _Lattice:
        across, down = _nodes(window, step)
        columns, rows = coverage._at(across, down)
        middle_columns, middle_rows = coverage._at(across[:-1, :-1] + step / 2, down[:-1, :-1] + step / 2)
        away = np.hypot(_middles(columns) - middle_columns, _middles(rows) - middle_rows)
        reach = np.ptp(_corners(columns), axis=0) + np.ptp(_corners(rows), axis=0)
        near = np.abs(coverage.depth(middle_columns, middle_rows)) < reach + _CLEARLY
        away = away[np.isfinite(away) & near]
        return cls(window=window, step=step, columns=columns, rows=rows, error=float(away.max(initial=0.0)))

    def inside(self, coverage: Coverage) -> NDArray[np.bool_] | None:
        deepest, shallowest = self._depths(coverage)
        unknown = ~np.isfinite(shallowest)
        clear = unknown | (shallowest > _CLEARLY)
        if clear.all():
            return None
        out = deepest < -_CLEARLY
        cells = np.where(out, False, True)
        inside = np.kron(cells, np.ones((self.step, self.step), bool))
        self._settle_edges(coverage, inside, np.argwhere(~clear & ~out))
        return np.ascontiguousarray(inside[: self.window.height, : self.window.width])

    def _depths(self, coverage: Coverage) -> tuple[Points, Points]:
        """The largest and the smallest depth that any pixel of each cell can have, as far as coordinates are linear."""
        width, height = coverage.placement.width, coverage.placement.height
        sides = (self.columns, width - self.columns, self.rows, height - self.rows)
        corners = [_corners(side) for side in sides]
        deepest = np.minimum.reduce([side.max(axis=0) for side in corners])
        shallowest = np.minimum.reduce([side.min(axis=0) for side in corners])
        return deepest, shallowest

    def _settle_edges(self, coverage: Coverage, inside: NDArray[np.bool_], cells: NDArray[np.intp]) -> None:
        """Decide pixel by pixel in the cells that the outline passes through; in place."""
        if not len(cells):
            return
        step = self.step
        columns, rows = (self._interpolated(values, cells) for values in (self.columns, self.rows))
        depth = coverage.depth(columns, rows)
        decided = depth > 0
        unsure = np.abs(depth) < max(_SURE, 2 * self.error)
        if unsure.any():
            which, down, across = np.nonzero(unsure)
            exact = coverage._at(
                self.window.col_off + cells[which, 1] * step + across + 0.5,
                self.window.row_off + cells[which, 0] * step + down + 0.5,
            )
            decided[unsure] = coverage.depth(*exact) >= -_EPSILON
        for (row, column), block in zip(cells, decided, strict=True):
            inside[row * step : (row + 1) * step, column * step : (column + 1) * step] = block

    def _interpolated(self, values: Points, cells: NDArray[np.intp]) -> Points:
        """``(cells, step, step)``: values at pixel centres, from those at the corners."""
        at = (np.arange(self.step) + 0.5) / self.step
        down, across = at[np.newaxis, :, np.newaxis], at[np.newaxis, np.newaxis, :]
        top_left, top_right, bottom_left, bottom_right = (
            corner[cells[:, 0], cells[:, 1]][:, np.newaxis, np.newaxis] for corner in _corners(values)
        )
        top = top_left * (1 - across) + top_right * across
        bottom = bottom_left * (1 - across) + bottom_right * across
        return np.asarray(top * (1 - down) + bottom * down)


def _corners(values: Points) -> Points:
    """``(4, cells down, cells across)``: top left, top right, bottom left, bottom right."""
    return np.stack([values[:-1, :-1], values[:-1, 1:], values[1:, :-1], values[1:, 1:]])


def _middles(values: Points) -> Points:
    return np.asarray(_corners(values).mean(axis=0))
