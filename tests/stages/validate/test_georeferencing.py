"""Where tiles lie, judged by GDAL's own transformations; and georeferencing that leads nowhere."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.warp import transform, transform_bounds

from rastercollection.errors import TaskError
from validation_scenes import UTM, codes, validate, write

BYTES = np.arange(64 * 64, dtype="uint8").reshape(64, 64)
NOT_GEOREFERENCED = "ignore::rasterio.errors.NotGeoreferencedWarning"


def placed(tmp_path, crs, numbers, shape=(64, 64)):
    return write(tmp_path / "x.tif", np.resize(BYTES, shape), crs=crs, transform=Affine(*numbers))


def refused(path, **parameters) -> TaskError:
    with pytest.raises(TaskError) as caught:
        validate(path, **parameters)
    assert "x.tif" in caught.value.message
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("crs", "numbers"),
    [
        ("EPSG:32642", (10, 0, 500_000, 0, -10, 4_000_000)),
        ("EPSG:32642", (10, 0, 500_000, 0, 10, 4_000_000)),
        ("EPSG:32642", (8, 6, 500_000, 6, -8, 4_000_000)),
        ("EPSG:4326", (0.25, 0, -10, 0, -0.25, 60)),
        ("EPSG:3035", (5_000, 0, 4_000_000, 0, -5_000, 3_000_000)),
        ("EPSG:3857", (1_000, 0, 0, 0, -1_000, 0)),
        ("EPSG:2193", (1_000, 0, 1_500_000, 0, -1_000, 5_500_000)),
    ],
)
def test_bounds_are_those_of_the_corners_and_gdal_s_in_degrees(tmp_path, crs, numbers):
    tile = validate(placed(tmp_path, crs, numbers))
    where = Affine(*numbers)
    corners = [where @ (column, row) for column in (0, 64) for row in (0, 64)]
    xs, ys = zip(*corners, strict=True)
    assert tile.bounds == pytest.approx((min(xs), min(ys), max(xs), max(ys)))
    assert tile.transform == tuple(map(float, numbers))
    assert tile.pixel_size == pytest.approx((math.hypot(numbers[0], numbers[3]), math.hypot(numbers[1], numbers[4])))
    west, south, east, north = transform_bounds(crs, "EPSG:4326", *tile.bounds, densify_pts=64)
    inside = (west - 1e-6, south - 1e-6, east + 1e-6, north + 1e-6)
    assert tile.bounds_4326[0] >= inside[0]
    assert tile.bounds_4326[1] >= inside[1]
    assert tile.bounds_4326[2] <= inside[2]
    assert tile.bounds_4326[3] <= inside[3]
    longitudes, latitudes = transform(crs, "EPSG:4326", xs, ys)
    assert tile.bounds_4326[0] <= min(longitudes) + 1e-6
    assert tile.bounds_4326[2] >= max(longitudes) - 1e-6
    assert tile.bounds_4326[1] <= min(latitudes) + 1e-6
    assert tile.bounds_4326[3] >= max(latitudes) - 1e-6
    assert codes(tile) == set()


@pytest.mark.parametrize(
    ("crs", "numbers", "shape", "expected"),
    [
        ("EPSG:4326", (0.1, 0, 175, 0, -0.1, 10), (60, 100), (175, 4, -175, 10)),
        ("EPSG:4326", (0.1, 0, -185, 0, -0.1, 10), (60, 100), (175, 4, -175, 10)),
        ("EPSG:4326", (0.1, 0, 302, 0, -0.1, 10), (60, 60), (-58, 4, -52, 10)),
        ("EPSG:4326", (1, 0, 0, 0, -1, 90), (180, 360), (-180, -90, 180, 90)),
        ("EPSG:4326", (1, 0, -180, 0, -1, 90), (180, 360), (-180, -90, 180, 90)),
        ("EPSG:4326", (0.1, 0, 180, 0, -0.1, 10), (60, 60), (-180, 4, -174, 10)),
        ("EPSG:4326", (0.1, 0, 174, 0, -0.1, 10), (60, 60), (174, 4, 180, 10)),
        ("EPSG:32660", (1_000, 0, 700_000, 0, -1_000, 10_000), (10, 300), (178.797, 0, -178.511, 0.0905)),
        ("EPSG:3413", (1_000, 0, -500_000, 0, -1_000, 500_000), (1_000, 1_000), (-180, 83.48, 180, 90)),
    ],
)
def test_antimeridian_poles_and_right_around(tmp_path, crs, numbers, shape, expected):
    assert validate(placed(tmp_path, crs, numbers, shape)).bounds_4326 == pytest.approx(expected, abs=0.01)


def test_a_geostationary_image_lies_on_earth_although_its_corners_do_not(tmp_path):
    crs = rasterio.crs.CRS.from_string("+proj=geos +h=35785831 +lon_0=-75 +sweep=x +ellps=GRS80")
    tile = validate(placed(tmp_path, crs, (175_000, 0, -5_600_000, 0, -175_000, 5_600_000)))
    west, south, east, north = tile.bounds_4326
    assert west == pytest.approx(-75 - 80, abs=3)
    assert east == pytest.approx(-75 + 80, abs=3)
    assert south == pytest.approx(-81, abs=2)
    assert north == pytest.approx(81, abs=2)


@pytest.mark.parametrize(
    ("crs", "numbers", "words"),
    [
        ("EPSG:4326", (0.1, 0, 538, 0, -0.1, 10), "540"),
        ("EPSG:4326", (2, 0, -20, 0, -1, 92), "90"),
        ("EPSG:32642", (10, 0, 2_000_000, 0, -10, 4_000_000), "1,000,000"),
        ("EPSG:32642", (10, 0, 9_000_000, 0, -10, 4_000_000), "1,000,000"),
        ("EPSG:32642", (10, 0, -800_000, 0, -10, 4_000_000), "1,000,000"),
        ("EPSG:2193", (10, 0, 500_000, 0, -10, 1_000_000), "area of use"),
        ("EPSG:32642", (0.001, 0, 69, 0, -0.001, 41), "look like degrees"),
    ],
)
def test_odd_bounds_are_told(tmp_path, crs, numbers, words):
    tile = validate(placed(tmp_path, crs, numbers))
    messages = [notice.message for notice in tile.notices if notice.code == "SUSPICIOUS_BOUNDS"]
    assert any(words in message for message in messages), messages
    assert all(math.isfinite(value) for value in (*tile.bounds, *tile.bounds_4326))


@pytest.mark.parametrize(
    ("crs", "numbers"),
    [
        ("EPSG:4326", (10, 0, 500_000, 0, -10, 4_000_000)),
        ("EPSG:4326", (10, 0, 0, 0, -10, 10_000)),
        ("EPSG:4326", (10, 0, -1_000, 0, -1, 40)),
        ("EPSG:4326", (6, 0, -180, 0, -1, 40)),
        ("EPSG:4326", (1, 0, 5_000, 0, -1, 40)),
        ("EPSG:32642", (10, 0, 1e9, 0, -10, 4_000_000)),
        ("EPSG:32642", (math.nan, 0, 500_000, 0, -10, 4_000_000)),
        ("EPSG:32642", (10, 0, math.inf, 0, -10, 4_000_000)),
        ("EPSG:32642", (10, 0, 500_000, 0, 0, 4_000_000)),
        ("EPSG:32642", (10, 10, 500_000, 10, 10, 4_000_000)),
        ("EPSG:32642", (1e-310, 0, 500_000, 0, -1e-310, 4_000_000)),
        ("EPSG:32642", (1e-12, 0, 500_000, 0, -1e-12, 4_000_000)),
        ("EPSG:32642", (1e307, 0, 500_000, 0, -1e307, 4_000_000)),
    ],
)
def test_nonsense_is_refused(tmp_path, crs, numbers):
    path = write(tmp_path / "x.tif", BYTES, crs=crs, transform=Affine(10, 0, 500_000, 0, -10, 4_000_000))
    with rasterio.open(path, "r+") as target:
        target.transform = Affine(*numbers)
    assert refused(path).code == "GEOREFERENCING_INVALID"


def test_metres_declared_as_degrees_get_the_right_hint(tmp_path):
    error = refused(placed(tmp_path, "EPSG:4326", (10, 0, 500_000, 0, -10, 4_000_000)))
    assert "metres" in error.message


def test_no_georeferencing(tmp_path):
    path = write(tmp_path / "x.tif", BYTES, transform=None)
    assert refused(path).code == "GEOREFERENCING_MISSING"
    assert refused(path, input_crs=UTM).code == "GEOREFERENCING_MISSING"


CORNERS = [
    (0, 0, 500_000, 4_000_000),
    (0, 64, 500_640, 4_000_000),
    (64, 0, 500_000, 3_999_360),
    (64, 64, 500_640, 3_999_360),
]


def with_gcps(path, corners, crs=UTM):
    points = [GroundControlPoint(row=row, col=column, x=x, y=y) for row, column, x, y in corners]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        return write(path, BYTES, transform=None, crs=crs, gcps=points)


def test_ground_control_points(tmp_path):
    tile = validate(with_gcps(tmp_path / "x.tif", CORNERS))
    assert tile.georeferencing == "gcps"
    assert tile.crs == UTM
    assert tile.bounds == pytest.approx((500_000, 3_999_360, 500_640, 4_000_000), abs=1)
    assert tile.pixel_size == pytest.approx((10, 10), rel=0.02)
    assert tile.bounds_4326 == pytest.approx(transform_bounds(UTM, "EPSG:4326", *tile.bounds), abs=1e-6)


@pytest.mark.parametrize("corners", [CORNERS[:1], CORNERS[:2], [(0, c, 5e5 + c, 4e6) for c in (0, 5, 9, 30)]])
def test_too_few_control_points_or_in_line(tmp_path, corners):
    assert refused(with_gcps(tmp_path / "x.tif", corners)).code == "GEOREFERENCING_INVALID"


def test_control_points_without_a_crs_take_the_request_s(tmp_path):
    path = with_gcps(tmp_path / "x.tif", CORNERS, crs=rasterio.crs.CRS())
    assert refused(path).code == "CRS_MISSING"
    tile = validate(path, input_crs=UTM)
    assert (tile.georeferencing, tile.crs_source) == ("gcps", "user_override_required")


@pytest.mark.parametrize("name", ["rioxarray__test_rpcs.tif", "rioxarray__test_rpcs_ext_file.tif"])
def test_rpcs_place_a_tile_whose_header_says_nothing_of_use(shared_data, name):
    tile = validate(shared_data / "good" / name)
    assert (tile.georeferencing, tile.crs) == ("rpcs", "EPSG:4326")
    with rasterio.open(shared_data / "good" / name) as dataset:
        center = dataset.rpcs
    assert tile.bounds_4326[0] < tile.bounds_4326[2]
    assert abs(tile.bounds_4326[0] - center.long_off) < 0.2
    assert abs(tile.bounds_4326[1] - center.lat_off) < 0.2
    with pytest.raises(TaskError, match="CRS_MISMATCH"):
        validate(shared_data / "good" / name, input_crs=UTM)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1)])
def test_the_smallest_tiles(tmp_path, shape):
    tile = validate(write(tmp_path / "x.tif", np.ones(shape, "uint8")))
    assert (tile.height, tile.width) == shape
    assert tile.bounds == (500_000, 4_000_000 - 10 * shape[0], 500_000 + 10 * shape[1], 4_000_000)
