"""Addresses and readiness against a real MosaicJSON server: every kind of data shows a picture, and checks are true."""

from __future__ import annotations

import http.server
import json
import threading
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from rio_tiler.colormap import cmap

from rastercollection.model.render import RenderDefinition, color_ramp
from rastercollection.stac.tile_servers import build_urls
from rastercollection.stages.stac.probe import probe
from tile_scenes import PALETTE, SCENES, SIZE, alpha_at, fetch_tile, get, make_scene, pixel_at, terrain

pytestmark = pytest.mark.filterwarnings("ignore:Dataset has no geotransform")


@pytest.mark.parametrize("name", SCENES)
def test_every_kind_of_data_shows_a_picture(
    publish: Any, validate_stac: Any, tile_server: str, tmp_path: Path, name: str
) -> None:
    cogs = make_scene(name, tmp_path)
    done = publish(cogs, titiler_url=tile_server)
    entry, urls = done.entry, done.entry.urls
    assert entry.ready_for_titiler, entry.ready_reason
    assert entry.share_url == urls["viewer"]
    assert b"<html" in get(urls["viewer"]).lower()
    document = json.loads(get(urls["tilejson"]))
    assert document["bounds"] == pytest.approx(done.mosaic.bounds)
    assert (document["minzoom"], document["maxzoom"]) == (done.mosaic.minzoom, done.mosaic.maxzoom)
    assert json.loads(get(urls["info"]))["bounds"]
    picture = fetch_tile(urls["tiles"], 71.05, 41.025, done.mosaic.minzoom + 1)
    shown = picture[:3, picture[3] > 0]
    assert len(np.unique(shown, axis=1).T) >= (3 if name.startswith("classes") else 20)
    assert int(shown.max()) - int(shown.min()) > 100
    for document in (*done.items, done.collection):
        validate_stac(document)


def test_classes_have_their_own_colors(publish: Any, tile_server: str, tmp_path: Path) -> None:
    done = publish(make_scene("classes", tmp_path), titiler_url=tile_server)
    picture = fetch_tile(done.entry.urls["tiles"], 71.02, 41.02, done.mosaic.maxzoom)
    colors = {tuple(color) for color in np.unique(picture[:, picture[3] > 0], axis=1).T.tolist()}
    assert colors
    assert colors <= {color for color in PALETTE.values() if color[3]}


def test_an_index_has_the_colors_of_its_values(
    publish: Any, validate_stac: Any, tile_server: str, tmp_path: Path
) -> None:
    ramp = RenderDefinition(title="Own", bands=1, rescale=(0, 4000), colormap=color_ramp("#000000", "#ff8000"))
    cogs = make_scene("four-uint16", tmp_path)
    done = publish(cogs, titiler_url=tile_server, renders=("ndvi", ramp))
    assert done.entry.ready_for_titiler, done.entry.ready_reason
    assert done.notices == []
    validate_stac(done.collection)
    renders = done.collection["renders"]
    numbers = {band.role.common_name: number for number, band in enumerate(cogs[0].file.bands)}
    pixels, _ = SCENES["four-uint16"](terrain(0))
    values = pixels[:, int((41.05 - 41.0251) / 0.05 * SIZE), int(0.0125 / 0.05 * SIZE)].astype(float)
    red, nir = values[numbers["red"]], values[numbers["nir"]]
    expected = cmap.get("rdylgn")[round(255 * ((nir - red) / (nir + red) + 1) / 2)]
    place = (71.0125, 41.0251, done.mosaic.maxzoom)
    assert pixel_at(done.entry.urls["tiles"], *place) == pytest.approx(expected, abs=6)
    own = build_urls(tile_server, {"url": done.mosaic.url}, renders["own"])["tiles"]
    share = values[0] / 4000
    assert pixel_at(own, *place) == pytest.approx([255 * share, 128 * share, 0, 255], abs=6)
    assert alpha_at(done, 71.002, 41.048) == 0


def test_masked_pixels_are_transparent(publish: Any, tile_server: str, tmp_path: Path) -> None:
    for name in ("elevation", "elevation-int16", "rgba", "four-uint16"):
        done = publish(make_scene(name, tmp_path), titiler_url=tile_server, collection_id=name)
        assert alpha_at(done, 71.002, 41.048) == 0, name
        assert alpha_at(done, 71.03, 41.02) == 255, name


def test_values_under_a_point_are_those_of_the_data(publish: Any, tile_server: str, tmp_path: Path) -> None:
    cogs = make_scene("twelve", tmp_path)
    done = publish(cogs, titiler_url=tile_server)
    address = done.entry.urls["point"].replace("{lon}", "71.0125").replace("{lat}", "41.0251")
    (answer,) = json.loads(get(address))["assets"]
    pixels, _ = SCENES["twelve"](terrain(0))
    expected = pixels[[3, 2, 1], int((41.05 - 41.0251) / 0.05 * SIZE), int(0.0125 / 0.05 * SIZE)]
    assert answer["values"] == expected.tolist()
    assert answer["name"] == cogs[0].file.href


def test_statistics_are_linked_where_the_server_has_them(publish: Any, tile_server: str, tmp_path: Path) -> None:
    cogs = make_scene("elevation-int16", tmp_path)
    with_them = publish(cogs, titiler_url=tile_server).entry.urls
    feature = {"type": "Feature", "properties": {}, "geometry": dict(cogs[1].footprint)}
    answer = json.loads(get(with_them["statistics"], json.dumps(feature).encode()))
    assert answer["properties"]["statistics"]["b1"]["max"] == pytest.approx(900, abs=25)
    without = publish(cogs, titiler_url=f"{tile_server}/plain/").entry
    assert without.ready_for_titiler
    assert "statistics" not in without.urls


def test_links_of_the_collection_lead_to_the_server(publish: Any, tile_server: str, tmp_path: Path) -> None:
    done = publish(make_scene("rgb", tmp_path), titiler_url=tile_server)
    links = {link["rel"]: link for link in done.collection["links"]}
    assert links["tilejson"]["href"] == done.entry.urls["tilejson"]
    assert links["xyz"]["href"] == done.entry.urls["tiles"]
    assert "{z}/{x}/{y}" in links["xyz"]["href"]
    assert any("web-map-links" in uri for uri in done.collection["stac_extensions"])


def test_without_band_selection_there_would_be_no_picture(publish: Any, tile_server: str, tmp_path: Path) -> None:
    done = publish(make_scene("four-uint16", tmp_path), titiler_url=tile_server)
    plain = build_urls(tile_server, {"url": done.mosaic.url}, {})
    with pytest.raises(urllib.error.HTTPError):
        fetch_tile(plain["tiles"], 71.02, 41.02, done.mosaic.maxzoom)


def test_a_tile_that_shows_nothing_is_not_ready(publish: Any, tile_server: str, tmp_path: Path) -> None:
    cogs = make_scene("elevation", tmp_path)
    done = publish(cogs)
    render = {**done.collection["renders"]["visual"], "rescale": [[1e6, 2e6]], "nodata": "nan"}
    links = build_urls(tile_server, {"url": done.mosaic.url}, render)
    answer = probe(links, (done.mosaic.minzoom, done.mosaic.maxzoom), cogs, {**render, "rescale": [[310.0, 2890.0]]})
    assert not answer.ready
    assert "blank" in answer.reason


def test_data_that_are_gone_are_not_ready(publish: Any, tile_server: str, tmp_path: Path) -> None:
    cogs = make_scene("rgb", tmp_path)
    for cog in cogs:
        Path(cog.file.href).unlink()
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
        ((302, "text/plain", b"file:///etc/passwd"), "protocol"),
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
    entry = publish(make_scene("rgb", tmp_path), titiler_url=address).entry
    assert not entry.ready_for_titiler
    assert reason in entry.ready_reason
    assert "root:" not in entry.ready_reason


def test_a_server_that_is_not_there_does_not_stop_the_job(publish: Any, odd_server: Any, tmp_path: Path) -> None:
    entry = publish(make_scene("rgb", tmp_path), titiler_url="http://127.0.0.1:9").entry
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
