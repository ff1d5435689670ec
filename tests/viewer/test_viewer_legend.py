"""What the viewer's page says of its colours, and what changes them: judged by the pixels that it draws."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
import pytest
import rasterio

from browser_pages import address_of, eventually, give_keyboard
from rastercollection import ViewServer
from viewer_pages import PHONE, PIXELS, click_at, color_at, wait_until_drawn
from viewer_scenes import CLASSES, HOSTILE, NORTH, PIXEL, WEST, Collection, hills

Open = Callable[..., Any]
HEIGHTS = "#13/41.07/71.03/visual?in=heights"
PEAK = (WEST + 120 * PIXEL, NORTH - 150 * PIXEL)


NONSENSE = (
    "visual?bands=99&ranges=a:b,1&gamma=-1&colors=%3Cb%3E&stretch=../..&swipe=400&right=no&right.in=no",
    "visual?in=../../api&bands=1,2&ranges=NaN:1",
    "*3?right=%3Cimg%20src=x%3E&right.bands=1,1,1&right.ranges=5:1&opacity=-3&outlines=no",
)


def _ends(page: Any, legend: int = 0) -> list[float]:
    """The first and the last value at a colour bar."""
    marks = page.locator(f"#legends > .legend:nth-child({legend + 1}) .marks").first.locator("span").all_inner_texts()
    return [float(re.sub("[≤≥ ]", "", text)) for text in (marks[0], marks[-1])]


def _asked(page: Any, side: int = 0) -> dict[str, list[str]]:
    """Parameters of the tiles' address."""
    return parse_qs(urlsplit(page.evaluate(f"viewer.sides[{side}].address")).query)


def _rescale(page: Any) -> list[float]:
    return [float(value) for value in _asked(page)["rescale"][0].split(",")]


def _told(page: Any, selector: str) -> str:
    return page.locator(selector).inner_text()


def test_the_bar_of_one_band_tells_values_and_unit(catalog_server: ViewServer, visit: Open) -> None:
    page = visit(f"{catalog_server}{HEIGHTS}")
    eventually(page, "document.querySelector('#legends .unit')?.textContent", lambda unit: unit == "m")
    assert _told(page, "#legends .band").split() == ["b1", "elevation", "m"]
    assert _ends(page) == pytest.approx(_rescale(page), rel=1e-3)
    colors = page.evaluate("getComputedStyle(document.querySelector('#legends .colors')).backgroundImage")
    stops = [[int(number) for number in stop] for stop in re.findall(r"rgb\((\d+), (\d+), (\d+)\)", colors)]
    # what is as yellow as the end of the bar is as high as it says
    assert color_at(page, *PEAK) == pytest.approx(stops[-1], abs=4)
    assert hills().max() >= _ends(page)[1]
    assert color_at(page, WEST + 297 * PIXEL, NORTH - 3 * PIXEL) == pytest.approx(stops[0], abs=8)
    click_at(page, *PEAK)
    place = page.locator("#legends .pointer").evaluate("pointer => parseFloat(pointer.style.left)")
    assert place == 100
    pointed = page.locator("#legends .pointer").get_attribute("title")
    assert float(pointed.removeprefix("here: ").removesuffix(" m")) == pytest.approx(hills().max(), abs=1)


def test_channels_tell_their_bands_and_ranges_as_they_are_meant(server: ViewServer, visit: Open) -> None:
    page = visit(server)
    eventually(page, "document.querySelectorAll('#legends .unit').length", lambda count: count == 3)
    shown = page.locator("#legends .channel").all_inner_texts()
    assert [text.split()[:4] for text in shown] == [
        ["Red", "b3", "red", "sr-1"],
        ["Green", "b2", "green", "sr-1"],
        ["Blue", "b1", "blue", "sr-1"],
    ]
    stored = _rescale(page)
    assert _ends(page) == pytest.approx([value * 1e-4 - 0.1 for value in stored], abs=1e-4)


def test_classes_have_names_and_the_colors_of_the_map(catalog_server: ViewServer, visit: Open) -> None:
    page = visit(f"{catalog_server}#13/41.07/71.03/visual?in=cover")
    eventually(page, "document.querySelectorAll('#legends .classes b').length", lambda count: count == 3)
    rows = page.locator("#legends .classes li")
    assert rows.all_inner_texts() == [f"{value}\n{name}" for value, (name, _) in CLASSES.items()]
    swatches = "[...document.querySelectorAll('#legends .swatch')].map((one) => getComputedStyle(one).backgroundColor)"
    assert page.evaluate(swatches) == [f"rgb{color}" for _, color in CLASSES.values()]
    assert color_at(page, *PEAK) == list(CLASSES[3][1])
    click_at(page, *PEAK)
    assert page.locator("#legends [aria-current] .value").inner_text() == "3"
    assert HOSTILE in _told(page, "#items table")
    assert page.locator("#adjust").is_hidden(), "classes have no stretch"
    assert page.locator("img[src=x]").count() == 0


def test_bands_of_ones_own(server: ViewServer, visit: Open) -> None:
    page = visit(server)
    page.get_by_label("One band …").check()
    page.get_by_label("Band", exact=True).select_option(label="near infrared (b4)")
    assert _asked(page)["bidx"] == ["4"]
    assert _ends(page) == pytest.approx([value * 1e-4 - 0.1 for value in _rescale(page)], abs=1e-4)
    wait_until_drawn(page)
    eventually(page, PIXELS, lambda colors: colors and all(len({*color.split(",")}) == 1 for color in colors))
    page.locator("#ramp").select_option("magma")
    assert _asked(page)["colormap_name"] == ["magma"]
    page.get_by_label("Three bands …").check()
    for channel, band in (("Red", "4"), ("Green", "3"), ("Blue", "2")):
        page.get_by_label(channel, exact=True).select_option(band)
    assert (_asked(page)["bidx"], len(_asked(page)["rescale"])) == (["4", "3", "2"], 3)
    eventually(page, PIXELS, lambda colors: len(colors) > 100)


def test_the_stretch_can_be_changed_and_the_bar_follows(catalog_server: ViewServer, visit: Open) -> None:
    page = visit(f"{catalog_server}{HEIGHTS}")
    eventually(page, "document.querySelector('#legends .unit')?.textContent", lambda unit: unit == "m")
    published = _rescale(page)
    before = color_at(page, *PEAK)
    page.locator("#stretch").select_option("all-0")
    assert _rescale(page) == pytest.approx([hills().min(), hills().max()], abs=0.01)
    assert _ends(page) == pytest.approx(_rescale(page), rel=1e-3)
    for key, percent in (("all-1", 1), ("all-5", 5)):
        page.locator("#stretch").select_option(key)
        wanted = np.percentile(hills(), [percent, 100 - percent])
        assert _rescale(page) == pytest.approx(wanted, abs=0.02 * float(np.ptp(hills())))
    page.get_by_label("Values to").fill("4000")
    page.get_by_label("Values to").press("Enter")
    assert (_rescale(page)[1], _ends(page)[1], page.locator("#stretch").input_value()) == (4000, 4000, "own")
    assert color_at(page, *PEAK) != before
    page.get_by_label("Values to").fill("1")
    page.get_by_label("Values to").press("Enter")
    assert page.get_by_label("Values to").get_attribute("aria-invalid") == "true"
    assert _rescale(page)[1] == 4000, "what is no range changes nothing"
    page.get_by_role("button", name="Reset").click()
    assert _rescale(page) == published
    assert color_at(page, *PEAK) == before
    page.evaluate(f"viewer.map.setView([{PEAK[1]}, {PEAK[0]}], 16, {{animate: false}})")
    page.locator("#stretch").select_option("seen-0")
    low, high = eventually(page, "viewer.sides[0].picture.ranges?.[0]", bool)
    assert high == pytest.approx(hills().max(), abs=2)
    assert low > published[0] + 500, "around the peak nothing is low"
    assert _ends(page) == pytest.approx([low, high], abs=0.1)


def test_gamma_bends_pixels_and_the_bar(catalog_server: ViewServer, visit: Open) -> None:
    page = visit(f"{catalog_server}{HEIGHTS}")
    place = (WEST + 220 * PIXEL, NORTH - 150 * PIXEL)
    page.locator("#ramp").select_option("gray")
    before = color_at(page, *place)
    middle = float(page.locator("#legends .marks span").nth(2).inner_text())
    page.locator("#gamma").fill("2")
    eventually(page, "viewer.sides[0].address", lambda address: "color_formula=gamma+r+2" in unquote(address))
    low, high = _ends(page)
    assert middle == pytest.approx((low + high) / 2, rel=0.01)
    bent = float(page.locator("#legends .marks span").nth(2).inner_text())
    assert bent == pytest.approx(low + (high - low) / 4, rel=0.01)
    after = color_at(page, *place)
    assert after[0] == pytest.approx(255 * (before[0] / 255) ** 0.5, abs=4)


def test_a_swipe_shows_two_collections_side_by_side(catalog_server: ViewServer, visit: Open) -> None:
    page = visit(f"{catalog_server}#13/41.07/71.03/visual?in=cover")
    alone = color_at(page, *PEAK)
    page.get_by_label("Compare with").select_option(label="Heights, 14 July 2019")
    eventually(page, "document.querySelectorAll('#legends > .legend').length", lambda count: count == 2)
    line = page.get_by_role("slider", name="Line between the two pictures")
    give_keyboard(page)
    line.focus()
    page.keyboard.press("End")
    assert line.get_attribute("aria-valuenow") == "100"
    assert color_at(page, *PEAK) == alone, "all of the map is left of it"
    page.keyboard.press("Home")
    assert color_at(page, *PEAK) != alone
    click_at(page, *PEAK)
    assert "elevation" in _told(page, "#items"), "what is read is what is seen"
    assert page.get_by_label("Right", exact=True).is_checked(), "its settings are at hand"
    page.locator("#ramp").select_option("magma")
    assert (_asked(page, 1)["colormap_name"], "colormap" in _asked(page, 0)) == (["magma"], True)
    box = line.bounding_box()
    page.mouse.move(box["x"] + 30, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 330, box["y"] + 20)
    page.mouse.up()
    assert int(line.get_attribute("aria-valuenow")) == pytest.approx(100 * 310 / 612, abs=4)
    assert "swipe=" in address_of(page)
    page.get_by_label("Compare with").select_option("")
    assert line.is_hidden()
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="Close").click()
    assert color_at(page, *PEAK) == alone


def test_values_of_collections_of_a_catalog_are_kept_and_saved(
    catalog_server: ViewServer, visit: Open, catalog: Collection, tmp_path: Path
) -> None:
    page = visit(catalog_server)
    titles = page.locator("#collection option").all_inner_texts()
    assert titles == ["Fields, 14 July 2019", "Heights, 14 July 2019", "Cover, 14 July 2019"]
    click_at(page, 71.03, 41.07)
    eventually(page, "viewer.measured.entries.length", lambda count: count == 1)
    click_at(page, WEST - 0.004, 41.07)  # where nothing is
    page.locator("#collection").select_option("heights")
    eventually(page, "viewer.summary.id", lambda shown: shown == "heights")
    wait_until_drawn(page)
    assert (page.title(), _told(page, "#title")) == (titles[1], titles[1])
    assert page.evaluate("viewer.map.getBounds().contains(viewer.bounds)")
    click_at(page, *PEAK)
    item, cog = (page.locator("#items .links a").nth(index).get_attribute("href") for index in range(2))
    assert page.request.get(f"{catalog_server}{item}").json()["id"] == "heights"
    assert page.request.get(f"{catalog_server}{cog}").ok
    eventually(page, "viewer.measured.entries.length", lambda count: count == 2)
    assert _told(page, "#measured-title") == "Measured values (2)"
    assert page.locator(".measured-point").all_inner_texts() == ["1", "2"]
    with page.expect_download() as download:
        page.get_by_role("button", name="Save CSV").click()
    assert download.value.suggested_filename == "fields-values.csv"
    download.value.save_as(tmp_path / "values.csv")
    first, second = csv.DictReader(io.StringIO((tmp_path / "values.csv").read_text()))
    assert (first["collection"], first["item"], first["acquired"][:10]) == ("fields", "west", "2019-07-14")
    with rasterio.open(catalog.output / "west_cog_analysis.tif") as cog:
        (pixel,) = cog.sample([(float(first["lon"]), float(first["lat"]))])
    assert int(first["b4 near infrared stored"]) == pixel[3]
    assert float(first["b1 blue (sr-1)"]) == pytest.approx(pixel[0] * 1e-4 - 0.1)
    assert (second["item"], second["b1 blue stored"]) == ("heights", "")
    assert float(second["b1 elevation (m)"]) == pytest.approx(hills().max(), abs=5)
    page.reload()
    eventually(page, "globalThis.viewer?.measured.entries.length", lambda count: count == 2)
    assert page.locator(".measured-point").all_inner_texts() == ["1", "2"]
    page.get_by_role("button", name="Remove value 1").click()
    assert page.locator("#measured-list li").count() == 1
    page.get_by_role("button", name="Clear").click()
    assert page.locator("#measured").is_hidden()
    _check_that_no_text_is_a_formula(page)


def _check_that_no_text_is_a_formula(page: Any) -> None:
    texts = ["=HYPERLINK(1)", "+1", "@x", 'a "quoted", one', "-1"]
    text = page.evaluate(
        """(texts) => import("./static/measured.js").then(({ csvOf }) => csvOf(texts.map((id) => (
            { lon: -1, lat: 2, collection: "c", item: { id, when: "", bands: [{ name: id, description: "", unit: "",
              value: -5, scale: 1, offset: 0 }] } }))))""",
        texts,
    )
    head, *rows = csv.reader(io.StringIO(text))
    assert head[5:] == ["'=HYPERLINK(1)", "'+1", "'@x", 'a "quoted", one', "'-1"]
    assert [row[3] for row in rows] == head[5:]
    assert (rows[0][0], rows[0][5]) == ("-1", "-5"), "numbers are numbers"


def test_a_link_shows_the_same(catalog_server: ViewServer, visit: Open) -> None:
    page = visit(f"{catalog_server}#13/41.07/71.03/color-infrared")
    page.get_by_label("Three bands …").check()
    page.get_by_label("Red", exact=True).select_option("2")
    page.get_by_label("Red to", exact=True).fill("0.2")
    page.get_by_label("Red to", exact=True).press("Enter")
    page.locator("#gamma").fill("1.5")
    eventually(page, "viewer.sides[0].picture.gamma", lambda gamma: gamma == 1.5)
    page.get_by_label("Compare with").select_option(label="Heights, 14 July 2019")
    eventually(page, "viewer.isComparing", bool)
    page.locator("#ramp").select_option("magma")
    page.get_by_role("slider", name="Line").press("ArrowRight")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link").click()
    eventually(page, "document.querySelector('#copied').textContent", lambda text: text == "Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    shown = "viewer.sides.map(({ address, picture, collection }) => [address, picture, collection.key])"
    again = visit(copied)
    assert again.evaluate(shown) == page.evaluate(shown)
    assert again.evaluate("viewer.swipe.percent") == 52
    center = "[viewer.map.getZoom(), viewer.map.getCenter().lat, viewer.map.getCenter().lng]"
    assert again.evaluate(center) == page.evaluate(center)
    assert address_of(again) == copied
    assert again.locator("#band-0").input_value() == "2"


def test_links_that_make_no_sense_show_what_they_can(server: ViewServer, visit: Open) -> None:
    page = visit(f"{server}#13/41.07/71.03/{NONSENSE[0]}", drawn=False)
    for fragment in NONSENSE:
        page.evaluate(f"location.hash = '#13/41.07/71.03/{fragment}'")
        page.wait_for_selector("#legends .legend")
        eventually(page, "/no|api|img/.test(location.hash)", lambda strange: not strange)
        assert page.locator("#failure").is_hidden()
    wait_until_drawn(page)
    assert page.locator("img[src=x]").count() == 0


def test_a_phone_shows_the_legend_without_scrolling(catalog_server: ViewServer, visit: Open) -> None:
    page = visit(f"{catalog_server}{HEIGHTS}", viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2)
    box = page.locator("#legends .marks").bounding_box()
    assert box["y"] + box["height"] < PHONE["height"]
    page.locator("#adjust summary").tap()
    page.get_by_label("Compare with").select_option("render:hillshade")
    handle = page.get_by_role("slider", name="Line").bounding_box()
    assert min(handle["width"], handle["height"]) >= 40
    assert page.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [390, 390]
    low = "[...document.querySelectorAll('#controls :is(button, select, input[type=number])')]"
    heights = page.evaluate(f"{low}.filter((one) => one.offsetHeight).map((one) => one.offsetHeight)")
    assert min(heights) >= 40
