"""The preview page: what it shows, that it escapes, and that a browser draws it when it was mailed: alone, offline."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import attrs
import numpy as np
import pytest

from browser_pages import eventually, give_keyboard
from rastercollection.model.cog import Cog
from rastercollection.model.look import Look
from rastercollection.stages.stac.preview.frame import frame_of
from rastercollection.stages.stac.preview.layer import Layer
from rastercollection.stages.stac.preview.legend import legend
from rastercollection.stages.stac.preview.page import Drawn, PreviewPlaces, preview_page
from rastercollection.stages.stac.preview.sheet import sheet_of
from rastercollection.stages.stac.preview.svg_map import tile_day
from rastercollection.testing.sample_rasters import write_sample_cog
from rastercollection.testing.sample_records import sample_cog, sample_grid
from stac_scenes import odd_cogs

VOID = {"meta", "img", "br", "hr", "link", "input", "image"}
HOSTILE = "<img src=x onerror=alert(1)>\"'&</style><script>alert(2)</script>"


class Page(HTMLParser):
    """Elements with their attributes, and the text; fails on tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str, attribute: str) -> list[str]:
        return [attrs[attribute] or "" for name, attrs in self.elements if name == tag and attribute in attrs]


def _places(folder: str = "/out") -> PreviewPlaces:
    return PreviewPlaces(page=f"{folder}/page.html", collection=f"{folder}/stac/c/collection.json")


def _real(folder: Path, crs: str = "EPSG:32642") -> list[Cog]:
    pixels = np.random.default_rng(3).integers(1, 255, (3, 300, 300), dtype=np.uint8)
    return [
        write_sample_cog(folder, f"tile {number} #é", pixels, (west, 4_540_000, west + 3000, 4_543_000), crs=crs)
        for number, west in enumerate((560_000, 563_000))
    ]


def test_it_links_to_what_is_there(publish: Any, tmp_path: Path) -> None:
    done = publish(_real(tmp_path / "cogs"), collection_description="Two tiles")
    page = Page(done.page)
    assert "Sample" in page.text
    assert "Two tiles" in page.text
    assert "tile 0 #é" in page.text
    links = [href for href in page.all("a", "href") if not href.startswith("#")]
    assert len(links) == 4
    assert [href.partition(";")[0] for href in page.all("image", "href")] == ["data:image/webp"]
    assert page.all("use", "href") == ["#layer-0"] * 2
    for href in links:
        assert not re.match(r"[a-z]+:", href)
        assert (tmp_path / unquote(href)).is_file(), href
    numbers = {href for href in page.all("a", "href") if href.startswith("#")}
    assert {href[1:] for href in numbers} == set(page.all("tr", "id"))


def test_all_that_comes_from_the_data_is_escaped() -> None:
    cog = sample_cog(
        HOSTILE,
        source_blob=HOSTILE,
        href=f"/out/{HOSTILE}.tif",
        thumbnail=f"javascript:{HOSTILE}",
        raster_type=HOSTILE,
        datetime=HOSTILE,
        target_crs="EPSG:4326",
    )
    page = Page(preview_page(HOSTILE, HOSTILE, [cog], _places()))
    tags = [tag for tag, _ in page.elements]
    assert set(tags) & {"iframe", "object", "img", "image"} == set()
    assert tags.count("script") == 1
    assert page.text.count("<script>alert(2)</script>") >= 4
    assert not any(name.startswith("on") for _, attrs in page.elements for name in attrs)
    assert "default-src 'none'" in page.all("meta", "content")[0]


def _corners(page: Page) -> list[tuple[float, float]]:
    paths = [attrs["d"] for tag, attrs in page.elements if tag == "path" and "class" not in attrs]
    return [tuple(map(float, point.split(","))) for path in paths for point in re.findall(r"[-\d.]+,[-\d.]+", path)]


def test_classes_are_in_a_legend() -> None:
    page = Page(preview_page("x", "", [odd_cogs()["classes"]], PreviewPlaces(page="/x/p.html", collection="/x/c.json")))
    assert [style for style in page.all("i", "style") if style] == [
        "background:rgb(128, 128, 128)",
        "background:rgb(10, 100, 30)",
        "background:rgb(250, 200, 0)",
    ]
    assert "1 Wald & Forst" in page.text
    plain = preview_page("x", "", [sample_cog("a")], PreviewPlaces(page="/x/p.html", collection="/x/c.json"))
    assert "legend" not in Page(plain).all("ul", "class")


def test_classes_without_names_are_in_a_legend_by_their_numbers() -> None:
    colors = {0: (0, 0, 0, 0), 20: (10, 100, 30, 255), 21: (1, 2, 3, 0), 40: (250, 200, 0, 255), 251: (1, 2, 3, 255)}
    shown = legend(Look(bands=(1,), ranges=(None,), ramp=None, colors=colors), [sample_cog("a")])
    assert re.findall(r"rgb(\([^)]*\))\"></i>(\d+)</li>", shown) == [("(10, 100, 30)", "20"), ("(250, 200, 0)", "40")]


def test_the_scale_bar_is_below_the_tiles() -> None:
    for bounds in ((7.44, 46.92, 7.58, 46.95), (7.0, 46.0, 7.1, 46.6), (-180.0, -85.0, 180.0, 85.0)):
        frame = frame_of([sample_cog("wide", bounds, target_crs="EPSG:4326")])
        assert frame.height - frame.y(bounds[1]) >= 44, bounds


@pytest.mark.parametrize(
    "cogs",
    [
        [sample_cog("fiji", (179.0, -18.0, -179.0, -16.0)), sample_cog("west", (178.0, -18.0, 179.0, -16.0))],
        [sample_cog("world", (-180.0, -90.0, 180.0, 90.0))],
        [sample_cog("pole", (10.0, 88.0, 20.0, 90.0))],
        [sample_cog("speck", (10.0, 50.0, 10.000001, 50.000001))],
        [sample_cog("strip", (10.0, 50.0, 40.0, 50.1))],
        [sample_cog("mercator", (10.0, 50.0, 11.0, 51.0), target_crs="EPSG:3857", bounds=(1.1e6, 6.4e6, 1.2e6, 6.6e6))],
        [sample_cog("lost", (-180.0, -90.0, 180.0, 90.0), target_crs="EPSG:3031", bounds=(-9e9, -9e9, 9e9, 9e9))],
    ],
    ids=["antimeridian", "world", "pole", "speck", "strip", "mercator", "lost"],
)
def test_every_tile_is_inside_the_map(cogs: list[Cog]) -> None:
    page = Page(preview_page("Title", "Text", cogs, _places()))
    _, _, width, height = map(float, page.all("svg", "viewbox")[0].split())
    corners = _corners(page)
    assert len(corners) >= 4 * len(cogs)
    assert all(0 < x < width and 0 < y < height for x, y in corners)
    assert max(x for x, _ in corners) - min(x for x, _ in corners) > width / 20
    assert 0.3 * width < height < width


def test_tiles_far_apart_are_seen_in_insets_that_letters_on_the_map_lead_to() -> None:
    far = [sample_cog("north", (69.2, 41.4, 69.3, 41.5)), sample_cog("south", (-77.1, -15.7, -77.0, -15.6))]
    text = preview_page("Title", "Text", far, _places())
    _, _, width, height = map(float, Page(text).all("svg", "viewbox")[0].split())
    for path in re.findall(r'class="tile".*?<path d="([^"]+)"', text):
        xs, ys = zip(*(map(float, point.split(",")) for point in re.findall(r"[-\d.]+,[-\d.]+", path)), strict=True)
        assert 0 < min(xs) < max(xs) - 150 < width
        assert 0 < min(ys) < max(ys) - 150 < height
    letters = re.findall(r'<text class="letter" x="([\d.]+)" y="([\d.]+)">(\w)<', text)
    assert [letter for *_, letter in letters] == ["A", "B", "A", "B"]
    (south_x, south_y), (north_x, north_y) = [tuple(map(float, place)) for *place, _ in letters[2:]]
    assert (south_x < north_x, south_y > north_y) == (True, True)


def test_a_tile_far_from_many_others_has_an_inset_and_the_others_stay_on_the_map() -> None:
    cogs = [*sample_grid(9), sample_cog("stray", (20.0, 60.0, 20.01, 60.01))]
    sheet = sheet_of(cogs)
    assert [one.items for one in sheet.maps[1:]] in (
        [{"stray"}],
        [{"stray"}, {cog.item_id for cog in cogs[:9]}],
        [{cog.item_id for cog in cogs[:9]}, {"stray"}],
    )
    corners = [(n % 7 * 3.0, n // 7 * 3.0) for n in range(40)]
    spread = [sample_cog(f"t{x}-{y}", (x, y, x + 0.001, y + 0.001)) for x, y in corners]
    crowded = sheet_of(spread)
    assert (len(crowded.maps), len(crowded.marks)) == (1, 40), "they are too many for insets"
    assert all(max(box[2:]) >= 18 for _, box in crowded.marks)


def test_dots_in_a_row_are_large_enough_to_be_seen() -> None:
    row = [sample_cog(f"t{n}", (n * 1.0, n * 1.0, n + 0.001, n + 0.001)) for n in range(40)]
    corners = _corners(Page(preview_page("Title", "Text", row, _places())))
    assert max(corners)[0] - min(corners)[0] > 500
    for start in range(0, len(corners), 4):
        xs, ys = zip(*corners[start : start + 4], strict=True)
        assert min(max(xs) - min(xs), max(ys) - min(ys)) >= 4


def test_neighbours_across_the_antimeridian_are_drawn_side_by_side() -> None:
    west, east = (178.0, -18.0, 180.0, -16.0), (-180.0, -18.0, -178.0, -16.0)
    page = Page(preview_page("Title", "", [sample_cog("a", west), sample_cog("b", east)], _places()))
    xs = sorted({x for x, _ in _corners(page)})
    assert len(xs) == 3
    assert xs[2] - xs[1] == pytest.approx(xs[1] - xs[0], abs=0.2)
    assert "179°E" in page.text
    assert "179°W" in page.text


def test_thousands_of_tiles_stay_a_page() -> None:
    text = preview_page("Title", "Text", sample_grid(3000), _places("/made-up/cogs"))
    page = Page(text)
    assert len(page.all("tr", "id")) == 1000
    assert "2,000 more tiles" in page.text
    assert len(text) < 3_000_000


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (1200, "dark"), (390, "light")])
def test_a_browser_draws_the_file_alone(publish: Any, browser: Any, tmp_path: Path, width: int, scheme: str) -> None:
    done = publish(_real(tmp_path / "cogs"), collection_description=HOSTILE)
    mailed = tmp_path / "mailed" / "page.html"
    mailed.parent.mkdir()
    mailed.write_bytes(Path(done.entry.share_url).read_bytes())
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    requests, messages = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: messages.append(message.text))
    page.on("dialog", lambda dialog: messages.append(dialog.message))
    page.goto(mailed.as_uri())
    page.locator(".controls").wait_for()
    assert messages == []
    assert [url for url in requests if not url.startswith("data:")] == [mailed.as_uri()]
    widths = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert widths[0] <= widths[1]
    colors = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", colors)[:3])) > 384) == (scheme == "light")
    picture = page.locator("svg image").first.bounding_box()
    outlines = [outline.bounding_box() for outline in page.locator("svg .tile path").all()]
    assert abs(picture["height"] - outlines[0]["height"]) < 0.1 * picture["height"]
    assert picture["width"] == pytest.approx(sum(outline["width"] for outline in outlines), rel=0.05)
    give_keyboard(page)
    page.locator("svg .tile").first.focus()
    page.keyboard.press("Enter")
    eventually(page, "location.hash", lambda fragment: fragment.startswith("#tile-"))
    page.close()


def test_sliders_fade_the_picture_and_show_a_day(publish: Any, browser: Any, tmp_path: Path) -> None:
    days = ("2019-07-14T06:12:00Z", "2020-01-02T06:12:00Z")
    cogs = [attrs.evolve(cog, datetime=day) for cog, day in zip(_real(tmp_path / "cogs"), days, strict=True)]
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.goto(Path(publish(cogs).entry.share_url).as_uri())
    page.locator("input[name=opacity]").fill("30")
    assert page.evaluate("document.querySelector('.layers').style.opacity") == "0.3"
    shown = page.locator(".layers image:visible, a.tile:visible")
    assert shown.count() == 4
    give_keyboard(page)
    page.locator("input[name=day]").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("output").inner_text() == "2019-07-14"
    assert shown.count() == 2
    assert {one.get_attribute("data-day") for one in shown.all()} == {"2019-07-14"}
    page.keyboard.press("ArrowLeft")
    assert shown.count() == 4
    page.locator("input[name=outlines]").uncheck()
    assert page.evaluate("getComputedStyle(document.querySelector('.tile path')).stroke") == "none"
    page.close()


def test_tiles_on_both_sides_of_the_antimeridian_are_on_a_map_that_is_no_wider_than_they_are() -> None:
    places = ((178.9, -16.4, 179.3, -16.0), (-179.5, -16.1, -179.1, -15.7))  # neither touches it
    page = Page(preview_page("Title", "", [sample_cog("a", places[0]), sample_cog("b", places[1])], _places()))
    xs = sorted({round(x) for x, _ in _corners(page)})
    assert xs[1] - xs[0] == pytest.approx(xs[3] - xs[2], abs=2)
    assert xs[1] - xs[0] > 100


def test_a_cutting_shows_its_tile_alone() -> None:
    layer = Layer(number=0, day="", box=(0.0, 0.0, 1000.0, 400.0), media_type="image/webp", picture=b"x")
    strip = sample_cog("strip", (10.0, 50.0, 11.0, 50.1))
    text = preview_page("Title", "", [strip], _places(), Drawn(layers=(layer,)))
    ((_, outer), (_, inner)) = [one for one in Page(text).elements if one[0] == "svg" and one[1].get("class") != "map"]
    assert inner["viewbox"] == outer["viewbox"] == " ".join(inner[name] or "" for name in ("x", "y", "width", "height"))


@pytest.mark.parametrize(
    ("first", "last", "day"),
    [
        ("2024-05-01T00:00:00Z", "2024-05-01T23:59:59Z", "2024-05-01"),
        ("2024-05-01T00:00:00Z", "2024-05-31T23:59:59Z", ""),
        ("2024-05-01T00:00:00Z", None, ""),
    ],
)
def test_the_day_of_a_tile_is_known_where_its_name_tells_the_day_alone(first: str, last: str | None, day: str) -> None:
    cog = sample_cog("a", datetime=None, start_datetime=first, end_datetime=last, datetime_source="file_name")
    assert tile_day(cog) == day


def test_tiles_have_numbers_in_the_order_of_their_names_however_they_are_drawn() -> None:
    cogs = [sample_cog(f"t{number}", (number, 50.0, number + 1.0, 51.0)) for number in (10, 2, 1)]
    text = preview_page("Title", "", cogs, _places())
    assert re.findall(r'<tr id="tile-(\d)".*?<small>(\w+)', text) == [("1", "t1"), ("2", "t2"), ("3", "t10")]
    assert re.findall(r'href="#tile-(\d)".*?<title>(\d)\. (\w+)<', text) == [
        ("1", "1", "t1"),
        ("2", "2", "t2"),
        ("3", "3", "t10"),
    ]  # the one on top is drawn last
