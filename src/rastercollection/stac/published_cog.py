"""From the item of a COG, as it was published, back to the COG and its bands, so that it need not be opened.

The reverse of :mod:`rastercollection.stac.items`. Pure, no I/O.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rastercollection.core.packed import Packed
from rastercollection.core.records import from_dict
from rastercollection.errors import RasterCollectionError
from rastercollection.geo.bounds import geometry_bounds
from rastercollection.model.band import BandStatistics, RasterClass
from rastercollection.model.cog import Cog
from rastercollection.model.times.time_evidence import UNKNOWN
from rastercollection.stac import terms
from rastercollection.stac.published import cog_key

__all__ = ["band_classes", "band_statistics", "is_item_of", "is_same_file", "published_cog", "whole_bands"]

Json = Mapping[str, Any]

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
    except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError, RasterCollectionError):
        return None


def is_item_of(item: Json, cog: Cog) -> bool:
    """Whether an item is that of this very file: a job has published it before."""
    return is_same_file(published_cog(item), cog)


def is_same_file(before: Cog | None, cog: Cog) -> bool:
    """Whether a published COG, as far as one is known, is this very file."""
    return before is not None and (before.file.href, before.file.checksum) == (cog.file.href, cog.file.checksum)


def whole_bands(asset: Json) -> list[dict[str, Any]]:
    """STAC's objects of the bands of a COG's asset, with what all of them share."""
    shared = {name: asset[name] for name in terms.SHARED_BAND_FIELDS if name in asset}
    return [{**shared, **band} for band in asset["bands"]]


def band_statistics(band: Json) -> BandStatistics | None:
    """What is told of a band's values; None where nothing is.

    Raises:
        LookupError, TypeError, ValueError, RasterCollectionError: It is not understood.
    """
    return from_dict(BandStatistics, _statistics(band["statistics"], band)) if "statistics" in band else None


def band_classes(band: Json) -> tuple[RasterClass, ...]:
    """Values of a band that stand for something.

    Raises:
        LookupError, TypeError, ValueError, RasterCollectionError: They are not understood.
    """
    return tuple(from_dict(RasterClass, _class(entry)) for entry in band.get(terms.CLASSES, ()))


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
        "settings": _settings(properties[terms.TIER]),
        "target_crs": _target_crs(asset),
        "heights": asset.get(terms.HEIGHTS),
        "projjson": asset.get(terms.PROJJSON),
        "transform": asset[terms.TRANSFORM][:6],
        "shape": asset[terms.SHAPE],
        "bounds": asset[terms.BBOX],
        "bounds_4326": geometry_bounds(item["geometry"]),
        "footprint": Packed.of(item["geometry"]),
        "size": asset[terms.FILE_SIZE],
        "checksum": asset[terms.FILE_CHECKSUM],
        "header_size": asset[terms.FILE_HEADER_SIZE],
        "overview_levels": asset[terms.OVERVIEW_LEVELS],
        "raster_type": properties[terms.RASTER_TYPE],
        "validity": asset[terms.VALIDITY],
        "bands": [_band(band) for band in whole_bands(asset)],
        "color_table": asset.get(terms.COLOR_TABLE),
        "minzoom": asset[terms.MINZOOM],
        "maxzoom": asset[terms.MAXZOOM],
        **_thumbnail(item["assets"].get(terms.THUMBNAIL) or {}),
        "profile": properties.get(terms.PROFILE, {}),
        **_times(properties),
    }


def _thumbnail(asset: Json) -> dict[str, Any]:
    return {
        "thumbnail": asset.get("href"),
        "thumbnail_size": asset.get(terms.FILE_SIZE, 0),
        "thumbnail_checksum": asset.get(terms.FILE_CHECKSUM, ""),
    }


def _settings(tier: str) -> dict[str, Any]:
    nothing = dict.fromkeys(("storage_class", "compression", "overview_resampling", "warp_resampling"), "")
    return {**nothing, "tier": tier, "level": None, "quality": None}


def _target_crs(asset: Json) -> str:
    """The horizontal CRS; of one without heights, as it stands there.

    Raises:
        TaskError: It is none, or names files that PROJ would open.
    """
    from rastercollection.geo.crs import name_crs, parse_crs

    code = asset.get(terms.CODE)
    flat = parse_crs(code or json.dumps(dict(asset[terms.PROJJSON])))
    return str(code) if code and not asset.get(terms.HEIGHTS) else name_crs(flat)


def _times(properties: Json) -> dict[str, Any]:
    source, names = properties[terms.DATETIME_SOURCE], ("datetime", "start_datetime", "end_datetime")
    times = {name: None if source == UNKNOWN else properties.get(name) for name in names}
    known = {name: None if moment in terms.OPEN_ENDS else moment for name, moment in times.items()}
    return {**known, "datetime_source": source}


def _band(band: Json) -> dict[str, Any]:
    return {
        "name": band["name"],
        "description": band.get("description"),
        "dtype": terms.DTYPES.get(band["data_type"], band["data_type"]),
        "nodata": band.get("nodata"),
        "unit": band.get("unit"),
        "scale": band.get(terms.SCALE, 1.0),
        "offset": band.get(terms.OFFSET, 0.0),
        "color_interpretation": band[terms.COLOR_INTERPRETATION],
        "role": {
            "common_name": band.get(terms.COMMON_NAME),
            "source": band.get(terms.COMMON_NAME_SOURCE, ""),
            "wavelength": band.get(terms.CENTER_WAVELENGTH),
        },
        "statistics": _statistics(band["statistics"], band) if "statistics" in band else None,
        "classes": [_class(entry) for entry in band.get(terms.CLASSES, ())],
    }


def _class(entry: Json) -> dict[str, Any]:
    hint = entry.get("color_hint")
    color = (*bytes.fromhex(hint), 255) if hint else None
    return {"value": entry["value"], "name": entry.get("title") or entry["name"], "color": color}


def _statistics(statistics: Json, band: Json) -> dict[str, Any]:
    low, high = band.get(terms.PERCENTILES, (None, None))
    known = {name: statistics.get(name) for name in _STATISTICS}
    counts = {"count": int(statistics["count"]), "valid_percent": statistics["valid_percent"]}
    return {**known, **counts, "percentile_2": low, "percentile_98": high}
