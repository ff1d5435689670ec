"""Where a COG is looked at: a place inside its data, and a zoom at which that is more than a pixel or two. Pure."""

from __future__ import annotations

import math

import attrs
import shapely
from shapely.geometry.base import BaseGeometry

from rastercollection.geo.bounds import bounds_parts
from rastercollection.geo.types import Bounds
from rastercollection.geo.webmercator import MERCATOR_LATITUDE, TILE
from rastercollection.model.cog import Cog

__all__ = ["DEEPEST", "Place", "place_around", "place_in"]

DEEPEST = 24
"""The last zoom that readers know."""
_DEEPER = 2
_NARROWEST = 1e-12
_WIDEST = 1.0
"""Degrees of the box in which a COG is looked at alone: around a pole, wider ones have no sides."""
_FEWEST_PIXELS = 16
"""Of a map tile of 256 that the narrowest side of what is looked at takes."""


@attrs.frozen(kw_only=True)
class Place:
    """Where to look.

    Attributes:
        longitude, latitude: A point in EPSG:4326.
        zoom: Of WebMercatorQuad.
        bounds: A box in EPSG:4326 around the point, for readers of the COG alone.
        is_tiny: At no zoom is what is there more than a pixel.
    """

    longitude: float
    latitude: float
    zoom: int
    bounds: Bounds

    is_tiny: bool = False

    @property
    def is_on_map(self) -> bool:
        """Whether a Web Mercator map shows it, at some zoom."""
        return abs(self.latitude) < MERCATOR_LATITUDE and not self.is_tiny


def place_in(cog: Cog, zooms: tuple[int, int] | None = None) -> Place:
    """A point in the largest part of a COG's footprint, on the map where any of it is.

    Args:
        cog: The COG.
        zooms: Between which a map tile is to be, deeper only where the COG would be too small to be seen.
    """
    every = [shapely.box(*part) for part in bounds_parts(cog.file.bounds_4326)]
    outline = shapely.geometry.shape(cog.footprint) if cog.footprint else shapely.union_all(every)
    outline = outline if outline.is_valid else shapely.make_valid(outline)
    on_map = shapely.intersection(outline, shapely.box(-180, -MERCATOR_LATITUDE, 180, MERCATOR_LATITUDE))
    parts = [part for shape in (on_map, outline) if (part := _largest(shape)) is not None] or every
    point = shapely.point_on_surface(parts[0])
    low, high = zooms or (0, DEEPEST)
    return place_around(point.x, point.y, parts[0].bounds, max(low, min(cog.file.maxzoom, high)))


def place_around(longitude: float, latitude: float, bounds: Bounds, zoom: int) -> Place:
    """The place of a point in something that has these bounds, at the zoom given or deeper.

    Deeper, where that is too small to be seen, or a little, so that a map tile around its middle lies inside of it.
    """
    west, south, east, north = bounds
    narrow = max(min(east - west, north - south), _NARROWEST)
    seen, inside = (math.ceil(math.log2(pixels * 360 / TILE / narrow)) for pixels in (_FEWEST_PIXELS, 2 * TILE))
    deep = max(zoom, seen, min(inside, zoom + _DEEPER), 0)
    half = min(narrow / 2, _WIDEST / 2)
    around = (longitude - half, max(latitude - half, -90.0), longitude + half, min(latitude + half, 90.0))
    is_tiny = narrow * TILE * 2**DEEPEST / 360 < 1
    return Place(longitude=longitude, latitude=latitude, zoom=min(deep, DEEPEST), bounds=around, is_tiny=is_tiny)


def _largest(shape: BaseGeometry) -> BaseGeometry | None:
    polygons = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon" and part.area > 0]
    return max(polygons, key=lambda polygon: float(polygon.area), default=None)
