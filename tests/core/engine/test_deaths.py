"""Tasks that end the process that runs them are tried again, alone, and then not any more; no other one is blamed."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import handlers
import pytest
from test_engine import job, one_stage, run

from rastercollection.backends.jobs.memory import MemoryJobStore
from rastercollection.backends.jobs.sqlite import SqliteJobStore
from rastercollection.core import guard
from rastercollection.core.events import Event, TaskStarted
from rastercollection.core.guard import LeaseGuard
from rastercollection.core.lease import Owner
from rastercollection.core.models import JobStatus
from rastercollection.executors.process import ProcessExecutor
from rastercollection.executors.thread import ThreadExecutor

PROGRAM = """
import sys
from pathlib import Path
import handlers
from test_deaths import tasks
from test_engine import one_stage, run
from rastercollection.backends.jobs.sqlite import SqliteJobStore
from rastercollection.executors.serial import SerialExecutor
from rastercollection.executors.thread import ThreadExecutor
folder = Path(sys.argv[1])
executor = SerialExecutor() if sys.argv[2] == "serial" else ThreadExecutor(max_workers=3)
with SqliteJobStore(folder / "jobs.db") as store:
    run(one_stage(handlers.die_while_told, tasks(folder)), executor=executor, jobs=store, still_holds=lambda _: True)
"""


def tasks(folder: Path) -> list[dict[str, Any]]:
    texts = ["deadly", *("harmless" for _ in range(5))]
    return [{"text": text, "deadly": str(folder / "deadly"), "number": n} for n, text in enumerate(texts)]


@pytest.mark.parametrize("executor", ["serial", "thread"])
def test_what_ends_the_program_three_times_is_left_out_and_nothing_else_is(tmp_path: Path, executor: str) -> None:
    (tmp_path / "deadly").touch()
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), executor]
    folder = Path(__file__).parent
    codes = [subprocess.run(command, cwd=folder, timeout=60, check=False).returncode for _ in range(4)]
    assert codes == [9, 9, 9, 0]
    with SqliteJobStore(tmp_path / "jobs.db") as store:
        found = {result.task.tile: result for result in store.results(job().id)}
        assert store.get(job().id).status is JobStatus.COMPLETED_WITH_ERRORS
        assert [found[str(number)].ok for number in range(6)] == [False, *(True for _ in range(5))]
        error = found["0"].error
        assert error is not None
        assert (error.code, error.settled, error.details["deaths"]) == ("QUARANTINED", True, 3)
        assert store.unfinished(job().id) == {}
    (tmp_path / "deadly").unlink()
    with SqliteJobStore(tmp_path / "jobs.db") as store:
        workflow = one_stage(handlers.die_while_told, tasks(tmp_path))
        settings = {"jobs": store, "still_holds": lambda _: True}
        assert run(workflow, **settings).executed == 0, "it stays left out"
        again = run(workflow, **settings, rerun=lambda _, result: not result.ok)
        assert (again.executed, again.job.status) == (1, JobStatus.COMPLETED)


def test_suspects_run_one_by_one_after_all_others() -> None:
    store, events = MemoryJobStore(), list[Event]()
    workflow = one_stage(handlers.count_words, [{"text": "a"}] * 6)
    lease = store.acquire(job().id, Owner.current(), 60)
    assert lease is not None
    suspects = [f"{'f' * 16}-1-work-{number:06d}" for number in (0, 3)]
    store.begin(job().id, lease.token, suspects)
    store.release(job().id, lease.token)
    run(workflow, jobs=store, observers=(events.append,))
    started = [event.task_id for event in events if isinstance(event, TaskStarted)]
    assert started[-2:] == suspects
    assert len(started) == 6


def test_workers_that_die_are_counted_and_the_end_of_the_driver_is_not_their_fault(tmp_path: Path) -> None:
    (tmp_path / "deadly").touch()
    store, died = MemoryJobStore(), list[int]()
    outcome = run(
        one_stage(handlers.die_while_told, tasks(tmp_path)),
        executor=ProcessExecutor(max_workers=2),
        jobs=store,
        worker_died=lambda: died.append(1),
    )
    errors = [result.error.code for result in outcome.results["only"] if result.error]
    assert (errors, len(died)) == (["QUARANTINED"], 3)
    assert "exit status 9" in outcome.results["only"][0].error.message


def test_an_attempt_that_takes_too_long_is_given_up_and_keeps_nobody_waiting() -> None:
    written: list[float] = []
    store = MemoryJobStore()
    guard = LeaseGuard(jobs=None, job_id=job().id, token=1)
    tasks = [{"seconds": 3}, {"seconds": 0.01}, {"seconds": 0.02}]
    began = time.monotonic()
    outcome = run(
        one_stage(handlers.hang, tasks),
        executor=ThreadExecutor(max_workers=2),
        jobs=store,
        time_limit=lambda _: 0.3,
        resources={"written": written, "guard": guard},
    )
    assert time.monotonic() - began < 2.9
    errors = [result.error.code if result.error else "" for result in outcome.results["only"]]
    assert errors == ["TASK_TIMEOUT", "", ""]
    assert "0: it was given up" in outcome.results["only"][0].error.message
    time.sleep(3)
    assert written == [0.01, 0.02], "what was given up writes nothing"


def test_a_worker_process_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_abandoned", set())
    began = time.monotonic()
    outcome = run(
        one_stage(handlers.hang, [{"seconds": 60}, {"seconds": 0.01}]),
        executor=ProcessExecutor(max_workers=1),
        time_limit=lambda _: 0.5,
    )
    assert time.monotonic() - began < 30
    assert not guard._abandoned, "that is told to attempts in this process alone"
    assert [result.ok for result in outcome.results["only"]] == [False, True]


def test_a_stopped_job_waits_for_what_runs_only_for_so_long() -> None:
    cancel = threading.Event()
    threading.Timer(0.3, cancel.set).start()
    began = time.monotonic()
    outcome = run(
        one_stage(handlers.hang, [{"seconds": 5}, {"seconds": 0.01}]),
        executor=ThreadExecutor(max_workers=2),
        cancel=cancel,
        stop_seconds=0.5,
    )
    assert time.monotonic() - began < 4
    assert outcome.job.status is JobStatus.CANCELLED
    assert [str(result.status) for result in outcome.results["only"]] == ["cancelled", "completed"]
