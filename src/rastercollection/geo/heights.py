"""What heights refer to: the vertical part of a CRS, apart from where things lie, and both together again.

Heights are never transformed: what they refer to is taken from the source and told of the result, whatever its
horizontal CRS. It is named by a vertical CRS, or, for heights above an ellipsoid, by the three-dimensional geographic
CRS that has it (``EPSG:4979`` for WGS 84).
"""

from __future__ import annotations

import functools

import pyproj
from pyproj.crs import CompoundCRS

from rastercollection.geo.crs import crs_label, name_crs, parse_whole, same_crs, unbound

__all__ = ["heights_label", "heights_of", "same_heights", "with_heights"]


def heights_of(crs: pyproj.CRS) -> str | None:
    """What heights in a CRS refer to, ``EPSG:n`` or WKT2; None where it has no vertical part.

    How a vertical CRS is transformed to another (the geoid's grid) is no part of it.
    """
    crs = unbound(crs)
    if crs.is_compound:
        return next((name_crs(unbound(part)) for part in crs.sub_crs_list if _is_vertical(unbound(part))), None)
    if crs.is_geocentric or len(crs.axis_info) < 3 or crs.geodetic_crs is None:
        return None
    return name_crs(unbound(crs.geodetic_crs).to_3d())


def _is_vertical(crs: pyproj.CRS) -> bool:
    return bool(crs.is_vertical) and not (crs.is_geographic or crs.is_projected)


def same_heights(one: str | None, other: str | None) -> bool:
    """Whether heights refer to the same, whatever it is called."""
    if one is None or other is None or one == other:
        return one == other
    return same_crs(parse_whole(one), parse_whole(other))


def heights_label(heights: str | None) -> str:
    """What heights refer to, in a message."""
    return "nothing that is known" if heights is None else crs_label(parse_whole(heights))


@functools.lru_cache(maxsize=256)
def with_heights(flat: str, heights: str) -> pyproj.CRS | None:
    """The whole CRS of a horizontal one and what heights refer to, as a GeoTIFF can hold it; None where it cannot.

    GeoTIFFs name vertical CRSs by their codes, and heights above an ellipsoid by that of a geographic CRS.
    """
    place, vertical = parse_whole(flat), parse_whole(heights)
    if _is_vertical(vertical):
        if not heights.startswith("EPSG:"):
            return None
        return CompoundCRS(f"{place.name} + {vertical.name}", [place, vertical])
    return place.to_3d() if place.is_geographic and same_crs(place, vertical.to_2d()) else None
