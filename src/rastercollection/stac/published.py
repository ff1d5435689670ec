"""From a published STAC item back to what fan-in stages need of its COG, so that they open no raster. Pure, no I/O.

The reverse of :func:`rastercollection.stac.items.item_dict`, as far as mosaic, collection and pictures go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rastercollection.core.records import from_dict
from rastercollection.errors import RasterCollectionError
from rastercollection.geo.types import Bounds
from rastercollection.model.cog import Cog

__all__ = ["DTYPES", "EARLIEST", "LATEST", "cog_key", "is_dated_item", "is_item_of", "item_bounds", "published_cog"]

EARLIEST, LATEST = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"
"""Ends of the interval of an item whose acquisition is unknown; STAC has no open intervals for items."""

Json = Mapping[str, Any]

MARK = "rastercollection:maxzoom"
"""A COG's asset has it in items of this library."""

DTYPES = {"cint16": "complex_int16", "cint32": "complex_int32", "cfloat32": "complex64", "cfloat64": "complex128"}
"""STAC's names of data types that numpy and rasterio call otherwise."""

_STATISTICS = ("minimum", "maximum", "mean", "stddev")


def published_cog(item: Json) -> Cog | None:
    """The COG of an item of this library; None for another program's, or where something needed is missing.

    Where it lies, what its bands hold, how invalid pixels are told, when it was acquired and where its files are is as
    it was. How it was made (its settings but for the tier, its source's CRS and container, receipt and histograms) is
    left empty.
    """
    key = cog_key(item)
    if key is None:
        return None
    try:
        return from_dict(Cog, {**_UNKNOWN, **_facts(item, item["assets"][key])})
    except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError, RasterCollectionError, ExceptionGroup):
        return None


def cog_key(item: Json) -> str | None:
    """Key of the asset that is the COG; None in another program's item."""
    assets = item.get("assets") or {}
    return next((key for key, asset in assets.items() if MARK in asset), None)


def is_item_of(item: Json, cog: Cog) -> bool:
    """Whether an item is that of this very file: a job has published it before."""
    before = published_cog(item)
    return before is not None and (before.file.href, before.file.checksum) == (cog.file.href, cog.file.checksum)


def item_bounds(item: Json) -> Bounds | None:
    """``(west, south, east, north)`` of an item, also of one with heights; None without a place."""
    bbox: list[float] = list(item.get("bbox") or ())
    if len(bbox) == 6:
        return (bbox[0], bbox[1], bbox[3], bbox[4])
    return (bbox[0], bbox[1], bbox[2], bbox[3]) if len(bbox) == 4 else None


def is_dated_item(item: Json) -> bool:
    """Whether anything is known of when the item was acquired, but that it was before its source was written."""
    properties = item["properties"]
    known = any(properties.get(name) for name in ("datetime", "start_datetime", "end_datetime"))
    return known and properties.get("rastercollection:datetime_source") != "unknown"


_UNKNOWN: Json = {
    "source_container": "",
    "output_blob": "",
    "output_container": "",
    "source_crs": "",
    "reprojected": False,
    "tags": {},
    "in_memory": False,
    "seconds": 0.0,
    "outputs": (),
}


def _facts(item: Json, asset: Json) -> dict[str, Any]:
    properties = item["properties"]
    return {
        "item_id": item["id"],
        "source_blob": asset["title"],
        "href": asset["href"],
        "settings": _settings(properties["rastercollection:tier"]),
        "target_crs": asset.get("proj:code") or _wkt(asset["proj:projjson"]),
        "projjson": asset.get("proj:projjson"),
        "transform": asset["proj:transform"][:6],
        "shape": asset["proj:shape"],
        "bounds": asset["proj:bbox"],
        "bounds_4326": item_bounds(item),
        "footprint": item["geometry"],
        "size": asset["file:size"],
        "checksum": asset["file:checksum"],
        "header_size": asset["file:header_size"],
        "overview_levels": asset["rastercollection:overview_levels"],
        "raster_type": properties["rastercollection:raster_type"],
        "validity": asset["rastercollection:validity"],
        "bands": [_band(asset, band) for band in asset["bands"]],
        "color_table": asset.get("rastercollection:color_table"),
        "minzoom": asset["rastercollection:minzoom"],
        "maxzoom": asset[MARK],
        "thumbnail": item["assets"].get("thumbnail", {}).get("href"),
        **_times(properties),
    }


def _settings(tier: str) -> dict[str, Any]:
    nothing = dict.fromkeys(("storage_class", "compression", "overview_resampling", "warp_resampling"), "")
    return {**nothing, "tier": tier, "level": None, "quality": None}


def _wkt(projjson: Json) -> str:
    import pyproj

    return str(pyproj.CRS.from_json_dict(dict(projjson)).to_wkt())


def _times(properties: Json) -> dict[str, Any]:
    start, end = properties.get("start_datetime"), properties.get("end_datetime")
    return {
        "datetime": properties.get("datetime"),
        "start_datetime": None if start == EARLIEST else start,
        "end_datetime": None if end == LATEST else end,
        "datetime_source": properties["rastercollection:datetime_source"],
    }


def _band(asset: Json, band: Json) -> dict[str, Any]:
    """What all bands share stands in the asset."""
    fields = {**asset, **band}
    return {
        "name": band["name"],
        "description": band.get("description"),
        "dtype": DTYPES.get(fields["data_type"], fields["data_type"]),
        "nodata": fields.get("nodata"),
        "unit": fields.get("unit"),
        "scale": fields.get("raster:scale", 1.0),
        "offset": fields.get("raster:offset", 0.0),
        "color_interpretation": band["rastercollection:color_interpretation"],
        "statistics": _statistics(band["statistics"], band) if "statistics" in band else None,
    }


def _statistics(statistics: Json, band: Json) -> dict[str, Any]:
    low, high = band.get("rastercollection:percentiles", (None, None))
    known = {name: statistics.get(name) for name in _STATISTICS}
    counts = {"count": int(statistics["count"]), "valid_percent": statistics["valid_percent"]}
    return {**known, **counts, "percentile_2": low, "percentile_98": high}
