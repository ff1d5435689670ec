"""Jobs in a PostgreSQL database, for any number of machines: what was recorded survives them all."""

from __future__ import annotations

import functools
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from rastercollection.backends.jobs.postgres_database import PostgresDatabase, Session
from rastercollection.backends.jobs.postgres_leases import (
    LEASE_OF_JOB,
    check_token,
    check_unleased,
    own_lease,
    release,
    renew,
    take,
    take_next,
)
from rastercollection.backends.jobs.refusals import has_another_status, is_not_there
from rastercollection.backends.jobs.rows import by_stage, lease_of, read_job, read_result
from rastercollection.backends.jobs.texts import to_text
from rastercollection.backends.postgresql import Address
from rastercollection.core.job_store import Reach
from rastercollection.core.lease import Lease, Owner, Wish
from rastercollection.core.models import JobRecord, JobStatus, TaskResult
from rastercollection.errors import UnavailableError

__all__ = ["PostgresJobStore"]

PATIENCE = 300.0
FIRST_PATIENCE = 10.0

_ADD_RESULTS = """
    INSERT INTO @.results (job_id, task_id, stage, status, record)
    SELECT %s, * FROM unnest(%s::text[], %s::integer[], %s::text[], %s::text[])
    ON CONFLICT (job_id, task_id) DO UPDATE SET
        stage = excluded.stage, status = excluded.status, record = excluded.record
"""
_BEGIN = """
    INSERT INTO @.attempts AS a (job_id, task_id, begun, call) SELECT %s, t, 1, %s FROM unnest(%s::text[]) t
    ON CONFLICT (job_id, task_id) DO UPDATE SET begun = a.begun + 1, call = excluded.call WHERE a.call <> excluded.call
"""


class PostgresJobStore:
    """A job store in a schema of a PostgreSQL database, safe to use from threads, processes and machines.

    What a call wrote is durable when it returns, as far as the server is set up so. Leases go by the server's clock. A
    connection that is lost, and a server that starts again, are waited for: every call is made again until it is known
    to have been done once. It works through a pooler in transaction mode. Needs the extra ``postgres``.

    Nothing is connected to before the first call, which makes the schema or brings it up to date. A store pickles as
    its address, with the password if that is in it.

    Args:
        dsn: The address, ``postgresql://user@host:port/database`` or ``key=value …``. What it leaves out, the password
            among it, libpq takes from its usual places (PGPASSWORD, ~/.pgpass, PGSERVICE …).
        schema: Name of the schema; when empty, that of ``?options=-csearch_path%3DNAME`` in the address, else
            ``rastercollection``.
        patience: Seconds in which a call that fails for passing reasons is made again, at most 10 until one has
            succeeded. An error after it is not retryable.

    Raises:
        MissingExtraError: psycopg is not installed.
        BackendError: The address cannot be read.
    """

    url: str = ""
    """The address without the password."""

    def __init__(self, dsn: str, schema: str = "", patience: float = PATIENCE) -> None:
        self._address, self._patience = Address(dsn), patience
        del dsn  # what goes wrong from here on comes through this frame
        self._database = PostgresDatabase(self._address, schema, patience, FIRST_PATIENCE)
        self._is_copy = False
        self.url = self._database.public

    @property
    def reach(self) -> Reach:
        """Wherever the server can be reached from."""
        return "network"

    def __repr__(self) -> str:
        return f"PostgresJobStore({self.url!r})"

    def __reduce__(self) -> tuple[Any, tuple[str, str, float]]:
        return _copied, (self._address.dsn, self._database.schema, self._patience)

    def __enter__(self) -> PostgresJobStore:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def create(self, job: JobRecord) -> JobRecord:
        """Insert the job, or return the one that is already there under this id."""

        def work(session: Session) -> JobRecord:
            session.change(
                "INSERT INTO @.jobs (status, record, waiting, priority, submitted, id, changed)"
                " VALUES (%s, %s, %s, %s, %s, %s, nextval('@.changes')) ON CONFLICT (id) DO NOTHING",
                (*_columns(job), job.id),
            )
            row = session.row("SELECT record, status FROM @.jobs WHERE id = %s", (job.id,))
            if row is None:
                raise UnavailableError(f"Job {job.id} was deleted while it was made in {self.url}.", "", self.url)
            return read_job(row[0], job_id=job.id, status=row[1])

        return self._database.run(work, f"create job {job.id}")

    def get(self, job_id: str) -> JobRecord:
        """The record.

        Raises:
            ObjectNotFoundError: There is none.
        """
        query = "SELECT record, status FROM @.jobs WHERE id = %s"
        rows = self._database.read(query, (job_id,), f"read job {job_id}")
        if not rows:
            raise is_not_there(job_id, self.url)
        return read_job(rows[0][0], job_id=job_id, status=rows[0][1])

    def list_jobs(self) -> list[JobRecord]:
        """All records, the latest update first."""
        rows = self._database.read("SELECT record, id, status FROM @.jobs ORDER BY changed DESC", (), "list the jobs")
        return [read_job(record, job_id=job_id, status=status) for record, job_id, status in rows]

    def update(self, job: JobRecord, *, expected: JobStatus) -> None:
        """Replace the record of a job that nobody runs, if its status is still ``expected``.

        Raises:
            PreconditionError: The status is another by now, or somebody holds a lease on the job that has not expired.
            ObjectNotFoundError: There is no such job.
        """
        columns = _columns(job)

        def work(session: Session) -> None:
            row = session.row("SELECT status, record FROM @.jobs WHERE id = %s FOR UPDATE", (job.id,))
            if row is None:
                raise is_not_there(job.id, self.url)
            if session.attempt and row == columns[:2]:
                return  # it was done, and the answer was lost
            check_unleased(session, job.id)
            if row[0] != expected:
                raise has_another_status(job.id, row[0], expected)
            _put(session, job.id, columns, is_over=True)
            session.change("DELETE FROM @.leases WHERE job_id = %s", (job.id,))

        self._database.run(work, f"update job {job.id}")

    def delete(self, job_id: str) -> None:
        """Remove a job with its journal; one that is not there is fine.

        Raises:
            PreconditionError: Somebody holds a lease on it that has not expired.
        """

        def work(session: Session) -> None:
            session.row("SELECT 1 FROM @.jobs WHERE id = %s FOR UPDATE", (job_id,))
            check_unleased(session, job_id)
            session.change("DELETE FROM @.jobs WHERE id = %s", (job_id,))
            for table in ("results", "attempts", "leases"):
                session.change(f"DELETE FROM @.{table} WHERE job_id = %s", (job_id,))

        self._database.run(work, f"delete job {job_id}")

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
        kept = {one.task.id: (one.task.stage, str(one.status), to_text(one)) for one in results}
        stages, statuses, texts = ([*column] for column in zip(*kept.values(), strict=True)) if kept else ([], [], [])
        columns, unwanted = _columns(job) if job is not None else None, list(forgotten)

        def work(session: Session) -> None:
            if columns is not None:  # whoever takes both locks takes the job's first
                session.row("SELECT 1 FROM @.jobs WHERE id = %s FOR UPDATE", (job_id,))
            check_token(session, job_id, token)
            if kept:
                session.change(_ADD_RESULTS, (job_id, [*kept], stages, statuses, texts))
            if unwanted:
                session.change("DELETE FROM @.results WHERE job_id = %s AND task_id = ANY(%s)", (job_id, unwanted))
            if kept or unwanted:
                over = "DELETE FROM @.attempts WHERE job_id = %s AND task_id = ANY(%s)"
                session.change(over, (job_id, [*kept, *unwanted]))
            if job is not None and columns is not None:
                is_over = job.status.is_final
                if not _put(session, job_id, columns, is_over=is_over):
                    raise is_not_there(job_id, self.url)

        self._database.run(work, f"record the results of job {job_id}")

    def results(self, job_id: str) -> list[TaskResult]:
        """The journal, one result a task, ordered by stage and task id."""
        query = "SELECT record, task_id, stage FROM @.results WHERE job_id = %s ORDER BY stage, task_id"
        rows = self._database.read(query, (job_id,), f"read the results of job {job_id}")
        return [read_result(record, task_id=task_id, stage=stage) for record, task_id, stage in rows]

    def counts(self, job_id: str) -> Mapping[int, Mapping[str, int]]:
        """How many tasks the journal holds, by number of the stage and status."""
        query = "SELECT stage, status, count(*) FROM @.results WHERE job_id = %s GROUP BY stage, status"
        return by_stage(self._database.read(query, (job_id,), f"count the results of job {job_id}"))

    def begin(self, job_id: str, token: int, tasks: Collection[str]) -> None:
        """Note that attempts at these tasks begin; this survives the process, but not always the server.

        Raises:
            LeaseLostError: The lease with this token is not, or no longer, the job's.
        """
        names = sorted(set(tasks))

        def work(session: Session) -> None:
            check_token(session, job_id, token)
            session.change(_BEGIN, (job_id, session.call, names))

        self._database.run(work, f"begin tasks of job {job_id}", durable=False)

    def unfinished(self, job_id: str) -> Mapping[str, int]:
        """How many attempts were begun, by task id, since the task last had a result."""
        query = "SELECT task_id, begun FROM @.attempts WHERE job_id = %s"
        return dict(self._database.read(query, (job_id,), f"read the attempts of job {job_id}"))

    def acquire(self, job_id: str, owner: Owner, seconds: float) -> Lease | None:
        """Take the lease on a job; None where one is held that has not expired."""

        def work(session: Session) -> Lease | None:
            session.row("SELECT 1 FROM @.jobs WHERE id = %s FOR UPDATE", (job_id,))
            take(session, job_id, owner, seconds)
            return own_lease(session)

        return self._database.run(work, f"take the lease on job {job_id}")

    def renew(self, job_id: str, token: int, seconds: float) -> Lease | None:
        """Hold on to a lease; None where it was released, or another has acquired one."""
        # what is not renewed by then is not one's own any more
        return self._database.run(
            lambda session: renew(session, job_id, token, seconds),
            f"renew the lease on job {job_id}",
            durable=False,
            patience=seconds,
        )

    def release(self, job_id: str, token: int) -> None:
        """End a lease; any but the latest is left alone."""
        self._database.run(lambda session: release(session, job_id, token), f"give back the lease on job {job_id}")

    def lease(self, job_id: str) -> Lease | None:
        """The lease that was acquired last, if it was not released; it may have expired."""
        rows = self._database.read(LEASE_OF_JOB, (job_id,), f"read the lease on job {job_id}")
        return lease_of(rows[0]) if rows else None

    def next_job(self, owner: Owner, seconds: float) -> Lease | None:
        """Take the lease on the most urgent job that waits for a worker; None where none waits."""
        return self._database.run(lambda session: take_next(session, owner, seconds), "take a job from the queue")

    def request(self, job_id: str, wish: Wish) -> None:
        """Tell whoever runs a job, now or next, what is wanted of it.

        Raises:
            ObjectNotFoundError: There is no such job.
        """
        open_ones = [str(status) for status in JobStatus if not status.is_final]

        def work(session: Session) -> None:
            row = session.row("SELECT status FROM @.jobs WHERE id = %s FOR UPDATE", (job_id,))
            if row is None:
                raise is_not_there(job_id, self.url)
            if row[0] in open_ones:
                session.change("UPDATE @.jobs SET wish = %s WHERE id = %s", (str(wish), job_id))

        self._database.run(work, f"ask something of job {job_id}")

    def close(self) -> None:
        """Close the connections; idempotent. Those of copies that were pickled serve the next ones in their process."""
        if not self._is_copy:
            self._database.close()


def _copied(dsn: str, schema: str, patience: float) -> PostgresJobStore:
    store = PostgresJobStore(dsn, schema, patience)
    store._database, store._is_copy = _shared(dsn, schema, patience), True
    return store


@functools.lru_cache(maxsize=4)
def _shared(dsn: str, schema: str, patience: float) -> PostgresDatabase:
    """For all copies in a process: workers get one with every task."""
    return PostgresDatabase(Address(dsn), schema, patience, patience)


def _columns(job: JobRecord) -> tuple[Any, ...]:
    """Status, record, and what the queue asks: whether it waits for a worker, how urgent it is, since when."""
    submission = job.submission
    waiting = submission is not None and not job.status.is_final
    priority, at = (submission.priority, submission.at) if submission else (0, "")
    # any string survives as JSON, and a time is the same
    return str(job.status), to_text(job), waiting, priority, json.dumps(at)[1:-1]


def _put(session: Session, job_id: str, columns: tuple[Any, ...], *, is_over: bool) -> bool:
    """Replace a record; False where there is none. ``is_over``: what was wanted of the job's runner is over."""
    queued = ", claims = 0" if columns[0] == JobStatus.QUEUED else ""
    over = ", wish = '', claims = 0" if is_over else queued
    statement = (
        "UPDATE @.jobs SET status = %s, record = %s, waiting = %s, priority = %s, submitted = %s,"
        f" changed = nextval('@.changes'){over} WHERE id = %s"
    )
    return session.change(statement, (*columns, job_id)) == 1
