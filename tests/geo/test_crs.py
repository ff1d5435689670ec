"""CRSs are named and compared as CRSs, never as strings."""

from __future__ import annotations

import pyproj
import pytest
import rasterio
from pyproj.crs import BoundCRS, GeographicCRS
from pyproj.crs.coordinate_operation import ToWGS84Transformation
from pyproj.crs.coordinate_system import Ellipsoidal2DCS
from pyproj.crs.datum import CustomDatum
from pyproj.crs.enums import Ellipsoidal2DCSAxis

from rastercollection.errors import TaskError
from rastercollection.geo.crs import crs_label, horizontal, name_crs, parse_crs, same_crs, transformer
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


def test_the_flat_part_of_a_crs():
    assert horizontal(pyproj.CRS.from_epsg(7415)).to_epsg() == 28992, "with heights"
    assert len(horizontal(pyproj.CRS.from_epsg(4979)).axis_info) == 2
    assert horizontal(pyproj.CRS.from_epsg(4978)) is None, "geocentric"
    assert horizontal(pyproj.CRS.from_epsg(5773)) is None, "heights alone"
    assert horizontal(pyproj.CRS.from_epsg(32642)) == pyproj.CRS.from_epsg(32642)


LAMBERT = "+proj=lcc +lat_1=39.2 +lat_2=38 +lat_0=37.6 +lon_0=-78.5 +x_0=3500000 +y_0=2000000 +ellps=intl +type=crs"


@pytest.mark.parametrize("order", [Ellipsoidal2DCSAxis.LONGITUDE_LATITUDE, Ellipsoidal2DCSAxis.LATITUDE_LONGITUDE])
def test_the_order_of_axes_is_no_difference(order):
    datum = CustomDatum(ellipsoid="intl")
    one, other = (
        GeographicCRS(datum=datum, ellipsoidal_cs=Ellipsoidal2DCS(axis=axis))
        for axis in (order, Ellipsoidal2DCSAxis.LATITUDE_LONGITUDE)
    )
    assert same_crs(one, other)
    assert same_crs(other, one)


def test_an_attached_shift_to_wgs_84_is_no_difference():
    plain = pyproj.CRS(LAMBERT)
    shift = ToWGS84Transformation(plain.geodetic_crs, -87, -98, -121)
    bound = BoundCRS(source_crs=plain, target_crs="WGS 84", transformation=shift)
    assert same_crs(bound, plain)
    assert same_crs(plain, bound)
    assert not same_crs(bound, pyproj.CRS(LAMBERT.replace("38", "38.1")))


def test_labels_for_people():
    assert crs_label(parse_crs("EPSG:32642")) == "EPSG:32642 (WGS 84 / UTM zone 42N)"
    assert crs_label(pyproj.CRS(LAMBERT)).startswith("the CRS '")


@pytest.mark.parametrize("text", ["x" * 300, "EPSG:0"])
def test_what_is_no_crs_is_quoted_briefly(text):
    with pytest.raises(TaskError) as caught:
        parse_crs(text)
    assert caught.value.code == "CRS_INVALID"
    assert len(caught.value.message) < 200
    assert f"'{text[:77]}" in caught.value.message
    assert "target_crs" in caught.value.hint


def test_transformers_take_x_before_y():
    assert transformer(parse_crs("EPSG:4326"), parse_crs("EPSG:3857")).transform(180, 0) == pytest.approx(
        (20037508.342789244, 0), abs=1e-6
    )
