"""How jobs stand, from their records, leases and journals; nothing of it opens a raster."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from typing import Any

import attrs

from rastercollection.core.job_store import JobStore
from rastercollection.core.lease import Lease
from rastercollection.core.models import JobRecord, JobStatus
from rastercollection.core.records import jsonable, to_dict
from rastercollection.errors import BackendError

__all__ = ["JobReport", "StageReport", "find_job", "report_of"]


@attrs.frozen(kw_only=True)
class StageReport:
    """How a stage of a job stands.

    Attributes:
        number: From 1.
        name: Its name; empty for results of an earlier run whose stage this run has not come to yet.
        tasks_by_status: Ended tasks, counted, as far as they are journaled.
        expected: How many tasks it has; None where that is not known.
        seconds: How long it took; None unless it has ended.
    """

    number: int
    name: str
    tasks_by_status: Mapping[str, int]
    expected: int | None = None
    seconds: float | None = None

    @property
    def ended(self) -> int:
        """How many of its tasks have ended."""
        return sum(self.tasks_by_status.values())


@attrs.frozen(kw_only=True)
class JobReport:
    """How a job stands.

    Attributes:
        job: Its record.
        stages: Those that have ended, the one under way, and what is left of an earlier run of the others.
        rate: Tasks a second of the stage under way, since it began; None where nothing has been done since.
        time_left: Seconds until the stage under way will have ended, at that rate; None where it cannot be said.
        owner: Who runs the job, in words; empty where nobody does.
        heartbeat: Seconds since the owner was last heard of; None where nobody runs it.
        lost: Whoever ran it has ended without a word: nobody goes on with it.
    """

    job: JobRecord = attrs.field(repr=lambda job: f"<{job.id[:12]}: {job.status}>")
    stages: tuple[StageReport, ...] = ()
    rate: float | None = None
    time_left: float | None = None
    owner: str = ""
    heartbeat: float | None = None
    lost: bool = False

    @property
    def tasks_by_status(self) -> dict[str, int]:
        """Ended tasks of all stages, counted."""
        return dict(sum((Counter(stage.tasks_by_status) for stage in self.stages), Counter()))

    @property
    def is_waiting(self) -> bool:
        """Whether the job waits for a worker."""
        return self.job.submission is not None and not self.job.status.is_final and not self.owner

    @property
    def advice(self) -> str:
        """What to do about a job that is lost; else empty."""
        if not self.lost:
            return ""
        if self.job.submission is not None:
            return "The worker that ran it has ended: the next free worker goes on with it."
        return "Nobody runs it: the process that did has ended. Run it again to go on where it stopped."

    def to_dict(self) -> dict[str, Any]:
        """JSON-able: ``job_id``, the record's other fields, and what is told besides."""
        names = ("rate", "time_left", "owner", "heartbeat", "lost", "advice")
        told = {name: getattr(self, name) for name in names}
        stages = jsonable([attrs.asdict(stage) for stage in self.stages])
        record = to_dict(self.job)
        return {"job_id": record.pop("id"), **record, "tasks_by_status": self.tasks_by_status, "stages": stages, **told}

    def _repr_html_(self) -> str:
        """For notebooks."""
        from rastercollection.job.notebook.status_view import status_html

        return status_html(self)


def find_job(store: JobStore, job_id: str) -> JobRecord:
    """The record of the job with this id, or whose id alone begins so.

    Raises:
        ObjectNotFoundError: There is none.
        BackendError: There are several.
    """
    if len(job_id) < 64:
        fitting = [job for job in store.list_jobs() if job.id.startswith(job_id)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise BackendError(f"{len(fitting)} jobs begin with {job_id!r}.", "Give more of the id.", job_id)
    return store.get(job_id)


def report_of(store: JobStore, job: JobRecord, *, counted: bool = True) -> JobReport:
    """How a job stands.

    Args:
        store: Where it is recorded.
        job: Its record.
        counted: Count what the journal holds; otherwise what the record tells has to do.
    """
    lease = None if job.status.is_final else store.lease(job.id)
    alive = lease if lease is not None and not lease.is_dead else None
    stages = _stages(job, store.counts(job.id) if counted else {})
    rate, time_left = _pace(job, stages) if alive else (None, None)
    return JobReport(
        job=job,
        stages=stages,
        rate=rate,
        time_left=time_left,
        owner=str(alive.owner) if alive else "",
        heartbeat=alive.age if alive else None,
        lost=alive is None and _is_lost(job, lease),
    )


def _is_lost(job: JobRecord, lease: Lease | None) -> bool:
    """Whether a job without a live lease is one that somebody had, rather than one that waits for its turn."""
    waits = job.status is JobStatus.QUEUED and job.submission is not None
    return not job.status.is_final and not (waits and lease is None)


def _stages(job: JobRecord, counts: Mapping[int, Mapping[str, int]]) -> tuple[StageReport, ...]:
    names = list(job.stage_results)
    found = []
    for number in sorted({*counts, *range(1, len(names) + 1)}):
        name = names[number - 1] if number <= len(names) else ""
        told = _mapping(job.stage_results.get(name))
        by_status = counts.get(number) or _mapping(told.get("tasks_by_status"))
        ended = "tasks_by_status" in told
        found.append(
            StageReport(
                number=number,
                name=name,
                tasks_by_status=dict(by_status),
                expected=sum(by_status.values()) if ended else _number(told.get("expected")),
                seconds=told.get("seconds") if ended else None,
            )
        )
    return tuple(found)


def _pace(job: JobRecord, stages: tuple[StageReport, ...]) -> tuple[float | None, float | None]:
    """Tasks a second of the stage under way, and seconds until it will have ended."""
    under_way = next((stage for stage in stages if stage.number == job.current_stage and stage.seconds is None), None)
    told = _mapping(job.stage_results.get(under_way.name)) if under_way else {}
    elapsed = _seconds_since(str(told.get("began_at", "")))
    if under_way is None or elapsed is None:
        return None, None
    done = under_way.ended - (_number(told.get("recorded")) or 0)
    if done <= 0:
        return None, None
    rate = done / elapsed
    left = None if under_way.expected is None else max(0, under_way.expected - under_way.ended) / rate
    return rate, left


def _seconds_since(moment: str) -> float | None:
    try:
        seconds = (dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(moment)).total_seconds()
    except (ValueError, TypeError):
        return None
    return seconds if seconds > 0 else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
