"""A static STAC catalog: self-contained JSON documents in a folder or a bucket, no server needed.

::

    catalog.json
    {collection}/collection.json
    {collection}/items/{item}.json
    {collection}/parts/2019-07-….json   links to items, where there are more than 1,000 of them
    {collection}/items.parquet          all items once more, where rustac is installed

Readers never meet a half-published collection. No document that it links to is overwritten: an item that changed gets
another file name, the collection document switches over in one atomic write, and only then goes what it no longer
links to. Publishers of one collection take turns, so that each builds on what the one before has published.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar

import attrs

from rastercollection.backends.catalogs.sent_items import check_items, ids_of, refuse_existing
from rastercollection.backends.catalogs.static.at_once import PARALLEL_REQUESTS, batches
from rastercollection.backends.catalogs.static.collection_files import CollectionFiles, is_ours
from rastercollection.backends.catalogs.static.collection_reader import CollectionReader
from rastercollection.backends.catalogs.static.collection_writer import CollectionWriter
from rastercollection.backends.catalogs.static.division import MOST_LINKS
from rastercollection.backends.catalogs.static.documents import (
    ItemLink,
    child_titles,
    foreign_links,
    item_links,
    items_digest,
    sent_form,
    with_mirror,
)
from rastercollection.backends.catalogs.static.faults import find_faults
from rastercollection.backends.catalogs.static.holdings import lost_items
from rastercollection.backends.catalogs.static.leftovers import leftovers
from rastercollection.backends.catalogs.static.locks import publishing_lock
from rastercollection.backends.catalogs.static.mirror import Mirror, require_writer
from rastercollection.backends.catalogs.static.removal import remove_collection
from rastercollection.backends.catalogs.static.root_document import RootDocument
from rastercollection.backends.catalogs.static.strangers import strangers
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.core.guard import Guard
from rastercollection.core.lease import Mark
from rastercollection.core.models import Notice, Notify
from rastercollection.core.temporaries import probe_name
from rastercollection.errors import BackendError
from rastercollection.ports.addresses import join, normalise
from rastercollection.ports.catalog import CatalogFault, Publication, PublishMode, keeps_others
from rastercollection.ports.guarded import guarded_storage
from rastercollection.ports.storage import StorageBackend
from rastercollection.stac.parts import part_links

__all__ = ["StaticCatalog"]

Json = dict[str, Any]
Item = Mapping[str, Any]
T = TypeVar("T")

READ_AT_ONCE = 256
KIND = "static"


@attrs.frozen
class StaticCatalog:
    """STAC in files below ``url``, written through a storage backend.

    Collections of other jobs and whatever else a ``catalog.json`` holds stay as they are. Several processes may publish
    at the same time, different collections or the same one.

    Attributes:
        url: The folder, as an address that the storage takes.
        storage: Where it is; a :class:`~rastercollection.backends.storage.fsspec.FsspecStorage` unless given.
        options: Its storage options, where it is not given.
        mirror: Keep all items of a collection in ``items.parquet``, too; where rustac is installed, when None.
        guard: Asked before each change; see :meth:`guarded`.
        most_links: To items in one document; a collection of more has them in parts.
    """

    url: str = attrs.field(converter=normalise)
    storage: StorageBackend = attrs.field(default=None)
    options: Mapping[str, Any] | None = attrs.field(default=None, repr=False, hash=False)
    mirror: bool | None = attrs.field(default=None, kw_only=True)
    guard: Guard | None = attrs.field(default=None, kw_only=True, repr=False, eq=False)
    most_links: int = attrs.field(default=MOST_LINKS, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.storage is None:
            object.__setattr__(self, "storage", FsspecStorage(self.options))

    def guarded(self, guard: Guard) -> Self:
        """A copy that asks the guard before each document that it writes or deletes."""
        return attrs.evolve(self, guard=guard)

    @property
    def _writing(self) -> StorageBackend:
        """Where the documents go."""
        return self.storage if self.guard is None else guarded_storage(self.storage, self.guard)

    @property
    def _mark(self) -> Mark:
        return Mark() if self.guard is None else self.guard.mark

    def check(self) -> None:
        """Write, read and delete a small object, and look whether ``catalog.json``, if there is one, is a STAC catalog.

        Raises:
            BackendError: One of these does not work.
            MissingExtraError: A mirror is wanted, and rustac is not installed.
        """
        if self.mirror:
            require_writer()
        probe = join(self.url, probe_name(self._mark))
        self.storage.write(probe, b"writable")
        try:
            if self.storage.read(probe) != b"writable":
                raise BackendError(f"{self._public(probe)} does not read back as written.", "", self._public(probe))
        finally:
            self.storage.delete(probe)
        self._root.read()

    def publish(
        self,
        collection: Item,
        items: Sequence[Item],
        *,
        mode: PublishMode = "upsert",
        confirm: Callable[[], object] | None = None,
        without: Set[str] = frozenset(),
    ) -> Publication:
        """Publish in one step; see :meth:`~rastercollection.ports.catalog.CatalogBackend.publish`.

        Idempotent. Waits while another program publishes to the same collection. Items with the ids ``without`` go.

        Raises:
            ObjectExistsError: With mode ``insert``, naming items that are there.
            BackendError: A document cannot be written, two items have one id, or ``catalog.json`` is there and is no
                STAC catalog.
            UnavailableError: Others have been publishing to the collection all the time.
        """
        self._root.read()
        if self.guard is not None:
            self.guard.check()
        place = CollectionFiles.of(self.storage, self.url, str(collection["id"]))
        sent = ids_of(items)
        check_items(sent, mode, place.public)
        with publishing_lock(self.storage, place.lock) as lock:
            if confirm is not None:
                confirm()
            reader, writer = self._reader(place), self._writer(place)
            published = reader.holdings(set(sent)).without(without)
            new = _to_be_written(sent, published.ids, mode, place.public)
            written = writer.write_items(items, new, published)
            held = published.joined_by(written) if keeps_others(mode) else published.replaced_by(written)
            before, known = reader.document(), published.ids | held.ids | without
            notices = list(lost_items(item_links(before), known, place.public))
            data = b""
            mirror = self._mirror(place, lambda code, message: notices.append(Notice(code=code, message=message)))
            for asset in mirror.assets(before, held, lambda: reader.items_of(held)):
                data = writer.switch(with_mirror(collection, asset), held, lock)
            self._root.link(place.href, str(collection.get("title") or collection["id"]))
            writer.remove_unlinked(data)
            return attrs.evolve(self._read_back(place, written, sent, mode), notices=tuple(notices))

    def collection(self, collection_id: str) -> dict[str, Any] | None:
        """The collection as it is published now, with absolute hrefs; None without one that can be read."""
        place = CollectionFiles.of(self.storage, self.url, collection_id)
        document = self._reader(place).collection()
        return None if document is None else sent_form(document, place.public)

    def items(self, collection_id: str) -> Iterator[dict[str, Any]]:
        """The items that are published now, with absolute hrefs; none without such a collection.

        Raises:
            BackendError: A document cannot be read.
        """
        place = CollectionFiles.of(self.storage, self.url, collection_id)
        document = self._reader(place).document()
        with ThreadPoolExecutor(max_workers=PARALLEL_REQUESTS) as threads:
            for batch in batches(item_links(document), READ_AT_ONCE):
                found = list(threads.map(lambda link: self._reader(place).item(link.href), batch))
                moved = [link for link, item in zip(batch, found, strict=True) if item is None]
                yield from (item for item in found if item is not None)
                yield from self._reader(place).moved(moved)
            others = threads.map(lambda link: self._reader(place).foreign(link), foreign_links(document))
            yield from (other.item for other in others if other.item is not None)

    def remove_items(self, collection_id: str, item_ids: Sequence[str]) -> None:
        """Remove items of a collection, in one step."""
        document = self.collection(collection_id)
        if document is not None:
            self.publish(document, [], without=frozenset(item_ids))

    def remove(self, collection_id: str) -> None:
        """Remove the documents of a collection, and the link to it."""
        remove_collection(self._writing, self.url, collection_id)

    def undisturbed(self, collection_id: str, work: Callable[[Callable[[], object]], T]) -> T:
        """What ``work`` returns, called while nobody publishes to a collection or removes from it."""
        place = CollectionFiles.of(self.storage, self.url, collection_id)
        with publishing_lock(self.storage, place.lock) as lock:
            return work(lock.check)

    def is_current(self, publication: Publication) -> bool:
        """Whether the items sent are there as they were, and the catalog links to the collection."""
        place = CollectionFiles.of(self.storage, self.url, publication.collection_id)
        document = self._reader(place).collection()
        if document is None or place.href not in child_titles(self._root.read()):
            return False
        if any(self._reader(place).is_damaged(link) for link in part_links(document)):
            return False
        if not self._mirror(place, _nobody).is_current(document):
            return False
        published = self._reader(place).holdings(set(publication.item_ids))
        if not keeps_others(publication.mode) and published.ids != set(publication.item_ids):
            return False
        checksums = published.checksums(publication.item_ids)
        return len(checksums) == publication.stored and items_digest(checksums) == publication.digest

    def item_ids(self, collection_id: str) -> list[str]:
        """Ids of the items that a collection links to and that are there."""
        return sorted(self._reader(CollectionFiles.of(self.storage, self.url, collection_id)).holdings().ids)

    def writes(self, url: str, collection_id: str) -> bool:
        """Whether publishing a collection writes, or deletes, an object of this address."""
        place = CollectionFiles.of(self.storage, self.url, collection_id)
        folder, address = f"{place.public_folder}/".casefold(), self._public(url).casefold()
        fixed = {self._public(each).casefold() for each in (self._root.url, place.document, place.lock)}
        return address in fixed or (address.startswith(folder) and is_ours(address.removeprefix(folder)))

    def strangers(self, collection_id: str) -> list[str]:
        """Public addresses of objects that publishing would overwrite or delete, and that no publishing made.

        Raises:
            BackendError: ``catalog.json`` is there and is no STAC catalog.
        """
        self._root.read()
        place = CollectionFiles.of(self.storage, self.url, collection_id)
        found = strangers(self.storage, place, collection_id, self._reader(place).document())
        return [f"{place.public_folder}/{name}" for name in found]

    def sweep(self, collection_id: str, is_over: Callable[[Mark], bool]) -> list[str]:
        """Remove temporary files and probes of publishers that are gone; return their names."""
        return leftovers(self.storage, self.url, CollectionFiles.of(self.storage, self.url, collection_id), is_over)

    def faults(self, collection_id: str) -> list[CatalogFault]:
        """What is wrong with the documents."""
        place = CollectionFiles.of(self.storage, self.url, collection_id)
        return list(find_faults(self.storage, place, self._root.read()))

    def _read_back(
        self, place: CollectionFiles, written: Iterable[ItemLink], item_ids: tuple[str, ...], mode: PublishMode
    ) -> Publication:
        """What is there: of the items sent, those that have the content that was written or, not written, were kept."""
        published, wanted = self._reader(place).holdings(), {link.item_id: link.checksum for link in written}
        checksums = published.checksums(item_ids)
        stored = [name for name, checksum in checksums.items() if wanted.get(name, checksum) == checksum]
        return Publication(
            catalog=KIND,
            collection_id=str((self._reader(place).collection() or {}).get("id", "")),
            items=len(published.ids),
            stored=len(stored),
            collection_url=place.public,
            digest=items_digest(checksums),
            item_ids=item_ids,
            mode=mode,
        )

    def _mirror(self, place: CollectionFiles, notify: Notify) -> Mirror:
        return Mirror(
            storage=self._writing,
            folder=place.folder,
            public=place.public_folder,
            mark=self._mark,
            wanted=self.mirror,
            notify=notify,
        )

    def _reader(self, place: CollectionFiles) -> CollectionReader:
        return CollectionReader(self.storage, place)

    def _writer(self, place: CollectionFiles) -> CollectionWriter:
        return CollectionWriter(reader=self._reader(place), storage=self._writing, most_links=self.most_links)

    @property
    def _root(self) -> RootDocument:
        return RootDocument(storage=self._writing, folder=self.url)

    def _public(self, url: str) -> str:
        return self.storage.public_url(url)


def _to_be_written(sent: Sequence[str], ids: Set[str], mode: PublishMode, target: str) -> dict[str, int]:
    """Which of the items sent are, by id their indices; refuses those that are there where nothing is replaced."""
    if mode == "insert":
        refuse_existing(sent, ids, target)
    kept = ids if mode == "insert_ignore" else set()
    return {name: index for index, name in enumerate(sent) if name not in kept}


def _nobody(_code: str, _message: str) -> None: ...
