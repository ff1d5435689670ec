"""What a worker does, line by line: words for people, JSON for collectors of logs. It holds no terminal."""

from __future__ import annotations

import contextlib
import datetime as dt
import json as json_lines
from typing import Any, TextIO

from rastercollection.cli.terminal import error_text, plural
from rastercollection.core.events import Event, JobEnded, StageEnded, StageStarted, TaskEnded, TaskRetried, WorkerTold
from rastercollection.core.models import TaskStatus
from rastercollection.disclosure.escaping import safe_text

__all__ = ["WorkerLog"]


class WorkerLog:
    """An observer that writes a line for what the worker, its jobs and their stages do, and for each failure.

    Args:
        stream: Where the lines go.
        json: One JSON object a line: ``at``, ``event``, ``job_id``, ``message``, and what is known besides.
    """

    def __init__(self, stream: TextIO, *, json: bool = False) -> None:
        self.stream, self._json = stream, json

    def __call__(self, event: Event) -> None:
        told = _told(event)
        if told is None:
            return
        at = dt.datetime.fromtimestamp(event.at, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if self._json:
            line = json_lines.dumps({"at": at, "job_id": event.job_id, **told})
        else:
            line = safe_text(f"{at} {event.job_id[:12] or '-':12} {told['event']}: {told['message']}")
        with contextlib.suppress(OSError, ValueError):
            self.stream.write(f"{line}\n")
            self.stream.flush()


def _told(event: Event) -> dict[str, Any] | None:
    """What is written of an event; None where nothing is."""
    match event:
        case WorkerTold():
            return {"event": event.what, "message": event.message, "code": event.code}
        case StageStarted():
            expected = "" if event.expected is None else f", {plural(event.expected, 'task')}"
            message = f"stage {event.stage} {event.name}{expected}"
            return {"event": "stage_started", "message": message, "stage": event.stage, "expected": event.expected}
        case StageEnded():
            counts = ", ".join(f"{count} {status}" for status, count in event.counts.items())
            message = f"stage {event.stage} {event.name}: {counts} in {event.seconds:.1f} s"
            return {"event": "stage_ended", "message": message, "stage": event.stage, "tasks_by_status": event.counts}
        case TaskRetried():
            message = f"{event.tile or event.task_id}, attempt {event.attempt}: {error_text(event.error)}"
            return {"event": "retried", "message": message, "tile": event.tile, "code": event.error.code}
        case TaskEnded(result=result) if result.status is TaskStatus.FAILED and result.error is not None:
            message = f"{result.task.tile or result.task.task_type}: {error_text(result.error)}"
            return {"event": "failed", "message": message, "tile": result.task.tile, "code": result.error.code}
        case JobEnded(error=error) if error is not None:
            return {"event": "job_error", "message": error_text(error), "code": error.code}
    return None
