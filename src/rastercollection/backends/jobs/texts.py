"""Records as the text that job stores keep: versioned JSON, escaped to ASCII, so that any string survives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

import attrs

from rastercollection.backends.jobs.old_records import brought_up_to_date
from rastercollection.core import records
from rastercollection.core.models import SCHEMA_VERSION
from rastercollection.errors import RecordUnreadableError

__all__ = ["from_text", "to_text"]

T = TypeVar("T")


def to_text(value: Any) -> str:
    """The JSON of :func:`rastercollection.core.records.to_dict`, made in one pass where all floats are finite."""
    try:
        return _dump({"schema_version": SCHEMA_VERSION, **_plain(value)})
    except ValueError:
        return _dump(records.to_dict(value))


def from_text(kind: type[T], text: str) -> T:
    """The record of class ``kind`` that :func:`to_text` wrote, of this release or an older one.

    Raises:
        RecordUnreadableError: It is damaged, or was written by a newer version of the library.
    """
    try:
        return records.from_dict(kind, brought_up_to_date(json.loads(text)))
    except Exception as error:  # whatever is wrong with it, it is no reason to fail otherwise
        raise RecordUnreadableError(
            f"A {kind.__name__} record cannot be read: {error}", "What it told of is done again."
        ) from error


def _dump(value: Mapping[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False, default=_plain)


def _plain(value: Any) -> dict[str, Any]:
    """One level of a frozen value or a mapping; the encoder asks again for what is inside."""
    if isinstance(value, Mapping):
        return dict(value)
    if not attrs.has(type(value)):
        raise TypeError(f"{type(value).__name__} is not JSON-able")
    return {field.name: getattr(value, field.name) for field in attrs.fields(type(value))}
