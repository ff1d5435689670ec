"""Stage 2 as the workflow sees it: one task a valid tile, all of them on the collection's grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rastercollection.core.contexts import JobContext, PlanContext, TaskContext
from rastercollection.core.models import ErrorRecord, Notify, Task, TaskResult, TaskStatus
from rastercollection.core.records import from_dict, to_dict, to_plain
from rastercollection.core.workflow import FanOut, Skip, Stage, carry_over
from rastercollection.errors import RasterCollectionError, TaskError
from rastercollection.geo.pixel_grid import CollectionGrid, choose_grid
from rastercollection.model.agreement import Disagreement, TileGroup, compare_tiles, outside_majority, staying
from rastercollection.model.cog import Cog
from rastercollection.model.decisions import decide
from rastercollection.model.joining import PublishedTile
from rastercollection.model.names import TileName
from rastercollection.model.pixel_orders import check_maxzoom, check_resolution
from rastercollection.model.request import CollectionRequest
from rastercollection.model.tile import Sources, Validation
from rastercollection.stages.cog.admit import admit
from rastercollection.stages.cog.task_parameters import CogParameters
from rastercollection.stages.stage_names import CREATE_COGS

__all__ = ["STAGE", "create_cog", "forecast_cog"]


def create_cog(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """The handler: :class:`CogParameters` in, a :class:`~rastercollection.model.cog.Cog` out."""
    from rastercollection.stages.cog.task import make_cog  # loads GDAL

    return to_dict(make_cog(from_dict(CogParameters, parameters), context))


def forecast_cog(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """What the handler would make: a :class:`~rastercollection.model.tile_forecast.TileForecast` as ``forecast``."""
    from rastercollection.stages.cog.task import forecast  # loads GDAL

    return {"forecast": to_plain(forecast(from_dict(CogParameters, parameters), context))}


def _plan(context: PlanContext, previous: Sequence[TaskResult]) -> Iterator[Task | Skip]:
    """One task a valid tile; tiles that failed, or that the policy on disagreeing tiles leaves out, are skipped.

    Where the COGs' pixels lie follows from all tiles that are taken. It is among the parameters of each task, so a
    tile that joins later and changes it has all COGs made again.

    Raises:
        TaskError: ``TILES_DISAGREE``, where the policy is to fail; ``MAXZOOM_TOO_DEEP``;
            ``RESOLUTION_TOO_COARSE``; ``NO_SPACE``.
    """
    request = CollectionRequest.from_parameters(context.parameters)
    sources: Sources = context.facts
    handed_on = _decided(request, previous, context.notice)
    valid = {name: found for name, found in handed_on.items() if isinstance(found, Validation)}
    names = sources.names
    there = list(valid.values())
    for told in (check_maxzoom(request.maxzoom, there), check_resolution(request.resolution, there)):
        if told is not None:
            context.notice(told.code, told.message)
    left_out = _left_out(request, there, staying(sources, there, request.mode), context.notice)
    staying_tiles = [validation for validation in there if validation.source.blob not in left_out]
    grid = _grid(request, staying_tiles)
    _check_room(request, sources, staying_tiles, context.notice)

    def parameters(result: TaskResult) -> Mapping[str, Any]:
        found = valid.get(result.task.id)
        return to_plain(_parameters(request, found, names[found.source.blob], grid)) if found else {}

    def size(result: TaskResult) -> int:
        return valid[result.task.id].estimated_bytes if result.task.id in valid else 0

    for result, item in zip(previous, carry_over(context, previous, parameters, size), strict=True):
        found = handed_on.get(result.task.id)
        reason = left_out.get(found.source.blob) if isinstance(found, Validation) else found
        yield Skip(task=item, reason=reason) if reason and isinstance(item, Task) else item


def _check_room(
    request: CollectionRequest, sources: Sources, validations: Sequence[Validation], notify: Notify
) -> None:
    from rastercollection.stages.cog.enough_room import check_room  # loads numpy

    names = sources.names
    planned = [
        (found, names[found.source.blob].output_blob(found.settings.tier, request.output_folder))
        for found in validations
    ]
    check_room(request, sources.room, planned, notify)


def _decided(
    request: CollectionRequest, previous: Sequence[TaskResult], notify: Notify
) -> Mapping[str, Validation | ErrorRecord]:
    """Each validation with what was decided on the whole collection, or why there is none, by id of its task."""
    handed_on = {result.task.id: _handed_on(result) for result in previous if result.value is not None}
    decisions = decide(request, [found for found in handed_on.values() if isinstance(found, Validation)])
    for notice in decisions.notices:
        notify(notice.code, notice.message)
    return {
        name: decisions.validations[found.source.blob] if isinstance(found, Validation) else found
        for name, found in handed_on.items()
    }


def _handed_on(result: TaskResult) -> Validation | ErrorRecord:
    """The validation that the stage before, which may be a user's, has handed on, or why there is none."""
    try:
        return from_dict(Validation, result.value or {})
    except RasterCollectionError as error:
        return ErrorRecord(
            code="VALIDATION_MISSING",
            message=f"{result.task.handler} did not hand the tile's validation on. {error.message}",
            hint="A stage between validation and COGs returns the validation that it was given, changed or not.",
        )


def _parameters(
    request: CollectionRequest, validation: Validation, name: TileName, grid: CollectionGrid
) -> CogParameters:
    return CogParameters(
        validation=validation,
        item_id=name.item_id,
        output_blob=name.output_blob(validation.settings.tier, request.output_folder),
        source_container=request.container_name,
        output_container=request.output_container,
        target_crs=request.target_crs,
        in_memory=request.in_memory,
        datetime=request.datetime,
        datetime_pattern=request.datetime_pattern,
        require_datetime=request.require_datetime,
        policy=request.source_policy,
        grid=grid.rule_for(validation.natural),
        bands=request.bands or (),
    )


def _grid(request: CollectionRequest, validations: Sequence[Validation]) -> CollectionGrid:
    return choose_grid(
        (validation.natural for validation in validations),
        grid=request.grid,
        resolution=request.resolution,
        zoom_strategy=request.zoom_strategy,
        block=max((validation.settings.block_size for validation in validations), default=1),
    )


def _left_out(
    request: CollectionRequest, validations: Sequence[Validation], published: Sequence[PublishedTile], notify: Notify
) -> Mapping[str, ErrorRecord]:
    """Why tiles are left out although they are valid, by blob.

    Raises:
        TaskError: ``TILES_DISAGREE``, where the policy is to fail.
    """
    disagreements = compare_tiles(validations, published)
    if disagreements and request.on_mismatch == "fail":
        raise TaskError(
            "The tiles do not agree: " + "; ".join(_in_words(item) for item in disagreements),
            "Split them into several collections, or set on_mismatch to majority or continue.",
            code="TILES_DISAGREE",
        )
    left_out = outside_majority(disagreements) if request.on_mismatch == "majority" else frozenset()
    if len(left_out) < len(validations):
        _report_published(disagreements, notify)
    return {blob: _outlier(disagreements, blob) for blob in left_out}


def _report_published(disagreements: Sequence[Disagreement], notify: Notify) -> None:
    """Say where tiles are to join a collection whose tiles are not like them."""
    mixed = [item for item in disagreements if any(group.published for group in item.groups)]
    if mixed:
        notify(
            "PUBLISHED_TILES_DIFFER",
            f"The collection's tiles do not agree with those that join it ({'; '.join(map(_in_words, mixed))}). Links "
            "and renders go on showing those that are published. Set on_mismatch to fail or majority, or make another "
            "collection for them.",
        )


def _in_words(disagreement: Disagreement) -> str:
    groups = ", ".join(f"{group.value} ({_counts(group)})" for group in disagreement.groups)
    return f"{disagreement.aspect}: {groups}"


def _counts(group: TileGroup) -> str:
    return f"{group.count}, {len(group.published)} of them published" if group.published else str(group.count)


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


def _expected(_: PlanContext, previous: Sequence[TaskResult]) -> int:
    return len(previous)


def _summary(_: JobContext, results: Sequence[TaskResult]) -> Mapping[str, Any]:
    tiles = [from_dict(Cog, result.value) for result in results if result.value is not None]
    cogs = [cog for tile in tiles for cog in tile.sides]
    failed = sum(result.status is TaskStatus.FAILED for result in results)
    size = round(sum(cog.file.size for cog in cogs) / 1e6, 3)
    return {"cogs": {"successful": len(tiles), "failed": failed, "total_size_mb": size}}


def _address(result: TaskResult) -> str:
    assert result.value is not None
    return from_dict(Cog, result.value).file.href


STAGE = Stage(
    name=CREATE_COGS,
    task_type="create_cog",
    handler="rastercollection.stages.cog:create_cog",
    version=2,
    record=Cog,
    fan=FanOut(_plan, expected=_expected),
    admit=admit,
    forecast="rastercollection.stages.cog:forecast_cog",
    summary=_summary,
    product=_address,
)
