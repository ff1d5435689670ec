"""Jobs in memory: gone with the process."""

from __future__ import annotations

import itertools
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import attrs

from rastercollection.backends.jobs.refusals import has_another_status, is_being_run
from rastercollection.backends.jobs.rows import by_stage, read_job, read_result
from rastercollection.backends.jobs.texts import to_text
from rastercollection.core.forks import ForkSafeLock
from rastercollection.core.job_store import Reach
from rastercollection.core.lease import Lease, Owner, Wish
from rastercollection.core.models import JobRecord, JobStatus, TaskResult
from rastercollection.errors import LeaseLostError, ObjectNotFoundError

__all__ = ["MemoryJobStore"]


@attrs.define(kw_only=True)
class _Job:
    """A job, as text, and what is asked of it by other things than its id.

    Attributes:
        text, status: The record.
        order: Negative priority, time of submission and its number; None where it does not wait for a worker.
        wish, claims: As in a lease.
    """

    text: str
    status: JobStatus
    order: tuple[int, str, int] | None
    wish: Wish = Wish.NONE
    claims: int = 0


@attrs.frozen(kw_only=True)
class _Result:
    text: str
    stage: int
    status: str


@attrs.frozen(kw_only=True)
class _Held:
    """A lease; times by the monotonic clock."""

    token: int
    owner: Owner
    renewed: float
    expires: float


class MemoryJobStore:
    """A job store for tests and for jobs nobody needs to resume. Safe to use from several threads.

    Records are kept as text, as other stores keep them, so that what is read back is the same everywhere and nobody
    shares a mutable value with the store.
    """

    def __init__(self) -> None:
        self._lock = ForkSafeLock(brief=True)
        self._jobs: dict[str, _Job] = {}
        self._results: dict[str, dict[str, _Result]] = defaultdict(dict)
        self._attempts: dict[str, Counter[str]] = defaultdict(Counter)
        self._leases: dict[str, _Held] = {}
        self._tokens: Iterator[int] = itertools.count(1)
        self._numbers: Iterator[int] = itertools.count()

    @property
    def reach(self) -> Reach:
        """This process alone."""
        return "process"

    def create(self, job: JobRecord) -> JobRecord:
        """Insert the job, or return the one that is already there under this id."""
        made = self._made(job)
        with self._lock:
            found = self._jobs.setdefault(job.id, made)
            return read_job(found.text, job_id=job.id, status=found.status)

    def get(self, job_id: str) -> JobRecord:
        """The record.

        Raises:
            ObjectNotFoundError: There is none.
        """
        with self._lock:
            found = self._job(job_id)
            return read_job(found.text, job_id=job_id, status=found.status)

    def list_jobs(self) -> list[JobRecord]:
        """All records, the latest update first."""
        with self._lock:
            found = [(job_id, job.text, job.status) for job_id, job in self._jobs.items()]
        return [read_job(text, job_id=job_id, status=status) for job_id, text, status in reversed(found)]

    def update(self, job: JobRecord, *, expected: JobStatus) -> None:
        """Replace the record of a job that nobody runs, if its status is still ``expected``.

        Raises:
            PreconditionError: The status is another by now, or somebody holds a lease on the job that has not expired.
            ObjectNotFoundError: There is no such job.
        """
        made = self._made(job)
        with self._lock:
            found = self._job(job.id)
            self._check_unleased(job.id)
            if found.status != expected:
                raise has_another_status(job.id, found.status, expected)
            self._put(job.id, made)
            self._leases.pop(job.id, None)

    def delete(self, job_id: str) -> None:
        """Remove a job with its journal; one that is not there is fine.

        Raises:
            PreconditionError: Somebody holds a lease on it that has not expired.
        """
        with self._lock:
            self._check_unleased(job_id)
            for table in (self._jobs, self._results, self._attempts, self._leases):
                table.pop(job_id, None)

    def commit(
        self,
        job_id: str,
        token: int,
        *,
        results: Sequence[TaskResult] = (),
        forgotten: Iterable[str] = (),
        job: JobRecord | None = None,
    ) -> None:
        """Write, in one step, what a run has to record; see :meth:`~rastercollection.core.job_store.JobStore.commit`.

        Raises:
            LeaseLostError: The lease with this token is not, or no longer, the job's.
            ObjectNotFoundError: ``job`` is given, and there is no such job.
        """
        kept = {
            one.task.id: _Result(text=to_text(one), stage=one.task.stage, status=str(one.status)) for one in results
        }
        made, unwanted = self._made(job) if job is not None else None, list(forgotten)
        with self._lock:
            self._check_token(job_id, token)
            before = self._job(job_id) if made is not None else None
            self._results[job_id].update(kept)
            for task_id in unwanted:
                self._results[job_id].pop(task_id, None)
            for task_id in (*kept, *unwanted):
                self._attempts[job_id].pop(task_id, None)
            if made is not None and before is not None:
                if not made.status.is_final:
                    made.wish = before.wish
                    made.claims = 0 if made.status is JobStatus.QUEUED else before.claims
                self._put(job_id, made)

    def results(self, job_id: str) -> list[TaskResult]:
        """The journal, one result a task, ordered by stage and task id."""
        with self._lock:
            found = dict(self._results.get(job_id, {}))
        ordered = sorted(found, key=lambda task_id: (found[task_id].stage, task_id))
        return [read_result(found[name].text, task_id=name, stage=found[name].stage) for name in ordered]

    def counts(self, job_id: str) -> Mapping[int, Mapping[str, int]]:
        """How many tasks the journal holds, by number of the stage and status."""
        with self._lock:
            found = Counter((one.stage, one.status) for one in self._results.get(job_id, {}).values())
        return by_stage((stage, status, count) for (stage, status), count in found.items())

    def begin(self, job_id: str, token: int, tasks: Collection[str]) -> None:
        """Note that attempts at these tasks begin.

        Raises:
            LeaseLostError: The lease with this token is not, or no longer, the job's.
        """
        with self._lock:
            self._check_token(job_id, token)
            self._attempts[job_id].update(tasks)

    def unfinished(self, job_id: str) -> Mapping[str, int]:
        """How many attempts were begun, by task id, since the task last had a result."""
        with self._lock:
            return dict(self._attempts.get(job_id, {}))

    def acquire(self, job_id: str, owner: Owner, seconds: float) -> Lease | None:
        """Take the lease on a job; None where one is held that has not expired."""
        with self._lock:
            now = time.monotonic()
            held = self._leases.get(job_id)
            if held is not None and held.expires > now:
                return None
            job = self._jobs.get(job_id)
            if job is not None and job.wish is Wish.HAND_OVER:
                job.wish = Wish.NONE
            self._leases[job_id] = _Held(token=next(self._tokens), owner=owner, renewed=now, expires=now + seconds)
            return self.lease(job_id)

    def renew(self, job_id: str, token: int, seconds: float) -> Lease | None:
        """Hold on to a lease; None where it was released, or another has acquired one."""
        with self._lock:
            held, now = self._leases.get(job_id), time.monotonic()
            if held is None or held.token != token:
                return None
            self._leases[job_id] = attrs.evolve(held, renewed=now, expires=now + seconds)
            return self.lease(job_id)

    def release(self, job_id: str, token: int) -> None:
        """End a lease; any but the latest is left alone."""
        with self._lock:
            held = self._leases.get(job_id)
            if held is not None and held.token == token:
                del self._leases[job_id]

    def lease(self, job_id: str) -> Lease | None:
        """The lease that was acquired last, if it was not released; it may have expired."""
        with self._lock:
            held, now = self._leases.get(job_id), time.monotonic()
            if held is None:
                return None
            job = self._jobs.get(job_id)
            return Lease(
                job_id=job_id,
                token=held.token,
                owner=held.owner,
                wish=job.wish if job else Wish.NONE,
                age=now - held.renewed,
                left=held.expires - now,
                claims=job.claims if job else 0,
            )

    def next_job(self, owner: Owner, seconds: float) -> Lease | None:
        """Take the lease on the most urgent job that waits for a worker; None where none waits."""
        with self._lock:
            waiting = [(job.order, job_id) for job_id, job in self._jobs.items() if job.order is not None]
            for _, job_id in sorted(waiting):
                self._jobs[job_id].claims += 1
                lease = self.acquire(job_id, owner, seconds)
                if lease is not None:
                    return lease
                self._jobs[job_id].claims -= 1
            return None

    def request(self, job_id: str, wish: Wish) -> None:
        """Tell whoever runs a job, now or next, what is wanted of it.

        Raises:
            ObjectNotFoundError: There is no such job.
        """
        with self._lock:
            found = self._job(job_id)
            if not found.status.is_final:
                found.wish = wish

    def close(self) -> None:
        """Nothing is held open; the records stay until the store is garbage."""

    def _made(self, job: JobRecord) -> _Job:
        submission, order = job.submission, None
        if submission is not None and not job.status.is_final:
            order = (-submission.priority, submission.at, next(self._numbers))
        return _Job(text=to_text(job), status=job.status, order=order)

    def _job(self, job_id: str) -> _Job:
        found = self._jobs.get(job_id)
        if found is None:
            raise ObjectNotFoundError(f"There is no job {job_id}.", "List the jobs to see their ids.", job_id)
        return found

    def _put(self, job_id: str, made: _Job) -> None:
        before = self._jobs.pop(job_id)
        if made.order is not None and before.order is not None and made.order[:2] == before.order[:2]:
            made.order = before.order
        self._jobs[job_id] = made

    def _check_token(self, job_id: str, token: int) -> None:
        held = self._leases.get(job_id)
        if held is None or held.token != token:
            raise LeaseLostError.of(job_id, str(held.owner) if held else "")

    def _check_unleased(self, job_id: str) -> None:
        held = self._leases.get(job_id)
        if held is not None and held.expires > time.monotonic():
            raise is_being_run(job_id, held.owner)
