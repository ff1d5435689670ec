"""Where a collection is pushed to: looked at before anything is copied, so that nothing of others is overwritten."""

from __future__ import annotations

import hashlib

from rastercollection.backends.catalogs.static.stored import read_bytes
from rastercollection.checking.subject import Subject
from rastercollection.disclosure.listing import listed
from rastercollection.errors import (
    OtherSourceError,
    OutputTakenError,
    RequestProblem,
)
from rastercollection.model.names import is_overview_name, mosaic_name, page_name
from rastercollection.model.reservation import SUFFIX, Reservation, reservation_in
from rastercollection.ports.catalog import CatalogBackend
from rastercollection.ports.storage import StorageBackend
from rastercollection.stac.published import asset_hrefs, is_own_collection, published_tile
from rastercollection.stages.cog.output_places import Found, OutputPlace

__all__ = ["reserve_target"]


def reserve_target(subject: Subject, folder: str, target: str, catalog: CatalogBackend) -> tuple[str, ...]:
    """Keep the collection's names at the target for it.

    Args:
        subject: The collection.
        folder: Address of the folder of its COGs.
        target: Address of the folder that it is pushed to.
        catalog: Where it is published there.

    Returns:
        Ids of items that the collection has there and not here: they stay.

    Raises:
        OutputTakenError: Names there are those of another collection, or of somebody else; the catalog has another
            collection of this id.
        OtherSourceError: Tiles there were made of other sources.
    """
    document = catalog.collection(subject.collection_id)
    kept = _refuse_another(subject, document is not None, target, catalog)
    items = catalog.items(subject.collection_id) if document is not None else ()
    linked = {href for item in items for href in asset_hrefs(item)} | set(asset_hrefs(document or {}))
    place = OutputPlace(
        storage=subject.storage,
        container=target,
        folder="",
        wanted=_wanted(subject, folder),
        parameter="target",
        published=linked,
        written=dict,
        is_replacing=False,
        job_id=hashlib.sha256(subject.storage.public_url(folder).encode(errors="surrogateescape")).hexdigest(),
    )
    found = place.look()
    _refuse(found, target)
    _refuse(place.reserve(found), target)
    return kept


def _refuse(found: Found, target: str) -> None:
    if found.taken:
        raise OutputTakenError(found.taken)
    if found.stems:
        text = f"tiles there were made of other sources ({listed(found.stems)}): choose another target"
        raise OtherSourceError([RequestProblem("target", repr(target), text)])


def _refuse_another(subject: Subject, is_there: bool, target: str, catalog: CatalogBackend) -> tuple[str, ...]:
    """Refuse a collection of this id that is another one; returns ids of items that it has and this one has not."""
    if not is_there:
        return ()
    name = subject.collection_id
    ours = {tile.item_id: tile for tile in map(published_tile, subject.items)}
    theirs = {tile.item_id: tile for tile in map(published_tile, catalog.items(name))}
    other = sorted(key for key, tile in theirs.items() if key in ours and tile.source != ours[key].source)
    document = catalog.collection(name)
    is_another = bool(theirs) and not ours.keys() & theirs.keys()
    if other or is_another or (document is not None and not is_own_collection(document, name)):
        text = f"the catalog there has another collection {name!r}{f', with other {listed(other)}' if other else ''}"
        raise OutputTakenError([RequestProblem("target", repr(target), f"{text}: choose another target")])
    return tuple(sorted(theirs.keys() - ours.keys()))


def _wanted(subject: Subject, folder: str) -> Reservation:
    """The names that the collection takes: as they are kept for it where it is, and of all files that are copied."""
    request = subject.request
    name = request.collection_id if request is not None else subject.collection_id
    kept = Reservation(collection=subject.collection_id, documents=(mosaic_name(name), page_name(name)))
    every = kept.over(_reservations(subject.storage, folder, subject.collection_id))
    public = f"{subject.storage.public_url(folder)}/"
    files = {href.removeprefix(public) for item in subject.items for href in asset_hrefs(item)}
    strange = {file for file in files if "/" not in file and not is_overview_name(file, name)}
    without = Reservation(collection=every.collection, documents=tuple(sorted(strange - set(every.names().values()))))
    return every.over([without]) if without.documents else every


def _reservations(storage: StorageBackend, folder: str, collection_id: str) -> list[Reservation]:
    documents = [info.url for info in storage.list(folder, deep=False) if info.url.endswith(SUFFIX)]
    found = [reservation_in(read_bytes(storage, url)) for url in documents]
    return [one for one in found if one is not None and one.collection == collection_id]
