"""What published STAC documents tell, whoever wrote them: files and links, places and times.

The reverse of :mod:`rastercollection.stac.collections`, as far as mosaic, collection, pictures and maps go. What only
the items of this library tell of their COGs is in :mod:`rastercollection.stac.published_cog`. Pure, no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from rastercollection.geo.types import Bounds
from rastercollection.model.drawing_order import Rank, rank_of
from rastercollection.model.joining import PublishedTile
from rastercollection.model.times.time_evidence import UNKNOWN
from rastercollection.stac import terms

__all__ = [
    "PublishedFile",
    "PublishedOverview",
    "asset_hrefs",
    "asset_with_role",
    "assets_with_role",
    "cog_href",
    "cog_key",
    "is_dated_item",
    "is_own_collection",
    "item_bounds",
    "links_of",
    "published_file",
    "published_overview",
    "published_tile",
    "rank_of_item",
    "source_of",
    "when_acquired",
]

Json = Mapping[str, Any]


@attrs.frozen(kw_only=True)
class PublishedOverview:
    """The COG by which a collection shows all of itself.

    Attributes:
        href: As in the document: it may be relative.
        minzoom, maxzoom: WebMercatorQuad zooms that it is meant for.
        size: Bytes; None where the document does not tell.
        is_outdated: It does not show all of the collection.
        thumbnail: Address of the collection's thumbnail; None without one.
    """

    href: str
    minzoom: int
    maxzoom: int
    size: int | None
    is_outdated: bool
    thumbnail: str | None


def published_overview(collection: Json) -> PublishedOverview | None:
    """The overview of a collection, whoever wrote its document; None where it has none.

    Raises:
        ValueError: The document does not tell where it is, or what zooms it is for.
    """
    asset, thumbnail = asset_with_role(collection, terms.OVERVIEW), asset_with_role(collection, terms.THUMBNAIL) or {}
    if asset is None:
        return None
    try:
        return PublishedOverview(
            href=str(asset["href"]),
            minzoom=int(asset.get(terms.MINZOOM, 0)),
            maxzoom=int(asset[terms.MAXZOOM]),
            size=asset.get(terms.FILE_SIZE),
            is_outdated=bool(asset.get(terms.OUTDATED, False)),
            thumbnail=thumbnail.get("href"),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"its asset is not understood: {error!r}") from error


@attrs.frozen(kw_only=True)
class PublishedFile:
    """A file as an asset tells of it.

    Attributes:
        href: As in the document: it may be relative.
        size: Bytes; None where the document does not tell.
        checksum: Multihash; empty where it does not tell.
    """

    href: str
    size: int | None
    checksum: str


def published_file(document: Json, role: str) -> PublishedFile | None:
    """The file of the first asset that has a role; None without one, or where it has no address."""
    asset = asset_with_role(document, role)
    if asset is None or "href" not in asset:
        return None
    return PublishedFile(
        href=str(asset["href"]), size=asset.get(terms.FILE_SIZE), checksum=str(asset.get(terms.FILE_CHECKSUM, ""))
    )


def assets_with_role(document: Json, role: str) -> list[Json]:
    """The assets of a document that have a role; what is no asset or no list of roles is passed over."""
    return [asset for asset in _assets(document) if isinstance(asset.get("roles"), list) and role in asset["roles"]]


def asset_with_role(document: Json, role: str) -> Json | None:
    """The first asset of a document that has a role, as :func:`assets_with_role` finds them; None without one."""
    return next(iter(assets_with_role(document, role)), None)


def asset_hrefs(document: Json) -> list[str]:
    """Addresses of all assets of a document."""
    return [str(asset["href"]) for asset in _assets(document) if "href" in asset]


def _assets(document: Json) -> list[Json]:
    assets = document.get("assets")
    return [asset for asset in assets.values() if isinstance(asset, Mapping)] if isinstance(assets, Mapping) else []


def is_own_collection(document: Json, collection_id: str) -> bool:
    """Whether a collection of this id, and not of one that differs in case, was made by this library."""
    summaries = document.get("summaries")
    known = isinstance(summaries, Mapping) and any(str(name).startswith(terms.OWN) for name in summaries)
    return known and document.get("id") == collection_id


def links_of(document: Json, rel: str) -> list[dict[str, Any]]:
    """The document's links of a kind; whatever else stands there is left out."""
    links = document.get("links")
    every = [link for link in links if isinstance(link, dict)] if isinstance(links, list) else []
    return [link for link in every if link.get("rel") == rel]


def cog_key(item: Json) -> str | None:
    """Key of the asset that is the COG; None in another program's item."""
    assets = item.get("assets") or {}
    return next((key for key, asset in assets.items() if terms.MAXZOOM in asset), None)


def published_tile(item: Json) -> PublishedTile:
    """What a job that joins the collection has to know of an item, whoever made it."""
    assets, properties = item.get("assets") or {}, item["properties"]
    key = cog_key(item)
    own = [] if key is None else [assets[key], assets.get(terms.THUMBNAIL) or {}]
    told = properties.get(terms.PROFILE)
    profile = {str(name): str(value) for name, value in told.items()} if isinstance(told, Mapping) else _profile(item)
    return PublishedTile(
        item_id=str(item["id"]),
        title=source_of(item),
        source=str(properties.get(terms.SOURCE, "")),
        profile=profile,
        hrefs=tuple(str(asset["href"]) for asset in own if "href" in asset),
    )


def _profile(item: Json) -> dict[str, str]:
    """What STAC's own fields tell of the bands of another program's item; empty where they tell nothing."""
    asset = asset_with_role(item, terms.DATA) or {}
    bands = asset.get("bands")
    if not isinstance(bands, list) or not all(isinstance(band, Mapping) for band in bands):
        return {}
    types = [band.get("data_type", asset.get("data_type")) for band in bands]
    found = {"band_count": str(len(bands))}
    if bands and all(isinstance(name, str) for name in types):
        found["dtype"] = ", ".join(dict.fromkeys(terms.DTYPES.get(name, name) for name in types))
    return found


def item_bounds(item: Json) -> Bounds | None:
    """``(west, south, east, north)`` of an item, also of one with heights; None without a place."""
    bbox: list[float] = list(item.get("bbox") or ())
    if len(bbox) == 6:
        return (bbox[0], bbox[1], bbox[3], bbox[4])
    return (bbox[0], bbox[1], bbox[2], bbox[3]) if len(bbox) == 4 else None


def cog_href(item: Json) -> str | None:
    """Address of the COG; None in another program's item."""
    key = cog_key(item)
    return None if key is None else item["assets"][key]["href"]


def source_of(item: Json) -> str:
    """Name of the source that an item was made of; of another program's, its title."""
    return str(item["properties"].get("title", ""))


def when_acquired(properties: Json) -> str:
    """Acquisition of an item as text, ``start/end`` for an interval, ``..`` for an open end; empty where unknown."""
    if properties.get(terms.DATETIME_SOURCE) == UNKNOWN:
        return ""
    if properties.get("datetime"):
        return str(properties["datetime"])
    ends = [str(properties[name]) for name in ("start_datetime", "end_datetime") if properties.get(name)]
    return "/".join(".." if end in terms.OPEN_ENDS else end for end in ends)


def rank_of_item(item: Json) -> Rank:
    """Where an item lies among those that it overlaps, whoever made it: what is greater lies above."""
    properties = item["properties"]
    return rank_of(str(item["id"]), str(properties.get("start_datetime") or properties.get("datetime") or ""))


def is_dated_item(item: Json) -> bool:
    """Whether anything is known of when the item was acquired."""
    return bool(when_acquired(item["properties"]))
