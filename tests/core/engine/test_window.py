"""How many tasks are in flight: two a worker, more of short ones, and as many as there are workers by now."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from rastercollection.core.engine import window as module
from rastercollection.core.engine.window import Window


def executor(workers: int) -> Any:
    return SimpleNamespace(capabilities=SimpleNamespace(max_workers=workers))


def after(seconds: float, *, workers: int = 4, tasks: int = 50) -> int:
    window = Window(executor=executor(workers))
    window.size()
    for _ in range(tasks):
        window.ended(seconds)
    return window.size()


def test_two_a_worker_until_tasks_have_proved_short() -> None:
    assert Window(executor=executor(4)).size() == 8
    assert after(0.001, tasks=8) == 8
    assert after(0.001, tasks=9) == 4 * module.MOST_A_WORKER
    assert after(0.05) == 4 * 5
    assert after(1.0) == after(135.0) == 8


def test_tasks_that_grow_long_are_not_queued_any_more() -> None:
    window = Window(executor=executor(1))
    for seconds in [*[0.001] * 20, *[2.0] * 3]:
        window.ended(seconds)
    assert window.size() == 2


def test_a_number_that_was_given_stays() -> None:
    window = Window(executor=executor(4), fixed=3)
    for _ in range(50):
        window.ended(0.001)
    assert window.size() == 3


def test_workers_that_come_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    some = executor(1)
    window = Window(executor=some)
    assert window.size() == 2
    some.capabilities.max_workers = 5
    assert window.size() == 2
    now[0] += 2.1
    assert window.size() == 10
