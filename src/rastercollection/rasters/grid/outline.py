"""Where a source comes to lie in a target CRS: its bounds, its typical pixel, and what is special about the place.

What has no place in the target CRS (beyond 85.06° in Mercator, off the Earth) is left out. A tile that crosses the
antimeridian is followed beyond it (179…181°), not around the world; one with a pole inside reaches the pole and goes
all around.
"""

from __future__ import annotations

import functools
import math

import attrs
import numpy as np
import pyproj
from numpy.typing import NDArray
from rasterio.crs import CRS

from rastercollection.geo.types import Bounds
from rastercollection.geo.webmercator import MERCATOR_LATITUDE
from rastercollection.rasters.gdal_crs import from_rasterio
from rastercollection.rasters.grid.placement import Placement, Points, project

__all__ = ["Axes", "Outline", "find_outline"]

_STEPS = 40
_ROUND_TRIP_PIXELS = 2.0
_AROUND = ("Mercator", "Cylindrical")
_NOT_AROUND = ("Transverse", "Oblique", "Cassini")
"""Projections whose x runs around the world with the longitude, by what their names say."""
_SLIVER = 0.01
"""Of a pixel: what lies beyond the antimeridian by no more is not worth a side of its own."""


@attrs.frozen(kw_only=True)
class Outline:
    """Where a lattice over the source comes to lie in the target CRS.

    Attributes:
        bounds: Of the points that have a place there.
        resolution: Typical size of a source pixel there.
        share: Of the lattice's points that have a place.
        clipped: The tile reaches beyond what the CRS can show.
        end: x at which the one turn of the world ends that the bounds begin in; infinite where there is no end.
        period: x after which the world repeats; infinite where it does not.
        is_limited: The bounds are limits of the CRS, which no pixel may lie beyond.
        is_special: GDAL's suggestion is not to be asked: antimeridian, pole, limits, or a rotated source.
    """

    bounds: Bounds
    resolution: float
    share: float
    clipped: bool
    end: float
    period: float
    is_limited: bool
    is_special: bool

    def sides(self) -> tuple[Outline, ...]:
        """The outline, or its parts on the two sides of the antimeridian, the one before it first."""
        left, bottom, right, top = self.bounds
        if right - self.end <= _SLIVER * self.resolution:
            return (self,)
        east = attrs.evolve(self, bounds=(left, bottom, self.end, top), is_limited=True)
        start = self.end - self.period
        return east, attrs.evolve(self, bounds=(start, bottom, right - self.period, top), is_limited=True)


def find_outline(placement: Placement, target: CRS) -> Outline | None:
    """None where nothing of the source has a place in the target CRS."""
    columns, rows = np.meshgrid(
        np.linspace(0, placement.width, _STEPS + 1), np.linspace(0, placement.height, _STEPS + 1)
    )
    x, y = _forward(placement, target, columns, rows)
    axes = Axes.of(target)
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
    return Outline(
        bounds=(left, bottom, right, top),
        resolution=resolution,
        share=float(there.mean()),
        clipped=clipped,
        end=axes.full_circle[1],
        period=axes.period,
        is_limited=clipped or goes_around,
        is_special=crosses or clipped or goes_around or turned,
    )


def _forward(placement: Placement, target: CRS, columns: Points, rows: Points) -> tuple[Points, Points]:
    """Pixels in the target CRS; NaN for those that do not come back to where they were."""
    x, y = placement.locate(columns, rows)
    new_x, new_y = placement.project(target, x, y)
    lost = ~(np.isfinite(new_x) & np.isfinite(new_y))
    back_x, back_y = placement.unproject(target, np.where(lost, 0, new_x), np.where(lost, 0, new_y))
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
class Axes:
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
    def of(cls, target: CRS) -> Axes:
        """Those of a CRS."""
        crs = from_rasterio(target)
        return cls(period=math.inf, middle=0.0, highest=math.inf) if crs is None else _axes_of(crs.to_wkt())

    @property
    def world(self) -> Bounds | None:
        """``(left, bottom, right, top)`` of one turn of the world; None where the CRS has no such limits."""
        if not math.isfinite(self.period):
            return None
        left, right = self.full_circle
        return (left, -self.highest, right, self.highest)

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


@functools.lru_cache(maxsize=64)
def _axes_of(wkt: str) -> Axes:
    """By the WKT2 of a horizontal CRS; PROJ takes a millisecond to tell the geographic one below a projection."""
    crs, target = pyproj.CRS.from_wkt(wkt), CRS.from_wkt(wkt)
    if crs.is_geographic:
        turn = 2 * math.pi / crs.axis_info[0].unit_conversion_factor
        return Axes(period=turn, middle=0.0, highest=turn / 4, geodetic=target)
    name = crs.coordinate_operation.method_name if crs.coordinate_operation else ""
    if not any(kind in name for kind in _AROUND) or any(kind in name for kind in _NOT_AROUND):
        return Axes(period=math.inf, middle=0.0, highest=math.inf)
    geodetic = CRS.from_wkt(crs.geodetic_crs.to_wkt()) if crs.geodetic_crs else CRS.from_epsg(4326)
    center, latitude = _central_meridian(crs), MERCATOR_LATITUDE if "Mercator" in name else 90.0
    x, y = project(geodetic, target, np.array([center, center + 45]), np.array([latitude, 0.0]))
    return Axes(period=8 * float(x[1] - x[0]), middle=float(x[0]), highest=float(y[0]), geodetic=geodetic)


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
