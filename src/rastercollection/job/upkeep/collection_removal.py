"""Removing tiles from a published collection, or all of it: what that takes, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any

import attrs

from rastercollection.core.records import jsonable
from rastercollection.errors import RequestError, RequestProblem
from rastercollection.job.calls import check_call
from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.job.storages import open_storage
from rastercollection.model import checks, converters
from rastercollection.model.call_names import names_checked
from rastercollection.ports.storage import StorageBackend

__all__ = ["Removal", "remove_collection"]


@attrs.frozen(kw_only=True)
class Removal:
    """What is, or would be, removed.

    Attributes:
        collection_id: The collection.
        where: Public address of its document.
        items: Ids of the items that go.
        files: Public addresses of the files that are deleted: COGs, thumbnails, documents.
        size: Bytes of these files.
        left: How many items stay; 0 where the whole collection goes.
        is_dry_run: Nothing was done.
        spared: Public addresses of files that items link to and that stay, because no document in their folder keeps
            their names for the collection.
    """

    collection_id: str
    where: str
    items: tuple[str, ...]
    files: tuple[str, ...]
    size: int
    left: int
    is_dry_run: bool
    spared: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        plain: dict[str, Any] = jsonable(attrs.asdict(self))
        return plain


@names_checked
def remove_collection(
    collection: str | PathLike[str],
    tiles: str | Iterable[str] = (),
    *,
    every_tile: bool = False,
    collection_id: str | None = None,
    dry_run: bool = False,
    titiler_url: str | None = None,
    storage: StorageBackend | str | None = None,
    storage_options: Mapping[str, Any] | None = None,
    allow_private_hosts: bool = False,
) -> Removal:
    """Remove tiles from a published collection, or all of it.

    Of tiles, the items go first, in one step; then mosaic, overview, mirror, page and the collection's document are
    made again of those that stay; then their COGs and thumbnails are deleted. Sources are never touched, nor are files
    whose names no document in their folder keeps for the collection. A job that is run again makes what it made before;
    a removal that died is ended by the same call.

    Args:
        collection, collection_id: As for :func:`check_collection`; a whole collection in a static catalog or pgSTAC.
        tiles: Ids of items, names of COGs, or names of sources as items tell them.
        every_tile: Remove the whole collection; no tile is named then.
        dry_run: Tell what would be removed, and remove nothing.
        titiler_url: Root address of the tile server that shows it, where the collection links to one.
        storage, storage_options, allow_private_hosts: As for :func:`process_collection`.

    Raises:
        RequestError: One of these is nothing of the kind, or a tile is not there; nothing is done.
        ObjectNotFoundError: There is no such collection.
        RasterCollectionError: It cannot be asked or changed. What is done is done; the same call goes on.
    """
    options = RuntimeOptions(storage=storage, storage_options=storage_options, allow_private_hosts=allow_private_hosts)
    del storage_options
    names = converters.texts(tiles)
    check_call(
        options,
        collection=(collection, checks.published),
        tiles=(names, checks.is_texts),
        collection_id=(collection_id, checks.optional(checks.identifier)),
        every_tile=(every_tile, checks.boolean),
        dry_run=(dry_run, checks.boolean),
        titiler_url=(titiler_url, checks.optional(checks.http)),
    )
    _check_meaning(names, every_tile=every_tile)
    from rastercollection.job.upkeep.collection_clearing import removed  # loads GDAL

    return removed(
        str(collection),
        collection_id,
        open_storage(options, [str(collection)]),
        names,
        titiler_url=titiler_url,
        dry_run=dry_run,
    )


def _check_meaning(names: Sequence[str], *, every_tile: bool) -> None:
    """Raise unless either tiles are named, or all are meant."""
    if every_tile == bool(names):
        allowed = "must be named, or the whole collection be meant with every_tile=True, not both"
        raise RequestError([RequestProblem("tiles", ", ".join(map(repr, names)) or "nothing", allowed)])
