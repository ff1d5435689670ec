"""CRSs between rasterio and pyproj."""

from __future__ import annotations

import functools

import pyproj
import rasterio.crs
import rasterio.errors
from pyproj.exceptions import CRSError

from rastercollection.geo.crs import EPSG_CODE, horizontal, invalid_crs, name_crs, parse_crs, parse_whole
from rastercollection.geo.heights import heights_of, with_heights
from rastercollection.rasters.proj_data import usable_proj_data

__all__ = [
    "from_rasterio",
    "heights_in",
    "to_rasterio",
    "whole_crs",
]

_MOST_KEPT = 64
_flat: dict[int, tuple[rasterio.crs.CRS | None, pyproj.CRS | None]] = {}
"""Horizontal parts, by the identity of the object: a tile asks dozens of times, and to be told its WKT takes as long as
to project a hundred points. rasterio calls CRSs equal that are not quite the same."""


def from_rasterio(crs: rasterio.crs.CRS | None) -> pyproj.CRS | None:
    """A dataset's CRS, its horizontal part; None where the file has none, or a local one that no place follows from."""
    known = _flat.get(id(crs))
    if known is not None and known[0] is crs:
        return known[1]
    whole = _whole(crs)
    flat = None if whole is None else horizontal(whole)
    if len(_flat) >= _MOST_KEPT:
        _flat.clear()
    _flat[id(crs)] = crs, flat
    return flat


def heights_in(crs: rasterio.crs.CRS | None) -> str | None:
    """What heights in a dataset's CRS refer to, as :mod:`~rastercollection.geo.heights` names it; None if to nothing.

    Raises:
        TaskError: ``CRS_INVALID``; PROJ does not read what it makes of it itself.
    """
    whole = _whole(crs)
    return None if whole is None else heights_of(whole)


def _whole(crs: rasterio.crs.CRS | None) -> pyproj.CRS | None:
    if not crs:
        return None
    for version in ("WKT2_2019", "WKT1_GDAL"):
        try:
            return _parsed(crs.to_wkt(version=version))
        except (rasterio.errors.CRSError, CRSError):
            continue
    return None


@functools.lru_cache(maxsize=64)
def _parsed(wkt: str) -> pyproj.CRS:
    """A CRS by its definition: a tile asks for the same two or three dozens of times."""
    return pyproj.CRS.from_wkt(wkt)


def whole_crs(flat: rasterio.crs.CRS, heights: str | None) -> rasterio.crs.CRS | None:
    """A horizontal CRS together with what heights refer to; None where a GeoTIFF cannot hold both."""
    place = from_rasterio(flat)
    if heights is None or place is None:
        return flat
    whole = with_heights(name_crs(place), heights)
    return None if whole is None else rasterio.crs.CRS.from_wkt(whole.to_wkt())


def to_rasterio(text: str) -> rasterio.crs.CRS:
    """rasterio's CRS of what :func:`name_crs` wrote or :func:`parse_crs` reads, without heights; x, y order always.

    Raises:
        TaskError: ``CRS_INVALID``.
        MachineError: ``PROJ_DATA_UNUSABLE``.
    """
    usable_proj_data()
    code = EPSG_CODE.fullmatch(text) if heights_of(parse_whole(text)) is None else None
    try:
        return rasterio.crs.CRS.from_epsg(int(code[1])) if code else rasterio.crs.CRS.from_wkt(parse_crs(text).to_wkt())
    except rasterio.errors.CRSError as error:
        raise invalid_crs(text, f"GDAL does not know it ({error})") from error
