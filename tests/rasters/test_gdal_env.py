"""GDAL is kept to the limits of a task, without a trace afterwards."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.env import get_gdal_config

from rastercollection.rasters.gdal_env import forget_blocks, gdal_environment
from rastercollection.rasters.limits import Limits

MIB = 2**20


def test_everything_is_as_before_afterwards():
    names = ["GDAL_CACHEMAX", "GDAL_NUM_THREADS", "GDAL_PAM_ENABLED", "GDAL_DISABLE_READDIR_ON_OPEN", "AWS_REGION"]
    before = [get_gdal_config(name) for name in names]
    with gdal_environment(Limits(gdal_threads=3, gdal_cache_mb=33), {"AWS_REGION": "eu-north-1"}):
        assert get_gdal_config("GDAL_CACHEMAX") == 33 * MIB
        assert int(get_gdal_config("GDAL_NUM_THREADS")) == 3
        assert get_gdal_config("AWS_REGION") == "eu-north-1"
    assert [get_gdal_config(name) for name in names] == before


def test_an_embedding_environment_survives():
    with rasterio.Env(GDAL_NUM_THREADS="7", CPL_DEBUG=False):
        with gdal_environment(Limits(gdal_threads=1)):
            assert int(get_gdal_config("GDAL_NUM_THREADS")) == 1
        assert int(get_gdal_config("GDAL_NUM_THREADS")) == 7


def test_credentials_are_the_source_s_own_and_no_boto3_is_asked(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-the-process")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-process")
    config = {"AWS_ACCESS_KEY_ID": "of-the-source", "AWS_SECRET_ACCESS_KEY": "s"}
    with gdal_environment(Limits(), config):
        assert get_gdal_config("AWS_ACCESS_KEY_ID") == "of-the-source"


def test_the_cache_is_restored_when_threads_overlap():
    before = get_gdal_config("GDAL_CACHEMAX")
    meet = threading.Barrier(4)

    def work(number: int) -> int:
        meet.wait(10)
        with gdal_environment(Limits(gdal_cache_mb=40, gdal_threads=number)):
            meet.wait(10)
            return int(get_gdal_config("GDAL_NUM_THREADS"))

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(work, [1, 2, 3, 4])) == [1, 2, 3, 4]
    assert get_gdal_config("GDAL_CACHEMAX") == before


@pytest.mark.parametrize("tasks", [1, 2])
def test_blocks_that_were_read_are_held_until_they_are_forgotten_by_a_task_that_is_alone(
    tmp_path: Path, tasks: int
) -> None:
    path = tmp_path / "tile.tif"
    with rasterio.open(path, "w", driver="GTiff", width=64, height=64, count=1, dtype="uint8") as raster:
        raster.write(np.full((1, 64, 64), 1, np.uint8))
    with contextlib.ExitStack() as environments:
        for _ in range(tasks):
            environments.enter_context(gdal_environment(Limits()))
        with rasterio.open(path) as raster:
            assert (raster.read() == 1).all()
            content = path.read_bytes()
            path.write_bytes(content.replace(bytes([1]) * 64, bytes([2]) * 64))
            assert (raster.read() == 1).all(), "GDAL holds what it has read"
            forget_blocks()
            assert (raster.read() == 2).all() == (tasks == 1), "others may need what is held"
