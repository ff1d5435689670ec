"""Jobs in the background: submitting them to this process or to workers, having them run again, being a worker."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from os import PathLike
from typing import Any, Literal, Unpack

from rastercollection.core.engine.reuse import FAILED
from rastercollection.errors import RequestError, RequestProblem
from rastercollection.job.arguments import JobArguments, RunArguments
from rastercollection.job.calls import options_of_call, takes, told_apart
from rastercollection.job.handle import JobHandle
from rastercollection.job.managing import recorded_job
from rastercollection.job.recordable import with_submitted, worker_problems
from rastercollection.job.runtime import open_job_store
from rastercollection.job.runtime_checks import is_event
from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.job.submitting import queue_job, start_here
from rastercollection.job.worker_loop import Worker
from rastercollection.model import checks
from rastercollection.model.call_names import names_checked
from rastercollection.model.parameters import argument_problems
from rastercollection.model.request import CollectionRequest

__all__ = ["rerun", "retry_failed", "run_worker", "submit"]

MOST = 1_000_000
"""Largest priority, and the smallest without its sign."""


@takes(CollectionRequest, RuntimeOptions)
def submit(
    *,
    container_name: str | PathLike[str],
    blob_list: str | PathLike[str] | Iterable[str | PathLike[str]],
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
    request, options = told_apart({**required, **arguments}, "run", "priority", wrong=_queue_problems(run, priority))
    return start_here(request, options) if run == "here" else queue_job(request, options, priority)


@names_checked
@takes(RuntimeOptions)
def rerun(
    job_id: str,
    *,
    what: bool | str | Iterable[str] = True,
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
    given, wrong = options_of_call({**options, "rerun": what})
    del options  # an address may hold a password, and what goes wrong from here on comes through this frame
    wrong += _queue_problems(run or "here", priority)
    if wrong:
        raise RequestError(wrong)
    job, request = recorded_job(job_id, given)
    told = with_submitted(given, job.submission)
    if run == "worker" or (run is None and job.submission is not None):
        return queue_job(request, told, priority or (job.submission.priority if job.submission else 0))
    return start_here(request, told)


@names_checked
@takes(RuntimeOptions)
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


@takes(RuntimeOptions)
def run_worker(
    *,
    stop: threading.Event | None = None,
    drain: bool = False,
    most: int | None = None,
    **options: Unpack[RunArguments],
) -> dict[str, int]:
    """Take the jobs that were submitted for a worker, one after the other, and run them.

    Any number of workers, on one machine or many, share one job store: each job is done by one of them. A job whose
    worker dies is taken by another, and goes on where it stopped; after five in a row that got no further it fails.
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
    given, wrong = options_of_call(options, "stop", "drain", "most")
    del options
    told = {problem.parameter for problem in wrong}
    wrong += [problem for problem in worker_problems(given) if problem.parameter not in told]
    wrong += _loop_problems(stop, drain, most)
    if wrong:
        raise RequestError(wrong)
    with open_job_store(given.jobs) as store:
        worker = Worker(store=store, options=given, stop=stop or threading.Event(), drain=drain, most=most)
        worker.run()
    return dict(worker.ended)


def _queue_problems(run: Any, priority: Any) -> list[RequestProblem]:
    return argument_problems(
        run=(run, checks.one_of(("here", "worker"))), priority=(priority, checks.integer(-MOST, MOST))
    )


def _loop_problems(stop: Any, drain: Any, most: Any) -> list[RequestProblem]:
    return argument_problems(
        stop=(stop, checks.optional(is_event)),
        drain=(drain, checks.boolean),
        most=(most, checks.optional(checks.integer(1))),
    )
