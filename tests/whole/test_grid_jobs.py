"""Whole jobs on small rasters: the COGs of a collection lie on one grid, as GDAL, rio-tiler and morecantile see it."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import morecantile
import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.merge import merge
from rasterio.shutil import copy as gdal_copy
from rasterio.transform import from_bounds, from_origin
from rasterio.warp import reproject
from rio_cogeo import cog_validate

from rastercollection import CollectionRequest, JobResult, RequestError, process_collection

UTM = "EPSG:32642"
WEST, NORTH = 500_000.0, 4_500_000.0


def hills(rows: int, columns: int, row: int = 0, column: int = 0) -> NDArray[np.float32]:
    """A smooth surface; ``row`` and ``column`` say which part of it."""
    y, x = np.mgrid[row : row + rows, column : column + columns]
    return (500 + 100 * np.sin(x / 9) * np.cos(y / 11)).astype("float32")


def write(path: Path, transform: Affine, data: NDArray[Any] | None = None, crs: str = UTM, **profile: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = hills(120, 150) if data is None else data
    size = {"height": data.shape[0], "width": data.shape[1], "count": 1, "dtype": data.dtype}
    with rasterio.open(path, "w", driver="GTiff", crs=crs, transform=transform, **size, **profile) as raster:
        raster.write(data, 1)
    return path


def run(bronze: Path, **parameters: Any) -> JobResult:
    places = {"container_name": bronze, "blob_list": ["*.tif"], "jobs": f"sqlite:///{bronze.parent / 'jobs.db'}"}
    plain = {"create_mosaicjson": False, "create_stac_collection": False, "executor": "serial", "collection_id": "grid"}
    return process_collection(**{**places, **plain, **parameters})


def codes(result: JobResult) -> dict[str, set[str]]:
    """Notices about grids, by tile."""
    about = {"RESAMPLED_TO_GRID", "COARSER_PIXELS"}
    return {tile.blob: about & {notice.code for notice in tile.notices} for tile in result.tiles}


@contextmanager
def opened(result: JobResult) -> Iterator[list[DatasetReader]]:
    assert [tile.outcome for tile in result.tiles] == ["cog"] * len(result.tiles), result.tiles
    with ExitStack() as stack:
        yield [stack.enter_context(rasterio.open(tile.output)) for tile in result.tiles]


def assert_one_grid(cogs: list[DatasetReader]) -> None:
    """Corners are whole pixels of the finest apart, and pixels whole multiples of it."""
    step = min(cog.res for cog in cogs)
    for cog in cogs:
        np.testing.assert_allclose(np.array(cog.res) / step, np.round(np.array(cog.res) / step), atol=1e-6)
    for one, other in itertools.combinations(cogs, 2):
        offsets = np.subtract(one.bounds, other.bounds) / (*step, *step)
        np.testing.assert_allclose(offsets, np.round(offsets), atol=2e-2)


def test_neighbours_in_utm_meet_to_the_pixel_in_degrees(tmp_path: Path) -> None:
    bronze = tmp_path / "bronze"
    whole = hills(150, 400)
    write(bronze / "a.tif", from_origin(WEST, NORTH, 10, 10), whole[:, :190])
    write(bronze / "b.tif", from_origin(WEST + 1900, NORTH, 10, 10), whole[:, 190:])
    with opened(run(bronze)) as cogs:
        assert_one_grid(cogs)
        left, right = cogs
        assert left.res == right.res
        # the common edge is slanted in degrees, and so are the ends that the boxes have in common
        assert left.bounds.right > right.bounds.left
        merged, transform = merge(cogs, nodata=np.nan)
        source_x, source_y = pyproj.Transformer.from_crs("EPSG:4326", UTM, always_xy=True).transform(
            *(transform * (np.mgrid[: merged.shape[2], : merged.shape[1]] + 0.5))
        )
        inside = (abs(source_x - WEST - 2000) < 1980) & (abs(source_y - NORTH + 750) < 730)
        assert np.isfinite(merged[0].T[inside]).all()
        expected = np.full(merged.shape[1:], np.nan, "float32")
        place = {"src_transform": from_origin(WEST, NORTH, 10, 10), "src_crs": UTM}
        options = {"dst_transform": transform, "dst_crs": "EPSG:4326", "dst_nodata": np.nan}
        reproject(
            whole, expected, **place, **options, resampling=rasterio.enums.Resampling.bilinear, XSCALE=1, YSCALE=1
        )
        # a shift by one pixel would make a difference of 11
        assert np.abs(merged[0] - expected).T[inside].max() < 2
    with opened(run(bronze, grid="own", output_container=tmp_path / "own")) as cogs, pytest.raises(AssertionError):
        assert_one_grid(cogs)


def test_tiles_on_one_grid_are_kept_bit_by_bit_and_a_stray_is_resampled(tmp_path: Path) -> None:
    bronze = tmp_path / "bronze"
    write(bronze / "a.tif", from_origin(WEST + 5, NORTH, 10, 10))
    write(bronze / "b.tif", from_origin(WEST + 1505, NORTH - 30, 10, 10))
    write(bronze / "c.tif", from_origin(WEST + 3005, NORTH, 20, 20))
    write(bronze / "d.tif", Affine(10, 0, WEST + 6005, 0, 10, NORTH - 1200))
    write(bronze / "stray.tif", from_origin(WEST + 10_003, NORTH - 4, 10, 10))
    result = run(bronze, target_crs=UTM)
    assert [tile.blob for tile in result.tiles if codes(result)[tile.blob]] == ["stray.tif"]
    assert codes(result)["stray.tif"] == {"RESAMPLED_TO_GRID"}
    with opened(result) as cogs:
        assert_one_grid(cogs)
        for cog, tile in zip(cogs[:3], result.tiles, strict=False):
            with rasterio.open(bronze / tile.blob) as source:
                assert cog.transform == source.transform
                np.testing.assert_array_equal(cog.read(), source.read())
        np.testing.assert_array_equal(cogs[3].read(1), hills(120, 150)[::-1])
        stray = cogs[4]
        assert (stray.bounds.left, stray.bounds.top) == (WEST + 9995, NORTH)
        rows, columns = np.mgrid[5:115, 5:145]
        x, y = stray.transform * (columns + 0.5, rows + 0.5)
        truth = 500 + 100 * np.sin((x - WEST - 10_008) / 90) * np.cos((NORTH - 9 - y) / 110)
        assert np.abs(stray.read(1)[5:115, 5:145] - truth).max() < 1
    own = run(bronze, target_crs=UTM, grid="own", output_container=tmp_path / "own")
    assert not any(codes(own).values())
    with opened(own) as cogs, rasterio.open(bronze / "stray.tif") as source:
        assert cogs[4].transform == source.transform
        np.testing.assert_array_equal(cogs[4].read(), source.read())


@pytest.mark.parametrize("target", [UTM, "EPSG:4326"])
def test_coarse_tiles_beside_fine_ones_are_not_blown_up(tmp_path: Path, target: str) -> None:
    bronze = tmp_path / "bronze"
    write(bronze / "fine.tif", from_origin(WEST, NORTH, 0.5, 0.5))
    write(bronze / "coarse.tif", from_origin(WEST + 76.1, NORTH, 10, 10))
    result = run(bronze, target_crs=target)
    assert codes(result)["coarse.tif"] >= {"COARSER_PIXELS"}
    with opened(result) as cogs:
        assert_one_grid(cogs)
        coarse, fine = cogs
        assert coarse.res[0] / fine.res[0] == pytest.approx(16)
        assert coarse.width * coarse.height < 2.8 * 150 * 120
    fixed = run(bronze, target_crs=target, resolution=2 * fine.res[0], output_container=tmp_path / "fixed")
    assert not codes(fixed)["coarse.tif"]
    with opened(fixed) as cogs:
        assert_one_grid(cogs)
        assert {cog.res for cog in cogs} == {(2 * fine.res[0],) * 2}


def test_poles_the_antimeridian_and_slivers_share_a_grid(tmp_path: Path) -> None:
    bronze = tmp_path / "bronze"
    write(bronze / "pole.tif", from_origin(-3e5, 2e5, 5000, 5000), crs="EPSG:3413")
    write(bronze / "seam.tif", from_origin(2e5, 8e6, 5000, 5000), crs="EPSG:32601")
    write(bronze / "dot.tif", from_origin(WEST, NORTH, 5000, 5000), hills(1, 1))
    write(bronze / "line.tif", from_origin(WEST, NORTH, 5000, 5000), hills(1, 90))
    write(bronze / "edge.tif", from_bounds(170.01, 80.003, 180, 90, 200, 200), hills(200, 200), crs="EPSG:4326")
    free = ["dot.tif", "line.tif", "pole.tif", "seam.tif"]
    with opened(run(bronze, blob_list=free, output_container=tmp_path / "free")) as cogs:
        assert_one_grid(cogs)
        dot, line, pole, seam = cogs
        assert pole.bounds[0::2] == pytest.approx((-180, 180), abs=1e-9)
        assert pole.bounds.top == pytest.approx(90, abs=1e-9)
        assert 360 / pole.res[0] == pytest.approx(round(360 / pole.res[0]), abs=1e-6)
        assert seam.bounds.right == pytest.approx(180, abs=1e-9)
        with rasterio.open(seam.name.replace(".east.", ".west.")) as beyond:
            assert beyond.bounds.left == pytest.approx(-180, abs=1e-9)
            assert_one_grid([*cogs, beyond])
        assert max(dot.shape) <= 3
        assert line.shape[0] <= 12
    # an upright tile fixes the grid, and it misses the antimeridian: less than a pixel is left out there
    with opened(run(bronze)) as cogs:
        assert_one_grid(cogs)
        _, edge, _, pole, _ = cogs
        with rasterio.open(bronze / "edge.tif") as source:
            assert edge.transform == source.transform
        assert pole.res == pytest.approx((4 * edge.res[0], 4 * edge.res[1]))
        assert -180 <= pole.bounds.left < -180 + pole.res[0]
        assert 180 - pole.res[0] < pole.bounds.right <= 180
        for cog in cogs:
            assert min(cog.shape) == 1 or cog_validate(cog.name, strict=True, quiet=True)[0]
            assert (cog.read_masks(1) > 0).any()


@pytest.mark.parametrize("size", [1e-9, 10.0])
def test_tiny_and_huge_pixels(tmp_path: Path, size: float) -> None:
    bronze = tmp_path / "bronze"
    shape = (8, 10)
    for name, shift in (("a", 0.0), ("b", 10.0), ("c", 0.25)):
        write(bronze / f"{name}.tif", from_origin(-100 + shift * size, 50, size, size), hills(*shape), crs="EPSG:4326")
    result = run(bronze)
    assert codes(result)["c.tif"] == {"RESAMPLED_TO_GRID"}
    with opened(result) as cogs:
        assert_one_grid(cogs)
        np.testing.assert_array_equal(cogs[1].read(1), hills(*shape))
        assert cogs[2].shape == (8, 11)


@pytest.mark.parametrize("strategy", ["auto", "lower", "upper"])
def test_blocks_in_web_mercator_are_tiles_of_the_scheme(tmp_path: Path, strategy: str) -> None:
    bronze = tmp_path / "bronze"
    write(bronze / "a.tif", from_origin(WEST, NORTH, 10, 10), hills(500, 700))
    write(bronze / "b.tif", from_origin(WEST + 7000, NORTH, 40, 40))
    result = run(bronze, grid="WebMercatorQuad", zoom_strategy=strategy)
    quad = morecantile.tms.get("WebMercatorQuad")
    with opened(result) as cogs:
        assert [codes(result)[name] for name in ("a.tif", "b.tif")] == [set(), {"COARSER_PIXELS"}]
        assert cogs[1].res[0] == 4 * cogs[0].res[0]
        # GDAL's own tiles are of 256 pixels, so its extent may be a block smaller
        gdal_copy(bronze / "a.tif", tmp_path / "peer.tif", driver="COG", **_google(strategy))
        with rasterio.open(tmp_path / "peer.tif") as peer:
            assert cogs[0].res == pytest.approx(peer.res)
            ours, theirs = np.array(cogs[0].bounds), np.array(peer.bounds)
            assert (np.array([1, 1, -1, -1]) * (theirs - ours) >= -1e-6).all()
            assert np.abs(theirs - ours).max() < 256.001 * peer.res[0]
        for cog in cogs:
            assert cog.crs.to_epsg() == 3857
            assert cog.block_shapes == [(512, 512)]
            zoom = quad.zoom_for_res(cog.res[0])
            for row, column in [(0, 0), (cog.height // 512 - 1, cog.width // 512 - 1)]:
                window = rasterio.windows.Window(512 * column, 512 * row, 512, 512)
                left, bottom, right, top = cog.window_bounds(window)
                tile = quad._tile((left + right) / 2, (bottom + top) / 2, zoom - 1)
                assert (left, bottom, right, top) == pytest.approx(tuple(quad.xy_bounds(tile)), abs=1e-6)
            valid = cog.read_masks(1) > 0
            # no row and no column of blocks is there for nothing
            assert valid[:512].any()
            assert valid[-512:].any()
            assert valid[:, :512].any()
            assert valid[:, -512:].any()


def _google(strategy: str) -> dict[str, str]:
    return {"tiling_scheme": "GoogleMapsCompatible", "zoom_level_strategy": strategy.upper(), "compress": "DEFLATE"}


def made_at(result: JobResult) -> dict[str, int]:
    return {tile.blob: os.stat(tile.output).st_mtime_ns for tile in result.tiles if tile.output}


def test_cogs_of_two_grids_are_never_mixed(tmp_path: Path) -> None:
    bronze = tmp_path / "bronze"
    write(bronze / "a.tif", from_origin(WEST, NORTH, 10, 10))
    write(bronze / "b.tif", from_origin(WEST + 1500, NORTH, 10, 10))
    (bronze / "c.tif").write_bytes(b"not yet a raster")
    first = run(bronze)
    once = made_at(first)
    assert first.status == "completed_with_errors"
    # mended, as coarse as the others: they are not touched
    write(bronze / "c.tif", from_origin(WEST + 3000, NORTH, 10, 10))
    second = run(bronze)
    moments = made_at(second)
    assert moments.items() > once.items()
    with opened(second) as cogs:
        assert_one_grid(cogs)
    # mended, and finer: all move to its grid
    write(bronze / "c.tif", from_origin(WEST + 3000, NORTH, 7, 7))
    third = run(bronze)
    assert all(made_at(third)[blob] > moment for blob, moment in moments.items())
    with opened(third) as cogs:
        assert_one_grid(cogs)
        assert len({cog.res for cog in cogs}) == 1


def test_a_tile_that_has_no_place_in_the_target_crs_leaves_the_others_their_grid(tmp_path: Path) -> None:
    bronze = tmp_path / "bronze"
    write(bronze / "a.tif", from_origin(WEST, NORTH, 10, 10))
    write(bronze / "polar.tif", from_origin(10, 89.9, 1e-5, 1e-5), crs="EPSG:4326")
    result = run(bronze, target_crs="EPSG:3857")
    assert [(tile.outcome, tile.code) for tile in result.tiles] == [("cog", ""), ("failed", "REPROJECTION_FAILED")]
    with rasterio.open(result.tiles[0].output) as cog:
        assert 10 < cog.res[0] < 15
        assert cog.bounds.left / cog.res[0] == pytest.approx(round(cog.bounds.left / cog.res[0]), abs=1e-6)


def test_max_pixels_still_guards(tmp_path: Path) -> None:
    bronze = tmp_path / "bronze"
    write(bronze / "a.tif", from_origin(WEST, NORTH, 10, 10))
    write(bronze / "b.tif", from_origin(WEST + 1500, NORTH, 10, 10), hills(20, 20))
    result = run(bronze, target_crs=UTM, resolution=5.0, max_pixels=50_000)
    outcomes = {tile.blob: tile for tile in result.tiles}
    assert outcomes["a.tif"].code == "TOO_MANY_PIXELS"
    assert "resolution" in outcomes["a.tif"].hint
    assert outcomes["b.tif"].ok


def command_line(bronze: Path, *options: object) -> subprocess.CompletedProcess[str]:
    places = ["run", bronze, "--id", "grid", "--output", bronze.parent / "out", "--executor", "serial", "--json"]
    command = [sys.executable, "-m", "rastercollection", *map(str, [*places, *options])]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_line_has_the_same_grids(tmp_path: Path) -> None:
    bronze = tmp_path / "bronze"
    write(bronze / "a.tif", from_origin(WEST, NORTH, 10, 10))
    done = command_line(bronze, "--grid", "WebMercatorQuad", "--zoom-strategy", "upper")
    assert done.returncode == 0, done.stderr
    with rasterio.open(json.loads(done.stdout)["tiles"][0]["output"]) as cog:
        assert cog.crs.to_epsg() == 3857
        assert cog.res[0] == pytest.approx(morecantile.tms.get("WebMercatorQuad").matrix(14).cellSize)
    done = command_line(bronze, "--target-crs", UTM, "--resolution", "12.5")
    with rasterio.open(json.loads(done.stdout)["tiles"][0]["output"]) as cog:
        assert cog.res == (12.5, 12.5)
    assert command_line(bronze, "--grid", "WebMercatorQuad", "--resolution", "12.5").returncode == 2


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"grid": "WebMercatorQuad", "target_crs": "EPSG:4326"}, "target_crs"),
        ({"grid": "WebMercatorQuad", "resolution": 10}, "resolution"),
        ({"grid": "own", "zoom_strategy": "upper"}, "zoom_strategy"),
    ],
)
def test_parameters_that_do_not_go_together(parameters: dict[str, Any], named: str) -> None:
    with pytest.raises(RequestError) as caught:
        CollectionRequest(container_name="/in", blob_list=["*"], collection_id="x", **parameters)
    assert [problem.parameter for problem in caught.value.problems] == [named]


def test_the_grid_decides_on_the_target_crs_that_is_not_given() -> None:
    common: dict[str, Any] = {"container_name": "/in", "blob_list": ["*"], "collection_id": "x"}
    assert CollectionRequest(**common).target_crs == "EPSG:4326"
    assert CollectionRequest(**common, grid="WebMercatorQuad").target_crs == "EPSG:3857"
    wkt = pyproj.CRS.from_epsg(3857).to_wkt()
    assert CollectionRequest(**common, grid="WebMercatorQuad", target_crs=wkt).target_crs == wkt
    ten = CollectionRequest(**common, resolution=10)
    assert ten.job_id == CollectionRequest(**common, resolution=10.0).job_id
