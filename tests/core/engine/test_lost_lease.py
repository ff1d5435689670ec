"""A runner that another process has taken the job from: it stops, says so, and leaves the other's record alone."""

from __future__ import annotations

import threading

import attrs
import handlers
import pytest
from test_engine import ByHand, job, one_stage, run

from rastercollection.backends.jobs.memory import MemoryJobStore
from rastercollection.core.events import Event, JobEnded, TaskEnded
from rastercollection.core.lease import Lease, Owner
from rastercollection.core.models import JobRecord, JobStatus
from rastercollection.errors import LeaseLostError


class TakenOver(MemoryJobStore):
    """A store in which another process takes the job while its first task runs."""

    theirs: JobRecord | None = None

    def renew(self, job_id: str, token: int, seconds: float) -> Lease | None:
        if self.theirs is None:
            self.release(job_id, token)
            other = self.acquire(job_id, Owner(machine="f" * 16, process=1, host="elsewhere"), 60)
            assert other is not None
            self.theirs = attrs.evolve(self.get(job_id), stage_results={"theirs": 1}, updated_at="2020-01-01T00:00:00Z")
            self.commit(job_id, other.token, job=self.theirs)
        return super().renew(job_id, token, seconds)


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
        self.error: LeaseLostError | None = None

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
        except LeaseLostError as error:
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
