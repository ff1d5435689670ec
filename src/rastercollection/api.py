"""The library's front door: run a job, plan it, submit it to the background, ask how it stands."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import attrs
from typing_extensions import Unpack

from rastercollection.core.events import Observer
from rastercollection.core.job_store import JobStore
from rastercollection.core.models import JobRecord, Notice
from rastercollection.core.records import jsonable, to_dict
from rastercollection.core.workflow import FanIn, Stage, Workflow
from rastercollection.errors import BackendError, RequestError, RequestProblem
from rastercollection.job.result import JobResult
from rastercollection.job.run import CollectionRun
from rastercollection.job.runtime import RuntimeOptions, open_job_store
from rastercollection.model.parameters import CollectionParameters
from rastercollection.model.request import CollectionRequest
from rastercollection.model.tile import SourceFile
from rastercollection.ports.catalog import CatalogBackend
from rastercollection.ports.storage import StorageBackend

if TYPE_CHECKING:
    from rastercollection.model.forecast import TileForecast

__all__ = [
    "CollectionPlan",
    "JobHandle",
    "JobReport",
    "plan_collection",
    "process_collection",
    "status",
    "submit",
]

ON_TILE_ERROR = ("continue", "fail")


def process_collection(
    *,
    observers: Sequence[Observer] = (),
    on_tile_error: str = "continue",
    workflow: Workflow | None = None,
    cancel: threading.Event | None = None,
    storage: StorageBackend | str | None = None,
    storage_options: Mapping[str, Any] | None = None,
    catalog: CatalogBackend | str | None = None,
    jobs: JobStore | str | None = None,
    executor: Any = None,
    max_workers: int | None = None,
    memory_budget: int | None = None,
    scratch: str | None = None,
    **parameters: Unpack[CollectionParameters],
) -> JobResult:
    """Turn rasters into a served collection: validated tiles, COGs, a MosaicJSON, a STAC collection, a map.

    The same request is the same job: a finished one is returned as it is while its sources are unchanged and its
    outputs are still there; otherwise only what is missing, changed or not finished is done. A call that was
    interrupted is resumed by calling again.

    Args:
        observers: Callables that are told of every event.
        on_tile_error: ``continue`` leaves a bad tile out, with its reason; ``fail`` ends the job at the first.
        workflow: Instead of the four stages; see :func:`~rastercollection.collection_workflow`.
        cancel: Set it, from any thread, to cancel: what runs is waited for, nothing more is started.
        storage: A storage backend or the name of one; fsspec unless given.
        storage_options: Credentials and settings, as in fsspec. They stay out of records, logs and outputs.
        catalog: A catalog backend, or the folder or address of one; a static STAC catalog in the folder ``stac`` of
            the output container unless given.
        jobs: A job store, ``memory``, or ``sqlite:///path``; an SQLite file in the user's state folder unless given,
            or in the folder that the environment variable ``RASTERCOLLECTION_STATE`` names.
        executor: An executor, its name (serial, thread, process, dask), a ``concurrent.futures`` pool, a Dask client
            or the address of a Dask scheduler; ``thread`` unless given.
        max_workers: Tasks at the same time; as many as there are cores or tiles, whichever is less, unless given.
        memory_budget: Bytes of RAM that all workers may take together; unless given, what the environment variable
            ``RASTERCOLLECTION_MEMORY_BUDGET`` says (``8G``), else half of what is available.
        scratch: Local folder for temporary files; the system's own unless given.
        **parameters: Of the job; see :class:`~rastercollection.CollectionRequest`.

    Returns:
        The result; its status is ``completed`` or ``completed_with_errors``.

    Raises:
        RequestError: Before anything is done, with every problem found.
        JobFailedError: The job failed; the error carries the result.
        JobCancelledError: The job was cancelled; the error carries the result.
        JobBusyError: Another process is running the same job.
        BackendError: Storage, catalog or job store cannot be used.
    """
    options = RuntimeOptions(
        storage=storage,
        storage_options=storage_options,
        catalog=catalog,
        jobs=jobs,
        executor=executor,
        max_workers=max_workers,
        memory_budget=memory_budget,
        scratch=scratch,
    )
    run = CollectionRun.prepare(_checked_request(parameters, on_tile_error), options, workflow)
    return attrs.evolve(
        run,
        observers=tuple(observers),
        stop_on_error=on_tile_error == "fail",
        cancel=cancel or threading.Event(),
    ).result()


@attrs.frozen(kw_only=True)
class CollectionPlan:
    """What a job would do.

    Attributes:
        job_id: The job's id.
        parameters: Normalised, with every default filled in.
        sources: The rasters found, in order.
        stages: Number of tasks of each stage, at most, by stage name.
        total_size: Bytes of all sources.
        notices: About the request.
        tiles: What each tile will take and give; empty if that was not asked for.
    """

    job_id: str
    parameters: Mapping[str, Any]
    sources: tuple[SourceFile, ...]
    stages: Mapping[str, int]
    total_size: int
    notices: tuple[Notice, ...]
    tiles: tuple[TileForecast, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        plain: dict[str, Any] = jsonable(attrs.asdict(self))
        return plain


def plan_collection(
    *,
    storage: StorageBackend | str | None = None,
    storage_options: Mapping[str, Any] | None = None,
    workflow: Workflow | None = None,
    max_workers: int | None = None,
    memory_budget: int | None = None,
    predict: bool = True,
    **parameters: Unpack[CollectionParameters],
) -> CollectionPlan:
    """Check a request and tell what it would do, without making any task or writing anything.

    Args:
        storage, storage_options, workflow, max_workers, memory_budget, **parameters: As for
            :func:`process_collection`.
        predict: Look at every source, as the first stage would, and tell what each tile will take and give: the size
            and bytes of its COG, memory and temporary disk. Without, nothing is opened.

    Raises:
        RequestError: With every problem found.
    """
    request = _checked_request(parameters, "continue")
    options = RuntimeOptions(
        storage=storage, storage_options=storage_options, max_workers=max_workers, memory_budget=memory_budget
    )
    run = CollectionRun.prepare(request, options, workflow)
    sources = run.sources
    return CollectionPlan(
        job_id=request.job_id,
        parameters=request.to_parameters(),
        sources=sources.files,
        stages={stage.name: _most_tasks(stage, len(sources.files)) for stage in run.workflow.stages},
        total_size=sum(source.size for source in sources.files),
        notices=sources.notices,
        tiles=run.forecast() if predict else (),
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


def submit(**arguments: Any) -> JobHandle:
    """Start :func:`process_collection` in the background of this process and return at once.

    The request is checked before this returns; the job ends with the process at the latest, and is resumed by
    submitting it again.

    Args:
        **arguments: As for :func:`process_collection`.

    Raises:
        RequestError: With every problem found.
    """
    cancel = arguments.pop("cancel", None) or threading.Event()
    names = {"storage", "storage_options", "workflow", *attrs.fields_dict(CollectionRequest)}
    plan = plan_collection(predict=False, **{name: value for name, value in arguments.items() if name in names})
    future: Future[JobResult] = Future()
    future.set_running_or_notify_cancel()

    def work() -> None:
        try:
            future.set_result(process_collection(**arguments, cancel=cancel))
        except BaseException as error:  # noqa: BLE001 - handed on to whoever asks for the result
            future.set_exception(error)

    threading.Thread(target=work, name=f"rastercollection-{plan.job_id[:8]}", daemon=True).start()
    jobs = arguments.get("jobs")
    return JobHandle(job_id=plan.job_id, future=future, cancel=cancel, report=lambda: status(plan.job_id, jobs=jobs))


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
        ObjectNotFoundError: There is no such job.
        BackendError: The beginning fits several jobs.
    """
    with open_job_store(jobs) as store:
        job = _find_job(store, job_id)
        counts = Counter(str(result.status) for result in store.results(job.id))
    return JobReport(job=job, tasks_by_status=dict(counts))


def _find_job(store: JobStore, job_id: str) -> JobRecord:
    if len(job_id) < 64:
        fitting = [job for job in store.list_jobs() if job.id.startswith(job_id)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise BackendError(f"{len(fitting)} jobs begin with {job_id!r}.", "Give more of the id.", job_id)
    return store.get(job_id)


def _checked_request(parameters: Mapping[str, Any], on_tile_error: str) -> CollectionRequest:
    """The request; a wrong policy is reported together with everything else that is wrong."""
    problems = []
    if on_tile_error not in ON_TILE_ERROR:
        problems.append(RequestProblem("on_tile_error", repr(on_tile_error), "must be continue or fail"))
    try:
        request = CollectionRequest.from_parameters(parameters)
    except RequestError as error:
        raise RequestError([*error.problems, *problems]) from None
    if problems:
        raise RequestError(problems)
    return request
