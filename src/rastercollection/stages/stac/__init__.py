"""Stage 4: the STAC collection with an item a COG, published; addresses of tile server and preview. Opens no raster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from rastercollection.errors import TaskError
from rastercollection.naming import in_folder
from rastercollection.products import CatalogEntry, Cog, Mosaic, Output
from rastercollection.protocols import CatalogBackend, Publication, StorageBackend
from rastercollection.records import to_dict
from rastercollection.stages.inputs import made_cogs, made_mosaic, source_times
from rastercollection.stages.stac.collection import collection_dict
from rastercollection.stages.stac.items import is_dated, item_dict
from rastercollection.stages.stac.preview import PreviewPlaces, preview_page
from rastercollection.stages.stac.probe import Readiness, offers, probe
from rastercollection.stages.stac.renders import collection_renders
from rastercollection.stages.stac.urls import build_urls
from rastercollection.urls import join
from rastercollection.workflow import TaskContext

__all__ = ["create_stac_collection"]

Json = dict[str, Any]


@attrs.frozen
class _Server:
    """What the tile server is asked for, and whether it answers."""

    links: Mapping[str, str]
    readiness: Readiness


def create_stac_collection(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """Publish collection and items, check what was asked of the tile server, write the preview page.

    Returns:
        The record of a CatalogEntry.

    Raises:
        TaskError: ``CATALOG_EMPTY``; there is no COG. ``DUPLICATE_ITEM_ID``; two tiles have one id.
            ``CATALOG_INCOMPLETE``; the catalog does not hold all items that were sent.
    """
    job = parameters["job"]
    storage: StorageBackend = context.resources["storage"]
    catalog: CatalogBackend = context.resources["catalog"]
    cogs, mosaic = made_cogs(context), made_mosaic(context)
    _check(cogs)
    _report_undated(cogs, context)
    renders = collection_renders(cogs, job["asset_key"])
    server = _ask_server(job, storage, mosaic, cogs, renders.get("visual", {}))
    times = source_times(context)
    items = [item_dict(cog, job["stac_item_id"], job["asset_key"], times.get(cog.source_blob, "")) for cog in cogs]
    collection = collection_dict(job, cogs, items, renders=renders, mosaic=mosaic, links=server.links)
    publication = catalog.publish(collection, items)
    _compare(publication, items, catalog)
    preview = _write_preview(job, storage, cogs, mosaic, publication, server)
    return to_dict(
        CatalogEntry(
            collection_id=publication.collection_id,
            catalog=publication.catalog,
            collection_url=publication.collection_url,
            items_created=len(items),
            items_stored=publication.stored,
            items_in_collection=publication.items,
            digest=publication.digest,
            item_ids=publication.item_ids,
            mode=publication.mode,
            search_id=None,
            urls=server.links,
            share_url=server.links.get("viewer") or storage.public_url(preview.url),
            ready_for_titiler=server.readiness.ready,
            ready_reason=server.readiness.reason,
            outputs=(preview,),
        )
    )


def _check(cogs: Sequence[Cog]) -> None:
    if not cogs:
        raise TaskError(
            "There is no COG to catalog.", "See why each tile failed in the stages before.", code="CATALOG_EMPTY"
        )
    twice = [name for name, times in Counter(cog.item_id for cog in cogs).items() if times > 1]
    if twice:
        raise TaskError(
            f"Several tiles have the item id {', '.join(sorted(twice)[:5])}.",
            "Give every tile an item_id of its own.",
            code="DUPLICATE_ITEM_ID",
            details={"item_ids": sorted(twice)},
        )


def _report_undated(cogs: Sequence[Cog], context: TaskContext) -> None:
    undated = [cog.source_blob for cog in cogs if not is_dated(cog)]
    if undated:
        shown = ", ".join(undated[:5]) + (" …" if len(undated) > 5 else "")
        context.notice(
            "DATETIME_UNKNOWN",
            f"{len(undated)} of {len(cogs)} items have no acquisition time, just an interval that ends when their "
            f"source was last written ({shown}): set datetime or datetime_pattern.",
        )


def _ask_server(
    job: Mapping[str, Any], storage: StorageBackend, mosaic: Mosaic | None, cogs: Sequence[Cog], render: Json
) -> _Server:
    if not job.get("titiler_url"):
        return _Server({}, Readiness(False, "no titiler_url was given"))
    if mosaic is None:
        return _Server({}, Readiness(False, "there is no mosaic to serve: create_mosaicjson is off"))
    if storage.is_process_local(mosaic.url):
        return _Server({}, Readiness(False, f"no server can read {mosaic.url}: it exists in this process only"))
    links = build_urls(job["titiler_url"], {"url": mosaic.url}, render)
    readiness = probe(links, mosaic, cogs, render)
    if not readiness.ready or not offers(links["statistics"]):
        del links["statistics"]
    return _Server(links, readiness)


def _compare(publication: Publication, items: Sequence[Json], catalog: CatalogBackend) -> None:
    """What was stored against what was sent.

    Raises:
        TaskError: ``CATALOG_INCOMPLETE``, naming the items that are missing where the catalog can list them.
    """
    if publication.stored == len(items):
        return
    listing = getattr(catalog, "item_ids", None)
    listed = set(listing(publication.collection_id)) if callable(listing) else set()
    missing = sorted({item["id"] for item in items} - listed) if listed else []
    raise TaskError(
        f"The catalog holds {publication.stored} of the {len(items)} items that were sent to collection "
        f"{publication.collection_id}{' (missing: ' + ', '.join(missing[:10]) + ')' if missing else ''}.",
        "Run the job again; if it happens again, look for another program that writes this collection.",
        code="CATALOG_INCOMPLETE",
        retryable=True,
        details={"missing": missing},
    )


def _write_preview(
    job: Mapping[str, Any],
    storage: StorageBackend,
    cogs: Sequence[Cog],
    mosaic: Mosaic | None,
    publication: Publication,
    server: _Server,
) -> Output:
    url = join(job["output_container"], in_folder(f"{job['collection_id']}.html", job.get("output_folder")))
    places = PreviewPlaces(
        page=storage.public_url(url),
        collection=publication.collection_url,
        mosaic=mosaic.url if mosaic else "",
        viewer=server.links.get("viewer", ""),
    )
    page = preview_page(f"{job['collection_id']} Collection", job["collection_description"], cogs, places)
    written = storage.write(url, page.encode())
    return Output(url=written.url, size=written.size, version=written.version)
