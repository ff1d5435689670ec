"""What can be done with jobs from anywhere that their store can be reached from: list, cancel, prune, run again."""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections.abc import Collection, Iterator
from typing import Any

import attrs

from rastercollection.core.engine.journal import utc_now
from rastercollection.core.job_store import JobStore
from rastercollection.core.lease import Wish
from rastercollection.core.models import JobRecord, JobStatus
from rastercollection.errors import (
    PreconditionError,
    RecordUnreadableError,
    RequestError,
    RequestProblem,
)
from rastercollection.job.leased_run import free_lease
from rastercollection.job.reporting import JobReport, find_job, report_of
from rastercollection.job.runtime import open_job_store
from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.model import checks
from rastercollection.model.call_names import names_checked
from rastercollection.model.foreign_values import seconds
from rastercollection.model.parameters import argument_problems, problems, shown
from rastercollection.model.request import CollectionRequest

__all__ = ["cancel", "cancel_job", "list_jobs", "prune", "recorded_job", "recorded_request", "status"]

ENDED = tuple(status for status in JobStatus if status.is_final)
PAUSE = 0.2


@names_checked
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
    with _opened(options, _id_problems(job_id)) as store:
        return report_of(store, find_job(store, job_id))


@names_checked
def list_jobs(
    *, statuses: Collection[JobStatus | str] = (), jobs: JobStore | str | None = None
) -> tuple[JobReport, ...]:
    """How all jobs stand, the latest first, as far as it can be told without reading their journals.

    Args:
        statuses: Jobs with one of these alone; all when empty.
        jobs: The job store.

    Raises:
        RequestError: One of the two is nothing of the kind.
        ObjectNotFoundError: There is no such job store: none is made.
    """
    options = RuntimeOptions(jobs=jobs)
    del jobs
    wanted, wrong = _statuses(statuses)
    with _opened(options, wrong) as store:
        found = [job for job in store.list_jobs() if not wanted or job.status in wanted]
        return tuple(report_of(store, job, counted=False) for job in found)


@names_checked
def cancel(job_id: str, *, wait: dt.timedelta | float = 0.0, jobs: JobStore | str | None = None) -> JobReport:
    """Have a job end, whoever runs it: its runner hears of it within seconds; one that nobody runs ends at once.

    What was done is recorded, and taken over when the job is run again. A job that has ended is left as it is.

    Args:
        job_id: As for :func:`status`.
        wait: Seconds in which the runner's end is waited for.
        jobs: The job store.

    Returns:
        How the job stands then.

    Raises:
        RequestError, ObjectNotFoundError, BackendError: As of :func:`status`.
    """
    options = RuntimeOptions(jobs=jobs)
    del jobs
    longest = seconds(wait)
    wrong = [*_id_problems(job_id), *argument_problems(wait=(longest, checks.duration))]
    with _opened(options, wrong) as store:
        job = find_job(store, job_id)
        deadline = time.monotonic() + longest
        while not cancel_job(store, job.id) and time.monotonic() < deadline:
            time.sleep(PAUSE)
        return report_of(store, store.get(job.id))


def cancel_job(store: JobStore, job_id: str) -> bool:
    """Ask for a job's end; returns whether it has ended."""
    if store.get(job_id).status.is_final:
        return True
    store.request(job_id, Wish.CANCEL)
    lease = free_lease(store, job_id)
    if lease is None:
        return store.get(job_id).status.is_final
    try:
        known = store.get(job_id)
        if not known.status.is_final:
            ended = attrs.evolve(known, status=JobStatus.CANCELLED, updated_at=utc_now())
            store.commit(job_id, lease.token, job=ended)
    finally:
        store.release(job_id, lease.token)
    return True


@names_checked
def prune(
    *,
    older_than: dt.timedelta | float,
    statuses: Collection[JobStatus | str] = ENDED,
    jobs: JobStore | str | None = None,
) -> tuple[str, ...]:
    """Delete records of jobs with their journals; what the jobs have published stays.

    A job that is run again later looks at everything anew. What somebody runs is never deleted.

    Args:
        older_than: Since the last change of the record; a number is seconds.
        statuses: Jobs with one of these alone; those that have ended unless given.
        jobs: The job store.

    Returns:
        Ids of the jobs that were deleted.

    Raises:
        RequestError: One of these is nothing of the kind.
        ObjectNotFoundError: There is no such job store: none is made.
    """
    options = RuntimeOptions(jobs=jobs)
    del jobs
    wanted, wrong = _statuses(statuses)
    age = seconds(older_than)
    wrong += argument_problems(older_than=(age, checks.duration))
    deleted = []
    with _opened(options, wrong) as store:
        for job in store.list_jobs():
            if job.status in wanted and _age(job) >= age:
                with contextlib.suppress(PreconditionError):  # somebody runs it
                    store.delete(job.id)
                    deleted.append(job.id)
    return tuple(deleted)


def recorded_job(job_id: str, options: RuntimeOptions) -> tuple[JobRecord, CollectionRequest]:
    """A job's record and what was asked for.

    Args:
        job_id: As for :func:`status`.
        options: Whose job store it is in.

    Raises:
        RequestError, ObjectNotFoundError, BackendError: As of :func:`status`.
        RecordUnreadableError: The record does not tell.
    """
    with _opened(options, _id_problems(job_id)) as store:
        job = find_job(store, job_id)
    return job, recorded_request(job)


def recorded_request(job: JobRecord) -> CollectionRequest:
    """What was asked for, from a job's record.

    Raises:
        RecordUnreadableError: That cannot be told: the record is damaged, or of a release that had other parameters.
    """
    again = "Submit the job again, with its parameters."
    if job.error is not None and job.error.code == RecordUnreadableError.code and not job.parameters:
        raise RecordUnreadableError(f"Job {job.id}: {job.error.message}", again, job.id)
    try:
        request = CollectionRequest.from_parameters(job.parameters)
    except RequestError as error:
        told = "; ".join(str(problem) for problem in error.problems)
        raise RecordUnreadableError(f"Job {job.id} has parameters that cannot be used: {told}", again, job.id) from None
    except Exception as error:  # noqa: BLE001 - whatever a damaged record makes of it
        told = f"{type(error).__name__}: {error}"
        raise RecordUnreadableError(f"Job {job.id} has parameters that cannot be read: {told}", again, job.id) from None
    if request.job_id != job.id:
        message = f"Job {job.id} was recorded by a release for which the same parameters were another job"
        raise RecordUnreadableError(f"{message} than {request.job_id}, which they are now.", again, job.id)
    return request


@contextlib.contextmanager
def _opened(options: RuntimeOptions, wrong: Collection[RequestProblem]) -> Iterator[JobStore]:
    """The job store of these options, which is there.

    Raises:
        RequestError: It is none, or something else is wrong.
    """
    found = [*problems(options), *wrong]
    if found:
        raise RequestError(found)
    with open_job_store(options.jobs, make=False) as store:
        yield store


def _id_problems(job_id: Any) -> list[RequestProblem]:
    return argument_problems(job_id=(job_id, checks.text))


def _statuses(given: Any) -> tuple[set[JobStatus], list[RequestProblem]]:
    names = [given] if isinstance(given, str) else given
    known = {str(status): status for status in JobStatus}
    if not isinstance(names, list | tuple | set | frozenset):
        return set(), [RequestProblem("statuses", shown(given), "must be a list of statuses")]
    check = checks.one_of(tuple(known))
    wrong = [RequestProblem("statuses", shown(name), check(str(name))) for name in names if check(str(name))]
    return {known[str(name)] for name in names if str(name) in known}, wrong


def _age(job: JobRecord) -> float:
    """Seconds since the record's last change; a record that does not tell is as old as can be."""
    try:
        return (dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(job.updated_at)).total_seconds()
    except (ValueError, TypeError):
        return float("inf")
