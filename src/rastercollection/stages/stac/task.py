"""Stage 4: the STAC collection with an item a COG, published; addresses of tile server and preview."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rastercollection.core.contexts import TaskContext
from rastercollection.disclosure.listing import listed
from rastercollection.errors import TaskError
from rastercollection.model.cog import Cog
from rastercollection.model.entry import CatalogEntry
from rastercollection.model.mosaic import Overview
from rastercollection.model.names import in_folder, page_name
from rastercollection.model.output import Output
from rastercollection.model.request import CollectionRequest
from rastercollection.ports.addresses import join
from rastercollection.ports.catalog import CatalogBackend, Publication, PublishMode
from rastercollection.ports.storage import StorageBackend
from rastercollection.stac.items import ItemsOnDemand
from rastercollection.stac.published import cog_href
from rastercollection.stac.published_cog import is_item_of
from rastercollection.stac.terms import DIGEST
from rastercollection.stages.cogs_in_place import CogsInPlace
from rastercollection.stages.fan_in import made_cogs, made_mosaic, made_overview
from rastercollection.stages.members import Members, collection_members, report_uncombined
from rastercollection.stages.resources import Resources
from rastercollection.stages.stac.draft import Draft, backends, draft_collection
from rastercollection.stages.stac.others_changes import settle, with_overview
from rastercollection.stages.stac.page_seal import sealed_page
from rastercollection.stages.stac.preview.drawing_board import draw_preview
from rastercollection.stages.stac.preview.page import PreviewPlaces, preview_page
from rastercollection.stages.stac.probe import Readiness
from rastercollection.stages.stac.superseded import overview_hrefs, remove_superseded
from rastercollection.stages.stac.tile_notices import report_tiles
from rastercollection.stages.stac.tile_service import Service, try_service

__all__ = ["publish_again", "publish_collection"]


def publish_collection(request: CollectionRequest, context: TaskContext) -> CatalogEntry:
    """Publish collection and items, look whether the tile server shows them, write the preview page.

    Extents, summaries, renders and preview are those of all members: of the items sent and of those that the
    collection holds already.

    Raises:
        TaskError: ``CATALOG_EMPTY``; there is no COG. ``DUPLICATE_ITEM_ID``; two tiles have one id.
            ``CATALOG_INCOMPLETE``; the catalog does not hold all items that were sent.
        ObjectExistsError: With mode ``insert``, naming items that are there.
    """
    made = made_cogs(context)
    _check(made.cogs)
    return _published(request, context, collection_members(request, context, made))


def publish_again(request: CollectionRequest, context: TaskContext) -> CatalogEntry:
    """The same, where there need not be a COG of the job's own: what is published is put in order.

    Raises:
        TaskError: As of :func:`publish_collection`.
    """
    return _published(request, context, collection_members(request, context))


def _published(request: CollectionRequest, context: TaskContext, members: Members) -> CatalogEntry:
    storage, own = Resources.of(context.resources).storage, made_overview(context)
    report_tiles(members, context)
    draft, publication, count = _in_catalog(request, context, members, own)
    dropped = _report_published(members, draft, context)
    service, readiness = try_service(draft.service, draft.shown)
    viewer = _viewer(request, service, readiness, context)
    preview = _write_preview(request, context, draft, publication, viewer)
    return CatalogEntry(
        collection_id=publication.collection_id,
        catalog=publication.catalog,
        collection_url=publication.collection_url,
        items_created=len(members.made),
        items_stored=publication.stored,
        items_in_collection=count,
        digest=publication.digest,
        item_ids=publication.item_ids,
        mode=publication.mode,
        mosaic=draft.mosaic,
        overview=None if draft.overview is own else draft.overview,
        dropped_cogs=dropped,
        search_id=service.search_id,
        urls=service.links,
        methods=service.methods,
        layers=service.layers,
        share_url=viewer or storage.public_url(preview.url),
        preview_url=storage.public_url(preview.url),
        ready_for_titiler=readiness.ready,
        ready_reason=readiness.reason,
        outputs=(preview,),
    )


def _in_catalog(
    request: CollectionRequest, context: TaskContext, members: Members, own: Overview | None
) -> tuple[Draft, Publication, int]:
    """Publish the items, and then what follows from all of the collection; what that took the place of goes.

    Returns:
        The collection as it is published, what was sent of it, and the number of its items.
    """
    storage, catalog = backends(context)
    draft = draft_collection(request, members, made_mosaic(context), own, context)
    if draft.mosaic is None and draft.service.search_id is not None:
        report_uncombined(members, context)
    overviews = overview_hrefs(catalog, request.stac_item_id)
    publication = _publish(draft, storage, catalog, _mode(request, members), context)
    draft, count = settle(request, context, draft, publication.items)
    draft, count = with_overview(request, context, draft, count)
    remove_superseded(overviews | _files_of(own), request, storage, catalog)
    return draft, publication, count


def _viewer(request: CollectionRequest, service: Service, readiness: Readiness, context: TaskContext) -> str | None:
    """The tile server's map; None where the server has not answered with a picture."""
    if readiness.ready:
        return service.links.get("viewer")
    if request.titiler_url:
        message = f"The tile server does not show the collection: {readiness.reason}. The preview page is the map."
        context.notice("TITILER_NOT_READY", message)
    return None


def _publish(
    draft: Draft, storage: StorageBackend, catalog: CatalogBackend, mode: PublishMode, context: TaskContext
) -> Publication:
    """Send collection and items, once their COGs are seen to be there, and make sure that all of them are stored.

    Raises:
        TaskError: ``RESULTS_GONE``; others have removed COGs in the meantime; nothing is published.
    """
    in_place = CogsInPlace(cogs=draft.members.made, storage=storage)
    in_place.confirm()  # nobody has to wait meanwhile
    publication = catalog.publish(draft.collection, draft.items, mode=mode, confirm=in_place.confirm)
    for notice in publication.notices:
        context.notice(notice.code, notice.message)
    _compare(publication, draft.items, catalog)
    return publication


def _mode(request: CollectionRequest, members: Members) -> PublishMode:
    """The job's mode. What it inserted before, and did not come to record, it may insert again."""
    mode = request.mode
    if mode != "insert" or not members.replaced:
        return mode
    made = {cog.item_id: cog for cog in members.made}
    return "upsert" if all(is_item_of(item, made[str(item["id"])]) for item in members.replaced) else mode


def _files_of(overview: Overview | None) -> frozenset[str]:
    """Public addresses of the files of an overview."""
    image = overview.image if overview is not None else None
    return frozenset(href for href in (image.href, image.thumbnail) if href) if image is not None else frozenset()


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


def _report_published(members: Members, draft: Draft, context: TaskContext) -> tuple[str, ...]:
    """Say what is to be known of renders, and of dropped items; addresses of their COGs, which are left as they are."""
    for notice in draft.notices:
        context.notice(notice.code, notice.message)
    made = {cog.file.href for cog in members.made}
    hrefs = map(cog_href, members.leaving)
    dropped = tuple(href for href in hrefs if href and href not in made)
    if members.leaving:
        files = f" Their COGs stay where they are: {listed(dropped)}." if dropped else ""
        context.notice("ITEMS_DROPPED", f"{len(members.leaving)} items are no longer in the collection.{files}")
    return dropped


def _compare(publication: Publication, items: ItemsOnDemand, catalog: CatalogBackend) -> None:
    """What was stored against what was sent.

    Raises:
        TaskError: ``CATALOG_INCOMPLETE``, naming the items that are missing where the catalog can list them.
    """
    if publication.stored == len(items):
        return
    listing = getattr(catalog, "item_ids", None)
    listed = set(listing(publication.collection_id)) if callable(listing) else set()
    missing = sorted(set(items.ids) - listed) if listed else []
    raise TaskError(
        f"The catalog holds {publication.stored} of the {len(items)} items that were sent to collection "
        f"{publication.collection_id}{' (missing: ' + ', '.join(missing[:10]) + ')' if missing else ''}.",
        "Run the job again; if it happens again, look for another program that writes this collection.",
        code="CATALOG_INCOMPLETE",
        retryable=True,
        details={"missing": missing},
    )


def _write_preview(
    request: CollectionRequest,
    context: TaskContext,
    draft: Draft,
    publication: Publication,
    viewer: str | None,
) -> Output:
    storage, members = Resources.of(context.resources).storage, draft.members
    url = join(request.output_container, in_folder(page_name(request.collection_id), request.output_folder))
    places = PreviewPlaces(
        page=storage.public_url(url),
        collection=publication.collection_url,
        mosaic=draft.mosaic.url if draft.mosaic else "",
        viewer=viewer or "",
    )
    drawn = draw_preview(members, draft.overview, draft.shown.renders, context)
    text = preview_page(draft.collection["title"], request.collection_description, members.cogs, places, drawn)
    page = sealed_page(text, draft.collection[DIGEST])
    written = storage.write(url, page)
    return Output.shared_document(page, written.url, written.version)
