"""The engine's values: tasks, their results, jobs and statuses. They know nothing of what tasks are about."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from rastercollection.core.packed import packed
from rastercollection.core.shortage import of_shortage
from rastercollection.disclosure.escaping import safe_text
from rastercollection.disclosure.redaction import redacted_values
from rastercollection.errors import RasterCollectionError, TaskError

__all__ = [
    "ErrorRecord",
    "Fault",
    "JobRecord",
    "JobStatus",
    "Notice",
    "Notify",
    "Submission",
    "Task",
    "TaskResult",
    "TaskStatus",
]

SCHEMA_VERSION = 1


class JobStatus(enum.StrEnum):
    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    COMPLETED_WITH_ERRORS = "completed_with_errors"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self not in (JobStatus.QUEUED, JobStatus.PROCESSING)


class TaskStatus(enum.StrEnum):
    QUEUED = "queued"
    PROCESSING = "processing"
    RETRYING = "retrying"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


@attrs.frozen(kw_only=True)
class Task:
    """The smallest thing that crosses a process boundary.

    Attributes:
        id: Deterministic, unique in its job.
        stage: Number of its stage, from 1.
        task_type: What it does (``count_words``).
        handler: ``module:qualname`` of the function that does it.
        parameters: JSON-able arguments; never arrays, never open datasets.
        tile: Name of the source that it is about; None for a fan-in task.
        version: Of the code that makes the output: a result of another version is not taken over.
        size: How much there is to do, in bytes of data, as far as it is known beforehand; 0 where it is
            not. The time that an attempt is given follows from it.
    """

    id: str
    stage: int
    task_type: str
    handler: str
    parameters: Mapping[str, Any] = attrs.field(factory=dict)
    tile: str | None = None
    version: str = ""
    size: int = 0


@attrs.frozen(kw_only=True)
class Notice:
    """Something the user should know that did not stop the work (a fallback, an override, a retry)."""

    code: str
    message: str = attrs.field(converter=safe_text)


Notify = Callable[[str, str], None]
"""``notify(code, message)`` records a notice."""


def _several_lines(text: str) -> str:
    return safe_text(text, lines=True)


@attrs.frozen(kw_only=True)
class Fault:
    """What a task that did its work found wrong with what there is of a tile: not all is well with the job.

    Attributes:
        tile: The tile.
        code, message, hint: As of an error.
    """

    tile: str
    code: str
    message: str = attrs.field(converter=_several_lines)
    hint: str = attrs.field(default="", converter=_several_lines)


@attrs.frozen(kw_only=True)
class ErrorRecord:
    """An error as it is kept and shown.

    Attributes:
        code, message, hint, retryable, details: As the error had them.
        settled: Whether the same task would only fail again: it was proven that the fault lies in its input.
    """

    code: str
    message: str = attrs.field(converter=_several_lines)
    hint: str = attrs.field(default="", converter=_several_lines)
    retryable: bool = False
    details: Mapping[str, Any] = attrs.field(factory=dict, converter=redacted_values)
    settled: bool = False

    @classmethod
    def of(cls, error: BaseException) -> ErrorRecord:
        """The record of any exception; one that is not the library's gets the code ``UNEXPECTED_ERROR``.

        But for those that say that the machine ran short of memory, threads, files or disk.
        """
        if not isinstance(error, RasterCollectionError):
            error = of_shortage(error) or error
        if isinstance(error, RasterCollectionError):
            return cls(
                code=error.code,
                message=error.message,
                hint=error.hint,
                retryable=error.retryable,
                details=error.details if isinstance(error, TaskError) else {},
                settled=error.settled and not error.retryable,
            )
        return cls(
            code="UNEXPECTED_ERROR",
            message=safe_text(f"{type(error).__name__}: {error}"),
            hint="This is a bug, in the library or in a handler of yours: the log holds the traceback.",
        )


@attrs.frozen(kw_only=True)
class TaskResult:
    """How a task ended.

    Attributes:
        task: The task.
        status: How it ended.
        attempts: How often it was tried.
        value: The handler's return, a mapping of JSON values that is not to be changed; ``dict(value)`` is JSON-able.
            None unless the task completed.
        error: Why it did not.
        notices: What it told.
        faults: What it found wrong with single tiles.
        seconds: Wall time of the last attempt.
        ended_at: RFC 3339, UTC.
    """

    task: Task
    status: TaskStatus
    attempts: int = 0
    value: Mapping[str, Any] | None = attrs.field(default=None, converter=packed)
    error: ErrorRecord | None = None
    notices: tuple[Notice, ...] = ()
    faults: tuple[Fault, ...] = ()
    seconds: float = 0.0
    ended_at: str = ""

    @property
    def ok(self) -> bool:
        return self.status is TaskStatus.COMPLETED

    @property
    def is_flawless(self) -> bool:
        """Whether it completed and found nothing wrong."""
        return self.ok and not self.faults


@attrs.frozen(kw_only=True)
class Submission:
    """That a job waits for a worker, and what the worker needs to know.

    Attributes:
        priority: Larger ones are done first.
        options: How it is to be run, JSON-able, without secrets.
        at: When it was submitted, RFC 3339, UTC.
    """

    priority: int = 0
    options: Mapping[str, Any] = attrs.field(factory=dict)
    at: str = ""


@attrs.frozen(kw_only=True)
class JobRecord:
    """One recorded execution of a workflow.

    Attributes:
        id: SHA-256, in hexadecimal, of the normalised parameters.
        job_type: Name of the workflow.
        parameters: The normalised parameters.
        status: Where it stands.
        current_stage: Number of the stage under way, 0 before the first.
        total_stages: How many stages the workflow has.
        stage_results: What each ended stage amounted to, by stage name: counts of tasks by status, seconds. Of the one
            under way how many tasks are expected, how many of them were recorded before, and when it began.
        metadata: What the workflow's owner wants to find again (description, sources, tile count).
        result: The finalizer's summary, None until the job has ended.
        error: Why it failed.
        created_at, updated_at: RFC 3339, UTC.
        submission: For jobs that workers do; None for those that are run by who asks for them.
    """

    id: str
    job_type: str
    parameters: Mapping[str, Any]
    status: JobStatus = JobStatus.QUEUED
    current_stage: int = 0
    total_stages: int = 0
    stage_results: Mapping[str, Any] = attrs.field(factory=dict)
    metadata: Mapping[str, Any] = attrs.field(factory=dict)
    result: Mapping[str, Any] | None = None
    error: ErrorRecord | None = None
    created_at: str = ""
    updated_at: str = ""
    submission: Submission | None = None
