"""Jobs in memory: gone with the process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence

from rastercollection.backends.jobs.texts import from_text, to_text
from rastercollection.core.models import JobRecord, JobStatus, TaskResult
from rastercollection.errors import ObjectNotFoundError, PreconditionError

__all__ = ["MemoryJobStore"]


class MemoryJobStore:
    """A job store for tests and for jobs nobody needs to resume. Safe to use from several threads.

    Records are kept as text, as other stores keep them, so that what is read back is the same everywhere and nobody
    shares a mutable value with the store.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, tuple[JobStatus, str]] = {}
        self._results: dict[str, dict[str, tuple[int, str]]] = {}
        self._leases: dict[str, tuple[str, float]] = {}

    def create(self, job: JobRecord) -> JobRecord:
        """Insert the job, or return the one that is already there under this id."""
        text = to_text(job)
        with self._lock:
            _, text = self._jobs.setdefault(job.id, (job.status, text))
        return from_text(JobRecord, text)

    def get(self, job_id: str) -> JobRecord:
        """The record.

        Raises:
            ObjectNotFoundError: There is none.
        """
        with self._lock:
            found = self._jobs.get(job_id)
        if found is None:
            raise _no_job(job_id)
        return from_text(JobRecord, found[1])

    def list_jobs(self) -> list[JobRecord]:
        """All records, the latest update first."""
        with self._lock:
            texts = [text for _, text in self._jobs.values()]
        return [from_text(JobRecord, text) for text in reversed(texts)]

    def update(self, job: JobRecord, *, expected: JobStatus) -> None:
        """Replace the record if its status is still ``expected``.

        Raises:
            PreconditionError: The status is another by now.
            ObjectNotFoundError: There is no such job.
        """
        text = to_text(job)
        with self._lock:
            found = self._jobs.get(job.id)
            if found is None:
                raise _no_job(job.id)
            if found[0] != expected:
                raise PreconditionError(f"Job {job.id} is {found[0]}, not {expected}.", "", job.id)
            del self._jobs[job.id]
            self._jobs[job.id] = (job.status, text)

    def append(self, job_id: str, results: Sequence[TaskResult]) -> None:
        """Add results to the journal in one step; a later result replaces one of the same task."""
        texts = {result.task.id: (result.task.stage, to_text(result)) for result in results}
        with self._lock:
            self._results.setdefault(job_id, {}).update(texts)

    def results(self, job_id: str) -> list[TaskResult]:
        """The journal, one result a task, ordered by stage and task id."""
        with self._lock:
            found = dict(self._results.get(job_id, {}))
        ordered = sorted(found, key=lambda task_id: (found[task_id][0], task_id))
        return [from_text(TaskResult, found[task_id][1]) for task_id in ordered]

    def forget(self, job_id: str, task_ids: Iterable[str]) -> None:
        """Remove results from the journal; unknown ids are fine."""
        unwanted = list(task_ids)
        with self._lock:
            journal = self._results.get(job_id, {})
            for task_id in unwanted:
                journal.pop(task_id, None)

    def claim(self, job_id: str, owner: str, seconds: float) -> bool:
        """Take or renew the lease on a job: True if ``owner`` holds it for ``seconds`` from now."""
        with self._lock:
            now = time.monotonic()
            holder, expires = self._leases.get(job_id, (owner, now))
            if holder != owner and expires > now:
                return False
            self._leases[job_id] = (owner, now + seconds)
            return True

    def release(self, job_id: str, owner: str) -> None:
        """Give the lease back; one that ``owner`` does not hold is left alone."""
        with self._lock:
            if self._leases.get(job_id, ("", 0.0))[0] == owner:
                del self._leases[job_id]

    def close(self) -> None:
        """Nothing is held open; the records stay until the store is garbage."""


def _no_job(job_id: str) -> ObjectNotFoundError:
    return ObjectNotFoundError(f"There is no job {job_id}.", "List the jobs to see their ids.", job_id)
