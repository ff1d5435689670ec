"""The viewer's page in a real browser: what it draws and says is true, by mouse, keyboard and finger."""

from __future__ import annotations

import functools
import http.server
import json
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import rasterio

from browser_pages import address_of, eventually, give_keyboard
from rastercollection import ViewServer
from viewer_pages import DESKTOP, DRAWN, PHONE, PIXELS, click_at, wait_until_drawn
from viewer_scenes import HOSTILE, NORTH, PIXEL, WEST, Collection

CONTROLS = ["render", "stretch", "gamma", "compare", "opacity", "outlines", "fit", "copy", "map"]
"""What the Tab key reaches, as far as it has names."""
Open = Callable[..., Any]


def _place(page: Any) -> tuple[float, float]:
    """Latitude and longitude that the panel says its values are from."""
    text = page.locator("#place").inner_text()
    latitude, longitude = re.findall(r"(-?[\d.]+)°", text)
    return float(latitude), float(longitude)


def _values(page: Any) -> list[str]:
    return page.locator("#items > .item > table small").all_inner_texts()


def test_it_draws_the_tiles_and_says_what_it_shows(server: ViewServer, visit: Open) -> None:
    page = visit(server)
    assert len(page.evaluate(PIXELS)) > 100
    assert page.title() == "Fields, 14 July 2019"
    assert page.locator("#facts").inner_text().split("\n")[:2] == ["2 items", "2019-07-14"]
    details = page.locator("#details").inner_text()
    assert "CC-BY-4.0" in details
    assert "Survey <b>office</b>" in details
    assert page.locator("#details a").get_attribute("href") == "https://survey.example/"
    eventually(page, "viewer.outlines.getLayers().length", lambda count: count == 2)
    assert re.search(r"\d+ k?m", page.locator(".leaflet-control-scale").inner_text())


def test_a_click_shows_the_values_that_rasterio_reads_there(
    server: ViewServer, visit: Open, published: Collection
) -> None:
    page = visit(server)
    click_at(page, 71.03, 41.07)
    latitude, longitude = _place(page)
    assert (longitude, latitude) == pytest.approx((71.03, 41.07), abs=0.001)
    with rasterio.open(published.output / "west_cog_analysis.tif") as cog:
        (expected,) = cog.sample([(longitude, latitude)])
    assert _values(page) == [f"stored {value}" for value in expected]
    first = page.locator("#items > .item tr").first.inner_text()
    assert first.split() == ["b1", "blue", f"{expected[0] * 1e-4 - 0.1:.10g}", "sr-1", "stored", str(expected[0])]
    assert page.locator("#items > .item .name").inner_text() == "west.tif"
    eventually(page, "document.querySelector('#items img').naturalWidth", lambda width: width > 50)
    for link in page.locator("#items > .item .links a").all():
        answer = page.request.get(server + link.get_attribute("href"))
        assert answer.ok


def test_overlaps_holes_and_places_outside(server: ViewServer, visit: Open) -> None:
    page = visit(server)
    click_at(page, 71.058, 41.07)
    assert page.locator("#items .more summary").inner_text() == "1 more item here"
    click_at(page, WEST - 0.004, 41.07)
    assert "No item of the collection is here" in page.locator("#items").inner_text()
    page.goto(f"{server}#15/{NORTH - 20 * PIXEL}/{WEST + 20 * PIXEL}/visual")
    click_at(page, WEST + 15 * PIXEL, NORTH - 15 * PIXEL)
    answer = page.locator("#items").inner_text()
    assert "no data" in answer or "No item" in answer
    assert "stored" not in answer


def test_another_render_draws_other_colors_and_is_in_the_address(server: ViewServer, visit: Open) -> None:
    page = visit(server)
    assert page.get_by_label("Natural color").is_checked()
    before = set(page.evaluate(PIXELS))
    page.get_by_label("Color infrared").check()
    eventually(page, "location.hash", lambda address: address.endswith("/color-infrared"))
    after = eventually(page, PIXELS, lambda colors: colors and len(before & set(colors)) < len(colors) / 2)
    assert len(after) > 100
    page.reload()
    wait_until_drawn(page)
    assert page.get_by_label("Color infrared").is_checked()


def test_an_address_leads_back_to_its_place(server: ViewServer, visit: Open) -> None:
    page = visit(f"{server}#13/41.07000/71.03000/color-infrared")
    view = "[viewer.map.getZoom(), viewer.map.getCenter().lat, viewer.map.getCenter().lng]"
    assert page.evaluate(view) == pytest.approx([13, 41.07, 71.03], abs=1e-4)
    page.evaluate("viewer.map.setView([41.06, 71.08], 14, {animate: false})")
    again = visit(address_of(page))
    assert again.evaluate(view) == pytest.approx([14, 41.06, 71.08], abs=1e-4)
    assert again.get_by_label("Color infrared").is_checked()
    again.evaluate("location.hash = '#12/41.08/71.05/visual'")
    eventually(again, view, lambda shown: shown == pytest.approx([12, 41.08, 71.05], abs=1e-4))
    strange = visit(f"{server}#99/north/%E0%A4%A/<b>")
    assert strange.evaluate("viewer.map.getBounds().contains(viewer.bounds)")


def test_close_up_tiles_are_as_fine_as_the_data(server: ViewServer, visit: Open) -> None:
    asked: list[str] = []
    page = visit(server)
    finest = page.evaluate("viewer.summary.maxzoom")
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate(f"viewer.map.setView([41.07, 71.03], {finest + 3}, {{animate: false}})")
    wait_until_drawn(page)
    zooms = {int(found[1]) for address in asked if (found := re.search(r"/WebMercatorQuad/(\d+)/", address))}
    assert zooms == {finest + 1}


def test_opacity_and_outlines(server: ViewServer, visit: Open) -> None:
    page = visit(server)
    page.locator("#opacity").fill("40")
    assert page.locator("#opacity-value").inner_text() == "40 %"
    eventually(page, "getComputedStyle(viewer.layer.getContainer()).opacity", lambda value: value == "0.4")
    page.get_by_label("Outlines").uncheck()
    assert page.evaluate("viewer.map.hasLayer(viewer.outlines)") is False
    again = visit(address_of(page))  # they are in the address
    assert again.locator("#opacity").input_value() == "40"
    assert again.evaluate("[viewer.layer.options.opacity, viewer.map.hasLayer(viewer.outlines)]") == [0.4, False]
    again.get_by_label("Outlines").check()
    again.locator("#opacity").fill("100")
    eventually(again, "/opacity|outlines/.test(location.hash)", lambda told: not told)


def test_all_of_it_works_with_the_keyboard_alone(server: ViewServer, visit: Open) -> None:
    page = visit(server)
    wait_until_drawn(page)
    give_keyboard(page)
    seen = []
    while not seen or seen[-1] != "map":
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.name || 'other'"))
        assert len(seen) < 40
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid" or seen[-1] == "render", seen
    assert [name for name in seen if name != "other"] == CONTROLS
    assert page.evaluate("getComputedStyle(document.querySelector('.crosshair')).opacity") == "1"
    center = "[viewer.map.getCenter().lng, viewer.map.getCenter().lat]"
    before = page.evaluate(center)
    page.keyboard.press("ArrowRight")
    moved = eventually(page, center, lambda place: place[0] > before[0] + 0.005)
    page.wait_for_timeout(400)
    page.keyboard.press("Enter")
    page.wait_for_selector("#items .item")
    latitude, longitude = _place(page)
    assert [longitude, latitude] == pytest.approx(page.evaluate(center), abs=1e-6)
    assert moved[1] == pytest.approx(before[1])
    page.keyboard.press("Escape")
    assert page.locator("#reading").is_hidden()
    assert page.evaluate("document.activeElement.id") == "map"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_on_a_phone(server: ViewServer, visit: Open, scheme: str) -> None:
    page = visit(server, viewport=PHONE, color_scheme=scheme, has_touch=True, is_mobile=True, device_scale_factor=2)
    assert page.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [390, 390]
    assert page.locator("#map").bounding_box()["height"] > 380
    assert page.evaluate("document.querySelector('.leaflet-tile-loaded[src]').naturalWidth") == 512
    colors = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", colors)[:3])) > 384) == (scheme == "light")
    box = page.locator("#map").bounding_box()
    page.touchscreen.tap(box["width"] * 0.4, box["height"] * 0.7)
    page.wait_for_selector("#items .item")
    assert page.locator("#close").bounding_box()["y"] < PHONE["height"]
    # the keyboard of a phone takes room from the map, which must know
    page.set_viewport_size({**PHONE, "height": 640})
    sizes = "[viewer.map.getSize().y, viewer.map.getContainer().clientHeight]"
    eventually(page, sizes, lambda both: len({*both}) == 1 and both[0] < box["height"])
    spot = page.locator(".spot").bounding_box()
    assert 0 < spot["y"] < page.locator("#map").bounding_box()["height"] - spot["height"]
    page.locator("#close").tap()
    assert page.locator("#reading").is_hidden()
    for control in ("#fit", "#close"):
        assert page.locator(control).evaluate("element => parseFloat(getComputedStyle(element).minHeight)") >= 40


def test_whatever_the_data_say_is_text(scene: Collection, serve: Callable[..., ViewServer], visit: Open) -> None:
    item = json.loads(scene.item_path("west").read_text())
    item["id"] = item["properties"]["title"] = HOSTILE
    item["assets"]["data"]["bands"][0]["description"] = HOSTILE
    item["assets"]["data"]["title"] = HOSTILE
    scene.item_path("west").write_text(json.dumps(item))
    renders = {**scene.document["renders"], HOSTILE: {**scene.document["renders"]["visual"], "title": HOSTILE}}
    license_link = {"rel": "license", "href": "javascript:alert(1)"}
    scene.change(
        id=HOSTILE,
        title=HOSTILE,
        license=HOSTILE,
        renders=renders,
        providers=[{"name": HOSTILE, "url": "javascript:alert(1)"}],
        links=[*scene.document["links"], license_link],
    )
    page = visit(serve(scene.output))
    page.get_by_role("radio", name=HOSTILE).check()
    click_at(page, 71.03, 41.07)
    for place in ("#title", "#description", "#details", "#render-list", "#items .name", "#items tr"):
        assert HOSTILE in page.locator(place).first.text_content(), place
    assert page.title() == HOSTILE
    assert page.locator("script").count() == 2
    assert page.locator("img[src=x], [onerror], a[href^=javascript]").count() == 0
    again = visit(address_of(page))
    assert again.get_by_role("radio", name=HOSTILE).is_checked()


def test_the_nearest_item_is_where_zooming_in_leads(server: ViewServer, visit: Open) -> None:
    page = visit(server)
    eventually(page, "viewer.outlines.getLayers().length", bool)
    apart = """() => {
        const { _southWest: { lat, lng } } = viewer.bounds;
        viewer.outlines.clearLayers();
        for (const [x, y] of [[lng, lat], [lng + 5, lat + 5]]) {
            const ring = [[x, y], [x + 0.02, y], [x + 0.02, y + 0.02], [x, y + 0.02], [x, y]];
            viewer.outlines.addData({ type: "Polygon", coordinates: [ring] });
        }
        const found = viewer.nearest();
        return [found.lat - lat, found.lng - lng];
    }"""
    assert page.evaluate(apart) == pytest.approx([0.01, 0.01])


def test_zooms_without_tiles_say_so_and_lead_to_those_with(server: ViewServer, visit: Open) -> None:
    page = visit(f"{server}#3/41.0/71.0/visual", drawn=False)
    page.wait_for_selector("#status-action")
    assert "Pixels are shown from zoom" in page.locator("#status").inner_text()
    rings = "viewer.footprints.spots.getLayers().length"
    eventually(page, rings, lambda count: count == 2)  # around outlines that are too small to be seen
    page.locator("#status-action").click()
    wait_until_drawn(page)
    eventually(page, rings, lambda count: count == 0)
    page.locator("#status").wait_for(state="hidden")
    assert len(page.evaluate(PIXELS)) > 20


def test_tiles_that_cannot_be_drawn_and_a_server_that_is_gone(
    scene: Collection, serve: Callable[..., ViewServer], browser: Any
) -> None:
    server = serve(scene.output)
    for path in scene.output.glob("*.tif"):
        path.rename(path.with_suffix(".away"))
    page = browser.new_page(viewport=DESKTOP)
    page.goto(server)
    page.wait_for_selector("#status.alarm")
    assert "is not there any more" in page.locator("#status-text").inner_text()
    for path in scene.output.glob("*.away"):
        path.rename(path.with_suffix(".tif"))
    page.get_by_role("button", name="Try again").first.click()
    page.wait_for_selector(f"{DRAWN}[src]", state="attached")
    page.locator("#status").wait_for(state="hidden")
    server.stop()
    page.locator("#map").click(position={"x": 400, "y": 300})
    page.wait_for_selector("#items .problem")
    assert "The server does not answer" in page.locator("#items").inner_text()
    page.close()


READ = """async ([server, tile]) => {
    const read = async (path, options) => {
        try {
            const answer = await fetch(server + path, options);
            return [answer.status, (await answer.arrayBuffer()).byteLength];
        } catch (error) {
            return ["refused", 0];
        }
    };
    const embedded = () => new Promise((done) => {
        const image = new Image();
        image.onload = () => done(image.naturalWidth);
        image.onerror = () => done(0);
        image.src = server + tile;
    });
    const geojson = JSON.stringify({ type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [
        [[71.02, 41.04], [71.03, 41.04], [71.03, 41.05], [71.02, 41.05], [71.02, 41.04]]] } });
    const post = { method: "POST", headers: { "Content-Type": "application/json" }, body: geojson };
    return {
        tile: (await read(tile))[0],
        part: await read("api/cog?id=west", { headers: { Range: "bytes=0-1023", "If-None-Match": "x" } }),
        statistics: (await read("mosaicjson/statistics", post))[0],
        embedded: await embedded(),
    };
}"""


@pytest.fixture
def elsewhere(tmp_path: Any) -> Iterator[str]:
    """The origin of another site, as a browser sees it: localhost is not 127.0.0.1."""
    (tmp_path / "index.html").write_text("<!doctype html><title>Another site</title>")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as site:
        thread = threading.Thread(target=site.serve_forever, daemon=True)
        thread.start()
        yield f"http://localhost:{site.server_address[1]}"
        site.shutdown()
        thread.join()


def test_pages_of_sites_that_are_named_read_tiles_and_cogs(
    browser: Any, elsewhere: str, serve: Open, published: Collection
) -> None:
    tile = "mosaicjson/tiles/WebMercatorQuad/11/1428/767.png?bidx=1&rescale=0,3000"
    seen = []
    for origins in ([elsewhere], ["https://maps.example"]):
        server = serve(published.output, allow_origin=origins)
        page = browser.new_page()
        page.goto(elsewhere)
        seen.append(page.evaluate(READ, [str(server), tile]))
        page.close()
    assert seen[0] == {"tile": 200, "part": [206, 1024], "statistics": 200, "embedded": 256}
    refused = {"tile": "refused", "part": ["refused", 0], "statistics": "refused", "embedded": 0}
    assert seen[1] == refused, "by the browser, and by the server"
