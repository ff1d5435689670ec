"""What the simple executors add to the contract, and that none of them drags anything heavy into a worker."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from concurrent.futures import Future, wait

import pytest

from rastercollection.executors.serial import SerialExecutor
from rastercollection.executors.thread import ThreadExecutor
from rastercollection.testing import scripted

HEAVY = ("dask", "distributed", "fsspec", "numpy", "psycopg", "pyproj", "pystac", "rasterio", "shapely")
MODULES = ["serial", "thread", "process", "dask", "worker_process"]


class Array:
    """Stands for something large."""


@pytest.mark.parametrize("module", [f"executors.{name}" for name in MODULES] + ["testing.scripted"])
def test_importing_an_executor_loads_nothing_heavy(module: str) -> None:
    code = f"""
import rastercollection.{module}, sys
print(*sorted({{name.partition(".")[0] for name in sys.modules}} & set({HEAVY!r})))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_serial_executor_has_run_the_task_when_submit_returns() -> None:
    ran: list[int] = []
    with SerialExecutor() as executor:
        future = executor.submit(ran.append, 1)
        assert (ran, future.done()) == ([1], True)


def test_ctrl_c_in_a_serial_task_reaches_the_caller() -> None:
    with SerialExecutor() as executor, pytest.raises(KeyboardInterrupt):
        executor.submit(scripted.raise_error, KeyboardInterrupt())


@pytest.mark.parametrize("make", [SerialExecutor, ThreadExecutor])
def test_what_a_failed_task_held_is_freed_with_its_future(make: type[SerialExecutor] | type[ThreadExecutor]) -> None:
    def fail(array: Array) -> None:
        raise ValueError("told to")

    array = Array()
    alive = weakref.ref(array)
    gc.disable()
    try:
        with make() as executor:
            future = executor.submit(fail, array)
            wait([future])
            del array
            assert isinstance(future.exception(), ValueError)
            del future
        assert alive() is None
    finally:
        gc.enable()


def test_waiting_for_futures_that_shutdown_cancelled_returns() -> None:
    executor = ThreadExecutor(max_workers=1)
    futures: list[Future[None]] = [executor.submit(scripted.sleep_for, 0.1) for _ in range(5)]
    executor.shutdown(wait=False, cancel_futures=True)
    done, waiting = wait(futures, timeout=10)
    assert (len(done), len(waiting)) == (5, 0)


def test_threads_are_started_only_as_far_as_they_are_needed() -> None:
    with ThreadExecutor(max_workers=8) as executor:
        threads = {executor.submit(thread_name).result(10) for _ in range(20)}
    assert len(threads) == 1


def thread_name() -> str:
    import threading

    return threading.current_thread().name


def test_a_program_ends_though_a_thread_that_was_given_up_goes_on() -> None:
    code = """
import time
from rastercollection.errors import TaskError
from rastercollection.executors.thread import ThreadExecutor

executor = ThreadExecutor(max_workers=1)
hung = executor.submit(time.sleep, 600)
while not hung.running():
    time.sleep(0.01)
assert executor.end(hung, TaskError("given up"))
print(executor.submit(abs, -1).result())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == ("1\n", "")
