"""Errors in records of older releases, which called settled what was not proven, in today's form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["brought_up_to_date"]

_PROVEN = frozenset(
    (
        "BANDS_MISMATCH",
        "BLOCK_TOO_LARGE",
        "DRIVER_NOT_ALLOWED",
        "DTYPE_UNSUITED",
        "FILE_EMPTY",
        "FILE_IS_DIRECTORY",
        "FILE_TRUNCATED",
        "FILE_UNREADABLE",
        "NO_RASTER_BAND",
        "SUBDATASETS_DISAGREE",
        "SUBDATASET_NOT_FOUND",
        "TILE_FAILED",
        "TOO_MANY_BANDS",
        "TOO_MANY_PIXELS",
    )
)
"""Codes that say that the input is at fault, as the page on errors lists them: all others are tried again."""


def brought_up_to_date(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The dict of a job or of a task's result; an error in one of an older release is settled if its code is proven."""
    error = record.get("error")
    if not isinstance(error, Mapping) or "code" not in error or _is_of_today(record):
        return record
    settled = bool(error.get("settled", not error.get("retryable"))) and error["code"] in _PROVEN
    return {**record, "error": {**error, "settled": settled}}


def _is_of_today(record: Mapping[str, Any]) -> bool:
    """Since errors are judged as today, tasks say of which version of the code they are, jobs whether they wait."""
    task = record.get("task")
    return "version" in task if isinstance(task, Mapping) else "submission" in record
