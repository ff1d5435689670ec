"""What a single raster is, and what would become of it: the first stages of a job, asked about it alone."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

import attrs

from rastercollection.core.contexts import PlanContext
from rastercollection.core.engine.planning import planned_tasks
from rastercollection.core.engine.worker import Outcome, run_task
from rastercollection.core.models import ErrorRecord, Notice, Task
from rastercollection.core.records import from_dict, jsonable
from rastercollection.job.calls import told_apart
from rastercollection.job.run import CollectionRun
from rastercollection.model.tile import Validation
from rastercollection.model.tile_forecast import TileForecast
from rastercollection.ports import addresses

__all__ = ["RasterInfo", "describe_raster"]


@attrs.frozen(kw_only=True)
class RasterInfo:
    """A raster.

    Attributes:
        where: Its address.
        size: Bytes of the file.
        validation: What the first stage says of it; None of one with a problem.
        forecast: What a job with the same parameters would make of it.
        problem: Why it would be left out.
        notices: What the stages would warn of.
    """

    where: str
    size: int
    validation: Validation | None
    forecast: TileForecast
    problem: ErrorRecord | None = None
    notices: tuple[Notice, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        plain: dict[str, Any] = jsonable(attrs.asdict(self))
        return plain


def describe_raster(raster: str | PathLike[str], **arguments: Any) -> RasterInfo:
    """What a raster is, and what a job would make of it; nothing is written.

    Args:
        raster: Its address: a path, or any fsspec URL.
        **arguments: Further parameters of the job, as for :func:`process_collection`.

    Raises:
        RequestError: An argument is nothing of the kind, or there is no such file.
        BackendError: It cannot be read.
    """
    folder, _, name = addresses.normalise(str(raster)).rpartition("/")
    given = {"collection_id": "info", "catalog": addresses.join(folder or "/", "no-catalog"), **arguments}
    request, options = told_apart({**given, "container_name": folder or "/", "blob_list": [name]})
    run = CollectionRun.prepare(request, options)
    outcome = _validated(run)
    (forecast,) = run.forecast().tiles
    return RasterInfo(
        where=run.storage.public_url(run.sources.files[0].url),
        size=run.sources.files[0].size,
        validation=None if outcome is None or outcome.value is None else from_dict(Validation, outcome.value),
        forecast=forecast,
        problem=forecast.problem,
        notices=forecast.notices,
    )


def _validated(run: CollectionRun) -> Outcome | None:
    """The outcome of the first stage's task about the only source; None where it would not be tried."""
    stage = run.workflow.stages[0]
    context = PlanContext(
        job_id=run.request.job_id,
        workflow=run.workflow,
        parameters=run.request.to_parameters(),
        facts=run.sources,
        results={},
        stage=stage,
        number=1,
        notice=lambda _code, _message: None,
    )
    (task,) = planned_tasks(stage, context, ())
    return run_task("", task, 1, _resources(run), {}) if isinstance(task, Task) else None


def _resources(run: CollectionRun) -> Mapping[str, Any]:
    from rastercollection.rasters.limits import Limits

    return {"storage": run.storage, "limits": Limits(scratch=run.options.scratch)}
