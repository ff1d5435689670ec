"""Tasks run in threads of this process: little overhead, shared memory, GDAL releases the interpreter's lock."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

import attrs
from typing_extensions import override

from rastercollection.core.executor import ExecutorCapabilities
from rastercollection.errors import TaskError
from rastercollection.executors.inline import run_inline
from rastercollection.executors.lifecycle import ContextManaged, check_workers
from rastercollection.executors.slots import Call, SlotPool

__all__ = ["ThreadExecutor"]

T = TypeVar("T")


@attrs.define(eq=False)
class _InlineCall(Call):
    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


class _ThreadSlot:
    def prepare(self) -> None:
        """A thread is always ready."""

    def run(self, call: _InlineCall) -> None:
        run_inline(call.future, call.fn, call.args, call.kwargs)
        del call  # run_inline says why

    def end(self, _: _InlineCall) -> bool:
        """A thread cannot be ended."""
        return False

    def close(self) -> None:
        """A thread holds nothing."""


class ThreadExecutor(ContextManaged):
    """Runs tasks in up to ``max_workers`` threads, started as they are needed.

    Args:
        max_workers: Tasks that run at the same time; the cores this process may use when None.

    Raises:
        ExecutorError: ``max_workers`` is less than 1.
    """

    def __init__(self, max_workers: int | None = None) -> None:
        self._pool = SlotPool("ThreadExecutor", check_workers(max_workers), _ThreadSlot)
        weakref.finalize(self, self._pool.shutdown, wait=False, cancel_futures=False).atexit = False

    @property
    def capabilities(self) -> ExecutorCapabilities:
        return ExecutorCapabilities(
            max_workers=self._pool.size, shares_memory=True, shares_filesystem=True, requires_pickle=False
        )

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Schedule ``fn(*args, **kwargs)`` and return its future. Thread-safe.

        Raises:
            ExecutorError: After ``shutdown``.
        """
        future: Future[T] = Future()
        self._pool.submit(_InlineCall(future, fn, args, kwargs))
        return future

    def end(self, future: Future[Any], reason: TaskError) -> bool:
        """Give up a task, whose future then fails with ``reason``. Thread-safe.

        A thread cannot be ended: one that runs the task goes on by itself, and nobody waits for it; another takes its
        place, and what comes of the task is dropped.

        Returns:
            Whether the future has failed with ``reason``: False where it is not this executor's, or ended before.
        """
        return self._pool.end(future, reason)

    @override
    def shutdown(self, *, wait: bool = True, cancel_futures: bool = False) -> None:
        """Take no more tasks; idempotent.

        Args:
            wait: Return once all submitted tasks have ended.
            cancel_futures: Cancel the futures that have not started.
        """
        self._pool.shutdown(wait=wait, cancel_futures=cancel_futures)
