"""Tasks run in the caller, one after the other: for debugging, for small jobs, and inside other programs' workers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from typing_extensions import override

from rastercollection.core.executor import ExecutorCapabilities
from rastercollection.errors import TaskError
from rastercollection.executors.inline import run_inline
from rastercollection.executors.lifecycle import ContextManaged, shut_down_error

__all__ = ["SerialExecutor"]

T = TypeVar("T")


class SerialExecutor(ContextManaged):
    """Runs a task when it is submitted, in the thread that submits it; the future comes back done."""

    def __init__(self) -> None:
        self._closed = False

    @property
    def capabilities(self) -> ExecutorCapabilities:
        return ExecutorCapabilities(max_workers=1, shares_memory=True, shares_filesystem=True, requires_pickle=False)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run ``fn(*args, **kwargs)`` now and return its finished future.

        Raises:
            ExecutorError: After ``shutdown``.
            KeyboardInterrupt: Ctrl-C while the task runs belongs to the caller, not to the task.
        """
        if self._closed:
            raise shut_down_error("SerialExecutor")
        return run_inline(_running(), fn, args, kwargs, lets_through=(KeyboardInterrupt,))

    def end(self, future: Future[Any], reason: TaskError) -> bool:  # noqa: ARG002 - the protocol's
        """Whether a task could be given up: never, as it has ended when its future is there."""
        return False

    @override
    def shutdown(self, *, wait: bool = True, cancel_futures: bool = False) -> None:
        """Take no more tasks; idempotent. There is never anything to wait for or to cancel."""
        self._closed = True


def _running() -> Future[Any]:
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    return future
