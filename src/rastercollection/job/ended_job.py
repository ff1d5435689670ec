"""What a job that has ended is to whoever called: a result, or the error that carries it."""

from __future__ import annotations

from rastercollection.core.engine.job_run import JobOutcome
from rastercollection.core.models import JobRecord, JobStatus
from rastercollection.errors import JobCancelledError, JobFailedError, JobHandedOverError, JobInterrupted
from rastercollection.job.result import JobResult

__all__ = ["result_of_run", "result_or_raise"]

AGAIN = "Call again with the same parameters to go on where it stopped."


def result_of_run(outcome: JobOutcome) -> JobResult:
    """What a job amounts to that was run here.

    Raises:
        JobHandedOverError, JobInterrupted: It goes on elsewhere, or with the next call.
        JobCancelledError, JobFailedError: It has no good end.
    """
    job = outcome.job
    if outcome.handed_over:
        raise JobHandedOverError(f"Job {job.id} was handed over to another process that asked for it.", AGAIN)
    if outcome.interrupted:
        raise JobInterrupted(f"Job {job.id} was interrupted. {AGAIN}", JobResult.from_job(job))
    return result_or_raise(job)


def result_or_raise(job: JobRecord, *, reused: bool = False) -> JobResult:
    """What a job amounts to whose record says that it has ended.

    Args:
        job: The record.
        reused: That was so before anybody asked.

    Raises:
        JobCancelledError, JobFailedError: It has no good end; the error carries the result.
    """
    result = JobResult.from_job(job, reused=reused)
    if job.status is JobStatus.CANCELLED:
        raise JobCancelledError(f"Job {job.id} was cancelled.", AGAIN, result)
    if job.status is JobStatus.FAILED:
        error = job.error
        message = f"[{error.code}] {error.message}" if error else "no reason was recorded"
        raise JobFailedError(f"Job {job.id} failed: {message}", error.hint if error else "", result)
    return result
