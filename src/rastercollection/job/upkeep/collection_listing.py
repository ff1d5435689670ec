"""Which collections are published below a folder, and what each of them holds, told by their documents alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike
from typing import Any

import attrs

from rastercollection.core.records import jsonable
from rastercollection.disclosure.logs import get_logger
from rastercollection.errors import BackendError, ObjectNotFoundError, ViewError
from rastercollection.job.calls import check_call
from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.job.storages import open_storage
from rastercollection.model import checks
from rastercollection.model.call_names import names_checked
from rastercollection.ports import addresses
from rastercollection.ports.storage import StorageBackend
from rastercollection.stac.hrefs import absolute_href
from rastercollection.stac.parts import item_count
from rastercollection.stac.published import asset_with_role
from rastercollection.stac.terms import MOSAIC, OVERVIEW
from rastercollection.viewer.locate import linked_collections, read_json

__all__ = ["PublishedCollection", "describe_collection", "is_raster", "list_collections"]

Json = Mapping[str, Any]

log = get_logger(__name__)


@attrs.frozen(kw_only=True)
class PublishedCollection:
    """A collection, as its document tells of it.

    Attributes:
        collection_id, title: What it is called.
        where: Public address of its document.
        items: How many items it links to.
        bbox: West, south, east, north; empty where it does not tell.
        interval: From when to when, RFC 3339; None for an end that is open or not known.
        crs: Of its COGs.
        raster_types: What they show.
        bands: What the bands are called.
        mosaic, overview: Addresses; None without one.
    """

    collection_id: str
    title: str
    where: str
    items: int
    bbox: tuple[float, ...] = ()
    interval: tuple[str | None, str | None] = (None, None)
    crs: tuple[str, ...] = ()
    raster_types: tuple[str, ...] = ()
    bands: tuple[str, ...] = ()
    mosaic: str | None = None
    overview: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        plain: dict[str, Any] = jsonable(attrs.asdict(self))
        return plain


@names_checked
def list_collections(
    place: str | PathLike[str] = ".",
    *,
    storage: StorageBackend | str | None = None,
    storage_options: Mapping[str, Any] | None = None,
    allow_private_hosts: bool = False,
) -> tuple[PublishedCollection, ...]:
    """The collections that are published below a place, in the order of their addresses; no raster is opened.

    What a catalog links to and cannot be read is left out, and logged.

    Args:
        place: A ``collection.json``, a catalog, or a folder that is searched at any depth.
        storage, storage_options, allow_private_hosts: As for :func:`process_collection`.

    Raises:
        RequestError: One of these is nothing of the kind.
        ObjectNotFoundError: There is no such place.
        BackendError: It cannot be read.
    """
    options = RuntimeOptions(storage=storage, storage_options=storage_options, allow_private_hosts=allow_private_hosts)
    del storage_options
    check_call(options, place=(place, checks.published))
    opened = open_storage(options, [str(place)])
    urls = sorted(set(_documents(opened, str(place))))
    if urls == [addresses.normalise(str(place))]:
        return (describe_collection(opened, urls[0]),)
    found = (_described(opened, url) for url in urls)
    return tuple(one for one in found if one is not None)


def _described(storage: StorageBackend, url: str) -> PublishedCollection | None:
    """None where it is gone, or no collection that can be read."""
    try:
        return describe_collection(storage, url)
    except (ObjectNotFoundError, ViewError) as error:
        log.warning("a collection is left out: %s", error)
        return None


def is_raster(place: str, **access: Any) -> bool:
    """Whether a place is a file, and no document; arguments are those of :func:`list_collections`."""
    if place.lower().endswith(".json") or not place.strip():
        return False
    try:
        return not open_storage(RuntimeOptions(**access), [place]).stat(addresses.normalise(place)).is_folder
    except ObjectNotFoundError:
        return False


def describe_collection(storage: StorageBackend, url: str) -> PublishedCollection:
    """What the collection's document at an address tells of it.

    Raises:
        ObjectNotFoundError, ViewError, BackendError: There is none that can be read, or understood.
    """
    document, public = read_json(storage, url), storage.public_url(url)
    try:
        return _told(document, public)
    except (TypeError, ValueError, LookupError, AttributeError) as error:  # anybody may have written it
        message = f"{public} is not understood: {type(error).__name__}: {error}."
        raise ViewError(message, "Publish the collection again.") from error


def _told(document: Json, public: str) -> PublishedCollection:
    extent = document.get("extent") or {}
    interval = ((extent.get("temporal") or {}).get("interval") or [[None, None]])[0]
    summaries = document.get("summaries") or {}
    return PublishedCollection(
        collection_id=str(document.get("id", "")),
        title=str(document.get("title") or document.get("id", "")),
        where=public,
        items=item_count(document),
        bbox=tuple(((extent.get("spatial") or {}).get("bbox") or [()])[0]),
        interval=(interval[0], interval[-1]),
        crs=tuple(map(str, summaries.get("proj:code") or ())),
        raster_types=tuple(map(str, summaries.get("rastercollection:raster_type") or ())),
        bands=_bands(document),
        mosaic=_address(document, MOSAIC, public),
        overview=_address(document, OVERVIEW, public),
    )


def _bands(document: Json) -> tuple[str, ...]:
    assets = (document.get("item_assets") or {}).values()
    bands: list[Json] = next((asset["bands"] for asset in assets if isinstance(asset.get("bands"), list)), [])
    return tuple(str(band.get("eo:common_name") or band.get("description") or band.get("name")) for band in bands)


def _address(document: Json, role: str, url: str) -> str | None:
    asset = asset_with_role(document, role)
    return None if asset is None or "href" not in asset else absolute_href(str(asset["href"]), url)


def _documents(storage: StorageBackend, place: str) -> Iterator[str]:
    """Addresses of collections' documents at or below a place."""
    address = addresses.normalise(place)
    if address.lower().endswith(".json"):
        yield from (found.url for found in linked_collections(storage, address))
        return
    if not storage.exists(address):
        public = storage.public_url(address)
        raise ObjectNotFoundError(f"There is no {public}.", "Name a folder, a catalog or a collection.json.", public)
    for info in storage.list(address):
        if info.url.rpartition("/")[2] == "collection.json" and _kind(storage, info.url) == "Collection":
            yield info.url


def _kind(storage: StorageBackend, url: str) -> str:
    try:
        return str(read_json(storage, url).get("type"))
    except (BackendError, ViewError):  # whatever it is that has this name
        return ""
