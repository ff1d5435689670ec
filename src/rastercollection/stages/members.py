"""What a collection consists of once a job has published, and the mosaic over it."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from rastercollection.core.contexts import TaskContext
from rastercollection.core.packed import Packed
from rastercollection.disclosure.listing import listed
from rastercollection.model.cog import Cog
from rastercollection.model.drawing import Drawing
from rastercollection.model.drawing_order import on_top_first
from rastercollection.model.mosaic import Mosaic
from rastercollection.model.names import in_folder, mosaic_name
from rastercollection.model.output import Output
from rastercollection.model.request import CollectionRequest
from rastercollection.mosaics.mosaicjson import build_mosaic, cogs_per_tile, members_digest
from rastercollection.ports import addresses
from rastercollection.ports.catalog import keeps_others
from rastercollection.ports.storage import StorageBackend
from rastercollection.stac.looks import Looks
from rastercollection.stac.published_cog import is_same_file, published_cog
from rastercollection.stages.fan_in import MadeCogs, made_cogs
from rastercollection.stages.resources import Resources

__all__ = [
    "Members",
    "Uncombined",
    "collection_members",
    "mosaic_bytes",
    "mosaic_document",
    "report_uncombined",
    "write_mosaic",
]

Item = Mapping[str, Any]


@attrs.frozen(kw_only=True)
class Uncombined:
    """A COG that readers cannot combine with the others, and why, in words that follow its name."""

    cog: Cog
    reason: str


@attrs.frozen(kw_only=True)
class Members:
    """The members of a collection.

    Attributes:
        made: The job's COGs, in the order of the request; those that take the place of an item, too.
        whole: Gives one of them with what only its item needs.
        kept: COGs of items that were published before and stay, by item id.
        items: All items that were published before and stay, by id.
        foreign: Ids of those among them whose COG is not known: another program made them.
        replaced: Items whose place the job's COGs take.
        leaving: Items that go, with the mode ``replace``, by id.
        looks: How the published collection is drawn.
    """

    made: tuple[Cog, ...]
    whole: Callable[[Cog], Cog] = lambda cog: cog
    kept: tuple[Cog, ...] = ()
    items: tuple[Item, ...] = ()
    foreign: tuple[str, ...] = ()
    replaced: tuple[Item, ...] = ()
    leaving: tuple[Item, ...] = ()
    looks: Looks = attrs.field(factory=Looks)

    @functools.cached_property
    def cogs(self) -> tuple[Cog, ...]:
        """All COGs of the collection, the one on top first."""
        return on_top_first([*self.made, *self.kept])

    @functools.cached_property
    def uncombined(self) -> tuple[Uncombined, ...]:
        """COGs of the collection that are in neither mosaic nor overview, since readers cannot combine them."""
        cogs = self.cogs
        if not cogs:
            return ()
        reasons = Drawing.of([cog.file for cog in cogs], self.looks.drawn_as).reasons
        return tuple(Uncombined(cog=cog, reason=reason) for cog, reason in zip(cogs, reasons, strict=True) if reason)

    @functools.cached_property
    def combined(self) -> tuple[Cog, ...]:
        """All others, in their order."""
        left_out = {each.cog.item_id for each in self.uncombined}
        return tuple(cog for cog in self.cogs if cog.item_id not in left_out)

    @property
    def count(self) -> int:
        """Number of items of the collection."""
        return len(self.made) + len(self.items)


def collection_members(
    request: CollectionRequest, context: TaskContext, found: MadeCogs | None = None, *, published: bool = False
) -> Members:
    """The members, from the results of stage 2 and the items that the catalog holds now.

    Args:
        request: What was asked for.
        context: Of a fan-in task; without a catalog, the job's COGs are all there is.
        found: The COGs of stage 2, where they were read before.
        published: The job has published: whatever else is in the catalog was appended in the meantime, and stays; what
            is not there any more was removed.
    """
    found = found or made_cogs(context)
    made, catalog = found.cogs, Resources.of(context.resources).catalog
    held = catalog.items(request.stac_item_id) if catalog is not None else ()
    looks = Looks.of((catalog.collection(request.stac_item_id) or {}) if catalog is not None else {})
    # each is looked at while it is there unpacked: to unpack thousands again takes longer than what is looked for
    by_id = {str(item["id"]): (Packed.of(item), published_cog(item)) for item in held}
    if published:
        made = tuple(cog for cog in made if cog.item_id in by_id)
    mode = "upsert" if published and not keeps_others(request.mode) else request.mode
    if mode == "insert_ignore":
        there = {name: cog for name, (_, cog) in by_id.items()}
        made = tuple(cog for cog in made if cog.item_id not in there or is_same_file(there[cog.item_id], cog))
    sent = {cog.item_id for cog in made}
    others = [name for name in sorted(by_id) if name not in sent]
    items = tuple(by_id[name][0] for name in others)
    replaced = tuple(by_id[name][0] for name in sorted(by_id) if name in sent)
    if not keeps_others(mode):
        return Members(made=made, whole=found.whole, replaced=replaced, leaving=items, looks=looks)
    return Members(
        made=made,
        whole=found.whole,
        kept=tuple(cog for name in others if (cog := by_id[name][1]) is not None),
        items=items,
        foreign=tuple(name for name in others if by_id[name][1] is None),
        replaced=replaced,
        looks=looks,
    )


def report_uncombined(members: Members, context: TaskContext) -> None:
    """Say of all together, and of each that this job made, that readers cannot combine it with the others."""
    left_out = members.uncombined
    if not left_out:
        return
    named = listed([f"{each.cog.source_blob} {each.reason}" for each in left_out], most=3)
    context.notice(
        "MOSAIC_TILE_OMITTED",
        f"{len(left_out)} of {len(members.cogs)} tiles are left out of maps, of mosaic and overview: readers cannot "
        f"combine them with the others ({named}). The STAC catalog holds them, and a server that shows all items of "
        "the collection (titiler-pgstac's /collections) fails where they are, or shows what they are not. To have them "
        "on a map, make a collection of their own.",
    )
    made = {cog.item_id for cog in members.made}
    for each in left_out:
        if each.cog.item_id in made:
            context.fault(
                each.cog.source_blob,
                "MOSAIC_TILE_OMITTED",
                f"It {each.reason}: readers cannot combine it with them, and maps leave it out.",
                "The STAC catalog holds it. Make a collection of its own for such tiles.",
            )


def mosaic_document(
    members: Members, cogs: Sequence[Cog], request: CollectionRequest
) -> tuple[dict[str, Any], Sequence[Cog]]:
    """The MosaicJSON over COGs, without those members that readers cannot combine; and those that no map shows.

    Raises:
        TaskError: ``MOSAIC_EMPTY``.
    """
    hidden = {each.cog.item_id for each in members.uncombined}
    return build_mosaic([cog for cog in cogs if cog.item_id not in hidden], request)


def mosaic_bytes(document: Mapping[str, Any]) -> bytes:
    """A MosaicJSON as it is stored."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def write_mosaic(
    members: Members, made: Sequence[Cog], request: CollectionRequest, storage: StorageBackend
) -> tuple[Mosaic, Sequence[Cog]]:
    """Write the document over all members and those that leave, in the order in which they lie above each other.

    Those that readers cannot combine with the others are left out: what one of them touched could not be shown.

    Args:
        members: Of the collection.
        made: Those that this job made.
        request: What was asked for.
        storage: Where to write.

    Returns:
        The mosaic, and the COGs that are not in it since no Web Mercator map shows where they are.

    Raises:
        TaskError: ``MOSAIC_EMPTY``.
    """
    uncombined = [each.cog for each in members.uncombined]
    leaving = [cog for cog in map(published_cog, members.leaving) if cog is not None]
    cogs = on_top_first([*members.cogs, *(leaving if request.create_stac_collection else ())])
    document, off_map = mosaic_document(members, cogs, request)
    url = addresses.join(
        request.mosaicjson_container, in_folder(mosaic_name(request.collection_id), request.output_folder)
    )
    data = mosaic_bytes(document)
    written = storage.write(url, data)
    omitted = {cog.file.href for cog in (*off_map, *uncombined)}
    mosaic = Mosaic(
        url=storage.public_url(url),
        tile_count=len(cogs) - len(off_map) - len(uncombined),
        outputs=(Output.shared_document(data, written.url, written.version),),
        assets=tuple(cog.file.href for cog in made if cog.file.href not in omitted),
        members=members_digest(cogs),
        **_told_by(document),
    )
    return mosaic, off_map


def _told_by(document: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a Mosaic that its document tells."""
    opened, zooms = cogs_per_tile(document), range(document["minzoom"], document["maxzoom"] + 1)
    return {
        "bounds": tuple(document["bounds"]),
        "center": tuple(document["center"]),
        "minzoom": document["minzoom"],
        "maxzoom": document["maxzoom"],
        "quadkey_zoom": document["quadkey_zoom"],
        "quadkeys": len(document["tiles"]),
        "cogs_per_tile": {str(level): opened[level] for level in zooms},
    }
