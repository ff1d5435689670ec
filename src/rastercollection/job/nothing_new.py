"""The end of a job of which nothing is let in, as where the collection holds all of it: there is nothing to run."""

from __future__ import annotations

import contextlib
import time

import attrs

from rastercollection.core.contexts import JobContext
from rastercollection.core.engine.engine import Engine
from rastercollection.core.engine.held_lease import HeldLease
from rastercollection.core.engine.journal import utc_now
from rastercollection.core.events import JobEnded, JobStarted
from rastercollection.core.models import JobRecord, JobStatus, Notice
from rastercollection.core.workflow import Workflow
from rastercollection.errors import ObjectNotFoundError

__all__ = ["ended_at_once"]


def ended_at_once(
    engine: Engine, workflow: Workflow, job: JobRecord, lease: HeldLease, *, facts: object, notices: tuple[Notice, ...]
) -> JobRecord:
    """The record of the job as it ends, of which observers are told as of any.

    The same call asks the collection anew. No record is made of it; one that was made for the queue ends.

    Args:
        engine: That would have run it.
        workflow: Of which no stage has anything to do.
        job: As nobody has begun it.
        lease: That is held on it.
        facts: What was found out for this run.
        notices: About the request.
    """
    began, status = time.time(), JobStatus.COMPLETED
    engine.emit(
        JobStarted(job_id=job.id, at=began, job_type=job.job_type, total_stages=len(workflow.stages), notices=notices)
    )
    context = JobContext(
        job_id=job.id, workflow=workflow, parameters=job.parameters, facts=facts, results={}, notices=notices
    )
    ended = attrs.evolve(job, status=status, result=workflow.finalizer(context), updated_at=utc_now())
    engine.emit(JobEnded(job_id=job.id, at=time.time(), status=status, seconds=time.time() - began))
    _record(engine, ended, lease)
    return ended


def _record(engine: Engine, ended: JobRecord, lease: HeldLease) -> None:
    jobs = engine.patience.of(engine.jobs)
    with contextlib.suppress(ObjectNotFoundError):
        known = jobs.get(ended.id)
        if not known.status.is_final:
            kept = attrs.evolve(ended, created_at=known.created_at, submission=known.submission)
            jobs.commit(ended.id, lease.token, job=kept)
