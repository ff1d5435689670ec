"""What fan-in stages take from the results of the stages before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rastercollection.models import TaskResult
from rastercollection.overviews import Overview
from rastercollection.products import Cog, Mosaic, SourceFile
from rastercollection.records import from_dict
from rastercollection.workflow import TaskContext

__all__ = ["made_cogs", "made_mosaic", "made_overview", "source_times"]


def made_cogs(context: TaskContext) -> tuple[Cog, ...]:
    """The COGs of stage 2 in the order of the request, failed tiles left out."""
    results = sorted(context.inputs.get("create_cogs", ()), key=_position)
    return tuple(from_dict(Cog, result.value) for result in results if result.ok and result.value is not None)


def _position(result: TaskResult) -> tuple[int, str]:
    # ids end in the tile's number: as text, 1000000 would sort before 999999
    return (len(result.task.id), result.task.id)


def made_mosaic(context: TaskContext) -> Mosaic | None:
    """The mosaic of stage 3; None when that stage is turned off."""
    value = _value_of(context, "create_mosaicjson")
    return from_dict(Mosaic, value) if value is not None else None


def made_overview(context: TaskContext) -> Overview | None:
    """What became of the overview beside the mosaic; None where it is turned off."""
    value = _value_of(context, "create_overview")
    return from_dict(Overview, value) if value is not None else None


def _value_of(context: TaskContext, task_type: str) -> Mapping[str, Any] | None:
    """The result of one of the tasks of the mosaic stage."""
    results = _ok(context.inputs.get("create_mosaicjson", ()))
    return next((result.value for result in results if result.task.task_type == task_type), None)


def source_times(context: TaskContext) -> dict[str, str]:
    """Last modification of each source, by blob, where the store knows it."""
    values = [result.value for result in _ok(context.inputs.get("validate_tiles", ()))]
    sources = [from_dict(SourceFile, value["source"]) for value in values if value is not None]
    return {source.blob: source.modified for source in sources if source.modified}


def _ok(results: Sequence[TaskResult]) -> list[TaskResult]:
    return [result for result in results if result.ok]
