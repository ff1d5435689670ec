"""The pixel grid of a COG: upright, in the target CRS, for now one of its own for every tile.

A tile that is upright in the target CRS keeps its pixels. Any other gets square pixels about as fine as its own. What
has no place in the target CRS (beyond 85.06° in Mercator, off the Earth) is left out. A tile that crosses the
antimeridian gets a grid that runs on beyond it (179…181°), not one around the world; a tile with a pole inside gets
one that reaches the pole and goes all around.
"""

from __future__ import annotations

import math

import attrs
import numpy as np
import pyproj
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.warp import calculate_default_transform

from rastercollection.errors import TileError
from rastercollection.models import Notice
from rastercollection.products import Bounds
from rastercollection.rasters.crs import from_rasterio, same_crs
from rastercollection.rasters.failures import GDAL_ERRORS, describe
from rastercollection.rasters.placement import Placement, Points, project

__all__ = ["Grid", "GridPlan", "plan_grid"]

_STEPS = 40
_MERCATOR_LIMIT = 85.0511287798066
_ROUND_TRIP_PIXELS = 2.0
_BARELY_THERE = 0.5
"""Share of the tile that has to have a place in the target CRS for nothing to be said."""


@attrs.frozen(kw_only=True)
class Grid:
    """Pixels of equal size along the axes of a CRS, the first row in the north.

    Attributes:
        crs: Of the coordinates.
        transform: Pixel → CRS; ``a > 0``, ``e < 0``, ``b = d = 0``.
        width, height: In pixels.
    """

    crs: CRS
    transform: Affine
    width: int
    height: int

    @property
    def bounds(self) -> Bounds:
        """``(left, bottom, right, top)`` in ``crs``."""
        t = self.transform
        return (t.c, t.f + t.e * self.height, t.c + t.a * self.width, t.f)

    def coarser(self, rows: int, columns: int) -> Grid:
        """The grid of cells of ``rows`` × ``columns`` pixels; the last may reach beyond the raster."""
        return attrs.evolve(
            self,
            transform=self.transform * Affine.scale(columns, rows),
            width=-(-self.width // columns),
            height=-(-self.height // rows),
        )


@attrs.frozen(kw_only=True)
class GridPlan:
    """How a source comes onto its grid.

    Attributes:
        grid: Of the COG.
        reprojected: Pixels are resampled; otherwise they are taken over as they are.
        flip_rows, flip_columns: Which axes of a source that is taken over run the other way.
        notices: Warnings.
    """

    grid: Grid
    reprojected: bool
    flip_rows: bool = False
    flip_columns: bool = False
    notices: tuple[Notice, ...] = ()


def plan_grid(placement: Placement, target: CRS, blob: str, max_pixels: int) -> GridPlan:
    """The grid of a tile in the target CRS.

    Args:
        placement: Of the source.
        target: CRS of the COG.
        blob: Name of the tile.
        max_pixels: Limit of width × height.

    Raises:
        TileError: ``REPROJECTION_FAILED`` or ``TOO_MANY_PIXELS``.
    """
    if placement.is_upright and _same(placement.crs, target):
        plan = _as_it_is(placement, target)
    else:
        plan = _rectified(placement, target, blob)
    grid = plan.grid
    if grid.width * grid.height > max_pixels:
        raise TileError(
            f"{blob}: in the target CRS it has {grid.width:,} × {grid.height:,} pixels; the limit is {max_pixels:,}.",
            "Cut it into smaller tiles, choose another target_crs, or raise max_pixels.",
            "TOO_MANY_PIXELS",
        )
    return plan


def _same(one: CRS, other: CRS) -> bool:
    first, second = from_rasterio(one), from_rasterio(other)
    return first is not None and second is not None and same_crs(first, second)


def _as_it_is(placement: Placement, target: CRS) -> GridPlan:
    t = placement.transform
    assert t is not None
    flip_columns, flip_rows = t.a < 0, t.e > 0
    west = t.c + (t.a * placement.width if flip_columns else 0)
    north = t.f + (t.e * placement.height if flip_rows else 0)
    transform = Affine(abs(t.a), 0, west, 0, -abs(t.e), north)
    grid = Grid(crs=target, transform=transform, width=placement.width, height=placement.height)
    return GridPlan(grid=grid, reprojected=False, flip_rows=flip_rows, flip_columns=flip_columns)


def _rectified(placement: Placement, target: CRS, blob: str) -> GridPlan:
    try:
        outline = _outline(placement, target)
    except GDAL_ERRORS as error:
        raise TileError(
            f"{blob}: its pixels cannot be located: {describe(error)}",
            "Check its georeferencing.",
            "REPROJECTION_FAILED",
        ) from error
    if outline is None:
        raise TileError(
            f"{blob}: no part of it has a place in the target CRS.",
            "Check its georeferencing, or choose another target_crs.",
            "REPROJECTION_FAILED",
        )
    notices = []
    if outline.share < _BARELY_THERE or outline.clipped:
        message = f"{blob}: parts of it are beyond what the target CRS can show and are left out."
        notices.append(Notice(code="CLIPPED_TO_CRS", message=message))
    if outline.crosses:
        message = (
            f"{blob}: it crosses the antimeridian, and so does its grid; tile servers may show the part on the western "
            "side only. Cut the tile there, or choose a target_crs that is not cut there."
        )
        notices.append(Notice(code="CROSSES_ANTIMERIDIAN", message=message))
    grid = (None if outline.is_special else _suggested(placement, target, outline)) or outline.grid(target)
    return GridPlan(grid=grid, reprojected=True, notices=tuple(notices))


def _suggested(placement: Placement, target: CRS, outline: _Outline) -> Grid | None:
    """GDAL's own suggestion; None where it does not fit what was found."""
    where = {"gcps": placement.gcps or None, "rpcs": placement.rpcs}
    if placement.transform is not None:
        left, bottom, right, top = placement.bounds()
        where |= {"left": left, "bottom": bottom, "right": right, "top": top}
    size = placement.width, placement.height
    try:
        found = calculate_default_transform(placement.crs, target, *size, **where, **placement.rpc_options)
    except GDAL_ERRORS:
        return None
    transform, width, height = found
    if not (width and height and width > 0 and height > 0 and transform.a > 0 and transform.e < 0):
        return None
    grid = Grid(crs=target, transform=transform, width=int(width), height=int(height))
    return grid if outline.agrees_with(grid) else None


@attrs.frozen(kw_only=True)
class _Outline:
    """Where a lattice over the source comes to lie in the target CRS.

    Attributes:
        bounds: Of the points that have a place there.
        resolution: Typical size of a source pixel there.
        share: Of the lattice's points that have a place.
        clipped: The tile reaches beyond what the CRS can show.
        crosses: The tile lies on both sides of the antimeridian.
        is_limited: The bounds are limits of the CRS, which no pixel may lie beyond.
        is_special: GDAL's suggestion is not to be asked: antimeridian, pole, limits, or a rotated source.
    """

    bounds: Bounds
    resolution: float
    share: float
    clipped: bool
    crosses: bool
    is_limited: bool
    is_special: bool

    def agrees_with(self, grid: Grid) -> bool:
        left, bottom, right, top = self.bounds
        slack = 0.02 * max(right - left, top - bottom) + 3 * max(grid.transform.a, -grid.transform.e)
        return all(abs(one - other) <= slack for one, other in zip(grid.bounds, self.bounds, strict=True))

    def grid(self, target: CRS) -> Grid:
        left, bottom, right, top = self.bounds
        width = max(1, math.ceil((right - left) / self.resolution - 1e-6))
        height = max(1, math.ceil((top - bottom) / self.resolution - 1e-6))
        across = down = self.resolution
        if self.is_limited:
            across, down = (right - left) / width, (top - bottom) / height
        return Grid(crs=target, transform=Affine(across, 0, left, 0, -down, top), width=width, height=height)


def _outline(placement: Placement, target: CRS) -> _Outline | None:
    """None where nothing of the source has a place in the target CRS."""
    columns, rows = np.meshgrid(
        np.linspace(0, placement.width, _STEPS + 1), np.linspace(0, placement.height, _STEPS + 1)
    )
    x, y = _forward(placement, target, columns, rows)
    axes = _Axes.of(target)
    x, crosses = axes.unrolled(x)
    with np.errstate(invalid="ignore"):
        there = np.isfinite(x) & (np.abs(y) <= axes.highest)
        clipped = bool((np.abs(y) > axes.highest * (1 + 1e-9)).any())
    resolution = _resolution(np.where(there, x, np.nan), np.where(there, y, np.nan), placement)
    if resolution is None:
        return None
    left, right = float(x[there].min()), float(x[there].max())
    bottom = max(float(np.nanmin(y)), -axes.highest)
    top = min(float(np.nanmax(y)), axes.highest)
    poles = axes.poles_inside(placement)
    goes_around = bool(poles) or right - left > axes.period * (1 - 1.5 / _STEPS)
    if goes_around:
        left, right = axes.full_circle
        bottom, top = min(bottom, *poles, top), max(top, *poles, bottom)
    turned = placement.transform is not None and not placement.is_upright
    return _Outline(
        bounds=(left, bottom, right, top),
        resolution=resolution,
        share=float(there.mean()),
        clipped=clipped,
        crosses=crosses and not goes_around,
        is_limited=clipped or goes_around,
        is_special=crosses or clipped or goes_around or turned,
    )


def _forward(placement: Placement, target: CRS, columns: Points, rows: Points) -> tuple[Points, Points]:
    """Pixels in the target CRS; NaN for those that do not come back to where they were."""
    x, y = placement.locate(columns, rows)
    new_x, new_y = project(placement.crs, target, x, y)
    lost = ~(np.isfinite(new_x) & np.isfinite(new_y))
    back_x, back_y = project(target, placement.crs, np.where(lost, 0, new_x), np.where(lost, 0, new_y))
    step_x = (np.max(x) - np.min(x)) / placement.width
    step_y = (np.max(y) - np.min(y)) / placement.height
    slack = _ROUND_TRIP_PIXELS * max(step_x, step_y) + 1e-3 * max(np.ptp(x), np.ptp(y))
    crs = from_rasterio(placement.crs)
    turn = 2 * math.pi / crs.axis_info[0].unit_conversion_factor if crs is not None and crs.is_geographic else math.inf
    away = np.abs(back_x - x)
    away = np.minimum(away, np.abs(away - turn)) if math.isfinite(turn) else away
    with np.errstate(invalid="ignore"):
        lost |= ~((away <= slack) & (np.abs(back_y - y) <= slack))
    return np.where(lost, np.nan, new_x), np.where(lost, np.nan, new_y)


def _resolution(x: Points, y: Points, placement: Placement) -> float | None:
    """The side of a square as large as a typical source pixel; None where no cell of the lattice is whole."""
    area = _cell_areas(x, y) / (placement.width * placement.height / _STEPS**2)
    area = area[np.isfinite(area) & (area > 0)]
    return float(np.sqrt(np.median(area))) if area.size else None


def _cell_areas(x: Points, y: Points) -> NDArray[np.float64]:
    """Areas of the lattice's cells, from their diagonals."""
    x1, y1 = x[1:, 1:] - x[:-1, :-1], y[1:, 1:] - y[:-1, :-1]
    x2, y2 = x[1:, :-1] - x[:-1, 1:], y[1:, :-1] - y[:-1, 1:]
    return np.asarray(np.abs(x1 * y2 - x2 * y1) / 2)


@attrs.frozen(kw_only=True)
class _Axes:
    """What is special about a CRS's axes.

    Attributes:
        period: x after which the world repeats; infinite where it does not.
        middle: x in the middle of one turn.
        highest: |y| that can be shown.
        geodetic: The geographic CRS below it.
    """

    period: float
    middle: float
    highest: float
    geodetic: CRS | None = None

    @classmethod
    def of(cls, target: CRS) -> _Axes:
        crs = from_rasterio(target)
        if crs is not None and crs.is_geographic:
            turn = 2 * math.pi / crs.axis_info[0].unit_conversion_factor
            return cls(period=turn, middle=0.0, highest=turn / 4, geodetic=target)
        name = crs.coordinate_operation.method_name if crs is not None and crs.coordinate_operation else ""
        if crs is None or "Mercator" not in name or "Transverse" in name or "Oblique" in name:
            return cls(period=math.inf, middle=0.0, highest=math.inf)
        geodetic = CRS.from_wkt(crs.geodetic_crs.to_wkt()) if crs.geodetic_crs else CRS.from_epsg(4326)
        center = _central_meridian(crs)
        x, y = project(geodetic, target, np.array([center, center + 45]), np.array([_MERCATOR_LIMIT, 0.0]))
        return cls(period=8 * float(x[1] - x[0]), middle=float(x[0]), highest=float(y[0]), geodetic=geodetic)

    @property
    def full_circle(self) -> tuple[float, float]:
        return self.middle - self.period / 2, self.middle + self.period / 2

    def unrolled(self, x: Points) -> tuple[Points, bool]:
        """x without the jump at the antimeridian, and whether there was one."""
        present = x[np.isfinite(x)]
        if not math.isfinite(self.period) or present.size == 0:
            return x, False
        center = x[x.shape[0] // 2, x.shape[1] // 2]
        center = center if math.isfinite(center) else present[present.size // 2]
        around = x - self.period * np.round((x - center) / self.period)
        span, usual = np.ptp(around[np.isfinite(around)]), np.ptp(present)
        if not (span < 0.9 * usual and usual > 0.5 * self.period):
            return x, False
        west = float(np.nanmin(around))
        return around - self.period * math.floor((west - self.full_circle[0]) / self.period), True

    def poles_inside(self, placement: Placement) -> tuple[float, ...]:
        """The highest or lowest y, for each pole that lies inside the source."""
        if self.geodetic is None:
            return ()
        sides = [side for side in (-1, 1) if _holds_pole(placement, self.geodetic, side)]
        return tuple(side * self.highest for side in sides)


def _holds_pole(placement: Placement, geodetic: CRS, side: int) -> bool:
    """Whether the south (-1) or north (1) pole is one point, inside the source."""
    crs, degrees = from_rasterio(placement.crs), from_rasterio(geodetic)
    if crs is None or degrees is None or crs.is_geographic:
        return False
    quarter = math.pi / 2 / degrees.axis_info[0].unit_conversion_factor
    x, y = project(geodetic, placement.crs, quarter * np.array([0.0, 1.0, -1.0]), np.full(3, side * quarter))
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return False
    columns, rows = placement.find(x, y)
    is_point = max(np.ptp(columns), np.ptp(rows)) < 1
    return bool(is_point and 0 <= columns[0] <= placement.width and 0 <= rows[0] <= placement.height)


def _central_meridian(crs: pyproj.CRS) -> float:
    for parameter in crs.coordinate_operation.params if crs.coordinate_operation else ():
        if parameter.name in ("Longitude of natural origin", "Longitude of false origin"):
            return float(parameter.value)
    return 0.0
