"""A runner that another process has taken the job from: it stops, says so, and leaves the other's record alone."""

from __future__ import annotations

import threading
from typing import Any

import attrs
import handlers
import pytest
from test_engine import ByHand, job, one_stage, run

from rastercollection import JobBusyError
from rastercollection.backends.jobs.memory import MemoryJobStore
from rastercollection.core.engine.journal import Lease
from rastercollection.core.events import Event, JobEnded, TaskEnded
from rastercollection.core.models import JobRecord, JobStatus


class TakenOver(MemoryJobStore):
    """A store in which another process takes the job while its first task runs."""

    def __init__(self) -> None:
        super().__init__()
        self.claims = 0
        self.theirs: JobRecord | None = None

    def claim(self, job_id: str, owner: str, seconds: float) -> bool:
        self.claims += 1
        if self.claims == 1:
            return super().claim(job_id, owner, seconds)
        ours = self.get(job_id)
        self.theirs = attrs.evolve(ours, stage_results={"theirs": 1}, updated_at="2020-01-01T00:00:00Z")
        self.update(self.theirs, expected=ours.status)
        return False


def wait_until_lost() -> None:
    """Return once the thread that renews the lease has given up."""
    for thread in threading.enumerate():
        if thread.name == "rastercollection-lease":
            thread.join(20)
            assert not thread.is_alive()


class Attempt:
    """A run of three tasks, one after the other, that loses its lease during the first."""

    def __init__(self) -> None:
        self.store, self.executor, self.events = TakenOver(), ByHand(), list[Event]()
        self.error: JobBusyError | None = None

    def run(self) -> None:
        workflow = one_stage(handlers.count_words, [{"text": "a"}] * 3)
        try:
            run(
                workflow,
                executor=self.executor,
                jobs=self.store,
                window=1,
                lease_seconds=0.3,
                observers=(self.events.append,),
            )
        except JobBusyError as error:
            self.error = error


@pytest.fixture
def attempt() -> Attempt:
    attempt = Attempt()
    thread = threading.Thread(target=attempt.run, daemon=True)
    thread.start()
    attempt.executor.wait_for(1)
    future, call = attempt.executor.calls[0]
    assert future.set_running_or_notify_cancel()
    wait_until_lost()
    future.set_result(call())
    thread.join(20)
    assert not thread.is_alive(), "it goes on"
    return attempt


def test_it_begins_nothing_more(attempt: Attempt) -> None:
    assert len(attempt.executor.calls) == 1
    assert [event.result.status for event in attempt.events if isinstance(event, TaskEnded)] == ["completed"]


def test_it_says_so(attempt: Attempt) -> None:
    assert attempt.error is not None
    assert "taken over" in attempt.error.message
    assert not any(isinstance(event, JobEnded) for event in attempt.events)


def test_the_record_is_the_other_process_s(attempt: Attempt) -> None:
    kept = attempt.store.get(job().id)
    assert kept == attempt.store.theirs
    assert kept.status is JobStatus.PROCESSING


def test_a_lease_that_is_held_is_not_lost() -> None:
    store: Any = MemoryJobStore()
    store.create(job())
    with Lease(store, job().id, seconds=0.3) as lease:
        assert not lease.lost.wait(0.5), "it is renewed in time"
        assert not store.claim(job().id, "another process", 1)
    assert store.claim(job().id, "another process", 1), "it was given back"
