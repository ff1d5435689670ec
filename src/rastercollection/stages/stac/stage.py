"""Stage 4 as the workflow sees it: one task that publishes all COGs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from rastercollection.core.contexts import JobContext, TaskContext
from rastercollection.core.models import TaskResult
from rastercollection.core.records import from_dict, to_dict, to_plain
from rastercollection.core.workflow import FanIn, Stage
from rastercollection.errors import ObjectNotFoundError
from rastercollection.model.entry import CatalogEntry
from rastercollection.ports.catalog import CatalogBackend, Publication, PublishMode, SearchableCatalog
from rastercollection.ports.storage import StorageBackend
from rastercollection.stac.seal import is_sealed
from rastercollection.stac.terms import DIGEST
from rastercollection.stages.fan_in import FanInParameters
from rastercollection.stages.resources import Resources
from rastercollection.stages.stac.admission import admit
from rastercollection.stages.stac.page_seal import is_sealed_page
from rastercollection.stages.stage_names import CREATE_STAC_COLLECTION
from rastercollection.stages.verifying import has_whole_overview

__all__ = ["STAGE", "create_stac_collection"]


def create_stac_collection(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """The handler: :class:`~rastercollection.stages.fan_in.FanInParameters` in, a CatalogEntry out."""
    from rastercollection.stages.stac.task import publish_collection  # loads pystac

    return to_dict(publish_collection(from_dict(FanInParameters, parameters).job, context))


def _still_holds(result: TaskResult, resources: Mapping[str, Any]) -> bool:
    """Whether the catalog still holds what was sent, and all that leads to it is as it was written."""
    assert result.value is not None
    entry, known = from_dict(CatalogEntry, result.value), Resources.of(resources)
    catalog = known.catalog
    if catalog is None:
        return True
    if not catalog.is_current(_publication(entry)) or not _is_registered(entry, catalog):
        return False
    document = catalog.collection(entry.collection_id) or {}
    return (
        is_sealed(document) and has_whole_overview(document, known) and _is_page_whole(entry, document, known.storage)
    )


def _is_registered(entry: CatalogEntry, catalog: CatalogBackend) -> bool:
    """Whether the search that addresses of a tile server name is there."""
    return entry.search_id is None or (isinstance(catalog, SearchableCatalog) and catalog.has_search(entry.search_id))


def _is_page_whole(entry: CatalogEntry, document: Mapping[str, Any], storage: StorageBackend) -> bool:
    """Whether the preview page is as some job has written it, of the collection as it is published now."""
    try:
        return all(is_sealed_page(storage.read(output.url), document[DIGEST]) for output in entry.outputs)
    except ObjectNotFoundError:
        return False


def _publication(entry: CatalogEntry) -> Publication:
    return Publication(
        catalog=entry.catalog,
        collection_id=entry.collection_id,
        items=entry.items_in_collection,
        stored=entry.items_stored,
        collection_url=entry.collection_url,
        digest=entry.digest,
        item_ids=entry.item_ids,
        mode=cast(PublishMode, entry.mode),
    )


def _summary(_: JobContext, results: Sequence[TaskResult]) -> Mapping[str, Any]:
    """What was counted in the catalog; mosaic and overview as they are when the items are published."""
    made = [from_dict(CatalogEntry, result.value) for result in results if result.value is not None]
    if not made:
        return {"stac": None, "share_url": None, "titiler_urls": {}, "titiler_methods": {}, "titiler_layers": {}}
    entry = made[0]
    facts = {
        "stac": to_plain(entry.summary()),
        "share_url": entry.share_url,
        "titiler_urls": dict(entry.urls),
        "titiler_methods": dict(entry.methods),
        "titiler_layers": dict(entry.layers),
    }
    later = {"mosaicjson": entry.mosaic, "overview": entry.overview}
    return {**facts, **{name: made.summary() for name, made in later.items() if made is not None}}


STAGE = Stage(
    name=CREATE_STAC_COLLECTION,
    task_type=CREATE_STAC_COLLECTION,
    handler="rastercollection.stages.stac:create_stac_collection",
    version=1,
    record=CatalogEntry,
    fan=FanIn(),
    admit=admit,
    still_holds=_still_holds,
    summary=_summary,
)
