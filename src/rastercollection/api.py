"""The library's front door: run a job, plan it, submit it to the background or to workers, be a worker."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, Unpack, cast

import attrs

from rastercollection.core.engine.reuse import FAILED
from rastercollection.core.models import Notice
from rastercollection.core.records import jsonable
from rastercollection.core.shortage import shortages_told
from rastercollection.core.workflow import FanIn, Stage
from rastercollection.disclosure.redaction import Hidden
from rastercollection.errors import RequestError, RequestProblem, UnknownNameError
from rastercollection.job.arguments import JobArguments, RunArguments
from rastercollection.job.handle import JobHandle
from rastercollection.job.managing import recorded_job
from rastercollection.job.recordable import with_submitted, worker_problems
from rastercollection.job.result import JobResult
from rastercollection.job.run import CollectionRun
from rastercollection.job.runtime import open_job_store, unknown_names
from rastercollection.job.runtime_checks import is_event
from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.job.submitting import queue_job, start_here
from rastercollection.job.worker_loop import Worker
from rastercollection.model import checks
from rastercollection.model.parameters import MISSING, explained, parameters, problems, shown
from rastercollection.model.request import CollectionRequest
from rastercollection.model.tile import SourceFile

if TYPE_CHECKING:
    from rastercollection.model.joining import Joining
    from rastercollection.model.tile_forecast import TileForecast

__all__ = [
    "CollectionPlan",
    "plan_collection",
    "process_collection",
    "rerun",
    "retry_failed",
    "run_worker",
    "submit",
]

MOST = 1_000_000
"""Largest priority, and the smallest without its sign."""

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
        def call(*named: Any, **arguments: Any) -> R:
            hidden = [name for name in secrets if name in arguments and not isinstance(arguments[name], Hidden)]
            arguments |= {name: Hidden(arguments[name]) for name in hidden}
            with shortages_told():
                return cast(Callable[..., R], function)(*named, **{**required, **arguments})

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


@_takes(CollectionRequest, RuntimeOptions)
def submit(
    *,
    container_name: str | PathLike[str],
    blob_list: str | Sequence[str],
    collection_id: str,
    run: Literal["here", "worker"] = "here",
    priority: int = 0,
    **arguments: Unpack[JobArguments],
) -> JobHandle:
    """Record a job and return at once; it runs in the background of this process, or waits for a worker.

    The request is checked and the job recorded before this returns, with all that it needs of where the process is:
    relative paths mean what they mean now. A job that was done before is not done again; one that is under way is
    watched; one that has failed, or was cancelled, goes on. In this process a job ends with it at the latest, and goes
    on when it is submitted again.

    Args:
        container_name, blob_list, collection_id, **arguments: As for :func:`process_collection`. For a worker, what
            cannot be recorded is refused: passwords and keys, Python objects, and what is the worker's own, such as its
            executor.
        run: ``here``, or ``worker``: whoever calls :func:`run_worker` on the same job store, or ``rastercollection
            worker``, does it.
        priority: For a worker: of the jobs that wait, the one with the largest is done first.

    Raises:
        RequestError: With every problem found.
        BackendError: The job store cannot be used.
    """
    required = {"container_name": container_name, "blob_list": blob_list, "collection_id": collection_id}
    request, options = _told_apart({**required, **arguments}, "run", "priority", wrong=_queue_problems(run, priority))
    return start_here(request, options) if run == "here" else queue_job(request, options, priority)


@_takes(RuntimeOptions)
def rerun(
    job_id: str,
    *,
    what: bool | str | Sequence[str] = True,
    run: Literal["here", "worker"] | None = None,
    priority: int = 0,
    **options: Unpack[RunArguments],
) -> JobHandle:
    """Submit a recorded job again, as its record tells it, and have all of it, or a part, done again.

    Args:
        job_id: The whole id, or a beginning of it that fits only one job.
        what: As the parameter ``rerun`` of :func:`process_collection`.
        run, priority: As for :func:`submit`; a job that was submitted for a worker is so again, unless given.
        **options: How it runs, over what was submitted with it.

    Raises:
        RequestError: With every problem found.
        ObjectNotFoundError: There is no such job, or no such job store.
        RecordUnreadableError: Its record does not tell what was asked for.
        BackendError: The job store cannot be used.
    """
    given, wrong = _options({**options, "rerun": what})
    del options  # an address may hold a password, and what goes wrong from here on comes through this frame
    wrong += _queue_problems(run or "here", priority)
    if wrong:
        raise RequestError(wrong)
    job, request = recorded_job(job_id, given)
    told = with_submitted(given, job.submission)
    if run == "worker" or (run is None and job.submission is not None):
        return queue_job(request, told, priority or (job.submission.priority if job.submission else 0))
    return start_here(request, told)


@_takes(RuntimeOptions)
def retry_failed(
    job_id: str,
    *,
    run: Literal["here", "worker"] | None = None,
    priority: int = 0,
    **options: Unpack[RunArguments],
) -> JobHandle:
    """Submit a recorded job again, and have all tasks done again that failed; what has never been done is, too.

    Args:
        job_id, run, priority, **options: As for :func:`rerun`.

    Raises:
        RequestError, ObjectNotFoundError, RecordUnreadableError, BackendError: As of :func:`rerun`.
    """
    return rerun(job_id, what=FAILED, run=run, priority=priority, **options)


@_takes(RuntimeOptions)
def run_worker(
    *,
    stop: threading.Event | None = None,
    drain: bool = False,
    most: int | None = None,
    **options: Unpack[RunArguments],
) -> dict[str, int]:
    """Take the jobs that were submitted for a worker, one after the other, and run them.

    Any number of workers, on one machine or many, share one job store: each job is done by one of them. A job whose
    worker dies is taken by another, and goes on where it stopped; after five that did not come to its end it fails.
    Whatever becomes of a job, the worker goes on with the next.

    Args:
        stop: An event that, once set, has the worker hand back the job that it runs, within ``stop_timeout``, and end;
            with :func:`stopping_on_signals` that is what SIGTERM, SIGHUP and Ctrl-C mean.
        drain: End when no job waits.
        most: Jobs to take at most.
        **options: How the worker runs jobs: executor, memory, credentials, catalog where a job names none. ``jobs`` is
            the queue; ``observers`` are told of the worker, too (:class:`~rastercollection.core.events.WorkerTold`).

    Returns:
        How many jobs have ended, by status.

    Raises:
        RequestError: With every problem found.
        BackendError: The job store cannot be used at all. One that is away for a while is waited for.
    """
    given, wrong = _options(options, "stop", "drain", "most")
    del options
    wrong += [*worker_problems(given), *_loop_problems(stop, drain, most)]
    if wrong:
        raise RequestError(wrong)
    with open_job_store(given.jobs) as store:
        worker = Worker(store=store, options=given, stop=stop or threading.Event(), drain=drain, most=most)
        worker.run()
    return dict(worker.ended)


def _queue_problems(run: Any, priority: Any) -> list[RequestProblem]:
    told = {"run": (run, checks.one_of(("here", "worker"))), "priority": (priority, checks.integer(-MOST, MOST))}
    return [RequestProblem(name, shown(value), check(value)) for name, (value, check) in told.items() if check(value)]


def _loop_problems(stop: Any, drain: Any, most: Any) -> list[RequestProblem]:
    told = {
        "stop": (stop, "" if stop is None else is_event(stop)),
        "drain": (drain, checks.boolean(drain)),
        "most": (most, "" if most is None else checks.integer(1)(most)),
    }
    return [RequestProblem(name, shown(value), allowed) for name, (value, allowed) in told.items() if allowed]


def _options(arguments: Mapping[str, Any], *besides: str) -> tuple[RuntimeOptions, list[RequestProblem]]:
    """How jobs run, and what is wrong with that; ``besides`` is what else the call takes."""
    names = parameters(RuntimeOptions)
    options = RuntimeOptions(**{name: value for name, value in arguments.items() if name in names})
    wrong = problems(options)
    unknown = unknown_names(options, besides={problem.parameter for problem in wrong})
    wrong += [_unknown_name(name, error) for name, error in unknown.items()]
    strange = [name for name in arguments if name not in names]
    told = [f"is no parameter{checks.close_to(name, (*names, *besides))}" for name in strange]
    return options, [*wrong, *(RequestProblem(name, "…", text) for name, text in zip(strange, told, strict=True))]


def _told_apart(
    arguments: Mapping[str, Any], *besides: str, wrong: Sequence[RequestProblem] = ()
) -> tuple[CollectionRequest, RuntimeOptions]:
    """The request, and how it runs; all that is wrong with either is reported together.

    Args:
        arguments: Of both.
        besides: What else the call takes.
        wrong: Problems with that.

    Raises:
        RequestError: With every problem.
        UnknownNameError: A name that nobody registered is all that is wrong.
    """
    names = parameters(RuntimeOptions)
    options = RuntimeOptions(**{name: value for name, value in arguments.items() if name in names})
    wrong = [*wrong, *problems(options)]
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
