"""What each tile of a job will take and give: from stage 1's look at it and stage 2's plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import attrs
import numpy as np

from rastercollection.core.models import ErrorRecord, Task, TaskResult, TaskStatus
from rastercollection.core.records import from_dict, to_dict
from rastercollection.core.workflow import PlanContext, Skip, TaskContext
from rastercollection.errors import RasterCollectionError, TaskError
from rastercollection.geo.pixel_grid import GridRule
from rastercollection.geo.types import NaturalGrid
from rastercollection.job.collection_workflow import collection_workflow, plan_cogs, plan_validation
from rastercollection.model.request import CollectionRequest
from rastercollection.model.tile import SourceFile, Validation
from rastercollection.ports.registries import HANDLERS
from rastercollection.ports.storage import StorageBackend
from rastercollection.rasters.cost import Load, predict
from rastercollection.rasters.limits import Limits, process_bytes

__all__ = ["TileForecast", "forecast"]

_READERS = 8
_WIDER_TYPES = {"complex_int16": "complex64", "complex_int32": "complex128", "float16": "float32"}


@attrs.frozen(kw_only=True)
class TileForecast:
    """What a tile will take and give. Bytes are None where it will not be converted.

    Attributes:
        blob: The tile.
        output_blob: Where its COG will go, relative to the output container.
        shape: Of the COG, ``(rows, columns)``.
        resampled: Whether its pixels will be moved to another CRS or grid.
        in_memory: Whether intermediates will stay in RAM.
        bytes_out: Of the COG, if it compresses like most of its kind.
        most_bytes_out: Of the COG, if it does not compress at all.
        peak_memory: Of the process that converts it, at most.
        temporary_disk: In the scratch folder, at most.
        problem: Why it will not be converted.
    """

    blob: str
    output_blob: str | None = None
    shape: tuple[int, int] | None = None
    resampled: bool | None = None
    in_memory: bool | None = None
    bytes_out: int | None = None
    most_bytes_out: int | None = None
    peak_memory: int | None = None
    temporary_disk: int | None = None
    problem: ErrorRecord | None = None


def forecast(
    request: CollectionRequest, sources: Sequence[SourceFile], storage: StorageBackend, limits: Limits
) -> tuple[TileForecast, ...]:
    """Run stage 1 on every source, which reads its header and a sample of its pixels, and plan stage 2.

    Args:
        request: The job's parameters.
        sources: The rasters.
        storage: Where they are.
        limits: Of one task.
    """
    context = _context(request, sources, 0)
    with ThreadPoolExecutor(_READERS) as pool:
        validations = list(pool.map(lambda task: _validated(task, storage, limits), plan_validation(context, ())))
    failed = {result.task.tile: result.error for result in validations if result.error is not None}
    try:
        planned = list(plan_cogs(_context(request, sources, 1), validations))
    except TaskError as error:
        return tuple(
            TileForecast(blob=source.blob, problem=failed.get(source.blob) or _record(error)) for source in sources
        )
    return tuple(_of_tile(item, failed, limits) for item in planned)


def _context(request: CollectionRequest, sources: Iterable[SourceFile], stage: int) -> PlanContext:
    return PlanContext(
        job_id=request.job_id,
        parameters=request.to_parameters(),
        facts={"sources": [to_dict(source) for source in sources]},
        results={},
        stage=collection_workflow(request).stages[stage],
        number=stage + 1,
    )


def _validated(task: Task, storage: StorageBackend, limits: Limits) -> TaskResult:
    context = TaskContext(job_id="", task=task, resources={"storage": storage, "limits": limits})
    try:
        value = HANDLERS.load(task.task_type)(task.parameters, context)
    except RasterCollectionError as error:
        return TaskResult(task=task, status=TaskStatus.FAILED, error=_record(error))
    return TaskResult(task=task, status=TaskStatus.COMPLETED, value=value)


def _record(error: RasterCollectionError) -> ErrorRecord:
    return attrs.evolve(ErrorRecord.of(error), retryable=False, details={})


def _of_tile(item: Task | Skip, failed: Mapping[str | None, ErrorRecord | None], limits: Limits) -> TileForecast:
    task = item.task if isinstance(item, Skip) else item
    blob = str(task.tile)
    if isinstance(item, Skip):
        return TileForecast(blob=blob, problem=failed.get(blob) or item.reason)
    validation = from_dict(Validation, task.parameters["validation"])
    if validation.natural is None:
        problem = ErrorRecord(
            code="REPROJECTION_FAILED",
            message=f"{blob}: no part of it has a place in the target CRS.",
            hint="Check its georeferencing, or choose another target_crs.",
        )
        return TileForecast(blob=blob, problem=problem)
    rule = from_dict(GridRule, task.parameters["grid"])
    resampled = not (validation.natural.is_upright and rule.keeps(validation.natural))
    load = Load.of(
        source_shape=(validation.height, validation.width),
        shape=_shape(validation.natural, rule),
        bands=validation.band_count,
        dtype=np.result_type(*(np.dtype(_WIDER_TYPES.get(name, name)) for name in validation.dtypes)),
        reprojected=resampled,
    )
    read = validation.estimated_bytes + load.image_bytes
    load = attrs.evolve(load, process_bytes=process_bytes(limits, read))
    asked = task.parameters["in_memory"]
    load = attrs.evolve(load, in_memory=load.needed_bytes <= limits.memory_bytes if asked is None else asked)
    found = predict(load, validation.settings, classes=validation.raster_type == "categorical")
    return TileForecast(
        blob=blob,
        output_blob=task.parameters["output_blob"],
        shape=load.shape,
        resampled=resampled,
        in_memory=load.in_memory,
        bytes_out=found.bytes_out,
        most_bytes_out=found.most_bytes_out,
        peak_memory=found.peak_memory,
        temporary_disk=found.temporary_disk,
    )


def _shape(natural: NaturalGrid, rule: GridRule) -> tuple[int, int]:
    if not rule.keeps(natural):
        return rule.place(natural).shape
    left, bottom, right, top = natural.bounds
    across, down = natural.resolution
    return max(1, round((top - bottom) / down)), max(1, round((right - left) / across))
