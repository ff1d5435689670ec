"""What fan-in stages share: the results they receive, the members of a collection, the mosaic that is written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from rastercollection.core.models import TaskResult
from rastercollection.core.records import from_dict
from rastercollection.core.workflow import TaskContext
from rastercollection.model.cog import Cog
from rastercollection.model.mosaic import Mosaic, Overview
from rastercollection.model.names import in_folder
from rastercollection.model.output import Output
from rastercollection.model.tile import SourceFile
from rastercollection.mosaics.mosaicjson import build_mosaic, cogs_per_tile, members_digest
from rastercollection.ports import addresses
from rastercollection.ports.catalog import CatalogBackend
from rastercollection.ports.storage import StorageBackend
from rastercollection.stac.published import is_item_of, published_cog

__all__ = [
    "Members",
    "collection_members",
    "made_cogs",
    "made_mosaic",
    "made_overview",
    "source_times",
    "write_mosaic",
]


def made_cogs(context: TaskContext) -> tuple[Cog, ...]:
    """The COGs of stage 2 in the order of the request, failed tiles left out."""
    results = sorted(context.inputs.get("create_cogs", ()), key=_position)
    return tuple(from_dict(Cog, result.value) for result in results if result.ok and result.value is not None)


def _position(result: TaskResult) -> tuple[int, str]:
    # ids end in the tile's number: as text, 1000000 would sort before 999999
    return (len(result.task.id), result.task.id)


def made_mosaic(context: TaskContext) -> Mosaic | None:
    """The mosaic of stage 3; None when that stage is turned off."""
    value = _value_of(context, "create_mosaicjson")
    return from_dict(Mosaic, value) if value is not None else None


def made_overview(context: TaskContext) -> Overview | None:
    """What became of the overview beside the mosaic; None where it is turned off."""
    value = _value_of(context, "create_overview")
    return from_dict(Overview, value) if value is not None else None


def _value_of(context: TaskContext, task_type: str) -> Mapping[str, Any] | None:
    """The result of one of the tasks of the mosaic stage."""
    results = _ok(context.inputs.get("create_mosaicjson", ()))
    return next((result.value for result in results if result.task.task_type == task_type), None)


def source_times(context: TaskContext) -> dict[str, str]:
    """Last modification of each source, by blob, where the store knows it."""
    values = [result.value for result in _ok(context.inputs.get("validate_tiles", ()))]
    sources = [from_dict(SourceFile, value["source"]) for value in values if value is not None]
    return {source.blob: source.modified for source in sources if source.modified}


def _ok(results: Sequence[TaskResult]) -> list[TaskResult]:
    return [result for result in results if result.ok]


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


def write_mosaic(
    cogs: Sequence[Cog], made: Sequence[Cog], job: Mapping[str, Any], storage: StorageBackend
) -> tuple[Mosaic, Sequence[Cog]]:
    """Write the document over ``cogs``; return what it is, and the COGs that it leaves out.

    Args:
        cogs: In the order in which they lie above each other.
        made: Those among them that this job made.
        job: The job's parameters.
        storage: Where to write.

    Raises:
        TaskError: ``MOSAIC_EMPTY``.
    """
    document, left_out = build_mosaic(cogs, job)
    url = addresses.join(
        job["mosaicjson_container"], in_folder(f"{job['collection_id']}.json", job.get("output_folder"))
    )
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    written = storage.write(url, text.encode())
    longitude, latitude, zoom = document["center"]
    west, south, east, north = document["bounds"]
    opened = cogs_per_tile(document)
    omitted = {cog.file.href for cog in left_out}
    mosaic = Mosaic(
        url=storage.public_url(url),
        bounds=(west, south, east, north),
        center=(longitude, latitude, zoom),
        minzoom=document["minzoom"],
        maxzoom=document["maxzoom"],
        quadkey_zoom=document["quadkey_zoom"],
        quadkeys=len(document["tiles"]),
        tile_count=len(cogs) - len(left_out),
        outputs=(Output(url=written.url, size=written.size, version=written.version, shared=True),),
        assets=tuple(cog.file.href for cog in made if cog.file.href not in omitted),
        members=members_digest(cogs),
        cogs_per_tile={str(level): opened[level] for level in range(document["minzoom"], document["maxzoom"] + 1)},
    )
    return mosaic, left_out
