"""Results are written in batches, none is kept waiting long."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest

from rastercollection.backends.jobs.memory import MemoryJobStore
from rastercollection.core.engine import journal as module
from rastercollection.core.engine.journal import Journal, utc_now
from rastercollection.core.models import Task, TaskResult, TaskStatus


class Written(MemoryJobStore):
    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[str]] = []

    def commit(self, job_id: str, token: int, *, results: Sequence[TaskResult] = (), **others: Any) -> None:
        assert (job_id, token) == ("job", 7)
        assert others == {"forgotten": [], "job": None}
        self.batches.append([result.task.id for result in results])


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def result(number: int) -> TaskResult:
    task = Task(id=str(number), stage=1, task_type="t", handler="a:b")
    return TaskResult(task=task, status=TaskStatus.COMPLETED)


def test_a_full_batch_is_written_at_once(clock: Clock) -> None:
    store = Written()
    journal = Journal(store, "job", 7, batch=3)
    for number in range(7):
        journal.add(result(number))
    assert store.batches == [["0", "1", "2"], ["3", "4", "5"]]
    journal.flush()
    assert store.batches[2:] == [["6"]]
    journal.flush()
    assert len(store.batches) == 3, "nothing is no batch"


def test_a_started_one_after_a_moment_that_begins_with_its_first(clock: Clock) -> None:
    store = Written()
    journal = Journal(store, "job", 7, seconds=0.5)
    journal.flush_if_due()
    journal.add(result(0))
    clock.now += 0.3
    journal.add(result(1))
    journal.flush_if_due()
    assert store.batches == []
    clock.now += 0.2
    journal.flush_if_due()
    assert store.batches == [["0", "1"]]
    clock.now += 5
    journal.add(result(2))
    journal.flush_if_due()
    assert len(store.batches) == 1, "the moment begins anew"
    clock.now += 0.5
    journal.flush_if_due()
    assert store.batches[1:] == [["2"]]


def test_as_it_is_used(clock: Clock) -> None:
    store = Written()
    journal = Journal(store, "job", 7)
    for number in range(200):
        journal.add(result(number))
    assert [len(batch) for batch in store.batches] == [200]


def test_times_are_utc_to_the_millisecond() -> None:
    now = utc_now()
    assert len(now) == len("2020-01-01T00:00:00.000Z")
    assert now.endswith("Z")
    assert abs(time.time() - _seconds(now)) < 5


def _seconds(text: str) -> float:
    import datetime as dt

    return dt.datetime.fromisoformat(text).timestamp()
