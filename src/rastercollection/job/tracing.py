"""Spans of OpenTelemetry for a job, its stages and every attempt at a task, made of the events that observers are told.

The library does not depend on it, and does not import it: where the program has not, nobody is there to take spans.
"""

from __future__ import annotations

import sys
from typing import Any

from rastercollection.core.events import (
    Event,
    JobEnded,
    JobStarted,
    StageEnded,
    StageStarted,
    TaskEnded,
    TaskRetried,
    TaskStarted,
)
from rastercollection.core.models import ErrorRecord, JobStatus, TaskStatus

__all__ = ["Tracing", "tracing_of_program"]

PREFIX = "rastercollection"
NANOSECONDS = 1_000_000_000


def tracing_of_program() -> Tracing | None:
    """What makes spans, below the span that is current here; None where the program does not use OpenTelemetry."""
    trace = sys.modules.get("opentelemetry.trace")
    return None if trace is None else Tracing(trace)


class Tracing:
    """An observer of one job.

    The job's span is a child of the one that was current when this was made; stages are the job's children, attempts
    at tasks those of their stage. Attempts and jobs that fail have the status ERROR, with the error's code as
    ``error.type`` and an event ``exception``.

    Args:
        trace: The module ``opentelemetry.trace``.
    """

    def __init__(self, trace: Any) -> None:
        self._trace = trace
        self._broken: Exception | None = None
        try:
            from opentelemetry import context

            self._outside = context.get_current()
            self._tracer = trace.get_tracer(PREFIX)
        except Exception as error:  # noqa: BLE001 - half an installation costs spans, and is told with the first event
            self._broken = error
        self._job: Any = None
        self._stage: Any = None
        self._tasks: dict[str, Any] = {}

    def __call__(self, event: Event) -> None:
        if self._broken is not None:
            raise self._broken
        at = int(event.at * NANOSECONDS)
        match event:
            case JobStarted():
                facts = {"job_id": event.job_id, "stages": event.total_stages, "reused": event.reused}
                self._job = self._begin(event.job_type, self._outside, at, facts)
            case StageStarted():
                facts = {"stage": event.stage, "expected": event.expected}
                self._stage = self._begin(event.name, self._below(self._job), at, facts)
            case TaskStarted():
                facts = {"task_id": event.task_id, "tile": event.tile, "attempt": event.attempt, "stage": event.stage}
                self._tasks[event.task_id] = self._begin(event.task_type, self._below(self._stage), at, facts)
            case TaskRetried():
                self._end(self._tasks.pop(event.task_id, None), at, event.error)
            case TaskEnded():
                self._task_ended(event, at)
            case StageEnded():
                facts = {f"tasks.{status}": count for status, count in event.counts.items()}
                self._end(self._stage, at, None, facts)
                self._stage = None
            case JobEnded():
                self._job_ended(event, at)

    def close(self) -> None:
        """End what has not ended, as where the right to run the job was lost."""
        for span in (*self._tasks.values(), self._stage, self._job):
            self._end(span, None, None)
        self._tasks, self._stage, self._job = {}, None, None

    def _task_ended(self, event: TaskEnded, at: int) -> None:
        result = event.result
        span = self._tasks.pop(result.task.id, None)
        failed = result.error if result.status is TaskStatus.FAILED else None
        facts = {"status": str(result.status), "notices": [notice.code for notice in result.notices] or None}
        self._end(span, at, failed, facts)

    def _job_ended(self, event: JobEnded, at: int) -> None:
        for span in (*self._tasks.values(), self._stage):  # given up, or cancelled
            self._end(span, at, None)
        failed = event.error if event.status is JobStatus.FAILED else None
        self._end(self._job, at, failed, {"status": str(event.status)})
        self._tasks, self._stage, self._job = {}, None, None

    def _begin(self, name: str, context: Any, at: int, facts: dict[str, Any]) -> Any:
        return self._tracer.start_span(name, context=context, start_time=at, attributes=_attributes(facts))

    def _below(self, span: Any) -> Any:
        return self._outside if span is None else self._trace.set_span_in_context(span, self._outside)

    def _end(self, span: Any, at: int | None, error: ErrorRecord | None, facts: dict[str, Any] | None = None) -> None:
        if span is None:
            return
        span.set_attributes(_attributes(facts or {}))
        if error is not None:
            told = f"[{error.code}] {error.message}"
            span.set_attribute("error.type", error.code)
            span.add_event("exception", {"exception.type": error.code, "exception.message": error.message}, at)
            span.set_status(self._trace.Status(self._trace.StatusCode.ERROR, told))
        span.end(at)


def _attributes(facts: dict[str, Any]) -> dict[str, Any]:
    return {f"{PREFIX}.{name}": value for name, value in facts.items() if value is not None}
