"""Finding the collection that an address stands for. Reads documents, opens no raster."""

from __future__ import annotations

import json
from typing import Any

from rastercollection.disclosure.listing import listed
from rastercollection.errors import ObjectNotFoundError, PermissionDeniedError, ViewError
from rastercollection.ports.addresses import accepted, join, normalise
from rastercollection.ports.storage import StorageBackend
from rastercollection.stac.hrefs import followed_href
from rastercollection.stac.published import links_of

__all__ = ["check_in_place", "find_collection", "read_json"]

DEEPEST_CATALOG = 4

Json = dict[str, Any]


def find_collection(storage: StorageBackend, address: str) -> str:
    """Address of the collection document that ``address`` stands for.

    Args:
        storage: What reads it.
        address: A ``collection.json``; a static catalog, as its folder or its ``catalog.json``, that holds one
            collection; or the ``output_container`` of a job, where the catalog is in the folder ``stac``.

    Raises:
        ObjectNotFoundError: Nothing of the kind is there.
        ViewError: The catalog holds no collection, or several; the document is something else; GDAL cannot read there.
        BackendError: The address is not accepted, or the store failed.
    """
    accepted(address)
    place = normalise(address)
    # before any link is followed: headers for one web server are not for those that its documents name
    check_in_place(storage, place)
    refused: PermissionDeniedError | None = None
    for candidate in _candidates(place):
        try:
            return _collection_of(storage, candidate, DEEPEST_CATALOG)
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


def check_in_place(storage: StorageBackend, address: str) -> None:
    """Raise ViewError where GDAL has no way to what lies at an address, with the options of its storage."""
    if storage.gdal_source(address) is None:
        raise ViewError(
            f"GDAL cannot read {storage.public_url(address)} in place.",
            "View the collection where its COGs are files, or objects of a store that GDAL reads.",
        )


def _candidates(place: str) -> list[str]:
    if place.lower().endswith(".json"):
        return [place]
    return [join(place, "collection.json"), join(place, "catalog.json"), join(place, "stac", "catalog.json")]


def _collection_of(storage: StorageBackend, url: str, levels: int) -> str:
    document = read_json(storage, url)
    if document.get("type") == "Collection":
        return url
    public = storage.public_url(url)
    if document.get("type") != "Catalog":
        raise ViewError(
            f"{public} is no STAC collection.",
            "Name the collection.json that the job printed, or the folder that holds it.",
        )
    children = links_of(document, "child")
    if len(children) == 1 and levels:
        return _collection_of(storage, followed_href(str(children[0].get("href")), url), levels - 1)
    if not children:
        raise ViewError(f"The catalog {public} holds no collection.", "Run a job first.")
    shown = listed(link.get("href") for link in children)
    raise ViewError(f"The catalog {public} holds {len(children)} collections: {shown}.", "Name one of them.")


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
