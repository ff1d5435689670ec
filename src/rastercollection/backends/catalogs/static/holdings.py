"""What a static collection holds, and what it has lost. Pure, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any, Self

import attrs

from rastercollection.backends.catalogs.static.documents import ItemLink
from rastercollection.core.models import Notice
from rastercollection.disclosure.listing import listed

__all__ = ["Foreign", "Holdings", "lost_items"]


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

    def joined_by(self, written: Iterable[ItemLink]) -> Self:
        """The same with items that were written now, in the place of those of their ids."""
        links = {link.item_id: link for link in (*self.links, *written)}
        foreign = tuple(other for other in self.foreign if other.item_id not in links)
        return attrs.evolve(self, links=tuple(links.values()), foreign=foreign)

    def replaced_by(self, written: Iterable[ItemLink]) -> Self:
        """Nothing but items that were written now."""
        return attrs.evolve(self, links=tuple(written), foreign=())

    def checksums(self, item_ids: Iterable[str]) -> dict[str, str]:
        """Of those of these items that are there, by id; empty for one that another program added."""
        ours = {link.item_id: link.checksum for link in self.links}
        known = {**dict.fromkeys(self.ids, ""), **ours}
        return {name: known[name] for name in item_ids if name in known}


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
