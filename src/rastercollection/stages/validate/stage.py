"""Stage 1 as the workflow sees it: one task a source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from rastercollection.core.contexts import JobContext, PlanContext, TaskContext
from rastercollection.core.models import ErrorRecord, Task, TaskResult
from rastercollection.core.records import from_dict, to_dict, to_plain
from rastercollection.core.workflow import FanOut, Stage
from rastercollection.model.agreement import compare_tiles, staying
from rastercollection.model.decisions import decide
from rastercollection.model.request import CollectionRequest
from rastercollection.model.tile import SourceFile, Sources, Validation
from rastercollection.stages.stage_names import VALIDATE_TILES
from rastercollection.stages.validate.task_parameters import ValidateParameters

__all__ = ["STAGE", "validate_raster"]

_HANDLER = "rastercollection.stages.validate:validate_raster"


def validate_raster(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """The handler: a :class:`ValidateParameters` in, a :class:`~rastercollection.model.tile.Validation` out."""
    from rastercollection.stages.validate.task import validate  # loads GDAL

    return to_dict(validate(from_dict(ValidateParameters, parameters), context))


def _plan(context: PlanContext, _: Sequence[TaskResult]) -> Iterator[Task]:
    request = CollectionRequest.from_parameters(context.parameters)
    sources: Sources = context.facts
    for index, source in enumerate(sources.files):
        parameters = _parameters(request, source, sources.refused.get(source.blob))
        yield context.task(index, to_plain(parameters), tile=source.blob, size=source.size)


def _parameters(request: CollectionRequest, source: SourceFile, refused: ErrorRecord | None) -> ValidateParameters:
    return ValidateParameters(
        source=source,
        refused=refused,
        input_crs=request.input_crs,
        target_crs=request.target_crs,
        raster_type=request.raster_type,
        tier=request.tier,
        tiers=tuple(request.all_tiers.values()),
        jpeg_quality=request.jpeg_quality,
        compression=request.compression,
        compression_level=request.compression_level,
        sparse_ok=request.sparse_ok,
        warp_resampling=request.warp_resampling,
        overview_resampling=request.overview_resampling,
        strict=request.strict,
        policy=request.source_policy,
        bands=request.bands or (),
    )


def _expected(context: PlanContext, _: Sequence[TaskResult]) -> int:
    sources: Sources = context.facts
    return len(sources.files)


def _summary(context: JobContext, results: Sequence[TaskResult]) -> Mapping[str, Any]:
    valid = [from_dict(Validation, result.value) for result in results if result.value is not None]
    share = f"{100 * len(valid) / len(results):.1f}%" if results else "0.0%"
    request, sources = CollectionRequest.from_parameters(context.parameters), context.facts
    published = staying(sources, valid, request.mode) if isinstance(sources, Sources) else ()
    settled = decide(request, valid).validations
    disagreements = [attrs.asdict(item) for item in compare_tiles(list(settled.values()), published)]
    facts = {"validated": len(results), "valid": len(valid), "success_rate": share, "disagreements": disagreements}
    return {"validation": facts}


STAGE = Stage(
    name=VALIDATE_TILES,
    task_type="validate_raster",
    handler=_HANDLER,
    version=1,
    record=Validation,
    fan=FanOut(_plan, expected=_expected),
    forecast=_HANDLER,
    summary=_summary,
)
