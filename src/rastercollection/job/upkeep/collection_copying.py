"""Copying a published collection: files compared with their checksums, documents made anew for where they lie."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from rastercollection.backends.catalogs.static.at_once import in_parallel
from rastercollection.checking.looking import CollectionCheck
from rastercollection.checking.mending import mend, why_not
from rastercollection.checking.subject import Subject
from rastercollection.disclosure.listing import listed
from rastercollection.errors import BackendError, ObjectNotFoundError, RequestError, RequestProblem, TaskError
from rastercollection.job.runtime import open_named_catalog
from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.job.storages import open_storage
from rastercollection.job.upkeep.collection_access import read_collection, subject_of
from rastercollection.job.upkeep.collection_push import Push
from rastercollection.job.upkeep.push_target import reserve_target
from rastercollection.ports import addresses
from rastercollection.ports.catalog import CatalogBackend
from rastercollection.ports.storage import StorageBackend
from rastercollection.stac.published import assets_with_role, cog_key
from rastercollection.stac.terms import FILE_CHECKSUM, MOSAIC, OVERVIEW, THUMBNAIL
from rastercollection.stages.stac.superseded import overview_hrefs, remove_superseded

__all__ = ["pushed"]

Json = Mapping[str, Any]

_SHA256 = "1220"
_PART = 16 * 2**20
_OF_A_SERVER = ("tilejson", "xyz", "preview", "alternate")
"""Links that lead to a tile server, or to the page: those of the new place are made anew."""


def pushed(collection: str, collection_id: str | None, target: str, options: RuntimeOptions) -> Push:
    """Copy a collection, publish it at the target and check it there; see :func:`push_collection`."""
    subject, _ = read_collection(collection, collection_id, open_storage(options, [collection]))
    return _pushed(subject, target, options)


def _pushed(subject: Subject, target: str, options: RuntimeOptions) -> Push:
    storage, draft = subject.storage, _at_home_nowhere(subject)
    folder = _folder_of(subject, draft, target)
    copier = _Copier(storage=storage, source=folder, target=target)
    named = options.catalog or addresses.join(target, "stac")
    assert isinstance(named, str)
    there = open_named_catalog(named, storage)
    kept = reserve_target(subject, folder, target, there)
    there.check()
    for item in draft.items:
        copier.copy_files(item["assets"].values() if cog_key(item) is not None else ())
    copier.copy_files(asset for role in (OVERVIEW, THUMBNAIL) for asset in assets_with_role(draft.document, role))
    moved = [copier.moved(item) for item in draft.items]

    def confirm() -> None:
        copier.confirm()
        reserve_target(subject, folder, target, there)  # a removal may have taken the names back

    overviews = overview_hrefs(there, subject.collection_id)
    publication = there.publish(copier.moved(draft.document), moved, mode="upsert", confirm=confirm)
    made = _mended(storage, there, subject.collection_id)
    if made.request is not None:
        remove_superseded(overviews, made.request, storage, there)
    return Push(
        collection_id=subject.collection_id,
        where=publication.collection_url,
        items=len(made.items),
        copied=copier.copied,
        found=copier.found,
        size=copier.size,
        findings=tuple(
            f"[{each.code}] {each.what}: {each.reason}"
            for each in _check(made, publication.collection_url).look().findings
        ),
        kept=kept,
    )


def _folder_of(subject: Subject, draft: Subject, target: str) -> str:
    """The folder that the COGs lie in.

    Raises:
        RequestError: It cannot be pushed, or not there.
    """
    folder = subject.folder
    if folder is None or why_not(draft):
        reason = "its COGs lie in several folders" if folder is None else why_not(draft)
        raise RequestError([RequestProblem("collection", repr(subject.collection_id), f"cannot be pushed: {reason}")])
    if addresses.normalise(folder) == target:
        raise RequestError([RequestProblem("target", repr(target), "is where the collection is already")])
    return folder


def _check(made: Subject, where: str) -> CollectionCheck:
    return CollectionCheck(
        resources=made.resources,
        collection_id=made.collection_id,
        where=where,
        read=made.again,
        again="Push it again.",
    )


def _mended(storage: StorageBackend, catalog: CatalogBackend, name: str) -> Subject:
    """The collection once its documents are made for where it is.

    Raises:
        BackendError: Others have removed it.
    """
    try:
        mend(subject_of(storage, catalog, name))
        return subject_of(storage, catalog, name)
    except (ObjectNotFoundError, TaskError) as error:
        if catalog.collection(name) is not None:
            raise
        message = f"Collection {name} was removed from the target while it was pushed."
        raise BackendError(message, "Push it again.", name) from error


def _at_home_nowhere(subject: Subject) -> Subject:
    """The collection without what leads to a tile server, which shows it where it is now."""
    links = [link for link in subject.document.get("links", ()) if link.get("rel") not in _OF_A_SERVER]
    items = tuple({**item, "links": _kept_links(item)} for item in subject.items)
    return attrs.evolve(subject, document={**subject.document, "links": links}, items=items)


def _kept_links(item: Json) -> list[Any]:
    return [link for link in item.get("links", ()) if link.get("rel") not in _OF_A_SERVER]


@attrs.define(kw_only=True)
class _Copier:
    """Copies files from one folder to another, and says how documents read there."""

    storage: StorageBackend
    source: str
    target: str
    copied: int = 0
    versions: dict[str, str] = attrs.field(factory=dict)
    found: int = 0
    size: int = 0

    def moved(self, document: Json) -> dict[str, Any]:
        """A document whose assets lie in the other folder."""
        assets = (document.get("assets") or {}).items()
        return {**document, "assets": {key: {**asset, **self._place(asset)} for key, asset in assets}}

    def _place(self, asset: Json) -> dict[str, str]:
        """Where an asset is there; a mosaic lies beside the COGs, wherever it was."""
        before, after = (f"{self.storage.public_url(folder)}/" for folder in (self.source, self.target))
        href = str(asset.get("href", ""))
        if MOSAIC in asset.get("roles", ()):
            return {"href": after + href.rpartition("/")[2]}
        return {"href": after + href.removeprefix(before)} if href.startswith(before) else {}

    def copy_files(self, assets: Iterable[Json]) -> None:
        """Copy what lies in the folder of these assets."""
        public = f"{self.storage.public_url(self.source)}/"
        for asset in assets:
            href = str(asset.get("href", ""))
            if href.startswith(public):
                self._copy(href.removeprefix(public), str(asset.get(FILE_CHECKSUM, "")))

    def _copy(self, name: str, checksum: str) -> None:
        source, target = (addresses.join(folder, name) for folder in (self.source, self.target))
        size = self.storage.stat(source).size
        checksum = checksum or _checksum(self.storage, source, size)
        if self._is_there(target, size, checksum):
            self.found += 1
            return
        if addresses.is_local(source):
            self.storage.put(addresses.local_path(source), target)
        else:
            with tempfile.TemporaryDirectory() as scratch:
                path = os.path.join(scratch, "file")
                self.storage.get(source, path)
                self.storage.put(path, target)
        if not self._is_there(target, size, checksum):
            public = self.storage.public_url(source)
            message = f"{self.storage.public_url(target)} does not read back as what {public} should be."
            raise BackendError(message, "Have the collection checked: check.", public)
        self.copied, self.size = self.copied + 1, self.size + size

    def _is_there(self, url: str, size: int, checksum: str) -> bool:
        try:
            info = self.storage.stat(url)
            is_same = info.size == size and _checksum(self.storage, url, size) == checksum
        except ObjectNotFoundError:
            return False
        self.versions |= {url: info.version} if is_same else {}
        return is_same

    def confirm(self) -> None:
        """Look once more whether all is there, right before it is linked to.

        Raises:
            BackendError: Others have removed some, or written it over.
        """
        gone = [
            url
            for url, is_there in zip(self.versions, in_parallel(self._holds, list(self.versions)), strict=True)
            if not is_there
        ]
        if gone:
            message = f"{len(gone)} files at the target were removed, or written over, by others: {listed(gone)}."
            raise BackendError(message, "Push it again.", gone[0])

    def _holds(self, url: str) -> bool:
        try:
            return self.storage.stat(url).version == self.versions[url]
        except ObjectNotFoundError:
            return False


def _checksum(storage: StorageBackend, url: str, size: int) -> str:
    """SHA-256 multihash of an object, read in parts."""
    found = hashlib.sha256()
    for part in _parts(size):
        found.update(storage.read(url, *part))
    return _SHA256 + found.hexdigest()


def _parts(size: int) -> Iterable[tuple[int, int]]:
    return ((start, min(start + _PART, size)) for start in range(0, size, _PART))
