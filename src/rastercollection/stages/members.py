"""What a collection consists of once a job has published: the job's COGs, and items that were published before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from rastercollection.products import Cog
from rastercollection.protocols import CatalogBackend
from rastercollection.records import digest
from rastercollection.stages.inputs import made_cogs
from rastercollection.stages.published import is_item_of, published_cog
from rastercollection.workflow import TaskContext

__all__ = ["Members", "collection_members", "members_digest"]

Item = Mapping[str, Any]


@attrs.frozen(kw_only=True)
class Members:
    """The members of a collection.

    Attributes:
        made: The job's COGs, in the order of the request; those that take the place of an item, too.
        kept: COGs of items that were published before and stay, by item id.
        items: All items that were published before and stay, by id; other programs' among them.
        replaced: Items whose place the job's COGs take.
        leaving: Items that go, with the mode ``replace``, by id.
    """

    made: tuple[Cog, ...]
    kept: tuple[Cog, ...] = ()
    items: tuple[Item, ...] = ()
    replaced: tuple[Item, ...] = ()
    leaving: tuple[Item, ...] = ()

    @property
    def cogs(self) -> tuple[Cog, ...]:
        """All COGs of the collection: the job's first, in the order of the request, then the others by item id."""
        return (*self.made, *self.kept)

    @property
    def count(self) -> int:
        """Number of items of the collection."""
        return len(self.made) + len(self.items)

    @property
    def foreign(self) -> tuple[str, ...]:
        """Ids of the items that stay and whose COG is not known: another program made them."""
        known = {cog.item_id for cog in self.kept}
        return tuple(str(item["id"]) for item in self.items if item["id"] not in known)


def collection_members(job: Mapping[str, Any], context: TaskContext, *, published: bool = False) -> Members:
    """The members, from the results of stage 2 and the items that the catalog holds now.

    Args:
        job: The job's parameters.
        context: Of a fan-in task; without a catalog, the job's COGs are all there is.
        published: The job has published: whatever else is in the catalog was appended in the meantime, and stays.
    """
    made = made_cogs(context)
    catalog: CatalogBackend | None = context.resources.get("catalog")
    found = catalog.items(job["stac_item_id"]) if catalog is not None else ()
    items = sorted(found, key=lambda item: str(item["id"]))
    mode = "upsert" if published and job.get("mode") == "replace" else job.get("mode", "upsert")
    if mode == "insert_ignore":
        there = {item["id"]: item for item in items}
        made = tuple(cog for cog in made if cog.item_id not in there or is_item_of(there[cog.item_id], cog))
    sent = {cog.item_id for cog in made}
    others = [item for item in items if item["id"] not in sent]
    replaced = tuple(item for item in items if item["id"] in sent)
    if mode == "replace":
        return Members(made=made, replaced=replaced, leaving=tuple(others))
    kept = (published_cog(item) for item in others)
    return Members(
        made=made, kept=tuple(cog for cog in kept if cog is not None), items=tuple(others), replaced=replaced
    )


def members_digest(cogs: Sequence[Cog]) -> str:
    """Of what a mosaic holds: equal for the same files of the same tiles, in whatever order."""
    return digest(sorted([cog.item_id, cog.href, cog.checksum] for cog in cogs))
