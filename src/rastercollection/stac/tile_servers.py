"""Addresses at which a tile server shows the collection. Pure: profiles are data, nothing is asked.

A profile says where a kind of server has its pages and how it takes the bands of a render. Which pages really answer
is found out elsewhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import attrs

__all__ = [
    "MOSAICJSON_SERVER",
    "PROFILES",
    "TITILER_PGSTAC_1",
    "TITILER_PGSTAC_1_0",
    "TITILER_PGSTAC_2",
    "TITILER_PGSTAC_3",
    "UrlProfile",
    "build_urls",
    "methods_of",
    "profile_of",
    "registered_render",
    "wmts_layer",
]

TMS = "WebMercatorQuad"

SEVERAL = ("assets", "asset_bidx", "bidx", "rescale")
"""Query parameters that may be there more than once."""

Render = Mapping[str, Any]
Query = list[tuple[str, str]]
Links = Mapping[str, str]
Source = Mapping[str, str]


def _bidx(render: Render) -> Query:
    if "expression" in render:
        return [("expression", str(render["expression"]))]
    return [("bidx", str(band)) for band in render.get("bidx", ())]


def _bands_of_asset(render: Render) -> Query:
    if "expression" in render:
        return [("assets", f"{asset}|expression={render['expression']}") for asset in render.get("assets", ())]
    bands = ",".join(str(band) for band in render.get("bidx", ()))
    return [("assets", f"{asset}|bidx={bands}" if bands else asset) for asset in render.get("assets", ())]


def _asset_bidx(render: Render) -> Query:
    bands = ",".join(str(band) for band in render.get("bidx", ()))
    assets: Query = [("assets", asset) for asset in render.get("assets", ())]
    if "expression" in render:
        named = [re.sub(r"\bb(\d+)\b", rf"{asset}_b\1", str(render["expression"])) for _, asset in assets[:1]]
        return assets + [("expression", expression) for expression in named]
    return assets + [("asset_bidx", f"{asset}|{bands}") for _, asset in assets if bands]


@attrs.frozen(kw_only=True)
class UrlProfile:
    """Where one kind of server, from some version on, has its pages.

    Attributes:
        name: Of the profile.
        roots: What can be shown (``url``, ``search``, ``collection``, ``item``), and the path below which it is.
        viewer, tilejson, tiles, info, point, statistics, wmts: Paths below that; ``{tms}`` is the tile matrix set,
            ``{z}``, ``{x}``, ``{y}``, ``{lon}``, ``{lat}`` stay for the reader to fill in. Empty where there is no such
            page.
        bands: The query that selects a render's bands.
        layer: What the WMTS of a search or collection calls the layer of a registered render on ``{tms}``; its address
            asks for no render then. Empty where the server has no such layers.
    """

    name: str
    roots: Mapping[str, str]
    viewer: str = "/{tms}/map.html"
    tilejson: str = "/{tms}/tilejson.json"
    tiles: str = "/tiles/{tms}/{z}/{x}/{y}.png"
    info: str = "/info"
    point: str = "/point/{lon},{lat}"
    statistics: str = "/statistics"
    wmts: str = ""
    bands: Callable[[Render], Query]
    layer: str = ""


_PGSTAC_ROOTS = {
    "search": "/searches/{search}",
    "collection": "/collections/{collection}",
    "item": "/collections/{collection}/items/{item}",
}

MOSAICJSON_SERVER = UrlProfile(name="mosaicjson", roots={"url": "/mosaicjson"}, bands=_bidx)
"""titiler.mosaic 2.x with its router at ``/mosaicjson``."""

TITILER_PGSTAC_3 = UrlProfile(
    name="titiler-pgstac-3",
    roots=_PGSTAC_ROOTS,
    wmts="/WMTSCapabilities.xml",
    bands=_bands_of_asset,
    layer="{search}_{tms}_{render}",
)
TITILER_PGSTAC_2 = attrs.evolve(TITILER_PGSTAC_3, name="titiler-pgstac-2", bands=_asset_bidx)
TITILER_PGSTAC_1 = attrs.evolve(
    TITILER_PGSTAC_2, name="titiler-pgstac-1", wmts="/{tms}/WMTSCapabilities.xml", layer="{render}"
)
TITILER_PGSTAC_1_0 = attrs.evolve(TITILER_PGSTAC_1, name="titiler-pgstac-1.0", viewer="/{tms}/map")
"""titiler-pgstac 1.0 to 1.7; TITILER_PGSTAC_1 is 1.8 and 1.9."""

PROFILES: Mapping[str, UrlProfile] = {
    profile.name: profile
    for profile in (MOSAICJSON_SERVER, TITILER_PGSTAC_3, TITILER_PGSTAC_2, TITILER_PGSTAC_1, TITILER_PGSTAC_1_0)
}


def profile_of(description: Mapping[str, Any]) -> UrlProfile | None:
    """The profile of a server that describes itself so (OpenAPI); None where none fits.

    It goes by what the server has, not by its version: applications of other names and versions are built on these.
    """
    paths = description.get("paths")
    if not isinstance(paths, Mapping):
        return None
    if "/searches/{search_id}/info" not in paths:
        return MOSAICJSON_SERVER if "/mosaicjson/info" in paths else None
    tile = paths.get("/searches/{search_id}/tiles/{tileMatrixSetId}/{z}/{x}/{y}", {}).get("get", {})
    if "asset_bidx" not in {parameter.get("name") for parameter in tile.get("parameters", ())}:
        return TITILER_PGSTAC_3
    if "/searches/{search_id}/WMTSCapabilities.xml" in paths:
        return TITILER_PGSTAC_2
    has_viewer = "/searches/{search_id}/{tileMatrixSetId}/map.html" in paths
    return TITILER_PGSTAC_1 if has_viewer else TITILER_PGSTAC_1_0


def build_urls(
    server: str,
    source: Source,
    render: Render,
    profile: UrlProfile = MOSAICJSON_SERVER,
    zooms: tuple[int, int] | None = None,
) -> dict[str, str]:
    """Addresses by name: viewer, tilejson, tiles, info, point, statistics, wmts, as far as the server has them.

    Args:
        server: Root of the tile server, ``http://host[:port][/prefix]``.
        source: What to show: ``{"url": address of a mosaic}``, ``{"search": id}``, ``{"collection": id}`` or
            ``{"collection": id, "item": id}``. Whatever else it has goes into every query.
        render: A render definition; ``{}`` for the server's defaults.
        profile: The kind of server.
        zooms: The smallest and the largest that make sense, where the server does not know.
    """
    kind = next((name for name in ("item", "search", "collection") if name in source), "url")
    path = profile.roots[kind]
    root = server.rstrip("/") + _filled(path, source)
    asked = [(name, value) for name, value in source.items() if f"{{{name}}}" not in path]
    values = _query([*asked, *profile.bands(render)])
    shown = [*asked, *profile.bands(render), *_styling(render)]
    limits = [(name, str(zoom)) for name, zoom in zip(("minzoom", "maxzoom"), zooms or (), strict=False)]
    # bands of an item's info are a server error in 3.x
    assets = [("assets", asset) for asset in render.get("assets", ())] if kind == "item" else []
    queries = {
        "viewer": _query([*shown, *limits]),
        "tilejson": _query([*shown, *limits]),
        "tiles": _query(shown),
        "info": _query([*asked, *assets]),
        "point": values,
        "statistics": values,
        "wmts": _wmts_query(kind, profile, [*shown, *limits]),
    }
    paths = {name: getattr(profile, name) for name in queries}
    return {name: root + paths[name].replace("{tms}", TMS) + query for name, query in queries.items() if paths[name]}


def methods_of(links: Links, source: Source) -> dict[str, str]:
    """The HTTP method of each address that takes another than GET; it is sent a GeoJSON feature."""
    return {name: "POST" for name in links if name == "statistics" and "item" not in source}


def wmts_layer(source: Source, render_name: str, profile: UrlProfile) -> str | None:
    """Identifier of the WMTS layer that shows a registered render on a web map; None where there is none."""
    if "search" not in source or not profile.layer:
        return None
    return _filled(profile.layer.replace("{tms}", TMS), {**source, "render": render_name})


def registered_render(render: Render, profile: UrlProfile) -> dict[str, str | list[str]]:
    """A render as a registered search keeps it: query parameters, lists where a server takes several of a name."""
    registered: dict[str, str | list[str]] = {}
    for name, value in [*profile.bands(render), *_styling(render)]:
        if name in SEVERAL:
            registered[name] = [*registered.get(name, ()), value]
        else:
            registered[name] = value
    return registered


def _wmts_query(kind: str, profile: UrlProfile, pairs: Query) -> str:
    """Nothing where the layers of a search or collection are its renders, to be found by name.

    Clients split addresses at commas and more, so that all of it is escaped elsewhere.
    """
    if profile.layer and kind in ("search", "collection"):
        return ""
    return _query(pairs, safe="")


def _filled(path: str, source: Source) -> str:
    for name, value in source.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    return path


def _query(pairs: Query, safe: str = "/:,") -> str:
    return f"?{urlencode(pairs, quote_via=quote, safe=safe)}" if pairs else ""


def _styling(render: Render) -> Query:
    pairs: Query = [("rescale", f"{low:.10g},{high:.10g}") for low, high in render.get("rescale", ())]
    if "colormap_name" in render:
        pairs.append(("colormap_name", str(render["colormap_name"])))
    if "colormap" in render:
        colors = {value: _hexadecimal(color) for value, color in render["colormap"].items()}
        pairs.append(("colormap", json.dumps(colors, separators=(",", ":"))))
    others = ("nodata", "resampling", "reproject", "algorithm", "buffer", "color_formula")
    pairs += [(name, str(render[name])) for name in others if name in render]
    return pairs


def _hexadecimal(color: tuple[int, int, int, int]) -> str:
    return "#" + "".join(f"{channel:02x}" for channel in color)
