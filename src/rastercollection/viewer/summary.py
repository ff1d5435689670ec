"""What the page is told of a collection: plain JSON made from documents that may hold anything. Pure, no I/O."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import shapely
from shapely.geometry import mapping

from rastercollection.core.records import to_plain
from rastercollection.geo.bounds import bounds_parts, bounds_union, crosses_antimeridian, unroll
from rastercollection.stac.parts import item_count
from rastercollection.stac.published import item_bounds, links_of
from rastercollection.viewer.served import PublishedCollection
from rastercollection.viewer.served_catalog import CatalogEntry
from rastercollection.viewer.shown_bands import bands_of_collection
from rastercollection.viewer.shown_items import ShownItem
from rastercollection.viewer.shown_renders import ramps, renders_of

__all__ = [
    "bands_summary",
    "catalog_summary",
    "collection_summary",
    "footprints",
    "parts_of_box",
    "web_address",
]

MOST_VERTICES = 60_000
"""Footprints with more than these in all are shown as boxes."""

Json = dict[str, Any]
Bounds = tuple[float, float, float, float]


def collection_summary(shown: PublishedCollection, public_url: str) -> Json:
    """Title, licence, zooms, bounds (unrolled: east may exceed 180) and the ways to show the collection."""
    document = shown.document
    overview = shown.overview
    renders = renders_of(document, shown.version)
    return {
        "id": _text(document.get("id")),
        "title": _text(document.get("title") or document.get("id")),
        "description": _text(document.get("description")),
        "license": _text(document.get("license")),
        "license_url": next((web_address(link.get("href")) for link in links_of(document, "license")), None),
        "providers": _providers(document),
        "interval": _interval(document),
        "address": public_url,
        "bounds": list(unroll(_framed(shown))),
        "minzoom": shown.minzoom,
        "drawn_from": shown.lowest_zoom,
        "maxzoom": shown.mosaic.maxzoom,
        "overview_maxzoom": overview.maxzoom if overview else None,
        "items": item_count(document),
        "renders": [to_plain(render) for render in renders],
        "ramps": [to_plain(ramp) for ramp in ramps(renders)],
        "version": shown.version,
    }


def _framed(shown: PublishedCollection) -> Bounds:
    """What is shown at first: the mosaic, by way of the antimeridian where that is the shorter one.

    The box of a mosaic goes the other way around where its places lie on both sides and do not meet.
    """
    west, south, east, north = shown.mosaic.bounds
    extent = _extent(shown.document)
    if (west, east) == (-180.0, 180.0) and extent is not None and crosses_antimeridian(extent):
        return (extent[0], south, extent[2], north)
    columns = shown.mosaic.columns() if east - west > 180 else ()
    around = bounds_union(columns, is_picture=True) if columns else shown.mosaic.bounds
    return around if crosses_antimeridian(around) else shown.mosaic.bounds


def _extent(document: Mapping[str, Any]) -> Bounds | None:
    """The collection's own bounds; None where its document does not tell."""
    try:
        found = item_bounds({"bbox": document["extent"]["spatial"]["bbox"][0]})
        return found if found is not None and all(map(math.isfinite, found)) else None
    except (LookupError, TypeError):
        return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def web_address(value: Any) -> str | None:
    """The value if it is an address that a page may link to."""
    if not isinstance(value, str):
        return None
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    return value if parts.scheme in ("http", "https") and parts.hostname else None


def _providers(document: Mapping[str, Any]) -> list[Json]:
    every = document.get("providers")
    known = [provider for provider in every if isinstance(provider, dict)] if isinstance(every, list) else []
    return [{"name": _text(provider.get("name")), "url": web_address(provider.get("url"))} for provider in known]


def _interval(document: Mapping[str, Any]) -> list[str | None]:
    try:
        start, end = document["extent"]["temporal"]["interval"][0]
    except (KeyError, TypeError, ValueError, IndexError):
        return [None, None]
    return [_text(start) or None, _text(end) or None]


def bands_summary(items: Sequence[ShownItem]) -> Json:
    """The bands of all items together, with where their values lie."""
    bands = bands_of_collection((item.bands, item.statistics) for item in items)
    return {"bands": [to_plain(band) for band in bands]}


def catalog_summary(collections: Sequence[CatalogEntry]) -> Json:
    """The collections to choose among; ``base`` is what their addresses begin with."""
    return {"collections": [{"key": one.key, "title": one.title or one.key, "base": one.base} for one in collections]}


def parts_of_box(bounds: Sequence[float]) -> tuple[Bounds, ...]:
    """Bounds of a map, which may show more than one turn of the world, as one or two boxes within ±180°.

    Raises:
        ValueError: They are no bounds.
    """
    west, south, east, north = bounds
    if not all(map(math.isfinite, bounds)) or west > east or south > north:
        raise ValueError("bounds are west, south, east, north, in degrees")
    if east - west >= 360:
        return ((-180.0, south, 180.0, north),)
    return bounds_parts((_wrapped(west), south, _wrapped(east), north))


def _wrapped(longitude: float) -> float:
    return longitude if -180 <= longitude <= 180 else (longitude + 180) % 360 - 180


def footprints(items: Sequence[ShownItem], limit: int) -> Json:
    """A GeoJSON feature collection of outlines, ``limit`` at most; boxes where the outlines have too many vertices."""
    shown = items[:limit]
    outlines = [item.outline for item in shown]
    if sum(shapely.get_num_coordinates(outline) for outline in outlines) > MOST_VERTICES:
        outlines = [shapely.envelope(outline) for outline in outlines]
    features = [
        {"type": "Feature", "id": item.id, "geometry": mapping(outline), "properties": {"title": item.title}}
        for item, outline in zip(shown, outlines, strict=True)
    ]
    return {
        "type": "FeatureCollection",
        "numberMatched": len(items),
        "numberReturned": len(shown),
        "features": features,
    }
