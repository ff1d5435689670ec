"""Longitudes from 0 to 360, or beyond: COGs have them where readers look for pixels, and every pixel as it was."""

from __future__ import annotations

from pathlib import Path

import morecantile
import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.rpc import RPC
from rasterio.transform import from_origin
from rio_tiler.io import Reader

from cog_scenes import make_cog, texture, write_raster
from rastercollection.geo.pixel_grid import GridRule
from rastercollection.rasters.grid.placement import Placement, Strip, project
from rastercollection.rasters.grid.plan import plan_sides
from rastercollection.rasters.grid.turns import cut_columns, in_one_turn, moved

DEGREES = CRS.from_epsg(4326)


def world(columns: int, west: float, pixel: float) -> np.ndarray:
    """Of each pixel the longitude of its middle, from -180 to 180, a whole turn or less; rows differ by 1000."""
    middles = (west + pixel * (np.arange(columns) + 0.5) + 180) % 360 - 180
    return (middles + 1000 * np.arange(20)[:, np.newaxis]).astype("float32")[np.newaxis]


def is_at_its_longitude(path: Path, tolerance: float) -> None:
    """Whether each valid pixel of the first row of a COG in EPSG:4326 holds the longitude that it lies at."""
    with rasterio.open(path) as cog:
        row = cog.read(1, masked=True)[0]
        middles = cog.transform.c + cog.transform.a * (np.arange(cog.width) + 0.5)
    apart = np.abs((row - middles + 180) % 360 - 180)
    assert apart.count()
    assert apart.max() <= tolerance


@pytest.mark.parametrize(
    ("west", "pixel", "columns", "left", "width"),
    [
        (0.0, 1.0, 360, -180.0, 360),
        (-0.125, 0.25, 1440, -180.125, 1441),  # middles of pixels at 0, 0.25, … as of ERA5: one lies across 180°
        (-0.5, 1.0, 361, -180.5, 361),  # the first column again as the last
        (20.0, 0.5, 720, -180.0, 720),
        (20.125, 0.5, 720, -180.375, 721),  # the last column lies across
        (-180.0, 1.0, 360, -180.0, 360),
    ],
)
def test_a_global_grid_is_rolled_bit_by_bit(
    tmp_path: Path, west: float, pixel: float, columns: int, left: float, width: int
) -> None:
    data = world(columns, west, pixel)
    made = make_cog(
        write_raster(tmp_path / "t.tif", data, crs="EPSG:4326", transform=from_origin(west, 40, pixel, 4)), "EPSG:4326"
    )
    assert (made.cog.reprojected, made.cog.others) == (False, ())
    assert made.cog.file.bounds[0] == left
    assert made.cog.file.shape == (20, width)
    assert ("LONGITUDES_TURNED" in made.codes) == (west != left)
    is_at_its_longitude(made.path, 0)


@pytest.mark.parametrize("turned", ["rows", "columns"])
def test_a_global_grid_that_runs_the_other_way_is_rolled_as_well(tmp_path: Path, turned: str) -> None:
    data = world(360, 0, 1)
    transform = Affine(1, 0, 0, 0, 4, -40) if turned == "rows" else Affine(-1, 0, 360, 0, -4, 40)
    flipped = data[:, ::-1] if turned == "rows" else data[..., ::-1]
    made = make_cog(write_raster(tmp_path / "t.tif", flipped, crs="EPSG:4326", transform=transform), "EPSG:4326")
    assert made.cog.file.bounds[:3:2] == (-180, 180)
    with rasterio.open(made.path) as cog:
        np.testing.assert_array_equal(cog.read(), np.roll(data, 180, axis=2))


def test_what_no_whole_number_of_columns_goes_around_is_cut_in_two(tmp_path: Path) -> None:
    data = world(514, 0, 0.7)
    source = write_raster(tmp_path / "t.tif", data, crs="EPSG:4326", transform=from_origin(0, 40, 0.7, 4))
    made = make_cog(source, "EPSG:4326", grid={"exact": True})
    east, west = made.cog.sides
    assert east.file.shape[1] + west.file.shape[1] == 515
    assert -180.7 < west.file.bounds[0] < -180
    for path in made.paths:
        is_at_its_longitude(path, 1e-4)


@pytest.mark.parametrize("turns", [-1, 1, 2])
def test_a_region_is_moved_to_where_it_is_shown(tmp_path: Path, turns: int) -> None:
    west = -58.0 + 360 * turns
    data = texture(1, 60, 80, "int16")
    source = write_raster(tmp_path / "t.tif", data, crs="EPSG:4326", transform=from_origin(west, 10, 0.1, 0.1))
    made = make_cog(source, "EPSG:4326")
    assert not made.cog.reprojected
    assert made.cog.file.bounds == pytest.approx((-58, 4, -50, 10))
    assert made.cog.file.bounds_4326 == pytest.approx((-58, 4, -50, 10))
    assert "LONGITUDES_TURNED" in made.codes
    with rasterio.open(made.path) as cog, Reader(str(made.path)) as reader:
        np.testing.assert_array_equal(cog.read(), data)
        assert reader.tile_exists(*_tile(-54, 7, 6))


@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:3395"])
def test_metres_of_mercator_beyond_the_world_are_brought_back(tmp_path: Path, crs: str) -> None:
    turn = 2 * np.pi * 6378137
    data = texture(1, 60, 80, "int16")
    source = write_raster(tmp_path / "t.tif", data, crs=crs, transform=from_origin(-6e6 + turn, 1e6, 1000, 1000))
    made = make_cog(source, crs)
    assert made.cog.file.bounds[0] == pytest.approx(-6e6, abs=1e-3)
    with rasterio.open(made.path) as cog:
        np.testing.assert_array_equal(cog.read(), data)


@pytest.mark.parametrize("target", ["EPSG:3857", "EPSG:8857", "ESRI:54030", "EPSG:4326"])
def test_a_global_grid_is_whole_after_a_warp(tmp_path: Path, target: str) -> None:
    data = world(360, 0, 1)
    source = write_raster(tmp_path / "t.tif", data, crs="EPSG:4326", transform=from_origin(0, 40, 1, 4))
    made = make_cog(
        source, target, warp_resampling="nearest", grid={"resolution": [1.5, 1.5]} if "4326" in target else {}
    )
    assert made.cog.receipt is not None
    assert made.cog.receipt.passed
    with Reader(str(made.path)) as reader:
        for longitude in (-179, -100.5, -1.5, 0.5, 100.5, 178.5):
            found = reader.point(longitude, 38).array
            assert found.data[0] == pytest.approx(longitude, abs=3)
            assert not found.mask.any()


def test_a_region_across_the_antimeridian_is_cut_between_columns(tmp_path: Path) -> None:
    data = world(40, 174.875, 0.25)
    source = write_raster(tmp_path / "t.tif", data, crs="EPSG:4326", transform=from_origin(174.875, 40, 0.25, 4))
    made = make_cog(source, "EPSG:4326")
    assert not any(side.reprojected for side in made.cog.sides)
    assert [side.file.shape[1] for side in made.cog.sides] == [21, 20], "one column lies across, and is in both"
    for path in made.paths:
        is_at_its_longitude(path, 0)
    assert [side.file.bounds_4326[end] for side, end in zip(made.cog.sides, (2, 0), strict=True)] == [180, -180]


@given(st.integers(1, 500), st.integers(1, 2000), st.floats(-700, 700, allow_nan=False), st.sampled_from([1, -1]))
def test_every_column_is_in_one_place_within_the_world(per_turn: int, columns: int, west: float, way: int) -> None:
    pixel = 360 / (4 * per_turn)
    columns = min(columns, 4 * per_turn)
    start = west if way > 0 else west + columns * pixel
    transform = Affine(way * pixel, 0, start, 0, -1, 10)
    source = Placement(crs=DEGREES, width=columns, height=3, transform=transform)
    sides = plan_sides(in_one_turn(source), DEGREES, GridRule(), "t.tif", 10**9)
    taken = [
        number
        for side in sides
        for strip in side.placement.strips or (Strip(first=0, width=columns),)
        for number in range(strip.first, strip.first + strip.width)
    ]
    assert sorted(set(taken)) == list(range(columns))
    assert len(taken) <= columns + 1, "a column across the antimeridian is at both ends"
    for side in sides:
        left, _, right, _ = side.plan.grid.bounds
        assert left >= -180 - 1.01 * pixel
        assert right <= 180 + 1.01 * pixel
        strips = side.placement.strips or (Strip(first=0, width=columns),)
        first = strips[0].first if way > 0 else strips[-1].first + strips[-1].width
        meant = transform.c + transform.a * first
        assert (left - meant + 180) % 360 - 180 == pytest.approx(0, abs=1e-6)


def test_columns_of_columns_are_counted_from_the_west() -> None:
    place = Placement(crs=DEGREES, width=10, height=1, transform=from_origin(0, 1, 1, 1))
    some = cut_columns(place, [Strip(first=6, width=4), Strip(first=0, width=6)])
    again = cut_columns(some, [Strip(first=3, width=4)])
    assert again.strips == (Strip(first=9, width=1), Strip(first=0, width=3))
    assert (again.width, again.bounds()[0]) == (4, 9)
    assert moved(place, 0) is place


def _tile(longitude: float, latitude: float, zoom: int) -> tuple[int, int, int]:
    tile = morecantile.tms.get("WebMercatorQuad").tile(longitude, latitude, zoom)
    return tile.x, tile.y, tile.z


@pytest.mark.parametrize(("middle", "west"), [(235.0, -130.0), (-182.0, 173.0), (178.0, 173.0), (-125.0, -130.0)])
def test_rational_polynomials_are_brought_where_they_are_shown(middle: float, west: float) -> None:
    rest = [0.0] * 18
    model = RPC(
        height_off=0, height_scale=100, lat_off=36, lat_scale=4, long_off=middle, long_scale=5, line_off=39.5,
        line_scale=40, samp_off=49.5, samp_scale=50, line_num_coeff=[0, 0, -1, *rest[1:]], line_den_coeff=[1, 0, *rest],
        samp_num_coeff=[0, 1, *rest], samp_den_coeff=[1, 0, *rest],
    )  # fmt: skip
    placement = in_one_turn(Placement(crs=DEGREES, width=100, height=80, rpcs=model))
    assert placement.bounds()[0] == pytest.approx(west, abs=0.01)
    sides = plan_sides(placement, DEGREES, GridRule(), "t.tif", 10**6)
    bounds = [side.plan.grid.bounds for side in sides]
    assert bounds[0][0] == pytest.approx(west, abs=0.01)
    assert [edge for left, _, right, _ in bounds for edge in (left, right)] == pytest.approx(
        [west, 180, -180, west - 350] if west > 170 else [west, west + 10], abs=0.01
    )


@pytest.mark.parametrize(
    ("target", "count"), [("EPSG:6933", 2), ("EPSG:32662", 2), ("ESRI:54030", 1), ("EPSG:8857", 1)]
)
def test_a_tile_at_both_ends_of_a_map_of_the_world_keeps_its_resolution(target: str, count: int) -> None:
    placement = Placement(crs=DEGREES, width=100, height=80, transform=from_origin(175, 40, 0.1, 0.1))
    sides = plan_sides(placement, CRS.from_string(target), GridRule(), "t.tif", 10**9)
    assert len(sides) == count
    for side in sides:
        assert side.plan.grid.transform.a == pytest.approx(10_500, rel=0.15)


@pytest.mark.parametrize("target", ["EPSG:6933", "EPSG:3410", "EPSG:32662", "ESRI:54003"])
def test_no_pixel_of_a_cylindrical_map_lies_beyond_a_pole(target: str) -> None:
    world_pixels = Placement(crs=DEGREES, width=360, height=180, transform=from_origin(-180, 90, 1, 1))
    (side,) = plan_sides(world_pixels, CRS.from_string(target), GridRule(), "t.tif", 10**9)
    _, bottom, _, top = side.plan.grid.bounds
    _, pole = project(DEGREES, CRS.from_string(target), np.array([0.0]), np.array([90.0]))
    assert top == pytest.approx(pole[0])
    assert bottom == pytest.approx(-pole[0])


@pytest.mark.parametrize("target", ["EPSG:4326", "EPSG:3857", "EPSG:32660", "EPSG:3832"])
@pytest.mark.parametrize("jump", [False, True])
def test_control_points_run_on_across_the_antimeridian(tmp_path: Path, target: str, jump: bool) -> None:
    """As some producers write them and, with longitudes that jump to -180, as most do."""
    data = world(100, 175, 0.1)
    points = []
    for row in (0, 10, 20):
        for column in (0, 25, 50, 75, 100):
            x = 175 + 0.1 * column + 0.01 * row
            points.append(GroundControlPoint(row=row, col=column, x=x - 360 * (jump and x > 180), y=40 - 0.1 * row))
    source, size = tmp_path / "t.tif", {"width": 100, "height": 20, "count": 1, "dtype": "float32"}
    with rasterio.open(source, "w", driver="GTiff", crs=DEGREES, gcps=points, **size) as raster:
        raster.write(data)
    made = make_cog(source, target, warp_resampling="nearest")
    assert len(made.paths) == (2 if target in ("EPSG:4326", "EPSG:3857") else 1)
    for longitude in (176.0, 179.8, -179.8, -176.0):
        with Reader(str(made.paths[-1 if longitude < 0 else 0])) as reader:
            found = reader.point(longitude, 39).array
        assert not found.mask.any()
        assert found.data[0] - 1000 * round(float(found.data[0]) / 1000) == pytest.approx(longitude - 0.1, abs=0.25)
