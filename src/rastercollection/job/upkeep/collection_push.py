"""Pushing a finished collection to another folder or bucket: what that takes, and what comes of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from os import PathLike
from typing import Any

import attrs

from rastercollection.core.records import jsonable
from rastercollection.job.calls import check_call
from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.model import checks
from rastercollection.model.call_names import names_checked
from rastercollection.ports import addresses
from rastercollection.ports.storage import StorageBackend

__all__ = ["Push", "push_collection"]


@attrs.frozen(kw_only=True)
class Push:
    """What a collection has become elsewhere.

    Attributes:
        collection_id: The collection.
        where: Public address of its document there.
        items: How many items it holds.
        copied: How many files were copied, each compared with its checksum.
        found: How many were there before, with the content that they should have.
        size: Bytes that were copied.
        findings: What is wrong with it there, in words; empty where all is sound.
        kept: Ids of items that it had there before and has not here: they stay.
    """

    collection_id: str
    where: str
    items: int
    copied: int
    found: int
    size: int
    findings: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        plain: dict[str, Any] = jsonable(attrs.asdict(self))
        return plain


@names_checked
def push_collection(
    collection: str | PathLike[str],
    target: str | PathLike[str],
    *,
    collection_id: str | None = None,
    catalog: str | PathLike[str] | None = None,
    storage: StorageBackend | str | None = None,
    storage_options: Mapping[str, Any] | None = None,
    allow_private_hosts: bool = False,
) -> Push:
    """Copy a finished collection to another folder or bucket, where it is a collection like any other.

    COGs and thumbnails are copied, and read back to be compared with their checksums; what is there already with the
    right content is not copied again. Items are published with addresses there; mosaic, overview, mirror, page and the
    collection's document are made for the new place, and all is checked at the end. What the target holds of
    others is never overwritten: names are kept for the collection there first, as a job keeps them.

    Args:
        collection, collection_id: As for :func:`check_collection`.
        target: The folder or bucket, as the ``output_container`` of a job.
        catalog: Where STAC goes; the folder ``stac`` in the target unless given.
        storage, storage_options, allow_private_hosts: As for :func:`process_collection`; of both places.

    Raises:
        RequestError: One of these is nothing of the kind, or the collection cannot be published elsewhere.
        OutputTakenError: The target holds files of others under the names of the collection's, or another collection
            of its id.
        OtherSourceError: The collection has tiles there that were made of other sources.
        ObjectNotFoundError: There is no such collection, or a file of it is gone.
        BackendError: Something cannot be read or written. What is there is there: the same call goes on.
    """
    options = RuntimeOptions(
        storage=storage, storage_options=storage_options, allow_private_hosts=allow_private_hosts, catalog=catalog
    )
    del storage_options
    place = os.fspath(target) if isinstance(target, PathLike) else target
    check_call(
        options,
        collection=(collection, checks.published),
        target=(place, checks.is_container),
        collection_id=(collection_id, checks.optional(checks.identifier)),
    )
    from rastercollection.job.upkeep.collection_copying import pushed  # loads GDAL

    return pushed(str(collection), collection_id, addresses.normalise(place), options)
