"""Taking tiles out of a published collection, or all of it: what goes, and what follows from it for the rest.

What is to be deleted is written down before anything goes, so that the same call ends what one that died began.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from rastercollection.backends.catalogs.static.at_once import batches, in_parallel
from rastercollection.backends.catalogs.static.begun_removals import (
    BegunRemoval,
    begin_removal,
    begun_removals,
    end_removal,
    removals_below,
)
from rastercollection.backends.catalogs.static.removal import collection_documents
from rastercollection.backends.catalogs.static.static_catalog import StaticCatalog
from rastercollection.checking.mending import mend, why_not
from rastercollection.checking.subject import Subject
from rastercollection.errors import BackendError, ObjectNotFoundError, RequestError, RequestProblem, ViewError
from rastercollection.job.upkeep.collection_access import is_static, read_collection, subject_of
from rastercollection.job.upkeep.collection_removal import Removal
from rastercollection.job.upkeep.owned_files import OwnedFiles
from rastercollection.model import checks
from rastercollection.model.names import page_name
from rastercollection.model.reservation import SUFFIX
from rastercollection.ports.addresses import normalise
from rastercollection.ports.catalog import CatalogBackend, RemovableCatalog, undisturbed
from rastercollection.ports.storage import StorageBackend
from rastercollection.stac.published import asset_hrefs, cog_key, published_tile
from rastercollection.stac.terms import REMOVING

__all__ = ["removed"]

Json = Mapping[str, Any]

_DELETED_AT_ONCE = 1000
"""Files that are deleted while others wait to publish."""


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
    try:
        subject, where = read_collection(collection, collection_id, storage, titiler_url=titiler_url)
    except (ObjectNotFoundError, ViewError):
        if not is_static(collection):
            raise
        begun = [*removals_below(storage, normalise(collection))]
        meant = [(catalog, one) for catalog, one in begun if collection_id in (None, one.collection)]
        if len(meant) != 1 or not set(names) <= set(meant[0][1].names):
            raise
        folder, one = meant[0]
        return _ended(storage, StaticCatalog(folder, storage), folder, one, dry_run=dry_run)
    before = _begun(subject, names)
    if not names and not subject.items and len(before) == 1 and before[0].is_whole:
        return _ended(storage, subject.catalog, str(_records(subject)), before[0], dry_run=dry_run)
    items = _meant(subject, names, {name for one in before for name in one.names})
    if not names or len(items) == len(subject.items):
        return _whole(subject, where, dry_run=dry_run)
    return _tiles(subject, where, items, before, dry_run=dry_run)


def _begun(subject: Subject, names: Sequence[str]) -> list[BegunRemoval]:
    """Removals of tiles to be ended by this one: nobody is at them any more, or it is the same."""
    records = _records(subject)
    found = begun_removals(subject.storage, records, subject.collection_id) if records else []
    return [one for one in found if one.is_abandoned or set(names) & set(one.names) or (one.is_whole and not names)]


def _records(subject: Subject) -> str | None:
    """Address of the folder below which it is told what goes: the catalog's or, of a database, that of the COGs."""
    if isinstance(subject.catalog, StaticCatalog):
        return subject.catalog.url
    return subject.document.get(REMOVING) or subject.folder


def _meant(subject: Subject, names: Sequence[str], gone: Iterable[str]) -> list[Json]:
    """The items of these names; an id is that of its item alone.

    Args:
        subject: The collection.
        names: What was named.
        gone: Names of items that a removal which has begun took away.

    Raises:
        RequestError: Names that are none of the collection's; all of them are listed.
    """
    known: dict[str, list[Json]] = {}
    for item in subject.items:
        for name in {name for name in _names(item) if name}:
            known.setdefault(name, []).append(item)
    known |= {str(item["id"]): [item] for item in subject.items}
    wrong = [
        RequestProblem("tiles", repr(name), f"is no tile of {subject.collection_id}{checks.close_to(name, known)}")
        for name in names
        if name not in known and name not in gone
    ]
    if wrong:
        raise RequestError(wrong)
    found = {str(item["id"]): item for name in names for item in known.get(name, ())}
    return list(found.values())


def _names(item: Json) -> Iterator[str]:
    yield str(item["id"])
    yield published_tile(item).title
    key = cog_key(item)
    if key is not None:
        yield str(item["assets"][key]["href"]).rpartition("/")[2]


def _tiles(
    subject: Subject, where: str, meant: Sequence[Json], before: Sequence[BegunRemoval], *, dry_run: bool
) -> Removal:
    gone = {str(item["id"]) for item in meant}
    staying = [item for item in subject.items if str(item["id"]) not in gone]
    reason = why_not(attrs.evolve(subject, items=tuple(staying)))
    if reason:
        problem = f"nothing can be published of what would stay: {reason}"
        raise RequestError([RequestProblem("tiles", repr(sorted(gone)), problem)])
    linked = {href for item in staying for href in asset_hrefs(item)} | set(asset_hrefs(subject.document))
    wanted = [
        url for url in dict.fromkeys((*_hrefs(meant), *(u for one in before for u in one.files))) if url not in linked
    ]
    owned = _owned(subject.storage, _name(subject), subject.collection_id, wanted)
    own = {url: version for one in owned for url, version in one.versions.items()}
    files = {url: own[url] for url in wanted if url in own}
    ids = {item for one in before for item in one.items} - {str(item["id"]) for item in staying} | gone
    removal = Removal(
        collection_id=subject.collection_id,
        where=where,
        items=tuple(sorted(ids)),
        left=len(staying),
        spared=tuple(url for url in _hrefs(meant) if url not in own and url not in linked),
        is_dry_run=dry_run,
        **_sizes(subject.storage, files),
    )
    if not dry_run:
        _take_out(subject, staying, meant, files, before)
    return removal


def _take_out(
    subject: Subject,
    staying: Sequence[Json],
    meant: Sequence[Json],
    files: Mapping[str, str],
    before: Sequence[BegunRemoval],
) -> None:
    """Publish the items no more, make again what follows from the others, and delete the files that are left over."""
    storage, catalog, name = subject.storage, subject.catalog, subject.collection_id
    gone = [str(item["id"]) for item in meant]
    records = _records(subject)
    begun = [*before, *([_begin(subject, records, meant, sorted(gone), files, is_whole=False)] if records else [])]
    if isinstance(catalog, RemovableCatalog):
        catalog.remove_items(name, gone)  # others may have published since it was read
    else:
        catalog.publish(subject.document, staying, mode="replace")
    published = subject_of(storage, catalog, name, titiler_url=subject.titiler_url)
    if why_not(published):
        raise BackendError(f"Collection {name} cannot be read back: {why_not(published)}.", "Try again.", name)
    mend(published)
    _delete(storage, catalog, name, _name(subject), files)
    for one in begun:
        end_removal(storage, str(records), one)


def _whole(subject: Subject, where: str, *, dry_run: bool) -> Removal:
    catalog, storage, records = subject.catalog, subject.storage, _records(subject)
    if not isinstance(catalog, RemovableCatalog) or records is None:
        problem = "cannot be removed whole from this catalog" if records else "has its COGs in several folders"
        raise RequestError([RequestProblem("tiles", "()", f"name tiles: {subject.collection_id} {problem}")])
    linked = dict.fromkeys((*_hrefs(subject.items), *asset_hrefs(subject.document)))
    page = [storage.public_url(subject.page)] if subject.page is not None else []
    owned = _owned(storage, _name(subject), subject.collection_id, [*linked, *page])
    overviews = [url for one in owned for url in one.overviews]
    reservations = [url for one in owned for url in one.reservations]
    own = {url: version for one in owned for url, version in one.versions.items()}
    files = {url: own[url] for url in dict.fromkeys((*linked, *page, *overviews, *reservations)) if url in own}
    in_files = isinstance(catalog, StaticCatalog)
    documents = collection_documents(storage, records, subject.collection_id) if in_files else []
    of_catalog = {storage.public_url(url) for url in documents}
    removal = Removal(
        collection_id=subject.collection_id,
        where=where,
        items=tuple(sorted(str(item["id"]) for item in subject.items)),
        left=0,
        spared=tuple(url for url in linked if url not in own and url not in of_catalog),
        is_dry_run=dry_run,
        **_sizes(storage, [*documents, *files]),
    )
    if not dry_run:
        begun = _begin(subject, records, subject.items, removal.items, files, is_whole=True)
        _end(storage, catalog, records, begun)
    return removal


def _ended(
    storage: StorageBackend, catalog: CatalogBackend, records: str, begun: BegunRemoval, *, dry_run: bool
) -> Removal:
    """What a removal of a whole collection that died has left to do, done."""
    owned = _owned(storage, begun.called, begun.collection, list(begun.files))
    files = {url: version for url, version in begun.files.items() if any(url in one.versions for one in owned)}
    removal = Removal(
        collection_id=begun.collection,
        where=storage.public_url(records),
        items=begun.items,
        left=0,
        is_dry_run=dry_run,
        **_sizes(storage, files),
    )
    if not dry_run:
        _end(storage, catalog, records, attrs.evolve(begun, files=files))
    return removal


def _begin(
    subject: Subject,
    records: str,
    meant: Iterable[Json],
    ids: Sequence[str],
    files: Mapping[str, str],
    *,
    is_whole: bool,
) -> BegunRemoval:
    """Write down what goes."""
    begun = BegunRemoval(
        collection=subject.collection_id,
        called=_name(subject),
        items=tuple(ids),
        names=tuple(sorted({name for item in meant for name in _names(item) if name})),
        files=files,
        is_whole=is_whole,
    )
    begin_removal(subject.storage, records, begun)
    return begun


def _end(storage: StorageBackend, catalog: CatalogBackend, records: str, begun: BegunRemoval) -> None:
    """Remove the documents of a whole collection, and then its files.

    Of a database, the collection's document goes last: it alone tells where it is told what is to be deleted.
    """
    name = begun.collection
    if isinstance(catalog, StaticCatalog):
        catalog.remove(name)
    elif (published := catalog.collection(name)) is not None:  # else another removal has ended it
        catalog.publish({**published, "assets": {}, REMOVING: records}, [], mode="replace")
    _delete(storage, catalog, name, begun.called, begun.files)
    # another job may have published the collection anew by now
    if isinstance(catalog, RemovableCatalog) and (catalog.collection(name) or {}).get(REMOVING) == records:
        catalog.remove(name)
    end_removal(storage, records, begun)


def _owned(storage: StorageBackend, name: str, collection_id: str, urls: Sequence[str]) -> list[OwnedFiles]:
    """What is the collection's own in the folders in which these files lie."""
    folders = dict.fromkeys(url.rpartition("/")[0] for url in urls)
    return [OwnedFiles.of(storage, folder, collection_id, name) for folder in folders if folder]


def _name(subject: Subject) -> str:
    """What a job calls the collection, after which its overviews are named."""
    return subject.request.collection_id if subject.request is not None else subject.collection_id


def _hrefs(items: Iterable[Json]) -> list[str]:
    """Addresses of what this library's items link to."""
    return [href for item in items if cog_key(item) is not None for href in asset_hrefs(item)]


def _sizes(storage: StorageBackend, urls: Iterable[str]) -> dict[str, Any]:
    """Those files that are there, and their size."""
    sizes = {}
    for url in urls:
        with contextlib.suppress(ObjectNotFoundError):
            sizes[storage.public_url(url)] = storage.stat(url).size
    return {"files": tuple(sizes), "size": sum(sizes.values())}


def _delete(storage: StorageBackend, catalog: CatalogBackend, name: str, called: str, files: Mapping[str, str]) -> None:
    """Delete files, but for those that belong to what is published by now, or were written again since the last look.

    Meanwhile nobody publishes to the collection: a job that comes to publish what it found here finds it gone, or its
    links are seen. What tells that the others are the collection's goes last, and stays where others of it are there.
    """
    last = [url for url in files if url.endswith(SUFFIX)]
    for urls in (*batches([url for url in files if url not in last], _DELETED_AT_ONCE), last):

        def delete_unlinked(check: Callable[[], object], urls: Sequence[str] = urls) -> None:
            document = catalog.collection(name)
            linked = _linked(catalog, name, document)
            kept = {url for url in last if urls is last and _has_files(storage, url, name, called)}
            wanted = [url for url in urls if url not in linked | kept and not _is_needed(url, called, document)]
            in_parallel(lambda url: _delete_one(storage, url, files[url], check), wanted)

        undisturbed(catalog, name, delete_unlinked)


def _linked(catalog: CatalogBackend, name: str, document: Json | None) -> set[str]:
    """All that a collection links to now."""
    return set() if document is None else {*asset_hrefs(document), *_hrefs(catalog.items(name))}


def _has_files(storage: StorageBackend, reservation: str, name: str, called: str) -> bool:
    """Whether somebody has written files of the collection into the folder in which its names are kept."""
    return any(len(one.versions) > len(one.reservations) for one in _owned(storage, called, name, [reservation]))


def _is_needed(url: str, called: str, document: Json | None) -> bool:
    """Whether a collection that is published, anew perhaps, goes by a file that it does not link to as an asset."""
    is_published = document is not None and REMOVING not in document
    return is_published and (url.endswith(SUFFIX) or url.rpartition("/")[2] == page_name(called))


def _delete_one(storage: StorageBackend, url: str, version: str, check: Callable[[], object]) -> None:
    with contextlib.suppress(ObjectNotFoundError):
        if storage.stat(url).version == version:
            check()
            storage.delete(url)
