"""The collections that one server shows: those of a catalog, each read when it is first asked for."""

from __future__ import annotations

import threading

import attrs

from rastercollection.disclosure.logs import get_logger
from rastercollection.errors import ObjectNotFoundError, RasterCollectionError
from rastercollection.ports.storage import StorageBackend
from rastercollection.viewer.locate import FoundCollection, find_collection, find_collections
from rastercollection.viewer.served import ServedCollection

__all__ = ["CatalogEntry", "ServedCatalog"]

log = get_logger(__name__)


@attrs.frozen(kw_only=True)
class CatalogEntry:
    """A collection to choose.

    Attributes:
        key: What addresses and links call it; no two of a catalog have the same.
        title: What the catalog calls it; empty where it does not.
        base: What its addresses begin with, relative to the page; empty for the one that is shown at first.
        url: Address of its document.
    """

    key: str
    title: str
    base: str
    url: str


class ServedCatalog:
    """The collections of a catalog, or the only one that an address stands for.

    Args:
        storage: What reads them.
        address: As :func:`~rastercollection.viewer.locate.find_collections` takes it.
        collection_id: Of the collection that is shown at first; the first that opens when None.

    Raises:
        ViewError, BackendError: There is none that can be shown, or not the one that is asked for.
    """

    def __init__(self, storage: StorageBackend, address: str, collection_id: str | None = None) -> None:
        self.storage = storage
        every = find_collections(storage, address)
        wanted = [] if collection_id is None else [find_collection(storage, address, collection_id)]
        unlinked = [FoundCollection(url=url, title="") for url in wanted if url not in {one.url for one in every}]
        found = _keyed((*every, *unlinked))
        first, served = self._first_that_opens({key: one for key, one in found.items() if one.url in wanted} or found)
        self._served: dict[str, ServedCollection] = {first: served}
        self.entries = tuple(
            CatalogEntry(key=key, title=one.title, base="" if key == first else f"collections/{key}/", url=one.url)
            for key, one in found.items()
        )
        self._entries = {entry.key: entry for entry in self.entries}
        self._locks = {key: threading.Lock() for key in self._entries}
        self._first = first

    def get(self, key: str = "") -> ServedCollection:
        """The collection of a key; the one that is shown at first, without one.

        Raises:
            ObjectNotFoundError: The catalog has none of this key.
            ViewError, BackendError: It cannot be shown.
        """
        entry = self._entries.get(key or self._first)
        if entry is None:
            raise ObjectNotFoundError("The catalog has no such collection.", "", key)
        with self._locks[entry.key]:  # one of them, which may take long, keeps none of the others waiting
            if entry.key not in self._served:
                self._served[entry.key] = ServedCollection(self.storage, entry.url)
        return self._served[entry.key]

    def base(self, key: str = "") -> str:
        """What addresses of a collection begin with, relative to the page."""
        return self._entries[key].base if key else ""

    def _first_that_opens(self, found: dict[str, FoundCollection]) -> tuple[str, ServedCollection]:
        problems = []
        for key, one in found.items():
            try:
                return key, ServedCollection(self.storage, one.url)
            except RasterCollectionError as error:
                log.warning("the collection %s cannot be shown: %s", key, error)
                problems.append(error)
        raise problems[0]


def _keyed(found: tuple[FoundCollection, ...]) -> dict[str, FoundCollection]:
    """By the names of their folders, with a number where two have the same."""
    keyed: dict[str, FoundCollection] = {}
    for one in found:
        key, number = one.name, 2
        while key in keyed:
            key, number = f"{one.name}-{number}", number + 1
        keyed[key] = one
    return keyed
