"""Conversions that items and collections share: a COG and its bands as fields of an asset."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pyproj

from rastercollection import __version__
from rastercollection.core.records import jsonable
from rastercollection.geo.crs import name_crs
from rastercollection.geo.heights import with_heights
from rastercollection.model.band import BandFacts, BandRole, Histogram, RasterClass
from rastercollection.model.cog import CogFile
from rastercollection.stac import terms
from rastercollection.stac.eo_bands import eo_bands

__all__ = [
    "band_fields",
    "ground_resolution",
    "image_fields",
    "image_type",
    "projection_code",
    "share_fields",
    "software",
    "thumbnail_fields",
    "to_wgs84",
]

_DATA_TYPES = {dtype: name for name, dtype in terms.DTYPES.items()}
_PLAIN_TYPE = re.compile(r"u?int(8|16|32|64)|float(16|32|64)")


def data_type(dtype: str) -> str:
    """numpy's or rasterio's name of a data type as STAC writes it."""
    return _DATA_TYPES.get(dtype, dtype if _PLAIN_TYPE.fullmatch(dtype) else "other")


def band_fields(band: BandFacts) -> dict[str, Any]:
    """A band as an object of STAC's ``bands``."""
    described = band.description or _description(band.color_interpretation)
    fields: dict[str, Any] = {"name": band.name}
    if described:
        fields["description"] = described
    fields |= _role(band.role)
    fields[terms.COLOR_INTERPRETATION] = band.color_interpretation
    fields["data_type"] = data_type(band.dtype)
    if band.nodata is not None:
        fields["nodata"] = jsonable(band.nodata)
    if band.unit:
        fields["unit"] = band.unit
    if (band.scale, band.offset) != (1, 0):
        fields |= {terms.SCALE: band.scale, terms.OFFSET: band.offset}
    if band.classes:
        fields[terms.CLASSES] = [_class(entry, band.nodata) for entry in band.classes]
    statistics = _statistics(band)
    if statistics:
        fields["statistics"] = statistics
        fields |= _percentiles(band)
    histogram = band.statistics.histogram if band.statistics else None
    if histogram is not None:
        fields["raster:histogram"] = _histogram(histogram, whole=band.dtype.lstrip("u").startswith("int"))
    return fields


def _class(entry: RasterClass, nodata: int | float | None) -> dict[str, Any]:
    """As the classification extension has it: ``name`` is for machines, ``title`` for people."""
    name = re.sub(r"[^0-9A-Za-z_-]+", "_", entry.name).strip("_") or f"class_{entry.value}"
    color = {"color_hint": "{:02X}{:02X}{:02X}".format(*entry.color[:3])} if entry.color else {}
    return {
        "value": entry.value,
        "name": name,
        "title": entry.name,
        **color,
        **({"nodata": True} if entry.value == nodata else {}),
    }


def _role(role: BandRole) -> dict[str, Any]:
    named = {terms.COMMON_NAME: role.common_name, terms.COMMON_NAME_SOURCE: role.source} if role.common_name else {}
    return {**named, **({terms.CENTER_WAVELENGTH: role.wavelength} if role.wavelength is not None else {})}


def _histogram(histogram: Histogram, *, whole: bool) -> dict[str, Any]:
    """As the raster extension has it: ``min`` and ``max`` are the middles of the first and the last bucket."""
    buckets = len(histogram.counts)
    width = (histogram.maximum - histogram.minimum) / buckets
    # a bucket of whole numbers ends before the next begins
    first = histogram.minimum + (width - 1 if whole else width) / 2
    return {
        "count": buckets,
        "min": first,
        "max": first + (buckets - 1) * width,
        "buckets": list(histogram.counts),
    }


def _description(color_interpretation: str) -> str:
    return "" if color_interpretation in ("gray", "grey", "undefined", "palette") else color_interpretation


def _statistics(band: BandFacts) -> dict[str, float]:
    if band.statistics is None:
        return {}
    names = ("minimum", "maximum", "mean", "stddev", "count", "valid_percent")
    values = {name: getattr(band.statistics, name) for name in names}
    return {name: value for name, value in values.items() if value is not None and math.isfinite(value)}


def _percentiles(band: BandFacts) -> dict[str, Any]:
    """The 2nd and the 98th, which STAC has no field for."""
    statistics = band.statistics
    ends = [statistics.percentile_2, statistics.percentile_98] if statistics else []
    known = bool(ends) and all(value is not None and math.isfinite(value) for value in ends)
    return {terms.PERCENTILES: ends} if known else {}


def share_fields(bands: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What all bands have in common, for the asset, and the bands without it."""
    first = bands[0] if bands else {}
    shared = {
        name: first[name]
        for name in terms.SHARED_BAND_FIELDS
        if name in first and all(name in band and band[name] == first[name] for band in bands)
    }
    return shared, [{name: value for name, value in band.items() if name not in shared} for band in bands]


def image_fields(image: CogFile) -> dict[str, Any]:
    """Grid, bands and file facts of a COG, for its asset."""
    shared, bands = share_fields([band_fields(band) for band in image.bands])
    named = eo_bands(image.bands)
    resolution = ground_resolution(image)
    code = projection_code(_whole_crs(image))
    return {
        **shared,
        **({terms.RESOLUTION: resolution} if resolution is not None else {}),
        "bands": bands,
        **({terms.EO_BANDS: named} if named else {}),
        terms.CODE: code,
        **({terms.PROJJSON: dict(image.projjson)} if code is None and image.projjson else {}),
        terms.SHAPE: list(image.shape),
        terms.TRANSFORM: list(image.transform),
        terms.BBOX: list(image.bounds),
        terms.FILE_CHECKSUM: image.checksum,
        terms.FILE_SIZE: image.size,
        terms.FILE_HEADER_SIZE: image.header_size,
    }


def _whole_crs(image: CogFile) -> str:
    """The CRS with what heights refer to, as far as a GeoTIFF can say both."""
    whole = with_heights(image.target_crs, image.heights) if image.heights else None
    return name_crs(whole) if whole is not None else image.target_crs


def projection_code(crs: str) -> str | None:
    """``EPSG:n``, None where a CRS is written as WKT."""
    return crs if re.fullmatch(r"[A-Za-z]+:\w+", crs) else None


def ground_resolution(cog: CogFile) -> float | None:
    """Size of a pixel on the ground in the middle of a COG, in metres: the mean of both directions, to four digits."""
    a, b, c, d, e, f = cog.transform
    row, column = cog.shape[0] / 2, cog.shape[1] / 2
    places = [(column, row), (column + 1, row), (column, row + 1)]
    xs = [a * col + b * line + c for col, line in places]
    ys = [d * col + e * line + f for col, line in places]
    longitudes, latitudes = to_wgs84(cog.target_crs).transform(xs, ys)
    if not all(map(math.isfinite, [*longitudes, *latitudes])):
        return None
    _, _, lengths = _geod().inv([longitudes[0]] * 2, [latitudes[0]] * 2, longitudes[1:], latitudes[1:])
    mean = sum(lengths) / 2
    return float(f"{mean:.4g}") if math.isfinite(mean) and mean > 0 else None


@functools.lru_cache(maxsize=64)
def to_wgs84(crs: str) -> pyproj.Transformer:
    """From x, y of a CRS, ``EPSG:n`` or WKT, to longitude, latitude."""
    return pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)


@functools.cache
def _geod() -> pyproj.Geod:
    return pyproj.Geod(ellps="WGS84")


def thumbnail_fields(image: CogFile) -> dict[str, Any]:
    """File facts of a COG's thumbnail, for its asset."""
    if not image.thumbnail_checksum:
        return {}
    return {terms.FILE_CHECKSUM: image.thumbnail_checksum, terms.FILE_SIZE: image.thumbnail_size}


def image_type(href: str) -> str:
    """Media type of a thumbnail, by its extension."""
    return "image/jpeg" if href.lower().endswith((".jpg", ".jpeg")) else "image/png"


@functools.cache
def software() -> dict[str, str]:
    """This library and its version, as ``processing:software`` has it."""
    return {"rastercollection": __version__}
