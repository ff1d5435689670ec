"""What other jobs have changed of a collection meanwhile: mosaic, document and overview made anew of all members."""

from __future__ import annotations

from rastercollection.core.contexts import TaskContext
from rastercollection.errors import ObjectNotFoundError, TaskError
from rastercollection.model.mosaic import Mosaic
from rastercollection.model.request import CollectionRequest
from rastercollection.mosaics.mosaicjson import members_digest
from rastercollection.ports.catalog import CatalogBackend
from rastercollection.ports.storage import StorageBackend
from rastercollection.stages.members import Members, collection_members, write_mosaic
from rastercollection.stages.stac.draft import Draft, backends, draft_collection
from rastercollection.stages.stac.late_overview import is_outdated, make_anew
from rastercollection.stages.stac.superseded import overview_hrefs, remove_superseded

__all__ = ["settle", "with_overview"]

MOST_ROUNDS = 20
MOST_OVERVIEWS = 3


def settle(request: CollectionRequest, context: TaskContext, draft: Draft, count: int) -> tuple[Draft, int]:
    """Make mosaic and collection document those of all members; return what they are, and the number of items.

    Between reading the members and publishing, another job may have appended to the collection, or written the mosaic
    of what it knew. Whoever comes last sees the others' items and makes both again; so does a job that dropped items
    from the collection, which must leave the mosaic only afterwards.

    Raises:
        TaskError: ``CATALOG_BUSY``; others append all the time.
    """
    storage, catalog = backends(context)
    made = draft.members.made
    for _ in range(MOST_ROUNDS):
        if count == draft.members.count and _is_current(draft.mosaic, draft.members, storage):
            return draft, count
        members = collection_members(request, context, published=True)
        _require_some(members, request)
        mosaic = write_mosaic(members, made, request, storage)[0] if draft.mosaic else None
        draft = draft_collection(request, members, mosaic, draft.overview, context)
        count = _publish_document(draft, catalog)
    raise TaskError(
        f"Other programs change collection {request.stac_item_id} all the time.",
        "The items are published. Run the job again later, to make mosaic and extents of all of them.",
        code="CATALOG_BUSY",
        retryable=True,
    )


def with_overview(request: CollectionRequest, context: TaskContext, draft: Draft, count: int) -> tuple[Draft, int]:
    """Make and publish the overview that the collection lacks since others have added to it; returns as :func:`settle`.

    Of several jobs that publish at the same time, the last one sees what all others have added.
    """
    storage, catalog = backends(context)
    for _ in range(MOST_OVERVIEWS):
        if not is_outdated(draft.overview, draft.members):
            return draft, count
        overview = make_anew(context)
        if overview is None:
            return draft, count
        before = overview_hrefs(catalog, request.stac_item_id)
        members = collection_members(request, context, published=True)
        draft = draft_collection(request, members, draft.mosaic, overview, context)
        draft, count = settle(request, context, draft, _publish_document(draft, catalog))
        remove_superseded(before, request, storage, catalog)
    if is_outdated(draft.overview, draft.members):
        context.notice(
            "OVERVIEW_OUTDATED",
            "Other jobs change the collection faster than an overview of it is made: the one that is published does "
            "not show all of it. Run this job again to have another made.",
        )
    return draft, count


def _publish_document(draft: Draft, catalog: CatalogBackend) -> int:
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


def _is_current(mosaic: Mosaic | None, members: Members, storage: StorageBackend) -> bool:
    """Whether the mosaic holds these members, and no other job has written it since; also one of a user's stage."""
    if mosaic is None or not mosaic.members:
        return True
    try:
        is_unchanged = storage.stat(mosaic.outputs[0].url).version == mosaic.outputs[0].version
    except ObjectNotFoundError:
        return False
    return is_unchanged and mosaic.members == members_digest(members.cogs)
