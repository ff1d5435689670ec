"""One SQLite file: opening it, its schema, its transactions, its errors. Knows nothing of jobs beyond their tables."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import time
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rastercollection.backends.jobs.migrations.sqlite_schema import APPLICATION_ID, SQLITE_STEPS
from rastercollection.core.forks import ForkSafeLock
from rastercollection.errors import (
    BackendError,
    NoSpaceError,
    ObjectNotFoundError,
    PermissionDeniedError,
    UnavailableError,
)

__all__ = ["Database"]

BUSY_SECONDS = 30.0

_KINDS: dict[int, tuple[type[BackendError], str]] = {
    sqlite3.SQLITE_BUSY: (UnavailableError, "another process holds it locked"),
    sqlite3.SQLITE_LOCKED: (UnavailableError, "another process holds it locked"),
    sqlite3.SQLITE_IOERR: (UnavailableError, "reading or writing its disk failed; network disks are not supported"),
    sqlite3.SQLITE_PROTOCOL: (UnavailableError, "its locks do not work; network disks are not supported"),
    sqlite3.SQLITE_FULL: (NoSpaceError, "its disk is full"),
    sqlite3.SQLITE_IOERR_SHMSIZE: (NoSpaceError, "its disk is full"),
    sqlite3.SQLITE_READONLY: (PermissionDeniedError, "it cannot be written"),
    sqlite3.SQLITE_PERM: (PermissionDeniedError, "it cannot be written"),
    sqlite3.SQLITE_AUTH: (PermissionDeniedError, "it cannot be written"),
    sqlite3.SQLITE_CANTOPEN: (PermissionDeniedError, "it cannot be opened or made"),
    sqlite3.SQLITE_NOTADB: (BackendError, "it is not an SQLite database"),
    sqlite3.SQLITE_CORRUPT: (BackendError, "it is damaged"),
}
_HINT = "Set RASTERCOLLECTION_STATE to a folder on a local disk, or `jobs` to another job store."


class Database:
    """A connection that threads take turns with; other processes have their own.

    Args:
        path: The file. It and its folder are made when missing.
        at_once: Open it now, rather than when it is first used.

    Raises:
        BackendError: It cannot be opened, is no database, or is another program's.
    """

    def __init__(self, path: str | os.PathLike[str], *, at_once: bool = True) -> None:
        self.path = os.path.abspath(os.fspath(path))
        self._lock = ForkSafeLock()
        self._process = 0
        self._file: tuple[int, int] | None = None
        if at_once:
            self._open()

    def _open(self) -> None:
        self._process = os.getpid()
        with self._translated():
            _make_folder(self.path)
            self._connection = sqlite3.connect(
                self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        self._finalizer = weakref.finalize(self, _close, self._connection, self._process)
        try:
            with self._translated():
                self._connection.execute("BEGIN")  # one moment's view, while others may be making the tables
                self._check_schema()
                self._connection.execute("COMMIT")
                self._connection.execute("PRAGMA synchronous = FULL")
                _use_write_ahead_log(self._connection)
            self._migrate()
            self._file = _identity(self.path)
        except BaseException:
            self._finalizer()
            raise

    def _migrate(self) -> None:
        """Bring the file to today's schema, in one step; of several that open it at once, one does."""
        with self._translated():
            version = self._check_schema()
        if not SQLITE_STEPS.missing(version, self.path):
            return
        with self.writing() as connection:
            for step in SQLITE_STEPS.missing(self._check_schema(), self.path):
                for statement in step.statements:
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {SQLITE_STEPS.latest}")

    def _check_schema(self) -> int:
        """The version of the file's schema, 0 for a new file, before anything in it is changed."""
        version, owner = self._pragma("user_version"), self._pragma("application_id")
        empty = not self._connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
        if owner != APPLICATION_ID and not (empty and owner == 0 and version == 0):
            raise BackendError(f"{self.path} is the database of another program.", _HINT, self.path)
        SQLITE_STEPS.missing(version, self.path)
        return version

    def _pragma(self, name: str) -> int:
        return int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for single statements that only read."""
        with self._lock, self._translated():
            yield self._live()

    @contextlib.contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """The connection in a transaction that has the write lock; whatever is raised inside undoes it.

        Args:
            durable: Flush it to the disk; otherwise a loss of power may undo it, but not the death of the process.
        """
        with self._lock, self._translated():
            connection = self._live()
            self._check_place()
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                with contextlib.suppress(sqlite3.Error):  # a broken disk must not hide why
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows of a statement that only reads."""
        with self.reading() as connection:
            return connection.execute(statement, values).fetchall()

    def _live(self) -> sqlite3.Connection:
        if not self._process:
            self._open()
        if not self._finalizer.alive:
            raise BackendError(f"The job store {self.path} is closed.", "Make a new one.", self.path)
        if self._process != os.getpid():  # connections do not survive a fork; the parent's is left alone
            _INHERITED.append(self._connection)
            self._open()
        return self._connection

    def _check_place(self) -> None:
        """Raise where the file was deleted or replaced: others would find no job, and no lease, where they look."""
        if self._file is not None and _identity(self.path) != self._file:
            raise BackendError(
                f"The job store {self.path} was deleted or replaced while it was in use.", _HINT, self.path
            )

    def close(self) -> None:
        """Close the connection; idempotent."""
        with self._lock:
            if self._process:
                self._finalizer()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """SQLite's errors, and those of making the folder, as the library's own."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0)
            kind, reason = _KINDS.get(code) or _KINDS.get(code & 0xFF) or (BackendError, str(error))
            raise kind(f"The job store {self.path}: {reason}.", _HINT, self.path) from error
        except OSError as error:
            reason = f"its folder cannot be made: {error.strerror}"
            refused = NoSpaceError if error.errno in (errno.ENOSPC, errno.EDQUOT) else PermissionDeniedError
            raise refused(f"The job store {self.path}: {reason}.", _HINT, self.path) from error


def _identity(path: str) -> tuple[int, int] | None:
    """What a file is known by on its disk; None where there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


_INHERITED: list[sqlite3.Connection] = []


def _close(connection: sqlite3.Connection, process: int) -> None:
    if process == os.getpid():
        connection.close()


def _make_folder(path: str) -> None:
    if os.path.isdir(path):
        raise ObjectNotFoundError(f"The job store {path} is a folder.", "Name a file in it.", path)
    Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch the file to its write-ahead log; SQLite does not wait for others here, so this does."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
