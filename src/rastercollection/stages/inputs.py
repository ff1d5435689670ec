"""What fan-in stages take from the results of the stages before."""

from __future__ import annotations

from collections.abc import Sequence

from rastercollection.models import TaskResult
from rastercollection.products import Cog, Mosaic, SourceFile
from rastercollection.records import from_dict
from rastercollection.workflow import TaskContext

__all__ = ["made_cogs", "made_mosaic", "source_times"]


def made_cogs(context: TaskContext) -> tuple[Cog, ...]:
    """The COGs of stage 2 in the order of the request, failed tiles left out."""
    results = sorted(context.inputs.get("create_cogs", ()), key=_position)
    return tuple(from_dict(Cog, result.value) for result in results if result.ok and result.value is not None)


def _position(result: TaskResult) -> tuple[int, str]:
    # ids end in the tile's number: as text, 1000000 would sort before 999999
    return (len(result.task.id), result.task.id)


def made_mosaic(context: TaskContext) -> Mosaic | None:
    """The mosaic of stage 3; None when that stage is turned off."""
    results = _ok(context.inputs.get("create_mosaicjson", ()))
    return from_dict(Mosaic, results[0].value) if results and results[0].value is not None else None


def source_times(context: TaskContext) -> dict[str, str]:
    """Last modification of each source, by blob, where the store knows it."""
    values = [result.value for result in _ok(context.inputs.get("validate_tiles", ()))]
    sources = [from_dict(SourceFile, value["source"]) for value in values if value is not None]
    return {source.blob: source.modified for source in sources if source.modified}


def _ok(results: Sequence[TaskResult]) -> list[TaskResult]:
    return [result for result in results if result.ok]
