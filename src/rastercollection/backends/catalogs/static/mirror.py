"""``items.parquet``: all items of a static collection in one stac-geoparquet file, beside the collection's document.

Readers that want thousands of items fetch one file instead of thousands. It is written with rustac (extra
``geoparquet``); without it, there is none.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from rastercollection.backends.catalogs.static.documents import (
    foreign_links,
    item_links,
    mirror_of,
    placed,
)
from rastercollection.backends.catalogs.static.holdings import Holdings
from rastercollection.backends.catalogs.static.stac_table import write_table
from rastercollection.core.lease import Mark
from rastercollection.core.models import Notify
from rastercollection.core.records import multihash
from rastercollection.core.temporaries import temporary_folder
from rastercollection.errors import BackendError, MissingExtraError, ObjectNotFoundError
from rastercollection.ports.addresses import join
from rastercollection.ports.storage import StorageBackend
from rastercollection.stac.parts import item_count
from rastercollection.stac.terms import FILE_CHECKSUM, FILE_SIZE, GEOJSON_TYPE, JSON_TYPE, MIRROR, PARQUET_TYPE

__all__ = ["Mirror", "is_mirror_name", "require_writer"]

Json = dict[str, Any]

NAME = "items.parquet"
EXTRA = "geoparquet"
_NAMES = re.compile(r"items(-[0-9a-f]{12})?\.parquet")


def is_mirror_name(name: str) -> bool:
    """Whether a file of this name, in a collection's folder, is a mirror, current or not."""
    return bool(_NAMES.fullmatch(name))


def require_writer() -> None:
    """Raise MissingExtraError if mirrors cannot be written."""
    if not _can_write():
        raise MissingExtraError("a mirror of the items in GeoParquet", EXTRA)


def _can_write() -> bool:
    return importlib.util.find_spec("rustac") is not None


@attrs.frozen(kw_only=True)
class Mirror:
    """The mirror of one collection.

    Attributes:
        storage: Where the catalog is.
        folder, public: Of the collection, as the storage knows it and as other programs do.
        mark: Of temporary files.
        wanted: Write one: True, False, or None where it can be written.
        notify: Told where there is none although one could be expected.
    """

    storage: StorageBackend
    folder: str
    public: str
    mark: Mark
    wanted: bool | None
    notify: Notify

    def assets(
        self, published: Mapping[str, Any], held: Holdings, items: Callable[[], Sequence[Mapping[str, Any]]]
    ) -> Iterator[Json | None]:
        """What the collection is to link to, one after the other: switch its document over before asking for the next.

        Usually it is one asset. Where the published collection links to a mirror of other items, the new one takes
        another name first, and the usual one when nothing links to that any more. None is no mirror.

        Args:
            published: The collection's document as it was before; empty without one.
            held: All items that the collection is to have.
            items: Reads these items, with absolute hrefs.

        Raises:
            BackendError: It was asked for and cannot be written, or the storage cannot take it.
            MissingExtraError: It was asked for, and rustac is not installed.
        """
        if self.wanted is False or not held.ids:
            yield None
            return
        before = mirror_of(published)
        if before is not None and _same_items(published, held) and self._is_there(before):
            yield from self._settled(before)
            return
        if self.wanted:
            require_writer()
        elif not _can_write():
            yield None
            return
        with temporary_folder(self.mark) as folder:
            local = folder / NAME
            if self._write(local, held, items()):
                yield from self._switch(local, before)
            else:
                yield None

    def is_current(self, published: Mapping[str, Any]) -> bool:
        """Whether the mirror that a collection links to is as it was, and there is one if one is wanted."""
        asset = mirror_of(published)
        return self._is_there(asset) if asset is not None else not (self.wanted and item_count(published))

    def _settled(self, before: Json) -> Iterator[Json]:
        """The mirror that is there, under its usual name in the end."""
        name = before["href"].removeprefix("./")
        yield {**before, "href": f"{self.public}/{name}"}
        if name != NAME:
            self.storage.copy(self._url(name), self._url(NAME))
            yield {**before, "href": f"{self.public}/{NAME}"}

    def _write(self, local: Path, held: Holdings, items: Sequence[Mapping[str, Any]]) -> bool:
        """Write the mirror to a local file; False where that fails and nobody asked for one, which is told."""
        hrefs = {other.item_id: str(other.link["href"]) for other in held.foreign}
        hrefs |= {link.item_id: link.href for link in held.links}
        table = f"{self.public}/{NAME}"
        try:
            write_table(items, lambda item: _row(item, table, hrefs[item["id"]]), local)
        except BackendError as error:
            if self.wanted:
                raise
            self.notify("MIRROR_SKIPPED", f"No {table} was written: {error.message}")
            return False
        return True

    def _switch(self, local: Path, before: Json | None) -> Iterator[Json]:
        checksum = multihash(local.read_bytes())
        facts = {
            "type": PARQUET_TYPE,
            "title": "All items, as GeoParquet",
            "roles": [MIRROR],
            FILE_CHECKSUM: checksum,
            FILE_SIZE: local.stat().st_size,
        }
        is_taken = before is not None and before["href"] == f"./{NAME}"
        for name in ([f"items-{checksum[-12:]}.parquet"] if is_taken else []) + [NAME]:
            self.storage.put(str(local), self._url(name))
            yield {"href": f"{self.public}/{name}", **facts}

    def _url(self, name: str) -> str:
        return join(self.folder, name)

    def _is_there(self, asset: Json) -> bool:
        name = asset["href"].removeprefix("./")
        if not is_mirror_name(name):
            return False
        try:
            if self.storage.stat(self._url(name)).size != asset.get(FILE_SIZE):
                return False
            return multihash(self.storage.read(self._url(name))) == asset.get(FILE_CHECKSUM)
        except ObjectNotFoundError:
            return False


def _same_items(published: Mapping[str, Any], held: Holdings) -> bool:
    """Whether a collection's document tells that it had these items already. Of other programs' items it does not."""
    if held.foreign or foreign_links(published):
        return False
    before, now = item_links(published), held.links
    return {(link.item_id, link.checksum) for link in before} == {(link.item_id, link.checksum) for link in now}


def _row(item: Mapping[str, Any], table: str, href: str) -> Json:
    """The item with links and hrefs as they are seen from the mirror."""
    links = [
        {"rel": "root", "href": "../catalog.json", "type": JSON_TYPE},
        {"rel": "parent", "href": "./collection.json", "type": JSON_TYPE},
        {"rel": "collection", "href": "./collection.json", "type": JSON_TYPE},
        {"rel": "canonical", "href": href, "type": GEOJSON_TYPE},
    ]
    return placed(item, table, links)
