"""Connections to PostgreSQL that threads take and give back; processes that forked have their own."""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from rastercollection.errors import BackendError

if TYPE_CHECKING:
    import psycopg

__all__ = ["Pool"]

MOST_IDLE = 4

_INHERITED: list[Any] = []
"""Connections of a process that forked: to close them here would end them there."""


class Pool:
    """A few idle connections. As many are open as threads work at the same time.

    Args:
        connect: Makes one, in autocommit mode.
        place: The database, for messages.
    """

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]], place: str) -> None:
        self._connect, self._place = connect, place
        self._start()

    def _start(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._idle: list[psycopg.Connection[Any]] = []
        self._finalizer = weakref.finalize(self, _close, self._idle, self._process)

    @contextlib.contextmanager
    def connection(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection for this thread alone. One that is left within a transaction, or broken, is closed after it."""
        connection = self._take()
        try:
            yield connection
        finally:
            self._give_back(connection)

    def close(self) -> None:
        """Close what is idle, and what is given back from now on; idempotent."""
        self._finalizer()

    def _take(self) -> psycopg.Connection[Any]:
        if self._process != os.getpid():
            _INHERITED.extend(self._idle)
            is_open = self._finalizer.alive
            self._start()
            if not is_open:
                self.close()
        if not self._finalizer.alive:
            raise BackendError(f"The job store {self._place} is closed.", "Make a new one.", self._place)
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        return connection or self._connect()

    def _give_back(self, connection: psycopg.Connection[Any]) -> None:
        from psycopg.pq import TransactionStatus

        with self._lock:
            if connection.info.transaction_status is TransactionStatus.IDLE:
                if self._finalizer.alive and len(self._idle) < MOST_IDLE:
                    self._idle.append(connection)
                    return
                broken = [connection]
            else:
                broken = [connection, *self._idle]  # whatever ended it has most likely ended the others as well
                self._idle.clear()
        _close(broken, self._process)


def _close(connections: list[psycopg.Connection[Any]], process: int) -> None:
    while connections and process == os.getpid():
        connections.pop().close()
