"""The library's front door: run a job, plan it, check what was published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, Unpack

import attrs

from rastercollection.core.job_store import JobStore
from rastercollection.core.models import Notice
from rastercollection.core.records import jsonable
from rastercollection.core.workflow import FanIn, Stage
from rastercollection.job.arguments import JobArguments
from rastercollection.job.calls import check_call, takes, told_apart
from rastercollection.job.notebook.live_display import with_progress
from rastercollection.job.result import JobResult
from rastercollection.job.run import CollectionRun
from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.model import checks
from rastercollection.model.call_names import names_checked
from rastercollection.model.parameters import argument_problems
from rastercollection.model.request import CollectionRequest
from rastercollection.model.tile import SourceFile
from rastercollection.ports.storage import StorageBackend

if TYPE_CHECKING:
    from rastercollection.checking.report import CollectionReport
    from rastercollection.model.joining import Joining
    from rastercollection.model.tile_forecast import TileForecast

__all__ = [
    "CollectionPlan",
    "check_collection",
    "plan_collection",
    "process_collection",
]


@takes(CollectionRequest, RuntimeOptions)
def process_collection(
    *,
    container_name: str | PathLike[str],
    blob_list: str | PathLike[str] | Iterable[str | PathLike[str]],
    collection_id: str,
    **arguments: Unpack[JobArguments],
) -> JobResult:
    """Turn rasters into a served collection: validated tiles, COGs, a MosaicJSON, a STAC collection, a map.

    The same request is the same job: a finished one is returned as it is while its sources are unchanged and its
    outputs are still there; otherwise only what is missing, changed or not finished is done. A call that was
    interrupted is resumed by calling again.

    Args:
        container_name, blob_list, collection_id: Which rasters, and what their collection is called.
        **arguments: Further parameters of the job and how it runs, see the page "Parameters".

    Returns:
        The result; its status is ``completed`` or ``completed_with_errors``.

    Raises:
        RequestError: Before anything is done, with every problem found.
        OutputTakenError, OtherSourceError: Before anything is done: it would write over what others have made.
        JobFailedError: The job failed; the error carries the result.
        JobCancelledError: The job was cancelled; the error carries the result.
        JobBusyError: Another process is running the same job.
        BackendError: Storage, catalog or job store cannot be used.
    """
    required = {"container_name": container_name, "blob_list": blob_list, "collection_id": collection_id}
    request, options = told_apart({**required, **arguments})
    with with_progress(options, request.collection_id) as shown:
        return CollectionRun.prepare(request, shown).result()


@attrs.frozen(kw_only=True)
class CollectionPlan:
    """What a job would do.

    Attributes:
        job_id: The job's id.
        parameters: Normalised, with every default filled in.
        sources: The rasters found, in order.
        stages: Number of tasks of each stage, at most, by stage name.
        total_size: Bytes of all sources.
        notices: About the request, and about the collection as its stages would decide it.
        joining: How many items are published of the collection, and how many the job would add, replace, leave and
            remove, if every tile is valid; None where none is.
        tiles: What each tile will take and give; empty if that was not asked for.
    """

    job_id: str
    parameters: Mapping[str, Any]
    sources: tuple[SourceFile, ...]
    stages: Mapping[str, int]
    total_size: int
    notices: tuple[Notice, ...]
    tiles: tuple[TileForecast, ...] = ()
    joining: Joining | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        plain: dict[str, Any] = jsonable(attrs.asdict(self))
        return plain

    def _repr_html_(self) -> str:
        """For notebooks."""
        from rastercollection.job.notebook.plan_view import plan_html

        return plan_html(self)


@takes(CollectionRequest, RuntimeOptions)
def plan_collection(
    *,
    container_name: str | PathLike[str],
    blob_list: str | PathLike[str] | Iterable[str | PathLike[str]],
    collection_id: str,
    predict: bool = True,
    **arguments: Unpack[JobArguments],
) -> CollectionPlan:
    """Check a request and tell what it would do, without making any task or writing anything.

    The catalog is asked what it holds of the collection, and the places of outputs what is there.

    Args:
        container_name, blob_list, collection_id, **arguments: As for :func:`process_collection`.
        predict: Look at every source, as the first stage would, and tell what each tile will take and give: the size
            and bytes of its COG, memory and temporary disk. Without, no source is opened.

    Raises:
        RequestError: With every problem found.
        OutputTakenError, OtherSourceError: The job would be refused: it would write over what others have made.
        ObjectExistsError: It would be refused by its mode.
        BackendError: Storage or catalog cannot be used.
    """
    required = {"container_name": container_name, "blob_list": blob_list, "collection_id": collection_id}
    wrong = argument_problems(predict=(predict, checks.boolean))
    run = CollectionRun.prepare(*told_apart({**required, **arguments}, "predict", wrong=wrong))
    sources = run.sources
    forecast = run.forecast(predict=predict)
    return CollectionPlan(
        job_id=run.request.job_id,
        parameters=run.request.to_parameters(),
        sources=sources.files,
        stages={stage.name: _most_tasks(stage, len(sources.files)) for stage in run.workflow.stages},
        total_size=sum(source.size for source in sources.files),
        notices=forecast.notices,
        tiles=forecast.tiles,
        joining=forecast.joining,
    )


def _most_tasks(stage: Stage, tiles: int) -> int:
    return len(stage.kinds) if isinstance(stage.fan, FanIn) else tiles


@names_checked
def check_collection(
    collection: str | PathLike[str],
    *,
    collection_id: str | None = None,
    verify: Literal["quick", "checksum"] = "quick",
    fix: bool = False,
    jobs: JobStore | str | None = None,
    storage: StorageBackend | str | None = None,
    storage_options: Mapping[str, Any] | None = None,
    allow_private_hosts: bool = False,
    titiler_url: str | None = None,
) -> CollectionReport:
    """Compare a whole published collection with its files, and mend it if that is asked for.

    Args:
        collection: A ``collection.json``, the folder of a static catalog, the ``output_container`` of a job, or the
            address of a pgSTAC database.
        collection_id: Its id in the catalog, where that holds several, and of a database.
        verify: ``quick`` compares size and header of every COG, ``checksum`` its content; that of all else is compared
            always.
        fix: Mend documents, overview, mirror, search and page without the sources; what takes these, by running the
            jobs of the collection again that the job store knows.
        jobs, storage, storage_options, allow_private_hosts: As for :func:`process_collection`.
        titiler_url: Root address of the tile server that shows it, which is asked then; never take a stranger's.

    Raises:
        RequestError: One of these is nothing of the kind.
        ObjectNotFoundError: There is no collection there.
        RasterCollectionError: It could not be asked, or mending failed.
    """
    options = RuntimeOptions(
        verify=verify,
        jobs=jobs,
        storage=storage,
        storage_options=storage_options,
        allow_private_hosts=allow_private_hosts,
    )
    del jobs, storage_options  # what goes wrong from here on comes through this frame
    check_call(
        options,
        collection=(collection, checks.published),
        collection_id=(collection_id, checks.optional(checks.identifier)),
        fix=(fix, checks.boolean),
        titiler_url=(titiler_url, checks.optional(checks.http)),
    )
    from rastercollection.job.upkeep.collection_check import check_published  # loads GDAL

    return check_published(str(collection), collection_id, options, fix=fix, titiler_url=titiler_url)
