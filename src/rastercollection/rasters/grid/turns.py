"""Longitudes in the one turn of the world that maps show, from -180° to 180° of geographic CRSs and Mercator.

A raster that lies in another turn is moved by whole ones. One that goes all around and begins elsewhere is rolled: its
columns are taken in another order. One that crosses the end of the turn is cut there, into two. All of this moves
pixels and changes none, as long as the world is a whole number of columns around; where it is not, a raster that goes
all around is cut as well. A column that lies across the end is shown at both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs
import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.io import DatasetReader

from rastercollection.rasters.grid.operations import chosen_operation
from rastercollection.rasters.grid.outline import Axes
from rastercollection.rasters.grid.placement import Placement, Strip, project

__all__ = ["cut_columns", "in_one_turn", "moved", "placed"]

_WHOLE = 0.01
"""Columns by which a turn may differ from a whole number of them, over its whole length."""


def placed(dataset: DatasetReader, crs: CRS, georeferencing: str, target: CRS) -> Placement:
    """The placement of a dataset, in the turn of the world that maps show.

    Control points on both sides of the antimeridian are those of the target CRS where that has no end there: GDAL would
    look for the pixels of one side a turn away.

    Args:
        dataset: The source.
        crs: Its CRS, or the one that is used for want of it.
        georeferencing: geotransform, gcps or rpcs.
        target: CRS of the COG.
    """
    found = in_one_turn(Placement.of(dataset, crs, georeferencing))
    end = Axes.of(found.crs).full_circle[1]
    found = _with_points_of(found, target) if any(point.x > end for point in found.gcps) else found
    if found.transform is None:
        return found
    return attrs.evolve(found, operation=chosen_operation(found.crs.to_wkt(), target.to_wkt(), found.bounds()))


def _with_points_of(placement: Placement, target: CRS) -> Placement:
    """With control points in another CRS; as it is where they have no place there, or where that ends among them."""
    points = placement.gcps
    xs, ys = project(
        placement.crs, target, np.array([point.x for point in points]), np.array([point.y for point in points])
    )
    if not (np.isfinite(xs).all() and np.isfinite(ys).all()) or _jump(points, xs, Axes.of(target)):
        return placement
    return attrs.evolve(placement, crs=target, gcps=_at(points, xs.tolist(), ys.tolist()))


def _at(
    points: Sequence[GroundControlPoint], xs: Sequence[float], ys: Sequence[float]
) -> tuple[GroundControlPoint, ...]:
    return tuple(
        GroundControlPoint(row=point.row, col=point.col, x=x, y=y, z=point.z)
        for point, x, y in zip(points, xs, ys, strict=True)
    )


def in_one_turn(placement: Placement) -> Placement:
    """The placement of the same pixels in the turn of the world that maps show, or from it on."""
    axes = Axes.of(placement.crs)
    if not math.isfinite(axes.period):
        return placement
    if placement.gcps:
        return _with_points(placement, axes)
    return (_rolled(placement, axes) if placement.is_upright else None) or _home(placement, axes)


def _home(placement: Placement, axes: Axes) -> Placement:
    """Moved by whole turns so that it begins in the one that maps show, or a part of a pixel before."""
    west, _, east, _ = placement.bounds()
    turns = math.floor((west - axes.full_circle[0] + (east - west) / placement.width / 2) / axes.period)
    return moved(placement, -turns * axes.period)


def _with_points(placement: Placement, axes: Axes) -> Placement:
    """With control points that run on across the antimeridian, from the turn on that maps show."""
    points = placement.gcps
    xs = np.array([point.x for point in points])
    if _jump(points, xs, axes):
        xs = np.where(xs < axes.middle, xs + axes.period, xs)
    turns = math.floor((float(xs.min()) - axes.full_circle[0]) / axes.period)
    xs = xs - turns * axes.period
    return attrs.evolve(placement, gcps=_at(points, xs.tolist(), [point.y for point in points]))


def _jump(points: Sequence[GroundControlPoint], xs: NDArray[np.float64], axes: Axes) -> bool:
    """Whether longitudes jump between the ends of a turn: they fit the pixels better if they run on."""
    running = np.where(xs < axes.middle, xs + axes.period, xs)
    if np.ptp(xs) <= axes.period / 2 or np.ptp(running) >= np.ptp(xs):
        return False
    pixels = np.array([[1.0, point.col, point.row] for point in points])
    plain, turned = (pixels @ np.linalg.lstsq(pixels, axis, rcond=None)[0] - axis for axis in (xs, running))
    return bool(np.linalg.norm(turned) <= np.linalg.norm(plain) + _WHOLE)


def moved(placement: Placement, x: float) -> Placement:
    """The placement of the same pixels ``x`` further to the east."""
    if x == 0:
        return placement
    if placement.transform is not None:
        return attrs.evolve(placement, transform=Affine.translation(x, 0) @ placement.transform)
    if placement.rpcs is not None:
        return attrs.evolve(placement, rpcs=attrs.evolve(placement.rpcs, long_off=placement.rpcs.long_off + x))
    points = placement.gcps
    return attrs.evolve(placement, gcps=_at(points, [point.x + x for point in points], [point.y for point in points]))


def _rolled(placement: Placement, axes: Axes) -> Placement | None:
    """With the columns of one turn from its beginning on; None where they are so already, or do not make a whole one.

    Columns that show a place for the second time are left out, but for one that lies across the antimeridian: that is
    at both ends, so that readers, who look no further than 180°, find no gap there.
    """
    transform, width = placement.transform, placement.width
    assert transform is not None
    pixel, start = abs(transform.a), axes.full_circle[0]
    around = round(axes.period / pixel)
    if width < around or abs(around * pixel - axes.period) > _WHOLE * pixel:
        return None
    west = placement.bounds()[0]
    first = round((start - west) / pixel) % around
    offset = (west + first * pixel - start + pixel / 2) % axes.period - pixel / 2
    if first == 0 and width == around:
        return _home(placement, axes)
    straight = min(around, width - first)
    rest = Strip(first=first + straight - around, width=around - straight)
    turn = [Strip(first=first, width=straight), rest]
    if offset > _WHOLE * pixel:
        before = Strip(first=(first - 1) % around, width=1)
        return _starting_at(cut_columns(placement, [before, *turn]), start + offset - pixel)
    after = Strip(first=first, width=1 if offset < -_WHOLE * pixel else 0)
    return _starting_at(cut_columns(placement, [*turn, after]), start + offset)


def _starting_at(placement: Placement, west: float) -> Placement:
    return moved(placement, west - placement.bounds()[0])


def cut_columns(placement: Placement, strips: Sequence[Strip]) -> Placement:
    """The placement of some columns, taken one after the other; it begins where the first of them lies.

    Args:
        placement: Upright.
        strips: Columns counted from the west; empty ones are passed over.
    """
    transform, width = placement.transform, placement.width
    assert transform is not None
    strips = [strip for strip in strips if strip.width]
    west = placement.bounds()[0] + strips[0].first * abs(transform.a)
    if transform.a < 0:
        strips = [Strip(first=width - strip.first - strip.width, width=strip.width) for strip in reversed(strips)]
    total = sum(strip.width for strip in strips)
    taken = tuple(
        part for strip in strips for part in _within(placement.strips or (Strip(first=0, width=width),), strip)
    )
    return _starting_at(attrs.evolve(placement, width=total, strips=taken), west)


def _within(strips: Sequence[Strip], wanted: Strip) -> list[Strip]:
    """The columns of the dataset that are the wanted ones of those taken."""
    found, start = [], 0
    for strip in strips:
        first, last = max(wanted.first, start), min(wanted.first + wanted.width, start + strip.width)
        if first < last:
            found.append(Strip(first=strip.first + first - start, width=last - first))
        start += strip.width
    return found
