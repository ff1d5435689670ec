"""Whether a tile server really shows the collection: asked, never assumed."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import httpx2
import shapely

from rastercollection.geo.webmercator import MERCATOR_LATITUDE, tile_of
from rastercollection.model.cog import Cog, CogFile
from rastercollection.stages.stac.png import NotReadableError, what_is_shown

__all__ = ["Readiness", "offers", "openapi_of", "probe"]

TIMEOUT = 10.0
MOST_REDIRECTS = 10
LARGEST_ANSWER = 16_000_000
TILES_TRIED = 3

Render = Mapping[str, Any]


@attrs.frozen
class Readiness:
    """Whether the server shows the collection, and why not, or what it showed."""

    ready: bool
    reason: str


class _RefusedError(Exception):
    """The server did not give what was asked for; the text says what happened."""


def openapi_of(server: str) -> dict[str, Any]:
    """How a server describes itself (OpenAPI), at the addresses where these servers do; empty when it does not."""
    for page in ("/api", "/openapi.json"):
        try:
            description = json.loads(_fetch(server.rstrip("/") + page))
        except (_RefusedError, ValueError):
            continue
        if isinstance(description, dict) and "paths" in description:
            return description
    return {}


def probe(links: Mapping[str, str], zooms: tuple[int, int], cogs: Sequence[Cog], render: Render) -> Readiness:
    """Fetch the tilejson and one tile inside the data; ready means that the tile showed something.

    A tile of one colour is taken for blank where the data it covers vary. Up to three tiles are tried, those of the
    COGs with the strongest contrast first.

    Args:
        links: Addresses from :func:`~rastercollection.stac.tile_servers.build_urls`.
        zooms: The smallest and the largest that are shown.
        cogs: What is shown.
        render: What ``links`` show.
    """
    try:
        _tilejson(links["tilejson"])
    except _RefusedError as error:
        return Readiness(False, f"the tilejson could not be fetched: {error}")
    reasons = []
    for cog in _by_contrast(cogs, render)[:TILES_TRIED]:
        address = _tile_address(links["tiles"], cog, zooms)
        name = "/".join(address.split("?")[0].rsplit("/", 3)[1:])
        try:
            shown = what_is_shown(_fetch(address))
        except (_RefusedError, NotReadableError) as error:
            reasons.append(f"tile {name}: {error}")
            continue
        if shown == "picture" or (shown == "one_color" and not _varies(cog.file, render)):
            return Readiness(True, f"tilejson and tile {name} were fetched, and the tile was not blank")
        reasons.append(f"tile {name}, inside {cog.item_id}, was blank")
    return Readiness(False, "; ".join(dict.fromkeys(reasons)) or "there is no COG")


def offers(address: str) -> bool:
    """Whether the server has a page there, be it for another method than GET or with more parameters."""
    try:
        _fetch(address)
    except _RefusedError as error:
        return str(error).startswith(("HTTP 405", "HTTP 422"))
    return True


def _tilejson(address: str) -> None:
    try:
        document = json.loads(_fetch(address))
    except (ValueError, RecursionError) as error:
        raise _RefusedError("the answer is no JSON") from error
    if not isinstance(document, dict) or not document.get("tiles"):
        raise _RefusedError("the answer names no tiles")


def _fetch(address: str) -> bytes:
    """What is at an address, the first 16 MB at most."""
    try:
        with _client(httpx2.URL(address).host) as client, client.stream("GET", address) as answer:
            data = next(answer.iter_raw(LARGEST_ANSWER), b"")
    except (httpx2.HTTPError, httpx2.InvalidURL, ImportError, OSError, ValueError) as error:
        raise _RefusedError(_shortened(str(error).encode())) from error
    if answer.status_code != 200:
        raise _RefusedError(f"HTTP {answer.status_code}: {_shortened(data[:500])}".removesuffix(": "))
    return data


def _client(host: str) -> httpx2.Client:
    """Speaks HTTP and HTTPS only; servers on this machine are reached without a proxy.

    It asks for nothing compressed, which could unpack to any size.
    """
    return httpx2.Client(
        follow_redirects=True,
        headers={"Accept-Encoding": "identity", "Connection": "close"},
        max_redirects=MOST_REDIRECTS,
        timeout=TIMEOUT,
        transport=httpx2.HTTPTransport() if _is_loopback(host) else None,
    )


def _shortened(text: bytes) -> str:
    return " ".join(text.decode(errors="replace").split())[:200]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _by_contrast(cogs: Sequence[Cog], render: Render) -> list[Cog]:
    reach = [max(map(abs, cog.file.bounds_4326[1::2])) for cog in cogs]
    on_map = [cog for cog, latitude in zip(cogs, reach, strict=True) if latitude < MERCATOR_LATITUDE]
    return sorted(on_map or cogs, key=lambda cog: _contrast(cog.file, render), reverse=True)


def _contrast(cog: CogFile, render: Render) -> float:
    """Share of the render's stretch that the COG's values span; 0 where they are all the same or unknown."""
    if "expression" in render:  # values of bands say nothing of what is made of them
        return max(
            0.0, *(float(high > low) for low, high in (_values(cog, band + 1) for band in range(len(cog.bands))))
        )
    ranges = render.get("rescale") or ()
    shares = [0.0]
    for number, band in enumerate(render.get("bidx", ())):
        low, high = _values(cog, band)
        if high > low and number < len(ranges):
            bottom, top = ranges[number]
            shares.append(max(0.0, min(high, top) - max(low, bottom)) / (top - bottom))
        elif high > low:
            shares.append(1.0)
    return max(shares)


def _values(cog: CogFile, band: int) -> tuple[float, float]:
    statistics = cog.bands[band - 1].statistics if band <= len(cog.bands) else None
    if statistics is None or statistics.percentile_2 is None or statistics.percentile_98 is None:
        return (0.0, 0.0)
    return (statistics.percentile_2, statistics.percentile_98)


def _varies(cog: CogFile, render: Render) -> bool:
    return _contrast(cog, render) > 0


def _tile_address(template: str, cog: Cog, zooms: tuple[int, int]) -> str:
    """The tile in the middle of the COG's footprint at the COG's smallest zoom, as far as that is shown."""
    zoom = max(zooms[0], min(cog.file.minzoom, zooms[1]))
    inside = shapely.geometry.shape(cog.footprint).representative_point()
    column, row = tile_of(inside.x, inside.y, zoom)
    for placeholder, number in {"{z}": zoom, "{x}": column, "{y}": row}.items():
        template = template.replace(placeholder, str(number), 1)
    return template
