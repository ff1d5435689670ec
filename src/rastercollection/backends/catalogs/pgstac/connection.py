"""Transactions in the database of a pgSTAC catalog, and what its errors mean."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from rastercollection.backends.catalogs.pgstac.pgstac_errors import PgstacMissingError
from rastercollection.backends.postgresql import Address, Kind, Meanings, persist, translated
from rastercollection.errors import MissingExtraError, PermissionDeniedError, UnavailableError

if TYPE_CHECKING:
    import psycopg

__all__ = ["Database", "require_pypgstac"]

T = TypeVar("T")


def _of_text(state: str | None, text: str) -> Kind | None:
    # pgSTAC goes on without the partition when another publisher was in its way
    return UnavailableError if state == "42P01" and "_items_" in text else None


_MEANINGS = Meanings(
    states={
        "23514": UnavailableError,  # another publisher narrowed the range of dates that pgSTAC checks
        "3F000": PgstacMissingError,
        "42P01": PgstacMissingError,
        "42883": PgstacMissingError,
    },
    hints={
        PermissionDeniedError: "Check user and password (in the address, PGPASSWORD or ~/.pgpass); publishing needs "
        "the role pgstac_ingest: GRANT pgstac_ingest TO the user.",
    },
    of_text=_of_text,
)


def require_pypgstac() -> None:
    """Raise MissingExtraError unless pypgstac and psycopg can be imported."""
    try:
        import psycopg  # noqa: F401
        import pypgstac.db  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("The pgSTAC catalog", "pgstac") from error


@attrs.frozen(kw_only=True)
class Database:
    """A PostgreSQL database, by its address.

    Attributes:
        dsn: ``postgresql://…`` or ``key=value …``, as libpq takes it. Never shown.
        patience: Seconds in which work that failed for passing reasons is tried again, and that a lock is waited for.
    """

    dsn: str = attrs.field(repr=False)
    patience: float

    @property
    def public(self) -> str:
        """The address without password and options."""
        return Address(self.dsn).public

    def run(self, work: Callable[[psycopg.Connection[Any]], T], doing: str) -> T:
        """The result of ``work``, done in one transaction; it is done again while it fails for passing reasons.

        Args:
            work: Gets a connection within a transaction, which is committed after it, or rolled back if it raises.
            doing: For messages: "Cannot {doing}: …".

        Raises:
            BackendError: It failed otherwise, or still fails after ``patience`` seconds; then it is not retryable.
        """
        return persist(lambda: self.run_once(work, doing), self.patience)

    def run_once(self, work: Callable[[psycopg.Connection[Any]], T], doing: str) -> T:
        """Like :meth:`run`, tried once."""
        with translated(Address(self.dsn), doing, _MEANINGS), self._connect() as connection:
            connection.execute(_SETTINGS, {"lock": f"{max(1, round(1000 * self.patience))}ms"})
            result = work(connection)
            connection.commit()
            return result

    @contextlib.contextmanager
    def _connect(self) -> Iterator[psycopg.Connection[Any]]:
        connection = Address(self.dsn).connect()
        try:
            yield connection
        finally:
            connection.close()  # what was not committed is rolled back


_SETTINGS = """
    SELECT set_config('search_path', 'pgstac,' || current_setting('search_path') || ',public', true),
           set_config('timezone', 'UTC', true),
           set_config('lock_timeout', %(lock)s, true)
"""
