"""The pixel grid of a COG: upright, in the target CRS, and where the rule of its collection puts it.

By itself a tile that is upright in the target CRS keeps its pixels, and any other gets square pixels about as fine as
its own: that is its natural grid. The rule says how the natural grid comes onto the one that the collection shares.

Readers look for pixels between 180° W and 180° E only. So of a tile that crosses the antimeridian, where the target CRS
is cut there, each side has a grid of its own.
"""

from __future__ import annotations

import math
from typing import Literal

import attrs
from affine import Affine
from rasterio.crs import CRS
from rasterio.warp import calculate_default_transform

from rastercollection.core.models import Notice
from rastercollection.errors import TaskError
from rastercollection.geo.crs import same_crs
from rastercollection.geo.pixel_grid import GridRule
from rastercollection.geo.types import Bounds, NaturalGrid
from rastercollection.rasters.gdal_crs import from_rasterio
from rastercollection.rasters.gdal_errors import GDAL_ERRORS, error_text, raise_shortage
from rastercollection.rasters.grid.outline import Axes, Outline, find_outline
from rastercollection.rasters.grid.placement import Placement, Strip
from rastercollection.rasters.grid.turns import cut_columns, moved

__all__ = ["NO_PLACE", "Grid", "GridPlan", "Side", "SideName", "natural_grid", "plan_sides"]

NO_PLACE = "REPROJECTION_FAILED"
"""Code of the error that says that a tile has no place in the target CRS."""

_ROUNDING = 1e-6
_ON_EDGE = 0.01
"""Columns that an edge between them may lie off the antimeridian and still count as on it."""
_BARELY_THERE = 0.5
"""Share of the tile that has to have a place in the target CRS for nothing to be said."""

_MOST_COARSER = 2
"""Than the source, for a suggestion to be taken: GDAL's are by diagonals, which go around the world where it is cut."""


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

    @property
    def bounds_in_world(self) -> Bounds:
        """The same without the part of a pixel that may lie beyond the antimeridian, where the CRS ends there."""
        left, bottom, right, top = self.bounds
        low, high = Axes.of(self.crs).full_circle
        pixel = self.transform.a * (1 + _ROUNDING)
        left = max(left, low) if low - left <= pixel else left
        right = min(right, high) if right - high <= pixel else right
        return (left, bottom, right, top)

    def coarser(self, rows: int, columns: int) -> Grid:
        """The grid of cells of ``rows`` × ``columns`` pixels; the last may reach beyond the raster."""
        return attrs.evolve(
            self,
            transform=self.transform @ Affine.scale(columns, rows),
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
        typical: Size of a pixel of the source there, typically, all over the source; None where they are taken over.
        notices: Warnings.
    """

    grid: Grid
    reprojected: bool
    flip_rows: bool = False
    flip_columns: bool = False
    typical: float | None = None
    notices: tuple[Notice, ...] = ()


SideName = Literal["", "east", "west"]
"""The part in the eastern hemisphere, which ends at 180° E, or in the western, which begins there; empty for all."""


@attrs.frozen(kw_only=True)
class Side:
    """A tile, or its part on one side of the antimeridian.

    Attributes:
        name: Which part.
        placement: Of the pixels that it is made of.
        plan: How they come onto its grid.
    """

    name: SideName
    placement: Placement
    plan: GridPlan


@attrs.frozen(kw_only=True)
class _Located:
    """A tile in the target CRS: how it would come onto a grid of its own, and what the rule has to know of it.

    Attributes:
        name: Which part of it.
        placement: Of the pixels that are taken over where it keeps its grid.
        whole: Of those that are resampled where it does not.
        plan, natural: Its own grid.
    """

    name: SideName = ""
    placement: Placement
    whole: Placement
    plan: GridPlan
    natural: NaturalGrid


def plan_sides(placement: Placement, target: CRS, rule: GridRule, blob: str, max_pixels: int) -> tuple[Side, ...]:
    """The grid of a tile in the target CRS; two, the eastern hemisphere's first, where it crosses the antimeridian.

    Args:
        placement: Of the source.
        target: CRS of the COG.
        rule: Where corners of pixels may lie.
        blob: Name of the tile.
        max_pixels: Limit of width × height.

    Raises:
        TaskError: ``REPROJECTION_FAILED`` or ``TOO_MANY_PIXELS``.
    """
    sides = tuple(_on_grid(located, rule, blob) for located in _located(placement, target, blob))
    for grid in (side.plan.grid for side in sides):
        if grid.width * grid.height > max_pixels:
            raise TaskError(
                f"{blob}: in the target CRS it has {grid.width:,} × {grid.height:,} pixels; the limit is "
                f"{max_pixels:,}.",
                "Cut it into smaller tiles, choose another target_crs or `resolution`, or raise max_pixels.",
                "TOO_MANY_PIXELS",
            )
    return sides


def _on_grid(located: _Located, rule: GridRule, blob: str) -> Side:
    if rule.keeps(located.natural):
        return Side(name=located.name, placement=located.placement, plan=located.plan)
    return Side(name=located.name, placement=located.whole, plan=_moved(located, rule, blob))


def natural_grid(placement: Placement, target: CRS) -> NaturalGrid | None:
    """The pixels that a tile would have in the target CRS if it were alone; None where it has no place there.

    Of one that crosses the antimeridian, those of its larger part.
    """
    try:
        sides = _located(placement, target, "")
    except TaskError as error:
        if error.code != NO_PLACE:
            raise
        return None
    return max(sides, key=lambda side: side.plan.grid.width).natural


def _located(placement: Placement, target: CRS, blob: str) -> tuple[_Located, ...]:
    if placement.is_upright and _same(placement.crs, target):
        return _kept_sides(placement, target)
    outline = _found(placement, target, blob)
    notices = _warnings(outline, blob)
    parts = outline.sides()
    if len(parts) == 1:
        return (_resampled("", placement, outline, target, notices),)
    east, west = parts
    beyond = moved(placement, -_turn(placement))
    return _resampled("east", placement, east, target, notices), _resampled("west", beyond, west, target, ())


def _resampled(
    name: SideName, placement: Placement, outline: Outline, target: CRS, notices: tuple[Notice, ...]
) -> _Located:
    grid = (None if outline.is_special else _suggested(placement, target, outline)) or _fitted(outline, target)
    plan = GridPlan(grid=grid, reprojected=True, typical=outline.resolution, notices=notices)
    natural = _natural(grid, outline.bounds, is_upright=False)
    return _Located(name=name, placement=placement, whole=placement, plan=plan, natural=natural)


def _turn(placement: Placement) -> float:
    """What one turn of the world is in the units of its CRS; 0 where it has no such."""
    period = Axes.of(placement.crs).period
    return period if math.isfinite(period) else 0.0


def _kept(name: SideName, taken: Placement, whole: Placement, target: CRS) -> _Located:
    plan = _as_it_is(taken, target)
    natural = _natural(plan.grid, plan.grid.bounds, is_upright=True)
    return _Located(name=name, placement=taken, whole=whole, plan=plan, natural=natural)


def _kept_sides(placement: Placement, target: CRS) -> tuple[_Located, ...]:
    """Of a tile that keeps its pixels; a column across the antimeridian is in both sides, so that both show it.

    One that reaches across by half of its last column is whole, and so is one that goes all around.
    """
    axes = Axes.of(target)
    west, _, east, _ = placement.bounds()
    pixel, width = (east - west) / placement.width, placement.width
    position = (axes.full_circle[1] - west) / pixel
    begins_there = west <= axes.full_circle[0] + _ON_EDGE * pixel
    if position >= width - 0.5 or (begins_there and position > width - 1):
        return (_kept("", placement, placement, target),)
    end, start = math.ceil(position - _ON_EDGE), math.floor(position + _ON_EDGE)
    beyond = moved(placement, -axes.period)
    return (
        _kept("east", cut_columns(placement, [Strip(first=0, width=end)]), placement, target),
        _kept("west", cut_columns(beyond, [Strip(first=start, width=width - start)]), beyond, target),
    )


def _natural(grid: Grid, bounds: Bounds, *, is_upright: bool) -> NaturalGrid:
    return NaturalGrid(
        bounds=bounds,
        resolution=(grid.transform.a, -grid.transform.e),
        is_upright=is_upright,
        world=Axes.of(grid.crs).world,
    )


def _moved(located: _Located, rule: GridRule, blob: str) -> GridPlan:
    """Off its natural grid, onto what the rule says."""
    plan, natural = located.plan, located.natural
    place = rule.place(_within_world(natural) if located.name else natural)
    transform = Affine(place.resolution[0], 0, place.origin[0], 0, -place.resolution[1], place.origin[1])
    grid = Grid(crs=plan.grid.crs, transform=transform, width=place.shape[1], height=place.shape[0])
    notices = (*plan.notices, *_departures(natural, rule, blob))
    return GridPlan(grid=grid, reprojected=True, typical=plan.typical, notices=notices)


def _within_world(natural: NaturalGrid) -> NaturalGrid:
    """Without what of the pixel across the antimeridian lies beyond it."""
    left, bottom, right, top = natural.bounds
    low, _, high, _ = natural.world or (-math.inf, 0.0, math.inf, 0.0)
    return attrs.evolve(natural, bounds=(max(left, low), bottom, min(right, high), top))


def _departures(natural: NaturalGrid, rule: GridRule, blob: str) -> tuple[Notice, ...]:
    """What the user may not have expected of the rule."""
    notices = []
    if rule.surprises(natural):
        message = (
            f"{blob}: it has the target CRS but lies off the collection's pixel grid, so its pixels are resampled. "
            "grid='own' keeps them."
        )
        notices.append(Notice(code="RESAMPLED_TO_GRID", message=message))
    if rule.cell > 1:
        cells = f"{rule.cell:,} × {rule.cell:,}"
        message = f"{blob}: it is much coarser than the finest tile; each of its pixels covers {cells} of that one's."
        notices.append(Notice(code="COARSER_PIXELS", message=message))
    return tuple(notices)


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


def _found(placement: Placement, target: CRS, blob: str) -> Outline:
    try:
        outline = find_outline(placement, target)
    except GDAL_ERRORS as error:
        raise_shortage(error, f"{blob}: locating its pixels")
        raise TaskError(
            f"{blob}: its pixels cannot be located: {error_text(error)}",
            "Check its georeferencing.",
            NO_PLACE,
        ) from error
    if outline is None:
        raise TaskError(
            f"{blob}: no part of it has a place in the target CRS.",
            "Check its georeferencing, or choose another target_crs.",
            NO_PLACE,
        )
    return outline


def _warnings(outline: Outline, blob: str) -> tuple[Notice, ...]:
    notices = []
    if outline.share < _BARELY_THERE or outline.clipped:
        message = f"{blob}: parts of it are beyond what the target CRS can show and are left out."
        notices.append(Notice(code="CLIPPED_TO_CRS", message=message))
    return tuple(notices)


def _suggested(placement: Placement, target: CRS, outline: Outline) -> Grid | None:
    """GDAL's own suggestion; None where it does not fit what was found."""
    where = {"gcps": placement.gcps or None, "rpcs": placement.rpcs}
    if placement.transform is not None:
        left, bottom, right, top = placement.bounds()
        where |= {"left": left, "bottom": bottom, "right": right, "top": top}
    size = placement.width, placement.height
    try:
        found = calculate_default_transform(placement.crs, target, *size, **where, **placement.warp_options)
    except GDAL_ERRORS:
        return None
    transform, width, height = found
    if not (width and height and width > 0 and height > 0 and transform.a > 0 and transform.e < 0):
        return None
    grid = Grid(crs=target, transform=transform, width=int(width), height=int(height))
    return grid if _agree(outline, grid) else None


def _agree(outline: Outline, grid: Grid) -> bool:
    left, bottom, right, top = outline.bounds
    slack = 0.02 * max(right - left, top - bottom) + 3 * max(grid.transform.a, -grid.transform.e)
    is_as_fine = grid.transform.a <= _MOST_COARSER * outline.resolution
    return is_as_fine and all(abs(one - other) <= slack for one, other in zip(grid.bounds, outline.bounds, strict=True))


def _fitted(outline: Outline, target: CRS) -> Grid:
    """Square pixels over the outline; not quite square where no pixel may lie beyond its bounds."""
    left, bottom, right, top = outline.bounds
    width = max(1, math.ceil((right - left) / outline.resolution - 1e-6))
    height = max(1, math.ceil((top - bottom) / outline.resolution - 1e-6))
    across = down = outline.resolution
    if outline.is_limited:
        across, down = (right - left) / width, (top - bottom) / height
    return Grid(crs=target, transform=Affine(across, 0, left, 0, -down, top), width=width, height=height)
