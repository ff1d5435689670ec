"""What is asked for last is what the viewer shows, in whatever order the server answers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from browser_pages import eventually
from rastercollection import ViewServer
from viewer_pages import wait_until_drawn

Open = Callable[..., Any]
HEIGHTS = "**/collections/heights/api/collection"
SHOWN = "viewer.sides.map((side) => side.collection?.key ?? '')"


@contextlib.contextmanager
def _answered_late(page: Any, pattern: str) -> Iterator[None]:
    """Answers to one kind of request come after all that is done in the block."""
    held: list[Any] = []
    ended: list[Any] = []
    page.route(pattern, lambda route: held.append(route))
    for event in ("requestfinished", "requestfailed"):  # the page may have given it up
        page.on(event, lambda request: ended.append(request))
    yield
    page.wait_for_timeout(50)
    (late,) = held
    late.continue_()
    while late.request not in ended:
        page.wait_for_timeout(20)
    page.evaluate("fetch('api/collections').then((answer) => answer.text())")  # by then the page has heard of it


def _go(page: Any, fragment: str) -> None:
    page.evaluate("fragment => { location.hash = fragment; }", fragment)


def test_the_later_of_two_addresses(catalog_server: ViewServer, visit: Open) -> None:
    page = visit(catalog_server)
    with _answered_late(page, HEIGHTS):
        _go(page, "#12/41.07/71.03/visual?in=heights")
        page.wait_for_timeout(50)
        _go(page, "#12/41.07/71.03/visual?in=cover")
        eventually(page, SHOWN, lambda shown: shown[0] == "cover")
    assert page.evaluate(SHOWN) == ["cover", ""]
    assert "in=cover" in page.evaluate("location.hash")
    assert page.locator("#collection").input_value() == "cover"


def test_going_back_before_the_answer(catalog_server: ViewServer, visit: Open) -> None:
    page = visit(catalog_server)
    before = page.evaluate("location.hash")
    with _answered_late(page, HEIGHTS):
        _go(page, before.replace("visual", "visual?in=heights"))
        page.wait_for_timeout(50)
        _go(page, before)
    assert page.evaluate(SHOWN) == ["fields", ""]
    assert "heights" not in page.evaluate("location.hash")


def test_the_later_of_two_collections(catalog_server: ViewServer, visit: Open) -> None:
    page = visit(catalog_server)
    with _answered_late(page, HEIGHTS):
        page.locator("#collection").select_option("heights")
        page.locator("#collection").select_option("cover")
        eventually(page, SHOWN, lambda shown: shown[0] == "cover")
        view = page.evaluate("viewer.map.getBounds().toBBoxString()")
    assert page.evaluate(SHOWN) == ["cover", ""]
    assert page.locator("#collection").input_value() == "cover"
    assert page.evaluate("viewer.map.getBounds().toBBoxString()") == view


@pytest.mark.parametrize("second", ["cover", ""])
def test_the_later_of_two_comparisons(catalog_server: ViewServer, visit: Open, second: str) -> None:
    page = visit(catalog_server)
    with _answered_late(page, HEIGHTS):
        page.locator("#compare").select_option("in:heights")
        page.locator("#compare").select_option(second and f"in:{second}")
        eventually(page, SHOWN, lambda shown: shown[1] == second)
        page.evaluate("viewer.activate(0)")
    assert page.evaluate(SHOWN) == ["fields", second]
    assert page.evaluate("viewer.active") == 0


def test_a_stretch_that_is_counted_while_another_is_chosen(catalog_server: ViewServer, visit: Open) -> None:
    page = visit(f"{catalog_server}#13/41.07/71.03/visual?in=heights")
    wait_until_drawn(page)
    with _answered_late(page, "**/mosaicjson/statistics*"):
        page.locator("#stretch").select_option("seen-2")
        page.wait_for_timeout(50)
        page.locator("#ramp").select_option("gray")
    assert page.evaluate("viewer.sides[0].picture.stretch") == "published"
    assert page.locator("#stretch").input_value() == "published"


def test_an_address_of_a_collection_that_cannot_be_shown(catalog_server: ViewServer, browser: Any) -> None:
    page = browser.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(catalog_server)
    wait_until_drawn(page)
    page.route(HEIGHTS, lambda route: route.fulfill(status=502, json={"detail": "It is not there any more."}))
    _go(page, "#12/41.07/71.03/visual?in=heights")
    page.wait_for_selector("#status.alarm")
    assert "It is not there any more" in page.locator("#status-text").inner_text()
    assert page.evaluate(SHOWN) == ["fields", ""]
    assert problems == []
    page.close()
