"""Whether what was written is there as it was: by what the store tells, and by its content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from rastercollection.core.records import MULTIHASH_SHA256
from rastercollection.errors import ObjectNotFoundError
from rastercollection.model.output import Output, Verify
from rastercollection.ports.storage import StorageBackend
from rastercollection.stac.published import published_file
from rastercollection.stac.terms import OVERVIEW, THUMBNAIL
from rastercollection.stages.resources import Resources

__all__ = ["checksum_of", "has_whole_overview", "is_as_written", "is_file"]

_AT_ONCE = 16 * 2**20
"""Bytes of an object that are read at a time."""


def checksum_of(storage: StorageBackend, url: str, size: int) -> str:
    """SHA2-256 of an object's bytes, as a hexadecimal multihash.

    Args:
        storage: Where it is.
        url: Its address.
        size: Its size, as the store tells.

    Raises:
        ObjectNotFoundError: Nothing is there.
        BackendError: The store could not be asked, or did not deliver all.
    """
    total = hashlib.sha256()
    for part in _parts(storage, url, size):
        total.update(part)
    return MULTIHASH_SHA256 + total.hexdigest()


def _parts(storage: StorageBackend, url: str, size: int) -> Iterator[bytes]:
    if size <= _AT_ONCE:
        yield storage.read(url)
        return
    for start in range(0, size, _AT_ONCE):
        yield storage.read(url, start, min(start + _AT_ONCE, size))


def is_file(storage: StorageBackend, url: str, *, size: int | None, checksum: str, verify: Verify) -> bool:
    """Whether an object has the size and, where that is looked at, the content that a document tells of it.

    Args:
        storage: Where it is.
        url: Its address.
        size: Bytes; None where the document does not tell.
        checksum: Multihash; empty where it does not tell.
        verify: How closely it is looked at.

    Raises:
        BackendError: The store could not be asked.
    """
    try:
        info = storage.stat(url)
        if size is not None and info.size != size:
            return False
        told = Output(url=url, size=info.size, version=info.version, checksum=checksum)
        return not told.is_read(verify) or checksum_of(storage, url, info.size) == checksum
    except ObjectNotFoundError:
        return False


def has_whole_overview(collection: Mapping[str, Any], resources: Resources) -> bool:
    """Whether overview and thumbnail that a collection links to, if any, are there as they were written.

    Args:
        collection: Its document, with absolute hrefs.
        resources: With the storage, and how closely to look.

    Raises:
        BackendError: The store could not be asked.
    """
    found = [file for role in (OVERVIEW, THUMBNAIL) if (file := published_file(collection, role)) is not None]
    return all(
        is_file(resources.storage, file.href, size=file.size, checksum=file.checksum, verify=resources.verify)
        for file in found
    )


def is_as_written(output: Output, storage: StorageBackend, verify: Verify) -> bool:
    """Whether an object is as a task wrote it; of one that all jobs of a collection write, whether it is there.

    Raises:
        BackendError: The store could not be asked.
    """
    try:
        info = storage.stat(output.url)
        if output.shared:
            return True
        if (info.size, info.version) != (output.size, output.version):
            return False
        return not output.is_read(verify) or checksum_of(storage, output.url, info.size) == output.checksum
    except ObjectNotFoundError:
        return False
