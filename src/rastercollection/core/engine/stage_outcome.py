"""What the results of a stage amount to: whether the job can go on with them, and what depends on them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from rastercollection.core.models import ErrorRecord, TaskResult
from rastercollection.core.workflow import FanIn, FanOut, Stage
from rastercollection.disclosure.escaping import safe_text

__all__ = ["StageFailedError", "essences", "require_success"]


class StageFailedError(Exception):
    """Ends the job; carries the reason."""

    def __init__(self, error: ErrorRecord) -> None:
        super().__init__(error)
        self.error = error


def essences(results: Iterable[TaskResult]) -> str:
    """SHA-256 of what a fan-in task depends on in these results."""
    total = hashlib.sha256()
    for result in results:
        # values went through JSON when their tasks ended: they need no other form, and thousands of copies take long
        text = json.dumps(_essence(result), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        total.update(text.encode() + b"\n")
    return total.hexdigest()


def _essence(result: TaskResult) -> list[Any]:
    """What a fan-in task depends on: not when, where or how fast a result came about."""
    value = None if result.value is None else dict(result.value.items())
    return [result.task.tile, str(result.status), value, result.error and result.error.code]


def require_success(stage: Stage, results: Sequence[TaskResult], *, stop_on_error: bool) -> None:
    """Fail the job where the stage leaves nothing to go on with, or where the policy says so."""
    bad = [result for result in results if not result.ok]
    if isinstance(stage.fan, FanIn) and bad:
        raise StageFailedError(_explain(f"Stage {stage.name!r} failed", bad))
    if stop_on_error and bad:
        raise StageFailedError(_explain(f"Stage {stage.name!r} stopped at the first failure", bad))
    if isinstance(stage.fan, FanOut) and stage.fan.needs_one and len(bad) == len(results):
        what = "no task succeeded" if bad else "there was nothing to do"
        raise StageFailedError(_explain(f"Stage {stage.name!r} has nothing to go on with: {what}", bad))


def _explain(what: str, bad: Sequence[TaskResult]) -> ErrorRecord:
    reasons = [
        {
            "tile": result.task.tile,
            "task_type": result.task.task_type,
            "code": result.error.code if result.error else str(result.status).upper(),
            "message": result.error.message if result.error else "",
            "hint": result.error.hint if result.error else "",
        }
        for result in bad
    ]
    lines = "\n".join(
        safe_text(f"  - {r['tile'] or r['task_type']}: [{r['code']}] {r['message']} {r['hint']}".rstrip())
        for r in reasons
    )
    return ErrorRecord(code="STAGE_FAILED", message=f"{what}.\n{lines}".rstrip(), details={"reasons": reasons})
