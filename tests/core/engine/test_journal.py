"""Results are written in batches, none is kept waiting long; a lease waits for the dead, not for the living."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest

from rastercollection import JobBusyError
from rastercollection.backends.jobs.memory import MemoryJobStore
from rastercollection.core.engine import journal as module
from rastercollection.core.engine.journal import Journal, Lease, utc_now
from rastercollection.core.models import Task, TaskResult, TaskStatus


class Written(MemoryJobStore):
    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[str]] = []

    def append(self, job_id: str, results: Sequence[TaskResult]) -> None:
        assert job_id == "job"
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
    journal = Journal(store, "job", batch=3)
    for number in range(7):
        journal.add(result(number))
    assert store.batches == [["0", "1", "2"], ["3", "4", "5"]]
    journal.flush()
    assert store.batches[2:] == [["6"]]
    journal.flush()
    assert len(store.batches) == 3, "nothing is no batch"


def test_a_started_one_after_a_moment_that_begins_with_its_first(clock: Clock) -> None:
    store = Written()
    journal = Journal(store, "job", seconds=0.5)
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
    journal = Journal(store, "job")
    for number in range(200):
        journal.add(result(number))
    assert [len(batch) for batch in store.batches] == [200]


def test_a_lease_of_the_living_is_waited_for_as_long_as_that_of_the_dead_would_last() -> None:
    class Held(MemoryJobStore):
        def claim(self, job_id: str, owner: str, seconds: float) -> bool:
            return False

    began = time.monotonic()
    with pytest.raises(JobBusyError) as caught, Lease(Held(), "job", seconds=0.4):
        raise AssertionError("it is not ours")
    assert 1.3 < time.monotonic() - began < 5
    assert "job" in caught.value.message
    assert "status()" in caught.value.hint


def test_owners_are_told_apart() -> None:
    store: Any = MemoryJobStore()
    owners = {Lease(store, "job").owner for _ in range(20)}
    assert len(owners) == 20


def test_times_are_utc_to_the_millisecond() -> None:
    now = utc_now()
    assert len(now) == len("2020-01-01T00:00:00.000Z")
    assert now.endswith("Z")
    assert abs(time.time() - _seconds(now)) < 5


def _seconds(text: str) -> float:
    import datetime as dt

    return dt.datetime.fromisoformat(text).timestamp()
