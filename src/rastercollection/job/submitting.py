"""Submitting a job: its record is written at once, with all that it needs; then it runs here, or waits for a worker."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection

import attrs

from rastercollection.core.engine.held_lease import HeldLease
from rastercollection.core.engine.journal import utc_now
from rastercollection.core.job_store import JobStore
from rastercollection.core.lease import Lease, Wish
from rastercollection.core.models import JobRecord, JobStatus, Notice, Submission
from rastercollection.disclosure.logs import get_logger
from rastercollection.errors import BackendError, LeaseLostError, UnavailableError
from rastercollection.job.collection_workflow import JOB_TYPE, default_workflow
from rastercollection.job.ended_job import result_or_raise
from rastercollection.job.handle import JobHandle
from rastercollection.job.leased_run import free_lease, run_recorded
from rastercollection.job.managing import cancel_job
from rastercollection.job.notebook.live_display import line_observers
from rastercollection.job.recordable import check_recordable, recorded_options
from rastercollection.job.reporting import JobReport, report_of
from rastercollection.job.rerun import forgotten_for
from rastercollection.job.result import JobResult
from rastercollection.job.run import CollectionRun
from rastercollection.job.runtime import lasting_job_store, open_job_store
from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.model.request import CollectionRequest

__all__ = ["queue_job", "start_here"]

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0

log = get_logger("rastercollection")


def start_here(request: CollectionRequest, options: RuntimeOptions) -> JobHandle:
    """Record a job, and run it in a thread of this process.

    Raises:
        RequestError: Its sources are not there.
        BackendError: Storage or job store cannot be used.
    """
    cancel, jobs = options.cancel or threading.Event(), lasting_job_store(options.jobs)
    with contextlib.ExitStack() as opened:
        store = opened.enter_context(open_job_store(jobs))
        told = line_observers(options, request.collection_id)
        run = CollectionRun.prepare(request, attrs.evolve(options, jobs=store, cancel=cancel, observers=told))
        job = run.new_job()
        lease = _recorded(store, attrs.evolve(job, created_at=utc_now(), updated_at=utc_now()))
        ending = opened.pop_all()

    def work() -> JobResult:
        with ending:
            if lease is None:  # another process runs it, for which it is waited
                return run.result()
            with HeldLease(store, job.id, given=lease) as held:
                return run_recorded(store, held, lambda: run)

    return JobHandle(job.id, work=work, report=_reporter(jobs, job.id), cancel=cancel.set)


def _recorded(store: JobStore, job: JobRecord) -> Lease | None:
    """Write the record of a job that is run here; one that has failed before is as if it was new.

    Returns:
        The lease on it; None where somebody runs it.
    """
    lease = free_lease(store, job.id)
    known = store.create(job)
    if lease is not None and known.status in (JobStatus.FAILED, JobStatus.CANCELLED):
        store.commit(job.id, lease.token, job=attrs.evolve(job, created_at=known.created_at))
    return lease


def queue_job(request: CollectionRequest, options: RuntimeOptions, priority: int) -> JobHandle:
    """Record a job for a worker to do it; one that was done before, and holds, is not done again.

    Raises:
        RequestError: Something of it cannot be recorded, or its sources are not there.
        BackendError: The job store cannot be used.
    """
    check_recordable(request, options)
    jobs = lasting_job_store(options.jobs)
    options = attrs.evolve(options, jobs=jobs, executor="serial")
    job, finished = _looked_up(request, options)
    submission = Submission(priority=priority, options=recorded_options(options), at=utc_now())
    made = attrs.evolve(job, submission=submission, created_at=submission.at, updated_at=submission.at)
    with open_job_store(jobs) as store:
        known = store.create(made)
        has_ended = known.status.is_final and not options.rerun
        if known.submission != submission and not (has_ended and finished()):
            _queue_again(store, _in_its_place(made, known), request, options.rerun)
    return JobHandle(
        job.id, work=_watcher(jobs, made), report=_reporter(jobs, job.id), cancel=_canceller(jobs, job.id), watched=True
    )


def _in_its_place(made: JobRecord, known: JobRecord) -> JobRecord:
    """A record that is written anew, with what stays of the one that is there: among it its place in the queue."""
    kept = attrs.evolve(made, created_at=known.created_at)
    if known.status.is_final or known.submission is None or kept.submission is None:
        return kept
    return attrs.evolve(kept, submission=attrs.evolve(kept.submission, at=known.submission.at))


def _looked_up(request: CollectionRequest, options: RuntimeOptions) -> tuple[JobRecord, Callable[[], JobResult | None]]:
    """The job's record, and what tells its result where it was done before.

    Where sources cannot be looked at from here, as without the worker's credentials, the worker does, and says so.
    """
    try:
        run = CollectionRun.prepare(request, attrs.evolve(options, rerun=()))
    except BackendError as error:
        message = f"The sources could not be looked at when the job was submitted; its worker does. {error}"
        notices = [attrs.asdict(Notice(code="SOURCES_NOT_LOOKED_AT", message=message))]
        told = {"collection_id": request.collection_id, "notices": notices}
        record = JobRecord(id=request.job_id, job_type=JOB_TYPE, parameters=request.to_parameters(), metadata=told)
        return record, lambda: None

    def finished() -> JobResult | None:
        with contextlib.suppress(BackendError):  # whoever cannot ask does not know: the worker asks
            return run.finished()
        return None

    return run.new_job(), finished


def _queue_again(store: JobStore, job: JobRecord, request: CollectionRequest, again: Collection[str]) -> None:
    """Have a job wait for a worker that has ended before, or that nobody runs; what is to be done again is forgotten.

    One that somebody runs is left alone: it is under way.
    """
    lease = free_lease(store, job.id)
    if lease is None:
        return
    try:
        forgotten = forgotten_for(again, default_workflow(request), store.results(job.id)) if again else ()
        store.request(job.id, Wish.NONE)
        store.commit(job.id, lease.token, job=job, forgotten=forgotten)
    finally:
        store.release(job.id, lease.token)


def _reporter(jobs: JobStore | str, job_id: str) -> Callable[[], JobReport]:
    def report() -> JobReport:
        with open_job_store(jobs, make=False) as store:
            return report_of(store, store.get(job_id))

    return report


def _canceller(jobs: JobStore | str, job_id: str) -> Callable[[], None]:
    def cancel() -> None:
        with open_job_store(jobs, make=False) as store:
            cancel_job(store, job_id)

    return cancel


def _watcher(jobs: JobStore | str, job: JobRecord) -> Callable[[], JobResult]:
    def watch() -> JobResult:
        pause = FIRST_PAUSE
        with open_job_store(jobs, make=False) as store:
            while True:
                try:
                    known = _kept_waiting(store, job)
                    if known.status.is_final:
                        return result_or_raise(known, reused=known.submission != job.submission)
                except UnavailableError as error:  # the store may be back at the next look
                    log.warning("job %s cannot be watched: %s", job.id, error)
                time.sleep(pause)
                pause = min(1.2 * pause, LONGEST_PAUSE)

    return watch


def _kept_waiting(store: JobStore, job: JobRecord) -> JobRecord:
    """The job's record. One that its runner, who was no worker, has left without a word waits for a worker now."""
    known = store.get(job.id)
    if known.submission is None and not known.status.is_final:
        lease = free_lease(store, job.id)
        if lease is not None:
            with contextlib.suppress(LeaseLostError):
                store.commit(job.id, lease.token, job=attrs.evolve(job, created_at=known.created_at))
            store.release(job.id, lease.token)
    return known
