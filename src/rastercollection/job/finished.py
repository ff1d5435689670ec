"""Whether a job was done before, and all that it made is there as it was: then there is nothing to run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from rastercollection.core.engine.engine import Engine
from rastercollection.core.models import JobRecord, JobStatus, TaskResult, TaskStatus
from rastercollection.core.workflow import TaskKind, Workflow
from rastercollection.disclosure.logs import get_logger
from rastercollection.errors import BackendError, ObjectNotFoundError

__all__ = ["finished_before"]

log = get_logger("rastercollection")


def finished_before(engine: Engine, workflow: Workflow, job: JobRecord) -> JobRecord | None:
    """The record of this job if it was done before, from the same sources, and nothing of it is lost.

    What it made may have given way to what a later job has made, of which it then tells.
    """
    jobs = engine.patience.of(engine.jobs)
    try:
        known = jobs.get(job.id)
    except ObjectNotFoundError:
        return None
    if known.status not in (JobStatus.COMPLETED, JobStatus.COMPLETED_WITH_ERRORS) or known.error is not None:
        return None
    if known.metadata.get("inputs") != job.metadata["inputs"]:
        return None
    results = jobs.results(job.id)
    if not _is_whole(known, workflow, results):
        return None
    for result in results:
        if result.ok and not engine.holds(workflow, result):
            kind = workflow.kind_of(result.task)
            successor = _successor(kind, result, engine) if kind and kind.successor else None
            if successor is None:
                return None
            known = attrs.evolve(known, result={**(known.result or {}), **successor})
    return known


def _is_whole(known: JobRecord, workflow: Workflow, results: Sequence[TaskResult]) -> bool:
    """Whether a journal holds all that the record of its job counts, and nothing that might end otherwise now."""
    found: dict[str, Counter[str]] = {stage.name: Counter() for stage in workflow.stages}
    for result in results:
        if not 0 < result.task.stage <= len(workflow.stages):
            return False
        found[workflow.stages[result.task.stage - 1].name][str(result.status)] += 1
    counted = {name: dict(stage.get("tasks_by_status", {})) for name, stage in known.stage_results.items()}
    failures = [result.error for result in results if result.status is TaskStatus.FAILED and result.error]
    might_work_now = any(not error.settled for error in failures)
    return counted == {name: dict(counts) for name, counts in found.items()} and not might_work_now


def _successor(kind: TaskKind, result: TaskResult, engine: Engine) -> Mapping[str, Any] | None:
    assert kind.successor is not None
    try:
        return kind.successor(result, engine.resources)
    except BackendError:
        raise
    except Exception:  # what cannot be told of is made again
        log.exception("what took the place of %s could not be told", result.task.id)
        return None
