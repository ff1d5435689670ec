"""Bounds, transforms and pixels on the Earth, as plain values.

Coordinates are x, y (longitude, latitude in EPSG:4326) whatever axis order a CRS's authority defines. Bounds are
``(west, south, east, north)``; those in EPSG:4326 have west > east where they cross the antimeridian, as in GeoJSON
(RFC 7946, section 5.2). Transforms are the six coefficients ``(a, b, c, d, e, f)`` of ``x = a·col + b·row + c``,
``y = d·col + e·row + f``. Shapes are ``(rows, columns)``.
"""

from __future__ import annotations

import attrs

__all__ = [
    "NaturalGrid",
]


Bounds = tuple[float, float, float, float]

Transform = tuple[float, float, float, float, float, float]


@attrs.frozen(kw_only=True)
class NaturalGrid:
    """The pixels that a tile would have in the target CRS if it were alone.

    Attributes:
        bounds: Of the tile, ``(left, bottom, right, top)`` in the target CRS. They run on beyond the antimeridian.
        resolution: Size of a pixel there, (x, y), positive.
        is_upright: They are the source's own: it has the target CRS and runs along its axes.
        world: Limits of the target CRS, as ``bounds``: once around the world, from pole to pole; None without limits.
    """

    bounds: Bounds
    resolution: tuple[float, float]
    is_upright: bool
    world: Bounds | None
