"""CRSs between rasterio and pyproj."""

from __future__ import annotations

import pyproj
import rasterio.crs
import rasterio.errors
from pyproj.exceptions import CRSError

from rastercollection.geo.crs import _EPSG, _invalid, horizontal, parse_crs

__all__ = [
    "from_rasterio",
    "to_rasterio",
]


def from_rasterio(crs: rasterio.crs.CRS | None) -> pyproj.CRS | None:
    """A dataset's CRS, its horizontal part; None where the file has none, or a local one that no place follows from."""
    if not crs:
        return None
    for version in ("WKT2_2019", "WKT1_GDAL"):
        try:
            return horizontal(pyproj.CRS.from_wkt(crs.to_wkt(version=version)))
        except (rasterio.errors.CRSError, CRSError):
            continue
    return None


def to_rasterio(text: str) -> rasterio.crs.CRS:
    """rasterio's CRS of what :func:`name_crs` wrote or :func:`parse_crs` reads; x, y order always.

    Raises:
        TaskError: ``CRS_INVALID``.
    """
    code = _EPSG.fullmatch(text)
    try:
        return rasterio.crs.CRS.from_epsg(int(code[1])) if code else rasterio.crs.CRS.from_wkt(parse_crs(text).to_wkt())
    except rasterio.errors.CRSError as error:
        raise _invalid(text, "GDAL does not know it") from error
