"""Overviews that a collection has linked to and no longer does: they go, once it is published without them."""

from __future__ import annotations

import contextlib
from collections.abc import Set

from rastercollection.errors import BackendError
from rastercollection.model.names import in_folder, is_overview_name
from rastercollection.model.request import CollectionRequest
from rastercollection.ports.addresses import join
from rastercollection.ports.catalog import CatalogBackend
from rastercollection.ports.storage import StorageBackend
from rastercollection.stac.published import assets_with_role
from rastercollection.stac.terms import OVERVIEW, THUMBNAIL

__all__ = ["overview_hrefs", "remove_superseded"]


def overview_hrefs(catalog: CatalogBackend, collection_id: str) -> frozenset[str]:
    """Addresses of overview and thumbnail of a collection as it is published now; none without such a collection."""
    document = catalog.collection(collection_id) or {}
    return frozenset(asset["href"] for role in (OVERVIEW, THUMBNAIL) for asset in assets_with_role(document, role))


def remove_superseded(
    before: Set[str], request: CollectionRequest, storage: StorageBackend, catalog: CatalogBackend
) -> None:
    """Delete overviews that the collection linked to before and does not link to now.

    Just files of this name in the job's own folder are deleted, whatever the document has said. What cannot be deleted
    stays: nobody is led there any more.

    Args:
        before: What :func:`overview_hrefs` found before the job published.
        request: What was asked for.
        storage: Where they are.
        catalog: Where the collection is published by now.
    """
    superseded = before - overview_hrefs(catalog, request.stac_item_id) if before else ()
    for href in superseded:
        name = href.rpartition("/")[2]
        url = join(request.output_container, in_folder(name, request.output_folder))
        if is_overview_name(name, request.collection_id) and storage.public_url(url) == href:
            with contextlib.suppress(BackendError):
                storage.delete(url)
