"""Running a job that is recorded already, so that its record says how it ended, whatever happens."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from rastercollection.core.engine.held_lease import LEASE_SECONDS, HeldLease
from rastercollection.core.engine.journal import utc_now
from rastercollection.core.job_store import JobStore
from rastercollection.core.lease import Lease, Owner
from rastercollection.core.models import ErrorRecord, JobStatus
from rastercollection.disclosure.logs import get_logger
from rastercollection.errors import (
    BackendError,
    JobCancelledError,
    JobFailedError,
    JobHandedOverError,
    LeaseLostError,
    ObjectNotFoundError,
)
from rastercollection.job.result import JobResult
from rastercollection.job.run import CollectionRun

__all__ = ["RECORDED", "free_lease", "record_end", "run_recorded"]

RECORDED = (JobFailedError, JobCancelledError, JobHandedOverError, LeaseLostError)
"""What a run raises when its end is recorded, or is not its own to record."""

log = get_logger("rastercollection")


def free_lease(store: JobStore, job_id: str) -> Lease | None:
    """The lease on a job that nobody runs, for a moment; None where somebody does."""
    for _ in range(3):
        lease = store.acquire(job_id, Owner.current(), LEASE_SECONDS)
        held = None if lease is not None else store.lease(job_id)
        if lease is not None or (held is not None and not held.is_dead):
            return lease
        if held is not None:
            store.release(job_id, held.token)
    return None


def run_recorded(store: JobStore, lease: HeldLease, prepare: Callable[[], CollectionRun]) -> JobResult:
    """Run a job under its lease; raises as ``process_collection`` does.

    What goes wrong before the job begins is recorded, too, as its failure.

    Args:
        store: Where the job is recorded.
        lease: That is held on it.
        prepare: Makes the run.
    """
    try:
        return prepare().result(lease)
    except RECORDED:
        raise
    except Exception as error:
        record_end(store, lease, JobStatus.FAILED, ErrorRecord.of(error))
        raise


def record_end(store: JobStore, lease: HeldLease, status: JobStatus, error: ErrorRecord | None = None) -> bool:
    """Record how a job ended, unless its record says so already, or that it is queued again.

    Returns:
        Whether that could be recorded. If not, the job is as if its runner had died.
    """
    try:
        known = store.get(lease.job_id)
        if not known.status.is_final or status is JobStatus.QUEUED:
            ended = attrs.evolve(known, status=status, error=error, updated_at=utc_now())
            store.commit(lease.job_id, lease.token, job=ended)
    except (BackendError, LeaseLostError, ObjectNotFoundError) as problem:
        log.warning("the end of job %s (%s) could not be recorded: %s", lease.job_id, status, problem)
        return False
    return True
