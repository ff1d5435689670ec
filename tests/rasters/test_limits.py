"""What tasks may take of the machine, all together."""

from __future__ import annotations

import attrs
import pytest

from rastercollection.core.machine import available_cores
from rastercollection.errors import RequestError
from rastercollection.rasters.limits import Limits, plan_limits

MIB = 2**20


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


@pytest.mark.parametrize(("pixel_bytes", "threads"), [(0, 1), (512 * 512 * 3, 1), (2**23, 4), (2**30, 8)])
def test_small_tiles_are_not_worth_threads(pixel_bytes: int, threads: int) -> None:
    limits = Limits(gdal_threads=8, memory_bytes=17)
    assert limits.worth(pixel_bytes) == attrs.evolve(limits, gdal_threads=threads)
