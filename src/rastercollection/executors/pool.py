"""Any :class:`concurrent.futures.Executor` (loky, MPI, a plain process pool) as an executor of ours."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from typing_extensions import override

from rastercollection.core.executor import ExecutorCapabilities
from rastercollection.errors import ExecutorBrokenError, ExecutorError
from rastercollection.executors.lifecycle import ContextManaged, shut_down_error

__all__ = ["PoolExecutor"]

T = TypeVar("T")


class PoolExecutor(ContextManaged):
    """Runs tasks on a pool that somebody else owns and closes.

    A pool that breaks when one worker dies (as the standard library's process pool does) ends the job: it cannot say
    which task was at fault. :class:`~rastercollection.executors.process.ProcessExecutor` can.

    Args:
        pool: The pool.
        max_workers: Tasks it runs at once; asked of the pool when None, 1 where it does not say.
        capabilities: What may be assumed of it; from the kind of pool when None.
    """

    def __init__(
        self,
        pool: concurrent.futures.Executor,
        *,
        max_workers: int | None = None,
        capabilities: ExecutorCapabilities | None = None,
    ) -> None:
        self._pool = pool
        self._closed = False
        self._unfinished: set[Future[Any]] = set()
        self._capabilities = capabilities or _capabilities_of(pool, max_workers)

    @property
    def capabilities(self) -> ExecutorCapabilities:
        return self._capabilities

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Schedule ``fn(*args, **kwargs)`` and return the pool's future.

        Raises:
            ExecutorError: After ``shutdown``, of this executor or of the pool.
            ExecutorBrokenError: The pool is broken.
        """
        if self._closed:
            raise shut_down_error("PoolExecutor")
        try:
            future = self._pool.submit(fn, *args, **kwargs)
        except concurrent.futures.BrokenExecutor as error:
            raise ExecutorBrokenError(f"The pool is broken: {error}", "Pass a new pool.") from error
        except RuntimeError as error:
            raise ExecutorError(f"The pool takes no more tasks: {error}") from error
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        return future

    @override
    def shutdown(self, *, wait: bool = True, cancel_futures: bool = False) -> None:
        """Take no more tasks; idempotent. The pool itself stays open for its owner.

        Args:
            wait: Return once the tasks submitted here have ended.
            cancel_futures: Cancel those that have not started.
        """
        self._closed = True
        unfinished = self._unfinished.copy()
        running = {future for future in unfinished if not (cancel_futures and future.cancel())}
        if wait:
            concurrent.futures.wait(running)


def _capabilities_of(pool: concurrent.futures.Executor, max_workers: int | None) -> ExecutorCapabilities:
    workers: int = max_workers or getattr(pool, "_max_workers", None) or 1
    if isinstance(pool, concurrent.futures.ThreadPoolExecutor):
        return ExecutorCapabilities(
            max_workers=workers, shares_memory=True, shares_filesystem=True, requires_pickle=False
        )
    is_local = isinstance(pool, concurrent.futures.ProcessPoolExecutor)
    return ExecutorCapabilities(max_workers=workers, shares_filesystem=is_local)
