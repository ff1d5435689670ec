"""Which items of those that are sent may be published. Pure, no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from typing import Any

from rastercollection.disclosure.listing import listed
from rastercollection.errors import BackendError, ObjectExistsError
from rastercollection.ports.catalog import PUBLISH_MODES

__all__ = ["check_items", "ids_of", "refuse_existing"]


def ids_of(items: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Ids of items; from the sequence itself where that knows them, as one does that makes its items on demand."""
    known: tuple[str, ...] | None = getattr(items, "ids", None)
    return tuple(str(item["id"]) for item in items) if known is None else known


def check_items(item_ids: Sequence[str], mode: str, target: str) -> None:
    """Raise a BackendError where two items have one id, or where there is no such mode."""
    if mode not in PUBLISH_MODES:
        raise BackendError(f"There is no mode {mode!r} of publishing.", f"Modes: {', '.join(PUBLISH_MODES)}.", target)
    twice = [name for name, times in Counter(item_ids).items() if times > 1]
    if twice:
        raise BackendError(f"Several items have the id {twice[0]!r}.", "Ids are unique in a collection.", target)


def refuse_existing(item_ids: Sequence[str], ids: Set[str], target: str) -> None:
    """Raise an ObjectExistsError that names items whose ids are among those of a collection, if there are any."""
    there = [name for name in item_ids if name in ids]
    if there:
        shown = listed(there)
        raise ObjectExistsError(
            f"{len(there)} of {len(item_ids)} items are in the collection already: {shown}.",
            "Use mode='upsert' to replace them, or 'insert_ignore' to leave them as they are.",
            target,
        )
