"""Any page in a browser: what tests ask it for, and wait for, since it does by itself what they tell it to do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def eventually(page: Any, expression: str, wanted: Callable[[Any], Any]) -> Any:
    """The value of an expression once it is as wanted; the page's policy forbids playwright to wait for one itself."""
    deadline = time.monotonic() + 15
    while not wanted(value := page.evaluate(expression)):
        assert time.monotonic() < deadline, value
        page.wait_for_timeout(50)
    return value


def address_of(page: Any) -> str:
    """The address as the page has it: what playwright has of it comes later, by the browser's own process."""
    return str(page.evaluate("location.href"))


def give_keyboard(page: Any) -> None:
    """Until keys that are pressed are the page's own."""
    page.bring_to_front()
    eventually(page, "document.hasFocus()", bool)
