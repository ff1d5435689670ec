"""GDAL is kept to the limits of a task, without a trace afterwards."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import rasterio
from rasterio.env import get_gdal_config

from rastercollection.rasters.gdal_env import gdal_environment
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
