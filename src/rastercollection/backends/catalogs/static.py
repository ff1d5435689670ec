"""A static STAC catalog: self-contained JSON documents in a folder or a bucket, no server needed.

::

    catalog.json
    {collection}/collection.json
    {collection}/items/{item}.json

Readers never meet a half-published collection. No document that the published collection links to is overwritten:
an item that changed gets another file name beside the old one, the collection document switches over to it in one
atomic write, and only then goes what it no longer links to.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import attrs

from rastercollection.backends.catalogs.documents import (
    ItemLink,
    collection_digest,
    collection_document,
    encode,
    file_stems,
    item_document,
    item_links,
    multihash,
    new_root,
    with_children,
)
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.errors import BackendError, ObjectNotFoundError, UnavailableError
from rastercollection.protocols import Publication, StorageBackend
from rastercollection.urls import join, normalise, relative

__all__ = ["StaticCatalog"]

T = TypeVar("T")
Json = dict[str, Any]

PARALLEL_REQUESTS = 8
ROOT_ATTEMPTS = 20
KIND = "static"
ITEMS = "./items/"


@attrs.frozen
class StaticCatalog:
    """STAC in files below ``url``, written through a storage backend.

    Collections of other jobs and whatever else a ``catalog.json`` holds stay as they are. Two processes may publish
    different collections at the same time; of two that publish the same one, the last wins.

    Attributes:
        url: The folder, as an address that the storage takes.
        storage: Where it is; a :class:`~rastercollection.backends.storage.fsspec.FsspecStorage` unless given.
        options: Its storage options, where it is not given.
    """

    url: str = attrs.field(converter=normalise)
    storage: StorageBackend = attrs.field(default=None)
    options: Mapping[str, Any] | None = attrs.field(default=None, repr=False, hash=False)

    def __attrs_post_init__(self) -> None:
        if self.storage is None:
            object.__setattr__(self, "storage", FsspecStorage(self.options))

    def check(self) -> None:
        """Write, read and delete a small object, and look whether ``catalog.json``, if there is one, is a STAC catalog.

        Raises:
            BackendError: One of these does not work.
        """
        probe = join(self.url, f".rastercollection-{secrets.token_hex(8)}")
        self.storage.write(probe, b"writable")
        try:
            if self.storage.read(probe) != b"writable":
                raise BackendError(f"{self._public(probe)} does not read back as written.", "", self._public(probe))
        finally:
            self.storage.delete(probe)
        self._root()

    def publish(self, collection: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> Publication:
        """Publish a collection with all its items; afterwards it holds these items, no others. Idempotent.

        Raises:
            BackendError: A document cannot be written, two items have one id, or ``catalog.json`` is there and is no
                STAC catalog.
        """
        self._root()
        place = _Place.of(self, str(collection["id"]))
        twice = [name for name, times in Counter(item["id"] for item in items).items() if times > 1]
        if twice:
            raise BackendError(
                f"Several items have the id {twice[0]!r}.", "Ids are unique in a collection.", place.public
            )
        links = self._write_items(place, items, self._collection(place) or {})
        document = collection_document(collection, place.public, links)
        data = encode(document, place.public)
        if self._read(place.document) != data:
            self.storage.write(place.document, data)
        self._link_from_root(place.href, str(collection.get("title") or collection["id"]))
        self._remove_unlinked(place, data)
        return self._read_back(place)

    def is_current(self, publication: Publication) -> bool:
        """Whether the collection's document is as published, its items are there, and the catalog links to it."""
        place = _Place.of(self, publication.collection_id)
        document = self._collection(place)
        if document is None or collection_digest(document) != publication.digest:
            return False
        if place.href not in _children(self._root()):
            return False
        return len(self._stored(place, document)) == publication.items == len(item_links(document))

    def item_ids(self, collection_id: str) -> list[str]:
        """Ids of the items that a collection links to and that are there."""
        place = _Place.of(self, collection_id)
        return [link.item_id for link in self._stored(place, self._collection(place) or {})]

    def _write_items(
        self, place: _Place, items: Sequence[Mapping[str, Any]], published: Mapping[str, Any]
    ) -> list[ItemLink]:
        before = {link.item_id: link for link in item_links(published)}
        in_use = {link.get("href") for link in published.get("links", ())}
        sizes = self._sizes(place)
        stems = file_stems(item["id"] for item in items)

        def write(item: Mapping[str, Any]) -> ItemLink:
            stem = stems[item["id"]]
            public = f"{place.public_items}/{stem}.json"
            data = encode(item_document(item, public), public)
            checksum, old = multihash(data), before.get(item["id"])
            href = f"{ITEMS}{stem}.json"
            if old and old.checksum == checksum:
                href = old.href
            elif href in in_use:
                href = f"{ITEMS}{stem}-{checksum[-12:]}.json"
            if old is None or old.href != href or sizes.get(href) != len(data):
                self.storage.write(place.item_url(href), data)
            return ItemLink(item_id=item["id"], href=href, checksum=checksum, size=len(data))

        return _in_parallel(write, items)

    def _remove_unlinked(self, place: _Place, published: bytes) -> None:
        """Delete item documents that nothing links to, unless another publisher has been here in the meantime."""
        if self._read(place.document) != published:
            return
        linked = {link.href for link in item_links(json.loads(published))}
        old = [href for href in self._sizes(place) if href.endswith(".json") and href not in linked]
        _in_parallel(self.storage.delete, [place.item_url(href) for href in old])

    def _read_back(self, place: _Place) -> Publication:
        document = self._collection(place)
        if document is None:
            raise ObjectNotFoundError(f"{place.public} is gone right after it was written.", "", place.public)
        return Publication(
            catalog=KIND,
            collection_id=document["id"],
            items=len(self._stored(place, document)),
            collection_url=place.public,
            digest=collection_digest(document),
        )

    def _stored(self, place: _Place, document: Mapping[str, Any]) -> list[ItemLink]:
        """The item links of a collection whose documents are there, as large as they must be."""
        sizes = self._sizes(place)
        return [link for link in item_links(document) if sizes.get(link.href) == link.size]

    def _sizes(self, place: _Place) -> dict[str, int]:
        """Sizes of the item documents that exist, by href from the collection."""
        return {f"{ITEMS}{name}": size for name, size in self._listed(place.items)}

    def _listed(self, folder: str) -> Iterator[tuple[str, int]]:
        """Names, from the folder, and sizes of all objects below it."""
        try:
            for info in self.storage.list(folder):
                if not info.is_folder:
                    below = info.url.startswith(f"{folder}/")
                    yield info.url[len(folder) + 1 :] if below else relative(folder, info.url), info.size
        except ObjectNotFoundError:
            return

    def _link_from_root(self, href: str, title: str) -> None:
        """Make ``catalog.json`` link to a collection, losing no link that another process adds at the same time.

        Storage has no compare-and-swap. So what is written holds every collection found in the folder, and after
        writing both are read again: the last of several writers sees the collections of all others.

        Raises:
            UnavailableError: Other processes kept overwriting it.
        """
        root = self._root()
        if _children(root).get(href) == title:
            return
        for _ in range(ROOT_ATTEMPTS):
            wanted = {**self._unlinked(root), href: title}
            self.storage.write(self._root_url, encode(with_children(root, wanted), self._root_url))
            root = self._root()
            if _children(root).get(href) == title and not self._unlinked(root):
                return
        raise UnavailableError(
            f"{self._public(self._root_url)} is overwritten by others all the time.", "", self._public(self._root_url)
        )

    def _unlinked(self, root: Mapping[str, Any]) -> dict[str, str]:
        """Hrefs and titles of collections below the folder that belong to the catalog and that it does not link to."""
        known, missing = _children(root), {}
        for name, _ in self._listed(self.url):
            href = f"./{name}"
            if href.count("/") == 2 and href.endswith("/collection.json") and href not in known:
                document = _parsed(self._read(join(self.url, name)))
                if document and any(link.get("href") == "../catalog.json" for link in document.get("links", ())):
                    missing[href] = str(document.get("title") or document.get("id"))
        return missing

    @property
    def _root_url(self) -> str:
        return join(self.url, "catalog.json")

    def _root(self) -> Json:
        """``catalog.json``, or an empty catalog where there is none.

        Raises:
            BackendError: It is no STAC catalog.
        """
        data = self._read(self._root_url)
        if data is None:
            return new_root(self.url.rstrip("/").rpartition("/")[2] or "catalog")
        document = _parsed(data)
        if document is None or document.get("type") != "Catalog" or not isinstance(document.get("links"), list):
            raise BackendError(
                f"{self._public(self._root_url)} is there and is no STAC catalog.",
                "Choose another folder for the catalog.",
                self._public(self._root_url),
            )
        return document

    def _collection(self, place: _Place) -> Json | None:
        """The collection's document; None where there is none that can be read."""
        return _parsed(self._read(place.document))

    def _read(self, url: str) -> bytes | None:
        try:
            return self.storage.read(url)
        except ObjectNotFoundError:
            return None

    def _public(self, url: str) -> str:
        return self.storage.public_url(url)


@attrs.frozen
class _Place:
    """Where a collection's documents are.

    Attributes:
        href: Of the collection's document, from ``catalog.json``.
        document, items: Addresses of the document and of the folder of items.
        public, public_items: The same as other programs know them.
    """

    href: str
    document: str
    items: str
    public: str
    public_items: str

    @classmethod
    def of(cls, catalog: StaticCatalog, collection_id: str) -> _Place:
        folder = file_stems([collection_id])[collection_id]
        document = join(catalog.url, folder, "collection.json")
        items = join(catalog.url, folder, "items")
        public_url = catalog.storage.public_url
        return cls(f"./{folder}/collection.json", document, items, public_url(document), public_url(items))

    def item_url(self, href: str) -> str:
        return f"{self.items}/{href.removeprefix(ITEMS)}"


def _children(root: Mapping[str, Any]) -> dict[str, str]:
    """Titles of the collections a catalog links to, by href."""
    links = [link for link in root["links"] if link.get("rel") == "child"]
    return {link["href"]: link.get("title", "") for link in links if "href" in link}


def _parsed(data: bytes | None) -> Json | None:
    if data is None:
        return None
    try:
        document = json.loads(data)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _in_parallel(function: Callable[[Any], T], arguments: Sequence[Any]) -> list[T]:
    with ThreadPoolExecutor(max_workers=PARALLEL_REQUESTS) as threads:
        return list(threads.map(function, arguments))
