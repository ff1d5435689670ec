"""Renders that were asked for, in the viewer: an index and colours of one's own, judged by the pixels on the screen."""

from __future__ import annotations

import ast
import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from rio_tiler.colormap import cmap

from browser_pages import eventually
from rastercollection import RenderDefinition, ViewServer, color_ramp, process_collection, view_collection
from viewer_pages import color_at, wait_until_drawn
from viewer_scenes import NAMES, NORTH, PIXEL, WEST, surface, write_tile

Open = Callable[..., Any]
PLACE = (WEST + 170 * PIXEL, NORTH - 215 * PIXEL)
OWN = RenderDefinition(title="Own", bands=4, rescale=(0, 4000), colormap=color_ramp("#000000", "#ff8000"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, need_extra: None) -> Iterator[ViewServer]:
    folder = tmp_path_factory.mktemp("renders")
    (folder / "in").mkdir()
    write_tile(folder / "in" / "a.tif", WEST)
    result = process_collection(
        container_name=folder / "in",
        blob_list="a.tif",
        collection_id="green",
        output_container=folder / "out",
        renders=["ndvi", "usual", OWN],
        datetime="2024",
        executor="serial",
        jobs="memory",
    )
    assert result.status == "completed"
    assert [notice["code"] for notice in result.summary["notices"]] == []
    with view_collection(str(folder / "out"), port=0) as server:
        yield server


def _asked(page: Any) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.evaluate("viewer.sides[0].address")).query)


def _index() -> float:
    """What is at the place, of values in units."""
    red, nir = (float(surface(*PLACE, band)) * 0.0001 - 0.1 for band in (2, 3))
    return (nir - red) / (nir + red)


def _stops(page: Any) -> list[list[int]]:
    colors = page.evaluate("getComputedStyle(document.querySelector('#legends .colors')).backgroundImage")
    return [[int(number) for number in stop] for stop in re.findall(r"rgb\((\d+), (\d+), (\d+)\)", colors)]


def test_an_index_has_the_colors_of_its_values(server: ViewServer, visit: Open) -> None:
    assert len(NAMES) == 4
    assert 0.1 < abs(_index()) < 0.9
    page = visit(f"{server}#13/{PLACE[1]}/{PLACE[0]}/visual")
    eventually(page, "document.querySelector('#legends h3')?.textContent", lambda text: text == "NDVI")
    assert color_at(page, *PLACE) == pytest.approx(cmap.get("rdylgn")[round(255 * (_index() + 1) / 2)][:3], abs=8)
    marks = page.locator("#legends .marks span").all_inner_texts()
    assert [float(text) for text in (marks[0], marks[-1])] == [-1, 1]
    assert _stops(page)[0] == pytest.approx(list(cmap.get("rdylgn")[0][:3]), abs=3)
    assert page.locator("#render-list label").all_inner_texts()[:4] == [
        "NDVI",
        "Natural color",
        "Color infrared",
        "Own",
    ]


def test_an_index_is_stretched_to_what_the_map_shows(server: ViewServer, visit: Open) -> None:
    page = visit(f"{server}#13/{PLACE[1]}/{PLACE[0]}/visual")
    page.locator("#stretch").select_option("seen-2")
    asked = eventually(
        page, "viewer.sides[0].address", lambda address: "rescale=-1,1" not in address.replace("%2C", ",")
    )
    assert "expression" in asked
    low, high = (float(end) for end in _asked(page)["rescale"][0].split(","))
    assert low < _index() < high
    wait_until_drawn(page)
    page.locator("#ramp").select_option("viridis")
    assert _asked(page)["colormap_name"] == ["viridis"]


def test_colors_of_a_renders_own_can_be_had_and_left(server: ViewServer, visit: Open) -> None:
    page = visit(f"{server}#13/{PLACE[1]}/{PLACE[0]}/own")
    share = float(surface(*PLACE, 3)) / 4000
    assert color_at(page, *PLACE) == pytest.approx([255 * share, 128 * share, 0], abs=8)
    assert page.locator("#ramp").input_value() == "own"
    assert _stops(page)[-1] == [255, 128, 0]
    page.locator("#ramp").select_option("gray")
    assert color_at(page, *PLACE) == pytest.approx([255 * share] * 3, abs=8)
    assert "colormap" not in _asked(page)
    page.locator("#ramp").select_option("own")
    assert "colormap" in _asked(page)
    # bands of one's own begin with what is shown, and have none of its colours
    page.get_by_label("Three bands …").check()
    assert _asked(page)["bidx"] == ["4", "1", "2"]
    assert "colormap" not in _asked(page)


def test_bands_of_ones_own_after_an_index_are_bands(server: ViewServer, visit: Open) -> None:
    page = visit(f"{server}#13/{PLACE[1]}/{PLACE[0]}/visual")
    page.get_by_label("One band …").check()
    assert (_asked(page)["bidx"], "expression" in _asked(page)) == (["1"], False)
    assert page.locator("#ramp option[value=own]").is_hidden()


def test_expressions_are_parsed_one_at_a_time(
    server: ViewServer, get: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python 3.11 now and then raises a SystemError where threads parse at once, and the tile would be lost."""
    parse, alone, together = ast.parse, threading.Lock(), []

    def slowly(*source: Any, **options: Any) -> ast.AST:
        is_alone = alone.acquire(blocking=False)
        together.append(not is_alone)
        time.sleep(0.01)
        with contextlib.ExitStack() as stack:
            if is_alone:
                stack.callback(alone.release)
            return parse(*source, **options)

    monkeypatch.setattr(ast, "parse", slowly)
    point = f"/mosaicjson/point/{PLACE[0]},{PLACE[1]}?expression=b4/b1"
    tile = "/mosaicjson/tiles/WebMercatorQuad/12/2856/1534.png?expression=b4/b1&rescale=0,2"
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda path: get(server, path), 3 * [point, tile]))
    assert {answer.status for answer in answers} == {200}
    assert len(together) >= 12
    assert not any(together)
