"""CRSs between rasterio and pyproj."""

from __future__ import annotations

from rasterio.crs import CRS

from rastercollection.rasters.gdal_crs import from_rasterio


def test_each_crs_is_told_for_itself() -> None:
    """Whatever is remembered: objects of others that are gone may have lain at the same address."""
    for code in (*range(32601, 32661), *range(32701, 32761)):
        flat = from_rasterio(CRS.from_epsg(code))
        assert flat is not None
        assert flat.to_epsg() == code
