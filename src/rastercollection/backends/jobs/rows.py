"""What job stores read back, as values. Stored data is not trusted: what cannot be read closes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rastercollection.backends.jobs.texts import from_text
from rastercollection.core.lease import Lease, Owner, Wish
from rastercollection.core.models import ErrorRecord, JobRecord, JobStatus, Task, TaskResult, TaskStatus
from rastercollection.errors import RecordUnreadableError

__all__ = ["by_stage", "lease_of", "owner_of", "read_job", "read_result"]


def read_job(text: str, *, job_id: str, status: str) -> JobRecord:
    """A job's record; where the text cannot be read, one with what is known besides, and an error that says so."""
    try:
        return from_text(JobRecord, text)
    except RecordUnreadableError as error:
        known = status if status in set(JobStatus) else JobStatus.FAILED
        return JobRecord(id=job_id, job_type="", parameters={}, status=JobStatus(known), error=ErrorRecord.of(error))


def read_result(text: str, *, task_id: str, stage: int) -> TaskResult:
    """A task's result; where the text cannot be read, a failure of that task that says so."""
    try:
        return from_text(TaskResult, text)
    except RecordUnreadableError as error:
        task = Task(id=task_id, stage=stage, task_type="", handler="")
        return TaskResult(task=task, status=TaskStatus.FAILED, error=ErrorRecord.of(error))


def lease_of(row: Sequence[Any] | None) -> Lease | None:
    """A lease, of job, token, owner, seconds since it was renewed and until it expires, wish and claims."""
    if row is None:
        return None
    job_id, token, owner, age, left, wish, claims = row
    return Lease(
        job_id=job_id, token=token, owner=owner_of(owner), wish=_wish_of(wish), age=age, left=left, claims=claims
    )


def owner_of(text: str) -> Owner:
    """The owner of a lease that :func:`to_text` wrote; nobody who could be asked where it cannot be read."""
    try:
        return from_text(Owner, text)
    except RecordUnreadableError:
        return Owner(machine="", process=0)


def _wish_of(text: str) -> Wish:
    """The wish of this name; none where it is the name of no wish."""
    return Wish(text) if text in set(Wish) else Wish.NONE


def by_stage(rows: Iterable[tuple[int, str, int]]) -> Mapping[int, Mapping[str, int]]:
    """Counts by stage and status, of rows of stage, status and count."""
    found: dict[int, dict[str, int]] = defaultdict(dict)
    for stage, status, count in rows:
        found[stage][status] = count
    return dict(found)
