"""Workers as processes: that die, are told to end, share a queue, and meet jobs that cannot be run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rastercollection import list_jobs, run_worker, status, submit
from rastercollection.backends.jobs.sqlite import SqliteJobStore
from rastercollection.cli.demo import make_scene
from rastercollection.core.events import Event, WorkerTold
from rastercollection.core.lease import Lease, Owner
from rastercollection.core.models import Task, TaskResult, TaskStatus
from rastercollection.errors import RequestError, UnavailableError

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def asked(tmp_path: Path) -> dict[str, Any]:
    """A job of eight tiles, with a store of its own."""
    tiles = make_scene(tmp_path / "bronze", size=128).tiles
    for number, tile in enumerate(tiles):
        (tmp_path / "bronze" / f"copy_a{number}.tif").write_bytes(tile.read_bytes())
    jobs = f"sqlite:///{tmp_path}/jobs.db"
    return {
        "container_name": str(tmp_path / "bronze"),
        "blob_list": ["*_[ab]?.tif"],
        "collection_id": "x",
        "jobs": jobs,
    }


@pytest.fixture
def start(asked: dict[str, Any]) -> Iterator[Start]:
    """Starts workers in process groups of their own; what is left of them is killed at the end."""
    started: list[subprocess.Popen[str]] = []

    def worker(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "rastercollection", "worker", "--jobs", asked["jobs"], *arguments]
        one = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        started.append(one)
        return one

    yield worker
    for one in started:
        if one.poll() is None:
            os.killpg(one.pid, signal.SIGKILL)
        one.communicate()


def cogs(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (folder / "cogs" / "x").glob("*_cog_*.tif")}


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def recorded(job_id: str, jobs: str) -> int:
    """How many COGs the journal holds."""
    return sum(stage.ended for stage in status(job_id, jobs=jobs).stages if stage.number == 2)


@pytest.mark.parametrize("executor", ["thread", "process"])
def test_the_job_of_a_worker_that_was_killed_goes_on_at_another(
    asked: dict[str, Any], start: Start, tmp_path: Path, executor: str
) -> None:
    handle = submit(**asked, run="worker")
    first = start("--executor", executor, "--workers", "1")
    wait_for(lambda: recorded(handle.job_id, asked["jobs"]) >= 2)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    kept = recorded(handle.job_id, asked["jobs"])
    report = handle.status()
    assert (report.lost, report.owner) == (True, "")
    assert "next free worker" in report.advice
    made = cogs(tmp_path)
    began = time.monotonic()
    _, errors = start("--executor", "thread", "--drain").communicate(timeout=120)
    assert f"process {first.pid} on" in errors, "the dead are seen at once"
    assert time.monotonic() - began < 60
    assert handle.result(10).status == "completed"
    assert sum(cogs(tmp_path)[name] == at for name, at in made.items()) >= kept
    assert len(cogs(tmp_path)) == 8


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_worker_that_is_told_to_end_hands_its_job_back(
    asked: dict[str, Any], start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    handle = submit(**asked, run="worker")
    other = submit(**{**asked, "collection_id": "y", "blob_list": ["*_a1.tif"]}, run="worker")
    first = start("--executor", "thread", "--workers", "1")
    wait_for(lambda: len(cogs(tmp_path)) >= 2)
    began = time.monotonic()
    first.send_signal(number)
    _, errors = first.communicate(timeout=60)
    assert time.monotonic() - began < 25
    assert (first.returncode, "handed_back" in errors, "Traceback" in errors) == (0, True, False), errors
    report = handle.status()
    assert (report.job.status, report.is_waiting, report.lost) == ("queued", True, False)
    assert other.status().job.status == "queued"
    made = cogs(tmp_path)
    assert run_worker(jobs=asked["jobs"], drain=True) == {"completed": 2}
    assert handle.result(10).status == "completed"
    assert {name: at for name, at in cogs(tmp_path).items() if name in made} == made


def test_several_workers_share_a_queue_the_most_urgent_first(asked: dict[str, Any], start: Start) -> None:
    small = {**asked, "blob_list": ["*_a1.tif"]}
    handles = [
        submit(**{**small, "collection_id": f"c{number}"}, run="worker", priority=number % 2) for number in range(6)
    ]
    took: list[str] = []

    def watch(event: Event) -> None:
        if isinstance(event, WorkerTold) and event.what == "took":
            took.append(event.job_id)

    assert run_worker(jobs=asked["jobs"], most=2, observers=[watch]) == {"completed": 2}
    assert took == [handles[1].job_id, handles[3].job_id]
    workers = [start("--executor", "thread", "--drain", "--json") for _ in range(2)]
    lines = [line for worker in workers for line in worker.communicate(timeout=120)[0].splitlines()]
    assert sum('"event": "took"' in line for line in lines) == 4
    assert {report.job.status for report in list_jobs(jobs=asked["jobs"])} == {"completed"}


def test_a_job_that_nobody_comes_to_the_end_of_is_given_up(asked: dict[str, Any]) -> None:
    handle = submit(**asked, run="worker")
    with SqliteJobStore.from_url(asked["jobs"]) as store:
        for _ in range(5):
            lease = store.next_job(Owner.current(), 60)
            assert lease is not None
            store.release(lease.job_id, lease.token)
    assert run_worker(jobs=asked["jobs"], drain=True) == {"failed": 1}
    error = handle.status().job.error
    assert error is not None
    assert error.code == "JOB_GIVEN_UP"
    handle = submit(**asked, run="worker")
    assert run_worker(jobs=asked["jobs"], drain=True) == {"completed": 1}
    assert handle.result(5).status == "completed"


def test_a_job_that_gets_on_is_not_given_up_however_often_its_workers_die(asked: dict[str, Any]) -> None:
    handle = submit(**asked, run="worker")
    told = submit(**{**asked, "collection_id": "y"}, run="worker")
    with SqliteJobStore.from_url(asked["jobs"]) as store:
        for number in range(7):
            first, second = store.next_job(Owner.current(), 60), store.next_job(Owner.current(), 60)
            assert first is not None
            assert second is not None
            store.commit(
                first.job_id, first.token, results=[a_result(first.job_id, at=f"2026-01-0{number + 1}T00:00:00Z")]
            )
            for lease in (first, second):
                store.release(lease.job_id, lease.token)
    assert run_worker(jobs=asked["jobs"], drain=True) == {"completed": 1, "failed": 1}
    assert (handle.status().job.status, told.status().job.status) == ("completed", "failed")


def a_result(job_id: str, at: str) -> TaskResult:
    task = Task(id=f"{job_id[:16]}-1-other-000000", stage=1, task_type="other", handler="some:other")
    return TaskResult(task=task, status=TaskStatus.COMPLETED, attempts=1, value={}, ended_at=at)


def test_what_cannot_be_run_ends_and_the_worker_goes_on(asked: dict[str, Any], tmp_path: Path) -> None:
    jobs = {name: submit(**{**asked, "collection_id": name}, run="worker") for name in ("damaged", "good")}
    with SqliteJobStore.from_url(asked["jobs"]) as store, store._database.writing() as connection:
        connection.execute("UPDATE jobs SET record = '{' WHERE id = ?", (jobs["damaged"].job_id,))
    gone = submit(**{**asked, "container_name": str(_copy(tmp_path)), "collection_id": "gone"}, run="worker")
    (tmp_path / "other" / "one_a1.tif").unlink()
    assert run_worker(jobs=asked["jobs"], drain=True) == {"failed": 2, "completed": 1}
    codes = {name: getattr(one.status().job.error, "code", "") for name, one in {**jobs, "gone": gone}.items()}
    assert codes == {"damaged": "RECORD_UNREADABLE", "good": "", "gone": "INVALID_REQUEST"}


def _copy(folder: Path) -> Path:
    (folder / "other").mkdir()
    (folder / "other" / "one_a1.tif").write_bytes((folder / "bronze" / "copy_a0.tif").read_bytes())
    return folder / "other"


class AwayStore(SqliteJobStore):
    """A store that cannot be asked for jobs, some times in a row."""

    away = 3

    def next_job(self, owner: Owner, seconds: float) -> Lease | None:
        if AwayStore.away:
            AwayStore.away -= 1
            raise UnavailableError("It is away.")
        return super().next_job(owner, seconds)


def test_a_store_that_is_away_is_waited_for(asked: dict[str, Any], tmp_path: Path) -> None:
    submit(**asked, run="worker")
    told: list[str] = []

    def watch(event: Event) -> None:
        if isinstance(event, WorkerTold):
            told.append(event.what)

    with AwayStore(tmp_path / "jobs.db") as store:
        assert run_worker(jobs=store, drain=True, observers=[watch]) == {"completed": 1}
    assert told == ["started", "store_away", "store_back", "took", "ended", "stopped"]


def test_what_is_no_workers_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(RequestError) as caught:
        run_worker(jobs="memory", rerun=True, cancel=threading.Event(), most=0, exector="thread")  # type: ignore[call-arg]
    told = {problem.parameter: problem.allowed for problem in caught.value.problems}
    assert set(told) == {"jobs", "rerun", "cancel", "most", "exector"}
    assert told["exector"].endswith("did you mean executor?")
