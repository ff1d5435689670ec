"""The shipped contract, and what Dask adds to it, on real clusters of several processes."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from dask_cluster import require_distributed

require_distributed()

import dask  # noqa: E402
import distributed  # noqa: E402

from rastercollection.errors import (  # noqa: E402
    ExecutorBrokenError,
    ExecutorError,
    MissingExtraError,
    TaskError,
    WorkerDiedError,
)
from rastercollection.executors.dask import DaskExecutor  # noqa: E402
from rastercollection.testing import scripted  # noqa: E402
from rastercollection.testing.executor_contract import ExecutorContract  # noqa: E402

TIMEOUT = 60.0
WORKERS = 2


def local_cluster(**options: Any) -> distributed.LocalCluster:
    """On a port of its own, also for the scheduler's web pages."""
    return distributed.LocalCluster(
        threads_per_worker=1, silence_logs=logging.CRITICAL, dashboard_address="127.0.0.1:0", **options
    )


@pytest.fixture(scope="module")
def client() -> Iterator[distributed.Client]:
    """A client of a cluster that gives a task up after one death of its worker."""
    with (
        local_cluster(n_workers=WORKERS, scheduler_kwargs={"allowed_failures": 0}) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture
def complete(client: distributed.Client) -> distributed.Client:
    """The client, once workers that earlier tests have killed are back."""
    assert eventually(lambda: len(client.nthreads()) == WORKERS)
    return client


def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class TestDaskExecutor(ExecutorContract):
    frees_places: ClassVar[bool] = False

    @pytest.fixture(autouse=True)
    def _client(self, complete: distributed.Client) -> None:
        self.client = complete

    def make_executor(self) -> DaskExecutor:
        return DaskExecutor(self.client, max_workers=WORKERS)


def test_a_cluster_of_its_own_survives_deaths_and_is_gone_after_shutdown(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with DaskExecutor(max_workers=WORKERS) as executor:
        capabilities = executor.capabilities
        assert (capabilities.max_workers, capabilities.shares_filesystem) == (WORKERS, True)
        beside = executor.submit(scripted.wait_for_file, str(gate))
        deaths = [executor.submit(scripted.die_by_signal, signal.SIGKILL) for _ in range(2)]
        after = [executor.submit(scripted.process_id) for _ in range(10)]
        for death in deaths:
            assert isinstance(death.exception(TIMEOUT), WorkerDiedError)
        pids = {future.result(TIMEOUT) for future in after}
        gate.touch()
        assert beside.result(TIMEOUT) == str(gate)
    assert eventually(lambda: not any(map(is_there, pids)))


def test_a_cluster_of_its_own_replaces_the_worker_of_a_task_that_is_given_up(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with DaskExecutor(max_workers=WORKERS) as executor:
        pids = {executor.submit(scripted.process_id).result(TIMEOUT) for _ in range(10)}
        beside = executor.submit(scripted.wait_for_file, str(gate), TIMEOUT)
        for _ in range(2):
            hung = executor.submit(scripted.sleep_for, 600)
            waiting = [executor.submit(scripted.process_id) for _ in range(3)]
            assert eventually(hung.running)
            time.sleep(0.5)
            reason = TaskError("given up", code="TOO_LATE")
            assert executor.end(hung, reason)
            assert hung.exception(TIMEOUT) is reason
            assert not {future.result(TIMEOUT) for future in waiting} & pids
        gate.touch()
        assert beside.result(TIMEOUT) == str(gate)


def test_a_client_of_the_users_stays_open(complete: distributed.Client) -> None:
    with DaskExecutor(complete) as executor:
        assert executor.submit(scripted.echo, 1).result(TIMEOUT) == 1
        assert executor.capabilities.max_workers == WORKERS
    assert complete.status == "running"
    assert complete.submit(scripted.echo, 2).result(TIMEOUT) == 2


def test_an_address_is_enough(complete: distributed.Client) -> None:
    address = complete.scheduler_info()["address"]
    with DaskExecutor(address) as executor:
        assert executor.submit(scripted.process_id).result(TIMEOUT) != os.getpid()
        assert executor.capabilities.shares_filesystem
    assert len(complete.nthreads()) == WORKERS


def test_whether_workers_see_our_files_is_found_out_by_trying(
    complete: distributed.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = complete.scheduler_info()["address"]
    monkeypatch.setattr("rastercollection.executors.dask._reads", reads_elsewhere)
    with DaskExecutor(address) as executor:
        assert not executor.capabilities.shares_filesystem
    with DaskExecutor(address, shares_filesystem=True) as executor:
        assert executor.capabilities.shares_filesystem


def reads_elsewhere(path: str, content: str) -> bool:
    """What a worker on another machine would answer."""
    return (Path("/nowhere") / path.lstrip("/")).exists()


def test_a_cluster_in_this_process_shares_its_memory() -> None:
    with (
        local_cluster(n_workers=1, processes=False) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
        DaskExecutor(client) as executor,
    ):
        assert executor.capabilities.shares_memory
        assert executor.submit(scripted.process_id).result(TIMEOUT) == os.getpid()


def test_closing_the_client_breaks_the_executor_and_hangs_nobody(complete: distributed.Client) -> None:
    client = distributed.Client(complete.scheduler_info()["address"], set_as_default=False)
    executor = DaskExecutor(client, max_workers=WORKERS)
    futures = [executor.submit(scripted.sleep_for, 1.0) for _ in range(6)]
    assert eventually(futures[0].running)
    client.close()
    assert all(isinstance(future.exception(TIMEOUT), ExecutorBrokenError) for future in futures)
    with pytest.raises(ExecutorBrokenError):
        executor.submit(scripted.echo, 1)
    executor.shutdown()


def test_a_scheduler_that_does_not_answer_is_an_executor_error() -> None:
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "300ms"}),
        pytest.raises(ExecutorError, match=r"tcp://127\.0\.0\.1:9"),
    ):
        DaskExecutor("tcp://127.0.0.1:9")


@pytest.mark.parametrize("cluster", [7, "nonsense://x"])
def test_what_is_no_cluster_is_refused(cluster: Any) -> None:
    with pytest.raises(ExecutorError, match=str(cluster)):
        DaskExecutor(cluster)


def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"rastercollection\[dask\]"):
        DaskExecutor()
