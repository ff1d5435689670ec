"""Any :class:`concurrent.futures.Executor` (loky, MPI, a plain process pool) as an executor of ours."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import Any, TypeVar

from typing_extensions import override

from rastercollection.core.executor import ExecutorCapabilities
from rastercollection.core.forks import forked_since
from rastercollection.errors import ExecutorBrokenError, ExecutorError, ForkedProcessError, TaskError
from rastercollection.executors.lifecycle import ContextManaged, shut_down_error

__all__ = ["PoolExecutor"]

T = TypeVar("T")


class _PooledFuture(Future[T]):
    """Becomes what a pool's future becomes, which nobody but the pool may settle, unless it is given up before."""

    def __init__(self, pooled: Future[T]) -> None:
        super().__init__()
        self._pooled: Future[T] | None = pooled
        pooled.add_done_callback(self._take)

    @override
    def cancel(self) -> bool:
        pooled = self._pooled
        return self.cancelled() or (pooled is not None and not self.done() and pooled.cancel())

    @override
    def running(self) -> bool:
        pooled = self._pooled
        return pooled is not None and not self.done() and pooled.running()

    def give_up(self, reason: TaskError) -> bool:
        """Fail with ``reason``, unless it has ended; returns whether that was done."""
        pooled = self._pooled
        try:
            self.set_exception(reason)
        except InvalidStateError:
            return False
        if pooled is not None:
            pooled.cancel()
        return True

    def _take(self, pooled: Future[T]) -> None:
        self._pooled = None
        with contextlib.suppress(InvalidStateError):
            if pooled.cancelled():
                if super().cancel():
                    self.set_running_or_notify_cancel()
            elif (error := pooled.exception()) is not None:
                self.set_exception(error)
            else:
                self.set_result(pooled.result())


class PoolExecutor(ContextManaged):
    """Runs tasks on a pool that somebody else owns and closes.

    A pool that breaks when one worker dies (as the standard library's process pool does) ends the job: it cannot say
    which task was at fault. :class:`~rastercollection.executors.process.ProcessExecutor` can.

    Args:
        pool: The pool.
        max_workers: Tasks it runs at once; asked of the pool when None, 1 where it does not say.
        shares_filesystem: Whether its workers see this machine's files. When None: those of loky and of the standard
            library do, of any other pool nothing is known.
    """

    def __init__(
        self,
        pool: concurrent.futures.Executor,
        *,
        max_workers: int | None = None,
        shares_filesystem: bool | None = None,
    ) -> None:
        self._pool = pool
        self._closed = False
        self._process = os.getpid()
        self._unfinished: set[_PooledFuture[Any]] = set()
        self._capabilities = _capabilities_of(pool, max_workers, shares_filesystem)

    @property
    def capabilities(self) -> ExecutorCapabilities:
        return self._capabilities

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Schedule ``fn(*args, **kwargs)`` and return a future that follows the pool's.

        Raises:
            ExecutorError: After ``shutdown``, of this executor or of the pool.
            ExecutorBrokenError: The pool is broken.
            ForkedProcessError: The pool was at work before this process was forked.
        """
        error = _lost(self._pool) or forked_since(self._process, "PoolExecutor")
        if error is not None:
            raise error
        if self._closed:
            raise shut_down_error("PoolExecutor")
        try:
            pooled = self._pool.submit(fn, *args, **kwargs)
        except concurrent.futures.BrokenExecutor as error:
            raise ExecutorBrokenError(f"The pool is broken: {error}", "Pass a new pool.") from error
        except RuntimeError as error:
            raise ExecutorError(f"The pool takes no more tasks: {error}") from error
        future = _PooledFuture(pooled)
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        return future

    def end(self, future: Future[Any], reason: TaskError) -> bool:
        """Give up a task, whose future then fails with ``reason``. Thread-safe.

        The pool's worker that runs it goes on, and keeps its place in the pool; what comes of the task is dropped.

        Returns:
            Whether the future has failed with ``reason``: False where it is not this executor's, or ended before.
        """
        return isinstance(future, _PooledFuture) and future in self._unfinished and future.give_up(reason)

    @override
    def shutdown(self, *, wait: bool = True, cancel_futures: bool = False) -> None:
        """Take no more tasks; idempotent. The pool itself stays open for its owner.

        Args:
            wait: Return once the tasks submitted here have ended.
            cancel_futures: Cancel those that have not started.
        """
        self._closed = True
        if self._process != os.getpid():
            return
        unfinished = self._unfinished.copy()
        running = {future for future in unfinished if not (cancel_futures and future.cancel())}
        if wait:
            concurrent.futures.wait(running)


def _lost(pool: concurrent.futures.Executor) -> ForkedProcessError | None:
    """The error of a pool of the standard library whose threads were left behind by a fork."""
    threads = [*(getattr(pool, "_threads", None) or ()), getattr(pool, "_executor_manager_thread", None)]
    started = [thread for thread in threads if isinstance(thread, threading.Thread)]
    if not started or any(thread.is_alive() for thread in started):
        return None
    return ForkedProcessError("The pool's threads are not in this process, or have ended.", "Make a pool here.")


def _capabilities_of(
    pool: concurrent.futures.Executor, max_workers: int | None, shares_filesystem: bool | None
) -> ExecutorCapabilities:
    workers: int = max_workers or getattr(pool, "_max_workers", None) or 1
    if isinstance(pool, concurrent.futures.ThreadPoolExecutor):
        return ExecutorCapabilities(
            max_workers=workers, shares_memory=True, shares_filesystem=True, requires_pickle=False
        )
    is_local = isinstance(pool, concurrent.futures.ProcessPoolExecutor) or _module(pool) == "loky"
    sees_files = is_local if shares_filesystem is None else shares_filesystem
    return ExecutorCapabilities(max_workers=workers, shares_filesystem=sees_files)


def _module(pool: concurrent.futures.Executor) -> str:
    return type(pool).__module__.partition(".")[0]
