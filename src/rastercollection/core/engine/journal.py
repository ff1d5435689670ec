"""The engine's side of the job store: results in batches, and the lease kept alive."""

from __future__ import annotations

import datetime as dt
import os
import threading
import time
from types import TracebackType
from typing import Self

from rastercollection.core.job_store import JobStore
from rastercollection.core.models import TaskResult
from rastercollection.errors import JobBusyError

__all__ = ["Journal", "Lease", "utc_now"]


def utc_now() -> str:
    """The time now, RFC 3339, UTC."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Journal:
    """Collects results and writes them in batches: a full batch at once, a started one after a moment."""

    def __init__(self, store: JobStore, job_id: str, *, batch: int = 200, seconds: float = 0.5) -> None:
        self._store, self._job_id = store, job_id
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
            self._store.append(self._job_id, self._pending)
            self._pending = []


class Lease:
    """The right to run a job, held for as long as the ``with`` block lasts and renewed at a third of its term.

    The owner of a job that died without giving its lease back loses it after ``seconds``: entering waits that long.

    Raises:
        JobBusyError: On entering, when somebody else keeps renewing the lease.
    """

    def __init__(self, store: JobStore, job_id: str, *, seconds: float = 15.0) -> None:
        self._store, self._job_id, self._seconds = store, job_id, seconds
        self.owner = f"{os.getpid()}-{os.urandom(8).hex()}"
        self.lost = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="rastercollection-lease", daemon=True)

    def __enter__(self) -> Self:
        give_up = time.monotonic() + self._seconds + 1
        while not self._store.claim(self._job_id, self.owner, self._seconds):
            if time.monotonic() > give_up:
                raise JobBusyError(
                    f"Job {self._job_id} is being run by another process.",
                    "Wait for it, or watch it with status().",
                )
            time.sleep(0.2)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._store.release(self._job_id, self.owner)

    def _renew(self) -> None:
        while not self._stop.wait(self._seconds / 3):
            if not self._store.claim(self._job_id, self.owner, self._seconds):
                self.lost.set()
                return
