"""What a storage backend holds of a static catalog, where it may well hold nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from rastercollection.errors import ObjectNotFoundError
from rastercollection.ports.addresses import relative
from rastercollection.ports.storage import StorageBackend

__all__ = ["list_files", "parse", "read_bytes", "read_document"]

Json = dict[str, Any]


def read_bytes(storage: StorageBackend, url: str) -> bytes | None:
    """An object's bytes; None where there is none."""
    try:
        return storage.read(url)
    except ObjectNotFoundError:
        return None


def read_document(storage: StorageBackend, url: str) -> Json | None:
    """A JSON document; None where there is none that can be read."""
    return parse(read_bytes(storage, url))


def parse(data: bytes | None) -> Json | None:
    """A JSON document from its bytes; None where these are none, or another thing."""
    if data is None:
        return None
    try:
        document = json.loads(data)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def list_files(storage: StorageBackend, folder: str) -> Iterator[tuple[str, int]]:
    """Names, from the folder, and sizes in bytes of all objects below it; none where it does not exist."""
    try:
        for info in storage.list(folder):
            if not info.is_folder:
                below = info.url.startswith(f"{folder}/")
                yield info.url[len(folder) + 1 :] if below else relative(folder, info.url), info.size
    except ObjectNotFoundError:
        return
