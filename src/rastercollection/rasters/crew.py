"""Threads that share the work of one tile."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from rastercollection.core.forks import rely_on_threads

__all__ = ["Crew"]

T = TypeVar("T")

_AHEAD = 2
"""Pieces for each thread that are begun before the first of them has to be done: no thread waits for a slow one."""


class Crew:
    """Does pieces of work at the same time; one after the other, in the caller's thread, where it has one thread.

    Attributes:
        threads: How many do.
    """

    def __init__(self, pool: ThreadPoolExecutor | None, threads: int = 1) -> None:
        self._pool, self.threads = pool, threads

    @classmethod
    @contextlib.contextmanager
    def of(cls, threads: int) -> Iterator[Crew]:
        """A crew for the duration of a ``with`` block."""
        if threads <= 1:
            yield cls(None)
            return
        rely_on_threads()
        with ThreadPoolExecutor(threads, thread_name_prefix="rastercollection-tile") as pool:
            yield cls(pool, threads)

    def in_order(self, work: Iterable[Callable[[], T]]) -> Iterator[T]:
        """What each piece gives, in order, while others go on: a few are begun ahead, the rest when it is their turn.

        Raises:
            Exception: What a piece raised; no more are begun then.
        """
        if self._pool is None:
            yield from (piece() for piece in work)
            return
        begun: deque[Future[T]] = deque()
        try:
            for piece in work:
                begun.append(self._pool.submit(piece))
                if len(begun) > _AHEAD * self.threads:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for future in begun:
                future.cancel()

    def begin(self, piece: Callable[[], T]) -> Callable[[], T]:
        """Have a piece done while the caller goes on; what is returned waits for it, and gives or raises what it does.

        Where there is one thread, it is done before the caller goes on.
        """
        if self._pool is not None:
            return self._pool.submit(piece).result
        found = piece()
        return lambda: found

    def all(self, work: Iterable[Callable[[], T]]) -> list[T]:
        """What each piece gives, in order.

        Raises:
            Exception: What a piece raised; those that were not begun are left.
        """
        if self._pool is None:
            return [piece() for piece in work]
        futures = [self._pool.submit(piece) for piece in work]
        wait(futures, return_when=FIRST_EXCEPTION)
        for future in futures:
            future.cancel()
        return [future.result() for future in futures if not future.cancelled()]
