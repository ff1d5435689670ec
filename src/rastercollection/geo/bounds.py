"""Arithmetic of longitude and latitude bounds, antimeridian included. Pure, no GDAL.

Bounds are ``(west, south, east, north)`` in EPSG:4326; west > east means that they cross the antimeridian (RFC 7946,
section 5.2). *Unrolled* bounds have east ≥ west always, so that east may exceed 180.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rastercollection.geo.types import Bounds

__all__ = [
    "bounds_center",
    "bounds_parts",
    "bounds_union",
    "crosses_antimeridian",
    "geometry_bounds",
    "one_box",
    "unroll",
]

_SMALL_GAP = 0.01
"""Of the width of all places together."""


def crosses_antimeridian(bounds: Bounds) -> bool:
    return bounds[0] > bounds[2]


def unroll(bounds: Bounds) -> Bounds:
    """The bounds with east ≥ west: ``(170, s, -170, n)`` becomes ``(170, s, 190, n)``."""
    west, south, east, north = bounds
    return (west, south, east + 360 if west > east else east, north)


def bounds_parts(bounds: Bounds) -> tuple[Bounds, ...]:
    """The bounds as one box, or as the two on either side of the antimeridian."""
    west, south, east, north = bounds
    if west <= east:
        return (bounds,)
    return ((west, south, 180.0, north), (-180.0, south, east, north))


def one_box(bounds: Bounds) -> Bounds:
    """A box with west < east that holds the bounds: all around the Earth where they cross the antimeridian."""
    west, south, east, north = bounds
    return (-180.0, south, 180.0, north) if crosses_antimeridian(bounds) else (west, south, east, north)


def bounds_center(bounds: Bounds) -> tuple[float, float]:
    """Longitude, within ±180, and latitude of the middle."""
    west, south, east, north = unroll(bounds)
    longitude = (west + east) / 2
    return (longitude - 360 if longitude > 180 else longitude, (south + north) / 2)


def bounds_union(all_bounds: Iterable[Bounds], *, is_picture: bool = False) -> Bounds:
    """Bounds around all. They cross the antimeridian only where the places do and span less than half the globe so.

    Places do when one of them crosses it, or when some end and others begin there, but for a gap that is small beside
    them: where no edge of pixels lies on it, those that lie across it belong to one side.

    Args:
        all_bounds: The places.
        is_picture: For a picture of them, which is to be as narrow as can be: the width of the gap does not matter.

    Raises:
        ValueError: There are none.
    """
    every = list(all_bounds)
    if not every:
        raise ValueError("the union of no bounds")
    south, north = min(bounds[1] for bounds in every), max(bounds[3] for bounds in every)
    spans = _merged([(part[0], part[2]) for bounds in every for part in bounds_parts(bounds)])
    west, east = spans[0][0], spans[-1][1]
    slack = _SMALL_GAP * sum(high - low for low, high in spans)
    meets = west <= -180 + slack and east >= 180 - slack
    if (meets or is_picture) and len(spans) > 1:
        gap = max(range(len(spans) - 1), key=lambda index: spans[index + 1][0] - spans[index][1])
        if spans[gap + 1][0] - spans[gap][1] > 180:
            return (spans[gap + 1][0], south, spans[gap][1], north)
    return (west, south, east, north)


def geometry_bounds(geometry: Mapping[str, Any]) -> Bounds:
    """Bounds of a GeoJSON Polygon or MultiPolygon in EPSG:4326 that is cut at the antimeridian (RFC 7946, 3.1.9).

    West > east where parts on either side of the antimeridian touch it and span less than half the globe together.
    """
    coordinates = geometry["coordinates"]
    polygons = [coordinates] if geometry["type"] == "Polygon" else coordinates
    return bounds_union(_ring_bounds(rings[0]) for rings in polygons)


def _ring_bounds(ring: Iterable[Iterable[float]]) -> Bounds:
    longitudes, latitudes, *_ = zip(*ring, strict=True)
    return (min(longitudes), min(latitudes), max(longitudes), max(latitudes))


def _merged(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Overlapping or touching intervals joined, in order."""
    merged: list[tuple[float, float]] = []
    for low, high in sorted(spans):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return merged
