"""What the engine costs a task: time and memory, in a serial executor, with and without a journal on disk."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rastercollection import FanOut, Stage, TaskContext, Workflow
from rastercollection.backends.jobs.memory import MemoryJobStore
from rastercollection.backends.jobs.sqlite import SqliteJobStore
from rastercollection.core.contexts import PlanContext
from rastercollection.core.engine.engine import Engine
from rastercollection.core.job_store import JobStore
from rastercollection.core.models import JobRecord, Task
from rastercollection.executors.serial import SerialExecutor

TASKS = 20_000


def nothing(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """Do nothing."""
    return {"index": parameters["index"]}


def plan(context: PlanContext, previous: object) -> Iterator[Task]:
    """So many tasks that do nothing."""
    for index in range(context.parameters["tasks"]):
        yield context.task(index, {"index": index}, tile=f"tile-{index}.tif")


def measure(name: str, store: JobStore) -> None:
    """Run the job once and print seconds and bytes a task."""
    stage = Stage(name="nothing", task_type="nothing", handler=f"{__name__}:nothing", fan=FanOut(plan))
    workflow = Workflow(name="overhead", stages=(stage,), finalizer=lambda context: {})
    job = JobRecord(id="0" * 64, job_type="overhead", parameters={"tasks": TASKS})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    outcome = Engine(executor=SerialExecutor(), jobs=store).run(workflow, job)
    seconds = time.perf_counter() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert len(outcome.results["nothing"]) == TASKS
    print(f"{name}: {1e6 * seconds / TASKS:.0f} µs and {grown / TASKS:.0f} bytes a task, {TASKS} tasks")


if __name__ == "__main__":
    measure("memory", MemoryJobStore())
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteJobStore(Path(folder) / "jobs.db")
        measure("sqlite", store)
        store.close()
