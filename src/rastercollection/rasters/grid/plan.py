"""The pixel grid of a COG: upright, in the target CRS, and where the rule of its collection puts it.

By itself a tile that is upright in the target CRS keeps its pixels, and any other gets square pixels about as fine as
its own: that is its natural grid. The rule says how the natural grid comes onto the one that the collection shares.
"""

from __future__ import annotations

import math

import attrs
from affine import Affine
from rasterio.crs import CRS
from rasterio.warp import calculate_default_transform

from rastercollection.core.models import Notice
from rastercollection.errors import TileError
from rastercollection.geo.crs import same_crs
from rastercollection.geo.pixel_grid import GridRule
from rastercollection.geo.types import Bounds, NaturalGrid
from rastercollection.rasters.gdal_crs import from_rasterio
from rastercollection.rasters.gdal_errors import GDAL_ERRORS, error_text
from rastercollection.rasters.grid.outline import Axes, Outline, find_outline
from rastercollection.rasters.grid.placement import Placement

__all__ = ["Grid", "GridPlan", "natural_grid", "plan_grid"]

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


@attrs.frozen(kw_only=True)
class _Located:
    """A tile in the target CRS: how it would come onto a grid of its own, and what the rule has to know of it."""

    plan: GridPlan
    natural: NaturalGrid


def plan_grid(placement: Placement, target: CRS, rule: GridRule, blob: str, max_pixels: int) -> GridPlan:
    """The grid of a tile in the target CRS.

    Args:
        placement: Of the source.
        target: CRS of the COG.
        rule: Where corners of pixels may lie.
        blob: Name of the tile.
        max_pixels: Limit of width × height.

    Raises:
        TileError: ``REPROJECTION_FAILED`` or ``TOO_MANY_PIXELS``.
    """
    located = _located(placement, target, blob)
    plan = located.plan if rule.keeps(located.natural) else _moved(located, rule, blob)
    grid = plan.grid
    if grid.width * grid.height > max_pixels:
        raise TileError(
            f"{blob}: in the target CRS it has {grid.width:,} × {grid.height:,} pixels; the limit is {max_pixels:,}.",
            "Cut it into smaller tiles, choose another target_crs or resolution, or raise max_pixels.",
            "TOO_MANY_PIXELS",
        )
    return plan


def natural_grid(placement: Placement, target: CRS) -> NaturalGrid | None:
    """The pixels that a tile would have in the target CRS if it were alone; None where it has no place there."""
    try:
        return _located(placement, target, "").natural
    except TileError:
        return None


def _located(placement: Placement, target: CRS, blob: str) -> _Located:
    if placement.is_upright and _same(placement.crs, target):
        plan = _as_it_is(placement, target)
        return _Located(plan=plan, natural=_natural(plan.grid, plan.grid.bounds, is_upright=True))
    outline = _found(placement, target, blob)
    grid = (None if outline.is_special else _suggested(placement, target, outline)) or _fitted(outline, target)
    plan = GridPlan(grid=grid, reprojected=True, notices=_warnings(outline, blob))
    return _Located(plan=plan, natural=_natural(grid, outline.bounds, is_upright=False))


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
    place = rule.place(natural)
    transform = Affine(place.resolution[0], 0, place.origin[0], 0, -place.resolution[1], place.origin[1])
    grid = Grid(crs=plan.grid.crs, transform=transform, width=place.shape[1], height=place.shape[0])
    return GridPlan(grid=grid, reprojected=True, notices=(*plan.notices, *_departures(natural, rule, blob)))


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
        raise TileError(
            f"{blob}: its pixels cannot be located: {error_text(error)}",
            "Check its georeferencing.",
            "REPROJECTION_FAILED",
        ) from error
    if outline is None:
        raise TileError(
            f"{blob}: no part of it has a place in the target CRS.",
            "Check its georeferencing, or choose another target_crs.",
            "REPROJECTION_FAILED",
        )
    return outline


def _warnings(outline: Outline, blob: str) -> tuple[Notice, ...]:
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
    return tuple(notices)


def _suggested(placement: Placement, target: CRS, outline: Outline) -> Grid | None:
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
    return grid if _agree(outline, grid) else None


def _agree(outline: Outline, grid: Grid) -> bool:
    left, bottom, right, top = outline.bounds
    slack = 0.02 * max(right - left, top - bottom) + 3 * max(grid.transform.a, -grid.transform.e)
    return all(abs(one - other) <= slack for one, other in zip(grid.bounds, outline.bounds, strict=True))


def _fitted(outline: Outline, target: CRS) -> Grid:
    """Square pixels over the outline; not quite square where no pixel may lie beyond its bounds."""
    left, bottom, right, top = outline.bounds
    width = max(1, math.ceil((right - left) / outline.resolution - 1e-6))
    height = max(1, math.ceil((top - bottom) / outline.resolution - 1e-6))
    across = down = outline.resolution
    if outline.is_limited:
        across, down = (right - left) / width, (top - bottom) / height
    return Grid(crs=target, transform=Affine(across, 0, left, 0, -down, top), width=width, height=height)
