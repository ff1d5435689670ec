"""Which tiles the mode of publishing lets into the collection, decided before any work is done."""

from __future__ import annotations

from collections.abc import Set

from rastercollection.core.contexts import StartContext
from rastercollection.core.models import TaskResult
from rastercollection.core.records import from_dict
from rastercollection.disclosure.listing import listed
from rastercollection.errors import ObjectExistsError, RasterCollectionError
from rastercollection.model.cog import Cog
from rastercollection.model.names import item_ids
from rastercollection.model.request import CollectionRequest
from rastercollection.model.tile import SourceFile, Sources
from rastercollection.ports.catalog import only_adds
from rastercollection.stages.fan_in import validated_sources
from rastercollection.stages.resources import Resources
from rastercollection.stages.stage_names import CREATE_COGS, VALIDATE_TILES

__all__ = ["admit"]


def admit(context: StartContext) -> Sources:
    """The sources that the mode lets into the collection.

    Raises:
        ObjectExistsError: With ``insert``, naming tiles that are there; with ``insert_ignore`` where all are, and COGs
            that an earlier run of this job has made are gone, of sources that have changed.
    """
    request, sources = CollectionRequest.from_parameters(context.parameters), _sources(context)
    catalog = Resources.of(context.resources).catalog
    if not only_adds(request.mode) or catalog is None:
        return sources
    names = sources.names
    there = {str(item["id"]) for item in catalog.items(request.stac_item_id)}
    is_insert = request.mode == "insert"
    there -= _to_be_restored(context, is_insert=is_insert)
    old = [source.blob for source in sources.files if not there.isdisjoint(item_ids(names[source.blob], source.blob))]
    shown = listed(old)
    if old and is_insert:
        raise ObjectExistsError(
            f"{len(old)} of {len(sources.files)} tiles are in collection {request.stac_item_id} already: {shown}.",
            "Use mode='upsert' to replace them, or 'insert_ignore' to add those that are new.",
            request.stac_item_id,
        )
    lost = _lost(context) if len(old) == len(sources.files) else []
    if lost:
        raise ObjectExistsError(
            f"All tiles are in collection {request.stac_item_id} already, but COGs of them are gone whose sources have "
            f"changed since: {listed(lost)}.",
            "Use mode='upsert' to make them again of what the sources are now.",
            request.stac_item_id,
        )
    if not old:
        return sources
    message = f"{len(old)} tiles are in the collection already and are left as they are: {shown}."
    context.notice("TILES_IN_COLLECTION", message)
    return sources.only({source.blob for source in sources.files} - set(old))


def _sources(context: StartContext) -> Sources:
    sources: Sources = context.facts
    return sources


def _to_be_restored(context: StartContext, *, is_insert: bool) -> Set[str]:
    """Ids of items that an earlier run of this job has inserted, of sources that are as they were.

    What ``insert_ignore`` is to leave alone is among them only where its COG is gone.
    """
    now = {source.blob: (source.size, source.version) for source in _sources(context).files}
    read = [source for source in map(_source, context.results.get(VALIDATE_TILES, ())) if source]
    unchanged = {one.blob for one in read if now.get(one.blob) == (one.size, one.version)}
    return {
        side.item_id
        for result in context.results.get(CREATE_COGS, ())
        if result.task.tile in unchanged and (cog := _cog(result)) is not None
        if is_insert or not context.still_holds(result)
        for side in cog.sides
    }


def _lost(context: StartContext) -> list[str]:
    """Tiles of an earlier run of this job whose COGs are not there any more."""
    tiles, storage = {source.blob for source in _sources(context).files}, Resources.of(context.resources).storage
    results = [result for result in context.results.get(CREATE_COGS, ()) if result.task.tile in tiles]
    made = [(str(result.task.tile), cog) for result in results if (cog := _cog(result)) is not None]
    return [tile for tile, cog in made if not all(storage.exists(output.url) for output in cog.outputs)]


def _source(result: TaskResult) -> SourceFile | None:
    """The source of an earlier result; None where it was not valid, or where it cannot be read any more."""
    try:
        return next(iter(validated_sources([result])), None)
    except RasterCollectionError:
        return None


def _cog(result: TaskResult) -> Cog | None:
    """The COG of an earlier result; None where there is none, or where it cannot be read any more."""
    try:
        return from_dict(Cog, result.value) if result.value is not None else None
    except RasterCollectionError:
        return None
