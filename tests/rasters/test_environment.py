"""What a process may use of the machine, and GDAL kept to it without a trace."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import rasterio
from rasterio.env import get_gdal_config

from rastercollection.core import machine
from rastercollection.core.machine import available_cores, available_memory
from rastercollection.errors import RequestError
from rastercollection.rasters.gdal_env import gdal_environment
from rastercollection.rasters.limits import Limits, plan_limits

MIB = 2**20


def tree(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_version_2_quota_of_a_parent_group_counts(tmp_path):
    root = tree(
        tmp_path,
        proc__self__cgroup="0::/kubepods/pod1/c1\n",
        sys__fs__cgroup__kubepods__pod1__cpu_DOT_max="150000 100000\n",
        sys__fs__cgroup__kubepods__pod1__c1__cpu_DOT_max="max 100000\n",
    )
    assert machine._cgroup_cores(root) == 1.5


def test_version_1_quota_and_memory(tmp_path):
    root = tree(
        tmp_path,
        proc__self__cgroup="6:memory:/docker/c1\n1:cpu,cpuacct:/docker/c1\n",
        **{
            "sys__fs__cgroup__cpu,cpuacct__docker__c1__cpu_DOT_cfs_quota_us": "300000\n",
            "sys__fs__cgroup__cpu,cpuacct__docker__c1__cpu_DOT_cfs_period_us": "100000\n",
            "sys__fs__cgroup__memory__docker__c1__memory_DOT_limit_in_bytes": f"{1000 * MIB}\n",
            "sys__fs__cgroup__memory__docker__c1__memory_DOT_usage_in_bytes": f"{600 * MIB}\n",
            "sys__fs__cgroup__memory__docker__c1__memory_DOT_stat": f"cache 5\ntotal_inactive_file {100 * MIB}\n",
        },
    )
    assert machine._cgroup_cores(root) == 3
    assert machine._cgroup_memory(root) == 500 * MIB


def test_no_limits_where_groups_set_none(tmp_path):
    root = tree(
        tmp_path,
        proc__self__cgroup="6:memory:/\n0::/\n",
        sys__fs__cgroup__memory_DOT_max="max\n",
        sys__fs__cgroup__cpu_DOT_max="max 100000\n",
        sys__fs__cgroup__memory__memory_DOT_limit_in_bytes="9223372036854771712\n",
    )
    assert machine._cgroup_cores(root) > 10**6
    assert machine._cgroup_memory(root) > 2**50
    assert machine._cgroup_cores(tmp_path / "nowhere") > 10**6


def test_this_machine():
    assert 1 <= available_cores() <= 4096
    assert 2**20 < available_memory() < 2**50


@pytest.mark.parametrize("workers", [1, 2, 3, 64])
def test_all_workers_together_stay_within_the_machine(workers):
    budget = 2048 * MIB
    limits = plan_limits(workers, shares_memory=False, memory_budget=budget, scratch="/somewhere")
    assert limits.gdal_threads >= 1
    assert workers * limits.gdal_threads <= max(workers, available_cores())
    assert workers * limits.memory_bytes <= budget
    assert workers * limits.gdal_cache_mb <= 256 or limits.gdal_cache_mb == 16
    assert limits.scratch == "/somewhere"


@pytest.mark.parametrize(("said", "budget"), [("3G", 3 * 2**30), ("2000 MiB", 2000 * MIB), ("4294967296", 2**32)])
def test_the_environment_may_say_how_much_memory_there_is(monkeypatch, said, budget):
    monkeypatch.setenv("RASTERCOLLECTION_MEMORY_BUDGET", said)
    found = plan_limits(1, shares_memory=True, memory_budget=None, scratch=None)
    assert found == plan_limits(1, shares_memory=True, memory_budget=budget, scratch=None)
    given = plan_limits(1, shares_memory=True, memory_budget=2**30, scratch=None)
    assert given.memory_bytes < found.memory_bytes, "an argument wins"
    monkeypatch.setenv("RASTERCOLLECTION_MEMORY_BUDGET", "plenty")
    with pytest.raises(RequestError, match="RASTERCOLLECTION_MEMORY_BUDGET"):
        plan_limits(1, shares_memory=True, memory_budget=None, scratch=None)


def test_threads_share_one_cache():
    together = plan_limits(4, shares_memory=True, memory_budget=1024 * MIB, scratch=None)
    apart = plan_limits(4, shares_memory=False, memory_budget=1024 * MIB, scratch=None)
    assert together.gdal_cache_mb == 4 * apart.gdal_cache_mb == 128


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
