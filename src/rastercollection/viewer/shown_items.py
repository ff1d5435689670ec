"""The items of a published collection: read from their documents, found by place. Opens no raster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import shapely
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from rastercollection.disclosure.logs import get_logger
from rastercollection.errors import RasterCollectionError
from rastercollection.model.drawing_order import Rank
from rastercollection.ports.storage import StorageBackend
from rastercollection.stac.hrefs import followed_href
from rastercollection.stac.parts import whole
from rastercollection.stac.published import asset_with_role, links_of, rank_of_item, when_acquired
from rastercollection.stac.terms import DATA, THUMBNAIL
from rastercollection.viewer.locate import read_json
from rastercollection.viewer.shown_bands import BandOfItem, CountedBand, bands_of_asset, statistics_of_asset

__all__ = ["ItemIndex", "ShownItem", "load_items"]

PARALLEL_REQUESTS = 8
log = get_logger(__name__)

Json = dict[str, Any]


@attrs.frozen(kw_only=True)
class ShownItem:
    """What the viewer shows of an item.

    Attributes:
        id, title: From the document.
        rank: Where it lies: what is greater lies above.
        url: Address of the document.
        when: Acquisition as text, ``start/end`` for an interval; empty where it is not known.
        outline: EPSG:4326.
        cog: Address of the COG.
        thumbnail: Address of the thumbnail; None without one.
        bands: Of the COG.
        statistics: Of each of them; None where the document does not tell.
    """

    id: str
    title: str
    rank: Rank
    url: str
    when: str
    outline: BaseGeometry = attrs.field(repr=False)
    cog: str
    thumbnail: str | None
    bands: tuple[BandOfItem, ...] = attrs.field(repr=False)
    statistics: tuple[CountedBand | None, ...] = attrs.field(repr=False)


class ItemIndex:
    """Items, the one on top first, found by place and by id."""

    def __init__(self, items: Sequence[ShownItem]) -> None:
        self.items = tuple(sorted(items, key=lambda item: item.rank, reverse=True))
        self._tree = shapely.STRtree([item.outline for item in self.items])
        self._by_id = {item.id: item for item in self.items}

    def get(self, item_id: str) -> ShownItem | None:
        """The item of this id."""
        return self._by_id.get(item_id)

    def at(self, longitude: float, latitude: float) -> list[ShownItem]:
        """Items whose outlines hold a place."""
        found = self._tree.query(shapely.Point(longitude, latitude), predicate="intersects")
        return [self.items[index] for index in sorted(found.tolist())]

    def within(self, boxes: Sequence[tuple[float, float, float, float]]) -> list[ShownItem]:
        """Items whose outlines reach into one of some bounds, of which west ≤ east."""
        found = {index for box in boxes for index in self._tree.query(shapely.box(*box), "intersects").tolist()}
        return [self.items[index] for index in sorted(found)]


def load_items(storage: StorageBackend, collection: Mapping[str, Any], collection_url: str) -> ItemIndex:
    """Read all items that a collection links to; one that cannot be used is left out, with a warning in the log."""
    document = whole(collection, lambda href: read_json(storage, followed_href(href, collection_url)))
    hrefs = [str(link.get("href")) for link in links_of(document, "item")]

    def load(href: str) -> ShownItem | None:
        try:
            url = followed_href(href, collection_url)
            return shown_item(read_json(storage, url), url)
        except (RasterCollectionError, AttributeError, KeyError, TypeError, ValueError, ShapelyError) as error:
            log.warning("an item is left out, %s: %s", href, error)
            return None

    with ThreadPoolExecutor(max_workers=PARALLEL_REQUESTS, thread_name_prefix="rastercollection-items") as threads:
        return ItemIndex([item for item in threads.map(load, hrefs) if item is not None])


def shown_item(document: Mapping[str, Any], url: str) -> ShownItem:
    """What is shown of an item's document.

    Raises:
        KeyError, TypeError, ValueError, AttributeError, ShapelyError: It is no item that has a COG.
        BackendError: It links to what it must not.
    """
    properties = document["properties"]
    data, thumbnail = asset_with_role(document, DATA), asset_with_role(document, THUMBNAIL)
    if data is None:
        raise KeyError("an asset with the role data")
    outline = shapely.geometry.shape(document["geometry"])
    return ShownItem(
        id=str(document["id"]),
        title=str(properties.get("title") or document["id"]),
        rank=rank_of_item(document),
        url=url,
        when=when_acquired(properties),
        outline=outline if outline.is_valid else shapely.make_valid(outline),
        cog=followed_href(str(data["href"]), url),
        thumbnail=followed_href(str(thumbnail["href"]), url) if thumbnail else None,
        bands=bands_of_asset(data),
        statistics=statistics_of_asset(data),
    )
