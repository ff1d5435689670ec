"""Attempts at tasks: what is tried, how often again, for how long, and what is not tried any more."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import attrs

from rastercollection.core.engine.worker import Outcome
from rastercollection.core.executor import EndsTasks, Executor
from rastercollection.core.guard import abandon
from rastercollection.core.models import ErrorRecord, Notice, Task, TaskResult, TaskStatus
from rastercollection.errors import ExecutorBrokenError, ExecutorError, TaskError, WorkerDiedError

__all__ = ["Attempt", "RetryPolicy", "end_call", "outcome_of", "quarantined", "result_of", "timed_out"]

TimeLimit = Callable[[Task], float | None]
"""Seconds that an attempt at a task may take; None for any time."""


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """How often a task is tried, and the pause before the next try: ``base``, doubled each time, at most ``limit``."""

    attempts: int = 3
    base: float = 0.5
    limit: float = 30.0

    def delay(self, attempt: int) -> float:
        """Seconds to wait after attempt number ``attempt`` has failed."""
        return float(min(self.limit, self.base * 2 ** (attempt - 1)))


@attrs.define(kw_only=True, eq=False)
class Attempt:
    """One try of a task.

    Attributes:
        place: Of the task in the plan.
        task: The task.
        number: Which try it is, from 1.
        notices: What the tries before have told.
        key: Tells it from any other attempt.
        running_since: By the monotonic clock; None where it was not seen running yet.
    """

    place: int
    task: Task
    number: int = 1
    notices: tuple[Notice, ...] = ()
    key: str = attrs.field(factory=lambda: secrets.token_hex(8))
    running_since: float | None = None

    def seconds(self, future: Future[Any]) -> float:
        """How long it has been running, as far as it was looked at."""
        if self.running_since is None and future.running():
            self.running_since = time.monotonic()
        return 0.0 if self.running_since is None else time.monotonic() - self.running_since

    def next(self, notice: Notice) -> Attempt:
        """The try after it."""
        return Attempt(place=self.place, task=self.task, number=self.number + 1, notices=(*self.notices, notice))


def end_call(executor: Executor, future: Future[Outcome], attempt: Attempt, reason: TaskError) -> None:
    """Give up an attempt that runs: its worker is ended, or at least changes nothing any more."""
    if executor.capabilities.shares_memory:
        abandon(attempt.key)
    if isinstance(executor, EndsTasks):
        executor.end(future, reason)


def timed_out(attempt: Attempt, limit: float) -> TaskError:
    """What an attempt fails with that took too long."""
    return TaskError(
        f"{attempt.task.tile or attempt.task.task_type}: it was given up after {limit:,g} s.",
        "Look what is special about it; task_timeout sets how long an attempt may take.",
        "TASK_TIMEOUT",
        retryable=False,
    )


def quarantined(task: Task, deaths: int, why: str = "") -> ErrorRecord:
    """What is told of a task that is not tried any more, because it ends whatever runs it."""
    told = f" The last time: {why}" if why else ""
    return ErrorRecord(
        code="QUARANTINED",
        message=f"The process that ran it ended {deaths} times in the middle of it: it is left out.{told}",
        hint="Look what is special about it; retry_failed tries it again.",
        details={"deaths": deaths, "task_type": task.task_type},
        settled=True,
    )


def outcome_of(future: Future[Outcome]) -> Outcome:
    """The outcome, also of a task that never got to run or whose worker died.

    Raises:
        ExecutorBrokenError: The executor can run nothing more.
    """
    failure = future.exception()
    if failure is None:
        return future.result()
    if isinstance(failure, ExecutorBrokenError):
        raise failure
    if not isinstance(failure, TaskError | ExecutorError):
        failure = ExecutorError(f"The executor could not run the task: {type(failure).__name__}: {failure}")
    return Outcome(value=None, error=ErrorRecord.of(failure), notices=(), seconds=0.0)


def is_death(outcome: Outcome) -> bool:
    """Whether the attempt took its worker with it."""
    return outcome.error is not None and outcome.error.code == WorkerDiedError.code


def result_of(attempt: Attempt, outcome: Outcome) -> TaskResult:
    """What is recorded of a task when an attempt was its last."""
    return TaskResult(
        task=attempt.task,
        status=TaskStatus.COMPLETED if outcome.error is None else TaskStatus.FAILED,
        attempts=attempt.number,
        value=outcome.value,
        error=outcome.error,
        notices=(*attempt.notices, *outcome.notices),
        faults=outcome.faults,
        seconds=outcome.seconds,
    )
