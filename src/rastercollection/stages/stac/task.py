"""Stage 4: the STAC collection with an item a COG, published; addresses of tile server and preview."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import attrs

from rastercollection.core.contexts import TaskContext
from rastercollection.core.models import Notice
from rastercollection.disclosure.listing import listed
from rastercollection.errors import ObjectNotFoundError, TaskError
from rastercollection.model.cog import Cog
from rastercollection.model.entry import CatalogEntry
from rastercollection.model.mosaic import Mosaic, Overview
from rastercollection.model.names import in_folder, page_name
from rastercollection.model.output import Output
from rastercollection.model.request import CollectionRequest
from rastercollection.mosaics.mosaicjson import members_digest
from rastercollection.ports.addresses import join
from rastercollection.ports.catalog import CatalogBackend, Publication, PublishMode
from rastercollection.ports.storage import StorageBackend
from rastercollection.stac.collections import collection_dict
from rastercollection.stac.items import ItemsOnDemand
from rastercollection.stac.published import cog_href
from rastercollection.stac.published_cog import is_item_of
from rastercollection.stac.terms import DIGEST
from rastercollection.stages.asked_renders import shown_renders
from rastercollection.stages.cogs_in_place import CogsInPlace
from rastercollection.stages.fan_in import made_cogs, made_mosaic, made_overview
from rastercollection.stages.members import Members, collection_members, report_uncombined, write_mosaic
from rastercollection.stages.resources import Resources
from rastercollection.stages.stac.late_overview import is_outdated, make_anew
from rastercollection.stages.stac.page_seal import sealed_page
from rastercollection.stages.stac.preview.drawing_board import draw_preview
from rastercollection.stages.stac.preview.page import PreviewPlaces, preview_page
from rastercollection.stages.stac.probe import Readiness
from rastercollection.stages.stac.superseded import overview_hrefs, remove_superseded
from rastercollection.stages.stac.tile_notices import report_tiles
from rastercollection.stages.stac.tile_service import Service, Shown, plan_service, try_service

__all__ = ["publish_again", "publish_collection"]

MOST_ROUNDS = 20
MOST_OVERVIEWS = 3

Json = dict[str, Any]


@attrs.frozen(kw_only=True)
class _Draft:
    """The collection's document, the job's items, what they were made of, and what is to be told of renders."""

    collection: Json
    items: ItemsOnDemand
    members: Members
    mosaic: Mosaic | None
    overview: Overview | None
    shown: Shown
    service: Service
    notices: tuple[Notice, ...]


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
    storage, catalog = _backends(context)
    report_tiles(members, context)
    own = made_overview(context)
    draft = _draft(request, members, made_mosaic(context), own, context)
    if draft.mosaic is None and draft.service.search_id is not None:
        report_uncombined(members, context)
    overviews = overview_hrefs(catalog, request.stac_item_id)
    publication = _publish(draft, storage, catalog, _mode(request, members), context)
    draft, count = _settle(request, context, draft, publication.items)
    draft, count = _with_overview(request, context, draft, count)
    remove_superseded(overviews | _files_of(own), request, storage, catalog)
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


def _viewer(request: CollectionRequest, service: Service, readiness: Readiness, context: TaskContext) -> str | None:
    """The tile server's map; None where the server has not answered with a picture."""
    if readiness.ready:
        return service.links.get("viewer")
    if request.titiler_url:
        message = f"The tile server does not show the collection: {readiness.reason}. The preview page is the map."
        context.notice("TITILER_NOT_READY", message)
    return None


def _publish(
    draft: _Draft, storage: StorageBackend, catalog: CatalogBackend, mode: PublishMode, context: TaskContext
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


def _backends(context: TaskContext) -> tuple[StorageBackend, CatalogBackend]:
    resources = Resources.of(context.resources)
    assert resources.catalog is not None
    return resources.storage, resources.catalog


def _mode(request: CollectionRequest, members: Members) -> PublishMode:
    """The job's mode. What it inserted before, and did not come to record, it may insert again."""
    mode = request.mode
    if mode != "insert" or not members.replaced:
        return mode
    made = {cog.item_id: cog for cog in members.made}
    return "upsert" if all(is_item_of(item, made[str(item["id"])]) for item in members.replaced) else mode


def _draft(
    request: CollectionRequest,
    members: Members,
    mosaic: Mosaic | None,
    overview: Overview | None,
    context: TaskContext,
) -> _Draft:
    storage, catalog = _backends(context)
    looks = shown_renders(request, members, Resources.of(context.resources))
    shown = Shown(
        cogs=members.combined,
        mosaic=mosaic,
        renders=looks.renders.by_name,
        uncombined=tuple(each.cog.item_id for each in members.uncombined),
    )
    service = plan_service(request, storage, catalog, shown)
    ids = request.stac_item_id, request.asset_key
    collection = collection_dict(
        request,
        itertools.chain(ItemsOnDemand(members.made, *ids), members.items),
        renders=looks.renders.by_name,
        drawn_as=looks.drawn_as,
        choice=looks.choice,
        mosaic=mosaic,
        overview=overview.image if overview else None,
        overview_members=overview.members if overview else "",
        is_outdated=is_outdated(overview, members),
        links=service.document_links,
    )
    return _Draft(
        collection=collection,
        items=ItemsOnDemand(members.made, *ids, whole=members.whole),
        members=members,
        mosaic=mosaic,
        overview=overview,
        shown=shown,
        service=service,
        notices=looks.renders.notices,
    )


def _settle(request: CollectionRequest, context: TaskContext, draft: _Draft, count: int) -> tuple[_Draft, int]:
    """Make mosaic and collection document those of all members; return what they are, and the number of items.

    Between reading the members and publishing, another job may have appended to the collection, or written the mosaic
    of what it knew. Whoever comes last sees the others' items and makes both again; so does a job that dropped items
    from the collection, which must leave the mosaic only afterwards.

    Raises:
        TaskError: ``CATALOG_BUSY``; others append all the time.
    """
    storage, catalog = _backends(context)
    made = draft.members.made
    for _ in range(MOST_ROUNDS):
        if count == draft.members.count and _is_current(draft.mosaic, draft.members, storage):
            return draft, count
        members = collection_members(request, context, published=True)
        _require_some(members, request)
        mosaic = write_mosaic(members, made, request, storage)[0] if draft.mosaic else None
        draft = _draft(request, members, mosaic, draft.overview, context)
        count = _publish_document(draft, catalog)
    raise TaskError(
        f"Other programs change collection {request.stac_item_id} all the time.",
        "The items are published. Run the job again later, to make mosaic and extents of all of them.",
        code="CATALOG_BUSY",
        retryable=True,
    )


def _with_overview(request: CollectionRequest, context: TaskContext, draft: _Draft, count: int) -> tuple[_Draft, int]:
    """Make the overview that the collection lacks since others have added to it, and publish it; as :func:`_settle`.

    Of several jobs that publish at the same time, the last one sees what all others have added.
    """
    storage, catalog = _backends(context)
    for _ in range(MOST_OVERVIEWS):
        if not is_outdated(draft.overview, draft.members):
            return draft, count
        overview = make_anew(context)
        if overview is None:
            return draft, count
        before = overview_hrefs(catalog, request.stac_item_id)
        members = collection_members(request, context, published=True)
        draft = _draft(request, members, draft.mosaic, overview, context)
        draft, count = _settle(request, context, draft, _publish_document(draft, catalog))
        remove_superseded(before, request, storage, catalog)
    if is_outdated(draft.overview, draft.members):
        context.notice(
            "OVERVIEW_OUTDATED",
            "Other jobs change the collection faster than an overview of it is made: the one that is published does "
            "not show all of it. Run this job again to have another made.",
        )
    return draft, count


def _publish_document(draft: _Draft, catalog: CatalogBackend) -> int:
    """Publish what is said of the collection; return how many items it has.

    Raises:
        TaskError: ``RESULTS_GONE``; others have removed it.
    """
    name = str(draft.collection["id"])

    def confirm() -> None:
        if catalog.collection(name) is None:
            raise _removed(name)

    return catalog.publish(draft.collection, [], confirm=confirm).items


def _require_some(members: Members, request: CollectionRequest) -> None:
    if not members.count:
        raise _removed(request.stac_item_id)


def _removed(name: str) -> TaskError:
    message = f"Collection {name} was removed while the job published it."
    return TaskError(message, "Run the job again: it makes it again.", "RESULTS_GONE")


def _files_of(overview: Overview | None) -> frozenset[str]:
    """Public addresses of the files of an overview."""
    image = overview.image if overview is not None else None
    return frozenset(href for href in (image.href, image.thumbnail) if href) if image is not None else frozenset()


def _is_current(mosaic: Mosaic | None, members: Members, storage: StorageBackend) -> bool:
    """Whether the mosaic holds these members, and no other job has written it since; also one of a user's stage."""
    if mosaic is None or not mosaic.members:
        return True
    try:
        is_unchanged = storage.stat(mosaic.outputs[0].url).version == mosaic.outputs[0].version
    except ObjectNotFoundError:
        return False
    return is_unchanged and mosaic.members == members_digest(members.cogs)


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


def _report_published(members: Members, draft: _Draft, context: TaskContext) -> tuple[str, ...]:
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
    draft: _Draft,
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
