"""Whether a database is ready for publishing, found out before any work is done."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rastercollection.backends.catalogs.pgstac.pgstac_errors import (
    PgstacMissingError,
    PgstacVersionError,
    PostgisMissingError,
)
from rastercollection.errors import PermissionDeniedError

if TYPE_CHECKING:
    import psycopg

__all__ = ["check_setup"]

_FACTS = """
    SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::bool AS read_only,
           EXISTS (SELECT FROM pg_extension WHERE extname = 'postgis') AS has_postgis,
           to_regnamespace('pgstac') IS NOT NULL AS has_schema,
           EXISTS (
               SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = 'pgstac' AND c.relname = 'migrations'
           ) AS has_version
"""
_RIGHTS = """
    SELECT bool_and(has_table_privilege(name, right_))
    FROM unnest(ARRAY['pgstac.collections', 'pgstac.items']) name, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) right_
"""
_VERSION = "SELECT version FROM pgstac.migrations ORDER BY datetime DESC, version DESC LIMIT 1"


def check_setup(connection: psycopg.Connection[Any], public: str) -> None:
    """Look for PostGIS, pgSTAC in a version that the installed pypgstac takes, and the right to write.

    Args:
        connection: To the database.
        public: Its address, for messages.

    Raises:
        PostgisMissingError, PgstacMissingError, PgstacVersionError: What the database lacks.
        PermissionDeniedError: It is read-only, or the role may not write.
    """
    read_only, has_postgis, has_schema, has_version = _row(connection, _FACTS)
    if not has_postgis:
        raise PostgisMissingError(f"The database {public} has no PostGIS.", "", public)
    if not (has_schema and has_version):
        raise PgstacMissingError(f"The database {public} has no pgSTAC.", "", public)
    (may_look,) = _row(connection, "SELECT has_schema_privilege('pgstac', 'USAGE')")
    if not may_look or not _row(connection, _RIGHTS)[0]:
        raise PermissionDeniedError(
            f"The user may not write to pgSTAC in {public}.", "As an administrator: GRANT pgstac_ingest TO it.", public
        )
    if read_only:
        raise PermissionDeniedError(
            f"The database {public} is read-only.", "Use the address of the primary server.", public
        )
    _check_version(connection, public)


def _row(connection: psycopg.Connection[Any], query: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] = connection.execute(query.encode()).fetchone() or ()
    return row


def _check_version(connection: psycopg.Connection[Any], public: str) -> None:
    from pypgstac.version import __version__ as ours

    row = _row(connection, _VERSION)
    if not row:
        raise PgstacMissingError(f"The database {public} has no pgSTAC.", "", public)
    theirs = str(row[0])
    if theirs != "unreleased" and _minor(theirs) != _minor(ours):
        raise PgstacVersionError(
            f"pgSTAC in {public} has version {theirs}, and the installed pypgstac is {ours}: their first two numbers "
            "must agree.",
            f"Install the matching one: pip install 'pypgstac[psycopg]=={'.'.join(_minor(theirs))}.*'; or bring the "
            f"database to {ours}: pypgstac migrate --dsn ADDRESS.",
            public,
        )


def _minor(version: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\d+", version)[:2])
