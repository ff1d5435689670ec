"""Jobs whose results others remove before they come to use them: they are made again, a few times."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import handlers
import pytest
from test_engine import handler, job

from rastercollection import FanIn, FanOut, Stage, Workflow
from rastercollection.backends.jobs.memory import MemoryJobStore
from rastercollection.core.engine.engine import Engine
from rastercollection.core.engine.job_run import JobOutcome
from rastercollection.core.events import Event, StageStarted, TaskEnded
from rastercollection.core.models import JobStatus
from rastercollection.executors.serial import SerialExecutor


def workflow(folder: Path, losses: int) -> Workflow:
    """Writes three files and counts them; somebody removes one, so many times, right before they are counted."""

    def plan(context: Any, previous: Any) -> Any:
        context.notice("PLANNED", f"by {context.facts}")
        for name in "abc":
            yield context.task(ord(name), {"path": str(folder / name)}, tile=name)

    def finalize(context: Any) -> Mapping[str, Any]:
        return {"notices": [notice.code for notice in context.notices]}

    written = Stage(name="write", task_type="write", handler=handler(handlers.write_file), fan=FanOut(plan))
    counted = Stage(name="count", task_type="count", handler=handler(handlers.count_files), fan=FanIn())
    (folder / "losses").write_text(str(losses))
    return Workflow(name="test", stages=(written, counted), finalizer=finalize)


def run(workflow: Workflow, facts: Any, renewed: Any, **engine: Any) -> JobOutcome:
    with SerialExecutor() as executor:
        runner = Engine(executor=executor, jobs=MemoryJobStore(), still_holds=is_there, **engine)
        return runner.run(workflow, job(), facts=facts, renewed=renewed)


def is_there(result: Any) -> bool:
    return Path(result.value["path"]).exists() if "path" in result.value else True


@pytest.mark.parametrize("losses", [0, 1, 2, 3])
def test_what_is_gone_is_made_again_and_nothing_else(tmp_path: Path, losses: int) -> None:
    events: list[Event] = []
    facts = iter(["first", "second", "third"])
    done = run(
        workflow(tmp_path, losses),
        next(facts),
        lambda: next(facts),
        observers=[events.append],
        rerun=lambda *_: True,
    )
    rounds = min(losses + 1, 3)
    started = [event.name for event in events if isinstance(event, StageStarted)]
    assert started == ["write", "count"] * rounds
    written = [event.result.task.tile for event in events if isinstance(event, TaskEnded) and not event.reused]
    assert written == ["a", "b", "c", None, *["b", None] * (rounds - 1)]
    assert done.job.result["notices"] == ["RESULTS_MADE_AGAIN"] * (rounds - 1) + ["PLANNED"]
    if losses < 3:
        assert (done.job.status, done.results["count"][0].value) == (JobStatus.COMPLETED, {"files": 3})
    else:
        assert done.job.status is JobStatus.FAILED
        assert "b is gone" in done.job.error.message


def test_where_what_is_to_be_made_again_is_refused_the_job_fails_of_that(tmp_path: Path) -> None:
    def refuse() -> None:
        raise handlers.TaskError("Not any more.", code="REFUSED")

    done = run(workflow(tmp_path, 1), "first", refuse)
    assert (done.job.status, done.job.error.code) == (JobStatus.FAILED, "REFUSED")
