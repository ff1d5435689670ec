"""Real rasters, each of which says what must become of it."""

from __future__ import annotations

import json
import math
import resource
import time

import pytest
import rasterio

from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.errors import TaskError
from rastercollection.model.agreement import compare_tiles
from rastercollection.rasters.source.opening import reading
from validation_scenes import opened, source_of, validate

LONGEST_SECONDS = 20.0
MOST_MEMORY_MB = 1000


@pytest.fixture(scope="module")
def manifest(shared_data):
    return json.loads((shared_data / "manifest.json").read_text())["files"]


def outcome(path, **parameters):
    """The validation, or the error of reading it all; bounded in time."""
    started = time.perf_counter()
    try:
        answer = validate(path, **parameters)
        if answer.width * answer.height < 10**7:
            with opened(path) as dataset, reading(dataset):
                dataset.read()
    except TaskError as error:
        answer = error
    assert time.perf_counter() - started < LONGEST_SECONDS, path
    return answer


def test_every_file_of_the_manifest(shared_data, manifest):
    expected = {"ok": False, "reject": True, "ok-with-input-crs": True}
    wrong = []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for entry in manifest:
        answer = outcome(shared_data / entry["file"])
        failed = isinstance(answer, TaskError)
        if entry["expect"] != "either-but-no-crash" and failed != expected[entry["expect"]]:
            wrong.append((entry["file"], entry["expect"], str(answer)))
        if failed:
            assert isinstance(answer, TaskError), answer
            assert entry["file"].rsplit("/", 1)[-1] in answer.message
            assert answer.hint
        if entry["expect"] == "ok-with-input-crs":
            assert answer.code == "CRS_MISSING"
            crs = "EPSG:32617" if "png_test" in entry["file"] else "EPSG:4326"
            assert validate(shared_data / entry["file"], input_crs=crs).crs == crs
    assert not wrong
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1000 < MOST_MEMORY_MB


def test_codes_of_what_is_refused(shared_data, manifest):
    found = {entry["file"]: outcome(shared_data / entry["file"]) for entry in manifest if entry["expect"] == "reject"}
    codes = {name.rsplit("__", 1)[-1]: error.code for name, error in found.items()}
    assert codes["python_ones.vrt"] == "DRIVER_NOT_ALLOWED"
    assert codes["test_deflate_4GB.tif.zip"] == "DRIVER_NOT_ALLOWED"
    assert codes["many_blocks_truncated.tif"] == "FILE_TRUNCATED"
    assert codes["block_width_above_32bit.tif"] == "BLOCK_TOO_LARGE"
    assert codes["byte_zstd_corrupted.tif"] == "FILE_UNREADABLE"
    assert codes["nontiff.jpg"] == "GEOREFERENCING_MISSING"
    codec = next(error for name, error in found.items() if "JXL" in name)
    assert "codec" in codec.message
    assert "missing" in codec.message
    for name, driver in (("gdal__dummy_HDFEOS_with_geo_projection.h5", "HDF5Image"), ("gdal__aea.dat", "ENVI")):
        error = outcome(shared_data / "good" / name)
        assert error.code == "DRIVER_NOT_ALLOWED"
        assert driver in error.hint


def test_facts_are_those_that_gdal_reports(shared_data, manifest):
    for entry in manifest:
        if entry["expect"] != "ok" or entry["file"].endswith(".nc"):
            continue
        tile = validate(shared_data / entry["file"])
        with rasterio.open(shared_data / entry["file"]) as plain:
            assert (tile.width, tile.height, tile.band_count) == (plain.width, plain.height, plain.count)
            assert tile.dtypes == plain.dtypes
            assert tile.transform == tuple(plain.transform)[:6]
            assert tile.bounds == pytest.approx(
                (plain.bounds.left, plain.bounds.bottom, plain.bounds.right, plain.bounds.top)
            )
            assert tile.nodata == plain.nodata or (math.isnan(tile.nodata) and math.isnan(plain.nodata))
        assert all(math.isfinite(value) for value in tile.bounds_4326)
        assert -180 <= tile.bounds_4326[0] <= 180
        assert -180 <= tile.bounds_4326[2] <= 180
        assert -90 <= tile.bounds_4326[1] < tile.bounds_4326[3] <= 90


@pytest.mark.parametrize("index", range(4))
def test_real_collections_agree(shared_data, index):
    collections = json.loads((shared_data / "collections.json").read_text())
    if index >= len(collections):
        pytest.skip("there are fewer collections")
    collection = collections[index]
    files = [shared_data / name for name in collection["files"]]
    if not all(path.exists() for path in files):
        pytest.skip("not all of its files are here")
    tiles = [validate(path, input_crs=collection.get("input_crs")) for path in files]
    differing = {item.aspect for item in compare_tiles(tiles)} - {"color_table"}
    assert not differing
    assert {tile.dtypes[0] for tile in tiles} == set(collection["dtypes"])


def test_a_store_that_gdal_cannot_reach_is_read_through_a_local_copy(shared_data):
    storage = FsspecStorage()
    names = ["geotools__png_global_mosaic_0.png", "geotools__png_global_mosaic_0.pgw", "riotiler__cog_rgba.tif"]
    for name in names:
        storage.put(str(shared_data / "good" / name), f"memory://real/{name}")
    here = validate(shared_data / "good" / names[2])
    there = validate(f"memory://real/{names[2]}", storage=storage)
    assert there.bounds == here.bounds
    assert there.detection == here.detection
    assert [notice.code for notice in there.notices] == ["FETCHED_TO_SCRATCH"]
    world = validate(f"memory://real/{names[0]}", storage=storage, input_crs="EPSG:4326")
    assert world.bounds == validate(shared_data / "good" / names[0], input_crs="EPSG:4326").bounds
    assert source_of(f"memory://real/{names[0]}").blob == names[0]
