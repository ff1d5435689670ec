"""Removals that have begun: what is still to be deleted, told beside the collection's documents until it is.

Once items are no longer published, nothing else tells which files were theirs. So that is written down first, and a
removal that died half-way is ended by the next.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from rastercollection.backends.catalogs.static.collection_files import CollectionFiles
from rastercollection.backends.catalogs.static.stored import list_files, parse, read_bytes
from rastercollection.core.lease import Owner
from rastercollection.core.records import from_dict, to_dict
from rastercollection.errors import ObjectNotFoundError, RasterCollectionError
from rastercollection.ports.addresses import join
from rastercollection.ports.storage import StorageBackend
from rastercollection.stac.hrefs import absolute_href, relative_href

__all__ = ["BegunRemoval", "begin_removal", "begun_removals", "end_removal", "removals_below"]

_PREFIX = ".removing-"


@attrs.frozen(kw_only=True)
class BegunRemoval:
    """What a removal takes away.

    Attributes:
        collection: Id of the collection.
        called: What a job calls it, after which its overviews are named.
        items: Ids of the items.
        names: All that these can be named by.
        files: Versions of the files that are to be deleted, by public address, in the order in which they are.
        is_whole: The whole collection goes.
        process: Who removes, as :attr:`~rastercollection.core.lease.Owner.text`.
    """

    collection: str
    called: str
    items: tuple[str, ...]
    names: tuple[str, ...]
    files: Mapping[str, str]
    is_whole: bool
    process: str = attrs.field(factory=lambda: Owner.current().text)

    @property
    def is_abandoned(self) -> bool:
        """Whether nobody is at it any more, as far as this machine can tell."""
        owner = Owner.read(self.process)
        return owner is not None and owner.is_dead

    @property
    def file_name(self) -> str:
        """Of its document: the same for the same removal."""
        return f"{_PREFIX}{hashlib.sha256(json.dumps(sorted(self.items)).encode()).hexdigest()[:16]}.json"


def begin_removal(storage: StorageBackend, catalog: str, removal: BegunRemoval) -> None:
    """Write down what is to be removed of a collection."""
    place = CollectionFiles.of(storage, catalog, removal.collection)
    files = {relative_href(url, place.public) or url: version for url, version in removal.files.items()}
    document = to_dict(attrs.evolve(removal, files=files))
    storage.write(join(place.folder, removal.file_name), json.dumps(document, indent=1).encode())


def end_removal(storage: StorageBackend, catalog: str, removal: BegunRemoval) -> None:
    """Forget it: all is deleted."""
    place = CollectionFiles.of(storage, catalog, removal.collection)
    storage.delete(join(place.folder, removal.file_name))


def begun_removals(storage: StorageBackend, catalog: str, collection_id: str) -> list[BegunRemoval]:
    """Removals from a collection that have begun and not ended, whoever is at them."""
    place = CollectionFiles.of(storage, catalog, collection_id)
    try:
        found = [info.url for info in storage.list(place.folder, deep=False)]
    except ObjectNotFoundError:
        return []
    read = (_read(storage, url, place.public) for url in found if _is_ours(url))
    return [removal for removal in read if removal is not None and removal.collection == collection_id]


def removals_below(storage: StorageBackend, place: str) -> Iterator[tuple[str, BegunRemoval]]:
    """Removals of whole collections that have begun and not ended, with the catalogs, below a folder."""
    folder = place.rpartition("/")[0] if place.lower().endswith(".json") else place
    for name, _ in list_files(storage, folder):
        if _is_ours(name):
            url = join(folder, name)
            own = url.rpartition("/")[0]
            removal = _read(storage, url, storage.public_url(join(own, "collection.json")))
            if removal is not None and removal.is_whole:
                yield own.rpartition("/")[0], removal


def _is_ours(name: str) -> bool:
    return name.rpartition("/")[2].startswith(_PREFIX)


def _read(storage: StorageBackend, url: str, document: str) -> BegunRemoval | None:
    """From its document; None where it is none, or has gone."""
    fields: Mapping[str, Any] | None = parse(read_bytes(storage, url))
    try:
        removal = from_dict(BegunRemoval, fields or {})
    except (TypeError, ValueError, LookupError, RasterCollectionError):
        return None
    files = {absolute_href(link, document): version for link, version in removal.files.items()}
    return attrs.evolve(removal, files=files)
