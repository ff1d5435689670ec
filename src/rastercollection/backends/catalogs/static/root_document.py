"""``catalog.json``, which links to all collections and which every publisher writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from rastercollection.backends.catalogs.static.documents import child_titles, encode, new_root, with_children
from rastercollection.backends.catalogs.static.stored import list_files, parse, read_bytes, read_document
from rastercollection.errors import BackendError, UnavailableError
from rastercollection.ports.addresses import join
from rastercollection.ports.storage import StorageBackend

__all__ = ["RootDocument"]

Json = dict[str, Any]

ATTEMPTS = 20


@attrs.frozen(kw_only=True)
class RootDocument:
    """The root of the catalog in ``folder``."""

    storage: StorageBackend
    folder: str

    @property
    def url(self) -> str:
        return join(self.folder, "catalog.json")

    def read(self) -> Json:
        """The document, or an empty catalog where there is none.

        Raises:
            BackendError: It is no STAC catalog.
        """
        data = read_bytes(self.storage, self.url)
        if data is None:
            return new_root(self.folder.rstrip("/").rpartition("/")[2] or "catalog")
        document = parse(data)
        if document is None or document.get("type") != "Catalog" or not isinstance(document.get("links"), list):
            public = self.storage.public_url(self.url)
            raise BackendError(
                f"{public} is there and is no STAC catalog.", "Choose another folder for the catalog.", public
            )
        return document

    def link(self, href: str, title: str) -> None:
        """Make it link to a collection, losing no link that another process adds at the same time.

        Storage has no compare-and-swap. So what is written holds every collection found in the folder, and after
        writing both are read again: the last of several writers sees the collections of all others.

        Raises:
            UnavailableError: Other processes kept overwriting it.
        """
        root = self.read()
        if child_titles(root).get(href) == title:
            return
        for _ in range(ATTEMPTS):
            wanted = {**self._unlinked(root), href: title}
            self.storage.write(self.url, encode(with_children(root, wanted), self.url))
            root = self.read()
            if child_titles(root).get(href) == title and not self._unlinked(root):
                return
        public = self.storage.public_url(self.url)
        raise UnavailableError(f"{public} is overwritten by others all the time.", "", public)

    def unlink(self, href: str) -> None:
        """Make it link to a collection no more, whose document is gone.

        Raises:
            UnavailableError: Other processes kept overwriting it.
        """
        for _ in range(ATTEMPTS):
            root = self.read()
            if href not in child_titles(root):
                return
            links = [link for link in root["links"] if link.get("rel") != "child" or link.get("href") != href]
            left = with_children({**root, "links": links}, self._unlinked({**root, "links": links}))
            self.storage.write(self.url, encode(left, self.url))
        public = self.storage.public_url(self.url)
        raise UnavailableError(f"{public} is overwritten by others all the time.", "", public)

    def _unlinked(self, root: Mapping[str, Any]) -> dict[str, str]:
        """Hrefs and titles of collections below the folder that belong to the catalog and that it does not link to."""
        known, missing = child_titles(root), {}
        for name, _ in list_files(self.storage, self.folder):
            href = f"./{name}"
            if href.count("/") == 2 and href.endswith("/collection.json") and href not in known:
                document = read_document(self.storage, join(self.folder, name))
                if document and any(link.get("href") == "../catalog.json" for link in document.get("links", ())):
                    missing[href] = str(document.get("title") or document.get("id"))
        return missing
