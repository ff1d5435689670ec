"""The shipped contract over the executors that need nothing installed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import pytest

from rastercollection.executors.pool import PoolExecutor
from rastercollection.executors.process import ProcessExecutor
from rastercollection.executors.serial import SerialExecutor
from rastercollection.executors.thread import ThreadExecutor
from rastercollection.testing.executor_contract import ExecutorContract


class TestSerialExecutor(ExecutorContract):
    cancels_waiting: ClassVar[bool] = False
    gives_up: ClassVar[bool] = False

    def make_executor(self) -> SerialExecutor:
        return SerialExecutor()


class TestThreadExecutor(ExecutorContract):
    def make_executor(self) -> ThreadExecutor:
        return ThreadExecutor(max_workers=2)


class TestForkserverProcesses(ExecutorContract):
    def make_executor(self) -> ProcessExecutor:
        return ProcessExecutor(max_workers=2, start_method="forkserver")


class TestSpawnedProcesses(ExecutorContract):
    def make_executor(self) -> ProcessExecutor:
        return ProcessExecutor(max_workers=2, start_method="spawn")


class TestPoolOfTheStandardLibrary(ExecutorContract):
    frees_places: ClassVar[bool] = False

    @pytest.fixture(autouse=True)
    def _pool(self) -> Iterator[None]:
        with ThreadPoolExecutor(max_workers=2) as self.pool:
            yield
            assert self.pool.submit(abs, -1).result() == 1  # not ours to close

    def make_executor(self) -> PoolExecutor:
        return PoolExecutor(self.pool)
