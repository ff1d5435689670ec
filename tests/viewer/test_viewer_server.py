"""The viewer's server: what it serves is the data, and it serves nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import morecantile
import numpy as np
import pytest
import rasterio
from rasterio.io import MemoryFile

from rastercollection import ObjectNotFoundError, ViewError, ViewServer, process_collection
from rastercollection.viewer.access import Guard
from viewer_scenes import (
    NAMES,
    NORTH,
    OVERVIEW_VALUE,
    PIXEL,
    SIZE,
    WEST,
    Answer,
    Collection,
    add_overview,
    surface,
    write_tile,
)

TMS = morecantile.tms.get("WebMercatorQuad")
PLACES = [(71.03007, 41.07993), (71.02007, 41.04993), (71.05717, 41.06993), (71.09007, 41.05993)]
"""Off the edges of pixels, where rounding decides."""
Get = Callable[..., Answer]
Serve = Callable[..., ViewServer]
pytestmark = pytest.mark.filterwarnings("ignore:Dataset has no geotransform")


def _tile(get: Get, server: str, longitude: float, latitude: float, zoom: int, query: str = "") -> np.ndarray:
    """(bands, rows, columns) of the values in the map tile around a place, without styling."""
    tile = TMS.tile(longitude, latitude, zoom)
    answer = get(server, f"/mosaicjson/tiles/WebMercatorQuad/{zoom}/{tile.x}/{tile.y}.tif?{query}")
    assert answer.status == 200, answer.body
    with MemoryFile(answer.body) as memory, memory.open() as picture:
        return picture.read()


def _in_tile(pixels: np.ndarray, longitude: float, latitude: float, zoom: int) -> np.ndarray:
    bounds = TMS.xy_bounds(TMS.tile(longitude, latitude, zoom))
    x, y = TMS.xy(longitude, latitude)
    column = int((x - bounds.left) / (bounds.right - bounds.left) * pixels.shape[2])
    row = int((bounds.top - y) / (bounds.top - bounds.bottom) * pixels.shape[1])
    return pixels[:, row, column]


class TestWhatItServes:
    def test_tiles_hold_the_values_of_the_sources(self, server: ViewServer, get: Get) -> None:
        zoom = get(server, "/api/collection").json["maxzoom"]
        for longitude, latitude in PLACES:
            pixels = _tile(get, server, longitude, latitude, zoom, "bidx=1&bidx=2&bidx=3&bidx=4")
            expected = [surface(longitude, latitude, band) for band in range(4)]
            # a place is at most a pixel of the source and one of the tile away from where both were read
            slope = max(
                float(np.ptp(surface(longitude + np.array([0, 2 * PIXEL]), latitude, band))) for band in range(4)
            )
            assert _in_tile(pixels, longitude, latitude, zoom)[:4] == pytest.approx(expected, abs=2 * slope + 15)

    def test_a_point_has_the_values_that_rasterio_reads_there(
        self, server: ViewServer, get: Get, published: Collection
    ) -> None:
        for longitude, latitude in PLACES:
            answer = get(server, f"/api/point?lon={longitude}&lat={latitude}").json
            assert answer["count"] == (2 if longitude == 71.05717 else 1)
            for item in answer["items"]:
                with rasterio.open(item["address"]) as cog:
                    (expected,) = cog.sample([(longitude, latitude)])
                assert [band["value"] for band in item["bands"]] == expected.tolist()
                assert [band["description"] for band in item["bands"]] == list(NAMES)
                assert {(band["scale"], band["offset"], band["unit"]) for band in item["bands"]} == {
                    (1e-4, -0.1, "sr-1")
                }
        assert get(server, "/api/point?lon=431.03&lat=41.08").json["items"][0]["id"] == "west"

    def test_pixels_without_data_and_places_without_items(self, server: ViewServer, get: Get) -> None:
        corner = f"lon={WEST + 5 * PIXEL}&lat={NORTH - 5 * PIXEL}"
        for item in get(server, f"/api/point?{corner}").json["items"]:
            assert {band["value"] for band in item["bands"]} == {None}
        assert get(server, "/api/point?lon=0&lat=0").json["items"] == []
        assert get(server, "/api/point?lon=0&lat=91").status == 422

    def test_the_page_learns_all_about_the_collection(self, server: ViewServer, get: Get) -> None:
        summary = get(server, "/api/collection").json
        assert summary["title"] == "Fields, 14 July 2019"
        assert summary["license"] == "CC-BY-4.0"
        assert summary["providers"] == [{"name": "Survey <b>office</b>", "url": "https://survey.example/"}]
        assert [render["key"] for render in summary["renders"]] == ["visual", "color-infrared"]
        assert summary["items"] == 2
        assert summary["bounds"] == pytest.approx([WEST, 41.04, WEST + 580 * PIXEL, NORTH], abs=2 * PIXEL)
        found = get(server, "/api/footprints?bbox=70,40,71.01,42").json
        assert [feature["id"] for feature in found["features"]] == ["west"]
        assert get(server, "/api/footprints?limit=1").json["numberMatched"] == 2
        assert get(server, "/api/footprints?bbox=1,2,3").status == 422

    def test_files_of_items_can_be_had(self, server: ViewServer, get: Get) -> None:
        (item,) = get(server, "/api/point?lon=71.09&lat=41.06").json["items"]
        document = get(server, f"/{item['item_href']}").json
        assert (document["id"], document["properties"]["title"]) == (item["id"], "east 2.tif")
        assert get(server, f"/{item['thumbnail']}").headers["content-type"] in ("image/png", "image/jpeg")
        part = get(server, f"/{item['cog_href']}", Range="bytes=0-99")
        assert (part.status, part.body) == (206, Path(item["address"]).read_bytes()[:100])

    def test_the_usual_endpoints_of_a_mosaic_server(self, server: ViewServer, get: Get, published: Collection) -> None:
        mosaic = quote(str(published.output / "fields.json"))
        document = get(server, f"/mosaicjson/WebMercatorQuad/tilejson.json?url={mosaic}&bidx=1").json
        assert document["tiles"][0].startswith(f"{server}mosaicjson/tiles/WebMercatorQuad/{{z}}/{{x}}/{{y}}")
        assert get(server, "/mosaicjson/info").json["bounds"] == document["bounds"]
        (value,) = get(server, "/mosaicjson/point/71.03,41.08?bidx=4").json["assets"]
        assert value["values"] == [get(server, "/api/point?lon=71.03&lat=41.08").json["items"][0]["bands"][3]["value"]]


class TestLowZooms:
    def test_they_come_from_the_overview_as_far_as_it_is_meant_for(
        self, scene: Collection, serve: Serve, get: Get
    ) -> None:
        add_overview(scene)
        server = serve(scene.output)
        assert get(server, "/api/collection").json["drawn_from"] == 4
        for zoom, query, from_overview in ((9, "", True), (10, "", False), (9, "&tilesize=512", False)):
            pixels = _tile(get, server, 71.03, 41.07, zoom, f"bidx=1{query}")
            value = float(_in_tile(pixels, 71.03, 41.07, zoom)[0])
            assert (value == OVERVIEW_VALUE) == from_overview, (zoom, query)

    def test_tiles_that_would_take_minutes_are_refused_at_once(self, server: ViewServer, get: Get) -> None:
        began = time.monotonic()
        answer = get(server, "/mosaicjson/tiles/WebMercatorQuad/0/0/0.png")
        assert answer.status == 400
        assert "begin at zoom" in answer.json["detail"]
        assert time.monotonic() - began < 2

    @pytest.mark.parametrize("query", ["tilesize=8192", "buffer=3000", "buffer=inf", "padding=5000"])
    def test_tiles_that_would_take_gigabytes_are_refused(self, server: ViewServer, get: Get, query: str) -> None:
        tile = TMS.tile(71.03, 41.08, 13)
        answer = get(server, f"/mosaicjson/tiles/WebMercatorQuad/13/{tile.x}/{tile.y}.png?{query}")
        assert (answer.status, "more than 4096" in answer.body.decode("latin-1")) == (400, True)

    @pytest.mark.parametrize("path", ["99999999/0/0.png", "99999999/0/0/assets", "13/1/1.png?" + "bidx=1&" * 300])
    def test_tiles_that_no_map_has_are_refused_at_once(self, server: ViewServer, get: Get, path: str) -> None:
        began = time.monotonic()
        answer = get(server, f"/mosaicjson/tiles/WebMercatorQuad/{path}")
        assert (answer.status, time.monotonic() - began < 5) == (400, True)

    @pytest.mark.parametrize(
        "query",
        [
            "bidx=9",
            "bidx=0",
            "expression=b9*2",
            "expression=b1%2Bc",
            "bidx=1&rescale=0,1000&color_formula=gamma%20r%200",
            "bidx=1&rescale=0,1000&color_formula=gamma%20r",
            "bidx=1&rescale=0,1000&color_formula=saturation%202",
            'bidx=1&colormap={"a":[0,0,0]}',
            "bidx=1&colormap=[7]",
            "bidx=1&buffer=0.3",
            "bidx=1&padding=-200",
            "bidx=1&nodata=much",
        ],
    )
    def test_parameters_that_make_no_sense_are_the_requests_fault(
        self, server: ViewServer, get: Get, query: str
    ) -> None:
        tile = TMS.tile(71.03, 41.08, 13)
        answer = get(server, f"/mosaicjson/tiles/WebMercatorQuad/13/{tile.x}/{tile.y}.png?{query}")
        assert 400 <= answer.status < 500, answer.body
        assert answer.json["detail"]

    def test_statistics_of_a_place_are_those_of_its_pixels(
        self, server: ViewServer, get: Get, post: Callable[..., Answer]
    ) -> None:
        west, north = WEST + 50 * PIXEL, NORTH - 50 * PIXEL
        ring = [[west, north], [west + PIXEL * 40, north], [west, north - PIXEL * 40], [west, north]]
        shape = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
        bands = post(server, "/mosaicjson/statistics", shape).json["properties"]["statistics"]
        assert bands["b1"]["min"] < bands["b1"]["mean"] < bands["b1"]["max"]
        for query in ("width=50000&height=50000", "bidx=9", "p=150", "histogram_bins=0", "expression=b7"):
            assert post(server, f"/mosaicjson/statistics?{query}", shape).status == 400, query
        assert get(server, "/mosaicjson/point/71.03,41.08?bidx=9").status == 400


class TestWhatItRefuses:
    @pytest.mark.parametrize(
        "url",
        [
            "/etc/passwd",
            "/etc/../etc/passwd",
            "file:///etc/passwd",
            "http://169.254.169.254/latest/",
            "s3://bucket/mosaic.json",
            "/vsicurl/http://127.0.0.1:9/x.json",
            "",
        ],
    )
    def test_other_mosaics(self, server: ViewServer, get: Get, url: str) -> None:
        tile = TMS.tile(71.03, 41.08, 12)
        for path in ("info", "point/71.03,41.08", f"tiles/WebMercatorQuad/12/{tile.x}/{tile.y}.png"):
            assert get(server, f"/mosaicjson/{path}?url={quote(url, safe='')}").status == 403

    def test_a_cog_or_another_mosaic_beside_its_own(self, scene: Collection, serve: Serve, get: Get) -> None:
        server = serve(scene.output)
        other = scene.output / "other.json"
        shutil.copy(scene.output / "fields.json", other)
        for path in (other, *scene.output.glob("*.tif")):
            assert get(server, f"/mosaicjson/info?url={quote(str(path))}").status == 403

    @pytest.mark.parametrize(
        "path",
        [
            "/static/../app.py",
            "/static/%2e%2e/app.py",
            "/static/..%2fapp.py",
            "/static//etc/passwd",
            "/../../../../etc/passwd",
            "/api/item?id=../collection",
            "/api/cog?id=/etc/passwd",
            "/api/thumbnail?id=..%2f..%2f",
        ],
    )
    def test_paths_that_lead_out(self, server: ViewServer, get: Get, path: str) -> None:
        assert get(server, path).status == 404

    @pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "10.0.0.1", "["])
    def test_requests_for_other_hosts(self, server: ViewServer, get: Get, host: str) -> None:
        answer = get(server, "/api/collection", Host=host)
        assert answer.status == 421
        assert b"fields" not in answer.body

    @pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8000"])
    def test_names_of_this_machine_are_fine(self, server: ViewServer, get: Get, host: str) -> None:
        assert get(server, "/api/collection", Host=host).status == 200

    @pytest.mark.parametrize(
        ("listening_on", "host", "status"),
        [
            ("0.0.0.0", "evil.example", 421),
            ("0.0.0.0", "10.0.0.1:80", 200),
            ("0.0.0.0", socket.gethostname(), 200),
            ("maps.example", "maps.example", 200),
            ("::1", "[::1]:80", 200),
            ("::1", "[2001:db8::1]:80", 421),
        ],
    )
    def test_names_and_figures_of_a_server_for_others(self, listening_on: str, host: str, status: int) -> None:
        sent = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "path": "/", "headers": [(b"host", host.encode())]}
        asyncio.run(Guard(app, listening_on)(scope, None, send))
        assert sent[0]["status"] == status

    def test_what_other_sites_embed(self, server: ViewServer, get: Get) -> None:
        for mode, status in (("no-cors", 403), ("cors", 403), ("navigate", 200)):
            answer = get(server, "/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode=mode, Origin="https://evil.example")
            assert answer.status == status
            assert not [name for name in answer.headers if name.startswith("access-control")]

    def test_sites_that_are_named_may_read(self, published: Collection, serve: Serve, get: Get) -> None:
        server = serve(published.output, allow_origin=["https://maps.example", "http://localhost:80/"])
        paths = ("/mosaicjson/WebMercatorQuad/tilejson.json", "/api/footprints", "/api/cog?id=west")
        for path in paths:
            for origin in ("https://maps.example", "http://localhost"):
                answer = get(server, path, Origin=origin, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="cors")
                assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, origin)
                assert answer.headers["vary"] == "Origin"
            for origin in ("https://maps.example.evil", "http://maps.example", "https://maps.example:8443", "null"):
                answer = get(server, path, Origin=origin, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="cors")
                assert answer.status == 403
                assert "access-control-allow-origin" not in answer.headers
        part = get(server, paths[2], Origin="https://maps.example", Range="bytes=0-15")
        assert (part.status, len(part.body)) == (206, 16)
        assert "Content-Range" in part.headers["access-control-expose-headers"]

    def test_pictures_are_embedded_by_sites_that_are_named(self, published: Collection, serve: Serve, get: Get) -> None:
        """A picture is asked for without an origin, but by a page."""
        server = serve(published.output, allow_origin="https://maps.example")
        embedded = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"}
        for page, status in (
            ("https://maps.example/map?a=b", 200),
            ("https://evil.example/https://maps.example/", 403),
        ):
            assert get(server, "/api/thumbnail?id=west", Referer=page, **embedded).status == status
        assert get(server, "/api/thumbnail?id=west", **embedded).status == 403
        foreign = get(server, "/", Host="evil.example", Origin="https://maps.example")
        assert foreign.status == 421, "whatever name it came to"

    @pytest.mark.parametrize(
        "origin", ["*", "null", "maps.example", "https://maps.example/map", "https://*.example", ""]
    )
    def test_what_is_no_origin_is_refused(self, published: Collection, serve: Serve, origin: str) -> None:
        with pytest.raises(ViewError, match="is not the origin of a site"):
            serve(published.output, allow_origin=[origin])

    def test_every_answer_says_that_nothing_comes_from_elsewhere(self, server: ViewServer, get: Get) -> None:
        for path in ("/", "/api/collection", "/nothing", "/static/viewer.js"):
            policy = get(server, path).headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
            assert "unsafe" not in policy
            assert "https:" not in policy

    def test_items_that_name_files_of_this_machine(self, scene: Collection, serve: Serve, get: Get) -> None:
        secret = scene.folder / "secret.txt"
        secret.write_text("secret")
        vrt = '<VRTDataset rasterXSize="1" rasterYSize="1"><VRTRasterBand dataType="Byte" band="1"/></VRTDataset>'
        (scene.output / "plain.tif").write_text(vrt)
        item = json.loads(scene.item_path("west").read_text())
        for href in (str(secret), "../../../plain.tif"):
            item["assets"]["thumbnail"]["href"] = item["assets"]["data"]["href"] = href
            scene.item_path("west").write_text(json.dumps(item))
            server = serve(scene.document_path)
            for path in ("thumbnail", "cog"):
                answer = get(server, f"/api/{path}?id=west")
                assert answer.status == 404
                assert b"secret" not in answer.body.replace(b"secret.txt", b"")
            (shown,) = get(server, "/api/point?lon=71.03&lat=41.08").json["items"]
            assert "cannot be opened as a GeoTIFF" in shown["problem"]
            server.stop()


class TestCollections:
    def test_every_address_that_stands_for_the_collection(self, scene: Collection, serve: Serve, get: Get) -> None:
        folder = scene.output
        catalog = folder / "stac"
        for place in (folder, catalog, catalog / "catalog.json", catalog / "fields", scene.document_path.as_uri()):
            assert get(serve(place), "/api/collection").json["id"] == "fields"

    def test_a_folder_that_was_moved_as_a_whole(
        self, scene: Collection, serve: Serve, get: Get, tmp_path: Path
    ) -> None:
        server = serve(shutil.move(scene.output, tmp_path / "moved"))
        assert _tile(get, server, 71.03, 41.08, 13, "bidx=1").max() > 200

    def test_a_moved_folder_is_shown_by_what_lies_beside_its_mosaic(
        self, scene: Collection, serve: Serve, get: Get, tmp_path: Path
    ) -> None:
        for item in scene.document_path.parent.rglob("*.json"):
            if item != scene.document_path:
                item.unlink()
        server = serve(shutil.move(scene.output, tmp_path / "moved"))
        assert _tile(get, server, 71.03, 41.08, 13, "bidx=1").max() > 200

    def test_the_page_shows_what_was_published_again(self, scene: Collection, serve: Serve, get: Get) -> None:
        server = serve(scene.output)
        before = get(server, "/api/collection").json
        scene.change(title="Another title")
        after = get(server, "/api/collection").json
        assert (before["title"], after["title"]) == ("Fields, 14 July 2019", "Another title")
        assert before["version"] != after["version"]
        scene.document_path.write_text("{")
        assert get(server, "/api/collection").json["title"] == "Another title"

    def test_what_is_no_collection_that_can_be_shown(self, scene: Collection, serve: Serve, tmp_path: Path) -> None:
        with pytest.raises(ObjectNotFoundError, match="no STAC collection at"):
            serve(tmp_path / "nowhere")
        with pytest.raises(ViewError, match="is no STAC collection"):
            serve(scene.item_path("west"))
        scene.change(assets={})
        with pytest.raises(ViewError, match="no MosaicJSON"):
            serve(scene.output)
        (scene.output / "stac" / "catalog.json").write_text('{"type": "Catalog", "links": []}')
        with pytest.raises(ViewError, match="holds no collection"):
            serve(scene.output)

    def test_renders_that_make_no_sense_are_left_out(self, scene: Collection, serve: Serve, get: Get) -> None:
        renders = {"wild": {"rescale": 7}, "text": "no", "visual": {"bidx": [1], "title": ["x"]}}
        scene.change(renders=renders, license=None, providers="nobody", extent={}, description=5)
        summary = get(serve(scene.output), "/api/collection").json
        assert [render["key"] for render in summary["renders"]] == ["visual"]
        assert (summary["license"], summary["providers"], summary["interval"]) == ("", [], [None, None])

    def test_documents_with_values_that_no_program_writes(self, scene: Collection, serve: Serve, get: Get) -> None:
        assets = {
            "other": {"roles": 5},
            "overview": {"href": "o.tif", "roles": ["overview"]},
            **scene.document["assets"],
        }
        assets["overview"]["rastercollection:maxzoom"] = float("inf")
        scene.change(assets=assets, title="half a pair \ud800")
        scene.change_item("west", lambda item: item["assets"]["data"].update({"raster:scale": "much"}))
        scene.change_item("east_2-22a70c10", lambda item: item["geometry"].update({"type": "Sphere"}))
        server = serve(scene.output)
        assert get(server, "/api/collection").json["title"] == "half a pair ?"
        assert [feature["id"] for feature in get(server, "/api/footprints").json["features"]] == ["west"]
        (item,) = get(server, "/api/point?lon=71.03&lat=41.08").json["items"]
        assert {band["scale"] for band in item["bands"]} == {0.0001}, "the file's own"

    def test_zooms_of_a_mosaic_that_make_no_sense(self, scene: Collection, serve: Serve) -> None:
        mosaic = scene.output / "fields.json"
        mosaic.write_text(json.dumps({**json.loads(mosaic.read_text()), "maxzoom": float("inf")}))
        with pytest.raises(ViewError, match="is no MosaicJSON"):
            serve(scene.output)

    def test_a_collection_on_a_web_server(
        self, scene: Collection, serve: Serve, get: Get, web_server: Callable[[Path], str]
    ) -> None:
        address = web_server(scene.output)
        server = serve(f"{address}/stac/fields/collection.json")
        assert _tile(get, server, 71.03, 41.08, 13, "bidx=1").max() > 200
        (item,) = get(server, "/api/point?lon=71.03&lat=41.08").json["items"]
        assert item["cog_href"] == f"{address}/west_cog_analysis.tif"
        assert None not in [band["value"] for band in item["bands"]]

    def test_headers_for_a_web_server_reach_no_other(
        self, scene: Collection, serve: Serve, web_server: Callable[[Path], str]
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as stranger:
            item = {"rel": "item", "href": f"http://127.0.0.1:{stranger.getsockname()[1]}/item.json"}
            scene.change(links=[*scene.document["links"], item])
            address = f"{web_server(scene.output)}/stac/fields/collection.json"
            with pytest.raises(ViewError, match="GDAL cannot read"):
                serve(address, storage_options={"headers": {"Authorization": "Bearer secret"}})
            stranger.settimeout(1.5)
            with pytest.raises(TimeoutError):
                stranger.accept()


@pytest.fixture
def web_server(need_extra: None) -> Iterator[Callable[[Path], str]]:
    """Serves a folder, as a plain web server does that answers ranges."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.staticfiles import StaticFiles

    with contextlib.ExitStack() as stack:

        def start(folder: Path) -> str:
            app = Starlette()
            app.mount("/", StaticFiles(directory=folder))
            listening = socket.create_server(("127.0.0.1", 0))
            web = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
            thread = threading.Thread(target=web.run, kwargs={"sockets": [listening]})
            thread.start()
            stack.callback(thread.join)
            stack.callback(lambda: setattr(web, "should_exit", True))
            return f"http://127.0.0.1:{listening.getsockname()[1]}"

        yield start


@pytest.mark.parametrize(
    ("edges", "close"),
    [((179.97,), 1e-3), ((178.9, -179.4), 0.1)],
    ids=["one tile", "two that do not meet"],
)
def test_across_the_antimeridian_it_frames_the_tiles_and_shows_both_sides(
    tmp_path: Path, serve: Serve, get: Get, edges: tuple[float, ...], close: float
) -> None:
    for number, edge in enumerate(edges):
        write_tile(tmp_path / f"seam{number}.tif", edge)
    process_collection(
        container_name=tmp_path,
        blob_list=["seam?.tif"],
        collection_id="fields",
        output_container=tmp_path / "output",
        datetime="2020",
        executor="serial",
        jobs="memory",
    )
    server = serve(str(tmp_path / "output"))
    west, _, east, _ = get(server, "/api/collection").json["bounds"]
    assert (west, east) == pytest.approx((edges[0], edges[-1] % 360 + SIZE * PIXEL), abs=close)
    for longitude in (edges[0] + 0.02, (edges[-1] + SIZE * PIXEL - 0.02 + 180) % 360 - 180):
        values = get(server, f"/api/point?lon={longitude}&lat=41.08").json["items"][0]["bands"]
        assert all(band["value"] is not None for band in values)
        assert _in_tile(_tile(get, server, longitude, 41.08, 12, "bidx=1"), longitude, 41.08, 12)[-1] > 0
