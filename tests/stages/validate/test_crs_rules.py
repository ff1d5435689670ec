"""CRSs are compared as CRSs; where they come from is told."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine

from rastercollection.errors import TaskError
from rastercollection.geo.crs import parse_crs
from validation_scenes import codes, validate, write

BYTES = np.arange(64 * 64, dtype="uint8").reshape(64, 64)
ESRI_UTM_42 = (
    'PROJCS["WGS_1984_UTM_Zone_42N",GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137.0,298.257223563]],'
    'PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],'
    'PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",69.0],'
    'PARAMETER["Scale_Factor",0.9996],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
)
SAME_AS_UTM_42 = ["EPSG:32642", "epsg:32642", "+init=epsg:32642", "urn:ogc:def:crs:EPSG::32642", ESRI_UTM_42,
                  "+proj=utm +zone=42 +datum=WGS84", pyproj.CRS("EPSG:32642").to_wkt("WKT2_2019"),
                  pyproj.CRS("EPSG:32642").to_json()]  # fmt: skip


def failure(kind, path, **parameters):
    with pytest.raises(kind) as caught:
        validate(path, **parameters)
    return caught.value


def test_the_file_s_own_crs(tmp_path):
    tile = validate(write(tmp_path / "x.tif", BYTES))
    assert (tile.crs, tile.crs_source, codes(tile)) == ("EPSG:32642", "file_metadata", set())


@pytest.mark.parametrize("spelling", SAME_AS_UTM_42)
def test_a_crs_confirmed_in_any_spelling(tmp_path, spelling):
    tile = validate(write(tmp_path / "x.tif", BYTES), input_crs=spelling)
    assert (tile.crs, tile.crs_source) == ("EPSG:32642", "user_confirmed")


@pytest.mark.parametrize("spelling", SAME_AS_UTM_42[4:6])
def test_a_file_s_crs_in_any_spelling(tmp_path, spelling):
    path = write(tmp_path / "x.tif", BYTES, crs=rasterio.crs.CRS.from_string(spelling))
    assert validate(path, input_crs="EPSG:32642").crs_source == "user_confirmed"


@pytest.mark.parametrize("other", ["EPSG:32643", "EPSG:4326", "EPSG:32742", "+proj=utm +zone=42 +ellps=intl"])
def test_a_clash_is_an_error(tmp_path, other):
    error = failure(TaskError, write(tmp_path / "x.tif", BYTES), input_crs=other)
    assert error.code == "CRS_MISMATCH"
    assert "EPSG:32642" in error.message
    assert "x.tif" in error.message
    assert "input_crs" in error.hint


def test_a_missing_crs_is_taken_from_the_request_with_a_warning(tmp_path):
    path = write(tmp_path / "x.tif", BYTES, crs=None)
    tile = validate(path, input_crs=ESRI_UTM_42)
    assert (tile.crs, tile.crs_source) == ("EPSG:32642", "user_override_required")
    assert codes(tile) == {"CRS_FROM_REQUEST"}
    error = failure(TaskError, path)
    assert error.code == "CRS_MISSING"
    assert "input_crs" in error.hint


def test_a_local_crs_is_none(tmp_path):
    local = rasterio.crs.CRS.from_wkt('LOCAL_CS["site grid",UNIT["metre",1]]')
    path = write(tmp_path / "x.tif", BYTES, crs=local)
    assert "local" in failure(TaskError, path).message
    assert validate(path, input_crs="EPSG:32642").crs_source == "user_override_required"


@pytest.mark.parametrize(
    "text", ["http://localhost:1/crs", "/etc/hostname", "EPSG:0", "EPSG:4978", "EPSG:5773", "x" * 10**5]
)
def test_what_is_no_crs(tmp_path, text):
    error = failure(TaskError, write(tmp_path / "x.tif", BYTES), input_crs=text)
    assert error.code == "CRS_INVALID"
    assert len(error.message) < 300


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        ("IAU_2015:49900", Affine(0.1, 0, 10, 0, -0.1, 20)),
        ("IAU_2015:49910", Affine(500, 0, 100_000, 0, -500, 200_000)),
        ("ESRI:103885", Affine(500, 0, 100_000, 0, -500, 200_000)),
        ("IAU_2015:30100", Affine(0.1, 0, 10, 0, -0.1, 20)),
    ],
)
@pytest.mark.parametrize("input_crs", [None, "EPSG:4326"])
def test_a_raster_of_another_body_is_not_told_to_be_placed_wrongly(tmp_path, crs, transform, input_crs):
    definition = rasterio.crs.CRS.from_wkt(pyproj.CRS(crs).to_wkt("WKT2_2019"))
    path = write(tmp_path / "mars.tif", BYTES.astype("int16"), crs=definition, transform=transform)
    error = failure(TaskError, path, input_crs=input_crs)
    assert error.code == "CRS_NOT_OF_EARTH"
    assert "mars.tif" in error.message
    assert ("3,396 km" if "49" in crs or "ESRI" in crs else "1,737 km") in error.message
    assert "gdal_translate" in error.hint


@pytest.mark.parametrize("crs", ["IAU_2015:49900", "ESRI:104905"])
def test_another_body_cannot_be_asked_for(tmp_path, crs):
    error = failure(TaskError, write(tmp_path / "x.tif", BYTES, crs=None), input_crs=crs)
    assert (error.code, "another body" in error.message) == ("CRS_INVALID", True)


@pytest.mark.parametrize("sphere", ["ESRI:53001", "EPSG:3408", "+proj=lcc +lat_1=30 +lat_2=60 +R=6367470"])
def test_spheres_are_of_earth(sphere):
    assert parse_crs(sphere).is_projected
