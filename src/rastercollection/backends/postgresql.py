"""PostgreSQL, for whatever is kept in it: addresses without their passwords, connecting, errors, trying again.

What only one tenant of a database knows (its schema, its own errors) stands beside that tenant.
"""

from __future__ import annotations

import random
import re
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from rastercollection.core.patience import tell_of_trying_again
from rastercollection.disclosure.redaction import redacted
from rastercollection.errors import (
    BackendError,
    NoSpaceError,
    ObjectExistsError,
    PermissionDeniedError,
    RasterCollectionError,
    UnavailableError,
)

if TYPE_CHECKING:
    import psycopg

__all__ = ["Address", "DatabaseNotFoundError", "Kind", "Meanings", "persist", "translated"]

T = TypeVar("T")
Kind = type[BackendError]

CONNECT_SECONDS = 10
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0

_USUAL = {
    "connect_timeout": str(CONNECT_SECONDS),
    "application_name": "rastercollection",
    # a server, or the way to it, that is gone without a word is noticed
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}


class DatabaseNotFoundError(BackendError):
    """The server answers, but has no database of this name."""

    code = "DATABASE_NOT_FOUND"
    default_hint = "Correct the name at the end of the address, or create it: createdb NAME."


_BY_STATE: Mapping[str, Kind] = {
    "28": PermissionDeniedError,  # invalid authorization
    "3D": DatabaseNotFoundError,
    "42501": PermissionDeniedError,
    "25006": PermissionDeniedError,  # read-only transaction
    "25P03": UnavailableError,  # this process slept for longer than a transaction may idle
    "53100": NoSpaceError,
    "08": UnavailableError,
    "40": UnavailableError,  # serialization failure, deadlock
    "53": UnavailableError,
    "55": UnavailableError,  # a lock was not to be had
    "57": UnavailableError,  # shut down, cancelled
    "58": UnavailableError,
    "XX000": UnavailableError,
    "23505": ObjectExistsError,
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
    PermissionDeniedError: "Check user and password (in the address, PGPASSWORD or ~/.pgpass).",
    UnavailableError: "Check host and port, and that PostgreSQL runs and takes connections from here.",
    NoSpaceError: "Free some space on the database server.",
}


@attrs.frozen
class Address:
    """Where a database is.

    Attributes:
        dsn: ``postgresql://…`` or ``key=value …``, as libpq takes it. Never shown.
    """

    dsn: str = attrs.field(repr=False)

    @property
    def fields(self) -> dict[str, str]:
        """What it says, by libpq's keywords; the password is among it.

        Raises:
            BackendError: It is no address.
        """
        import psycopg
        from psycopg.conninfo import conninfo_to_dict

        try:
            return {name: str(value) for name, value in conninfo_to_dict(self.dsn).items()}
        except psycopg.ProgrammingError:
            # libpq's message may quote the password
            raise BackendError(
                "The address of the database cannot be read.", "Write it as postgresql://user@host:port/database."
            ) from None

    @property
    def public(self) -> str:
        """The address without password and options."""
        fields = self.fields
        host, port, user = fields.get("host", ""), fields.get("port", ""), fields.get("user", "")
        place = "" if host.startswith("/") else host + (f":{port}" if port else "")
        return f"postgresql://{f'{user}@' if user else ''}{place}/{fields.get('dbname', '')}"

    def connect(self, **settings: Any) -> psycopg.Connection[Any]:
        """A new connection.

        Args:
            settings: Of libpq or psycopg; they go before what the address says, and None leaves it out.
        """
        import psycopg

        fields = {**_USUAL, **self.fields, **settings}
        # a statement prepared on one server connection is unknown on the next behind a pooler
        connect: Callable[..., psycopg.Connection[Any]] = psycopg.connect
        return connect(**{name: value for name, value in fields.items() if value is not None}, prepare_threshold=None)


@attrs.frozen(kw_only=True)
class Meanings:
    """What errors mean to one tenant of a database, beside what they mean to all.

    Attributes:
        states: Classes by SQLSTATE, or by its first two letters.
        hints: What to do, by class.
        of_text: Asked first, with SQLSTATE and message.
    """

    states: Mapping[str, Kind] = attrs.field(factory=dict)
    hints: Mapping[Kind, str] = attrs.field(factory=dict)
    of_text: Callable[[str | None, str], Kind | None] | None = None

    def kind(self, error: psycopg.Error, text: str) -> Kind:
        """The class of the library's errors for one of psycopg's."""
        import psycopg

        state = error.sqlstate
        if self.of_text and (found := self.of_text(state, text)):
            return found
        if state:
            known = {**_BY_STATE, **self.states}
            return known.get(state) or known.get(state[:2]) or BackendError
        for pattern, kind in _BY_TEXT:
            if re.search(pattern, str(error)):
                return kind
        # without an SQLSTATE it is the connection that failed
        return UnavailableError if isinstance(error, psycopg.OperationalError) else BackendError

    def hint(self, kind: Kind) -> str:
        """What to do about an error of this class."""
        return self.hints.get(kind) or _HINTS.get(kind, "")


@contextmanager
def translated(address: Address, doing: str, meanings: Meanings) -> Iterator[None]:
    """Whatever is raised within, as an error of the library: "Cannot {doing} in {address}: …"."""
    try:
        yield
    except RasterCollectionError:
        raise
    except Exception as error:  # whatever psycopg, or what stands on it, raises ends here
        kind, reason = _meaning(error, address, meanings)
        traceback.clear_frames(error.__traceback__)  # their locals hold the password
        message = f"Cannot {doing} in {address.public}: {reason}."
        raise kind(message, meanings.hint(kind), address.public) from error


def _meaning(error: Exception, address: Address, meanings: Meanings) -> tuple[Kind, str]:
    import psycopg

    link: BaseException | None = error
    while link is not None and not isinstance(link, psycopg.Error):
        link = link.__cause__ or link.__context__
    told = link or error
    text = next((line.strip() for line in str(told).splitlines() if line.strip()), type(told).__name__)
    password = address.fields.get("password")
    shown = redacted(text, [password] if password else [])
    if not isinstance(told, psycopg.Error):
        return BackendError, f"{type(told).__name__}: {shown}".rstrip(". ")
    return meanings.kind(told, text), shown[:400].rstrip(". ")


def persist(work: Callable[[], T], seconds: float) -> T:
    """The result of ``work``, which is called again while it raises UnavailableError.

    Args:
        work: Has the effect of one call, however often it is called.
        seconds: From the first call to the last.

    Raises:
        UnavailableError: It still did at the end. Nobody further out is to try again what was tried for so long: the
            error is not retryable.
    """
    began, pause, tries = time.monotonic(), FIRST_PAUSE, 0
    while True:
        tries += 1
        try:
            return work()
        except UnavailableError as error:
            past = time.monotonic() - began
            if past + pause > seconds:
                raise _given_up(error, tries, past) from error
            tell_of_trying_again(error)
        time.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(2 * pause, LONGEST_PAUSE)


def _given_up(error: UnavailableError, tries: int, seconds: float) -> UnavailableError:
    told = f"{error.message} It was tried {tries} times in {seconds:.0f} s." if tries > 1 else error.message
    found = type(error)(told, error.hint, error.target)
    found.retryable = False
    return found
