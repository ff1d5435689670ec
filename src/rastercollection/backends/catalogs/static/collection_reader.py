"""What a static collection holds: its document, its parts, its items, also where some of them are damaged."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

import attrs

from rastercollection.backends.catalogs.static.at_once import in_parallel
from rastercollection.backends.catalogs.static.collection_files import ITEMS, CollectionFiles
from rastercollection.backends.catalogs.static.division import UNDATED, day_of
from rastercollection.backends.catalogs.static.documents import ItemLink, foreign_links, item_links, sent_form
from rastercollection.backends.catalogs.static.holdings import Foreign, Holdings
from rastercollection.backends.catalogs.static.stored import list_files, parse, read_bytes, read_document
from rastercollection.core.packed import packed
from rastercollection.core.records import multihash
from rastercollection.errors import BackendError
from rastercollection.ports.storage import StorageBackend
from rastercollection.stac.hrefs import absolute_href
from rastercollection.stac.parts import part_links, whole
from rastercollection.stac.terms import FILE_CHECKSUM

__all__ = ["CollectionReader"]

Json = dict[str, Any]

MOST_SWITCHES = 5
"""Of a collection, by other publishers, while it is read."""


@attrs.frozen
class CollectionReader:
    """Reads the collection whose files are at ``place``."""

    storage: StorageBackend
    place: CollectionFiles

    def collection(self) -> Json | None:
        """The collection's document; None where there is none that can be read."""
        return read_document(self.storage, self.place.document)

    def document(self) -> Json:
        """The collection's document with the links of its parts; see :func:`~rastercollection.stac.parts.whole`.

        Where one of these is damaged, it links to all items that are there.
        """
        data = read_bytes(self.storage, self.place.document)
        for _ in range(MOST_SWITCHES):
            if data is None:
                return {}
            document = self.whole(parse(data))
            if document is not None:
                return document
            before, data = data, read_bytes(self.storage, self.place.document)
            if data == before:  # nobody has published meanwhile, so that a part would be another
                break
        return self._recovered(parse(data) or {})

    def whole(self, document: Json | None) -> Json | None:
        """None where the document, or a part of it, cannot be read."""
        hrefs = [str(link["href"]) for link in part_links(document or {})]
        found = in_parallel(self._part, hrefs)
        parts = dict(zip(hrefs, found, strict=True))
        return None if document is None or None in parts.values() else whole(document, parts.__getitem__)

    def _part(self, href: str) -> Json | None:
        return read_document(self.storage, self.place.part_url(href))

    def _recovered(self, document: Json) -> Json:
        """A damaged document with links to all items that are there."""
        known = whole(document, self._part)
        linked = {link.href for link in item_links(known)}
        hrefs = [href for href in self.sizes() if href.endswith(".json") and href not in linked]
        names = {link.item_id for link in item_links(known)}
        found = [link for link in in_parallel(lambda href: self._link(href), hrefs) if link is not None]
        lost = [link.to_dict() for link in found if link.item_id not in names]
        return {**known, "links": [*known.get("links", ()), *lost]}

    def holdings(self, read: Set[str] = frozenset()) -> Holdings:
        """What the collection holds now; links to documents of ours that are not there, or not whole, are left out.

        Args:
            read: Ids of items whose documents are read, and left out, too, where they were changed.
        """
        document, sizes = self.document(), self.sizes()
        links = item_links(document)
        # a listing that lacks an object does not prove that there is none: what it speaks against is read
        suspects = [link for link in links if link.item_id in read or sizes.get(link.href) != link.size]
        intact = in_parallel(self.is_intact, suspects)
        changed = {link.item_id for link, is_intact in zip(suspects, intact, strict=True) if not is_intact}
        return Holdings(
            links=tuple(link for link in links if link.item_id not in changed),
            foreign=tuple(in_parallel(self.foreign, foreign_links(document))),
            hrefs=frozenset(link["href"] for link in document.get("links", ()) if "href" in link),
        )

    def items_of(self, held: Holdings) -> list[Mapping[str, Any]]:
        """The items that are held, by id, with absolute hrefs."""
        found = in_parallel(lambda link: packed(self.item(link.href)), held.links)
        items = [item for item in (*found, *(packed(other.item) for other in held.foreign)) if item is not None]
        return sorted(items, key=lambda item: str(item["id"]))

    def item(self, href: str) -> Json | None:
        """The item that a collection links to, in the form in which it was sent; None where there is none."""
        url = self.place.item_url(href) if href.startswith(ITEMS) else absolute_href(href, self.place.document)
        item = read_document(self.storage, url)
        return sent_form(item, self.storage.public_url(url)) if item is not None and "id" in item else None

    def moved(self, links: Sequence[ItemLink]) -> Iterator[Json]:
        """Items whose documents are gone, from where the collection links to now: another publisher changed them."""
        if links:
            now = {link.item_id: link.href for link in item_links(self.document())}
            hrefs = [now[link.item_id] for link in links if now.get(link.item_id) not in (None, link.href)]
            yield from (item for item in in_parallel(lambda href: self.item(href), hrefs) if item is not None)

    def foreign(self, link: Mapping[str, Any]) -> Foreign:
        """An item that another program added; it may be anywhere."""
        with contextlib.suppress(BackendError):
            return Foreign(link, self.item(link["href"]))
        return Foreign(link, None)

    def _link(self, href: str) -> ItemLink | None:
        data = read_bytes(self.storage, self.place.item_url(href))
        item = parse(data)
        if data is None or item is None or "id" not in item:
            return None
        return ItemLink(item_id=item["id"], href=href, checksum=multihash(data), size=len(data))

    def dated(self, links: Sequence[ItemLink], most: int) -> Sequence[ItemLink]:
        """Links by which more items than ``most`` can be divided; days that links do not tell are read."""
        if len(links) <= most:
            return links

        def read(link: ItemLink) -> ItemLink:
            item = self.item(link.href)
            return attrs.evolve(link, day=UNDATED if item is None else day_of(item))

        unknown = in_parallel(read, [link for link in links if not link.day])
        return [*(link for link in links if link.day), *unknown]

    def is_damaged(self, link: Mapping[str, Any]) -> bool:
        """Whether a part is not what the collection says that it is."""
        data = read_bytes(self.storage, self.place.part_url(link["href"]))
        return data is None or multihash(data) != link.get(FILE_CHECKSUM)

    def is_intact(self, link: ItemLink) -> bool:
        """Whether an item's document is what the collection says that it is."""
        data = read_bytes(self.storage, self.place.item_url(link.href))
        return data is not None and multihash(data) == link.checksum

    def sizes(self) -> dict[str, int]:
        """Sizes of the item documents that exist, by href from the collection."""
        return {f"{ITEMS}{name}": size for name, size in list_files(self.storage, self.place.items)}
