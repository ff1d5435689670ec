"""Jobs in an SQLite file, for one machine: what was recorded survives the process and the machine."""

from __future__ import annotations

import functools
import os
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from rastercollection.backends.jobs.database import Database
from rastercollection.backends.jobs.refusals import has_another_status, is_being_run, is_not_there
from rastercollection.backends.jobs.rows import by_stage, lease_of, owner_of, read_job, read_result
from rastercollection.backends.jobs.texts import to_text
from rastercollection.core.job_store import Reach
from rastercollection.core.lease import Lease, Owner, Wish
from rastercollection.core.models import JobRecord, JobStatus, TaskResult
from rastercollection.errors import BackendError, LeaseLostError

__all__ = ["SqliteJobStore"]

_NOW = "((julianday('now') - 2440587.5) * 86400.0)"
"""Seconds since the epoch, by the database's clock."""

_NEXT_CHANGE = "(SELECT coalesce(max(changed), 0) + 1 FROM jobs)"

_LEASE = f"""
    SELECT job_id, token, owner, {_NOW} - renewed, expires - {_NOW}, coalesce(wish, ''), coalesce(claims, 0)
    FROM leases LEFT JOIN jobs ON jobs.id = leases.job_id WHERE leases.job_id = ?
"""

_NEXT_JOB = f"""
    SELECT id FROM jobs LEFT JOIN leases ON leases.job_id = jobs.id
    WHERE waiting = 1 AND coalesce(expires, 0) <= {_NOW}
    ORDER BY priority DESC, submitted, changed LIMIT 1
"""


class SqliteJobStore:
    """A job store in one file, safe to use from several threads and processes of one machine.

    The file is in SQLite's write-ahead mode with ``synchronous=FULL``: what a call wrote is on the disk when it
    returns. It must not be on a network disk. A store pickles as its path.

    Args:
        path: The file. It and its folder are made when missing.
        at_once: Open it now; otherwise when it is first used.

    Raises:
        PermissionDeniedError: The place cannot be written.
        BackendError: The file is no database, another program's, or written by a newer release.
    """

    def __init__(self, path: str | os.PathLike[str], *, at_once: bool = True) -> None:
        self._database = Database(path, at_once=at_once)

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

    @property
    def reach(self) -> Reach:
        """This machine."""
        return "machine"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.path!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        # every task of another process gets a copy, and few use it
        return functools.partial(type(self), at_once=False), (self.path,)

    def __enter__(self) -> SqliteJobStore:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def create(self, job: JobRecord) -> JobRecord:
        """Insert the job, or return the one that is already there under this id."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO jobs (status, record, waiting, priority, submitted, id, changed)"
                f" VALUES (?, ?, ?, ?, ?, ?, {_NEXT_CHANGE}) ON CONFLICT (id) DO NOTHING",
                (*_columns(job), job.id),
            )
        return self.get(job.id)

    def get(self, job_id: str) -> JobRecord:
        """The record.

        Raises:
            ObjectNotFoundError: There is none.
        """
        rows = self._database.rows("SELECT record, status FROM jobs WHERE id = ?", (job_id,))
        if not rows:
            raise is_not_there(job_id, self.path)
        return read_job(rows[0][0], job_id=job_id, status=rows[0][1])

    def list_jobs(self) -> list[JobRecord]:
        """All records, the latest update first."""
        rows = self._database.rows("SELECT record, id, status FROM jobs ORDER BY changed DESC")
        return [read_job(record, job_id=job_id, status=status) for record, job_id, status in rows]

    def update(self, job: JobRecord, *, expected: JobStatus) -> None:
        """Replace the record of a job that nobody runs, if its status is still ``expected``.

        Raises:
            PreconditionError: The status is another by now, or somebody holds a lease on the job that has not expired.
            ObjectNotFoundError: There is no such job.
        """
        with self._database.writing() as connection:
            found = connection.execute("SELECT status FROM jobs WHERE id = ?", (job.id,)).fetchall()
            if not found:
                raise is_not_there(job.id, self.path)
            _check_unleased(connection, job.id)
            if found[0][0] != expected:
                raise has_another_status(job.id, found[0][0], expected)
            _put(connection, job)
            connection.execute("UPDATE jobs SET wish = '', claims = 0 WHERE id = ?", (job.id,))
            connection.execute("DELETE FROM leases WHERE job_id = ?", (job.id,))

    def delete(self, job_id: str) -> None:
        """Remove a job with its journal; one that is not there is fine.

        Raises:
            PreconditionError: Somebody holds a lease on it that has not expired.
        """
        with self._database.writing() as connection:
            _check_unleased(connection, job_id)
            connection.execute("DELETE FROM jobs WHERE id = ?", (job_id,))
            for table in ("results", "attempts", "leases"):
                connection.execute(f"DELETE FROM {table} WHERE job_id = ?", (job_id,))

    def commit(
        self,
        job_id: str,
        token: int,
        *,
        results: Sequence[TaskResult] = (),
        forgotten: Iterable[str] = (),
        job: JobRecord | None = None,
    ) -> None:
        """Write, in one durable step, what a run has to record; see
        :meth:`~rastercollection.core.job_store.JobStore.commit`.

        Raises:
            LeaseLostError: The lease with this token is not, or no longer, the job's.
            ObjectNotFoundError: ``job`` is given, and there is no such job.
        """
        rows = [(job_id, one.task.id, one.task.stage, str(one.status), to_text(one)) for one in results]
        unwanted = [(job_id, task_id) for task_id in forgotten]
        with self._database.writing() as connection:
            _check_token(connection, job_id, token)
            connection.executemany(
                "INSERT INTO results (job_id, task_id, stage, status, record) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (job_id, task_id) DO UPDATE SET"
                " stage = excluded.stage, status = excluded.status, record = excluded.record",
                rows,
            )
            connection.executemany("DELETE FROM results WHERE job_id = ? AND task_id = ?", unwanted)
            over = [*((job_id, row[1]) for row in rows), *unwanted]
            connection.executemany("DELETE FROM attempts WHERE job_id = ? AND task_id = ?", over)
            if job is not None and not _put(connection, job):
                raise is_not_there(job.id, self.path)

    def results(self, job_id: str) -> list[TaskResult]:
        """The journal, one result a task, ordered by stage and task id."""
        query = "SELECT record, task_id, stage FROM results WHERE job_id = ? ORDER BY stage, task_id"
        rows = self._database.rows(query, (job_id,))
        return [read_result(record, task_id=task_id, stage=stage) for record, task_id, stage in rows]

    def counts(self, job_id: str) -> Mapping[int, Mapping[str, int]]:
        """How many tasks the journal holds, by number of the stage and status."""
        query = "SELECT stage, status, count(*) FROM results WHERE job_id = ? GROUP BY stage, status"
        return by_stage(self._database.rows(query, (job_id,)))

    def begin(self, job_id: str, token: int, tasks: Collection[str]) -> None:
        """Note that attempts at these tasks begin; this survives the process, and mostly a loss of power.

        Raises:
            LeaseLostError: The lease with this token is not, or no longer, the job's.
        """
        with self._database.writing(durable=False) as connection:
            _check_token(connection, job_id, token)
            connection.executemany(
                "INSERT INTO attempts (job_id, task_id, begun) VALUES (?, ?, 1)"
                " ON CONFLICT (job_id, task_id) DO UPDATE SET begun = begun + 1",
                [(job_id, task_id) for task_id in tasks],
            )

    def unfinished(self, job_id: str) -> Mapping[str, int]:
        """How many attempts were begun, by task id, since the task last had a result."""
        return dict(self._database.rows("SELECT task_id, begun FROM attempts WHERE job_id = ?", (job_id,)))

    def acquire(self, job_id: str, owner: Owner, seconds: float) -> Lease | None:
        """Take the lease on a job; None where one is held that has not expired."""
        with self._database.writing() as connection:
            return _acquired(connection, job_id, owner, seconds)

    def renew(self, job_id: str, token: int, seconds: float) -> Lease | None:
        """Hold on to a lease; None where it was released, or another has acquired one."""
        with self._database.writing(durable=False) as connection:
            cursor = connection.execute(
                f"UPDATE leases SET renewed = {_NOW}, expires = {_NOW} + ? WHERE job_id = ? AND token = ?",
                (seconds, job_id, token),
            )
            return _lease(connection, job_id) if cursor.rowcount else None

    def release(self, job_id: str, token: int) -> None:
        """End a lease; any but the latest is left alone."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM leases WHERE job_id = ? AND token = ?", (job_id, token))

    def lease(self, job_id: str) -> Lease | None:
        """The lease that was acquired last, if it was not released; it may have expired."""
        with self._database.reading() as connection:
            return _lease(connection, job_id)

    def next_job(self, owner: Owner, seconds: float) -> Lease | None:
        """Take the lease on the most urgent job that waits for a worker; None where none waits."""
        with self._database.writing() as connection:
            row = connection.execute(_NEXT_JOB).fetchone()
            if row is None:
                return None
            connection.execute("UPDATE jobs SET claims = claims + 1 WHERE id = ?", row)
            return _acquired(connection, row[0], owner, seconds)

    def request(self, job_id: str, wish: Wish) -> None:
        """Tell whoever runs a job, now or next, what is wanted of it.

        Raises:
            ObjectNotFoundError: There is no such job.
        """
        job = self.get(job_id)
        with self._database.writing() as connection:
            query = "UPDATE jobs SET wish = ? WHERE id = ? AND status IN (?, ?)"
            connection.execute(query, (str(wish), job.id, str(JobStatus.QUEUED), str(JobStatus.PROCESSING)))

    def close(self) -> None:
        """Close the file; idempotent."""
        self._database.close()


def _columns(job: JobRecord) -> tuple[Any, ...]:
    """Status, record, and what the queue asks: whether it waits for a worker, how urgent it is, since when."""
    submission = job.submission
    waiting = submission is not None and not job.status.is_final
    priority, at = (submission.priority, submission.at) if submission else (0, "")
    return str(job.status), to_text(job), int(waiting), priority, at


def _put(connection: sqlite3.Connection, job: JobRecord) -> bool:
    """Replace a record; False where there is none. With the job's end, what was wanted of its runner is over."""
    queued = ", claims = 0" if job.status is JobStatus.QUEUED else ""
    over = ", wish = '', claims = 0" if job.status.is_final else queued
    cursor = connection.execute(
        "UPDATE jobs SET status = ?, record = ?, waiting = ?, priority = ?, submitted = ?,"
        f" changed = {_NEXT_CHANGE}{over} WHERE id = ?",
        (*_columns(job), job.id),
    )
    return cursor.rowcount == 1


def _acquired(connection: sqlite3.Connection, job_id: str, owner: Owner, seconds: float) -> Lease | None:
    held = connection.execute(f"SELECT 1 FROM leases WHERE job_id = ? AND expires > {_NOW}", (job_id,)).fetchone()
    if held:
        return None
    connection.execute("UPDATE jobs SET wish = '' WHERE id = ? AND wish = ?", (job_id, str(Wish.HAND_OVER)))
    connection.execute("UPDATE tokens SET latest = latest + 1")
    connection.execute(
        "INSERT OR REPLACE INTO leases (job_id, token, owner, renewed, expires)"
        f" VALUES (?, (SELECT latest FROM tokens), ?, {_NOW}, {_NOW} + ?)",
        (job_id, to_text(owner), seconds),
    )
    return _lease(connection, job_id)


def _lease(connection: sqlite3.Connection, job_id: str) -> Lease | None:
    return lease_of(connection.execute(_LEASE, (job_id,)).fetchone())


def _check_token(connection: sqlite3.Connection, job_id: str, token: int) -> None:
    row = connection.execute("SELECT token, owner FROM leases WHERE job_id = ?", (job_id,)).fetchone()
    if row is None or row[0] != token:
        raise LeaseLostError.of(job_id, str(owner_of(row[1])) if row else "")


def _check_unleased(connection: sqlite3.Connection, job_id: str) -> None:
    query = f"SELECT owner FROM leases WHERE job_id = ? AND expires > {_NOW}"
    row = connection.execute(query, (job_id,)).fetchone()
    if row is not None:
        raise is_being_run(job_id, owner_of(row[0]))
