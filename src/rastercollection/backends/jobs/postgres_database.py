"""A schema of a PostgreSQL database: its version, its transactions, its errors. Knows nothing of what is in it."""

from __future__ import annotations

import contextlib
import itertools
import re
import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from rastercollection.backends.jobs.migrations.postgres_schema import POSTGRES_STEPS, VERSIONS
from rastercollection.backends.jobs.postgres_pool import Pool
from rastercollection.backends.postgresql import Address, Meanings, persist, translated
from rastercollection.core.forks import ForkSafeLock
from rastercollection.errors import BackendError, MissingExtraError, PermissionDeniedError

if TYPE_CHECKING:
    import psycopg

__all__ = ["SCHEMA", "PostgresDatabase", "Session"]

T = TypeVar("T")

SCHEMA = "rastercollection"

_NAME = re.compile(r"[A-Za-z_]\w{0,62}", re.ASCII)
_SEARCH_PATH = re.compile(r"-c\s*search_path=(\S*)")
_MEANINGS = Meanings(
    hints={
        PermissionDeniedError: "Check user and password (in the address, PGPASSWORD or ~/.pgpass). The first time, the "
        "role must be allowed to make the schema: GRANT CREATE ON DATABASE name TO role; or have one made for it: "
        f"CREATE SCHEMA {SCHEMA} AUTHORIZATION role.",
    }
)
_BEGIN = (
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout = {lock};"
    " SET LOCAL idle_in_transaction_session_timeout = '60s'"
)
_UNHURRIED = "; SET LOCAL synchronous_commit = off"
LOCK_SECONDS = 10.0


@attrs.frozen(kw_only=True)
class Session:
    """A connection within a transaction. In statements, ``@.`` stands for the schema.

    Attributes:
        call: The same in every attempt at one call, different for every call: by it, a call that is made again because
            its answer was lost knows its own work.
        attempt: How often this call was made before.
    """

    connection: psycopg.Connection[Any]
    schema: str
    call: uuid.UUID
    attempt: int

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows of a statement that has some."""
        found: list[Any] = self._execute(statement, values).fetchall()
        return found

    def row(self, statement: str, values: Sequence[Any] = ()) -> Any:
        """The first row; None where there is none."""
        return self._execute(statement, values).fetchone()

    def change(self, statement: str, values: Sequence[Any] = ()) -> int:
        """How many rows a statement changed."""
        changed: int = self._execute(statement, values).rowcount
        return changed

    def _execute(self, statement: str, values: Sequence[Any]) -> psycopg.Cursor[Any]:
        return self.connection.execute(statement.replace("@.", f'"{self.schema}".').encode(), values)


class PostgresDatabase:
    """One schema, which is made, and brought up to date, when it is first used.

    Args:
        address: Where the database is. ``options=-csearch_path=NAME`` in it names the schema, if ``schema`` is empty.
        schema: Name of the schema.
        patience: Seconds in which a call that fails for passing reasons is made again.
        first: Seconds instead of these until a call has succeeded: an address may be wrong.

    Raises:
        MissingExtraError: psycopg is not installed.
        BackendError: The address cannot be read, or the name of the schema is none.
    """

    def __init__(self, address: Address, schema: str, patience: float, first: float) -> None:
        try:
            import psycopg  # noqa: F401
        except ImportError as error:
            raise MissingExtraError("The PostgreSQL job store", "postgres") from error
        self._address, self._patience, self._first = address, patience, min(first, patience)
        self.public, options = address.public, address.fields.get("options", "")
        found = _SEARCH_PATH.search(options)
        self.schema = schema or (found[1] if found else SCHEMA)
        if not _NAME.fullmatch(self.schema):
            raise BackendError(f"{self.schema!r} is no name of a schema.", "Use letters, digits and _.", self.public)
        # poolers refuse options that they do not know
        self._options = _SEARCH_PATH.sub("", options).strip() or None
        self._pool = Pool(self._connect, self.public)
        self._is_ready, self._preparing = False, ForkSafeLock()

    def _connect(self) -> psycopg.Connection[Any]:
        return self._address.connect(options=self._options, client_encoding="UTF8", autocommit=True)

    def read(self, statement: str, values: Sequence[Any], doing: str) -> list[Any]:
        """All rows of one statement that only reads.

        Args:
            statement, values: As of :meth:`Session.rows`.
            doing: For messages: "Cannot {doing} in …".
        """

        def work() -> list[Any]:
            with translated(self._address, doing, _MEANINGS), self._pool.connection() as connection:
                return self._session(connection, uuid.uuid4(), 0).rows(statement, values)

        return persist(work, self._patience if self._is_ready else self._first)

    def run(
        self, work: Callable[[Session], T], doing: str, *, durable: bool = True, patience: float | None = None
    ) -> T:
        """The result of ``work``, done in one transaction; the whole is done again while it fails for passing reasons.

        Args:
            work: Whatever it raises undoes what it did. Since the answer to a commit can be lost, it must have the
                effect of once when it is done twice.
            doing: For messages: "Cannot {doing} in …".
            durable: Wait until it is on the server's disk; otherwise it is within a moment.
            patience: Seconds; the database's own when None.
        """
        call, attempts = uuid.uuid4(), itertools.count()
        longest = self._patience if self._is_ready else self._first
        patience = min(longest, self._patience if patience is None else patience)
        begin = _BEGIN.format(lock=max(1, round(1000 * min(patience, LOCK_SECONDS)))) + ("" if durable else _UNHURRIED)

        def once() -> T:
            with translated(self._address, doing, _MEANINGS), self._pool.connection() as connection:
                session = self._session(connection, call, next(attempts))
                return _in_transaction(session, work, begin)

        return persist(once, patience)

    def _session(self, connection: psycopg.Connection[Any], call: uuid.UUID, attempt: int) -> Session:
        session = Session(connection=connection, schema=self.schema, call=call, attempt=attempt)
        if not self._is_ready:
            with self._preparing:
                if not self._is_ready:
                    _bring_up_to_date(session, f"The job store {self.public}")
                    self._is_ready = True
        return session

    def close(self) -> None:
        """Close all connections; idempotent."""
        self._pool.close()


def _in_transaction(session: Session, work: Callable[[Session], T], begin: str) -> T:
    session.connection.execute(begin.encode())
    try:
        result = work(session)
        session.connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(Exception):  # a lost connection must not hide why
            session.connection.execute("ROLLBACK")
        raise
    return result


def _bring_up_to_date(session: Session, place: str) -> None:
    """Take the steps that the schema lacks, in one transaction; of several that come at once, one does."""
    if POSTGRES_STEPS.missing(_version(session), place):
        _in_transaction(session, lambda session: _migrate(session, place), "BEGIN")


def _migrate(session: Session, place: str) -> None:
    session.rows("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"rastercollection {session.schema}",))
    if not session.row("SELECT 1 FROM pg_namespace WHERE nspname = %s", (session.schema,)):
        session.change(f'CREATE SCHEMA "{session.schema}"')
    version = _version(session)
    if version == 0 and session.row(
        "SELECT 1 FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = %s", (session.schema,)
    ):
        raise BackendError(
            f"{place}: its schema {session.schema} holds tables of another program.",
            "Name another: ?options=-csearch_path%3DNAME at the end of the address.",
        )
    session.change(f'SET LOCAL search_path = "{session.schema}"')
    session.change(VERSIONS)
    for step in POSTGRES_STEPS.missing(version, place):
        for statement in step.statements:
            session.change(statement)
        session.change("INSERT INTO schema_versions (version) VALUES (%s)", (step.version,))


def _version(session: Session) -> int:
    """The schema's version; 0 where there is none, or nothing in it yet."""
    there = session.row(
        "SELECT 1 FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE nspname = %s AND relname = 'schema_versions'",
        (session.schema,),
    )
    return int(session.row("SELECT coalesce(max(version), 0) FROM @.schema_versions")[0]) if there else 0
