"""Executors that break one promise each; see ``test_mutants``."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, ClassVar

import attrs

from rastercollection.core.executor import ExecutorCapabilities
from rastercollection.errors import ExecutorError, TaskError, TileError
from rastercollection.executors.pool import PoolExecutor
from rastercollection.executors.thread import ThreadExecutor
from rastercollection.testing.executor_contract import ExecutorContract


class Sound(ThreadExecutor):
    def __init__(self) -> None:
        super().__init__(max_workers=2)


class LosesResults(Sound):
    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        return super().submit(lambda: fn(*args, **kwargs) and None)


class WrapsErrors(Sound):
    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        def run() -> Any:
            try:
                return fn(*args, **kwargs)
            except Exception as error:
                raise RuntimeError(str(error)) from error

        return super().submit(run)


class ForgetsDetails(Sound):
    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        def run() -> Any:
            try:
                return fn(*args, **kwargs)
            except TileError as error:
                raise TileError(error.message, error.hint, error.code) from error

        return super().submit(run)


class HidesThatItSharesMemory(Sound):
    @property
    def capabilities(self) -> ExecutorCapabilities:
        return attrs.evolve(super().capabilities, shares_memory=False)


class TakesArgumentsForItsOwn(Sound):
    def submit(self, fn: Any, /, *args: Any, key: Any = None, workers: Any = None, **kwargs: Any) -> Any:
        return super().submit(fn, *args, **kwargs)


class RunsTwice(Sound):
    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        return super().submit(lambda: (fn(*args, **kwargs), fn(*args, **kwargs))[1])


class RunsOneAtATime(Sound):
    turn: ClassVar[Any] = threading.Lock()

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        def run() -> Any:
            with self.turn:
                return fn(*args, **kwargs)

        return super().submit(run)


class CallsBackTwice(Sound):
    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        class Twice(Future[Any]):
            def add_done_callback(self, call: Any) -> None:
                super().add_done_callback(call)
                super().add_done_callback(call)

        future = super().submit(fn, *args, **kwargs)
        twice: Future[Any] = Twice()
        future.add_done_callback(lambda done: _copy(done, twice))
        return twice


def _copy(done: Future[Any], target: Future[Any]) -> None:
    error = done.exception()
    target.set_result(done.result()) if error is None else target.set_exception(error)


class RunsWhatWasCancelled(Sound):
    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        inner, outer = super().submit(fn, *args, **kwargs), Future[Any]()
        inner.add_done_callback(lambda done: None if outer.cancelled() else _copy(done, outer))
        return outer


class LosesTasksThatExit(Sound):
    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except (ValueError, TypeError) as error:
                future.set_exception(error)

        super().submit(run)
        return future


class SaysThatItGaveUp(Sound):
    def end(self, future: Future[Any], reason: TaskError) -> bool:
        return not future.done()


class GivesUpWhatHasEnded(Sound):
    def end(self, future: Future[Any], reason: TaskError) -> bool:
        super().end(future, reason)
        return True


class TakesTasksAfterShutdown(Sound):
    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().submit(fn, *args, **kwargs)
        except ExecutorError:
            return Future()


class ShutsDownOnce(Sound):
    def shutdown(self, **options: Any) -> None:
        if getattr(self, "shut", False):
            raise ExecutorError("It has been shut down.", "")
        self.shut = True
        super().shutdown(**options)


class DoesNotWait(Sound):
    def shutdown(self, *, wait: bool = True, cancel_futures: bool = False) -> None:
        super().shutdown(wait=False, cancel_futures=cancel_futures)


class DropsTheQueue(Sound):
    def shutdown(self, *, wait: bool = True, cancel_futures: bool = False) -> None:
        super().shutdown(wait=wait, cancel_futures=True)


class CancelsNothing(Sound):
    def shutdown(self, *, wait: bool = True, cancel_futures: bool = False) -> None:
        super().shutdown(wait=wait)


class StaysOpen(Sound):
    def __exit__(self, *exc: Any) -> None:
        with contextlib.suppress(ExecutorError):
            super().submit(sum, ()).result()


class BreaksAsAWhole(PoolExecutor):
    """As the standard library's process pool does."""

    def __init__(self) -> None:
        super().__init__(ProcessPoolExecutor(2))


MUTANTS: dict[type[Any], str] = {
    LosesResults: "test_the_result_comes_in_a_standard_future",
    WrapsErrors: "test_an_exception_keeps_its_type_and_message",
    ForgetsDetails: "test_an_error_of_the_library_arrives_equal",
    HidesThatItSharesMemory: "test_it_is_an_executor_and_says_what_it_can_do",
    TakesArgumentsForItsOwn: "test_all_arguments_arrive_whatever_their_names",
    RunsTwice: "test_many_small_tasks_come_back_once_each",
    RunsOneAtATime: "test_a_straggler_blocks_nobody",
    CallsBackTwice: "test_callbacks_are_called_once",
    RunsWhatWasCancelled: "test_a_waiting_task_that_is_cancelled_never_runs",
    LosesTasksThatExit: "test_a_task_that_exits_harms_no_other_task",
    SaysThatItGaveUp: "test_a_task_that_is_given_up_fails_with_the_reason_at_once",
    GivesUpWhatHasEnded: "test_what_has_ended_or_is_strange_is_not_given_up",
    TakesTasksAfterShutdown: "test_nothing_is_taken_after_shutdown",
    ShutsDownOnce: "test_shutdown_may_be_repeated",
    DoesNotWait: "test_shutdown_waits_for_what_was_submitted",
    DropsTheQueue: "test_shutdown_without_waiting_still_runs_what_was_submitted",
    CancelsNothing: "test_shutdown_can_cancel_what_has_not_started",
    StaysOpen: "test_leaving_the_context_waits_and_closes",
    BreaksAsAWhole: "test_a_worker_that_dies_costs_its_own_task_only",
}


def suite(kind: type[Any]) -> type[ExecutorContract]:
    named = {"timeout": 1.5, "make_executor": lambda self: kind(), "__module__": __name__}
    return type(kind.__name__, (ExecutorContract,), named)


globals().update({f"Suite{kind.__name__}": suite(kind) for kind in (Sound, *MUTANTS)})
