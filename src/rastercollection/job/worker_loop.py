"""A worker: takes the jobs that wait in a job store, one after the other, and runs them until it is told to stop."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar

import attrs

from rastercollection.core.engine.held_lease import LEASE_SECONDS, HeldLease
from rastercollection.core.events import Event, WorkerTold
from rastercollection.core.job_store import JobStore
from rastercollection.core.lease import Lease, Owner, Wish
from rastercollection.core.models import ErrorRecord, JobRecord, JobStatus
from rastercollection.core.observers import Observers
from rastercollection.disclosure.logs import get_logger
from rastercollection.errors import (
    BackendError,
    JobCancelledError,
    JobFailedError,
    JobHandedOverError,
    JobInterrupted,
    LeaseLostError,
    RasterCollectionError,
    UnavailableError,
)
from rastercollection.job.leased_run import record_end
from rastercollection.job.managing import recorded_request
from rastercollection.job.recordable import worker_options
from rastercollection.job.result import JobResult
from rastercollection.job.run import CollectionRun
from rastercollection.job.runtime_options import RuntimeOptions

__all__ = ["MOST_CLAIMS", "Worker"]

MOST_CLAIMS = 5
"""So many workers may take a job in a row, and die of it or give it back for passing reasons without a single further
result of its, before it is given up."""
SEEN = "seen"
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
LOOKS_EVERY = 5.0
PATIENCE = 300.0
"""Seconds in which what is needed to begin a job is asked for again where that fails for passing reasons."""

log = get_logger("rastercollection")


_T = TypeVar("_T")


class _StoppedError(Exception):
    """The worker is to stop, before the job has begun."""


@attrs.define(kw_only=True)
class Worker:
    """Runs jobs from a queue.

    Attributes:
        store: The queue. One that is away for a while is waited for.
        options: The worker's own.
        stop: Once set, the job that runs is handed back and no other is taken.
        drain: End when no job waits.
        most: Jobs to take at most; None for any number.
    """

    store: JobStore
    options: RuntimeOptions
    stop: threading.Event
    drain: bool = False
    most: int | None = None
    ended: Counter[str] = attrs.field(factory=Counter, init=False)
    _taken: int = attrs.field(default=0, init=False)
    _pause: float = attrs.field(default=FIRST_PAUSE, init=False)
    _next_look: float = attrs.field(default=0.0, init=False)
    _is_away: bool = attrs.field(default=False, init=False)
    _observers: Observers = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._observers = Observers(self.options.observers)

    def run(self) -> None:
        """Take and run jobs until there is a reason to end."""
        self._tell("started", f"The worker, {Owner.current()}, waits for jobs.")
        while not self.stop.is_set() and (self.most is None or self._taken < self.most):
            lease = self._next()
            if lease is not None:
                self._taken, self._pause = self._taken + 1, FIRST_PAUSE
                self._do(lease)
            elif self.drain and not self._is_away:
                break
            else:
                self.stop.wait(self._pause)
                self._pause = min(1.5 * self._pause, LONGEST_PAUSE)
        self._tell("stopped", "The worker takes no more jobs.")

    def _next(self) -> Lease | None:
        try:
            lease = self.store.next_job(Owner.current(), LEASE_SECONDS)
            if lease is None and self._released_dead():
                lease = self.store.next_job(Owner.current(), LEASE_SECONDS)
        except BackendError as error:
            if self._taken == 0 and not self._is_away and not _is_passing(error):
                raise  # it never worked
            if not self._is_away:
                self._is_away = True
                self._tell("store_away", f"The job store cannot be asked: {error.message}", code=error.code)
            return None
        if self._is_away:
            self._is_away = False
            self._tell("store_back", "The job store answers again.")
        return lease

    def _released_dead(self) -> bool:
        """Look, now and then, for jobs whose workers have died on this machine, which need not be waited for."""
        began = time.monotonic()
        if began < self._next_look:
            return False
        found = False
        for job in self.store.list_jobs():
            if job.submission is None or job.status.is_final:
                continue
            lease = self.store.lease(job.id)
            if lease is not None and lease.owner.is_dead:
                self.store.release(job.id, lease.token)
                self._tell("released", f"{lease.owner} has died over it.", job.id)
                found = True
        now = time.monotonic()
        self._next_look = now + max(LOOKS_EVERY, 20 * (now - began))
        return found

    def _do(self, lease: Lease) -> None:
        """Run a job to an end that is recorded, or give it back."""
        job_id = lease.job_id
        try:
            with HeldLease(self.store, job_id, given=lease) as held, self._stopping(held):
                self._decide(held, lease)
        except JobInterrupted:
            raise
        except Exception as error:  # whatever it is, the worker goes on with the next job
            if not isinstance(error, RasterCollectionError):
                log.exception("job %s", job_id)
            record = ErrorRecord.of(error)
            self._tell("gave_up", f"{record.message} It is taken again later.", job_id, record.code)
            self.stop.wait(LONGEST_PAUSE)

    @contextlib.contextmanager
    def _stopping(self, held: HeldLease) -> Iterator[None]:
        """Hand the job back once the worker is to stop."""
        ended = threading.Event()

        def watch() -> None:
            while not ended.is_set():
                if self.stop.wait(0.1):
                    held.hand_over()
                    return

        thread = threading.Thread(target=watch, name="rastercollection-stop", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _decide(self, held: HeldLease, lease: Lease) -> None:
        """What becomes of a job that was taken: it is run, or its record says why it cannot be."""
        job = self.store.get(lease.job_id)
        self._tell("took", _named(job), job.id)
        try:
            fruitless = self._fruitless(held, lease, job)
            if fruitless >= MOST_CLAIMS:
                self._end(held, JobStatus.FAILED, _hopeless(fruitless))
                return
            self._ended(self._run(held, job))
        except KeyboardInterrupt:
            self._hand_back(held)
            raise
        except JobHandedOverError:
            self._tell("handed_back", "The job is queued again, and goes on where it stopped.", job.id)
        except (JobCancelledError, JobFailedError) as error:
            reason = error.result.error
            self._count(error.result.status, job.id, reason.message if reason else error.message, error.code)
        except LeaseLostError as error:
            self._tell("gave_up", error.message, job.id, error.code)
        except _StoppedError:
            self._hand_back(held)
        except Exception as error:
            if _is_passing(error):
                raise
            if not isinstance(error, RasterCollectionError):
                log.exception("job %s", job.id)
            self._end(held, JobStatus.FAILED, ErrorRecord.of(error))

    def _fruitless(self, held: HeldLease, lease: Lease, job: JobRecord) -> int:
        """How many workers in a row have taken the job and come neither to its end nor to a single further result.

        What the journal's latest result was, and at which claim that was seen first, is kept with the submission.
        """
        if lease.claims < 2 or job.submission is None:
            return 0
        latest = max((result.ended_at for result in self.store.results(job.id)), default="")
        known = job.submission.options.get(SEEN) or {}
        if known.get("latest") == latest and known.get("claim", 0) < lease.claims:
            return lease.claims - int(known["claim"])
        claim = lease.claims if latest else 1
        seen = {**job.submission.options, SEEN: {"latest": latest, "claim": claim}}
        told = attrs.evolve(job, submission=attrs.evolve(job.submission, options=seen), status=JobStatus.PROCESSING)
        self.store.commit(job.id, held.token, job=told)
        return lease.claims - claim

    def _run(self, held: HeldLease, job: JobRecord) -> JobResult:
        request = recorded_request(job)
        submission = job.submission
        options = worker_options(self.options, submission) if submission else self.options
        run = self._patiently(held, lambda: CollectionRun.prepare(request, attrs.evolve(options, jobs=self.store)))
        return self._patiently(held, lambda: run.result(held))

    def _patiently(self, held: HeldLease, work: Callable[[], _T]) -> _T:
        """What ``work`` returns, which is called again while it fails for passing reasons."""
        deadline, pause = time.monotonic() + PATIENCE, FIRST_PAUSE
        while True:
            if held.wish is Wish.HAND_OVER:
                raise _StoppedError
            try:
                return work()
            except UnavailableError as error:
                if not error.retryable or time.monotonic() + pause > deadline:
                    raise
                log.warning("job %s waits: %s", held.job_id, error)
            held.check()
            self.stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _ended(self, result: JobResult) -> None:
        self._count(result.status, result.job_id, f"{result.status.replace('_', ' ')}, {result.became}.")

    def _end(self, held: HeldLease, status: JobStatus, error: ErrorRecord) -> None:
        if record_end(self.store, held, status, error):
            self._count(str(status), held.job_id, f"{error.message} {error.hint}".strip(), error.code)
        else:
            self._tell("gave_up", "Its end could not be recorded. It is taken again later.", held.job_id, error.code)

    def _hand_back(self, held: HeldLease) -> None:
        record_end(self.store, held, JobStatus.QUEUED)
        self._tell("handed_back", "The job is queued again, and goes on where it stopped.", held.job_id)

    def _count(self, status: str, job_id: str, message: str, code: str = "") -> None:
        self.ended[status] += 1
        self._tell("ended", message, job_id, code)

    def _tell(self, what: str, message: str, job_id: str = "", code: str = "") -> None:
        event: Event = WorkerTold(job_id=job_id, at=time.time(), what=what, message=message, code=code)
        self._observers.tell(event)


def _is_passing(error: Exception) -> bool:
    """Whether the same may work later, with nothing changed."""
    return isinstance(error, UnavailableError) or (isinstance(error, RasterCollectionError) and error.retryable)


def _named(job: JobRecord) -> str:
    submission = job.submission
    priority = f", priority {submission.priority}" if submission and submission.priority else ""
    return f"Took {job.metadata.get('collection_id') or job.job_type or 'a job'}{priority}."


def _hopeless(claims: int) -> ErrorRecord:
    return ErrorRecord(
        code="JOB_GIVEN_UP",
        message=f"{claims} workers have taken the job, one after the other, and none of them got any further with it.",
        hint="See what became of them (memory, disk, what they need); then have it run again: retry-failed.",
        settled=False,
    )
