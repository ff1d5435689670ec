"""Where job records and the journal of their tasks are kept: the protocol of a job store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

from rastercollection.core.models import JobRecord, JobStatus, TaskResult

__all__ = [
    "JobStore",
]


@runtime_checkable
class JobStore(Protocol):
    """Job records and the journal of their task results. Safe to use from several threads and processes."""

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
        """Replace the record if its status is still ``expected``.

        Raises:
            PreconditionError: The status is another by now.
            ObjectNotFoundError: There is no such job.
        """
        ...

    def append(self, job_id: str, results: Sequence[TaskResult]) -> None:
        """Add results to the journal, in one durable step; a later result replaces one of the same task."""
        ...

    def results(self, job_id: str) -> list[TaskResult]:
        """The journal, one result a task, ordered by stage and task id."""
        ...

    def forget(self, job_id: str, task_ids: Iterable[str]) -> None:
        """Remove results from the journal; unknown ids are fine."""
        ...

    def claim(self, job_id: str, owner: str, seconds: float) -> bool:
        """Take or renew the lease on a job: True if ``owner`` holds it for ``seconds`` from now.

        False when another owner's lease has not expired. Compare-and-set, by the store's clock.
        """
        ...

    def release(self, job_id: str, owner: str) -> None:
        """Give the lease back; one that ``owner`` does not hold is left alone."""
        ...

    def close(self) -> None:
        """Free what the store holds open; idempotent."""
        ...
