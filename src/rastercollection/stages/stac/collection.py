"""The STAC Collection over all items."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import pystac

from rastercollection.products import Cog, Mosaic
from rastercollection.stages.extent import bounds_union
from rastercollection.stages.stac.fields import FILE, PROJECTION, RASTER, RENDER, WEB_MAP_LINKS
from rastercollection.stages.stac.items import LATEST, is_dated, to_utc

__all__ = ["collection_dict"]

KEYWORDS = ("raster", "cog", "mosaicjson")
SHARED_ASSET_FIELDS = (
    "type",
    "roles",
    "data_type",
    "nodata",
    "unit",
    "raster:scale",
    "raster:offset",
    "raster:spatial_resolution",
    "proj:code",
)
BAND_FIELDS = ("name", "description", "data_type", "nodata", "unit", "raster:scale", "raster:offset")

Fields = dict[str, Any]


def collection_dict(
    job: Mapping[str, Any],
    cogs: Sequence[Cog],
    items: Sequence[Mapping[str, Any]],
    *,
    renders: Mapping[str, Any],
    mosaic: Mosaic | None = None,
    links: Mapping[str, str] | None = None,
) -> Fields:
    """The collection as a dict, without links to items and catalog.

    Args:
        job: The job's parameters.
        cogs: The tiles, in the order of ``items``.
        items: Their items.
        renders: Render definitions by name.
        mosaic: Result of stage 3; None when it did not run.
        links: Addresses of a tile server that shows the collection, by name.
    """
    item_assets = _item_assets(items, job["asset_key"])
    collection = pystac.Collection(
        id=job["stac_item_id"],
        title=f"{job['collection_id']} Collection",
        description=job["collection_description"],
        extent=_extent(cogs, items),
        license=job.get("license") or "other",
        keywords=list(dict.fromkeys([*KEYWORDS, *job.get("keywords", ())])),
        providers=[pystac.Provider.from_dict(dict(provider)) for provider in job.get("providers", ())],
        summaries=pystac.Summaries(_summaries(cogs, items, job["asset_key"])),
        assets=_assets(mosaic),
        extra_fields={"item_assets": item_assets, **({"renders": dict(renders)} if renders else {})},
    )
    collection.add_links(_links(links or {}))
    plain: Fields = collection.to_dict(include_self_link=False, transform_hrefs=False)
    plain["links"] = [link for link in plain["links"] if link["rel"] != "root"]
    plain["stac_extensions"] = _extensions(plain)
    return plain


def _extent(cogs: Sequence[Cog], items: Sequence[Mapping[str, Any]]) -> pystac.Extent:
    start = min(_moment(item, "start_datetime") for item in items)
    end = max(_moment(item, "end_datetime") for item in items)
    interval = [start if all(map(is_dated, cogs)) else None, end if end != to_utc(LATEST) else None]
    return pystac.Extent(
        spatial=pystac.SpatialExtent([list(bounds_union(cog.bounds_4326 for cog in cogs))]),
        temporal=pystac.TemporalExtent([interval]),
    )


def _moment(item: Mapping[str, Any], name: str) -> dt.datetime:
    properties = item["properties"]
    return to_utc(properties.get(name) or properties["datetime"])


def _summaries(cogs: Sequence[Cog], items: Sequence[Mapping[str, Any]], asset_key: str) -> Fields:
    assets = [item["assets"][asset_key] for item in items]
    summaries: Fields = {
        "proj:code": _different(asset["proj:code"] for asset in assets),
        "rastercollection:raster_type": _different(cog.raster_type for cog in cogs),
        "rastercollection:tier": _different(cog.settings.tier for cog in cogs),
    }
    sizes = [asset["raster:spatial_resolution"] for asset in assets if "raster:spatial_resolution" in asset]
    if sizes:
        summaries["raster:spatial_resolution"] = {"minimum": min(sizes), "maximum": max(sizes)}
    return {name: value for name, value in summaries.items() if value}


def _different(values: Any) -> list[Any]:
    return sorted({value for value in values if value is not None})


def _item_assets(items: Sequence[Mapping[str, Any]], asset_key: str) -> Fields:
    """What the assets of all items have in common."""
    assets = [item["assets"][asset_key] for item in items]
    data = {"title": "Cloud Optimized GeoTIFF", **_in_common(assets, SHARED_ASSET_FIELDS)}
    if len({len(asset["bands"]) for asset in assets}) == 1:
        columns = zip(*(asset["bands"] for asset in assets), strict=True)
        data["bands"] = [_in_common(column, BAND_FIELDS) for column in columns]
        if not all("name" in band for band in data["bands"]):
            del data["bands"]
    thumbnails = [item["assets"]["thumbnail"] for item in items if "thumbnail" in item["assets"]]
    if not thumbnails:
        return {asset_key: data}
    return {asset_key: data, "thumbnail": _in_common(thumbnails, ("title", "type", "roles"))}


def _in_common(objects: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Fields:
    first = objects[0]
    return {
        name: first[name]
        for name in names
        if name in first and all(name in other and other[name] == first[name] for other in objects)
    }


def _assets(mosaic: Mosaic | None) -> dict[str, pystac.Asset]:
    if mosaic is None:
        return {}
    asset = pystac.Asset(
        mosaic.url,
        title="MosaicJSON",
        media_type="application/json",
        roles=["index", "mosaic"],
        extra_fields={"file:size": sum(output.size for output in mosaic.outputs)},
    )
    return {"mosaicjson": asset}


def _links(addresses: Mapping[str, str]) -> list[pystac.Link]:
    kinds: tuple[tuple[str, str, str, str, Fields], ...] = (
        ("viewer", "preview", "text/html", "Map", {}),
        ("tilejson", "tilejson", "application/json", "TileJSON", {"render": "visual"}),
        ("tiles", "xyz", "image/png", "Map tiles", {"render": "visual"}),
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
        PROJECTION: any(name.startswith("proj:") for name in names),
        RASTER: any(name.startswith("raster:") for name in names),
        FILE: any(name.startswith("file:") for name in names),
        RENDER: bool(collection.get("renders")),
        WEB_MAP_LINKS: any(link["rel"] in ("tilejson", "xyz") for link in collection["links"]),
    }
    return [extension for extension, appears in present.items() if appears]
