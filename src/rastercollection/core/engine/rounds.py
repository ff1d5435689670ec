"""The stages of a job gone through again, where others have removed what it had made before it came to use it."""

from __future__ import annotations

from collections.abc import Callable

from rastercollection.core.models import ErrorRecord, JobStatus, Notice
from rastercollection.errors import LeaseLostError, RasterCollectionError

__all__ = ["in_rounds", "made_again"]

RESULTS_GONE = "RESULTS_GONE"
"""Code of what a fan-in task fails with that does not find what tasks before it have made as they made it."""

MOST_ROUNDS = 3

Ended = tuple[JobStatus, ErrorRecord | None]


def in_rounds(run: Callable[[], Ended], begin_again: Callable[[ErrorRecord], object]) -> Ended:
    """What the stages come to, at the last of a few rounds where what they had made was removed in all before.

    Args:
        run: Goes through them once.
        begin_again: Has the next round take over what holds of the rounds before; given the reason.
    """
    status, error = run()
    for _ in range(MOST_ROUNDS - 1):
        if error is None or not _is_of_results_gone(error):
            break
        try:
            begin_again(error)
        except LeaseLostError:
            raise
        except RasterCollectionError as failure:
            return JobStatus.FAILED, ErrorRecord.of(failure)
        status, error = run()
    return status, error


def made_again(error: ErrorRecord) -> Notice:
    """What the user is told of another round."""
    reasons = " ".join(reason["message"] for reason in error.details["reasons"])
    message = f"What this job had made was removed by others, and was made again: {reasons}"
    return Notice(code="RESULTS_MADE_AGAIN", message=message)


def _is_of_results_gone(error: ErrorRecord) -> bool:
    return any(reason["code"] == RESULTS_GONE for reason in error.details.get("reasons", ()))
