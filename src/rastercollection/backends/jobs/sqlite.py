"""Jobs in an SQLite file, for one machine: what was appended survives the process and the machine."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from rastercollection.backends.jobs.database import Database
from rastercollection.backends.jobs.texts import from_text, to_text
from rastercollection.core.models import JobRecord, JobStatus, TaskResult
from rastercollection.errors import BackendError, ObjectNotFoundError, PreconditionError

__all__ = ["SqliteJobStore"]

_NOW = "((julianday('now') - 2440587.5) * 86400.0)"
"""Seconds since the epoch, by the database's clock."""

_NEXT_CHANGE = "(SELECT coalesce(max(changed), 0) + 1 FROM jobs)"


class SqliteJobStore:
    """A job store in one file, safe to use from several threads and processes of one machine.

    The file is in SQLite's write-ahead mode with ``synchronous=FULL``: what a call wrote is on the disk when it
    returns. It must not be on a network disk. A store pickles as its path.

    Args:
        path: The file. It and its folder are made when missing.

    Raises:
        PermissionDeniedError: The place cannot be written.
        BackendError: The file is no database, another program's, or written by a newer release.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._database = Database(path)

    @classmethod
    def from_url(cls, url: str) -> SqliteJobStore:
        """The store at ``sqlite:///relative/jobs.db`` or ``sqlite:////absolute/jobs.db``.

        Raises:
            BackendError: The address has another form.
        """
        prefix = "sqlite:///"
        if not url.startswith(prefix) or not url[len(prefix) :]:
            raise BackendError(f"{url!r} is no address of a job store.", "Write sqlite:///jobs.db.", url)
        return cls(os.path.expanduser(url[len(prefix) :]))

    @property
    def path(self) -> str:
        """The file, absolute."""
        return self._database.path

    def __repr__(self) -> str:
        return f"SqliteJobStore({self.path!r})"

    def __reduce__(self) -> tuple[type[SqliteJobStore], tuple[str]]:
        return SqliteJobStore, (self.path,)

    def __enter__(self) -> SqliteJobStore:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def create(self, job: JobRecord) -> JobRecord:
        """Insert the job, or return the one that is already there under this id."""
        with self._database.writing() as connection:
            connection.execute(
                f"INSERT INTO jobs (id, status, changed, record) VALUES (?, ?, {_NEXT_CHANGE}, ?)"
                " ON CONFLICT (id) DO NOTHING",
                (job.id, str(job.status), to_text(job)),
            )
        return self.get(job.id)

    def get(self, job_id: str) -> JobRecord:
        """The record.

        Raises:
            ObjectNotFoundError: There is none.
        """
        rows = self._database.rows("SELECT record FROM jobs WHERE id = ?", (job_id,))
        if not rows:
            raise self._no_job(job_id)
        return from_text(JobRecord, rows[0][0])

    def list_jobs(self) -> list[JobRecord]:
        """All records, the latest update first."""
        rows = self._database.rows("SELECT record FROM jobs ORDER BY changed DESC")
        return [from_text(JobRecord, record) for (record,) in rows]

    def update(self, job: JobRecord, *, expected: JobStatus) -> None:
        """Replace the record if its status is still ``expected``.

        Raises:
            PreconditionError: The status is another by now.
            ObjectNotFoundError: There is no such job.
        """
        text = to_text(job)
        with self._database.writing() as connection:
            found = connection.execute("SELECT status FROM jobs WHERE id = ?", (job.id,)).fetchall()
            if not found:
                raise self._no_job(job.id)
            if found[0][0] != expected:
                raise PreconditionError(f"Job {job.id} is {found[0][0]}, not {expected}.", "", job.id)
            connection.execute(
                f"UPDATE jobs SET status = ?, changed = {_NEXT_CHANGE}, record = ? WHERE id = ?",
                (str(job.status), text, job.id),
            )

    def append(self, job_id: str, results: Sequence[TaskResult]) -> None:
        """Add results to the journal, in one durable step; a later result replaces one of the same task."""
        rows = [(job_id, result.task.id, result.task.stage, to_text(result)) for result in results]
        with self._database.writing() as connection:
            connection.executemany(
                "INSERT INTO results (job_id, task_id, stage, record) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (job_id, task_id) DO UPDATE SET stage = excluded.stage, record = excluded.record",
                rows,
            )

    def results(self, job_id: str) -> list[TaskResult]:
        """The journal, one result a task, ordered by stage and task id."""
        rows = self._database.rows("SELECT record FROM results WHERE job_id = ? ORDER BY stage, task_id", (job_id,))
        return [from_text(TaskResult, record) for (record,) in rows]

    def forget(self, job_id: str, task_ids: Iterable[str]) -> None:
        """Remove results from the journal; unknown ids are fine."""
        rows = [(job_id, task_id) for task_id in task_ids]
        with self._database.writing() as connection:
            connection.executemany("DELETE FROM results WHERE job_id = ? AND task_id = ?", rows)

    def claim(self, job_id: str, owner: str, seconds: float) -> bool:
        """Take or renew the lease on a job: True if ``owner`` holds it for ``seconds`` from now."""
        with self._database.writing() as connection:
            cursor = connection.execute(
                f"INSERT INTO leases (job_id, owner, expires) VALUES (?, ?, {_NOW} + ?)"
                " ON CONFLICT (job_id) DO UPDATE SET owner = excluded.owner, expires = excluded.expires"
                f" WHERE leases.owner = excluded.owner OR leases.expires <= {_NOW}",
                (job_id, owner, seconds),
            )
            return cursor.rowcount == 1

    def release(self, job_id: str, owner: str) -> None:
        """Give the lease back; one that ``owner`` does not hold is left alone."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM leases WHERE job_id = ? AND owner = ?", (job_id, owner))

    def close(self) -> None:
        """Close the file; idempotent."""
        self._database.close()

    def _no_job(self, job_id: str) -> ObjectNotFoundError:
        return ObjectNotFoundError(f"There is no job {job_id} in {self.path}.", "", job_id)
