"""What a collection holds, and which of the items sent may join. Pure, no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, Self

import attrs

from rastercollection.backends.catalogs.static.documents import ItemLink
from rastercollection.core.models import Notice
from rastercollection.disclosure.listing import listed
from rastercollection.errors import BackendError, ObjectExistsError
from rastercollection.ports.catalog import PUBLISH_MODES

__all__ = ["Foreign", "Holdings", "check_items", "ids_of", "lost_items", "refuse_existing"]


@attrs.frozen
class Foreign:
    """An item that another program added: the link to it, and the item where it can be read."""

    link: Mapping[str, Any]
    item: dict[str, Any] | None

    @property
    def item_id(self) -> str | None:
        return None if self.item is None else str(self.item["id"])


@attrs.frozen(kw_only=True)
class Holdings:
    """What a collection holds.

    Attributes:
        links: To our items whose documents are there.
        foreign: Items that other programs added.
        hrefs: All that the collection's document links to.
    """

    links: tuple[ItemLink, ...]
    foreign: tuple[Foreign, ...]
    hrefs: frozenset[str]

    @property
    def ids(self) -> set[str]:
        """Of all items that can be read."""
        return {*(link.item_id for link in self.links), *(item.item_id for item in self.foreign if item.item_id)}

    def without(self, item_ids: Set[str]) -> Self:
        """The same, but for these items."""
        links = tuple(link for link in self.links if link.item_id not in item_ids)
        return attrs.evolve(self, links=links, foreign=tuple(o for o in self.foreign if o.item_id not in item_ids))

    def checksums(self, item_ids: Iterable[str]) -> dict[str, str]:
        """Of those of these items that are there, by id; empty for one that another program added."""
        ours = {link.item_id: link.checksum for link in self.links}
        known = {**dict.fromkeys(self.ids, ""), **ours}
        return {name: known[name] for name in item_ids if name in known}


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


def lost_items(linked: Iterable[ItemLink], ids: Set[str], target: str) -> Iterator[Notice]:
    """What to tell of items that a collection linked to and will not, because their documents are gone or cut short.

    Args:
        linked: What the collection's document links to.
        ids: Of the items that are there, or that are published now.
        target: The collection.
    """
    lost = sorted({link.item_id for link in linked} - ids)
    if lost:
        shown = listed(lost)
        message = (
            f"{len(lost)} items of {target} were lost before this job: their documents are missing or incomplete "
            f"({shown}). Run the jobs that made them again."
        )
        yield Notice(code="ITEMS_LOST", message=message)
