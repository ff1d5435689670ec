"""Who runs a job: the living are waited for, or asked, the dead are not; a store that fails once ends nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import Any

import attrs
import handlers
import pytest
from test_engine import ByHand, in_background, job, one_stage, run

from rastercollection import JobBusyError
from rastercollection.backends.jobs.memory import MemoryJobStore
from rastercollection.core.engine.engine import Engine
from rastercollection.core.engine.held_lease import HeldLease
from rastercollection.core.events import Event, JobWaiting
from rastercollection.core.lease import Lease, Owner, Wish
from rastercollection.core.models import JobStatus
from rastercollection.core.patience import Patience
from rastercollection.errors import LeaseLostError, UnavailableError

ELSEWHERE = Owner(machine="f" * 16, process=1, host="elsewhere")
ID = job().id


def held(store: Any, **settings: Any) -> HeldLease:
    return HeldLease(store, ID, **{"seconds": 0.5, **settings})


def test_one_that_is_held_is_renewed_and_given_back() -> None:
    store = MemoryJobStore()
    with held(store) as lease:
        assert not lease.lost.wait(0.8)
        assert store.acquire(ID, ELSEWHERE, 1) is None
        assert lease.overdue < 0
    assert store.acquire(ID, ELSEWHERE, 1) is not None


def test_one_whose_thread_does_not_start_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def short(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    store = MemoryJobStore()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", short)
        with pytest.raises(RuntimeError, match="can't start new thread"), held(store):
            raise AssertionError("it is renewed by nobody")
    assert store.acquire(ID, ELSEWHERE, 1) is not None


def test_the_dead_of_this_machine_are_not_waited_for() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = attrs.evolve(Owner.current(), process=child.pid, started=0)
    store = MemoryJobStore()
    assert store.acquire(ID, owner, 60)
    began = time.monotonic()
    with pytest.raises(JobBusyError), held(store, on_busy="fail"):
        raise AssertionError("it lives")
    child.communicate(b"\n")
    with held(store, on_busy="fail"):
        assert time.monotonic() - began < 30


def test_a_later_process_of_the_same_number_is_not_taken_for_the_owner() -> None:
    now = Owner.current()
    assert not now.is_dead
    assert attrs.evolve(now, started=now.started - 1).is_dead
    assert not attrs.evolve(now, machine="f" * 16, process=2**22 + 1).is_dead, "elsewhere, nobody can tell"


def test_who_is_waited_for_is_told_again_and_again() -> None:
    store, events = MemoryJobStore(), list[Event]()
    assert store.acquire(ID, ELSEWHERE, 0.8)
    run(one_stage(handlers.count_words, [{"text": "a"}]), jobs=store, observers=(events.append,))
    waiting = [event for event in events if isinstance(event, JobWaiting)]
    assert [event.owner for event in waiting] == ["process 1 on elsewhere"]


def test_to_fail_says_who_runs_it() -> None:
    store = MemoryJobStore()
    assert store.acquire(ID, ELSEWHERE, 60)
    with pytest.raises(JobBusyError, match="process 1 on elsewhere"):
        run(one_stage(handlers.count_words, [{"text": "a"}]), jobs=store, on_busy="fail")


def test_waiting_can_be_cancelled() -> None:
    store, cancel = MemoryJobStore(), threading.Event()
    assert store.acquire(ID, ELSEWHERE, 60)
    threading.Timer(0.3, cancel.set).start()
    with pytest.raises(JobBusyError), held(store, cancel=cancel):
        raise AssertionError("it is not ours")


def test_a_job_that_is_asked_for_is_handed_over_and_goes_on_where_it_was() -> None:
    store, executor = MemoryJobStore(), ByHand()
    workflow = one_stage(handlers.count_words, [{"text": "a"}, {"text": "a b"}])
    thread, answers = in_background(lambda: run(workflow, executor=executor, jobs=store, window=1, lease_seconds=0.5))
    executor.wait_for(1)
    future, call = executor.calls[0]
    assert future.set_running_or_notify_cancel()
    other, others = in_background(
        lambda: run(workflow, jobs=store, on_busy="take_over", lease_seconds=0.5, still_holds=lambda _: True)
    )
    time.sleep(0.5)
    future.set_result(call())
    thread.join(20)
    other.join(20)
    assert answers[0].handed_over
    assert (others[0].job.status, others[0].executed) == (JobStatus.COMPLETED, 1)


class Flaky(MemoryJobStore):
    """A store whose lease cannot be renewed for a while."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = failures

    def renew(self, job_id: str, token: int, seconds: float) -> Lease | None:
        if self.failures:
            self.failures -= 1
            raise UnavailableError("not now")
        return super().renew(job_id, token, seconds)


def test_one_passing_error_does_not_end_the_heartbeat() -> None:
    store = Flaky(2)
    with held(store) as lease:
        time.sleep(0.8)
        assert not lease.lost.is_set()
        assert lease.overdue < 0
        assert store.acquire(ID, ELSEWHERE, 1) is None


def test_what_cannot_be_renewed_in_time_begins_nothing_more_and_ends_when_patience_does() -> None:
    store, executor = Flaky(10**6), ByHand()
    engine = Engine(executor=executor, jobs=store, window=1, lease_seconds=0.3, patience=Patience(seconds=0.5))
    workflow = one_stage(handlers.count_words, [{"text": "a"}] * 3)
    thread, answers = in_background(lambda: engine.run(workflow, job()))
    executor.wait_for(1)
    time.sleep(0.5)
    executor.complete(0)
    thread.join(20)
    assert len(executor.calls) == 1
    assert answers[0].job.error.code == "UNAVAILABLE"


def test_a_guard_lets_through_who_holds_the_latest_lease() -> None:
    store = MemoryJobStore()
    with held(store) as lease:
        guard = lease.guard(reachable=True)
        guard.check()
        assert (guard.mark.job, guard.mark.token, guard.mark.owner.process) == (ID[:12], lease.token, os.getpid())
        store.release(ID, lease.token)
        assert store.acquire(ID, ELSEWHERE, 60)
        with pytest.raises(LeaseLostError, match="process 1 on elsewhere"):
            guard.check()
        lease.guard(reachable=False).check()


def test_a_wish_to_cancel_ends_the_job() -> None:
    store, executor = MemoryJobStore(), ByHand()
    workflow = one_stage(handlers.count_words, [{"text": "a"}] * 3)
    thread, answers = in_background(lambda: run(workflow, executor=executor, jobs=store, window=1, lease_seconds=0.5))
    executor.wait_for(1)
    future, call = executor.calls[0]
    assert future.set_running_or_notify_cancel()
    store.request(ID, Wish.CANCEL)
    time.sleep(0.4)
    future.set_result(call())
    thread.join(20)
    assert answers[0].job.status is JobStatus.CANCELLED
    assert store.lease(ID) is None
