"""Checks and conversions of what a job runs with, which say what is allowed where a value is not."""

from __future__ import annotations

import os
import re
from concurrent.futures import Executor as FuturesExecutor
from os import PathLike
from typing import Any

from rastercollection.core.executor import Executor
from rastercollection.core.job_store import JobStore
from rastercollection.disclosure.redaction import revealed
from rastercollection.model import checks
from rastercollection.ports import addresses
from rastercollection.ports.catalog import CatalogBackend

__all__ = [
    "DATABASE",
    "SQLITE",
    "folder_or_catalog",
    "is_catalog",
    "is_dask",
    "is_event",
    "is_executor",
    "is_job_store",
    "is_size",
    "job_store",
    "scratch_folder",
]

DATABASE = re.compile(r"(?P<scheme>[a-z][a-z0-9+]*)://")
_KEYWORDS = re.compile(r"\s*(?:host|hostaddr|port|dbname|user|password|passfile|service|sslmode)\s*=")
SQLITE = "sqlite:///"


def is_dask(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "distributed"


def is_executor(value: Any) -> str:
    if isinstance(value, FuturesExecutor) or is_dask(value):
        return ""
    allowed = "a name, the address of a Dask scheduler, an executor, a concurrent.futures pool or a Dask client"
    return checks.has_members_of(Executor, allowed)(value)


def is_size(value: Any) -> str:
    return checks.integer(1)(value) and "must be a whole number of bytes from 1, or a text such as 500M or 8G"


def is_job_store(value: Any) -> str:
    allowed = "sqlite:///file.db, postgresql://user@host/database, memory or a job store"
    if isinstance(value, str) and (re.match("sqlite(:|$)", value) or not re.match(r"[\w+.-]+(://|$)", value)):
        return "" if value.startswith(SQLITE) and value != SQLITE else f"must be {allowed}"
    return checks.text_or(checks.has_members_of(JobStore, allowed))(value)


def is_event(value: Any) -> str:
    fits = all(callable(getattr(value, name, None)) for name in ("is_set", "set"))
    return "" if fits and not isinstance(value, type) else "must be a threading.Event"


def is_catalog(value: Any) -> str:
    allowed = "a folder, a database's address or a catalog backend"
    is_bare = isinstance(value, str) and not DATABASE.match(value)
    if is_bare and (_KEYWORDS.match(value) or checks.holds_connection(value)):
        return f"must be {allowed}, such as postgresql://user@host/database"
    return checks.text_or(checks.has_members_of(CatalogBackend, allowed))(value)


def folder_or_catalog(value: CatalogBackend | str | PathLike[str] | None) -> Any:
    """A folder in one form, absolute where it is local; an address or a catalog as it is."""
    given = revealed(value)
    if isinstance(given, PathLike):
        given = os.fspath(given)
    is_folder = isinstance(given, str) and not is_catalog(given) and not DATABASE.match(given)
    return addresses.normalise(given) if is_folder else given


def scratch_folder(value: str | PathLike[str] | None) -> Any:
    """A local folder, absolute: the process may go elsewhere before it is used."""
    given = os.fspath(value) if isinstance(value, PathLike) else value
    return given if given is None or checks.local_folder(given) else os.path.abspath(given)


def job_store(value: JobStore | str | PathLike[str] | None) -> Any:
    """The address of a file with an absolute path, also where a path was given; any other, or a store, as it is."""
    given = revealed(value)
    if isinstance(given, PathLike):
        given = SQLITE + os.fspath(given)
    if not isinstance(given, str) or not given.startswith(SQLITE) or given == SQLITE:
        return given
    return SQLITE + os.path.abspath(os.path.expanduser(given.removeprefix(SQLITE)))
