"""Where a grid of pixels lies on Earth: its bounds in longitude and latitude, across the antimeridian and poles too."""

from __future__ import annotations

import math

import numpy as np
import pyproj

from rastercollection.geo.crs import transformer
from rastercollection.geo.types import Bounds, Transform

__all__ = ["WGS84", "geographic_bounds", "grid_bounds", "latitude_limit"]

_STEPS = 32
_DENSER_STEPS = 384
_ROUNDING = 1e-9
"""Degrees beyond the antimeridian that are none: what becomes of its 20,037,508.34 m in Mercator."""
WGS84 = pyproj.CRS.from_epsg(4326)


def grid_bounds(transform: Transform, width: int, height: int) -> Bounds:
    """``(left, bottom, right, top)`` of a grid, in the units of its CRS, whichever way it is turned."""
    a, b, c, d, e, f = transform
    xs = [c, c + a * width, c + b * height, c + a * width + b * height]
    ys = [f, f + d * width, f + e * height, f + d * width + e * height]
    return (min(xs), min(ys), max(xs), max(ys))


def latitude_limit(crs: pyproj.CRS) -> float:
    """The pole's latitude in the unit of a geographic CRS: 90 for degrees."""
    return math.pi / 2 / float(crs.axis_info[0].unit_conversion_factor)


def geographic_bounds(crs: pyproj.CRS, transform: Transform, width: int, height: int) -> Bounds | None:
    """Bounds in EPSG:4326 of a grid in ``crs``: west > east across the antimeridian, -180 and 180 right around.

    A grid that reaches across the antimeridian by half a pixel ends there.

    Edges are densified before they are transformed. Points that have no longitude and latitude (the corners of a
    geostationary image) do not count.

    Returns:
        ``(west, south, east, north)``; None when no point of the grid is on Earth.
    """
    around, inside = _outline(_STEPS), _lattice(_STEPS)
    longitudes, latitudes = _located(crs, transform, width, height, around)
    if np.isfinite(longitudes).all():
        turned = np.unwrap(longitudes, period=360)
        west, east = float(turned.min()), float(turned.max())
        if abs(turned[-1] - turned[0]) > 180:  # the outline runs around a pole
            west, east = -180.0, 180.0
    else:
        longitudes, latitudes = _located(crs, transform, width, height, _lattice(_DENSER_STEPS))
        if not np.isfinite(longitudes).any():
            return None
        west, east = _shortest_arc(longitudes[np.isfinite(longitudes)])
    _, more = _located(crs, transform, width, height, inside)
    latitudes = np.concatenate([latitudes, more])
    latitudes = latitudes[np.isfinite(latitudes)]
    south, north = float(max(latitudes.min(), -90)), float(min(latitudes.max(), 90))
    for pole in (-90.0, 90.0):
        if _holds_pole(crs, transform, width, height, pole):
            west, east = -180.0, 180.0
            south, north = min(south, pole), max(north, pole)
    return _ordered((west, south, east, north), (east - west) / width / 2)


def _outline(steps: int) -> np.ndarray:
    """Points around the unit square, in order and closed; shape (points, 2)."""
    side = np.linspace(0, 1, steps + 1)
    zeros, ones = np.zeros_like(side), np.ones_like(side)
    sides = [(side, zeros), (ones, side), (side[::-1], ones), (zeros, side[::-1])]
    return np.concatenate([np.stack(pair, axis=1) for pair in sides])


def _lattice(steps: int) -> np.ndarray:
    """Points all over the unit square; shape (points, 2)."""
    side = np.linspace(0, 1, steps + 1)
    return np.stack([axis.ravel() for axis in np.meshgrid(side, side)], axis=1)


def _located(
    crs: pyproj.CRS, transform: Transform, width: int, height: int, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Longitudes and latitudes of points given in fractions of the grid; infinite where there are none."""
    a, b, c, d, e, f = transform
    columns, rows = points[:, 0] * width, points[:, 1] * height
    x, y = a * columns + b * rows + c, d * columns + e * rows + f
    if crs.is_geographic:
        limit = latitude_limit(crs)
        y = np.clip(y, -limit, limit)
    longitudes, latitudes = transformer(crs, WGS84).transform(x, y)
    lost = ~(np.isfinite(longitudes) & np.isfinite(latitudes))
    return np.where(lost, np.inf, longitudes), np.where(lost, np.inf, latitudes)


def _holds_pole(crs: pyproj.CRS, transform: Transform, width: int, height: int, pole: float) -> bool:
    """Whether a pole lies inside a grid of a projected CRS in which it is a single point."""
    if crs.is_geographic:
        return False
    back = transformer(WGS84, crs)
    xs, ys = back.transform([0.0, 90.0, 180.0], [pole] * 3)
    x, y = float(xs[0]), float(ys[0])
    scale = 1e-6 * (1 + abs(x) + abs(y))
    if not np.isfinite([*xs, *ys]).all() or max(np.ptp(xs), np.ptp(ys)) > scale:
        return False
    a, b, c, d, e, f = transform
    determinant = a * e - b * d
    column = (e * (x - c) - b * (y - f)) / determinant
    row = (a * (y - f) - d * (x - c)) / determinant
    return 0 <= column <= width and 0 <= row <= height


def _shortest_arc(longitudes: np.ndarray) -> tuple[float, float]:
    """West and east of the shortest arc that holds all the longitudes; east may be above 180."""
    turned = np.unique(np.mod(longitudes, 360))
    gaps = np.diff(turned, append=turned[0] + 360)
    widest = int(gaps.argmax())
    west = float(turned[(widest + 1) % len(turned)])
    return west, west + 360 - float(gaps[widest])


def _ordered(bounds: Bounds, overhang: float) -> Bounds:
    """Longitudes between -180 and 180; west > east where the span crosses the antimeridian by more than an overhang."""
    west, south, east, north = bounds
    if east - west >= 360:
        return (-180.0, south, 180.0, north)
    slack = overhang + _ROUNDING
    shift = 360 * math.floor((west + 180 + slack) / 360)
    west, east = max(west - shift, -180.0), east - shift
    return (west, south, east - 360 if east > 180 + slack else min(east, 180.0), north)
