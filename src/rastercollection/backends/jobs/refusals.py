"""What job stores refuse, in the same words whatever keeps the jobs. It looks at nothing itself."""

from __future__ import annotations

from rastercollection.core.lease import Owner
from rastercollection.core.models import JobStatus
from rastercollection.errors import ObjectNotFoundError, PreconditionError

__all__ = ["has_another_status", "is_being_run", "is_not_there"]


def is_not_there(job_id: str, store: str) -> ObjectNotFoundError:
    """A job that the store at this address does not have."""
    return ObjectNotFoundError(f"There is no job {job_id} in {store}.", "See which there are: list_jobs().", job_id)


def has_another_status(job_id: str, status: str, expected: JobStatus) -> PreconditionError:
    """A job that has come to another status than the one in which its record may be replaced."""
    return PreconditionError(f"Job {job_id} is {status}, not {expected}.", "", job_id)


def is_being_run(job_id: str, owner: Owner) -> PreconditionError:
    """A job on which somebody holds a lease."""
    return PreconditionError(f"Job {job_id} is being run by {owner}.", "Cancel it first.", job_id)
