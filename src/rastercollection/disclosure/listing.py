"""Names in a message: the first few, and how many more there are."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["listed"]

_MOST_NAMED = 10


def listed(names: Iterable[object], most: int = _MOST_NAMED) -> str:
    """``a, b and 3 more``, for names that may be thousands."""
    every = [str(name) for name in names]
    more = len(every) - most
    return ", ".join(every[:most]) + (f" and {more:,} more" if more > 0 else "")
