"""What the viewer knows of a collection: its document, its mosaic, its overview and its items, read once."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import attrs

from rastercollection.core.records import digest
from rastercollection.disclosure.logs import get_logger
from rastercollection.errors import RasterCollectionError, ViewError
from rastercollection.mosaics.assets import place_beside
from rastercollection.mosaics.index import MosaicIndex, read_mosaic
from rastercollection.ports.storage import StorageBackend
from rastercollection.stac.hrefs import followed_href
from rastercollection.stac.published import asset_with_role, published_overview
from rastercollection.stac.terms import MOSAIC
from rastercollection.viewer.locate import check_in_place, find_collection, read_json
from rastercollection.viewer.shown_items import ItemIndex, load_items

__all__ = ["PublishedCollection", "ServedCollection", "ServedOverview"]

LEVELS_BELOW_MINZOOM = 2
"""Far below the coarsest overviews, GDAL warps millions of pixels for a tile; each level takes four times as long."""

FEW_COGS = 64
"""Tiles that may open more than these are not drawn."""

log = get_logger(__name__)


@attrs.frozen(kw_only=True)
class ServedOverview:
    """A COG that shows the whole collection at low zooms.

    Attributes:
        cog: Its address.
        minzoom, maxzoom: WebMercatorQuad zooms, for tiles of 256 pixels, that it is meant for.
    """

    cog: str
    minzoom: int
    maxzoom: int


@attrs.frozen(kw_only=True)
class PublishedCollection:
    """A collection as it was when it was read.

    Attributes:
        url: Address of its document.
        document: The document.
        mosaic_url: Address of its MosaicJSON.
        mosaic: What that holds.
        overview: None where the collection has none.
        minzoom: The lowest zoom that the data are meant for.
        lowest_zoom: The lowest zoom at which tiles can be drawn in good time, from few COGs.
        version: Another one whenever the document is another.
    """

    url: str
    document: Mapping[str, Any] = attrs.field(repr=False)
    mosaic_url: str
    mosaic: MosaicIndex = attrs.field(repr=False)
    overview: ServedOverview | None
    minzoom: int
    lowest_zoom: int
    version: str
    _items: Future[ItemIndex] = attrs.field(repr=False, alias="items", eq=False)

    @property
    def items(self) -> ItemIndex:
        """Its items; waits for them to be read."""
        return self._items.result()


class ServedCollection:
    """The collection that is shown; read again when it was published again.

    Args:
        storage: What reads it.
        address: As :func:`~rastercollection.viewer.locate.find_collection` takes it.

    Raises:
        ViewError, BackendError: There is no collection that can be shown.
    """

    def __init__(self, storage: StorageBackend, address: str) -> None:
        self.storage = storage
        self._url = find_collection(storage, address)
        self._lock = threading.Lock()
        self._version = self._stored_version()
        self._shown = load_collection(storage, self._url)

    @property
    def shown(self) -> PublishedCollection:
        """The collection as it was read last."""
        return self._shown

    def refresh(self) -> PublishedCollection:
        """Read it again if its document is another by now; what is shown stays where that fails."""
        with self._lock:
            try:
                version = self._stored_version()
                if version != self._version:
                    self._shown, self._version = load_collection(self.storage, self._url), version
            except RasterCollectionError as error:
                log.warning("the collection cannot be read again: %s", error)
            return self._shown

    def _stored_version(self) -> str:
        return self.storage.stat(self._url).version


def load_collection(storage: StorageBackend, url: str) -> PublishedCollection:
    """Read document and mosaic; items are read in the background.

    Raises:
        ViewError: There is no mosaic, or GDAL cannot read where the COGs are.
        BackendError: A document cannot be read.
    """
    document = read_json(storage, url)
    asset = asset_with_role(document, MOSAIC)
    if asset is None:
        raise ViewError(
            f"The collection {storage.public_url(url)} has no MosaicJSON to be served from.",
            "Publish it with create_mosaicjson=True.",
        )
    mosaic_url = followed_href(str(asset.get("href")), url)
    items = _in_background(storage, document, url)
    mosaic = _placed(storage, read_mosaic(read_json(storage, mosaic_url), mosaic_url), mosaic_url, items)
    overview = _overview(storage, document, url)
    minzoom = min(mosaic.minzoom, overview.minzoom) if overview else mosaic.minzoom
    return PublishedCollection(
        url=url,
        document=document,
        mosaic_url=storage.public_url(mosaic_url),
        mosaic=mosaic,
        overview=overview,
        minzoom=minzoom,
        lowest_zoom=_lowest_zoom(mosaic, max(0, minzoom - LEVELS_BELOW_MINZOOM), overview),
        version=digest([url, document])[:12],
        items=items,
    )


def _in_background(storage: StorageBackend, document: Mapping[str, Any], url: str) -> Future[ItemIndex]:
    future: Future[ItemIndex] = Future()

    def load() -> None:
        try:
            future.set_result(load_items(storage, document, url))
        except BaseException as error:  # noqa: BLE001 - handed on to whoever asks for items
            future.set_exception(error)

    threading.Thread(target=load, name="rastercollection-items", daemon=True).start()
    return future


def _placed(storage: StorageBackend, mosaic: MosaicIndex, url: str, items: Future[ItemIndex]) -> MosaicIndex:
    """The mosaic with COGs where they are: a collection that was moved as a whole still names their old place.

    Beside the document is where they are looked for then, at last where the items say.
    """
    every = mosaic.every_asset()
    if not every:
        return mosaic
    places = {asset: _place(asset, url) for asset in every}
    first = places[every[0]]
    if first is None or not storage.exists(first):
        beside = {asset: _place(place_beside(asset, mosaic.prefix, url), url) for asset in every}
        moved = beside[every[0]]
        is_beside = bool(mosaic.prefix) and moved is not None and storage.exists(moved)
        places |= beside if is_beside else _beside_items(every, items.result())
    known = {asset: place for asset, place in places.items() if place is not None}
    if not known:
        raise ViewError(
            f"The mosaic {storage.public_url(url)} names COGs that cannot be reached, such as {every[0]}.",
            "Publish the collection again, to where it is to be read.",
        )
    check_in_place(storage, next(iter(known.values())))
    return mosaic.renamed(known)


def _place(asset: str, mosaic_url: str) -> str | None:
    try:
        return followed_href(asset, mosaic_url)
    except RasterCollectionError:
        return None


def _beside_items(assets: Sequence[str], items: ItemIndex) -> dict[str, str]:
    """Addresses that items have for COGs, by what the mosaic calls them: those of which the file's name is the same."""
    by_name: dict[str, set[str]] = {}
    for item in items.items:
        by_name.setdefault(_name(item.cog), set()).add(item.cog)
    found = {asset: by_name.get(_name(asset), set()) for asset in assets}
    return {asset: next(iter(places)) for asset, places in found.items() if len(places) == 1}


def _lowest_zoom(mosaic: MosaicIndex, lowest: int, overview: ServedOverview | None) -> int:
    zooms = range(lowest, mosaic.zoom + 1)
    heavy = [zoom for zoom in zooms if mosaic.most_in_tile(zoom) > FEW_COGS] if overview is None else []
    return heavy[-1] + 1 if heavy else lowest


def _name(address: str) -> str:
    return address.replace("\\", "/").rpartition("/")[2]


def _overview(storage: StorageBackend, document: Mapping[str, Any], url: str) -> ServedOverview | None:
    try:
        found = published_overview(document)
        if found is None:
            return None
        return ServedOverview(cog=followed_href(found.href, url), minzoom=found.minzoom, maxzoom=found.maxzoom)
    except (ValueError, RasterCollectionError) as error:
        log.warning("the overview of %s is not used: %s", storage.public_url(url), error)
        return None
