"""Pools of other packages as executors: loky and executorlib, where they are installed."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rastercollection import CollectionRequest, RequestError
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.executors.pool import PoolExecutor
from rastercollection.job.runtime import open_runtime
from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.testing import scripted


def loky() -> contextlib.AbstractContextManager[PoolExecutor]:
    return PoolExecutor(pytest.importorskip("loky").get_reusable_executor(max_workers=2))


@contextlib.contextmanager
def executorlib() -> Iterator[PoolExecutor]:
    """One that says nothing of its workers."""
    with pytest.importorskip("executorlib").SingleNodeExecutor(max_workers=2) as pool:
        yield PoolExecutor(pool, max_workers=2, shares_filesystem=True)


@pytest.mark.parametrize("opened", [loky, executorlib])
def test_a_pool_of_another_package_runs_tasks(
    opened: Callable[[], contextlib.AbstractContextManager[PoolExecutor]],
) -> None:
    with opened() as executor:
        assert (executor.capabilities.max_workers, executor.capabilities.shares_filesystem) == (2, True)
        futures = [executor.submit(scripted.echo, number) for number in range(10)]
        bad = executor.submit(scripted.raise_error, ValueError("told to"))
        assert [future.result(60) for future in futures] == list(range(10))
        assert isinstance(bad.exception(60), ValueError)
        assert executor.submit(scripted.process_id).result(60) != os.getpid()


class Unknown(concurrent.futures.Executor):
    """A pool of which nothing is known."""


def refusal(executor: Any) -> str:
    request = CollectionRequest(container_name="/data", blob_list=["a.tif"], collection_id="c")
    options = RuntimeOptions(executor=executor, jobs="memory")
    with (
        pytest.raises(RequestError) as caught,
        open_runtime(request, options, FsspecStorage(), tiles=1),
    ):
        pass
    return str(caught.value)


def test_whoever_is_refused_is_told_the_way_out() -> None:
    told = refusal(Unknown())
    assert "PoolExecutor(pool, shares_filesystem=True)" in told
    assert "rastercollection.executors.pool" in told
    assert PoolExecutor(Unknown(), shares_filesystem=True).capabilities.shares_filesystem
