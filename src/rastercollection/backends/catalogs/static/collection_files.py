"""Where the files of a static collection are."""

from __future__ import annotations

from typing import Self

import attrs

from rastercollection.backends.catalogs.static.documents import file_stems
from rastercollection.backends.catalogs.static.mirror import is_mirror_name
from rastercollection.ports.addresses import join
from rastercollection.ports.storage import StorageBackend

__all__ = ["ITEMS", "CollectionFiles", "is_ours"]

ITEMS = "./items/"
"""What the hrefs of item documents begin with, in the collection's."""


@attrs.frozen(kw_only=True)
class CollectionFiles:
    """Where a collection's documents are.

    Attributes:
        href: Of the collection's document, from ``catalog.json``.
        folder, document, items: Addresses of the collection's folder, of its document and of the folder of items.
        lock: Of the object that tells who publishes now.
        public_folder, public, public_items: The same as other programs know them.
    """

    href: str
    folder: str
    document: str
    items: str
    lock: str
    public_folder: str
    public: str
    public_items: str

    @classmethod
    def of(cls, storage: StorageBackend, catalog: str, collection_id: str) -> Self:
        """The places of a collection in the catalog at the address ``catalog``."""
        name = file_stems([collection_id])[collection_id]
        folder = join(catalog, name)
        document, items = join(folder, "collection.json"), join(folder, "items")
        return cls(
            href=f"./{name}/collection.json",
            folder=folder,
            document=document,
            items=items,
            lock=join(folder, ".publishing"),
            public_folder=storage.public_url(folder),
            public=storage.public_url(document),
            public_items=storage.public_url(items),
        )

    def part_url(self, href: str) -> str:
        """The address of a part, given as the collection links to it."""
        return join(self.folder, href.removeprefix("./"))

    def item_url(self, href: str) -> str:
        """The address of an item's document, given as the collection links to it."""
        return f"{self.items}/{href.removeprefix(ITEMS)}"


def is_ours(name: str) -> bool:
    """Whether a file in a collection's folder is one that publishing makes anew."""
    return (name.startswith(("items/", "parts/")) and name.endswith(".json")) or is_mirror_name(name)
