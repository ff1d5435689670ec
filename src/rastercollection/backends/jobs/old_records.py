"""Records of before errors said whether they are settled, brought into today's form while a store reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["brought_up_to_date"]

_UNSETTLED = frozenset(
    (
        "BACKEND_ERROR",
        "CATALOG_INCOMPLETE",
        "CATALOG_SETUP",
        "DATABASE_NOT_FOUND",
        "NO_SPACE",
        "OBJECT_EXISTS",
        "OBJECT_NOT_FOUND",
        "OUT_OF_MEMORY",
        "PERMISSION_DENIED",
        "PGSTAC_MISSING",
        "PGSTAC_VERSION",
        "POSTGIS_MISSING",
        "PRECONDITION_FAILED",
        "UNEXPECTED_ERROR",
    )
)
"""Codes that were tried again by the next job, though no attempt of the same one was. The list is closed."""


def brought_up_to_date(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The dict of a job or of a task's result with an error, if it has one, that says whether it is settled."""
    error = record.get("error")
    if not isinstance(error, Mapping) or "settled" in error or "code" not in error:
        return record
    settled = not error.get("retryable") and error["code"] not in _UNSETTLED
    return {**record, "error": {**error, "settled": settled}}
