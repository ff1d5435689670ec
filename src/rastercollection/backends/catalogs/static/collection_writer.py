"""Writing the documents of a static collection: items first, then parts, then the document that leads to them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from rastercollection.backends.catalogs.static.at_once import in_parallel
from rastercollection.backends.catalogs.static.collection_files import ITEMS, CollectionFiles, is_ours
from rastercollection.backends.catalogs.static.collection_reader import CollectionReader
from rastercollection.backends.catalogs.static.division import Part, day_of, divided
from rastercollection.backends.catalogs.static.documents import (
    ItemLink,
    collection_document,
    encode,
    file_stems,
    item_document,
    mirror_of,
)
from rastercollection.backends.catalogs.static.holdings import Holdings
from rastercollection.backends.catalogs.static.locks import PublishingLock
from rastercollection.backends.catalogs.static.stored import list_files, read_bytes
from rastercollection.core.records import multihash
from rastercollection.ports.storage import StorageBackend

__all__ = ["CollectionWriter"]

Json = Mapping[str, Any]


@attrs.frozen(kw_only=True)
class CollectionWriter:
    """Writes the collection whose files are at ``place``.

    Attributes:
        reader: Reads what it has written.
        storage: Where the documents go.
        most_links: To items in one document; a collection of more has them in parts.
    """

    reader: CollectionReader
    storage: StorageBackend
    most_links: int

    @property
    def place(self) -> CollectionFiles:
        return self.reader.place

    def write_items(self, items: Sequence[Json], new: Mapping[str, int], published: Holdings) -> list[ItemLink]:
        """Write those items whose indices are among ``new``, by id; each is made, written and forgotten."""
        before, place = {link.item_id: link for link in published.links}, self.place
        stems = file_stems({*before, *new})

        def write(name: str) -> ItemLink:
            item, stem = items[new[name]], stems[name]
            public = f"{place.public_items}/{stem}.json"
            data = encode(item_document(item, public), public)
            checksum, old, day = multihash(data), before.get(name), day_of(item)
            if old and old.checksum == checksum:
                return attrs.evolve(old, day=day)
            href = f"{ITEMS}{stem}.json"
            if href in published.hrefs:
                href = f"{ITEMS}{stem}-{checksum[-12:]}.json"
            self.storage.write(place.item_url(href), data)
            return ItemLink(item_id=name, href=href, checksum=checksum, size=len(data), day=day)

        return in_parallel(write, list(new))

    def switch(self, collection: Json, held: Holdings, lock: PublishingLock) -> bytes:
        """Make readers see the collection with these items; return its document.

        Parts are written before: the collection's document leads to those that go with it.
        """
        place, others = self.place, [other.link for other in held.foreign]
        parts = divided(self.reader.dated(held.links, self.most_links), str(collection["id"]), self.most_links)
        in_parallel(self._write_part, parts)
        document = collection_document(collection, place.public, held.links, others, [part.link for part in parts])
        data = encode(document, place.public)
        lock.check()
        self._write_changed(place.document, data)
        return data

    def _write_part(self, part: Part) -> None:
        self._write_changed(self.place.part_url(part.href), part.data)

    def _write_changed(self, url: str, data: bytes) -> None:
        if read_bytes(self.reader.storage, url) != data:
            self.storage.write(url, data)

    def remove_unlinked(self, published: bytes) -> None:
        """Delete item documents, and mirrors, that nothing in the published document links to."""
        document = self.reader.whole(json.loads(published))
        if document is None:  # a part went while nobody else may publish: what it links to must not go, too
            return
        linked = {link.get("href") for link in document["links"]} | {(mirror_of(document) or {}).get("href")}
        folder = self.place.folder
        names = (name for name, _ in list_files(self.reader.storage, folder))
        old = [name for name in names if is_ours(name) and f"./{name}" not in linked]
        in_parallel(self.storage.delete, [f"{folder}/{name}" for name in old])
