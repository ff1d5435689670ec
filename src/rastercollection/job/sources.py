"""From the blob list to the sources: patterns expanded, every one found in the store, versions noted."""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

import attrs

from rastercollection.core.models import ErrorRecord, Notice
from rastercollection.core.records import digest
from rastercollection.disclosure.listing import listed
from rastercollection.disclosure.redaction import REDACTED
from rastercollection.errors import (
    ObjectNotFoundError,
    PermissionDeniedError,
    RasterCollectionError,
    RequestError,
    RequestProblem,
)
from rastercollection.model.names import folded, is_overview_name, shortened_names
from rastercollection.model.request import CollectionRequest
from rastercollection.model.reservation import SUFFIX, Reservation
from rastercollection.model.source_names import ALL_BANDS, TILES, is_pattern, match, readable
from rastercollection.model.tile import SourceFile, Sources
from rastercollection.ports import addresses
from rastercollection.ports.storage import ObjectInfo, StorageBackend

__all__ = ["find_sources", "fingerprints"]

_READERS = 8
_OF_A_FILE = re.compile(r"((_rpc)?\.[^.]*|\.[^.]*\.(aux\.xml|msk|ovr))$")
_PUBLISHED = ("collection_title", "collection_description", "providers", "keywords", "license")


def find_sources(request: CollectionRequest, storage: StorageBackend) -> Sources:
    """Look every source up, without reading any.

    Names that exist are taken literally, even with ``*`` or ``[`` in them; other names with such characters are
    patterns. A source that several entries name is taken once. What fits a pattern and is left out (hidden files, files
    beside rasters, outputs of the library) is told in a notice.

    Raises:
        RequestError: The container is not there, or names or patterns match nothing: all of them are listed.
        BackendError: The store could not be asked; that says nothing of what is there.
    """
    container = request.container_name
    if _is_absent(container, storage):
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
    sources = {readable(blob): info for blob, info in found.items()}
    part = ALL_BANDS if request.subdatasets == "bands" else request.subdatasets or ""
    beside = listing.beside([*found])
    return Sources(
        files=tuple(
            attrs.evolve(_source(readable(blob), info, "" if part == TILES else part), beside=beside.get(blob, ""))
            for blob, info in found.items()
        ),
        blobs=tuple(sources),
        refused={readable(blob): _unreadable(readable(blob)) for blob in found if blob != readable(blob)},
        notices=(*_notices(repeated, listing.left_out(found), tuple(sources)), *_redacted(request)),
    )


def _is_absent(container: str, storage: StorageBackend) -> bool:
    """Whether the store says so.

    Web servers have no folders to ask for. Who may not look at a container may still read what is named in it.
    """
    if addresses.split_scheme(container)[0] in addresses.HTTP_SCHEMES:
        return False
    try:
        return not storage.exists(container)
    except PermissionDeniedError:
        return False


def _redacted(request: CollectionRequest) -> list[Notice]:
    """Which texts that are going to be published had secrets in them, which the request has replaced."""
    names = [name for name in _PUBLISHED if REDACTED in str(getattr(request, name))]
    if not names:
        return []
    message = f"{', '.join(names)} held what looks like a password or signature; {REDACTED} is published instead."
    return [Notice(code="SECRET_REDACTED", message=message)]


class _Listing:
    """The container's content, listed once, when the first pattern asks for it."""

    def __init__(self, container: str, storage: StorageBackend) -> None:
        self._container, self._storage = container, storage
        self._blobs: dict[str, ObjectInfo] | None = None
        self._left_out: defaultdict[str, dict[str, None]] = defaultdict(dict)

    def match(self, name: str) -> dict[str, ObjectInfo]:
        """What a name or pattern stands for, by path relative to the container."""
        try:
            return {name: self._storage.stat(addresses.join(self._container, name))}
        except ObjectNotFoundError:
            if not is_pattern(name):
                return {}
        except PermissionDeniedError:
            if not is_pattern(name):  # whether a pattern's folder can be listed is asked below
                raise
        from fsspec.utils import glob_translate  # only patterns need it, and it is slow to load

        blobs = self._all()
        matches = match(name, re.compile(glob_translate(name)), blobs, self._outputs)
        for reason, names in matches.left_out.items():
            self._left_out[reason].update(dict.fromkeys(names))
        return {blob: blobs[blob] for blob in matches.names}

    @functools.cached_property
    def _outputs(self) -> Set[str]:
        """What the library has made below the container, as its reservations there tell."""
        documents = [(blob, info) for blob, info in self._all().items() if blob.endswith(SUFFIX)]
        return {name for blob, info in documents for name in self._reserved(blob, info)}

    def _reserved(self, document: str, info: ObjectInfo) -> Iterator[str]:
        yield document
        data = self._storage.read(info.url)
        try:
            reservation = Reservation.read(data)
        except (ValueError, RasterCollectionError):  # a job that would write there is refused, and tells of it
            return
        folder, names = document.rpartition("/")[0], reservation.names()
        for blob in self._all():
            parent, _, name = blob.rpartition("/")
            if parent == folder and (folded(name) in names or is_overview_name(name, reservation.collection)):
                yield blob

    def beside(self, found: Sequence[str]) -> Mapping[str, str]:
        """Digests of what lies beside sources under their names, by source; those without any are left out."""
        near = self._near({blob.rpartition("/")[0] for blob in found})
        of_stem: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        for blob, info in near.items():
            of_stem[_stem(blob)].append((blob, f"{info.size} {info.version}"))
        groups = {blob: [each for each in of_stem[_stem(blob)] if each[0] != blob] for blob in found}
        return {blob: digest(sorted(group)) for blob, group in groups.items() if group}

    def _near(self, folders: Set[str]) -> Mapping[str, ObjectInfo]:
        """What lies in these folders, as far as that is known, or cheap to know."""
        if self._blobs is not None:
            return {blob: info for blob, info in self._blobs.items() if blob.rpartition("/")[0] in folders}
        if not addresses.is_local(self._container):
            return {}
        places = [addresses.join(self._container, folder) for folder in sorted(folders)]
        infos = [info for place in places for info in self._storage.list(place, deep=False)]
        return {addresses.relative(self._container, info.url): info for info in infos}

    def left_out(self, found: Iterable[str]) -> Mapping[str, Sequence[str]]:
        """What fits a pattern but is left out, by the reason, where no other entry names it."""
        taken = set(found)
        rest = {reason: [name for name in names if name not in taken] for reason, names in self._left_out.items()}
        return {reason: names for reason, names in rest.items() if names}

    def _all(self) -> dict[str, ObjectInfo]:
        if self._blobs is None:
            infos: Iterable[ObjectInfo] = self._storage.list(self._container)
            self._blobs = {addresses.relative(self._container, info.url): info for info in infos}
        return self._blobs


def _stem(blob: str) -> str:
    """What a file and those that say more of it have in common: ``a`` of ``a.tif.aux.xml`` and of ``a_RPC.TXT``."""
    folder, _, name = blob.rpartition("/")
    return f"{folder}/{_OF_A_FILE.sub('', name.casefold())}"


def _notices(repeated: int, left_out: Mapping[str, Sequence[str]], blobs: Sequence[str]) -> Iterator[Notice]:
    if repeated:
        yield Notice(code="DUPLICATE_BLOB", message=f"{repeated} entries of blob_list name a raster named before.")
    for reason, names in left_out.items():
        fits = "1 file that fits blob_list is" if len(names) == 1 else f"{len(names)} files that fit blob_list are"
        text = f"{fits} left out, {reason}: {_named(names)}."
        yield Notice(code="PATTERN_LEFT_OUT", message=f"{text} To have one, name it.")
    shortened = shortened_names(blobs)
    if shortened:
        text = (
            f"Their paths are too long for names of files, which are shortened in their outputs: {_named(shortened)}."
        )
        yield Notice(code="NAME_SHORTENED", message=text)


def _named(names: Sequence[str]) -> str:
    return listed(map(readable, names))


def _missing(name: str, container: str) -> RequestProblem:
    what = "matches nothing" if is_pattern(name) else "FILE_NOT_FOUND: does not exist"
    return RequestProblem("blob_list", repr(name), f"{what} in {container}")


def _unreadable(blob: str) -> ErrorRecord:
    return ErrorRecord(
        code="NAME_UNREADABLE",
        message=f"{blob}: its name holds bytes that are no text in this system's encoding, UTF-8 as a rule.",
        hint="Rename the file; or, if names are UTF-8, run under a UTF-8 locale (PYTHONUTF8=1).",
    )


def _source(blob: str, info: ObjectInfo, part: str) -> SourceFile:
    url = readable(info.url)
    return SourceFile(blob=blob, url=url, size=info.size, version=info.version, modified=info.modified, part=part)


def fingerprints(files: Sequence[SourceFile]) -> list[list[str | int]]:
    """What tells whether any source changed."""
    return [[source.blob, source.size, source.version, source.beside] for source in files]
