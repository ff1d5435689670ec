"""The four-stage workflow: how the tasks of each stage follow from the parameters and what came before. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from rastercollection.core.models import ErrorRecord, Task, TaskResult
from rastercollection.core.records import from_dict, to_dict
from rastercollection.core.workflow import Companion, FanIn, FanOut, PlanContext, Skip, Stage, Workflow, carry_over
from rastercollection.errors import TaskError
from rastercollection.geo.pixel_grid import CollectionGrid, choose_grid
from rastercollection.geo.types import NaturalGrid
from rastercollection.job.result import summarise
from rastercollection.model.agreement import Disagreement, compare_tiles, outside_majority
from rastercollection.model.names import TileName, tile_names
from rastercollection.model.policy import SourcePolicy
from rastercollection.model.request import CollectionRequest
from rastercollection.model.tile import Validation
from rastercollection.ports.registries import HANDLERS

__all__ = ["JOB_TYPE", "collection_workflow"]

JOB_TYPE = "process_collection"


def collection_workflow(request: CollectionRequest) -> Workflow:
    """Validate tiles, create COGs, create the MosaicJSON with an overview beside it, create the STAC collection.

    The last two can be turned off in the request. Insert stages of your own with
    :meth:`~rastercollection.Workflow.insert_before` and ``insert_after``: a stage between validation and COGs passes
    validations on, with ``source`` or anything else changed.
    """
    stages = [
        _stage("validate_tiles", "validate_raster", FanOut(plan_validation, expected=_number_of_sources)),
        _stage("create_cogs", "create_cog", FanOut(plan_cogs, expected=_number_of_completed)),
    ]
    if request.create_mosaicjson:
        stages.append(_stage("create_mosaicjson", "create_mosaicjson", _mosaic_fan(request)))
    if request.create_stac_collection:
        stages.append(_stage("create_stac_collection", "create_stac_collection", FanIn()))
    return Workflow(name=JOB_TYPE, stages=tuple(stages), finalizer=summarise)


def _mosaic_fan(request: CollectionRequest) -> FanIn:
    """The mosaic document, and the overview of the collection beside it."""
    overview = Companion(task_type="create_overview", handler=HANDLERS.target("create_overview"))
    return FanIn(beside=(overview,) if request.create_overview else ())


def _stage(name: str, task_type: str, fan: FanOut | FanIn) -> Stage:
    return Stage(name=name, task_type=task_type, handler=HANDLERS.target(task_type), fan=fan)


def plan_validation(context: PlanContext, _: Sequence[TaskResult]) -> Iterator[Task]:
    """One task a source."""
    request = CollectionRequest.from_parameters(context.parameters)
    common = {
        "input_crs": request.input_crs,
        "target_crs": request.target_crs,
        "raster_type": request.raster_type,
        "tier": attrs.asdict(request.tier),
        "tiers": [attrs.asdict(tier) for tier in request.all_tiers.values()],
        "jpeg_quality": request.jpeg_quality,
        "compression": request.compression,
        "compression_level": request.compression_level,
        "warp_resampling": request.warp_resampling,
        "overview_resampling": request.overview_resampling,
        "strict": request.strict,
        "policy": attrs.asdict(_policy(request)),
    }
    for index, source in enumerate(context.facts["sources"]):
        yield context.task(index, {"source": source, **common}, tile=source["blob"])


def plan_cogs(context: PlanContext, previous: Sequence[TaskResult]) -> Iterator[Task | Skip]:
    """One task a valid tile; tiles that failed, or that the policy on disagreeing tiles leaves out, are skipped.

    Where the COGs' pixels lie follows from all tiles that are taken. It is among the parameters of each task, so a
    tile that joins later and changes it has all COGs made again.

    Raises:
        TaskError: ``TILES_DISAGREE``, where the policy is to fail.
    """
    request = CollectionRequest.from_parameters(context.parameters)
    left_out = _left_out(request, previous)
    names = tile_names(context.facts.get("blobs") or [source["blob"] for source in context.facts["sources"]])
    policy = attrs.asdict(_policy(request))
    taken = [result.value for result in previous if result.value is not None and result.task.tile not in left_out]
    grid = _grid(request, taken)

    def parameters(result: TaskResult) -> Mapping[str, Any]:
        assert result.value is not None
        return {**_cog_parameters(request, result.value, names, policy), "grid": _rule(grid, result.value)}

    for item in carry_over(context, previous, parameters):
        task = item.task if isinstance(item, Skip) else item
        reason = left_out.get(task.tile or "")
        yield Skip(task=task, reason=reason) if reason and isinstance(item, Task) else item


def _cog_parameters(
    request: CollectionRequest,
    validation: Mapping[str, Any],
    names: Mapping[str, TileName],
    policy: Mapping[str, Any],
) -> Mapping[str, Any]:
    name = names[validation["source"]["blob"]]
    return {
        "validation": validation,
        "source_container": request.container_name,
        "output_container": request.output_container,
        "output_blob": name.output_blob(validation["settings"]["tier"], request.output_folder),
        "item_id": name.item_id,
        "target_crs": request.target_crs,
        "in_memory": request.in_memory,
        "datetime": request.datetime,
        "datetime_pattern": request.datetime_pattern,
        "policy": policy,
    }


def _grid(request: CollectionRequest, validations: Sequence[Mapping[str, Any]]) -> CollectionGrid:
    return choose_grid(
        map(_natural, validations),
        grid=request.grid,
        resolution=request.resolution,
        zoom_strategy=request.zoom_strategy,
        block=max((validation["settings"]["block_size"] for validation in validations), default=1),
    )


def _rule(grid: CollectionGrid, validation: Mapping[str, Any]) -> Mapping[str, Any]:
    return to_dict(grid.rule_for(_natural(validation)))


def _natural(validation: Mapping[str, Any]) -> NaturalGrid | None:
    natural = validation.get("natural")
    return from_dict(NaturalGrid, natural) if natural is not None else None


def _left_out(request: CollectionRequest, previous: Sequence[TaskResult]) -> Mapping[str, ErrorRecord]:
    """Why tiles are left out although they are valid, by blob."""
    if request.on_mismatch == "continue":
        return {}
    validations = [from_dict(Validation, result.value) for result in previous if result.value is not None]
    disagreements = compare_tiles(validations)
    if disagreements and request.on_mismatch == "fail":
        raise TaskError(
            "The tiles do not agree: " + "; ".join(_in_words(item) for item in disagreements),
            "Split them into several collections, or set on_mismatch to majority or continue.",
            code="TILES_DISAGREE",
        )
    return {blob: _outlier(disagreements, blob) for blob in outside_majority(disagreements)}


def _in_words(disagreement: Disagreement) -> str:
    groups = ", ".join(f"{group.value} ({len(group.blobs)})" for group in disagreement.groups)
    return f"{disagreement.aspect}: {groups}"


def _outlier(disagreements: Sequence[Disagreement], blob: str) -> ErrorRecord:
    differs = [
        f"{item.aspect} is {group.value}, that of most is {item.groups[0].value}"
        for item in disagreements
        for group in item.groups[1:]
        if blob in group.blobs
    ]
    return ErrorRecord(
        code="TILES_DISAGREE",
        message="; ".join(differs),
        hint="Set on_mismatch='continue' to keep it, or make a collection of its own for it.",
    )


def _policy(request: CollectionRequest) -> SourcePolicy:
    return SourcePolicy(
        drivers=request.drivers,
        max_pixels=request.max_pixels,
        max_bands=request.max_bands,
        max_block_bytes=request.max_block_bytes,
    )


def _number_of_sources(context: PlanContext, _: Sequence[TaskResult]) -> int:
    return len(context.facts["sources"])


def _number_of_completed(_: PlanContext, previous: Sequence[TaskResult]) -> int:
    return len(previous)
