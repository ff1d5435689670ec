"""What plans yield, with their mistakes as errors that name the stage."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from rastercollection.core.contexts import PlanContext
from rastercollection.core.models import ErrorRecord, Task, TaskResult
from rastercollection.core.shortage import shortages_told
from rastercollection.core.workflow import FanIn, FanOut, Skip, Stage
from rastercollection.disclosure.logs import get_logger
from rastercollection.errors import RasterCollectionError, TaskError

__all__ = ["expected_tasks", "planned_tasks"]

log = get_logger("rastercollection")


def planned_tasks(stage: Stage, context: PlanContext, previous: Sequence[TaskResult]) -> Iterator[Task | Skip]:
    """The tasks of a fan-out stage, lazily, as its plan yields them.

    Raises:
        TaskError: ``PLAN_FAILED``; the plan raised something, or yielded what is neither a Task nor a Skip.
        RasterCollectionError: The plan raised it.
    """
    assert isinstance(stage.fan, FanOut)
    with _mistakes_told(stage):
        for item in stage.fan.plan(context, previous):
            if not isinstance(item, Task | Skip):
                raise TypeError(f"its plan yielded {item!r}, which is neither a Task nor a Skip")
            yield item


def expected_tasks(stage: Stage, context: PlanContext, previous: Sequence[TaskResult]) -> int | None:
    """How many tasks a stage will have; None where its plan does not know.

    Raises:
        TaskError: ``PLAN_FAILED``; ``expected`` raised something.
    """
    if isinstance(stage.fan, FanIn):
        return len(stage.kinds)
    with _mistakes_told(stage):
        return stage.fan.expected(context, previous) if stage.fan.expected else None


@contextlib.contextmanager
def _mistakes_told(stage: Stage) -> Iterator[None]:
    try:
        with shortages_told():
            yield
    except RasterCollectionError:
        raise
    except Exception as error:
        log.exception("the plan of stage %s failed", stage.name)
        reason = ErrorRecord.of(error)
        raise TaskError(f"Stage {stage.name!r}: {reason.message}", reason.hint, "PLAN_FAILED") from error
