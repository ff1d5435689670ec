"""Leases on jobs in a PostgreSQL database, by its own clock: parts of the transactions of its job store."""

from __future__ import annotations

from rastercollection.backends.jobs.postgres_database import Session
from rastercollection.backends.jobs.refusals import is_being_run
from rastercollection.backends.jobs.rows import lease_of, owner_of
from rastercollection.backends.jobs.texts import to_text
from rastercollection.core.lease import Lease, Owner, Wish
from rastercollection.errors import LeaseLostError

__all__ = [
    "LEASE_OF_JOB",
    "check_token",
    "check_unleased",
    "own_lease",
    "release",
    "renew",
    "take",
    "take_next",
]

_NOW = "clock_timestamp()"
"""The database's clock, at this very moment: the time of the transaction would be that of its begin."""

_LEASE = f"""
    SELECT l.job_id, token, owner, extract(epoch FROM {_NOW} - renewed)::float8,
           extract(epoch FROM expires - {_NOW})::float8, coalesce(wish, ''), coalesce(claims, 0)
    FROM @.leases l LEFT JOIN @.jobs j ON j.id = l.job_id
"""
LEASE_OF_JOB = f"{_LEASE} WHERE l.job_id = %s"
_TAKE = f"""
    INSERT INTO @.leases AS l (job_id, token, owner, renewed, expires, call)
    VALUES (%s, 0, %s, {_NOW}, {_NOW} + make_interval(secs => %s), %s)
    ON CONFLICT (job_id) DO UPDATE SET
        owner = excluded.owner, call = excluded.call,
        renewed = {_NOW}, expires = {_NOW} + (excluded.expires - excluded.renewed)
    WHERE l.expires <= {_NOW}
"""
_NEXT_JOB = f"""
    SELECT id FROM @.jobs
    WHERE waiting AND NOT EXISTS (SELECT 1 FROM @.leases WHERE job_id = id AND expires > {_NOW})
    ORDER BY priority DESC, submitted, number LIMIT 1 FOR UPDATE SKIP LOCKED
"""


def take(session: Session, job_id: str, owner: Owner, seconds: float) -> bool:
    """Take the lease, unless it is held. The token is drawn under the row's lock, so that it is the largest so far."""
    if not session.change(_TAKE, (job_id, to_text(owner), seconds, session.call)):
        return False
    session.change("UPDATE @.leases SET token = nextval('@.tokens') WHERE job_id = %s", (job_id,))
    session.change("UPDATE @.jobs SET wish = '' WHERE id = %s AND wish = %s", (job_id, str(Wish.HAND_OVER)))
    return True


def take_next(session: Session, owner: Owner, seconds: float) -> Lease | None:
    """Take the lease on the most urgent job that waits for a worker; None where none waits."""
    taken = own_lease(session) if session.attempt else None
    if taken is not None and taken.left > 0:
        return taken
    while row := session.row(_NEXT_JOB):
        if take(session, row[0], owner, seconds):
            session.change("UPDATE @.jobs SET claims = claims + 1 WHERE id = %s", row)
            return own_lease(session)
    return None


def own_lease(session: Session) -> Lease | None:
    """The lease that this call has taken, now or in an attempt whose answer was lost."""
    return lease_of(session.row(f"{_LEASE} WHERE call = %s", (session.call,)))


def renew(session: Session, job_id: str, token: int, seconds: float) -> Lease | None:
    """Hold on to a lease; None where it was released, or another has acquired one."""
    found = session.change(
        f"UPDATE @.leases SET renewed = {_NOW}, expires = {_NOW} + make_interval(secs => %s)"
        " WHERE job_id = %s AND token = %s",
        (seconds, job_id, token),
    )
    return lease_of(session.row(LEASE_OF_JOB, (job_id,))) if found else None


def release(session: Session, job_id: str, token: int) -> None:
    """End a lease; any but the latest is left alone."""
    session.change("DELETE FROM @.leases WHERE job_id = %s AND token = %s", (job_id, token))


def check_token(session: Session, job_id: str, token: int) -> None:
    """See that the lease is the latest, and keep everybody from taking it until the transaction ends.

    Raises:
        LeaseLostError: It is not.
    """
    row = session.row("SELECT token, owner FROM @.leases WHERE job_id = %s FOR UPDATE", (job_id,))
    if row is None or row[0] != token:
        raise LeaseLostError.of(job_id, str(owner_of(row[1])) if row else "")


def check_unleased(session: Session, job_id: str) -> None:
    """See that nobody holds a lease on the job, and keep everybody from taking it until the transaction ends.

    Raises:
        PreconditionError: Somebody does.
    """
    query = f"SELECT owner, expires > {_NOW} FROM @.leases WHERE job_id = %s FOR UPDATE"
    row = session.row(query, (job_id,))
    if row is not None and row[1]:
        raise is_being_run(job_id, owner_of(row[0]))
