"""The outline of valid pixels as GeoJSON in EPSG:4326 (longitude, latitude).

Outlines are traced in pixels, simplified, densified, and then transformed. Rings are followed across the
antimeridian and cut there (RFC 7946, section 3.1.9); a ring around a pole is closed over it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyproj
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import shapes
from shapely.geometry import LinearRing, MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry

from rastercollection.geo.crs import transformer
from rastercollection.geo.geographic import WGS84

__all__ = ["footprint", "to_geographic"]

_STEPS = 64
_MOST_POINTS = 400
_MOST_EDGES = 20_000
_SMALLEST_PART = 1e-3
"""Holes that cover less than this of the whole are left out, and islands that do are put together if there are many."""
_MOST_ISLANDS = 40
_DIGITS = 7
_WORLD = box(-180, -90, 180, 90)


def footprint(
    valid: NDArray[np.bool_] | None,
    transform: Affine,
    extent: tuple[float, ...],
    crs: pyproj.CRS,
    *,
    has_specks: bool = True,
) -> Mapping[str, Any]:
    """The outline of valid pixels.

    Args:
        valid: ``(rows, columns)`` of cells, True where any pixel is valid; None, or none True, for the whole extent.
        transform: Cell → CRS.
        extent: ``(left, bottom, right, top)`` of the raster, in ``crs``; cells may reach beyond it.
        crs: Of the raster; x, y order.
        has_specks: Small islands count; without them, they are taken for noise.

    Returns:
        A GeoJSON Polygon or MultiPolygon.
    """
    whole = box(*extent)
    is_whole = valid is None or not valid.any() or valid.all()
    outline = whole if is_whole or valid is None else _traced(valid, transform, has_specks).intersection(whole)
    if outline.is_empty:
        outline = whole
    return _geojson(to_geographic(outline, crs))


def _traced(valid: NDArray[np.bool_], transform: Affine, has_specks: bool) -> BaseGeometry:
    while _edges(valid) > _MOST_EDGES:
        valid, transform = _halved(valid), transform @ Affine.scale(2)
    area = 4.0 * np.count_nonzero(valid)
    parts = [_without_small_holes(part, area) for part in _areas(valid)]
    large = [part for part in parts if part.area >= _SMALLEST_PART * area]
    small = [part for part in parts if part.area < _SMALLEST_PART * area] if has_specks or not large else []
    simple = _simplified(shapely.union_all([*large, *_gathered(small)]), largest=2 * max(valid.shape))
    t = transform @ Affine.scale(0.5)
    return _polygons(shapely.affinity.affine_transform(simple, [t.a, t.b, t.d, t.e, t.c, t.f]))


def _areas(valid: NDArray[np.bool_]) -> list[Polygon]:
    """The connected areas of True, in half cells: rasterio warns, not safely between threads, of an identity."""
    area = _of_runs(valid)
    if area is not None:
        return [area]
    found = shapes(valid.astype(np.uint8), mask=valid, transform=Affine.scale(2))
    return [shapely.geometry.shape(geometry) for geometry, _ in found]


def _of_runs(valid: NDArray[np.bool_]) -> Polygon | None:
    """The one area of which each row is one run, beside that of the row above, as in a tile that was warped."""
    rows = np.flatnonzero(valid.any(axis=1))
    first, last = int(rows[0]), int(rows[-1]) + 1
    there = valid[first:last]
    ends = np.count_nonzero(there[:, 1:] != there[:, :-1], axis=1) + there[:, 0] + there[:, -1]
    left, right = there.argmax(axis=1), there.shape[1] - there[:, ::-1].argmax(axis=1)
    is_one = np.maximum(left[1:], left[:-1]) < np.minimum(right[1:], right[:-1])
    if not ((ends == 2).all() and is_one.all()):
        return None
    down = np.repeat(np.arange(first, last + 1), 2)[1:-1]
    x, y = np.concatenate([np.repeat(left, 2), np.repeat(right, 2)[::-1]]), np.concatenate([down, down[::-1]])
    straight = Polygon(2.0 * np.stack([x, y], axis=1)).simplify(0)
    assert isinstance(straight, Polygon)
    return straight


def _gathered(islands: list[Polygon]) -> list[Polygon]:
    """The same where they are few, else as few boxes around them, on the coarser lattice that it takes."""
    edges, size = shapely.bounds(islands), 1.0
    boxes = edges
    while len(boxes) > _MOST_ISLANDS:
        size *= 2
        lower, upper = np.floor(edges[:, :2] / size), np.ceil(edges[:, 2:] / size)
        boxes = size * np.unique(np.hstack([lower, upper]), axis=0)
    return islands if size == 1 else [box(*corners) for corners in boxes]


def _simplified(outline: BaseGeometry, largest: float) -> BaseGeometry:
    """With few points: as it is if it has few, else widened by as little as it takes, so that it holds all it held."""
    simple, tolerance = outline, 0.5
    while shapely.get_num_coordinates(simple) > _MOST_POINTS and tolerance < largest:
        simple = outline.buffer(tolerance, join_style="mitre").simplify(tolerance)
        tolerance *= 2
    return simple


def _edges(valid: NDArray[np.bool_]) -> int:
    """Length of all outlines, in cells."""
    return int(np.count_nonzero(valid[1:] != valid[:-1]) + np.count_nonzero(valid[:, 1:] != valid[:, :-1]))


def _halved(valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Cells of twice the size, valid where any of the four is."""
    rows, columns = valid.shape
    even = np.pad(valid, ((0, rows % 2), (0, columns % 2)))
    return even[::2, ::2] | even[1::2, ::2] | even[::2, 1::2] | even[1::2, 1::2]


def _without_small_holes(part: Polygon, area: float) -> Polygon:
    return Polygon(part.exterior, [hole for hole in part.interiors if Polygon(hole).area >= _SMALLEST_PART * area])


def to_geographic(outline: BaseGeometry, crs: pyproj.CRS) -> MultiPolygon | Polygon:
    """Polygons of a CRS in longitude and latitude, cut at the antimeridian; the world where nothing can be placed."""
    to_degrees = transformer(crs, WGS84)
    left, bottom, right, top = outline.bounds
    longest = max(right - left, top - bottom) / _STEPS
    parts: list[BaseGeometry] = []
    for polygon in _each_polygon(outline):
        rings = [_located(ring, longest, to_degrees) for ring in (polygon.exterior, *polygon.interiors)]
        if rings[0] is None:
            continue
        shell, *holes = (_closed(ring) for ring in rings if ring is not None)
        part = shapely.make_valid(shell)
        for hole in holes:
            part = part.difference(_beside(shapely.make_valid(hole), shell))
        parts.extend(_cut(_straightened(part)))
    merged = _polygons(shapely.union_all(parts)) if parts else _WORLD
    return _tidied(merged)


def _each_polygon(geometry: BaseGeometry) -> Iterator[Polygon]:
    for part in getattr(geometry, "geoms", [geometry]):
        if isinstance(part, Polygon) and not part.is_empty:
            yield part
        elif hasattr(part, "geoms"):
            yield from _each_polygon(part)


def _located(ring: LinearRing, longest: float, to_degrees: pyproj.Transformer) -> NDArray[np.float64] | None:
    """Longitudes and latitudes of a densified ring, longitudes going on beyond ±180; None where nothing is on Earth."""
    x, y = shapely.get_coordinates(shapely.segmentize(ring, longest)).T
    longitudes, latitudes = to_degrees.transform(x, y)
    there = np.isfinite(longitudes) & np.isfinite(latitudes)
    if np.count_nonzero(there) < 4:
        return None
    longitudes, latitudes = longitudes[there], np.clip(latitudes[there], -90, 90)
    if not there.all():
        longitudes, latitudes = np.append(longitudes, longitudes[0]), np.append(latitudes, latitudes[0])
    return np.stack([np.unwrap(longitudes, period=360), latitudes], axis=1)


def _closed(ring: NDArray[np.float64]) -> Polygon:
    """The area inside a ring; one that goes around a pole is closed along it."""
    turn = ring[-1, 0] - ring[0, 0]
    if abs(turn) < 180:
        return Polygon(ring)
    pole = math.copysign(90, ring[:, 1].mean())
    return Polygon([*ring, (ring[-1, 0], pole), (ring[0, 0], pole)])


def _beside(hole: BaseGeometry, shell: Polygon) -> BaseGeometry:
    """A hole moved by whole turns to where its shell is."""
    turns = round((shell.centroid.x - hole.centroid.x) / 360)
    return shapely.affinity.translate(hole, 360 * turns)


def _straightened(part: BaseGeometry) -> BaseGeometry:
    """Without the points that densifying added where they make no difference."""
    west, south, east, north = part.bounds
    return part.simplify(2e-4 * max(east - west, north - south))


def _cut(part: BaseGeometry) -> Iterator[BaseGeometry]:
    """What lies in each turn of the world, moved to ±180."""
    west, _, east, _ = part.bounds
    for turn in range(math.floor((west + 180) / 360), math.ceil((east + 180) / 360)):
        yield shapely.affinity.translate(part, -360 * turn).intersection(_WORLD)


def _polygons(geometry: BaseGeometry) -> Polygon | MultiPolygon:
    """The areas of a geometry, without the lines and points that cutting may leave."""
    parts = [part for part in _each_polygon(geometry) if part.area > 0]
    return parts[0] if len(parts) == 1 else MultiPolygon(parts)


def _tidied(outline: Polygon | MultiPolygon) -> Polygon | MultiPolygon:
    """Rounded and valid."""
    if outline.is_empty:
        return _WORLD
    result = _polygons(shapely.make_valid(shapely.set_precision(outline, 10.0 ** -_digits(outline))))
    return outline if result.is_empty else result


def _digits(outline: BaseGeometry) -> int:
    """Decimals of a degree: centimetres, or finer for a raster that is smaller than a metre."""
    west, south, east, north = outline.bounds
    smallest = max(min(east - west, north - south), 1e-12)
    return max(_DIGITS, math.ceil(-math.log10(smallest)) + 3)


def _geojson(geometry: Polygon | MultiPolygon) -> Mapping[str, Any]:
    plain: Mapping[str, Any] = _lists(shapely.geometry.mapping(_wound(geometry)))
    return plain


def _wound(geometry: Polygon | MultiPolygon) -> Polygon | MultiPolygon:
    """Exterior rings anticlockwise, as RFC 7946 has them."""
    parts = [shapely.geometry.polygon.orient(part) for part in _each_polygon(geometry)]
    return parts[0] if len(parts) == 1 else MultiPolygon(parts)


def _lists(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _lists(item) for key, item in value.items()}
    return [_lists(item) for item in value] if isinstance(value, tuple | list) else value
