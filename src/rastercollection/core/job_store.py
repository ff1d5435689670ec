"""Where job records, the journals of their tasks and their leases are kept: the protocol of a job store."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal, Protocol, runtime_checkable

from rastercollection.core.lease import Lease, Owner, Wish
from rastercollection.core.models import JobRecord, JobStatus, TaskResult
from rastercollection.core.offering import Offering

__all__ = [
    "JobStore",
    "Reach",
]

Reach = Literal["process", "machine", "network"]
"""From where a job store can be used, by what it pickles to: this process alone, this machine, anywhere."""


@runtime_checkable
class JobStore(Protocol, metaclass=Offering):
    """Job records, the journals of their task results, and the leases on them.

    Safe to use from several threads and processes. What a call wrote is durable when it returns, but for
    :meth:`begin`. Everything that a run writes, it writes under its lease: a call with a token that is not the latest
    raises LeaseLostError and changes nothing.

    A record that cannot be read is no reason to fail: it is returned with what is known of it, and an error with the
    code ``RECORD_UNREADABLE``.
    """

    @property
    def reach(self) -> Reach:
        """From where it can be used."""
        ...

    def create(self, job: JobRecord) -> JobRecord:
        """Insert the job, or return the one that is already there under this id."""
        ...

    def get(self, job_id: str) -> JobRecord:
        """The record.

        Raises:
            ObjectNotFoundError: There is none.
        """
        ...

    def list_jobs(self) -> list[JobRecord]:
        """All records, the latest update first."""
        ...

    def update(self, job: JobRecord, *, expected: JobStatus) -> None:
        """Replace the record of a job that nobody runs, if its status is still ``expected``.

        A lease on it that has expired is ended: its owner, should it wake, writes nothing over this.

        Raises:
            PreconditionError: The status is another by now, or somebody holds a lease on the job that has not expired.
            ObjectNotFoundError: There is no such job.
        """
        ...

    def delete(self, job_id: str) -> None:
        """Remove a job with its journal; one that is not there is fine.

        Raises:
            PreconditionError: Somebody holds a lease on it that has not expired.
        """
        ...

    def commit(
        self,
        job_id: str,
        token: int,
        *,
        results: Sequence[TaskResult] = (),
        forgotten: Iterable[str] = (),
        job: JobRecord | None = None,
    ) -> None:
        """Write, in one durable step, what a run has to record.

        Args:
            job_id, token: Of the run's lease.
            results: Added to the journal; a later result replaces one of the same task, whose attempt is over with it.
            forgotten: Ids of tasks whose results are removed; unknown ones are fine.
            job: Replaces the record. With a job that has ended, or is queued again, the count of claims begins anew.

        Raises:
            LeaseLostError: The lease with this token is not, or no longer, the job's.
            ObjectNotFoundError: ``job`` is given, and there is no such job.
        """
        ...

    def results(self, job_id: str) -> list[TaskResult]:
        """The journal, one result a task, ordered by stage and task id."""
        ...

    def counts(self, job_id: str) -> Mapping[int, Mapping[str, int]]:
        """How many tasks the journal holds, by number of the stage and status."""
        ...

    def begin(self, job_id: str, token: int, tasks: Collection[str]) -> None:
        """Note that attempts at these tasks begin, before they do; it survives this process, if not the machine.

        Raises:
            LeaseLostError: As of :meth:`commit`.
        """
        ...

    def unfinished(self, job_id: str) -> Mapping[str, int]:
        """How many attempts were begun, by task id, since the task last had a result; tasks with none are left out."""
        ...

    def acquire(self, job_id: str, owner: Owner, seconds: float) -> Lease | None:
        """Take the lease on a job for ``seconds`` from now: it has a new token. By the store's clock.

        None where a lease is held, by whomever, that has not expired. The job need not be there yet. A wish that the
        job be handed over is fulfilled with it.
        """
        ...

    def renew(self, job_id: str, token: int, seconds: float) -> Lease | None:
        """Hold on to a lease for ``seconds`` from now; None where it was released, or another has acquired one."""
        ...

    def release(self, job_id: str, token: int) -> None:
        """End a lease, one's own or that of an owner that has ended; any but the latest is left alone."""
        ...

    def lease(self, job_id: str) -> Lease | None:
        """The lease that was acquired last, if it was not released; it may have expired."""
        ...

    def next_job(self, owner: Owner, seconds: float) -> Lease | None:
        """Take the lease on the most urgent job that waits for a worker; None where none waits.

        Those wait that were submitted for a worker, have not ended, and are leased by nobody: the highest priority
        first, of equals the one that was submitted first. Several workers get different jobs, and none waits for
        another.
        """
        ...

    def request(self, job_id: str, wish: Wish) -> None:
        """Tell whoever runs a job, now or next, what is wanted of it; ``Wish.NONE`` takes that back.

        A job whose record says that it has ended has no wish any more.

        Raises:
            ObjectNotFoundError: There is no such job.
        """
        ...

    def close(self) -> None:
        """Free what the store holds open; idempotent."""
        ...
