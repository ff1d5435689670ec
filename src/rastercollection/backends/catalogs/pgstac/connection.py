"""Connections to the database of a pgSTAC catalog, and psycopg's errors turned into the library's own."""

from __future__ import annotations

import contextlib
import random
import re
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from rastercollection.backends.catalogs.pgstac.pgstac_errors import DatabaseNotFoundError, PgstacMissingError
from rastercollection.disclosure.redaction import redacted
from rastercollection.errors import (
    BackendError,
    MissingExtraError,
    NoSpaceError,
    ObjectExistsError,
    PermissionDeniedError,
    RasterCollectionError,
    UnavailableError,
)

if TYPE_CHECKING:
    import psycopg

__all__ = ["Database", "require_pypgstac"]

T = TypeVar("T")
Kind = type[BackendError]

CONNECT_SECONDS = 10
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0

_BY_STATE: Mapping[str, Kind] = {
    "28": PermissionDeniedError,  # invalid authorization
    "3D": DatabaseNotFoundError,
    "42501": PermissionDeniedError,
    "25006": PermissionDeniedError,  # read-only transaction
    "53100": NoSpaceError,
    "08": UnavailableError,
    "40": UnavailableError,  # serialization failure, deadlock
    "53": UnavailableError,
    "55": UnavailableError,  # a lock was not to be had
    "57": UnavailableError,  # shut down, cancelled
    "58": UnavailableError,
    "XX000": UnavailableError,
    "23514": UnavailableError,  # another publisher narrowed the range of dates that pgSTAC checks
    "23505": ObjectExistsError,
    "3F000": PgstacMissingError,
    "42P01": PgstacMissingError,
    "42883": PgstacMissingError,
}
"""By SQLSTATE, or by its first two letters, the class."""

_BY_TEXT: tuple[tuple[str, Kind], ...] = (
    (r'database "[^"]*" does not exist', DatabaseNotFoundError),
    (r'role "[^"]*" does not exist|role "[^"]*" is not permitted', PermissionDeniedError),
    (r"password authentication failed|no password supplied|authentication failed", PermissionDeniedError),
    (r"no pg_hba\.conf entry|permission denied|certificate", PermissionDeniedError),
)
"""Errors of connecting carry no SQLSTATE."""

_HINTS: Mapping[Kind, str] = {
    PermissionDeniedError: "Check user and password (in the address, PGPASSWORD or ~/.pgpass); publishing needs the "
    "role pgstac_ingest: GRANT pgstac_ingest TO the user.",
    UnavailableError: "Check host and port, and that PostgreSQL runs and takes connections from here.",
    NoSpaceError: "Free some space on the database server.",
}


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
        fields = self._fields()
        host, port, user = fields.get("host", ""), fields.get("port", ""), fields.get("user", "")
        place = "" if host.startswith("/") else host + (f":{port}" if port else "")
        return f"postgresql://{f'{user}@' if user else ''}{place}/{fields.get('dbname', '')}"

    def run(self, work: Callable[[psycopg.Connection[Any]], T], doing: str) -> T:
        """The result of ``work``, done in one transaction; it is done again while it fails for passing reasons.

        Args:
            work: Gets a connection within a transaction, which is committed after it, or rolled back if it raises.
            doing: For messages: "Cannot {doing}: …".

        Raises:
            BackendError: It failed otherwise, or still fails after ``patience`` seconds.
        """
        deadline, pause = time.monotonic() + self.patience, FIRST_PAUSE
        while True:
            try:
                return self.run_once(work, doing)
            except UnavailableError:
                if time.monotonic() + pause > deadline:
                    raise
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE)

    def run_once(self, work: Callable[[psycopg.Connection[Any]], T], doing: str) -> T:
        """Like :meth:`run`, tried once."""
        with self._translated(doing), self._connect() as connection:
            connection.execute(_SETTINGS, {"lock": f"{max(1, round(1000 * self.patience))}ms"})
            result = work(connection)
            connection.commit()
            return result

    @contextlib.contextmanager
    def _connect(self) -> Iterator[psycopg.Connection[Any]]:
        import psycopg

        fields = {"connect_timeout": str(CONNECT_SECONDS), "application_name": "rastercollection", **self._fields()}
        # a statement prepared on one server connection is unknown on the next behind a pooler
        connect: Callable[..., psycopg.Connection[Any]] = psycopg.connect
        connection = connect(**fields, prepare_threshold=None)
        try:
            yield connection
        finally:
            connection.close()  # what was not committed is rolled back

    def _fields(self) -> dict[str, str]:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict

        try:
            return {name: str(value) for name, value in conninfo_to_dict(self.dsn).items()}
        except psycopg.ProgrammingError:
            # libpq's message may quote the password
            raise BackendError(
                "The address of the database cannot be read.", "Write it as postgresql://user@host:port/database."
            ) from None

    @contextlib.contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except RasterCollectionError:
            raise
        except Exception as error:  # whatever psycopg and pypgstac raise ends here
            kind, reason = self._meaning(error)
            traceback.clear_frames(error.__traceback__)  # their locals hold the password
            message = f"Cannot {doing} in {self.public}: {reason}."
            raise kind(message, _HINTS.get(kind, ""), self.public) from error

    def _meaning(self, error: Exception) -> tuple[Kind, str]:
        import psycopg

        link: BaseException | None = error
        while link is not None and not isinstance(link, psycopg.Error):
            link = link.__cause__ or link.__context__
        told = link or error
        text = next((line.strip() for line in str(told).splitlines() if line.strip()), type(told).__name__)
        password = self._fields().get("password")
        shown = redacted(text, [password] if password else [])
        if not isinstance(told, psycopg.Error):
            return BackendError, f"{type(told).__name__}: {shown}".rstrip(". ")
        return _kind(told, text), shown[:400].rstrip(". ")


_SETTINGS = """
    SELECT set_config('search_path', 'pgstac,' || current_setting('search_path') || ',public', true),
           set_config('timezone', 'UTC', true),
           set_config('lock_timeout', %(lock)s, true)
"""


def _kind(error: psycopg.Error, text: str) -> Kind:
    import psycopg

    state = error.sqlstate
    if state == "42P01" and "_items_" in text:
        return UnavailableError  # pgSTAC goes on without the partition when another publisher was in its way
    if state:
        return _BY_STATE.get(state) or _BY_STATE.get(state[:2]) or BackendError
    for pattern, kind in _BY_TEXT:
        if re.search(pattern, str(error)):
            return kind
    # without an SQLSTATE it is the connection that failed
    return UnavailableError if isinstance(error, psycopg.OperationalError) else BackendError
