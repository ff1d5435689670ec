"""Records as the text that job stores keep: versioned JSON, escaped to ASCII, so that any string survives."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from rastercollection import records

__all__ = ["from_text", "to_text"]

T = TypeVar("T")


def to_text(value: Any) -> str:
    """The JSON of a record."""
    return json.dumps(records.to_dict(value), separators=(",", ":"), allow_nan=False)


def from_text(kind: type[T], text: str) -> T:
    """The record of class ``kind`` that :func:`to_text` wrote.

    Raises:
        RasterCollectionError: It was written by a newer version of the library.
    """
    return records.from_dict(kind, json.loads(text))
