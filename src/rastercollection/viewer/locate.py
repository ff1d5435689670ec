"""Finding the collection that an address stands for. Reads documents, opens no raster."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from typing import Any

import attrs

from rastercollection.disclosure.listing import listed
from rastercollection.disclosure.logs import get_logger
from rastercollection.errors import ObjectNotFoundError, PermissionDeniedError, RasterCollectionError, ViewError
from rastercollection.model.checks import close_to
from rastercollection.ports.addresses import HTTP_SCHEMES, accepted, join, normalise, split_scheme
from rastercollection.ports.storage import StorageBackend
from rastercollection.stac.hrefs import followed_href
from rastercollection.stac.published import links_of

__all__ = [
    "FoundCollection",
    "check_in_place",
    "find_collection",
    "find_collections",
    "linked_collections",
    "read_json",
]

DEEPEST_CATALOG = 4
MOST_CATALOGS = 100
MOST_COLLECTIONS = 1000
"""Of those in one catalog, the first are shown."""

log = get_logger(__name__)

Json = dict[str, Any]


@attrs.frozen(kw_only=True)
class FoundCollection:
    """A collection that a catalog links to.

    Attributes:
        url: Address of its document.
        title: What the link calls it; empty where it does not.
    """

    url: str
    title: str

    @property
    def name(self) -> str:
        """What its folder is called, in letters, digits, ``_.-``; ``collection`` where nothing is left of it."""
        folder = self.url.rstrip("/").rpartition("/")[0].rpartition("/")[2]
        return re.sub(r"[^A-Za-z0-9_.-]+", "-", folder).strip("-.") or "collection"


def find_collection(
    storage: StorageBackend, address: str, collection_id: str | None = None, *, to_view: bool = True
) -> str:
    """Address of the only collection document that ``address`` stands for; as :func:`find_collections`.

    Args:
        storage, address, to_view: As for :func:`find_collections`.
        collection_id: Which, where there are several; any when None.

    Raises:
        ObjectNotFoundError, ViewError, BackendError: As :func:`find_collections` does.
        ViewError: The catalog holds several, and it is not told which; none of them has this id.
    """
    if collection_id is not None:
        return _of_id(storage, address, collection_id, to_view=to_view)
    found = find_collections(storage, address, to_view=to_view)
    if len(found) > 1:
        public = storage.public_url(normalise(address))
        shown = listed(storage.public_url(one.url) for one in found)
        hint = "Name one of them, or set collection_id."
        raise ViewError(f"The catalog {public} holds {len(found)} collections: {shown}.", hint)
    return found[0].url


def _of_id(storage: StorageBackend, address: str, collection_id: str, *, to_view: bool) -> str:
    """The document of the collection of this id, also where its catalog does not lead to it."""
    _check_address(storage, address, to_view=to_view)
    place = normalise(address)
    folder = place.rpartition("/")[0] if place.lower().endswith(".json") else place
    for catalog in (folder, join(folder, "stac")):
        usual = join(catalog, collection_id, "collection.json")
        with contextlib.suppress(ObjectNotFoundError, PermissionDeniedError):
            if read_json(storage, usual).get("id") == collection_id:
                return usual
    known: dict[str, str] = {}
    for one in find_collections(storage, address, to_view=to_view):
        with contextlib.suppress(ObjectNotFoundError, PermissionDeniedError, ViewError):
            known[str(read_json(storage, one.url).get("id"))] = one.url
    if collection_id not in known:
        meant = close_to(collection_id, known) or "."
        public = storage.public_url(place)
        raise ViewError(f"{public} holds no collection {collection_id!r}.", f"It holds {listed(known)}{meant}")
    return known[collection_id]


def find_collections(storage: StorageBackend, address: str, *, to_view: bool = True) -> tuple[FoundCollection, ...]:
    """The collection documents that ``address`` stands for, in the catalog's order; one at least.

    Args:
        storage: What reads it.
        address: A ``collection.json``; a static catalog, as its folder or its ``catalog.json``; or the
            ``output_container`` of a job, where the catalog is in the folder ``stac``.
        to_view: GDAL is to read its COGs in place.

    Raises:
        ObjectNotFoundError: Nothing of the kind is there.
        ViewError: The catalog holds no collection; the document is something else; GDAL cannot read there.
        BackendError: The address is not accepted, or the store failed.
    """
    _check_address(storage, address, to_view=to_view)
    place = normalise(address)
    refused: PermissionDeniedError | None = None
    for candidate in _candidates(place):
        try:
            return _collections_of(storage, candidate)
        except ObjectNotFoundError as error:
            if error.target != storage.public_url(candidate):
                raise
        except PermissionDeniedError as error:
            refused = refused or error  # some stores answer so for what is not there
    if refused is not None:
        raise refused
    public = storage.public_url(place)
    raise ObjectNotFoundError(
        f"There is no STAC collection at {public}.",
        "Name a collection.json, the folder of a static catalog, or the output_container of a job.",
        public,
    )


def linked_collections(storage: StorageBackend, url: str) -> tuple[FoundCollection, ...]:
    """The collections of a catalog's document, or the collection itself; those that cannot be followed are logged.

    Raises:
        ObjectNotFoundError, ViewError, BackendError: Of the document itself.
    """
    document = read_json(storage, url)
    if document.get("type") == "Collection":
        return (FoundCollection(url=url, title=_title(document)),)
    return tuple(_Walk(storage).below(document, url, DEEPEST_CATALOG))


def check_in_place(storage: StorageBackend, address: str) -> None:
    """Raise ViewError where GDAL has no way to what lies at an address, with the options of its storage."""
    if storage.gdal_source(address) is None:
        raise ViewError(
            f"GDAL cannot read {storage.public_url(address)} in place.",
            "View the collection where its COGs are files, or objects of a store that GDAL reads.",
        )


def _check_address(storage: StorageBackend, address: str, *, to_view: bool) -> None:
    """Refuse an address before any link is followed: headers for one web server are not for those that links name."""
    accepted(address)
    place = normalise(address)
    if to_view or split_scheme(place)[0] in HTTP_SCHEMES:
        check_in_place(storage, place)


def _candidates(place: str) -> list[str]:
    if place.lower().endswith(".json"):
        return [place]
    return [join(place, "collection.json"), join(place, "catalog.json"), join(place, "stac", "catalog.json")]


def _collections_of(storage: StorageBackend, url: str) -> tuple[FoundCollection, ...]:
    document = read_json(storage, url)
    public = storage.public_url(url)
    if document.get("type") == "Collection":
        return (FoundCollection(url=url, title=_title(document)),)
    if document.get("type") != "Catalog":
        raise ViewError(
            f"{public} is no STAC collection.",
            "Name the collection.json that the job printed, or the folder that holds it.",
        )
    walk = _Walk(storage)
    found = tuple(walk.below(document, url, DEEPEST_CATALOG))
    if not found and walk.problem is not None:
        raise walk.problem
    if not found:
        raise ViewError(f"The catalog {public} holds no collection.", "See what is published: list.")
    return found


def _title(value: Json) -> str:
    return title if isinstance(title := value.get("title"), str) else ""


class _Walk:
    """Going through a catalog and the catalogs in it, each once, and no more than a few levels and a hundred of them.

    Attributes:
        problem: The first that a link led to.
    """

    def __init__(self, storage: StorageBackend) -> None:
        self.problem: RasterCollectionError | None = None
        self._storage = storage
        self._seen: set[str] = set()
        self._count = 0

    def below(self, catalog: Json, url: str, levels: int) -> Iterator[FoundCollection]:
        for link in links_of(catalog, "child"):
            try:
                address = followed_href(str(link.get("href")), url)
                if address in self._seen or self._count >= MOST_COLLECTIONS:
                    continue
                self._seen.add(address)
                yield from self._at(address, _title(dict(link)), levels)
            except RasterCollectionError as error:
                log.warning("a link of %s is left out: %s", self._storage.public_url(url), error)
                self.problem = self.problem or error

    def _at(self, url: str, title: str, levels: int) -> Iterator[FoundCollection]:
        """A document of the usual name of a collection is not opened before it is shown: it may be large."""
        if not url.endswith("/collection.json"):
            document = read_json(self._storage, url)
            if document.get("type") == "Catalog":
                if levels and len(self._seen) <= MOST_CATALOGS:
                    yield from self.below(document, url, levels - 1)
                return
            title = title or _title(document)
        self._count += 1
        yield FoundCollection(url=url, title=title)


def _readable(value: Any) -> Any:
    """The same with ``?`` for halves of surrogate pairs, which JSON can escape but no answer can hold."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.loads(text.encode(errors="replace"))
    return value


def read_json(storage: StorageBackend, url: str) -> Json:
    """A JSON object.

    Raises:
        ObjectNotFoundError: Nothing is there.
        ViewError: It is something else.
        BackendError: The store failed.
    """
    try:
        document = _readable(json.loads(storage.read(url)))
    except (ValueError, RecursionError) as error:
        raise ViewError(f"{storage.public_url(url)} is no JSON: {error}.", "Publish the collection again.") from error
    if not isinstance(document, dict):
        raise ViewError(f"{storage.public_url(url)} is no JSON object.", "Publish the collection again.")
    return document
