"""Tile servers and what reads their addresses: maps show each place in the colour that the render gives its values."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.parse
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import morecantile
import numpy as np
import pytest
import rasterio
from rio_tiler.colormap import cmap

from client_cells import At, Cell, Judge, Published, look, look_at_cogs, projected, read_by
from client_scenes import KINDS, Place, Values
from services.gdal import SystemGdal, system_gdal
from tile_scenes import TMS, get, index_in_tile, pixel_at

SHORT_OF_FILES = tuple(name for name in KINDS if name != "many")
SHORT_OF_SERVERS = ("spectral", "classes", "antimeridian")

Color = tuple[float, ...]


# -- a server for files


@read_by("titiler /cog", short=SHORT_OF_FILES)
def test_titiler_cog(cell: Cell, judge: Judge, tile_server: str) -> None:
    def look_at(published: Published) -> str:
        def opened(path: Path) -> At:
            return _served(f"{tile_server}/cog", {"url": str(path)}, _zoom(path), published.kind.colors)

        return look_at_cogs(published, opened)

    judge(cell, look_at, version=version("titiler.core"))


@read_by("titiler /stac", short=SHORT_OF_FILES)
def test_titiler_stac(cell: Cell, judge: Judge, tile_server: str) -> None:
    def look_at(published: Published) -> str:
        items = dict(zip(published.cogs, published.item_paths, strict=True))

        def opened(path: Path) -> At:
            query = {"url": str(items[path]), "assets": published.asset}
            return _served(f"{tile_server}/stac", query, _zoom(path))

        return look_at_cogs(published, opened)

    judge(cell, look_at, version=version("titiler.core"))


@read_by("titiler /mosaicjson", short=SHORT_OF_FILES)
def test_titiler_mosaicjson(cell: Cell, judge: Judge, tile_server: str) -> None:
    def look_at(published: Published) -> str:
        query = {"url": published.mosaic}
        address = f"{tile_server}/mosaicjson/WebMercatorQuad/tilejson.json?{urllib.parse.urlencode(query)}"
        tilejson = json.loads(get(address))
        at = _served(f"{tile_server}/mosaicjson", query, tilejson["maxzoom"])
        return f"{look(published.kind.places, at)}, zooms {tilejson['minzoom']} to {tilejson['maxzoom']}"

    judge(cell, look_at, version=version("titiler.mosaic"))


@read_by("cogeo-mosaic, rio-tiler", short=SHORT_OF_FILES)
def test_cogeo_mosaic(cell: Cell, judge: Judge) -> None:
    """Without a server: the mosaic's own tiles."""
    from cogeo_mosaic.backends import MosaicBackend
    from rio_tiler.errors import EmptyMosaicError

    def look_at(published: Published) -> str:
        with warnings.catch_warnings(), MosaicBackend(published.mosaic) as mosaic:
            warnings.simplefilter("ignore")  # of rio-tiler's own, near the poles

            def at(place: Place) -> Values | None:
                tile = TMS.tile(place.lon, place.lat, mosaic.maxzoom)
                if not mosaic.assets_for_tile(tile.x, tile.y, tile.z):
                    return None
                try:
                    image, _ = mosaic.tile(tile.x, tile.y, tile.z)
                except EmptyMosaicError:
                    return None
                return _pixel(image.array, tile, place)

            return look(published.kind.places, at)

    judge(cell, look_at, version=f"{version('cogeo-mosaic')}, {version('rio-tiler')}")


def _zoom(path: Path) -> int:
    """Where a pixel of the map is about one of the COG."""
    from rio_tiler.io import Reader

    with Reader(str(path)) as reader:
        return int(reader.maxzoom)


def _served(root: str, query: Mapping[str, str], zoom: int, colors: Mapping[int, Color] | None = None) -> At:
    """Values by ``/point`` and by ``/tiles``, which must agree; tiles of a COG with ``colors`` are in these."""

    def at(place: Place) -> Values | None:
        asked = urllib.parse.urlencode(query)
        tile = TMS.tile(place.lon, place.lat, zoom)
        address = f"{root}/tiles/WebMercatorQuad/{tile.z}/{tile.x}/{tile.y}.npy?{asked}"
        shown = _pixel_of_npy(_answered(address), tile, place)
        point = _answered(f"{root}/point/{place.lon},{place.lat}?{asked}")
        read = _values_of_point(json.loads(point)) if point else None
        expected = colors[int(read[0])][:3] if colors and read else read
        assert (shown or ()) == pytest.approx(expected or ()), f"{place.name}: point {read}, tile {shown}"
        return read

    return at


def _answered(address: str) -> bytes:
    """Nothing where a server says that nothing is there."""
    try:
        return get(address)
    except urllib.error.HTTPError as error:
        told = error.read().decode(errors="replace")
        if error.code in (204, 404) or "outside" in told.lower():
            return b""
        raise RuntimeError(f"{error.code} {told} {address}") from error


def _values_of_point(answer: Mapping[str, Any]) -> Values | None:
    """Of a COG or an item, or of the first of a mosaic's that has any; 3.x of titiler-pgstac calls these assets."""
    values = answer.get("values", [])
    if "assets" in answer and not values:
        found = [asset["values"] for asset in answer["assets"]]
    else:
        found = [entry[1] for entry in values] if values and isinstance(values[0], list) else [values]
    for each in found:
        if any(value is not None and value == value for value in each):
            return tuple(float(value) for value in each)
    return None


def _pixel_of_npy(content: bytes, tile: morecantile.Tile, place: Place) -> Values | None:
    if not content:
        return None
    bands = np.load(io.BytesIO(content))
    # the last is the mask, between the smallest and the largest number of the bands' type
    return _pixel(np.ma.MaskedArray(bands[:-1], np.broadcast_to(bands[-1:] <= 0, bands[:-1].shape)), tile, place)


def _pixel(bands: np.ma.MaskedArray, tile: morecantile.Tile, place: Place) -> Values | None:
    row, column = index_in_tile(tile, place.lon, place.lat, *bands.shape[1:])
    pixel = bands[:, row, column]
    return None if np.ma.getmaskarray(pixel).all() else tuple(float(value) for value in pixel.data)


# -- a server for pgSTAC


@pytest.fixture
def served(
    cell: Cell, publish: Callable[..., Published], titiler_pgstac: tuple[str, int], served_dsn: str
) -> tuple[Published, str]:
    """The kind in a database, with addresses of a titiler-pgstac, and that server's version."""
    server, major = titiler_pgstac
    published = publish(
        cell.kind,
        catalog=served_dsn,
        collection_id=f"{cell.kind}-{major}",
        stac_item_id=f"{cell.kind}-{major}",
        titiler_url=server,
    )
    return published, str(major)


def _urls(published: Published) -> dict[str, str]:
    urls: dict[str, str] = published.summary["titiler_urls"]
    stac = published.summary["stac"]
    assert stac["ready_for_titiler"], stac["ready_reason"]
    return urls


@read_by("titiler-pgstac", short=SHORT_OF_SERVERS)
def test_titiler_pgstac(cell: Cell, judge: Judge, served: tuple[Published, str], served_dsn: str) -> None:
    mine, major = served

    def look_at(published: Published) -> str:
        assert "wmts" in published.summary["titiler_urls"]
        return look_at_addresses(published, _render(published, served_dsn))

    judge(cell, look_at, version=major, ours=mine)


@read_by("titiler /mosaicjson, addresses of the summary", short=("classes",))
def test_addresses_of_a_mosaic(cell: Cell, judge: Judge, publish: Callable[..., Published], tile_server: str) -> None:
    ours = publish(cell.kind, collection_id=f"{cell.kind}-mosaic", titiler_url=tile_server)

    def look_at(published: Published) -> str:
        return look_at_addresses(published, published.collection["renders"]["visual"])

    judge(cell, look_at, version=version("titiler.mosaic"), ours=ours)


def look_at_addresses(published: Published, render: Mapping[str, Any]) -> str:
    """All of the summary but the WMTS: tiles, tilejson, viewer, point, info, and statistics where they are offered."""
    urls, places = _urls(published), published.kind.places
    assert {"viewer", "tilejson", "tiles", "info", "point"} <= set(urls)
    zoom = published.summary["mosaicjson"]["maxzoom"]
    seen = look_at_colors(places, render, lambda place: _shown(urls["tiles"], place, zoom))
    tilejson = json.loads(get(urls["tilejson"]))
    assert tilejson["maxzoom"] == zoom
    (template,) = tilejson["tiles"]
    look_at_colors(places, render, lambda place: _shown(template, place, zoom))
    assert b"<html" in get(urls["viewer"]).lower()
    assert json.loads(get(urls["info"]))
    look(places, _by_point(urls["point"], _bands(render)))
    if "statistics" not in urls:
        return f"{seen} in colour and by point, tilejson and viewer"
    assert published.summary["titiler_methods"]["statistics"] == "POST"
    look([place for place in places if place.values], _by_statistics(urls["statistics"], published, render))
    return f"{seen} in colour, by point and in statistics, tilejson and viewer"


@read_by("GDAL's WMTS driver on titiler-pgstac", short=SHORT_OF_SERVERS)
def test_wmts_in_gdal(cell: Cell, judge: Judge, served: tuple[Published, str], served_dsn: str) -> None:
    mine, major = served

    def look_at(published: Published) -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with rasterio.open(_wmts(published)) as layer:
                colors = [color.name for color in layer.colorinterp]
                assert colors[:3] == ["red", "green", "blue"], colors
                assert layer.crs.to_epsg() == 3857

                def color_at(place: Place) -> list[int]:
                    row, column = layer.index(*projected(place, 3857))
                    return [int(v) for v in layer.read(window=((row, row + 1), (column, column + 1))).ravel()]

                return look_at_colors(published.kind.places, _render(published, served_dsn), color_at)

    judge(cell, look_at, version=f"{major}, GDAL {rasterio.__gdal_version__}", ours=mine)


@read_by("Debian's GDAL, WMTS driver on titiler-pgstac")
def test_wmts_in_the_systems_gdal(
    cell: Cell,
    judge: Judge,
    served: tuple[Published, str],
    served_dsn: str,
    missing_service: Callable[[str, str], None],
) -> None:
    gdal: SystemGdal | None = system_gdal()
    if gdal is None:
        missing_service("GDAL of the system, with its Python package", "apt-get install gdal-bin python3-gdal")
    mine, major = served

    def look_at(published: Published) -> str:
        places = published.kind.places
        (layer,) = gdal.read([(_wmts(published), [projected(place, 3857) for place in places])])
        assert layer["colors"][:3] == ["Red", "Green", "Blue"], layer["colors"]
        pixels = {place.name: pixel["values"] for place, pixel in zip(places, layer["places"], strict=True)}
        return look_at_colors(places, _render(published, served_dsn), lambda place: pixels[place.name])

    judge(cell, look_at, version=f"{major}, GDAL {gdal.version}", ours=mine)


def _shown(template: str, place: Place, zoom: int) -> list[int]:
    """The map's pixel there; a server that says that there is no map shows nothing."""
    tile = TMS.tile(place.lon, place.lat, zoom)
    address = template.replace("{z}", str(zoom)).replace("{x}", str(tile.x)).replace("{y}", str(tile.y))
    return pixel_at(template, place.lon, place.lat, zoom) if _answered(address) else [0, 0, 0, 0]


def _wmts(published: Published) -> str:
    """As the documentation has it: the address, and the layer that is meant."""
    address, layer = _urls(published)["wmts"], published.summary.get("titiler_layers", {}).get("wmts")
    return f"WMTS:{address},layer={layer}" if layer else f"WMTS:{address}"


def _render(published: Published, dsn: str) -> dict[str, Any]:
    """The render that links show, as the collection's document in the database has it."""
    import psycopg

    with psycopg.connect(dsn) as connection:
        name = published.summary["stac"]["pgstac_id"]
        (document,) = connection.execute("SELECT pgstac.get_collection(%s)", [name]).fetchone() or ({},)
    render: dict[str, Any] = document["renders"]["visual"]
    return render


def _bands(render: Mapping[str, Any]) -> list[int]:
    return list(render["bidx"])


def look_at_colors(places: Sequence[Place], render: Mapping[str, Any], color_at: Callable[[Place], Any]) -> str:
    """Compare colours with what the render makes of the values that must be there."""
    wrong = []
    for place in places:
        found = [*color_at(place)]
        expected = [0] if place.values is None else _color(render, [place.values[b - 1] for b in _bands(render)])
        shown = found[-1:] if place.values is None else found
        shown = [*shown, 255] if len(shown) == 3 else shown
        if shown != pytest.approx(expected, abs=6):
            wrong.append(
                f"{place.name} ({place.lon:.5g}, {place.lat:.5g}): {found}, not {[round(v) for v in expected]}"
            )
    assert not wrong, "; ".join(wrong)
    empty = sum(place.values is None for place in places)
    first = "".join(f"{int(value):02x}" for value in [*color_at(places[0])][:3])
    return f"{len(places) - empty} places (#{first}, …)" + (f", {empty} transparent" if empty else "")


def _color(render: Mapping[str, Any], values: Sequence[float]) -> Color:
    """Red, green, blue and alpha."""
    if "colormap" in render:
        return tuple(render["colormap"][f"{values[0]:.0f}"])
    ranges = render.get("rescale", [[0, 255]] * len(values))
    shares = [min(max((v - low) / (high - low), 0), 1) for v, (low, high) in zip(values, ranges, strict=True)]
    if "colormap_name" in render:
        return tuple(int(value) for value in cmap.get(render["colormap_name"])[int(shares[0] * 255)])
    return (*(255 * share for share in (shares if len(shares) == 3 else shares * 3)), 255)


def _by_point(template: str, bands: Sequence[int]) -> At:
    def at(place: Place) -> Values | None:
        answer = _answered(template.replace("{lon}", str(place.lon)).replace("{lat}", str(place.lat)))
        values = _values_of_point(json.loads(answer)) if answer else None
        if values is None or place.values is None:
            return values
        # the other bands are not asked for: the place's own stand in for them
        return tuple(values[bands.index(n + 1)] if n + 1 in bands else v for n, v in enumerate(place.values))

    return at


def _by_statistics(address: str, published: Published, render: Mapping[str, Any]) -> At:
    """Of a square of some pixels around the place, all of one value: minimum, maximum and mean are that."""

    def at(place: Place) -> Values | None:
        half = 2 * published.kind.step
        west, south, east, north = place.lon - half, place.lat - half, place.lon + half, place.lat + half
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        feature = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
        answer = json.loads(get(address, json.dumps(feature).encode()))["properties"]["statistics"]
        found = []
        for band in answer.values():
            assert band["min"] == pytest.approx(band["max"], rel=1e-5), (place, band)
            found.append(float(band["mean"]))
        assert place.values is not None
        bands = _bands(render)
        return tuple(found[bands.index(n + 1)] if n + 1 in bands else v for n, v in enumerate(place.values))

    return at
