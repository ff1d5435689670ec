"""Jobs, task results and owners with anything in them that a job store has to keep. Needs hypothesis."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from rastercollection.core.lease import Owner
from rastercollection.core.models import (
    ErrorRecord,
    Fault,
    JobRecord,
    JobStatus,
    Notice,
    Submission,
    Task,
    TaskResult,
    TaskStatus,
)

__all__ = ["a_job", "a_result", "an_owner", "few_examples", "job_records", "owners", "task_results"]

_ids = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)
_texts = st.text(st.characters(exclude_categories=()), max_size=20)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=12,
)
_mappings = st.dictionaries(_texts, _values, max_size=4)
_errors = st.builds(
    ErrorRecord,
    code=_texts,
    message=_texts,
    hint=_texts,
    retryable=st.booleans(),
    details=_mappings,
    settled=st.booleans(),
)
_notices = st.builds(Notice, code=_texts, message=_texts)
_faults = st.builds(Fault, tile=_texts, code=_texts, message=_texts, hint=_texts)
_tasks = st.builds(
    Task,
    id=_ids,
    stage=st.integers(1, 9),
    task_type=_texts,
    handler=_texts,
    parameters=_mappings,
    tile=st.none() | _texts,
    version=_texts,
    size=st.integers(0, 2**60),
)
_submissions = st.builds(Submission, priority=st.integers(-(2**31), 2**31 - 1), options=_mappings, at=_texts)

task_results: st.SearchStrategy[TaskResult] = st.builds(
    TaskResult,
    task=_tasks,
    status=st.sampled_from(TaskStatus),
    attempts=st.integers(0, 99),
    value=st.none() | _mappings,
    error=st.none() | _errors,
    notices=st.lists(_notices, max_size=3).map(tuple),
    faults=st.lists(_faults, max_size=3).map(tuple),
    seconds=st.floats(),
    ended_at=_texts,
)
"""Results with anything in them that JSON can hold, and floats that are not finite."""

job_records: st.SearchStrategy[JobRecord] = st.builds(
    JobRecord,
    id=_ids,
    job_type=_texts,
    parameters=_mappings,
    status=st.sampled_from(JobStatus),
    current_stage=st.integers(0, 9),
    total_stages=st.integers(0, 9),
    stage_results=_mappings,
    metadata=_mappings,
    result=st.none() | _mappings,
    error=st.none() | _errors,
    created_at=_texts,
    updated_at=_texts,
    submission=st.none() | _submissions,
)
"""Jobs with anything in them that JSON can hold."""

owners: st.SearchStrategy[Owner] = st.builds(
    Owner, machine=_texts, process=st.integers(0, 2**31), started=st.integers(0, 2**60), host=_texts
)
"""Owners of leases, of whatever machine."""

few_examples = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors, HealthCheck.too_slow],
)
"""Settings for properties of a store that is the same for all examples."""

_numbers = itertools.count()


def a_job(name: str = "", **fields: Any) -> JobRecord:
    """A job that is like no other one before; one that waits for a worker if ``priority`` or ``at`` are given."""
    queued = {key: fields.pop(key) for key in ("priority", "at") if key in fields}
    if queued:
        fields["submission"] = Submission(**queued)
    return JobRecord(id=name or f"job-{next(_numbers)}", job_type="test", **{"parameters": {"a": 1}, **fields})


def a_result(index: int, *, stage: int = 1, status: TaskStatus = TaskStatus.COMPLETED, **fields: Any) -> TaskResult:
    """The result of task number ``index``."""
    task = Task(id=f"task-{index:06d}", stage=stage, task_type="test", handler="test:run", tile=f"{index}.tif")
    return TaskResult(task=task, status=status, attempts=1, **fields)


def an_owner(number: int = 0) -> Owner:
    """A process of a machine that is not this one, so that nobody here can say whether it has ended."""
    return Owner(machine=f"{number:016x}", process=1000 + number, started=number + 1, host=f"host-{number}")
