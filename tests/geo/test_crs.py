"""CRSs are named and compared as CRSs, never as strings."""

from __future__ import annotations

import pyproj
import pytest
import rasterio

from rastercollection.geo.crs import name_crs, parse_crs, same_crs
from rastercollection.rasters.gdal_crs import from_rasterio, to_rasterio


def test_a_crs_without_a_code_keeps_its_definition():
    feet = parse_crs(
        "+proj=lcc +lat_1=39.2 +lat_2=38 +lat_0=37.6 +lon_0=-78.5 +x_0=3500000 +y_0=2000000 +ellps=GRS80 +units=us-ft"
    )
    assert not name_crs(feet).startswith("EPSG:")
    assert same_crs(parse_crs(name_crs(feet)), feet)
    assert same_crs(from_rasterio(to_rasterio(name_crs(feet))), feet)


@pytest.mark.parametrize("code", [4326, 3857, 32642, 2193, 3035, 28992, 31370, 27700, 2154, 5070, 3413, 4807, 2056])
def test_names_round_trip_through_gdal(code):
    """Codes whose axes are in another order than x, y among them."""
    assert name_crs(from_rasterio(rasterio.crs.CRS.from_epsg(code))) == f"EPSG:{code}"
    assert to_rasterio(f"EPSG:{code}") == rasterio.crs.CRS.from_epsg(code)


def test_heights_do_not_matter():
    assert name_crs(parse_crs("EPSG:7415")) == "EPSG:28992"
    assert same_crs(parse_crs("EPSG:4979"), parse_crs("OGC:CRS84"))


def test_a_slightly_different_crs_gets_no_code():
    """A metre of false easting more is another CRS."""
    shifted = pyproj.CRS("EPSG:32642").to_wkt().replace("500000", "500001")
    assert not same_crs(pyproj.CRS(shifted), parse_crs("EPSG:32642"))
    assert name_crs(pyproj.CRS(shifted)) != "EPSG:32642"
