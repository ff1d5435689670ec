"""What lies in a collection's folder under names of its documents, and is none of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rastercollection.backends.catalogs.static.collection_files import CollectionFiles, is_ours
from rastercollection.backends.catalogs.static.documents import mirror_of
from rastercollection.backends.catalogs.static.mirror import is_mirror_name
from rastercollection.backends.catalogs.static.stored import list_files, read_document
from rastercollection.ports.addresses import join
from rastercollection.ports.storage import StorageBackend
from rastercollection.stac.terms import OWN, PART_OF

__all__ = ["strangers"]

_FOOTER = 256 * 1024
"""Bytes at the end of a mirror, in which the names of its columns stand."""


def strangers(
    storage: StorageBackend, place: CollectionFiles, collection_id: str, published: Mapping[str, Any]
) -> Iterator[str]:
    """Names, from the collection's folder, of what publishing would overwrite or delete and has not made.

    What a publisher that died has left behind is its own: items of this collection, mirrors of this library's items.

    Args:
        storage: Where the catalog is.
        place: The collection's folder.
        collection_id: The collection.
        published: Its document; empty without one.
    """
    links = {link.get("href") for link in published.get("links", ())} | {(mirror_of(published) or {}).get("href")}
    for name, size in list_files(storage, place.folder):
        if not is_ours(name) or f"./{name}" in links:
            continue
        url = join(place.folder, name)
        if is_mirror_name(name):
            known = OWN.encode() in storage.read(url, max(size - _FOOTER, 0))
        else:
            document = read_document(storage, url) or {}
            known = collection_id in (document.get("collection"), document.get(PART_OF))
        if not known:
            yield name
