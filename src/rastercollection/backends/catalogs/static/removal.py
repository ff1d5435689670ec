"""Removing a collection from a static catalog: its documents, and the link to them."""

from __future__ import annotations

from rastercollection.backends.catalogs.static.at_once import in_parallel
from rastercollection.backends.catalogs.static.collection_files import CollectionFiles, is_ours
from rastercollection.backends.catalogs.static.locks import publishing_lock
from rastercollection.backends.catalogs.static.root_document import RootDocument
from rastercollection.backends.catalogs.static.stored import list_files
from rastercollection.ports.storage import StorageBackend

__all__ = ["collection_documents", "remove_collection"]


def collection_documents(storage: StorageBackend, catalog: str, collection_id: str) -> list[str]:
    """Addresses of the documents that publishing has made of a collection."""
    place = CollectionFiles.of(storage, catalog, collection_id)
    own = [name for name, _ in list_files(storage, place.folder) if is_ours(name)]
    return [place.document, *(f"{place.folder}/{name}" for name in own)]


def remove_collection(storage: StorageBackend, catalog: str, collection_id: str) -> None:
    """Delete a collection's documents, and have ``catalog.json`` lead there no more.

    Waits while somebody publishes to the collection. Where it fails half-way, it can be called again.

    Raises:
        BackendError: ``catalog.json`` is no STAC catalog, or something cannot be deleted.
        UnavailableError: Others have been publishing all the time.
    """
    place = CollectionFiles.of(storage, catalog, collection_id)
    root = RootDocument(storage=storage, folder=catalog)
    root.read()
    with publishing_lock(storage, place.lock) as lock:
        documents = collection_documents(storage, catalog, collection_id)
        lock.check()
        storage.delete(place.document)  # the first: other publishers link to what is there
        root.unlink(place.href)
        in_parallel(storage.delete, [url for url in documents if url != place.document])
