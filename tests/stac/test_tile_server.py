"""Addresses and readiness against a real MosaicJSON server: every kind of data shows a picture, and checks are true."""

from __future__ import annotations

import http.server
import json
import threading
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import morecantile
import numpy as np
import pytest
from rasterio.io import MemoryFile

from rastercollection.products import Cog
from rastercollection.stages.stac.probe import probe
from rastercollection.stages.stac.urls import build_urls
from rastercollection.testing.rasters import write_sample_cog

TMS = morecantile.tms.get("WebMercatorQuad")
BOUNDS = [(71.0, 41.0, 71.05, 41.05), (71.05, 41.0, 71.1, 41.05)]
SIZE = 256
RGB = ("red", "green", "blue")
PALETTE = {0: (0, 0, 0, 0), 1: (200, 30, 40, 255), 2: (10, 120, 60, 255), 3: (20, 60, 220, 255)}

Scene = Callable[[np.ndarray], tuple[np.ndarray, dict[str, Any]]]


def _terrain(seed: int) -> np.ndarray:
    """Smooth values between 0 and 1, (SIZE, SIZE)."""
    steps = np.linspace(0, 3, SIZE)
    x, y = np.meshgrid(steps + seed, steps)
    return (np.sin(x * 2.1) * np.cos(y * 1.7) + 1) / 2


def _bands(terrain: np.ndarray, count: int, low: float, high: float, dtype: str) -> np.ndarray:
    return np.stack([low + (high - low) * terrain ** (1 + 0.3 * band) for band in range(count)]).astype(dtype)


def _with_hole(pixels: np.ndarray, value: float) -> np.ndarray:
    pixels[:, :40, :40] = value
    return pixels


def _rgba(terrain: np.ndarray) -> np.ndarray:
    alpha = np.full((1, SIZE, SIZE), 255, dtype="uint8")
    return np.concatenate([_bands(terrain, 3, 0, 255, "uint8"), _with_hole(alpha, 0)])


SCENES: dict[str, Scene] = {
    "elevation": lambda t: (
        _with_hole(_bands(t, 1, 310.5, 2890.25, "float32"), np.nan),
        {"raster_type": "dem", "nodata": float("nan")},
    ),
    "elevation-int16": lambda t: (
        _with_hole(_bands(t, 1, -40, 900, "int16"), -9999),
        {"raster_type": "dem", "nodata": -9999},
    ),
    "rgb": lambda t: (_bands(t, 3, 5, 250, "uint8"), {"raster_type": "rgb", "colors": RGB}),
    "rgb-dark": lambda t: (_bands(t, 3, 1, 20, "uint8"), {"raster_type": "rgb", "colors": RGB}),
    "rgba": lambda t: (_rgba(t), {"raster_type": "rgba", "colors": (*RGB, "alpha"), "validity": "alpha"}),
    "four-uint16": lambda t: (_with_hole(_bands(t, 4, 200, 4000, "uint16"), 0), {"raster_type": "nir", "nodata": 0}),
    "twelve": lambda t: (_bands(t, 12, 500, 9000, "uint16"), {"raster_type": "multispectral"}),
    "classes": lambda t: (
        np.clip((t * 4).astype("uint8"), 0, 3)[None],
        {"raster_type": "categorical", "colors": ("palette",), "color_table": PALETTE},
    ),
    "classes-plain": lambda t: ((t * 7).astype("uint8")[None] + 3, {"raster_type": "categorical"}),
    "two-bands": lambda t: (_bands(t, 2, 0.001, 0.02, "float64"), {"raster_type": "unknown"}),
}


def _scene(name: str, folder: Path) -> list[Cog]:
    cogs = []
    for number, bounds in enumerate(BOUNDS):
        pixels, facts = SCENES[name](_terrain(number * 3))
        cogs.append(write_sample_cog(folder / "cögs & more", f"{name}-{number}", pixels, bounds, **facts))
    return cogs


def _get(address: str, data: bytes | None = None) -> bytes:
    headers = {"Content-Type": "application/json"} if data else {}
    with urllib.request.urlopen(urllib.request.Request(address, data, headers), timeout=30) as answer:
        content: bytes = answer.read()
        return content


def _tile(template: str, longitude: float, latitude: float, zoom: int) -> np.ndarray:
    """(4, rows, columns) of the map tile around a place."""
    tile = TMS.tile(longitude, latitude, zoom)
    address = template.replace("{z}", str(zoom)).replace("{x}", str(tile.x)).replace("{y}", str(tile.y))
    with MemoryFile(_get(address)) as memory, memory.open() as picture:
        bands = picture.read()
        if picture.count in (1, 3):
            bands = np.concatenate([bands, np.full((1, *bands.shape[1:]), 255, dtype=bands.dtype)])
        return np.concatenate([bands[:1], bands[:1], bands]) if len(bands) == 2 else bands


pytestmark = pytest.mark.filterwarnings("ignore:Dataset has no geotransform")


@pytest.mark.parametrize("name", SCENES)
def test_every_kind_of_data_shows_a_picture(
    publish: Any, validate_stac: Any, tile_server: str, tmp_path: Path, name: str
) -> None:
    cogs = _scene(name, tmp_path)
    done = publish(cogs, titiler_url=tile_server)
    entry, urls = done.entry, done.entry.urls
    assert entry.ready_for_titiler, entry.ready_reason
    assert entry.share_url == urls["viewer"]
    assert b"<html" in _get(urls["viewer"]).lower()
    document = json.loads(_get(urls["tilejson"]))
    assert document["bounds"] == pytest.approx(done.mosaic.bounds)
    assert (document["minzoom"], document["maxzoom"]) == (done.mosaic.minzoom, done.mosaic.maxzoom)
    assert json.loads(_get(urls["info"]))["bounds"]
    picture = _tile(urls["tiles"], 71.05, 41.025, done.mosaic.minzoom + 1)
    shown = picture[:3, picture[3] > 0]
    assert len(np.unique(shown, axis=1).T) >= (3 if name.startswith("classes") else 20)
    assert int(shown.max()) - int(shown.min()) > 100
    for document in (*done.items, done.collection):
        validate_stac(document)


def test_classes_have_their_own_colors(publish: Any, tile_server: str, tmp_path: Path) -> None:
    done = publish(_scene("classes", tmp_path), titiler_url=tile_server)
    picture = _tile(done.entry.urls["tiles"], 71.02, 41.02, done.mosaic.maxzoom)
    colors = {tuple(color) for color in np.unique(picture[:, picture[3] > 0], axis=1).T.tolist()}
    assert colors
    assert colors <= {color for color in PALETTE.values() if color[3]}


def test_masked_pixels_are_transparent(publish: Any, tile_server: str, tmp_path: Path) -> None:
    for name in ("elevation", "elevation-int16", "rgba", "four-uint16"):
        done = publish(_scene(name, tmp_path), titiler_url=tile_server, collection_id=name)
        assert _alpha_at(done, 71.002, 41.048) == 0, name
        assert _alpha_at(done, 71.03, 41.02) == 255, name


def _alpha_at(done: Any, longitude: float, latitude: float) -> int:
    zoom = done.mosaic.maxzoom
    picture = _tile(done.entry.urls["tiles"], longitude, latitude, zoom)
    tile = TMS.bounds(TMS.tile(longitude, latitude, zoom))
    column = int((longitude - tile.left) / (tile.right - tile.left) * picture.shape[2])
    row = int((tile.top - latitude) / (tile.top - tile.bottom) * picture.shape[1])
    return int(picture[3, row, column])


def test_values_under_a_point_are_those_of_the_data(publish: Any, tile_server: str, tmp_path: Path) -> None:
    cogs = _scene("twelve", tmp_path)
    done = publish(cogs, titiler_url=tile_server)
    address = done.entry.urls["point"].replace("{lon}", "71.0125").replace("{lat}", "41.0251")
    (answer,) = json.loads(_get(address))["assets"]
    pixels, _ = SCENES["twelve"](_terrain(0))
    expected = pixels[[3, 2, 1], int((41.05 - 41.0251) / 0.05 * SIZE), int(0.0125 / 0.05 * SIZE)]
    assert answer["values"] == expected.tolist()
    assert answer["name"] == cogs[0].href


def test_statistics_are_linked_where_the_server_has_them(publish: Any, tile_server: str, tmp_path: Path) -> None:
    cogs = _scene("elevation-int16", tmp_path)
    with_them = publish(cogs, titiler_url=tile_server).entry.urls
    feature = {"type": "Feature", "properties": {}, "geometry": cogs[1].footprint}
    answer = json.loads(_get(with_them["statistics"], json.dumps(feature).encode()))
    assert answer["properties"]["statistics"]["b1"]["max"] == pytest.approx(900, abs=25)
    without = publish(cogs, titiler_url=f"{tile_server}/plain/").entry
    assert without.ready_for_titiler
    assert "statistics" not in without.urls


def test_links_of_the_collection_lead_to_the_server(publish: Any, tile_server: str, tmp_path: Path) -> None:
    done = publish(_scene("rgb", tmp_path), titiler_url=tile_server)
    links = {link["rel"]: link for link in done.collection["links"]}
    assert links["tilejson"]["href"] == done.entry.urls["tilejson"]
    assert links["xyz"]["href"] == done.entry.urls["tiles"]
    assert "{z}/{x}/{y}" in links["xyz"]["href"]
    assert any("web-map-links" in uri for uri in done.collection["stac_extensions"])


def test_without_band_selection_there_would_be_no_picture(publish: Any, tile_server: str, tmp_path: Path) -> None:
    done = publish(_scene("four-uint16", tmp_path), titiler_url=tile_server)
    plain = build_urls(tile_server, {"url": done.mosaic.url}, {})
    with pytest.raises(urllib.error.HTTPError):
        _tile(plain["tiles"], 71.02, 41.02, done.mosaic.maxzoom)


def test_a_tile_that_shows_nothing_is_not_ready(publish: Any, tile_server: str, tmp_path: Path) -> None:
    cogs = _scene("elevation", tmp_path)
    done = publish(cogs)
    render = {**done.collection["renders"]["visual"], "rescale": [[1e6, 2e6]], "nodata": "nan"}
    links = build_urls(tile_server, {"url": done.mosaic.url}, render)
    answer = probe(links, (done.mosaic.minzoom, done.mosaic.maxzoom), cogs, {**render, "rescale": [[310.0, 2890.0]]})
    assert not answer.ready
    assert "blank" in answer.reason


def test_data_that_are_gone_are_not_ready(publish: Any, tile_server: str, tmp_path: Path) -> None:
    cogs = _scene("rgb", tmp_path)
    for cog in cogs:
        Path(cog.href).unlink()
    entry = publish(cogs, titiler_url=tile_server).entry
    assert not entry.ready_for_titiler
    assert "tile" in entry.ready_reason
    assert entry.items_stored == 2


@pytest.fixture
def odd_server() -> Iterator[tuple[str, dict[str, Any]]]:
    """A server that answers everything with ``answer``: (status, content type, body)."""
    state: dict[str, Any] = {"answer": (200, "text/plain", b"hello")}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers = state["answer"]
            status, kind, body = answers(self.path) if callable(answers) else answers
            self.send_response(status)
            self.send_header("Content-Type", kind)
            if status in (301, 302):
                self.send_header("Location", body.decode())
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _png(pixel: bytes, kind: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")

    header = (16).to_bytes(4, "big") * 2 + bytes([8, kind, 0, 0, 0])
    rows = b"".join(b"\0" + pixel * 16 for _ in range(16))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


TILEJSON = json.dumps({"tilejson": "3.0.0", "tiles": ["x"], "bounds": [0, 0, 1, 1]}).encode()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((200, "text/html", b"<html>log in</html>"), "no JSON"),
        ((200, "application/json", b"[]"), "names no tiles"),
        ((500, "text/plain", b"out of\ncheese"), "HTTP 500: out of cheese"),
        ((404, "application/json", b'{"detail":"Not Found"}'), "HTTP 404"),
        ((302, "text/plain", b"file:///etc/passwd"), "HTTP"),
        (lambda path: (200, "", TILEJSON) if "tilejson" in path else (204, "", b""), "HTTP 204"),
        (lambda path: (200, "", TILEJSON) if "tilejson" in path else (200, "", b"\x89PNG\r\n\x1a\nxxxx"), "PNG"),
        (lambda path: (200, "", TILEJSON) if "tilejson" in path else (200, "", _png(b"\0\0\0\0", 6)), "blank"),
        (lambda path: (200, "", TILEJSON) if "tilejson" in path else (200, "", _png(b"\x07\x07\x07", 2)), "blank"),
    ],
)
def test_a_server_that_answers_otherwise_is_not_ready(
    publish: Any, odd_server: Any, tmp_path: Path, answer: Any, reason: str
) -> None:
    address, state = odd_server
    state["answer"] = answer
    entry = publish(_scene("rgb", tmp_path), titiler_url=address).entry
    assert not entry.ready_for_titiler
    assert reason in entry.ready_reason
    assert "root:" not in entry.ready_reason


def test_a_server_that_is_not_there_does_not_stop_the_job(publish: Any, odd_server: Any, tmp_path: Path) -> None:
    entry = publish(_scene("rgb", tmp_path), titiler_url="http://127.0.0.1:9").entry
    assert not entry.ready_for_titiler
    assert "tilejson could not be fetched" in entry.ready_reason
    assert entry.items_stored == 2


def test_addresses_escape_what_they_carry() -> None:
    links = build_urls(
        "http://tiles.example/maps/", {"url": "s3://b/a b&c#d?.json"}, {"bidx": [2], "rescale": [[0, 0.5]]}
    )
    for name in ("viewer", "tilejson", "tiles"):
        query = parse_qs(urlsplit(links[name].replace("{", "").replace("}", "")).query)
        assert query == {"url": ["s3://b/a b&c#d?.json"], "bidx": ["2"], "rescale": ["0,0.5"]}
    assert links["tiles"].startswith("http://tiles.example/maps/mosaicjson/tiles/WebMercatorQuad/{z}/{x}/{y}.png?")
    assert "#" not in "".join(links.values())
