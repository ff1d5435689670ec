"""Taking tiles out of a published collection, or all of it: what goes, and what follows from it for the rest."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from rastercollection.checking.mending import mend, why_not
from rastercollection.checking.subject import Subject
from rastercollection.errors import ObjectNotFoundError, RasterCollectionError, RequestError, RequestProblem
from rastercollection.job.collection_access import read_collection, subject_of
from rastercollection.job.collection_removal import Removal
from rastercollection.model import checks
from rastercollection.model.names import is_overview_name
from rastercollection.model.reservation import SUFFIX, Reservation
from rastercollection.ports.addresses import join
from rastercollection.ports.storage import StorageBackend
from rastercollection.stac.published import asset_hrefs, cog_key, published_tile

__all__ = ["removed"]

Json = Mapping[str, Any]


def removed(
    collection: str,
    collection_id: str | None,
    storage: StorageBackend,
    names: Sequence[str],
    *,
    titiler_url: str | None,
    dry_run: bool,
) -> Removal:
    """Remove these tiles, or all where none is named; see :func:`remove_collection`."""
    subject, where = read_collection(collection, collection_id, storage, titiler_url=titiler_url)
    meant = _meant(subject, names)
    if not names or len(meant) == len(subject.items):
        return _whole(subject, where, dry_run=dry_run)
    return _tiles(subject, where, meant, dry_run=dry_run)


def _meant(subject: Subject, names: Sequence[str]) -> list[Json]:
    """The items of these names.

    Raises:
        RequestError: Names that are none of the collection's; all of them are listed.
    """
    known: dict[str, list[Json]] = {}
    for item in subject.items:
        for name in {name for name in _names(item) if name}:
            known.setdefault(name, []).append(item)
    wrong = [
        RequestProblem("tiles", repr(name), f"is no tile of {subject.collection_id}{checks.close_to(name, known)}")
        for name in names
        if name not in known
    ]
    if wrong:
        raise RequestError(wrong)
    found = {str(item["id"]): item for name in names for item in known[name]}
    return list(found.values())


def _names(item: Json) -> Iterator[str]:
    yield str(item["id"])
    yield published_tile(item).title
    key = cog_key(item)
    if key is not None:
        yield str(item["assets"][key]["href"]).rpartition("/")[2]


def _tiles(subject: Subject, where: str, meant: Sequence[Json], *, dry_run: bool) -> Removal:
    gone = {str(item["id"]) for item in meant}
    staying = [item for item in subject.items if str(item["id"]) not in gone]
    kept = {href for item in staying for href in asset_hrefs(item)} | set(asset_hrefs(subject.document))
    files = [name for name in _own_files(subject, meant) if subject.storage.public_url(name) not in kept]
    removal = _removal(subject, where, sorted(gone), files, left=len(staying), dry_run=dry_run)
    reason = why_not(attrs.evolve(subject, items=tuple(staying)))
    if reason:
        problem = f"nothing can be published of what would stay: {reason}"
        raise RequestError([RequestProblem("tiles", repr(sorted(gone)), problem)])
    if not dry_run:
        subject.catalog.publish(subject.document, staying, mode="replace")
        mend(subject_of(subject.storage, subject.catalog, subject.collection_id, titiler_url=subject.titiler_url))
        _delete(subject.storage, files)
    return removal


def _whole(subject: Subject, where: str, *, dry_run: bool) -> Removal:
    from rastercollection.backends.catalogs.static.removal import collection_documents, remove_collection
    from rastercollection.backends.catalogs.static.static_catalog import StaticCatalog

    catalog = subject.catalog
    if not isinstance(catalog, StaticCatalog):
        raise RequestError([RequestProblem("tiles", "()", "name tiles: a whole collection goes from a folder alone")])
    files = [*_own_files(subject, subject.items), *_files_beside(subject)]
    documents = collection_documents(subject.storage, catalog.url, subject.collection_id)
    every = list(dict.fromkeys((*documents, *files)))
    ids = sorted(str(item["id"]) for item in subject.items)
    removal = _removal(subject, where, ids, every, left=0, dry_run=dry_run)
    if not dry_run:
        remove_collection(subject.storage, catalog.url, subject.collection_id)
        _delete(subject.storage, files)
    return removal


def _own_files(subject: Subject, items: Iterable[Json]) -> list[str]:
    """Addresses of the items' files in the folder of the COGs; what lies elsewhere is not ours to delete."""
    folder = subject.folder
    if folder is None:
        return []
    public = f"{subject.storage.public_url(folder)}/"
    hrefs = {href for item in items if cog_key(item) is not None for href in asset_hrefs(item)}
    return [join(folder, href.removeprefix(public)) for href in sorted(hrefs) if href.startswith(public)]


def _files_beside(subject: Subject) -> list[str]:
    """Mosaic, overview, page and reservations of a whole collection."""
    folder, request = subject.folder, subject.request
    if folder is None or request is None:
        return []
    public = f"{subject.storage.public_url(folder)}/"
    linked = [href.removeprefix(public) for href in asset_hrefs(subject.document) if href.startswith(public)]
    found = [join(folder, name) for name in linked if "/" not in name]
    if subject.page is not None:
        found.append(subject.page)
    for info in subject.storage.list(folder, deep=False):
        name = info.url.rpartition("/")[2]
        if is_overview_name(name, request.collection_id) or _reserves(subject, name, info.url):
            found.append(info.url)
    return found


def _reserves(subject: Subject, name: str, url: str) -> bool:
    """Whether a document keeps names in the folder for this collection."""
    if not name.endswith(SUFFIX):
        return False
    with contextlib.suppress(ValueError, RasterCollectionError):
        return Reservation.read(subject.storage.read(url)).collection == subject.collection_id
    return False


def _removal(
    subject: Subject, where: str, items: Sequence[str], files: Sequence[str], *, left: int, dry_run: bool
) -> Removal:
    sizes = {}
    for url in files:
        with contextlib.suppress(ObjectNotFoundError):
            sizes[subject.storage.public_url(url)] = subject.storage.stat(url).size
    return Removal(
        collection_id=subject.collection_id,
        where=where,
        items=tuple(items),
        files=tuple(sizes),
        size=sum(sizes.values()),
        left=left,
        is_dry_run=dry_run,
    )


def _delete(storage: StorageBackend, files: Iterable[str]) -> None:
    for url in files:
        storage.delete(url)
