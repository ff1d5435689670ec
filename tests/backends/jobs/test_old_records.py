"""Job databases of before errors said whether they are settled go on working as they did."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from error_page import CODES, FINAL
from rastercollection import FanOut, RasterCollectionError, Stage, TaskContext, TileError, Workflow
from rastercollection.backends.jobs.sqlite import SqliteJobStore
from rastercollection.backends.jobs.texts import from_text, to_text
from rastercollection.core.engine.engine import Engine
from rastercollection.core.models import ErrorRecord, JobRecord, Task, TaskResult, TaskStatus
from rastercollection.core.records import to_dict
from rastercollection.executors.serial import SerialExecutor


def _old(record: TaskResult | JobRecord, settled: bool | None = None) -> str:
    """As an older release wrote it, which said of an error whether it was settled, or, still older, did not."""
    plain = to_dict(record)
    if settled is None:
        del plain["error"]["settled"]
    else:
        plain["error"]["settled"] = settled
    if "task" in plain:
        del plain["task"]["version"], plain["task"]["size"]
    else:
        del plain["submission"]
    return json.dumps(plain)


def _failed(error: ErrorRecord) -> TaskResult:
    task = Task(id="t", stage=1, task_type="t", handler="m:f")
    return TaskResult(task=task, status=TaskStatus.FAILED, error=error)


def test_the_page_of_errors_is_read() -> None:
    assert len(CODES) > 60
    assert set(CODES) > FINAL


@pytest.mark.parametrize("code", CODES)
def test_old_records_are_judged_by_code(code: str) -> None:
    for said in (None, True):
        result = from_text(TaskResult, _old(_failed(ErrorRecord(code=code, message="m")), said))
        assert result.error is not None
        assert result.error.settled is (code in FINAL)
    unsettled = from_text(TaskResult, _old(_failed(ErrorRecord(code=code, message="m")), False))
    assert unsettled.error is not None
    assert not unsettled.error.settled
    tried = from_text(TaskResult, _old(_failed(ErrorRecord(code=code, message="m", retryable=True))))
    assert tried.error is not None
    assert not tried.error.settled


def test_the_errors_of_old_jobs_are_judged_like_those_of_tasks() -> None:
    job = JobRecord(id="j", job_type="t", parameters={}, error=ErrorRecord(code="NO_SPACE", message="m"))
    found = from_text(JobRecord, _old(job))
    assert found.error is not None
    assert not found.error.settled


@pytest.mark.parametrize("settled", [True, False])
def test_what_a_record_says_itself_is_left_alone(settled: bool) -> None:
    for code in ("NO_SPACE", "FILE_UNREADABLE"):
        result = _failed(ErrorRecord(code=code, message="m", settled=settled))
        assert from_text(TaskResult, to_text(result)) == result


def fail(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """Leaves a line for every run, then fails as told."""
    with Path(parameters["log"]).open("a") as log:
        log.write(f"{parameters['code']}\n")
    raise TileError("It failed.", code=parameters["code"])


def test_a_job_in_an_old_database_is_done_again_by_the_code_of_today(tmp_path: Path) -> None:
    log, codes = tmp_path / "log", ("FILE_UNREADABLE", "NO_SPACE")

    def plan(context: Any, previous: Any) -> Any:
        for index, code in enumerate(codes):
            yield context.task(index, {"code": code, "log": str(log)})

    stage = Stage(name="only", task_type="t", handler=f"{fail.__module__}:{fail.__name__}", fan=FanOut(plan))
    workflow = Workflow(name="w", stages=(stage,), finalizer=lambda context: {})
    job = JobRecord(id="f" * 64, job_type="w", parameters={})

    def run() -> None:
        with SqliteJobStore(tmp_path / "jobs.db") as store, SerialExecutor() as executor:
            Engine(executor=executor, jobs=store).run(workflow, job)

    run()
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.db")) as old, old:
        today = ("$.error.settled", "$.task.version")
        changed = old.execute("UPDATE results SET record = json_remove(record, ?, ?)", today).rowcount
    old.close()
    assert changed == len(codes)
    assert log.read_text().split() == list(codes)
    run()
    assert log.read_text().split() == [*codes, *codes], "which code made the results was not recorded then"


@pytest.mark.parametrize("error", ["text", {"message": "no code"}, 3])
def test_an_error_that_is_none_is_told_like_any_other_broken_record(error: Any) -> None:
    plain = json.loads(_old(_failed(ErrorRecord(code="X", message="y"))))
    with pytest.raises(RasterCollectionError, match="no TaskResult record"):
        from_text(TaskResult, json.dumps({**plain, "error": error}))
