"""Stage 5 as the workflow sees it: one task over all COGs, which changes nothing of what was published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rastercollection.core.contexts import JobContext, TaskContext
from rastercollection.core.models import TaskResult
from rastercollection.core.records import from_dict, to_dict
from rastercollection.core.workflow import FanIn, Stage
from rastercollection.model.published_check import Check
from rastercollection.stages.stage_names import CHECK_PUBLISHED

__all__ = ["STAGE", "check_published"]


def check_published(_: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """The handler: all that it needs is among the results of the stages before; a Check out."""
    from rastercollection.stages.check.task import check_cogs  # loads rio-tiler

    return to_dict(check_cogs(context))


def _still_holds(result: TaskResult, _: Mapping[str, Any]) -> bool:
    """Whether all was well, as far as it can be found out: what was not is looked at again."""
    assert result.value is not None
    return from_dict(Check, result.value).is_final


def _summary(_: JobContext, results: Sequence[TaskResult]) -> Mapping[str, Any]:
    made = [from_dict(Check, result.value) for result in results if result.value is not None]
    return {"check": made[0].summary() if made else None}


STAGE = Stage(
    name=CHECK_PUBLISHED,
    task_type=CHECK_PUBLISHED,
    handler="rastercollection.stages.check:check_published",
    version=1,
    fan=FanIn(),
    still_holds=_still_holds,
    summary=_summary,
)
