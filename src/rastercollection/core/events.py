"""What observers are told. Each event is a frozen value; ``job_id`` says which job it is about."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from rastercollection.core.models import ErrorRecord, JobStatus, Notice, TaskResult

__all__ = [
    "Event",
    "JobEnded",
    "JobStarted",
    "JobWaiting",
    "Observer",
    "StageEnded",
    "StageStarted",
    "TaskEnded",
    "TaskRetried",
    "TaskStarted",
    "WorkerTold",
]


@attrs.frozen(kw_only=True)
class Event:
    """Base of all events.

    Attributes:
        job_id: The job it is about.
        at: Seconds since the epoch.
    """

    job_id: str
    at: float


@attrs.frozen(kw_only=True)
class JobWaiting(Event):
    """Another process runs the job; told again every few seconds.

    Attributes:
        owner: Which, in words.
        age: Seconds since the job store heard of it.
    """

    owner: str
    age: float


@attrs.frozen(kw_only=True)
class JobStarted(Event):
    """``reused`` results of an earlier run may be taken over, if they still hold."""

    job_type: str
    total_stages: int
    reused: int = 0
    notices: tuple[Notice, ...] = ()


@attrs.frozen(kw_only=True)
class StageStarted(Event):
    """``expected`` is the number of tasks, None where the plan does not know it beforehand."""

    stage: int
    name: str
    expected: int | None = None


@attrs.frozen(kw_only=True)
class TaskStarted(Event):
    """The task was handed to the executor."""

    stage: int
    task_id: str
    task_type: str
    tile: str | None
    attempt: int


@attrs.frozen(kw_only=True)
class TaskRetried(Event):
    """An attempt failed and another follows after ``delay`` seconds."""

    stage: int
    task_id: str
    tile: str | None
    attempt: int
    delay: float
    error: ErrorRecord


@attrs.frozen(kw_only=True)
class TaskEnded(Event):
    """The task ended for good; ``reused`` when an earlier run's result was taken over."""

    stage: int
    result: TaskResult
    reused: bool = False


@attrs.frozen(kw_only=True)
class StageEnded(Event):
    """``counts`` are tasks by status."""

    stage: int
    name: str
    counts: dict[str, int]
    seconds: float


@attrs.frozen(kw_only=True)
class JobEnded(Event):
    status: JobStatus
    seconds: float
    error: ErrorRecord | None = None


@attrs.frozen(kw_only=True)
class WorkerTold(Event):
    """What a worker that takes jobs from a queue does; ``job_id`` is empty where it is about none.

    Attributes:
        what: ``started``, ``took``, ``ended``, ``handed_back``, ``gave_up``, ``released`` (the job of a worker that has
            died), ``store_away``, ``store_back`` or ``stopped``.
        message: The same in words, with the reason.
        code: Of the error, where there was one.
    """

    what: str
    message: str
    code: str = ""


Observer = Callable[[Event], None]
"""A callable that is told of every event, in the thread of the engine.

One that raises harms nothing: that is logged once, and is a notice in the result.
"""
