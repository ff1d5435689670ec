"""The STAC Collection over all items."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pystac

from rastercollection.geo.bounds import bounds_union
from rastercollection.model.mosaic import Mosaic, Overview
from rastercollection.model.request import CollectionRequest
from rastercollection.stac import terms
from rastercollection.stac.fields import (
    image_fields,
)
from rastercollection.stac.items import thumbnail_assets, to_utc
from rastercollection.stac.looks import Looks
from rastercollection.stac.published import cog_key, is_dated_item, item_bounds
from rastercollection.stac.seal import sealed
from rastercollection.stac.titles import collection_title

__all__ = ["collection_dict"]

KEYWORDS = ("raster", "cog", "mosaicjson")
SHARED_ASSET_FIELDS = ("type", "roles", *terms.SHARED_BAND_FIELDS, terms.EO_BANDS, terms.RESOLUTION, terms.CODE)
THUMBNAIL_FIELDS = ("title", "type", "roles")
PROPERTIES = ("datetime", "start_datetime", "end_datetime", terms.DATETIME_SOURCE, terms.RASTER_TYPE, terms.TIER)
BAND_FIELDS = ("name", "description", terms.COMMON_NAME, *terms.SHARED_BAND_FIELDS)

Fields = dict[str, Any]
Interval = tuple[dt.datetime | None, dt.datetime | None]


def collection_dict(
    request: CollectionRequest,
    items: Iterable[Mapping[str, Any]],
    *,
    looks: Looks,
    mosaic: Mosaic | None = None,
    overview: Overview | None = None,
    is_outdated: bool = False,
    links: Mapping[str, str] | None = None,
) -> Fields:
    """The collection as a dict, without links to items and catalog.

    Args:
        request: What was asked for.
        items: All items that it is to hold: with absolute hrefs; other programs' too.
        looks: How it is drawn.
        mosaic: Result of stage 3; None when it did not run.
        overview: What was made beside it; None when that did not run.
        is_outdated: The overview does not show all of the collection, or there is none although it needs one.
        links: Addresses of a tile server that shows the collection, by name.
    """
    facts = _facts(items, request.asset_key)
    interval = _interval(facts)
    collection = pystac.Collection(
        id=request.stac_item_id,
        title=request.collection_title or collection_title(request.collection_id, *interval),
        description=request.collection_description,
        extent=_extent(facts, interval),
        license=request.license,
        keywords=list(dict.fromkeys([*KEYWORDS, *request.keywords])),
        providers=[pystac.Provider.from_dict(dict(provider)) for provider in request.providers],
        summaries=pystac.Summaries(_summaries(facts, request.asset_key)),
        assets={**_mosaic_assets(mosaic), **_overview_assets(overview, is_outdated=is_outdated)},
        extra_fields={
            terms.NAME: request.collection_id,
            "item_assets": _item_assets(facts, request.asset_key),
            **looks.fields(),
            **_lack_of_overview(overview, is_outdated=is_outdated),
        },
    )
    collection.add_links(_links(links or {}))
    plain: Fields = collection.to_dict(include_self_link=False, transform_hrefs=False)
    plain["links"] = [link for link in plain["links"] if link["rel"] != "root"]
    plain["stac_extensions"] = _extensions(plain)
    return sealed(plain)


def _facts(items: Iterable[Mapping[str, Any]], asset_key: str) -> list[Mapping[str, Any]]:
    """Of each item what a collection tells of all together; what is alike in many is held once."""
    seen: dict[str, Any] = {}
    return [_fact(item, asset_key, seen) for item in items]


def _fact(item: Mapping[str, Any], asset_key: str, seen: dict[str, Any]) -> Mapping[str, Any]:
    assets = item.get("assets") or {}
    told = {terms.THUMBNAIL: _only(assets[terms.THUMBNAIL], THUMBNAIL_FIELDS)} if terms.THUMBNAIL in assets else {}
    if cog_key(item) == asset_key:
        asset = assets[asset_key]
        bands = [_only(band, BAND_FIELDS) for band in asset["bands"]]
        told[asset_key] = {**_only(asset, (*SHARED_ASSET_FIELDS, terms.MAXZOOM)), "bands": bands}
    held = {key: seen.setdefault(json.dumps(asset), asset) for key, asset in told.items()}
    return {"bbox": item.get("bbox"), "properties": _only(item["properties"], PROPERTIES), "assets": held}


def _only(fields: Mapping[str, Any], names: Sequence[str]) -> Fields:
    return {name: fields[name] for name in names if name in fields}


def _extent(items: Sequence[Mapping[str, Any]], interval: Interval) -> pystac.Extent:
    places = [bounds for bounds in map(item_bounds, items) if bounds is not None]
    return pystac.Extent(
        spatial=pystac.SpatialExtent([list(bounds_union(places))]),
        temporal=pystac.TemporalExtent([list(interval)]),
    )


def _interval(items: Sequence[Mapping[str, Any]]) -> Interval:
    """From the first to the last moment of the items of which something is known; None for an end that is open."""
    dated = [item["properties"] for item in items if is_dated_item(item)]
    starts = [properties.get("start_datetime") or properties["datetime"] for properties in dated]
    ends = [properties.get("end_datetime") or properties["datetime"] for properties in dated]
    start = None if not dated or terms.OPEN_ENDS & set(starts) else min(map(to_utc, starts))
    return start, None if not dated or terms.OPEN_ENDS & set(ends) else max(map(to_utc, ends))


def _cogs(items: Sequence[Mapping[str, Any]], asset_key: str) -> list[Mapping[str, Any]]:
    """The assets under this key that are COGs of this library."""
    return [item["assets"][asset_key] for item in items if cog_key(item) == asset_key]


def _summaries(items: Sequence[Mapping[str, Any]], asset_key: str) -> Fields:
    assets, properties = _cogs(items, asset_key), [item["properties"] for item in items]
    names = (terms.RASTER_TYPE, terms.TIER)
    summaries: Fields = {
        terms.CODE: _different(asset[terms.CODE] for asset in assets),
        **{name: _different(item.get(name) for item in properties) for name in names},
    }
    sizes = [asset[terms.RESOLUTION] for asset in assets if terms.RESOLUTION in asset]
    if sizes:
        summaries[terms.RESOLUTION] = {"minimum": min(sizes), "maximum": max(sizes)}
    return {name: value for name, value in summaries.items() if value}


def _different(values: Any) -> list[Any]:
    return sorted({value for value in values if value is not None})


def _item_assets(items: Sequence[Mapping[str, Any]], asset_key: str) -> Fields:
    """What the assets of all items have in common."""
    assets = _cogs(items, asset_key)
    if not assets:
        return {}
    data = {"title": "Cloud Optimized GeoTIFF", **_in_common(assets, SHARED_ASSET_FIELDS)}
    if len({len(asset["bands"]) for asset in assets}) == 1:
        columns = zip(*(asset["bands"] for asset in assets), strict=True)
        data["bands"] = [_in_common(column, BAND_FIELDS) for column in columns]
        if not all("name" in band for band in data["bands"]):
            del data["bands"]
    thumbnails = [item["assets"][terms.THUMBNAIL] for item in items if terms.THUMBNAIL in item["assets"]]
    if not thumbnails:
        return {asset_key: data}
    return {asset_key: data, terms.THUMBNAIL: _in_common(thumbnails, THUMBNAIL_FIELDS)}


def _in_common(objects: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Fields:
    first = objects[0]
    return {
        name: first[name]
        for name in names
        if name in first and all(name in other and other[name] == first[name] for other in objects)
    }


def _mosaic_assets(mosaic: Mosaic | None) -> dict[str, pystac.Asset]:
    if mosaic is None:
        return {}
    written = mosaic.outputs[0] if mosaic.outputs else None
    facts = {terms.CHECKSUM: written.checksum} if written and written.checksum else {}
    asset = pystac.Asset(
        mosaic.url,
        title="MosaicJSON",
        media_type=terms.JSON_TYPE,
        roles=["index", terms.MOSAIC],
        extra_fields={terms.MAXZOOM: mosaic.maxzoom, **facts},
    )
    return {"mosaicjson": asset}


def _lack_of_overview(overview: Overview | None, *, is_outdated: bool) -> Fields:
    """What tells that there is none although the collection needs one."""
    return {terms.OUTDATED: True} if is_outdated and (overview is None or overview.image is None) else {}


def _overview_assets(overview: Overview | None, *, is_outdated: bool) -> dict[str, pystac.Asset]:
    if overview is None or overview.image is None:
        return {}
    image, members = overview.image, overview.members
    zooms = {terms.MINZOOM: image.minzoom, terms.MAXZOOM: image.maxzoom}
    state = {**({terms.MEMBERS: members} if members else {}), **({terms.OUTDATED: True} if is_outdated else {})}
    asset = pystac.Asset(
        image.href,
        title="Overview of the whole collection",
        media_type=terms.COG_TYPE,
        roles=[terms.OVERVIEW],
        extra_fields={**image_fields(image), **zooms, **state},
    )
    return {terms.OVERVIEW: asset, **thumbnail_assets(image)}


def _links(addresses: Mapping[str, str]) -> list[pystac.Link]:
    kinds: tuple[tuple[str, str, str, str, Fields], ...] = (
        ("viewer", "preview", "text/html", "Map", {}),
        ("tilejson", "tilejson", terms.JSON_TYPE, "TileJSON", {"render": terms.VISUAL}),
        ("tiles", "xyz", "image/png", "Map tiles", {"render": terms.VISUAL}),
    )
    return [
        pystac.Link(rel, addresses[name], media_type, title, extra_fields=extra)
        for name, rel, media_type, title, extra in kinds
        if name in addresses
    ]


def _extensions(collection: Mapping[str, Any]) -> list[str]:
    """Those whose fields appear."""
    assets = [*collection.get("assets", {}).values(), *collection["item_assets"].values()]
    names = {name for asset in assets for name in (*asset, *(key for band in asset.get("bands", ()) for key in band))}
    names |= collection.get("summaries", {}).keys()
    present = {
        terms.PROJECTION: any(name.startswith("proj:") for name in names),
        terms.RASTER: any(name.startswith("raster:") for name in names),
        terms.CLASSIFICATION: terms.CLASSES in names,
        terms.EO: any(name.startswith("eo:") for name in names),
        terms.FILE: any(name.startswith("file:") for name in names),
        terms.RENDER: bool(collection.get("renders")),
        terms.WEB_MAP_LINKS: any(link["rel"] in ("tilejson", "xyz") for link in collection["links"]),
    }
    return [extension for extension, appears in present.items() if appears]
