"""The engine's side of the journal: results in batches, under the run's lease."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable, Mapping

from rastercollection.core.job_store import JobStore
from rastercollection.core.models import JobRecord, TaskResult

__all__ = ["Deaths", "Journal", "utc_now"]


def utc_now() -> str:
    """The time now, RFC 3339, UTC."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Journal:
    """Collects results and writes them in batches: a full batch at once, a started one after a moment."""

    def __init__(self, store: JobStore, job_id: str, token: int, *, batch: int = 200, seconds: float = 0.5) -> None:
        self._store, self._job_id, self._token = store, job_id, token
        self._batch, self._seconds = batch, seconds
        self._pending: list[TaskResult] = []
        self._oldest = 0.0

    def add(self, result: TaskResult) -> None:
        if not self._pending:
            self._oldest = time.monotonic()
        self._pending.append(result)
        if len(self._pending) >= self._batch:
            self.flush()

    def flush_if_due(self) -> None:
        if self._pending and time.monotonic() - self._oldest >= self._seconds:
            self.flush()

    def flush(self) -> None:
        if self._pending:
            self.commit()

    def commit(self, job: JobRecord | None = None, forgotten: Iterable[str] = ()) -> None:
        """Write what is pending and, in the same step, the job's record."""
        self._store.commit(self._job_id, self._token, results=self._pending, forgotten=list(forgotten), job=job)
        self._pending = []


class Deaths:
    """How often a task took the process that ran it with it, over all runs of the job.

    Where tasks run in this process, that is how often it was begun and never ended. Elsewhere the executor tells of
    workers that died, and the end of this process says nothing of the tasks.

    Args:
        store, job_id, token: As of the journal.
        shares_memory: Tasks run in this process.
    """

    LIMIT = 3

    def __init__(self, store: JobStore, job_id: str, token: int, *, shares_memory: bool) -> None:
        self._store, self._job_id, self._token, self._shares_memory = store, job_id, token, shares_memory
        self._counts: Mapping[str, int] = dict(store.unfinished(job_id))
        self._begun: set[str] = set()

    def of(self, task_id: str) -> int:
        """How often, as far as it is known."""
        return self._counts.get(task_id, 0)

    def begins(self, task_id: str) -> None:
        """Write down that the task is begun, before it is."""
        if self._shares_memory and task_id not in self._begun:
            self._begun.add(task_id)
            self._store.begin(self._job_id, self._token, [task_id])

    def add(self, task_id: str) -> int:
        """Write down that a worker died of it; returns how often that was so."""
        if not self._shares_memory:
            self._store.begin(self._job_id, self._token, [task_id])
        self._counts = {**self._counts, task_id: self.of(task_id) + 1}
        return self.of(task_id)
