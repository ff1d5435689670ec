"""The library's front door: run a job, plan it, submit it to the background, ask how it stands."""

from __future__ import annotations

import functools
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, Unpack, cast

import attrs

from rastercollection.core.job_store import JobStore
from rastercollection.core.models import JobRecord, Notice
from rastercollection.core.records import jsonable, to_dict
from rastercollection.core.shortage import shortages_told
from rastercollection.core.workflow import FanIn, Stage
from rastercollection.disclosure.others_warnings import bear_with_others
from rastercollection.disclosure.redaction import Hidden
from rastercollection.errors import BackendError, RequestError, RequestProblem, UnknownNameError
from rastercollection.job.arguments import JobArguments
from rastercollection.job.result import JobResult
from rastercollection.job.run import CollectionRun
from rastercollection.job.runtime import open_job_store, unknown_names
from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.model import checks
from rastercollection.model.parameters import MISSING, explained, parameters, problems, shown
from rastercollection.model.request import CollectionRequest
from rastercollection.model.tile import SourceFile
from rastercollection.ports.storage import StorageBackend

if TYPE_CHECKING:
    from rastercollection.checking.report import CollectionReport
    from rastercollection.model.joining import Joining
    from rastercollection.model.tile_forecast import TileForecast

__all__ = [
    "CollectionPlan",
    "JobHandle",
    "JobReport",
    "check_collection",
    "plan_collection",
    "process_collection",
    "status",
    "submit",
]

P = ParamSpec("P")
R = TypeVar("R")


def _takes(*kinds: type) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A function that takes the fields of these classes as keyword arguments: ``help`` shows what each means.

    What the signature requires and a call leaves out arrives as MISSING, to be told of with all else that is wrong.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        required = {name: MISSING for kind in kinds for name, each in parameters(kind).items() if each.is_required}
        secrets = [field.name for kind in kinds for field in attrs.fields(kind) if not field.repr]

        @functools.wraps(function)
        def call(**arguments: Any) -> R:
            arguments |= {name: Hidden(arguments[name]) for name in secrets if name in arguments}
            bear_with_others()
            with shortages_told():
                return cast(Callable[..., R], function)(**{**required, **arguments})

        call.__doc__ = f"{function.__doc__}\n    Parameters:\n{''.join(map(explained, kinds))}    "
        return cast(Callable[P, R], call)

    return decorate


@_takes(CollectionRequest, RuntimeOptions)
def process_collection(
    *,
    container_name: str | PathLike[str],
    blob_list: str | Sequence[str],
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
    return CollectionRun.prepare(*_told_apart({**required, **arguments})).result()


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


@_takes(CollectionRequest, RuntimeOptions)
def plan_collection(
    *,
    container_name: str | PathLike[str],
    blob_list: str | Sequence[str],
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
    run = CollectionRun.prepare(*_told_apart({**required, **arguments}, "predict"))
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


@attrs.frozen(kw_only=True)
class JobHandle:
    """A job that runs in the background of this process.

    Attributes:
        job_id: Its id, for :func:`status` from anywhere.
    """

    job_id: str
    _future: Future[JobResult] = attrs.field(repr=False, alias="future")
    _cancel: threading.Event = attrs.field(repr=False, alias="cancel")
    _report: Callable[[], JobReport] = attrs.field(repr=False, alias="report")

    def status(self) -> JobReport:
        """How the job stands."""
        return self._report()

    def done(self) -> bool:
        """Whether it has ended, one way or another."""
        return self._future.done()

    def result(self, timeout: float | None = None) -> JobResult:
        """Wait for the result; raises what :func:`process_collection` would raise, or TimeoutError."""
        return self._future.result(timeout)

    def cancel(self) -> None:
        """Ask it to stop: what runs is waited for, nothing more is started; then ``result`` raises."""
        self._cancel.set()


@_takes(CollectionRequest, RuntimeOptions)
def submit(
    *,
    container_name: str | PathLike[str],
    blob_list: str | Sequence[str],
    collection_id: str,
    **arguments: Unpack[JobArguments],
) -> JobHandle:
    """Start :func:`process_collection` in the background of this process and return at once.

    The request is checked before this returns; the job ends with the process at the latest, and is resumed by
    submitting it again.

    Args:
        container_name, blob_list, collection_id, **arguments: As for :func:`process_collection`.

    Raises:
        RequestError: With every problem found.
    """
    required = {"container_name": container_name, "blob_list": blob_list, "collection_id": collection_id}
    request, given = _told_apart({**required, **arguments})
    cancel = given.cancel or threading.Event()
    options, job_id = attrs.evolve(given, cancel=cancel), request.job_id
    run = CollectionRun.prepare(request, options)
    future: Future[JobResult] = Future()
    future.set_running_or_notify_cancel()

    def work() -> None:
        try:
            with shortages_told():
                future.set_result(run.result())
        except BaseException as error:  # noqa: BLE001 - handed on to whoever asks for the result
            future.set_exception(error)

    threading.Thread(target=work, name=f"rastercollection-{job_id[:8]}", daemon=True).start()
    return JobHandle(job_id=job_id, future=future, cancel=cancel, report=lambda: status(job_id, jobs=options.jobs))


@attrs.frozen(kw_only=True)
class JobReport:
    """How a job stands.

    Attributes:
        job: Its record.
        tasks_by_status: Ended tasks, counted, as far as they are journaled.
    """

    job: JobRecord
    tasks_by_status: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able: the record's fields and the counts."""
        return {**to_dict(self.job), "tasks_by_status": dict(self.tasks_by_status)}


def status(job_id: str, *, jobs: JobStore | str | None = None) -> JobReport:
    """How a job stands, from its record; works from any process that can open the job store.

    Args:
        job_id: The whole id, or a beginning of it that fits only one job.
        jobs: The job store, as for :func:`process_collection`.

    Raises:
        RequestError: One of the two is nothing of the kind.
        ObjectNotFoundError: There is no such job, or no such job store: none is made.
        BackendError: The beginning fits several jobs.
    """
    options = RuntimeOptions(jobs=jobs)
    del jobs  # an address may hold a password, and what goes wrong from here on comes through this frame
    wrong = problems(options)
    if not isinstance(job_id, str):
        wrong.append(RequestProblem("job_id", shown(job_id), "must be a text"))
    if wrong:
        raise RequestError(wrong)
    with open_job_store(options.jobs, make=False) as store:
        job = _find_job(store, job_id)
        counts = Counter(str(result.status) for result in store.results(job.id))
    return JobReport(job=job, tasks_by_status=dict(counts))


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
    wrong = problems(options)
    if wrong:
        raise RequestError(wrong)
    from rastercollection.job.collection_check import check_published  # loads GDAL

    return check_published(str(collection), collection_id, options, fix=fix, titiler_url=titiler_url)


def _find_job(store: JobStore, job_id: str) -> JobRecord:
    if len(job_id) < 64:
        fitting = [job for job in store.list_jobs() if job.id.startswith(job_id)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise BackendError(f"{len(fitting)} jobs begin with {job_id!r}.", "Give more of the id.", job_id)
    return store.get(job_id)


def _told_apart(arguments: Mapping[str, Any], *besides: str) -> tuple[CollectionRequest, RuntimeOptions]:
    """The request, and how it runs; all that is wrong with either is reported together.

    Args:
        arguments: Of both.
        besides: What else the call takes.

    Raises:
        RequestError: With every problem.
        UnknownNameError: A name that nobody registered is all that is wrong.
    """
    names = parameters(RuntimeOptions)
    options = RuntimeOptions(**{name: value for name, value in arguments.items() if name in names})
    wrong = problems(options)
    unknown = unknown_names(options, besides={problem.parameter for problem in wrong})
    told = [*wrong, *(_unknown_name(name, error) for name, error in unknown.items())]
    try:
        request = CollectionRequest.from_parameters(
            {name: value for name, value in arguments.items() if name not in names}, besides=(*names, *besides)
        )
    except RequestError as error:
        raise RequestError([*error.problems, *told]) from None
    if len(told) == 1 and unknown:
        raise next(iter(unknown.values()))
    if told:
        raise RequestError(told)
    return request, options


def _unknown_name(parameter: str, error: UnknownNameError) -> RequestProblem:
    known = f"must be one of {', '.join(error.known)}"
    return RequestProblem(parameter, repr(error.name), f"{known}{checks.close_to(error.name, error.known)}")
