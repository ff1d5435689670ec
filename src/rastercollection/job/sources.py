"""From the blob list to the sources: patterns expanded, every one found in the store, versions noted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rastercollection.core.models import Notice
from rastercollection.errors import ObjectNotFoundError, RequestError, RequestProblem
from rastercollection.model.request import CollectionRequest
from rastercollection.model.tile import SourceFile, Sources
from rastercollection.ports import addresses
from rastercollection.ports.storage import ObjectInfo, StorageBackend

__all__ = ["find_sources", "versions"]

_MAGIC = re.compile(r"[*?[]")
_OUTPUT = re.compile(r".*_cog_[^/]+?(\.tif|_thumbnail\.png)")


def find_sources(request: CollectionRequest, storage: StorageBackend) -> Sources:
    """Look every source up, without reading any.

    Names that exist are taken literally, even with ``*`` or ``[`` in them; other names with such characters are
    patterns. A source that several entries name is taken once. Patterns leave out what the library itself writes
    there (``…_cog_analysis.tif``), so that outputs do not become sources of the next run.

    Raises:
        RequestError: The container is not there, or names or patterns match nothing: all of them are listed.
    """
    container = request.container_name
    if not storage.exists(container):
        raise RequestError([RequestProblem("container_name", repr(container), "CONTAINER_NOT_FOUND: does not exist")])
    listing = _Listing(container, storage)
    found: dict[str, ObjectInfo] = {}
    missing: list[str] = []
    repeated = 0
    for name in request.blob_list:
        matches = listing.match(name)
        repeated += sum(blob in found for blob in matches)
        found.update(matches)
        if not matches:
            missing.append(name)
    if missing:
        raise RequestError([_missing(name, container) for name in missing])
    notices = []
    if repeated:
        notices.append(
            Notice(code="DUPLICATE_BLOB", message=f"{repeated} entries of blob_list name a raster named before.")
        )
    files = tuple(_source(blob, info) for blob, info in found.items())
    return Sources(files=files, blobs=tuple(found), notices=tuple(notices))


class _Listing:
    """The container's content, listed once, when the first pattern asks for it."""

    def __init__(self, container: str, storage: StorageBackend) -> None:
        self._container, self._storage = container, storage
        self._blobs: dict[str, ObjectInfo] | None = None

    def match(self, name: str) -> dict[str, ObjectInfo]:
        """What a name or pattern stands for, by path relative to the container."""
        try:
            return {name: self._storage.stat(addresses.join(self._container, name))}
        except ObjectNotFoundError:
            if not _MAGIC.search(name):
                return {}
        from fsspec.utils import glob_translate  # only patterns need it, and it is slow to load

        matching = re.compile(glob_translate(name))
        fitting = {blob: info for blob, info in self._all().items() if matching.fullmatch(blob)}
        return {blob: info for blob, info in fitting.items() if not _OUTPUT.fullmatch(blob)}

    def _all(self) -> dict[str, ObjectInfo]:
        if self._blobs is None:
            infos: Iterable[ObjectInfo] = self._storage.list(self._container)
            self._blobs = {addresses.relative(self._container, info.url): info for info in infos}
        return self._blobs


def _missing(name: str, container: str) -> RequestProblem:
    what = "matches nothing" if _MAGIC.search(name) else "FILE_NOT_FOUND: does not exist"
    return RequestProblem("blob_list", repr(name), f"{what} in {container}")


def _source(blob: str, info: ObjectInfo) -> SourceFile:
    return SourceFile(blob=blob, url=info.url, size=info.size, version=info.version, modified=info.modified)


def versions(files: Sequence[SourceFile]) -> list[list[str | int]]:
    """What tells whether any source changed."""
    return [[source.blob, source.size, source.version] for source in files]
