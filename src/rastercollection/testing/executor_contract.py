"""What every executor must do. Needs pytest.

Subclass it in a test module, under a name that pytest collects::

    class TestMyExecutor(ExecutorContract):
        def make_executor(self):
            return MyExecutor(max_workers=2)

Workers must be able to import :mod:`rastercollection.testing.scripted`. Tests that make no sense for an executor (one
that shares memory cannot lose a worker) are skipped by its capabilities: declare them truly.
"""

from __future__ import annotations

import abc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, ClassVar

import pytest

from rastercollection.core.executor import EndsTasks, Executor, ExecutorCapabilities
from rastercollection.errors import ExecutorError, TaskError, TileError, WorkerDiedError
from rastercollection.testing import scripted

__all__ = ["ExecutorContract"]

POISONS = [
    pytest.param(scripted.raise_badly_loaded, "told to fail", id="exception-that-does-not-unpickle"),
    pytest.param(scripted.return_badly_loaded, "told to fail on loading", id="result-that-does-not-unpickle"),
    pytest.param(scripted.return_lock, "lock", id="result-that-does-not-pickle"),
]
DEATHS = [
    pytest.param(scripted.die_by_signal, (signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM,), id="killed"),
    pytest.param(scripted.exit_abruptly, (0,), id="exited"),
]


class ExecutorContract(abc.ABC):
    """Tests of the meaning of :class:`~rastercollection.core.executor.Executor`.

    Attributes:
        timeout: Seconds that any one task may take to come back.
        cancels_waiting: A task that waits because all workers are busy can be cancelled.
        gives_up: Tasks can be given up by ``end``, if the executor has it.
        frees_places: A task that was given up keeps no other from running.
    """

    timeout: ClassVar[float] = 60.0
    cancels_waiting: ClassVar[bool] = True
    gives_up: ClassVar[bool] = True
    frees_places: ClassVar[bool] = True

    @abc.abstractmethod
    def make_executor(self) -> Executor:
        """A new executor; two or three workers are best. The test shuts it down."""

    @pytest.fixture
    def executor(self) -> Iterator[Executor]:
        with self.make_executor() as executor:
            yield executor

    def test_it_is_an_executor_and_says_what_it_can_do(self, executor: Executor) -> None:
        assert isinstance(executor, Executor)
        capabilities = executor.capabilities
        assert isinstance(capabilities, ExecutorCapabilities)
        assert capabilities.max_workers >= 1
        assert capabilities.shares_memory is (self.result(executor.submit(scripted.process_id)) == os.getpid())

    def test_the_result_comes_in_a_standard_future(self, executor: Executor) -> None:
        future = executor.submit(scripted.echo, {"tile": "a.tif", "size": [1, 2]})
        assert isinstance(future, Future)
        assert self.result(future) == {"tile": "a.tif", "size": [1, 2]}
        assert future.done()
        assert not future.cancelled()

    def test_all_arguments_arrive_whatever_their_names(self, executor: Executor) -> None:
        future = executor.submit(scripted.collect, 1, "two", fn=3, self=4, args=5, kwargs=6, key=7, workers=8, pure=9)
        names = {"fn": 3, "self": 4, "args": 5, "kwargs": 6, "key": 7, "workers": 8, "pure": 9}
        assert self.result(future) == ((1, "two"), names)

    def test_an_exception_keeps_its_type_and_message(self, executor: Executor) -> None:
        error = self.error(executor.submit(scripted.raise_error, ValueError("no such band: 7")))
        assert type(error) is ValueError
        assert error.args == ("no such band: 7",)

    def test_an_error_of_the_library_arrives_equal(self, executor: Executor) -> None:
        sent = TileError(
            "a.tif has no CRS.", "Set input_crs.", "CRS_MISSING", False, {"tile": "a.tif", "bands": [1, 2]}
        )
        error = self.error(executor.submit(scripted.raise_error, sent))
        assert isinstance(error, TileError)
        assert (error.message, error.hint, error.code) == (sent.message, sent.hint, sent.code)
        assert (error.retryable, error.details) == (sent.retryable, sent.details)

    def test_a_failure_harms_no_other_task(self, executor: Executor) -> None:
        before, bad, after = self.surround(executor, scripted.raise_error, ValueError("told to"))
        assert isinstance(self.error(bad), ValueError)
        assert self.results(before + after) == list(range(8))

    def test_a_task_that_exits_harms_no_other_task(self, executor: Executor) -> None:
        before, bad, after = self.surround(executor, scripted.leave, 3)
        assert self.error(bad) is not None
        assert self.results(before + after) == list(range(8))

    @pytest.mark.parametrize(("poison", "words"), POISONS)
    def test_a_poisoned_task_harms_itself_only(self, executor: Executor, poison: Callable[[], Any], words: str) -> None:
        before, bad, after = self.surround(executor, poison)
        if executor.capabilities.requires_pickle:
            assert words in str(self.error(bad))
        else:
            assert isinstance(self.error(bad), scripted.BadlyLoadedError | None)
        assert self.results(before + after) == list(range(8))

    @pytest.mark.parametrize(
        ("fn", "argument"),
        [
            pytest.param(lambda value: value, 1, id="lambda"),
            pytest.param(scripted.echo, threading.Lock(), id="lock-as-argument"),
        ],
    )
    def test_what_does_not_pickle_is_refused_where_it_has_to(
        self, executor: Executor, fn: Callable[[Any], Any], argument: Any
    ) -> None:
        if executor.capabilities.requires_pickle:
            with pytest.raises(ExecutorError, match="pickle"):
                executor.submit(fn, argument).result(timeout=self.timeout)
        else:
            assert self.result(executor.submit(fn, argument)) is argument
        assert self.result(executor.submit(scripted.echo, 1)) == 1

    @pytest.mark.parametrize(("death", "arguments"), DEATHS)
    def test_a_worker_that_dies_costs_its_own_task_only(
        self, executor: Executor, death: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> None:
        if executor.capabilities.shares_memory:
            pytest.skip("tasks run in this process")
        before, bad, after = self.surround(executor, death, *arguments)
        error = self.error(bad)
        assert isinstance(error, WorkerDiedError)
        assert error.retryable
        assert self.results(before + after) == list(range(8))
        again = [executor.submit(scripted.echo, value) for value in range(2 * executor.capabilities.max_workers)]
        assert self.results(again) == list(range(len(again)))

    def test_many_small_tasks_come_back_once_each(self, executor: Executor, tmp_path: Path) -> None:
        ran = str(tmp_path / "ran")
        shared = executor.capabilities.shares_filesystem
        count = 200
        futures = [
            executor.submit(scripted.mark, ran, value) if shared else executor.submit(scripted.echo, value)
            for value in range(count)
        ]
        assert self.results(futures) == list(range(count))
        assert scripted.marks(ran) == (count if shared else 0)

    def test_tasks_may_be_submitted_from_several_threads(self, executor: Executor) -> None:
        futures: list[Future[int]] = []

        def submit_some(first: int) -> None:
            futures.extend(executor.submit(scripted.echo, first + step) for step in range(20))

        threads = [threading.Thread(target=submit_some, args=(100 * number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expected = sorted(100 * number + step for number in range(4) for step in range(20))
        assert sorted(self.results(futures)) == expected

    def test_a_straggler_blocks_nobody(self, executor: Executor, tmp_path: Path) -> None:
        if executor.capabilities.max_workers < 2 or not executor.capabilities.shares_filesystem:
            pytest.skip("needs two workers that see this machine's files")
        gate = tmp_path / "gate"
        straggler = executor.submit(scripted.wait_for_file, str(gate), self.timeout)
        try:
            others = [executor.submit(scripted.echo, value) for value in range(20)]
            assert self.results(others) == list(range(20))
            assert not straggler.done()
        finally:
            gate.touch()
        assert self.result(straggler) == str(gate)

    def test_callbacks_are_called_once(self, executor: Executor) -> None:
        seen: list[Future[Any]] = []
        good = executor.submit(scripted.echo, 1)
        bad = executor.submit(scripted.raise_error, ValueError("told to"))
        for future in (good, bad):
            future.add_done_callback(seen.append)
        self.result(good)
        self.error(bad)
        self.eventually(lambda: len(seen) == 2)
        assert set(seen) == {good, bad}

    def test_a_waiting_task_that_is_cancelled_never_runs(self, executor: Executor, tmp_path: Path) -> None:
        if not (self.cancels_waiting and executor.capabilities.shares_filesystem):
            pytest.skip("the executor does not keep tasks waiting here")
        gate, ran = tmp_path / "gate", str(tmp_path / "ran")
        workers = executor.capabilities.max_workers
        busy = [executor.submit(scripted.wait_for_file, str(gate), self.timeout) for _ in range(workers)]
        try:
            waiting = [executor.submit(scripted.mark, ran) for _ in range(10)]
            assert waiting[-1].cancel()
            assert waiting[-1].cancelled()
        finally:
            gate.touch()
        self.results([*busy, *waiting[:-1]])
        executor.shutdown()
        assert scripted.marks(ran) == len(waiting) - 1

    def test_a_task_that_is_given_up_fails_with_the_reason_at_once(self, executor: Executor, tmp_path: Path) -> None:
        ends = self.ends(executor)
        gate = str(tmp_path / "gate")
        reason = TaskError("It took too long.", code="TOO_LATE", details={"seconds": 1})
        seen: list[Future[Any]] = []
        hung = executor.submit(scripted.wait_for_file, gate, self.timeout)
        hung.add_done_callback(seen.append)
        self.eventually(hung.running)
        time.sleep(0.2)
        began = time.monotonic()
        assert ends.end(hung, reason)
        assert time.monotonic() - began < 10
        assert self.error(hung) is reason
        self.eventually(lambda: seen == [hung])
        Path(gate).touch()
        assert not ends.end(hung, reason)

    def test_giving_up_a_task_takes_no_place_and_harms_no_other(self, executor: Executor, tmp_path: Path) -> None:
        ends = self.ends(executor)
        workers = executor.capabilities.max_workers
        if not self.frees_places:
            pytest.skip("the executor says that a task that was given up keeps its place")
        gate, other_gate = tmp_path / "gate", tmp_path / "other"
        for _ in range(2):
            hung = [executor.submit(scripted.wait_for_file, str(gate), self.timeout) for _ in range(workers)]
            waiting = [executor.submit(scripted.echo, value) for value in range(10)]
            for future in hung:
                self.eventually(future.running)
                assert ends.end(future, TaskError("given up", code="TOO_LATE"))
            assert self.results(waiting) == list(range(10))
        beside = executor.submit(scripted.wait_for_file, str(other_gate), self.timeout)
        if workers > 1:
            hung = [executor.submit(scripted.wait_for_file, str(gate), self.timeout)]
            self.eventually(hung[0].running)
            assert ends.end(hung[0], TaskError("given up", code="TOO_LATE"))
        other_gate.touch()
        assert self.result(beside) == str(other_gate)
        gate.touch()

    def test_a_waiting_task_that_is_given_up_never_runs(self, executor: Executor, tmp_path: Path) -> None:
        ends = self.ends(executor)
        if not (self.cancels_waiting and executor.capabilities.shares_filesystem):
            pytest.skip("the executor does not keep tasks waiting here")
        gate, ran = tmp_path / "gate", str(tmp_path / "ran")
        workers = executor.capabilities.max_workers
        busy = [executor.submit(scripted.wait_for_file, str(gate), self.timeout) for _ in range(workers)]
        reason = TaskError("given up", code="TOO_LATE")
        try:
            waiting = [executor.submit(scripted.mark, ran) for _ in range(10)]
            assert ends.end(waiting[-1], reason)
            assert self.error(waiting[-1]) is reason
        finally:
            gate.touch()
        self.results([*busy, *waiting[:-1]])
        executor.shutdown()
        assert scripted.marks(ran) == len(waiting) - 1

    def test_what_has_ended_or_is_strange_is_not_given_up(self, executor: Executor) -> None:
        ends = self.ends(executor)
        done, reason = executor.submit(scripted.echo, 1), TaskError("given up", code="TOO_LATE")
        assert self.result(done) == 1
        assert not ends.end(done, reason)
        assert not ends.end(Future(), reason)
        assert self.result(done) == 1

    def test_whoever_comes_first_a_task_ends_once(self, executor: Executor) -> None:
        ends = self.ends(executor)
        for step in range(30):
            future = executor.submit(scripted.sleep_for, 0.01, step)
            time.sleep(0.0005 * step)
            reason = TaskError("given up", code="TOO_LATE")
            given_up = ends.end(future, reason)
            error = self.error(future)
            assert error is (reason if given_up else None)
            assert given_up or self.result(future) == step
        assert self.results([executor.submit(scripted.echo, value) for value in range(10)]) == list(range(10))

    def test_shutdown_does_not_wait_for_a_task_that_was_given_up(self, tmp_path: Path) -> None:
        executor = self.make_executor()
        gate = tmp_path / "gate"
        ends = self.ends(executor)
        hung = executor.submit(scripted.wait_for_file, str(gate), self.timeout)
        self.eventually(hung.running)
        assert ends.end(hung, TaskError("given up", code="TOO_LATE"))
        began = time.monotonic()
        executor.shutdown(wait=True)
        assert time.monotonic() - began < self.timeout / 2
        gate.touch()

    def test_nothing_is_taken_after_shutdown(self) -> None:
        executor = self.make_executor()
        executor.shutdown()
        with pytest.raises(ExecutorError):
            executor.submit(scripted.echo, 1)

    def test_shutdown_may_be_repeated(self) -> None:
        executor = self.make_executor()
        future = executor.submit(scripted.echo, 1)
        executor.shutdown(wait=False)
        executor.shutdown()
        executor.shutdown(wait=True, cancel_futures=True)
        executor.shutdown()
        assert self.result(future) == 1

    def test_shutdown_waits_for_what_was_submitted(self) -> None:
        executor = self.make_executor()
        futures = [executor.submit(scripted.sleep_for, 0.05, value) for value in range(6)]
        executor.shutdown(wait=True)
        assert all(future.done() for future in futures)
        assert self.results(futures) == list(range(6))

    def test_shutdown_without_waiting_still_runs_what_was_submitted(self) -> None:
        executor = self.make_executor()
        futures = [executor.submit(scripted.sleep_for, 0.02, value) for value in range(6)]
        executor.shutdown(wait=False)
        assert self.results(futures) == list(range(6))
        executor.shutdown(wait=True)

    def test_shutdown_can_cancel_what_has_not_started(self) -> None:
        executor = self.make_executor()
        ended: list[Future[Any]] = []
        futures = [executor.submit(scripted.sleep_for, 0.1, value) for value in range(10)]
        for future in futures:
            future.add_done_callback(ended.append)
        executor.shutdown(wait=True, cancel_futures=True)
        self.eventually(lambda: len(ended) == len(futures))
        cancelled = [future for future in futures if future.cancelled()]
        assert bool(cancelled) is self.cancels_waiting
        assert all(future.result(timeout=0) == futures.index(future) for future in futures if future not in cancelled)

    def test_leaving_the_context_waits_and_closes(self) -> None:
        with self.make_executor() as executor:
            future = executor.submit(scripted.sleep_for, 0.1, "done")
        assert future.done()
        assert self.result(future) == "done"
        with pytest.raises(ExecutorError):
            executor.submit(scripted.echo, 1)

    def ends(self, executor: Executor) -> EndsTasks:
        """The executor, if tasks can be given up there; the test is skipped otherwise."""
        if not isinstance(executor, EndsTasks) or not self.gives_up:
            executor.shutdown(wait=False)
            pytest.skip("the executor cannot give up tasks that run")
        return executor

    def result(self, future: Future[Any]) -> Any:
        """The result, in time."""
        return future.result(timeout=self.timeout)

    def results(self, futures: list[Future[Any]]) -> list[Any]:
        """All results, in time."""
        return [self.result(future) for future in futures]

    def error(self, future: Future[Any]) -> BaseException | None:
        """The exception, in time; an error of waiting is raised."""
        return future.exception(timeout=self.timeout)

    def surround(
        self, executor: Executor, fn: Callable[..., Any], *args: Any
    ) -> tuple[list[Future[Any]], Future[Any], list[Future[Any]]]:
        """A task between four good ones before and four after; those return 0 to 7."""
        before = [executor.submit(scripted.sleep_for, 0.01, value) for value in range(4)]
        middle = executor.submit(fn, *args)
        after = [executor.submit(scripted.sleep_for, 0.01, value) for value in range(4, 8)]
        return before, middle, after

    def eventually(self, condition: Callable[[], bool]) -> None:
        """Wait until something holds: waiters are woken before callbacks are called."""
        deadline = time.monotonic() + self.timeout
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.01)
