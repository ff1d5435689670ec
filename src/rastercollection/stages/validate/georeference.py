"""Where a tile lies: by its geotransform, ground control points or RPCs; finite, invertible and on Earth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
import pyproj
from rasterio.warp import calculate_default_transform

from rastercollection.core.models import Notify
from rastercollection.errors import TaskError
from rastercollection.geo.crs import crs_label, name_crs, parse_crs, transformer
from rastercollection.geo.geographic import geographic_bounds, grid_bounds, latitude_limit
from rastercollection.geo.heights import heights_label
from rastercollection.geo.types import Bounds, Transform
from rastercollection.rasters.gdal_crs import from_rasterio, heights_in, to_rasterio
from rastercollection.rasters.grid.outline import Axes
from rastercollection.rasters.source.opening import reading
from rastercollection.rasters.source.source_dataset import SourceDataset
from rastercollection.stages.validate.reference import OVERRIDDEN, Reference, settle_crs

__all__ = ["Georeference", "georeference"]


_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_FEWEST_POINTS = 3
_AREA_MARGIN = 1.5
_WIDEST = 362.0
_LEAST_ON_EARTH = 0.5
_OVERHANG = 1e-6
_TINY = 1e-200
_PRECISION = 1e-3


@attrs.frozen(kw_only=True)
class Georeference:
    """Where a tile lies.

    Attributes:
        kind: geotransform, gcps or rpcs.
        reference: Its CRS.
        transform: The file's geotransform.
        bounds: In the CRS.
        bounds_4326: In EPSG:4326.
        pixel_size: (x, y), in units of the CRS, positive.
    """

    kind: str
    reference: Reference
    transform: Transform
    bounds: Bounds
    bounds_4326: Bounds
    pixel_size: tuple[float, float]


def georeference(dataset: SourceDataset, input_crs: str | None, notify: Notify) -> Georeference:
    """Where the tile lies.

    A geotransform is taken before GCPs, GCPs before RPCs; RPCs come first where the geotransform has no CRS to go
    with it, because theirs is always EPSG:4326. An identity geotransform is no georeferencing.

    Raises:
        TaskError: CRS_MISSING, CRS_MISMATCH, CRS_NOT_OF_EARTH, GEOREFERENCING_MISSING or GEOREFERENCING_INVALID.
    """
    transform: Transform = tuple(dataset.transform)[:6]
    own = from_rasterio(dataset.crs)
    points, points_crs = dataset.gcps
    if dataset.rpcs is not None and (transform == _IDENTITY or own is None) and not points:
        return _by_model(dataset, "rpcs", pyproj.CRS.from_epsg(4326), input_crs, notify)
    if transform != _IDENTITY:
        return _by_geotransform(dataset, transform, own, input_crs, notify)
    if points:
        _check_points(dataset.blob, points)
        return _by_model(dataset, "gcps", from_rasterio(points_crs), input_crs, notify)
    raise TaskError(
        f"{dataset.blob} has no georeferencing: no geotransform, no ground control points, no RPCs.",
        "Georeference it, or put its world file beside it.",
        "GEOREFERENCING_MISSING",
    )


def _by_geotransform(
    dataset: SourceDataset, transform: Transform, own: pyproj.CRS | None, input_crs: str | None, notify: Notify
) -> Georeference:
    _check_transform(dataset.blob, transform, dataset.width, dataset.height)
    heights = heights_in(dataset.crs)
    reference = settle_crs(dataset.blob, own, input_crs, heights=heights, has_local=bool(dataset.crs))
    place = _place(dataset, "geotransform", reference, transform, (dataset.width, dataset.height), notify)
    return attrs.evolve(place, transform=transform)


def _by_model(
    dataset: SourceDataset, kind: str, own: pyproj.CRS | None, input_crs: str | None, notify: Notify
) -> Georeference:
    """By GCPs or RPCs: the north-up grid that GDAL would rectify the tile to says where it lies."""
    points, points_crs = dataset.gcps
    heights = heights_in(points_crs) if kind == "gcps" else None
    reference = settle_crs(dataset.blob, own, input_crs, heights=heights, has_local=bool(points_crs))
    options: dict[str, Any] = {"gcps": points} if kind == "gcps" else {"rpcs": dataset.rpcs}
    if kind == "rpcs":
        # without terrain, the mean height of the scene is the best guess at it
        options["RPC_HEIGHT"] = dataset.rpcs.height_off
    crs = to_rasterio(name_crs(reference.crs))
    name = {"gcps": "ground control points", "rpcs": "RPCs"}[kind]
    try:
        with reading(dataset, f"placing it by its {name}"):
            grid, width, height = calculate_default_transform(crs, crs, dataset.width, dataset.height, **options)
    except (TaskError, ValueError) as error:
        raise _invalid(dataset.blob, f"its {name} lead nowhere ({error})") from error
    rectified: Transform = tuple(grid)[:6]
    _check_transform(dataset.blob, rectified, width, height)
    place = _place(dataset, kind, reference, rectified, (width, height), notify)
    return attrs.evolve(place, transform=tuple(dataset.transform)[:6])


def _place(
    dataset: SourceDataset,
    kind: str,
    reference: Reference,
    transform: Transform,
    size: tuple[int, int],
    notify: Notify,
) -> Georeference:
    """The bounds of a grid, checked against the domain of its CRS."""
    crs, blob = reference.crs, dataset.blob
    bounds = grid_bounds(transform, *size)
    if reference.source == OVERRIDDEN:
        notify("CRS_FROM_REQUEST", f"{blob} has no CRS; {crs_label(crs)} was taken from input_crs.")
    if reference.heights_source == OVERRIDDEN:
        refers = heights_label(reference.heights)
        notify("HEIGHTS_FROM_REQUEST", f"{blob} does not say what heights refer to; {refers} was taken from input_crs.")
    if crs.is_geographic:
        _check_degrees(blob, crs, bounds, notify)
    try:
        on_earth = geographic_bounds(crs, transform, *size)
    except pyproj.exceptions.ProjError as error:
        raise _invalid(blob, f"PROJ cannot transform {crs_label(crs)} to EPSG:4326 ({error})") from error
    if on_earth is None:
        raise _invalid(blob, f"its coordinates ({_numbers(bounds)}) are no places on Earth in {crs_label(crs)}")
    if not crs.is_geographic:
        _check_projected(blob, crs, bounds, notify)
    _check_area(blob, crs, on_earth, notify)
    return Georeference(
        kind=kind,
        reference=reference,
        transform=transform,
        bounds=bounds,
        bounds_4326=on_earth,
        pixel_size=(math.hypot(transform[0], transform[3]), math.hypot(transform[1], transform[4])),
    )


def _check_transform(blob: str, transform: Transform, width: int, height: int) -> None:
    """Finite, invertible, and coarse enough for doubles to tell neighbouring pixels apart."""
    shown = _numbers(transform)
    if not all(math.isfinite(value) for value in (*transform, *grid_bounds(transform, width, height))):
        raise _invalid(blob, f"its geotransform gives coordinates that are not finite ({shown})")
    a, b, c, d, e, f = transform
    determinant = a * e - b * d
    if not _TINY < abs(determinant) < math.inf:
        raise _invalid(blob, f"its geotransform cannot be inverted ({shown})")
    x, y = (a * width + b * height + c) - c, (d * width + e * height + f) - f
    column, row = (e * x - b * y) / determinant, (a * y - d * x) / determinant
    if not (abs(column - width) <= _PRECISION * width and abs(row - height) <= _PRECISION * height):
        raise _invalid(blob, f"its pixels are too small for coordinates of that size ({shown})")


def _check_points(blob: str, points: Sequence[Any]) -> None:
    """At least three, finite, not in one line, neither in the image nor on the ground."""
    image = np.array([(point.col, point.row) for point in points], dtype=float)
    ground = np.array([(point.x, point.y) for point in points], dtype=float)
    if not (np.isfinite(image).all() and np.isfinite(ground).all()):
        raise _invalid(blob, "its ground control points have values that are not finite")
    spread = [np.linalg.matrix_rank(where - where.mean(axis=0)) for where in (image, ground)]
    if len(points) < _FEWEST_POINTS or min(spread) < 2:
        raise _invalid(
            blob, f"its {len(points)} ground control point(s) do not fix a position: three that are not in line do"
        )


def _check_degrees(blob: str, crs: pyproj.CRS, bounds: Bounds, notify: Notify) -> None:
    """Longitudes and latitudes: nonsense is refused, an overhang is told; a turn may begin anywhere."""
    unit = latitude_limit(crs) / 90
    west, south, east, north = (value / unit for value in bounds)
    on_earth = min(north, 90) - max(south, -90)
    shown = f"{_numbers(bounds)} in {crs_label(crs)}"
    if on_earth < _LEAST_ON_EARTH * (north - south) or max(abs(west), abs(east)) > 720:
        metres = "; they look like metres of a projected CRS" if max(abs(east), abs(north)) > 1000 else ""
        raise _invalid(blob, f"its bounds are no longitudes and latitudes ({shown}){metres}")
    if east - west > _WIDEST + 2 * (east - west) / 360:
        raise _invalid(blob, f"its bounds are wider than the world ({shown})")
    overhang = max(-540 - west, east - 540, -90 - south, north - 90)
    if overhang > _OVERHANG * (east - west):
        notify("SUSPICIOUS_BOUNDS", f"{blob}: its bounds exceed ±540 or ±90 degrees ({shown}).")


def _check_projected(blob: str, crs: pyproj.CRS, bounds: Bounds, notify: Notify) -> None:
    """Coordinates that survive the way to EPSG:4326 and back lie in the projection's domain."""
    west, south, east, north = bounds
    xs, ys = (axis.ravel() for axis in np.meshgrid(np.linspace(west, east, 9), np.linspace(south, north, 9)))
    base = crs.geodetic_crs or crs
    places = transformer(crs, base).transform(xs, ys)
    back = np.array(transformer(base, crs).transform(*places))
    tolerance = 1e-3 * max(east - west, north - south) + 1e-6 * max(map(abs, bounds))
    away = np.abs(back - np.array([xs, ys]))
    period = Axes.of(to_rasterio(name_crs(crs))).period
    if math.isfinite(period):
        away[0] = np.abs(away[0] - period * np.round(away[0] / period))
    off = away.max(axis=0)
    if not (off <= tolerance).any():
        raise _invalid(blob, f"its coordinates ({_numbers(bounds)}) are outside what {crs_label(crs)} can hold")
    if crs.utm_zone and not (west >= 0 and east <= 1_000_000):
        notify(
            "SUSPICIOUS_BOUNDS", f"{blob}: eastings {west:,.0f} to {east:,.0f} are outside UTM's 0 to 1,000,000 metres."
        )
    if west >= -180 and east <= 180 and south >= -90 and north <= 90 and _is_metric(crs):
        notify(
            "SUSPICIOUS_BOUNDS",
            f"{blob}: its coordinates ({_numbers(bounds)}) look like degrees, but {crs_label(crs)} is in metres.",
        )


def _is_metric(crs: pyproj.CRS) -> bool:
    return float(crs.axis_info[0].unit_conversion_factor) == 1.0


def _check_area(blob: str, crs: pyproj.CRS, bounds: Bounds, notify: Notify) -> None:
    """A tile should lie where its CRS is meant to be used; zones are overstepped a little all the time."""
    # definitions in files say nothing of it; the registry's does
    area = parse_crs(name_crs(crs)).area_of_use
    if area is None:
        return
    west, south, east, north = bounds
    inside = area.south - _AREA_MARGIN <= south and north <= area.north + _AREA_MARGIN
    width = (area.east - area.west) % 360 or 360.0
    start = (west - area.west + _AREA_MARGIN) % 360
    span = east - west if east >= west else east - west + 360
    if width + 2 * _AREA_MARGIN < 360:
        inside = inside and start + span <= width + 2 * _AREA_MARGIN
    if not inside:
        notify(
            "SUSPICIOUS_BOUNDS",
            f"{blob}: its bounds ({_numbers(bounds)} in degrees) are outside the area of use of {crs_label(crs)} "
            f"({_numbers(area.bounds)}).",
        )


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.10g}" for value in values)


def _invalid(blob: str, problem: str) -> TaskError:
    return TaskError(f"{blob}: {problem}.", "Correct the file's georeferencing, or its CRS.", "GEOREFERENCING_INVALID")
