"""What is published of a collection before a job begins, and what the job will change of it. Pure, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

import attrs

from rastercollection.model.names import source_mark
from rastercollection.ports.catalog import keeps_others

__all__ = ["Joining", "PublishedTile"]


@attrs.frozen(kw_only=True)
class PublishedTile:
    """An item of the collection.

    Attributes:
        item_id: Its id.
        title: Name of the source that it was made of; of another program's item its title.
        source: Mark of that source; empty where it is not known.
        profile: What has to agree with other tiles, in words by aspect; what is not known is missing.
        hrefs: Addresses of its COG and thumbnail.
    """

    item_id: str
    title: str = ""
    source: str = ""
    profile: Mapping[str, str] = attrs.field(factory=dict)
    hrefs: tuple[str, ...] = ()

    def is_of(self, container: str, blob: str) -> bool:
        """Whether it was made of this source; where that is not known, of one of this name."""
        return self.source == source_mark(container, blob) if self.source else self.title == blob


@attrs.frozen(kw_only=True)
class Joining:
    """What becomes of a published collection, if every tile of the job is valid; numbers of items.

    Attributes:
        collection: Id of the STAC collection.
        published: In the collection before the job.
        added: New ones of the job.
        replaced: Those whose place the job's take.
        left: Others that stay as they are.
        removed: Others that go, with the mode ``replace``.
    """

    collection: str
    published: int
    added: int
    replaced: int
    left: int
    removed: int

    @classmethod
    def of(cls, collection: str, published: Sequence[PublishedTile], made: Set[str], mode: str) -> Joining:
        """From the ids of the items that a job makes."""
        there = {tile.item_id for tile in published}
        others, stay = len(there - made), keeps_others(mode)
        return cls(
            collection=collection,
            published=len(there),
            added=len(made - there),
            replaced=len(made & there),
            left=others if stay else 0,
            removed=0 if stay else others,
        )
