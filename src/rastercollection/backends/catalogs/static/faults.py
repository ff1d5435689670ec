"""What is wrong with the documents of a published collection: each is compared with what another says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rastercollection.backends.catalogs.static.at_once import in_parallel
from rastercollection.backends.catalogs.static.collection_files import CollectionFiles, is_ours
from rastercollection.backends.catalogs.static.documents import ItemLink, child_titles, item_links, mirror_of
from rastercollection.backends.catalogs.static.mirror import is_mirror_name
from rastercollection.backends.catalogs.static.stored import list_files, parse, read_bytes, read_document
from rastercollection.core.records import multihash
from rastercollection.ports.addresses import join
from rastercollection.ports.catalog import CatalogFault
from rastercollection.ports.storage import StorageBackend
from rastercollection.stac.parts import part_links, whole
from rastercollection.stac.terms import FILE_CHECKSUM

__all__ = ["find_faults"]


def find_faults(storage: StorageBackend, place: CollectionFiles, root: Mapping[str, Any]) -> Iterator[CatalogFault]:
    """The faults of one collection.

    Args:
        storage: Where the catalog is.
        place: The collection's files.
        root: The catalog's document.
    """
    document = parse(read_bytes(storage, place.document))
    if document is None:
        yield CatalogFault(
            code="COLLECTION_UNREADABLE",
            what="collection.json",
            where=place.public,
            reason="it is not there, or no JSON",
        )
        return
    if place.href not in child_titles(root):
        yield CatalogFault(
            code="COLLECTION_NOT_LINKED",
            what="catalog.json",
            where=f"{place.public_folder.rpartition('/')[0]}/catalog.json",
            reason="it does not link to the collection",
        )
    yield from (
        fault for fault in in_parallel(lambda link: _of_part(storage, place, link), part_links(document)) if fault
    )
    document = whole(document, lambda href: read_document(storage, place.part_url(href)))
    links = item_links(document)
    yield from (fault for fault in in_parallel(lambda link: _of_item(storage, place, link), links) if fault)
    yield from _of_mirror(storage, place, document)
    yield from _unlinked(storage, place, document)


def _of_part(storage: StorageBackend, place: CollectionFiles, link: Mapping[str, Any]) -> CatalogFault | None:
    data, name = read_bytes(storage, place.part_url(link["href"])), str(link.get("title"))
    where = f"{place.public_folder}/{link['href'][2:]}"
    if data is None:
        return CatalogFault(code="PART_MISSING", what=name, where=where, reason="its document is not there")
    if multihash(data) != link.get(FILE_CHECKSUM):
        reason = "its document is not the one that was published"
        return CatalogFault(code="PART_ALTERED", what=name, where=where, reason=reason)
    return None


def _of_item(storage: StorageBackend, place: CollectionFiles, link: ItemLink) -> CatalogFault | None:
    data, where = read_bytes(storage, place.item_url(link.href)), f"{place.public_folder}/{link.href[2:]}"
    if data is None:
        return CatalogFault(code="ITEM_MISSING", what=link.item_id, where=where, reason="its document is not there")
    if multihash(data) != link.checksum:
        reason = "its document is not the one that was published"
        return CatalogFault(code="ITEM_ALTERED", what=link.item_id, where=where, reason=reason)
    return None


def _of_mirror(storage: StorageBackend, place: CollectionFiles, document: Mapping[str, Any]) -> Iterator[CatalogFault]:
    asset = mirror_of(document)
    if asset is None:
        return
    name = str(asset["href"]).removeprefix("./")
    data = read_bytes(storage, join(place.folder, name)) if is_mirror_name(name) else None
    where = f"{place.public_folder}/{name}"
    if data is None:
        yield CatalogFault(code="MIRROR_MISSING", what=name, where=where, reason="it is not there")
    elif multihash(data) != asset.get(FILE_CHECKSUM):
        yield CatalogFault(code="MIRROR_ALTERED", what=name, where=where, reason="it is not the one that was published")


def _unlinked(storage: StorageBackend, place: CollectionFiles, document: Mapping[str, Any]) -> Iterator[CatalogFault]:
    linked = {link.get("href") for link in document["links"]} | {(mirror_of(document) or {}).get("href")}
    for name, _ in list_files(storage, place.folder):
        if is_ours(name) and f"./{name}" not in linked:
            where = f"{place.public_folder}/{name}"
            yield CatalogFault(code="LEFTOVER", what=name, where=where, reason="the collection does not link to it")
