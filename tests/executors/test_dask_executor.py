"""The shipped contract, and what Dask adds to it, on real clusters of several processes."""

from __future__ import annotations

import errno
import logging
import multiprocessing.context
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

from rastercollection import FanOut, Stage, Workflow  # noqa: E402
from rastercollection.backends.jobs.memory import MemoryJobStore  # noqa: E402
from rastercollection.core.contexts import PlanContext  # noqa: E402
from rastercollection.core.engine.engine import Engine  # noqa: E402
from rastercollection.core.models import JobRecord, Task  # noqa: E402
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
    monkeypatch.setattr("rastercollection.executors.dask_cluster._reads", reads_elsewhere)
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
    unlimited = DaskExecutor(other := distributed.Client(complete.scheduler_info()["address"], set_as_default=False))
    other.close()
    with pytest.raises(ExecutorBrokenError):
        _ = unlimited.capabilities
    unlimited.shutdown()


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


def ran(scheduler: Any) -> dict[str, list[str]]:
    """Keys of all tasks that the scheduler has seen complete, by the group that dashboards show them in."""
    moves = [key for key, _, finish, *_ in scheduler.transition_log if finish == "memory"]
    found: dict[str, list[str]] = {}
    for key in moves:
        found.setdefault(dask.utils.key_split(key), []).append(key)
    return found


def task(number: int, **more: Any) -> Task:
    return Task(id=f"t-{number}", stage=2, task_type="create_cog", handler="a:b", **more)


def test_keys_name_the_task_and_its_tile_and_group_by_stage(complete: distributed.Client) -> None:
    tiles = ["north/a1.tif", "Наманган", "deadbeef", "a b.tif", None]
    with DaskExecutor(complete) as executor:
        futures = [executor.submit(scripted.echo, task(number, tile=tile)) for number, tile in enumerate(tiles)]
        futures += [executor.submit(scripted.echo, 1)]
        assert all(future.result(TIMEOUT) for future in futures)
    seen = ran(complete.cluster.scheduler)
    for name in ("create_cog-north_a1.tif-", "create_cog-Наманган.-", "create_cog-deadbeef.-", "create_cog-a_b.tif-"):
        assert any(key.startswith(name) for key in seen["create_cog"])
    assert seen["echo"]
    assert not any("Наманган" in group or "deadbeef" in group for group in seen)


def process_id(of: Task) -> int:
    return os.getpid()


def test_annotations_reach_the_scheduler(complete: distributed.Client, tmp_path: Path) -> None:
    """Of all tasks, of those of one type, and those around the call."""
    gate = str(tmp_path / "gate")
    scheduler = complete.cluster.scheduler
    worker, other = scheduler.workers
    with DaskExecutor(
        complete, annotations={"priority": 7}, task_annotations={"create_cog": {"workers": [worker], "priority": 9}}
    ) as executor:
        with dask.annotate(retries=2, workers=[other]):
            waiting = executor.submit(scripted.wait_for_file, gate, TIMEOUT)
        pinned = [executor.submit(process_id, task(number)) for number in range(6)]
        assert len({future.result(TIMEOUT) for future in pinned}) == 1
        (found,) = [each for key, each in scheduler.tasks.items() if str(key).startswith("wait_for_file")]
        assert (found.annotations["priority"], found.retries) == (7, 2)
        Path(gate).touch()
        waiting.result(TIMEOUT)


def test_a_worker_that_is_lost_costs_an_attempt(complete: distributed.Client, tmp_path: Path) -> None:
    counted = str(tmp_path / "calls")

    def plan(context: PlanContext, previous: object) -> Iterator[Task]:
        yield context.task(0, {"path": counted}, tile="a.tif")

    stage = Stage(name="create_cogs", task_type="create_cog", handler=f"{scripted.__name__}:die_once", fan=FanOut(plan))
    workflow = Workflow(name="test", stages=(stage,), finalizer=lambda context: {})
    record = JobRecord(id="0" * 64, job_type="test", parameters={})
    with DaskExecutor(complete) as executor:
        outcome = Engine(executor=executor, jobs=MemoryJobStore()).run(workflow, record)
    (result,) = outcome.results["create_cogs"]
    assert outcome.job.status == "completed", outcome.job.error
    assert (result.attempts, result.value) == (2, {"calls": 2})
    assert [notice.code for notice in result.notices] == ["RETRIED"]


def job_inside(address: str, count: int) -> list[int]:
    """What a task of a cluster does that runs a job on the same cluster, and another one after it."""
    found = []
    for _ in range(2):
        with DaskExecutor(distributed.get_client()) as executor:
            futures = [executor.submit(scripted.echo, number) for number in range(count)]
            found += [future.result(20) for future in futures]
    with DaskExecutor(address) as executor:
        return [*found, executor.submit(scripted.echo, count).result(20)]


def test_a_job_in_each_place_of_its_own_cluster_waits_for_none_of_them(complete: distributed.Client) -> None:
    address = complete.scheduler_info()["address"]
    jobs = [complete.submit(job_inside, address, 5, pure=False) for _ in range(2 * WORKERS)]
    for future in jobs:
        assert future.result(TIMEOUT) == [*range(5), *range(5), 5]


def test_a_cluster_that_grows_is_made_use_of() -> None:
    with (
        local_cluster(n_workers=0) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
        DaskExecutor(client, shares_filesystem=True) as executor,
    ):
        cluster.adapt(minimum=0, maximum=2, interval="100ms")
        assert executor.capabilities.max_workers == 1
        futures = [executor.submit(scripted.sleep_for, 0.3, number) for number in range(12)]
        assert [future.result(TIMEOUT) for future in futures] == list(range(12))
        assert eventually(lambda: executor.capabilities.max_workers >= 1)


def test_no_place_for_semaphores_is_said_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(multiprocessing.context.SpawnContext, "Lock", refuse)
    with pytest.raises(ExecutorError, match=r"/dev/shm.*process"):
        DaskExecutor(max_workers=1)
