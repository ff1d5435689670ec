"""Tiles come to lie where they belong: turned, rotated, by control points, over the antimeridian, at the poles."""

from __future__ import annotations

import math
import shutil
import warnings
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import from_bounds, from_origin
from rasterio.warp import calculate_default_transform, reproject
from rio_cogeo import cog_validate
from rio_tiler.io import Reader

from cog_scenes import PLACE, UTM, Made, holes, make_cog, texture, write_raster
from rastercollection.errors import TaskError


def read(path: Path) -> tuple[NDArray, NDArray[np.bool_]]:
    with rasterio.open(path) as raster:
        return raster.read(), raster.dataset_mask() > 0


def assert_cog(path: Path) -> None:
    assert cog_validate(path, strict=True, quiet=True) == (True, [], [])


def sample(made: Made, longitudes: NDArray, latitudes: NDArray) -> NDArray:
    """First band's values at places on Earth, NaN where the COG is invalid or does not reach."""
    with rasterio.open(made.path) as cog:
        to_cog = pyproj.Transformer.from_crs("EPSG:4326", cog.crs.to_wkt(), always_xy=True)
        x, y = to_cog.transform(longitudes, latitudes)
        if cog.crs.is_geographic:
            x = np.where(x < cog.bounds.left, x + 360, x)
        columns, rows = ~cog.transform * (np.asarray(x), np.asarray(y))
        inside = (columns >= 0) & (columns < cog.width) & (rows >= 0) & (rows < cog.height)
        data, valid = read(made.path)
        at = rows[inside].astype(int), columns[inside].astype(int)
        values = np.full(len(longitudes), np.nan)
        values[inside] = np.where(valid[at], data[0][at], np.nan)
    return values


def ramps(height: int, width: int) -> NDArray[np.float32]:
    """Two bands: the row and the column of each pixel's centre."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32) + 0.5
    return np.stack([columns, rows])


def assert_located(made: Made, to_source: pyproj.Transformer, source: Affine, shape: tuple[int, int]) -> None:
    """The COG of a ramp tells, at each of its pixels, the source pixel that lies there."""
    data, valid = read(made.path)
    with rasterio.open(made.path) as cog:
        rows, columns = np.mgrid[: cog.height, : cog.width] + 0.5
        x, y = cog.transform * (columns, rows)
    column, row = ~source * to_source.transform(x, y)
    height, width = shape
    inner = (column > 2) & (column < width - 2) & (row > 2) & (row < height - 2)
    outer = (column < -1) | (column > width + 1) | (row < -1) | (row > height + 1)
    assert inner.any()
    assert valid[inner].all()
    assert not valid[outer].any()
    assert np.abs(data[0] - column)[inner].max() < 0.3
    assert np.abs(data[1] - row)[inner].max() < 0.3


def test_a_south_up_raster_is_turned_over_exactly(tmp_path: Path) -> None:
    data = texture(2, 300, 700, "float32")
    south_up = Affine(10, 0, 600_000, 0, 10, 4_600_000 - 3000)
    source = write_raster(tmp_path / "tile.tif", data, valid=holes(300, 700), kind="nan", transform=south_up)
    made = make_cog(source, UTM)
    assert_cog(made.path)
    assert not made.cog.reprojected
    with rasterio.open(made.path) as cog, rasterio.open(source) as raster:
        np.testing.assert_array_equal(cog.read(), raster.read()[:, ::-1])
        assert cog.transform == PLACE


def test_a_mirrored_raster_is_turned_round_exactly(tmp_path: Path) -> None:
    data = texture(1, 130, 600, "uint8")
    mirrored = Affine(-10, 0, 606_000, 0, -10, 4_600_000)
    source = write_raster(tmp_path / "t.tif", data, valid=holes(130, 600), kind="mask", transform=mirrored)
    made = make_cog(source, UTM)
    found, valid = read(made.path)
    np.testing.assert_array_equal(found, data[:, :, ::-1])
    np.testing.assert_array_equal(valid, holes(130, 600)[:, ::-1])
    assert made.cog.file.transform == tuple(PLACE)[:6]


@pytest.mark.parametrize("target", ["EPSG:32642", "EPSG:4326"])
@pytest.mark.parametrize("degrees", [30, -100])
def test_a_rotated_and_sheared_raster_is_rectified(tmp_path: Path, target: str, degrees: float) -> None:
    turned = Affine.translation(600_000, 4_600_000) * Affine.rotation(degrees) * Affine.shear(5) * Affine.scale(10, -12)
    source = write_raster(tmp_path / "tile.tif", ramps(160, 240), transform=turned)
    made = make_cog(source, target, raster_type="multispectral")
    assert_cog(made.path)
    assert made.cog.reprojected
    assert made.cog.file.validity == "nodata"
    assert math.isnan(made.cog.file.bands[0].nodata or 0)
    assert_located(made, pyproj.Transformer.from_crs(target, UTM, always_xy=True), turned, (160, 240))


def test_ground_control_points_are_used(tmp_path: Path) -> None:
    turned = Affine.translation(69.5, 41.5) * Affine.rotation(-12) * Affine.scale(1e-4, -1e-4)
    corners = [(0, 0), (0, 240), (160, 0), (160, 240), (80, 120), (30, 200)]
    points = [GroundControlPoint(row, col, *(turned * (col, row))) for row, col in corners]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            tmp_path / "tile.tif", "w", driver="GTiff", width=240, height=160, count=2, dtype="float32", gcps=points,
            crs="EPSG:4326",
        ) as raster:  # fmt: skip
            raster.write(ramps(160, 240))
    for target in ("EPSG:4326", "EPSG:3857"):
        made = make_cog(tmp_path / "tile.tif", target, raster_type="multispectral")
        assert_cog(made.path)
        assert made.cog.reprojected
        assert_located(made, pyproj.Transformer.from_crs(target, "EPSG:4326", always_xy=True), turned, (160, 240))
        with rasterio.open(made.path) as cog:
            assert cog.gcps == ([], None)


def test_rational_polynomials_are_used(tmp_path: Path, shared_data: Path) -> None:
    source = Path(shutil.copy(shared_data / "good" / "rioxarray__test_rpcs.tif", tmp_path))
    made = make_cog(source, "EPSG:4326")
    assert_cog(made.path)
    assert "RPC_WITHOUT_DEM" in made.codes
    with rasterio.open(made.path) as cog, rasterio.open(source) as raster:
        assert cog.rpcs is None
        polynomials = raster.rpcs
        theirs = np.zeros(cog.shape, "uint16")
        reproject(
            rasterio.band(raster, 1), theirs, rpcs=polynomials, RPC_HEIGHT=polynomials.height_off, src_nodata=0,
            dst_transform=cog.transform, dst_crs=cog.crs, resampling=Resampling.cubic,
        )  # fmt: skip
        found, valid = cog.read(1), cog.dataset_mask() > 0
    west, south, east, north = made.cog.file.bounds
    assert abs((west + east) / 2 - polynomials.long_off) < polynomials.long_scale
    assert abs((south + north) / 2 - polynomials.lat_off) < polynomials.lat_scale
    both = valid & (theirs > 0)
    assert both.mean() > 0.4
    assert (valid != (theirs > 0)).mean() < 0.02
    assert np.abs(found.astype(float) - theirs)[both].mean() < 0.05 * theirs[both].mean()


@pytest.mark.parametrize("target", ["EPSG:4326", "EPSG:3857"])
def test_an_ordinary_grid_is_the_one_gdal_suggests(tmp_path: Path, target: str) -> None:
    source = write_raster(tmp_path / "tile.tif", texture(1, 333, 517, "uint8"))
    made = make_cog(source, target)
    with rasterio.open(source) as raster:
        transform, width, height = calculate_default_transform(
            raster.crs, target, raster.width, raster.height, *raster.bounds
        )
    assert made.cog.file.shape == (height, width)
    assert made.cog.file.transform == pytest.approx(tuple(transform)[:6])


def crossing(folder: Path) -> tuple[Path, Affine]:
    """30 km in UTM zone 60 on both sides of 180°, as ramps."""
    transform = from_origin(806_000, 1_800_000, 100, 100)
    return write_raster(folder / "tile.tif", ramps(300, 300), crs="EPSG:32660", transform=transform), transform


@pytest.mark.parametrize("target", ["EPSG:4326", "EPSG:3857", "EPSG:3395"])
def test_of_a_tile_over_the_antimeridian_each_side_is_a_cog(tmp_path: Path, target: str) -> None:
    source, transform = crossing(tmp_path)
    made = make_cog(source, target, raster_type="multispectral")
    assert "CROSSES_ANTIMERIDIAN" in made.codes
    east, west = made.cog.sides
    assert [path.name for path in made.paths] == ["tile_cog.east.tif", "tile_cog.west.tif"]
    assert len({"tile", east.item_id, west.item_id}) == 3
    assert {output.url for output in made.cog.outputs} >= {str(path) for path in made.paths}
    for path in made.paths:
        assert_cog(path)
    assert east.file.bounds_4326[2] == 180
    assert 179 < east.file.bounds_4326[0] < 180
    assert west.file.bounds_4326[0] == -180
    assert -180 < west.file.bounds_4326[2] < -179
    x, y = transform * (np.array([20.5, 150.5, 280.5]), np.array([150.5, 20.5, 280.5]))
    longitudes, latitudes = pyproj.Transformer.from_crs("EPSG:32660", "EPSG:4326", always_xy=True).transform(x, y)
    assert (np.sign(longitudes) != np.sign(longitudes[0])).any()
    for longitude, latitude, column in zip(longitudes, latitudes, (20.5, 150.5, 280.5), strict=True):
        with Reader(str(made.paths[int(longitude < 0)])) as reader:
            assert reader.point(longitude, latitude).array[0] == pytest.approx(column, abs=1.0)


def test_in_a_crs_without_an_end_there_a_tile_over_the_antimeridian_stays_whole(tmp_path: Path) -> None:
    source, transform = crossing(tmp_path)
    made = make_cog(source, "EPSG:3832", raster_type="multispectral")
    assert not made.cog.others
    assert "CROSSES_ANTIMERIDIAN" not in made.codes
    for place in (179.95, -179.95):
        with Reader(str(made.path)) as reader:
            x, y = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:32660", always_xy=True).transform(place, 16.15)
            assert reader.point(place, 16.15).array[0] == pytest.approx((~transform * (x, y))[0], abs=1.0)


def test_a_side_without_a_valid_pixel_has_no_cog(tmp_path: Path) -> None:
    data = np.zeros((1, 40, 200), "int16")
    data[:, :, 120:] = 7
    source = write_raster(
        tmp_path / "tile.tif", data, nodata=0, crs="EPSG:4326", transform=from_origin(175, 10, 0.05, 0.05)
    )
    made = make_cog(source, "EPSG:4326")
    assert [path.name for path in made.paths] == ["tile_cog.west.tif"]
    assert "NO_VALID_PIXELS" in made.codes
    with rasterio.open(made.path) as cog:
        np.testing.assert_array_equal(cog.read(), data[:, :, 100:])


def test_a_tile_with_a_pole_inside_reaches_it(tmp_path: Path) -> None:
    size = 200
    source = write_raster(
        tmp_path / "tile.tif", ramps(size, size), crs="EPSG:3413", transform=from_origin(-5e5, 5e5, 5000, 5000)
    )
    made = make_cog(source, "EPSG:4326", raster_type="multispectral")
    assert_cog(made.path)
    assert made.cog.file.bounds_4326[0::2] == (-180, 180)
    assert made.cog.file.bounds_4326[3] == 90
    outline = shapely.geometry.shape(made.cog.footprint)
    assert outline.is_valid
    assert outline.contains(shapely.Point(10, 89.5))
    longitudes, latitudes = np.array([-170.0, -45, 10, 120, 179.0]), np.array([87.0, 89.9, 88, 87, 86.5])
    x, _ = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:3413", always_xy=True).transform(longitudes, latitudes)
    assert sample(made, longitudes, latitudes) == pytest.approx((x + 5e5) / 5000, abs=1.5)


def test_longitudes_and_latitudes_go_into_a_polar_crs_with_the_pole(tmp_path: Path) -> None:
    source = write_raster(
        tmp_path / "tile.tif", ramps(100, 720), crs="EPSG:4326", transform=from_bounds(-180, 80, 180, 90, 720, 100)
    )
    made = make_cog(source, "EPSG:3413", raster_type="multispectral")
    longitudes = np.array([-120.0, 0.5, 100.0, 170.0, -45.0])
    latitudes = np.array([82.0, 85.0, 88.0, 89.0, 89.6])
    assert sample(made, longitudes, latitudes) == pytest.approx((longitudes + 180) * 2, abs=4.0)
    _, valid = read(made.path)
    rows, columns = valid.shape
    assert valid[rows // 2 - 5 : rows // 2 + 5, columns // 2 - 5 : columns // 2 + 5].all()


def test_the_world_is_cut_where_mercator_ends(tmp_path: Path) -> None:
    source = write_raster(
        tmp_path / "tile.tif", ramps(180, 360), crs="EPSG:4326", transform=from_bounds(-180, -90, 180, 90, 360, 180)
    )
    made = make_cog(source, "EPSG:3857", raster_type="multispectral")
    assert_cog(made.path)
    assert "CLIPPED_TO_CRS" in made.codes
    assert made.cog.file.bounds == pytest.approx((-20037508.34, -20037508.34, 20037508.34, 20037508.34), abs=1)
    assert made.cog.file.bounds_4326 == pytest.approx((-180, -85.0511, 180, 85.0511), abs=1e-3)
    longitudes, latitudes = np.array([-179.0, 0.3, 178.5]), np.array([84.0, 0.0, -83.0])
    assert sample(made, longitudes, latitudes) == pytest.approx(longitudes + 180, abs=1.5)
    assert read(made.path)[1].mean() > 0.99


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 700), (900, 1), (2, 3)])
@pytest.mark.parametrize("target", ["EPSG:32642", "EPSG:4326"])
def test_tiny_rasters(tmp_path: Path, height: int, width: int, target: str) -> None:
    source = write_raster(tmp_path / "tile.tif", np.full((1, height, width), 7, "uint8"))
    made = make_cog(source, target)
    if made.cog.file.shape[1] > 1:
        assert_cog(made.path)
    data, valid = read(made.path)
    assert valid.any()
    assert (data[0][valid] == 7).all()
    outline = shapely.geometry.shape(made.cog.footprint)
    assert outline.is_valid
    assert outline.area > 0


@pytest.mark.parametrize("size", [1e-9, 1e-3, 2.0])
def test_tiny_and_huge_pixels(tmp_path: Path, size: float) -> None:
    source = write_raster(
        tmp_path / "tile.tif", texture(1, 40, 50, "uint8"), crs="EPSG:4326", transform=from_origin(10, 50, size, size)
    )
    made = make_cog(source, "EPSG:4326")
    assert_cog(made.path)
    assert made.cog.file.transform[0] == size
    assert shapely.geometry.shape(made.cog.footprint).area == pytest.approx(40 * 50 * size * size, rel=0.01)


def test_a_grid_above_the_limit_is_refused_before_anything_is_allocated(tmp_path: Path) -> None:
    # around the pole, the rows of the target run all around the world
    place = from_origin(-2e4, 2e4, 100, 100)
    source = write_raster(tmp_path / "tile.tif", texture(1, 400, 400, "uint8"), crs="EPSG:3413", transform=place)
    with pytest.raises(TaskError) as caught:
        make_cog(source, "EPSG:4326", policy={"max_pixels": 200_000})
    assert caught.value.code == "TOO_MANY_PIXELS"
    assert "tile.tif" in caught.value.message
    assert not (tmp_path / "cogs").exists()


def control_points(count: int, bend: float, height: int, width: int) -> list[GroundControlPoint]:
    """A lattice of points of a tile that is rotated, and bent if asked for, in UTM."""
    points = []
    for row in np.linspace(0, height, count):
        for column in np.linspace(0, width, count):
            x = 600_000 + 10 * column + 2 * row + bend * (column * row / 500 + column * column / 900)
            y = 4_600_000 - 10 * row + 1.5 * column - bend * column * column / 700
            points.append(GroundControlPoint(row=float(row), col=float(column), x=float(x), y=float(y)))
    return points


@pytest.mark.parametrize("target", ["EPSG:4326", "EPSG:3857", "EPSG:32643"])
@pytest.mark.parametrize(("count", "bend"), [(2, 0.0), (4, 1.0), (6, 1.0)])
def test_control_points_place_no_pixel_more_than_gdal_does(
    tmp_path: Path, count: int, bend: float, target: str
) -> None:
    """Polynomials of the first to the third order: pixels at the edge are not repeated around the tile."""
    height, width = 300, 420
    points = control_points(count, bend, height, width)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        size = {"width": width, "height": height, "count": 1, "dtype": "uint8"}
        with rasterio.open(tmp_path / "tile.tif", "w", driver="GTiff", gcps=points, crs=UTM, **size) as raster:
            raster.write(texture(1, height, width, "uint8"))
        made = make_cog(tmp_path / "tile.tif", target)
        _, valid = read(made.path)
        with rasterio.open(tmp_path / "tile.tif") as raster, rasterio.open(made.path) as cog:
            theirs = np.zeros((2, cog.height, cog.width), "uint8")
            place = {"dst_transform": cog.transform, "dst_crs": cog.crs, "dst_alpha": 2}
            reproject(rasterio.band(raster, 1), theirs, resampling=Resampling.nearest, **place)
    expected = theirs[1] > 0
    assert abs(int(valid.sum()) - int(expected.sum())) < 0.0005 * expected.sum()
    assert np.count_nonzero(valid != expected) < 0.05 * 2 * (height + width)
