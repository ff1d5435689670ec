"""A pool of the standard library as an executor: the thin adapter that any pool needs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self, TypeVar

from rastercollection.core.executor import ExecutorCapabilities
from rastercollection.errors import ExecutorError

__all__ = ["ExampleExecutor"]

T = TypeVar("T")


class ExampleExecutor:
    """Runs tasks in threads.

    Args:
        max_workers: Tasks that run at the same time.
    """

    def __init__(self, max_workers: int = 1) -> None:
        self._pool = ThreadPoolExecutor(max_workers)
        self._max_workers = max_workers

    @property
    def capabilities(self) -> ExecutorCapabilities:
        return ExecutorCapabilities(
            max_workers=self._max_workers, shares_memory=True, shares_filesystem=True, requires_pickle=False
        )

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        try:
            return self._pool.submit(fn, *args, **kwargs)
        except RuntimeError as error:
            raise ExecutorError("ExampleExecutor has been shut down.", "Make a new one.") from error

    def shutdown(self, *, wait: bool = True, cancel_futures: bool = False) -> None:
        self._pool.shutdown(wait=wait, cancel_futures=cancel_futures)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.shutdown()
