"""What a fork leaves behind, and what it must not take along."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rastercollection.backends.jobs.memory import MemoryJobStore
from rastercollection.backends.jobs.sqlite import SqliteJobStore
from rastercollection.core.forks import ForkSafeLock
from rastercollection.core.lease import Owner
from rastercollection.errors import ForkedProcessError
from rastercollection.executors.pool import PoolExecutor
from rastercollection.executors.process import ProcessExecutor
from rastercollection.executors.thread import ThreadExecutor
from rastercollection.testing import scripted

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]


def holds_in_a_fork(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether something is so in a child; a child that hangs is killed."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if condition() else 1)
        finally:
            os._exit(2)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status == 0
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    gate = threading.Event()
    yield gate
    gate.set()


def hold(lock: ForkSafeLock, gate: threading.Event, seconds: float = 60.0) -> None:
    """Have another thread hold a lock until the gate opens."""
    taken = threading.Event()

    def keep() -> None:
        with lock:
            taken.set()
            gate.wait(seconds)

    threading.Thread(target=keep, daemon=True).start()
    assert taken.wait(10)


def is_free(lock: ForkSafeLock) -> bool:
    return lock.acquire(timeout=0.1)


def is_refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except ForkedProcessError:
        return True
    return False


def test_a_lock_that_another_thread_holds_is_free_in_a_fork_and_held_on_here(gate: threading.Event) -> None:
    lock = ForkSafeLock()
    hold(lock, gate)
    assert holds_in_a_fork(lambda: is_free(lock))
    assert not is_free(lock)


def test_a_brief_lock_is_waited_for_so_that_the_fork_sees_what_it_guards_whole(gate: threading.Event) -> None:
    lock = ForkSafeLock(brief=True)
    hold(lock, gate, seconds=0.3)
    began = time.monotonic()
    assert holds_in_a_fork(lambda: is_free(lock))
    assert 0.1 < time.monotonic() - began < 10
    assert is_free(lock)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_job_store_in_use_can_be_used_in_a_fork(kind: str, gate: threading.Event, tmp_path: Path) -> None:
    store = MemoryJobStore() if kind == "memory" else SqliteJobStore(tmp_path / "jobs.db")
    lock = store._lock if isinstance(store, MemoryJobStore) else store._database._lock
    hold(lock, gate)
    assert holds_in_a_fork(lambda: list(store.list_jobs()) == [])


@pytest.mark.parametrize("make", [ThreadExecutor, ProcessExecutor, lambda size: PoolExecutor(ThreadPoolExecutor(size))])
def test_an_executor_that_was_inherited_refuses_and_is_closed_at_once(make: Callable[[int], ThreadExecutor]) -> None:
    with make(1) as executor:
        busy = executor.submit(scripted.sleep_for, 1.0, "done")

        def refuses_and_closes() -> bool:
            refused = is_refused(lambda: executor.submit(scripted.echo, 1))
            executor.shutdown(wait=True)
            return refused

        assert holds_in_a_fork(refuses_and_closes, 10)
        assert busy.result(60) == "done"


def test_a_pool_that_was_at_work_before_the_fork_is_refused_in_it() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(abs, -1).result(10) == 1
        assert holds_in_a_fork(lambda: is_refused(lambda: PoolExecutor(pool).submit(abs, -1)))
        assert PoolExecutor(pool).submit(abs, -1).result(10) == 1


def test_processes_can_be_started_in_a_fork_of_one_that_has_a_fork_server() -> None:
    with ProcessExecutor(1) as executor:
        executor.submit(scripted.echo, 1).result(60)

        def works() -> bool:
            with ProcessExecutor(1) as other:
                return bool(other.submit(scripted.echo, 7).result(60) == 7)

        assert holds_in_a_fork(works, 60)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not tell when processes began")
def test_a_child_says_of_itself_when_it_began() -> None:
    before = Owner.current()
    time.sleep(0.05)  # some of the clock's ticks
    assert holds_in_a_fork(lambda: Owner.current().started > before.started and not Owner.current().is_dead)
