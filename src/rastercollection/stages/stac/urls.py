"""Addresses at which a tile server shows the collection. Pure: profiles are data, nothing is asked.

A profile says where a kind of server has its pages and how it takes the bands of a render. Which pages really answer
is found out elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import attrs

__all__ = ["MOSAICJSON_SERVER", "UrlProfile", "build_urls"]

TMS = "WebMercatorQuad"

Render = Mapping[str, Any]
Query = list[tuple[str, str]]


def _bidx(render: Render) -> Query:
    return [("bidx", str(band)) for band in render.get("bidx", ())]


@attrs.frozen(kw_only=True)
class UrlProfile:
    """Where one kind of server, from some version on, has its pages.

    Attributes:
        name: Of the profile.
        viewer, tilejson, tiles, info, point, statistics: Paths below the server's root; ``{tms}`` is the tile matrix
            set, ``{z}``, ``{x}``, ``{y}``, ``{lon}``, ``{lat}`` stay for the reader to fill in. ``statistics`` takes
            a POST with a GeoJSON feature, where the server offers it.
        bands: The query that selects a render's bands.
    """

    name: str
    viewer: str
    tilejson: str
    tiles: str
    info: str
    point: str
    statistics: str
    bands: Callable[[Render], Query]


MOSAICJSON_SERVER = UrlProfile(
    name="mosaicjson",
    viewer="/mosaicjson/{tms}/map.html",
    tilejson="/mosaicjson/{tms}/tilejson.json",
    tiles="/mosaicjson/tiles/{tms}/{z}/{x}/{y}.png",
    info="/mosaicjson/info",
    point="/mosaicjson/point/{lon},{lat}",
    statistics="/mosaicjson/statistics",
    bands=_bidx,
)
"""titiler.mosaic 2.x with its router at ``/mosaicjson``."""


def build_urls(
    server: str, source: Mapping[str, str], render: Render, profile: UrlProfile = MOSAICJSON_SERVER
) -> dict[str, str]:
    """Addresses by name: viewer, tilejson, tiles, info, point, statistics.

    Args:
        server: Root of the tile server, ``http://host[:port][/prefix]``.
        source: Query parameters that say what to show (``{"url": mosaic address}``).
        render: A render definition; ``{}`` for the server's defaults.
        profile: The kind of server.
    """
    root = server.rstrip("/")
    shown = _query([*source.items(), *profile.bands(render), *_styling(render)])
    values = _query([*source.items(), *profile.bands(render)])
    queries = {
        "viewer": shown,
        "tilejson": shown,
        "tiles": shown,
        "info": _query(list(source.items())),
        "point": values,
        "statistics": values,
    }
    return {name: root + getattr(profile, name).replace("{tms}", TMS) + query for name, query in queries.items()}


def _query(pairs: Query) -> str:
    return f"?{urlencode(pairs, quote_via=quote, safe='/:,')}" if pairs else ""


def _styling(render: Render) -> Query:
    pairs: Query = [("rescale", f"{low:.10g},{high:.10g}") for low, high in render.get("rescale", ())]
    if "colormap_name" in render:
        pairs.append(("colormap_name", str(render["colormap_name"])))
    if "colormap" in render:
        colors = {value: _hexadecimal(color) for value, color in render["colormap"].items()}
        pairs.append(("colormap", json.dumps(colors, separators=(",", ":"))))
    pairs += [(name, str(render[name])) for name in ("nodata", "resampling") if name in render]
    return pairs


def _hexadecimal(color: tuple[int, int, int, int]) -> str:
    return "#" + "".join(f"{channel:02x}" for channel in color)
