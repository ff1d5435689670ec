"""The collection as it is to be published: what its members, mosaic, overview and tile server make of its documents."""

from __future__ import annotations

import itertools
from typing import Any

import attrs

from rastercollection.core.contexts import TaskContext
from rastercollection.core.models import Notice
from rastercollection.model.mosaic import Mosaic, Overview
from rastercollection.model.request import CollectionRequest
from rastercollection.ports.catalog import CatalogBackend
from rastercollection.ports.storage import StorageBackend
from rastercollection.stac.collections import collection_dict
from rastercollection.stac.items import ItemsOnDemand
from rastercollection.stages.asked_looks import asked_looks
from rastercollection.stages.members import Members
from rastercollection.stages.resources import Resources
from rastercollection.stages.stac.late_overview import is_outdated
from rastercollection.stages.stac.tile_service import Service, Shown, plan_service

__all__ = ["Draft", "backends", "draft_collection"]


@attrs.frozen(kw_only=True)
class Draft:
    """The collection's document, the job's items, what they were made of, and what is to be told of renders."""

    collection: dict[str, Any]
    items: ItemsOnDemand
    members: Members
    mosaic: Mosaic | None
    overview: Overview | None
    shown: Shown
    service: Service
    notices: tuple[Notice, ...]


def draft_collection(
    request: CollectionRequest,
    members: Members,
    mosaic: Mosaic | None,
    overview: Overview | None,
    context: TaskContext,
) -> Draft:
    """What is to be published of these members; nothing is, but for a search that is registered."""
    asked = asked_looks(request, members, Resources.of(context.resources))
    shown = Shown(
        cogs=members.combined,
        mosaic=mosaic,
        renders=asked.looks.renders,
        uncombined=tuple(each.cog.item_id for each in members.uncombined),
    )
    service = plan_service(request, *backends(context), shown)
    ids = request.stac_item_id, request.asset_key
    collection = collection_dict(
        request,
        itertools.chain(ItemsOnDemand(members.made, *ids), members.items),
        looks=asked.looks,
        mosaic=mosaic,
        overview=overview,
        is_outdated=is_outdated(overview, members),
        links=service.document_links,
    )
    return Draft(
        collection=collection,
        items=ItemsOnDemand(members.made, *ids, whole=members.whole),
        members=members,
        mosaic=mosaic,
        overview=overview,
        shown=shown,
        service=service,
        notices=asked.notices,
    )


def backends(context: TaskContext) -> tuple[StorageBackend, CatalogBackend]:
    """Storage and catalog of the job."""
    resources = Resources.of(context.resources)
    assert resources.catalog is not None
    return resources.storage, resources.catalog
