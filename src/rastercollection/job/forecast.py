"""What each tile of a job will take and give: the stages of its workflow, asked before anything is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs

from rastercollection.core.contexts import PlanContext
from rastercollection.core.engine.planning import planned_tasks
from rastercollection.core.engine.worker import run_task
from rastercollection.core.models import ErrorRecord, Notice, Task, TaskResult, TaskStatus
from rastercollection.core.records import from_dict
from rastercollection.core.workflow import FanOut, Skip, Stage, Workflow
from rastercollection.errors import RasterCollectionError
from rastercollection.model.joining import Joining
from rastercollection.model.request import CollectionRequest
from rastercollection.model.tile import Sources
from rastercollection.model.tile_forecast import TileForecast

__all__ = ["JobForecast", "forecast_job"]

_READERS = 8


@attrs.frozen(kw_only=True)
class _Foreseen:
    """Of what a stage's ``forecast`` returns, what the plan shows."""

    forecast: TileForecast | None = None


@attrs.frozen(kw_only=True)
class JobForecast:
    """What a job will take and give.

    Attributes:
        tiles: Of each source, in the order of the request.
        notices: About the request, and what the stages' plans tell of the job as a whole.
        joining: What becomes of what is published of the collection; None where nothing is.
    """

    tiles: tuple[TileForecast, ...] = ()
    notices: tuple[Notice, ...] = ()
    joining: Joining | None = None


def forecast_job(
    request: CollectionRequest, workflow: Workflow, sources: Sources, resources: Mapping[str, Any]
) -> JobForecast:
    """Ask the stages of a workflow, one after the other, up to the first that cannot tell without being run.

    The first reads the header and a sample of each source, the others take their decisions as they will.

    Args:
        request: What was asked for.
        workflow: What will be done.
        sources: The rasters.
        resources: What handlers will be given.
    """
    tiles = {source.blob: TileForecast(blob=source.blob) for source in sources.files}
    results: dict[str, tuple[TaskResult, ...]] = {}
    notices = list(sources.notices)
    previous: tuple[TaskResult, ...] = ()
    with ThreadPoolExecutor(_READERS) as pool:
        for number, stage in enumerate(_foreseeable(workflow), start=1):
            context = PlanContext(
                job_id=request.job_id,
                workflow=workflow,
                parameters=request.to_parameters(),
                facts=sources,
                results=dict(results),
                stage=stage,
                number=number,
                notice=lambda code, message: notices.append(Notice(code=code, message=message)),
            )
            try:
                planned = _planned(stage, context, previous)
            except RasterCollectionError as error:
                refused = (_with_problem(tile, ErrorRecord.of(error)) for tile in tiles.values())
                return JobForecast(tiles=tuple(refused), notices=tuple(notices), joining=sources.joining)
            previous = tuple(pool.map(lambda item, stage=stage: _foreseen(stage, item, resources), planned))
            results[stage.name] = previous
            tiles |= {
                result.task.tile: _told(tiles[result.task.tile], result) for result in previous if result.task.tile
            }
    return JobForecast(tiles=tuple(tiles.values()), notices=tuple(notices), joining=sources.joining)


def _foreseeable(workflow: Workflow) -> Iterator[Stage]:
    for stage in workflow.stages:
        if stage.forecast is None:
            return
        yield stage


def _planned(stage: Stage, context: PlanContext, previous: Sequence[TaskResult]) -> Iterable[Task | Skip]:
    return list(planned_tasks(stage, context, previous)) if isinstance(stage.fan, FanOut) else ()


def _foreseen(stage: Stage, item: Task | Skip, resources: Mapping[str, Any]) -> TaskResult:
    if isinstance(item, Skip):
        return TaskResult(task=item.task, status=TaskStatus.SKIPPED, error=item.reason)
    assert stage.forecast is not None
    task = attrs.evolve(item, handler=stage.forecast)
    outcome = run_task("", task, 1, resources, {})
    if outcome.error is not None and outcome.error.retryable:  # as the job would
        outcome = run_task("", task, 2, resources, {})
    status = TaskStatus.COMPLETED if outcome.error is None else TaskStatus.FAILED
    return TaskResult(task=item, status=status, value=outcome.value, error=outcome.error, notices=outcome.notices)


def _told(tile: TileForecast, result: TaskResult) -> TileForecast:
    """What is known of a tile, with what a stage says of it."""
    notices = (*tile.notices, *result.notices)
    if result.error is not None:
        return attrs.evolve(_with_problem(tile, result.error), notices=notices)
    return attrs.evolve(from_dict(_Foreseen, result.value or {}).forecast or tile, notices=notices)


def _with_problem(tile: TileForecast, error: ErrorRecord) -> TileForecast:
    """The first problem is the one to be told."""
    return tile if tile.problem else TileForecast(blob=tile.blob, problem=error)
