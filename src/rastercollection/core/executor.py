"""Where tasks run: the protocol of an executor, and what may be assumed of one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Protocol, TypeVar, runtime_checkable

import attrs

from rastercollection.core.offering import Offering
from rastercollection.errors import TaskError

__all__ = [
    "EndsTasks",
    "Executor",
    "ExecutorCapabilities",
]


T = TypeVar("T")


@attrs.frozen(kw_only=True)
class ExecutorCapabilities:
    """What may be assumed of an executor. The defaults assume nothing.

    Attributes:
        max_workers: Tasks that run at the same time.
        shares_memory: Tasks run in this process.
        shares_filesystem: Tasks see this machine's files.
        requires_pickle: Function, arguments and results must pickle.
        can_cancel_running: ``Future.cancel`` stops a task that already runs.
    """

    max_workers: int = 1
    shares_memory: bool = False
    shares_filesystem: bool = False
    requires_pickle: bool = True
    can_cancel_running: bool = False


@runtime_checkable
class Executor(Protocol, metaclass=Offering):
    """Where tasks run: the part of :class:`concurrent.futures.Executor` that the engine needs.

    An executor is a context manager; leaving it shuts it down and waits. Whoever constructs it closes it.
    """

    @property
    def capabilities(self) -> ExecutorCapabilities: ...

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Schedule ``fn(*args, **kwargs)`` and return its standard future.

        A worker that dies fails the futures of the tasks it ran, and only those, with
        :class:`~rastercollection.errors.WorkerDiedError`; the executor goes on with the rest.

        Raises:
            ExecutorError: After ``shutdown``.
            ExecutorBrokenError: Nothing can be run any more.
        """
        ...

    def shutdown(self, *, wait: bool = True, cancel_futures: bool = False) -> None:
        """Take no more tasks; idempotent.

        Args:
            wait: Return once all submitted tasks have ended and resources are freed.
            cancel_futures: Cancel the futures that have not started.
        """
        ...

    def __enter__(self) -> Executor: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool | None: ...


@runtime_checkable
class EndsTasks(Protocol, metaclass=Offering):
    """What an executor can besides: give up a call that already runs."""

    def end(self, future: Future[Any], reason: TaskError) -> bool:
        """End the worker that runs a call, whose future then fails with ``reason``; others take its place.

        A worker that cannot be ended, as a thread cannot, is left to itself: its place is taken, and its outcome is
        dropped. Returns at once, or as soon as the worker has ended.

        Returns:
            Whether the future has failed with ``reason``: False where it is not this executor's, or ended before.
        """
        ...
