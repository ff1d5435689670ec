"""Jobs that are submitted: recorded at once with all that they need, waited for in every way, and run again."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from rastercollection import (
    JobCancelledError,
    JobFailedError,
    RequestError,
    cancel,
    list_jobs,
    process_collection,
    prune,
    rerun,
    retry_failed,
    run_worker,
    status,
    submit,
)
from rastercollection.backends.catalogs.static.static_catalog import StaticCatalog
from rastercollection.backends.jobs.memory import MemoryJobStore
from rastercollection.backends.jobs.sqlite import SqliteJobStore
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.cli.demo import make_scene
from rastercollection.core.events import Event, TaskEnded
from rastercollection.core.lease import Owner
from rastercollection.errors import JobBusyError, ObjectNotFoundError, RecordUnreadableError


@pytest.fixture
def asked(tmp_path: Path) -> dict[str, Any]:
    """A job of two tiles, with a store of its own."""
    make_scene(tmp_path / "bronze", size=64)
    jobs = f"sqlite:///{tmp_path}/jobs.db"
    return {"container_name": str(tmp_path / "bronze"), "blob_list": ["*_a?.tif"], "collection_id": "x", "jobs": jobs}


def held(event: threading.Event) -> Any:
    """An observer that holds a job up at its first task until the event is set."""
    return lambda told: event.wait(30) if isinstance(told, TaskEnded) else None


@pytest.mark.parametrize("jobs", ["file", "memory", "instance", "default"])
def test_what_was_submitted_is_recorded_before_that_returns(asked: dict[str, Any], jobs: str) -> None:
    stores = {"file": asked["jobs"], "memory": "memory", "instance": MemoryJobStore(), "default": None}
    go = threading.Event()
    handle = submit(**{**asked, "jobs": stores[jobs]}, observers=[held(go)])
    report = handle.status()
    assert report.job.id == handle.job_id
    assert report.job.status in ("queued", "processing")
    assert (report.lost, report.owner) == (False, str(Owner.current()))
    assert not handle.done()
    go.set()
    assert handle.result(60).status == "completed"
    assert (handle.status().job.status, handle.done()) == ("completed", True)


def test_relative_paths_mean_what_they_meant_when_the_job_was_submitted(
    asked: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RASTERCOLLECTION_STATE", "state")
    here = {"container_name": "bronze", "output_container": "out", "catalog": "stac", "scratch": "scratch"}
    go = threading.Event()
    handles = [
        submit(**{**asked, **here, "jobs": "sqlite:///own.db"}, observers=[held(go)]),
        submit(**{**asked, **here, "collection_id": "y", "output_folder": "y", "jobs": None}, observers=[held(go)]),
    ]
    queued = submit(**{**asked, **here, "scratch": None, "collection_id": "z", "output_folder": "z"}, run="worker")
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("RASTERCOLLECTION_STATE", "another")
    go.set()
    assert [handle.result(60).status for handle in handles] == ["completed"] * 2
    assert run_worker(jobs=asked["jobs"], drain=True) == {"completed": 1}
    assert queued.result(10).status == "completed"
    assert [handle.status().job.status for handle in (*handles, queued)] == ["completed"] * 3
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert {"own.db", "out", "stac", "state"} <= {path.name for path in tmp_path.iterdir()}
    assert {path.name for path in (tmp_path / "stac").iterdir()} >= {"x", "y", "z"}


def test_a_handle_can_be_waited_for_in_every_way(asked: dict[str, Any]) -> None:
    handle, told = submit(**asked, run="worker"), threading.Event()

    async def both() -> tuple[Any, Any]:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(handle, 0.05)
        await asyncio.to_thread(run_worker, jobs=asked["jobs"], drain=True)
        return await handle, await submit(**asked)

    handle.add_done_callback(lambda ended: told.set() if ended is handle else None)
    with pytest.raises(TimeoutError):
        handle.result(0.05)
    first, again = asyncio.run(both())
    assert told.wait(5)
    assert (first.status, first.reused, handle.future.result().tiles) == ("completed", False, first.tiles)
    assert (again.reused, again.tiles) == (True, first.tiles)


def test_an_observer_that_waits_for_its_own_job_is_told_that_it_would_for_ever(asked: dict[str, Any]) -> None:
    handles: list[Any] = []
    errors: list[JobBusyError] = []

    def wait(event: Event) -> None:
        if isinstance(event, TaskEnded) and not errors:
            while not handles:
                time.sleep(0.01)
            for work in (handles[0].result, lambda: process_collection(**asked)):
                with pytest.raises(JobBusyError, match="this very thread") as caught:
                    work()
                errors.append(caught.value)

    handles.append(submit(**asked, observers=[wait], executor="serial"))
    assert handles[0].result(60).status == "completed"
    assert len(errors) == 2


def test_a_job_that_was_done_and_holds_is_not_queued_again(asked: dict[str, Any], tmp_path: Path) -> None:
    first = process_collection(**asked)
    handle = submit(**asked, run="worker")
    assert handle.done()
    assert handle.result(10).reused
    assert run_worker(jobs=asked["jobs"], drain=True) == {}
    Path(str(first.tiles[0].output)).unlink()
    handle = submit(**asked, run="worker")
    assert handle.status().is_waiting
    assert run_worker(jobs=asked["jobs"], drain=True) == {"completed": 1}
    assert Path(str(first.tiles[0].output)).exists()


def test_all_that_a_record_cannot_hold_is_told_together(asked: dict[str, Any]) -> None:
    wrong: dict[str, Any] = {
        "executor": "thread",
        "max_workers": 2,
        "scratch": "/tmp",
        "allow_private_hosts": True,
        "observers": [print],
        "cancel": threading.Event(),
        "storage": FsspecStorage(),
        "storage_options": {"secret": "Zq9"},
        "catalog": "postgresql://user:Zq9@host/stac",
        "jobs": "memory",
        "priority": "high",
    }
    with pytest.raises(RequestError) as caught:
        submit(**{**asked, "priority": wrong.pop("priority")}, run="worker")
    assert [problem.parameter for problem in caught.value.problems] == ["priority"]
    with pytest.raises(RequestError) as caught:
        submit(**{**asked, **wrong}, run="worker")
    assert {problem.parameter for problem in caught.value.problems} == set(wrong)
    assert "Zq9" not in str(caught.value)
    assert "PGPASSWORD" in str(caught.value)
    for instance in ({"catalog": StaticCatalog("/stac", FsspecStorage())}, {"container_name": "memory://x"}):
        with pytest.raises(RequestError):
            submit(**{**asked, **instance}, run="worker")
    with pytest.raises(ObjectNotFoundError):
        list_jobs(jobs=asked["jobs"])


def test_options_that_are_recorded_hold_for_the_worker(asked: dict[str, Any], tmp_path: Path) -> None:
    everything = {**asked, "blob_list": ["*.tif"]}
    handle = submit(**everything, run="worker", on_tile_error="fail", catalog=tmp_path / "elsewhere")
    assert handle.status().job.submission is not None
    assert run_worker(jobs=asked["jobs"], drain=True) == {"failed": 1}
    with pytest.raises(JobFailedError):
        handle.result(10)


def test_cancelling_from_anywhere(asked: dict[str, Any]) -> None:
    queued = submit(**asked, run="worker")
    assert cancel(queued.job_id[:10], jobs=asked["jobs"]).job.status == "cancelled"
    with pytest.raises(JobCancelledError):
        queued.result(10)
    go = threading.Event()
    running = submit(**{**asked, "collection_id": "y"}, observers=[held(go)])
    assert not cancel(running.job_id, jobs=asked["jobs"]).job.status.is_final
    threading.Timer(4, go.set).start()
    assert cancel(running.job_id, jobs=asked["jobs"], wait=30).job.status == "cancelled"
    with pytest.raises(JobCancelledError):
        running.result(10)
    with SqliteJobStore.from_url(asked["jobs"]) as store:
        dead = submit(**{**asked, "collection_id": "z"}, run="worker")
        store.acquire(dead.job_id, Owner(machine=Owner.current().machine, process=2**22 + 5), 600)
    assert status(dead.job_id, jobs=asked["jobs"]).lost
    assert cancel(dead.job_id, jobs=asked["jobs"]).job.status == "cancelled"


def test_doing_again_what_failed_or_what_is_named(asked: dict[str, Any], tmp_path: Path) -> None:
    whole = dict(asked, blob_list=["*.tif"])
    first = process_collection(**whole)
    made = {tile.blob: os.stat(tile.output).st_mtime_ns for tile in first.tiles if tile.output}
    job_id = first.job_id
    handle = rerun(job_id[:9], what=["create_cogs", "namangan_a1.tif"], run="worker", jobs=asked["jobs"])
    waiting = handle.status()
    assert (waiting.job.status, waiting.tasks_by_status) == ("queued", {"completed": 7, "failed": 1})
    run_worker(jobs=asked["jobs"], drain=True)
    again = handle.result(10)
    assert all(os.stat(str(tile.output)).st_mtime_ns > made[tile.blob] for tile in again.tiles if tile.output)
    broken = tmp_path / "bronze" / "namangan_b3_broken.tif"
    retried = retry_failed(job_id, jobs=asked["jobs"], run="here").result(60)
    assert [tile.blob for tile in retried.tiles if not tile.ok] == [broken.name]


def test_a_record_of_another_release_is_told_of(asked: dict[str, Any]) -> None:
    handle = submit(**asked, run="worker")
    with SqliteJobStore.from_url(asked["jobs"]) as store, store._database.writing() as connection:
        connection.execute("UPDATE jobs SET record = replace(record, '\"jpeg_quality\":85', '\"jpeg_qualitaet\":85')")
    with pytest.raises(RecordUnreadableError, match="jpeg_qualitaet"):
        rerun(handle.job_id, jobs=asked["jobs"])
    assert run_worker(jobs=asked["jobs"], drain=True) == {"failed": 1}
    error = status(handle.job_id, jobs=asked["jobs"]).job.error
    assert error is not None
    assert error.code == "RECORD_UNREADABLE"


def test_pruning_leaves_what_is_young_or_under_way(asked: dict[str, Any]) -> None:
    done = process_collection(**asked).job_id
    go = threading.Event()
    running = submit(**{**asked, "collection_id": "y"}, observers=[held(go)])
    waiting = submit(**{**asked, "collection_id": "z"}, run="worker")
    assert prune(older_than=3600, jobs=asked["jobs"]) == ()
    assert prune(older_than=0, jobs=asked["jobs"]) == (done,)
    every = ["queued", "processing", "completed"]
    assert prune(older_than=0, statuses=every, jobs=asked["jobs"]) == (waiting.job_id,)
    assert [report.job.id for report in list_jobs(jobs=asked["jobs"])] == [running.job_id]
    go.set()
    assert running.result(60).status == "completed"


def test_how_far_a_job_is(asked: dict[str, Any]) -> None:
    go, ended = threading.Event(), []

    def watch(event: Any) -> None:
        if isinstance(event, TaskEnded) and event.stage == 1:
            ended.append(event)
            if len(ended) == 2:
                time.sleep(0.7)  # the journal writes what is half a second old
            if len(ended) == 3:
                go.wait(30)

    handle = submit(**{**asked, "blob_list": ["*_[ab]?.tif"]}, observers=[watch], executor="serial")
    deadline = time.monotonic() + 30
    while len(ended) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    report = handle.status()
    (stage,) = report.stages
    assert (stage.number, stage.name, stage.expected, stage.seconds) == (1, "validate_tiles", 4, None)
    assert 1 <= stage.ended <= 3
    assert report.rate is not None
    assert report.time_left == pytest.approx((4 - stage.ended) / report.rate)
    assert report.heartbeat is not None
    assert report.to_dict()["stages"][0]["expected"] == 4
    go.set()
    handle.result(60)
    assert handle.status().time_left is None
