"""Places in a job at which it can be hurt: calls of stores, storage, catalogs and the disk, and what happens there.

A program that runs jobs installs them before it starts; so do its workers, which are told by the environment.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import os
import resource
import signal
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from rastercollection.backends.catalogs.static.static_catalog import StaticCatalog
from rastercollection.backends.jobs.memory import MemoryJobStore
from rastercollection.backends.jobs.sqlite import SqliteJobStore
from rastercollection.backends.storage import local
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.core.engine import worker
from rastercollection.core.job_store import JobStore
from rastercollection.errors import NoSpaceError, PermissionDeniedError, UnavailableError
from rastercollection.ports.catalog import CatalogBackend
from rastercollection.ports.storage import StorageBackend, Sweepable

VARIABLE = "RASTERCOLLECTION_CHAOS"

DISK_CALLS = ("open", "write", "copy_file_range", "fsync", "replace", "link", "unlink", "mkdir")
ERRORS: dict[str, Callable[[], Exception]] = {
    "UNAVAILABLE": lambda: UnavailableError("made to fail: not now"),
    "PERMISSION_DENIED": lambda: PermissionDeniedError("made to fail: not allowed"),
    "NO_SPACE": lambda: NoSpaceError("made to fail: full"),
    "ENOSPC": lambda: OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
    "EIO": lambda: OSError(errno.EIO, os.strerror(errno.EIO)),
}


@attrs.frozen(kw_only=True)
class Fault:
    """What happens where and when, in all processes of a program together.

    Attributes:
        place: As in a trace, such as ``jobs.commit:before``; empty for none.
        nth: The time it is reached at which it happens, from 1.
        action: ``kill`` ends the process that is there, ``kill_all`` and ``stop_all`` its whole group, with a signal;
            otherwise one of :data:`ERRORS`, which is raised.
        folder: An existing folder in which the times are counted, and all places that were reached are told.
        largest_file: Bytes; the process that writes a file beyond them dies in the middle of it. None for no limit.
    """

    place: str = ""
    nth: int = 1
    action: str = "kill"
    folder: str
    largest_file: int | None = None

    @property
    def text(self) -> str:
        """For the environment."""
        return json.dumps(attrs.asdict(self))

    def reach(self, place: str) -> None:
        """Be told that a place is reached."""
        _append(os.path.join(self.folder, "trace"), f"{place}\n")
        if place == self.place and _append(os.path.join(self.folder, "times"), "x") == self.nth:
            self._act()

    def _act(self) -> None:
        _append(os.path.join(self.folder, "happened"), f"{self.action} {os.getpid()}\n")
        if self.action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.action == "kill_all":
            os.killpg(0, signal.SIGKILL)
        elif self.action == "stop_all":
            os.killpg(0, signal.SIGSTOP)
        else:
            raise ERRORS[self.action]()


def _append(path: str, text: str) -> int:
    """Add to a file that several processes add to; returns its length after that."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, text.encode())
        return os.lseek(descriptor, 0, os.SEEK_CUR)
    finally:
        os.close(descriptor)


def methods(protocol: type) -> tuple[str, ...]:
    """What a protocol demands that can be called, and may fail."""
    named = (name for name, found in vars(protocol).items() if callable(found) and not name.startswith("_"))
    return tuple(sorted(named))


def _instrumented() -> Iterator[tuple[Any, str, str]]:
    """What holds a function, the function's name, and what its place is called."""
    for store in (SqliteJobStore, MemoryJobStore, *_postgresql_store()):
        yield from ((store, name, f"jobs.{name}") for name in methods(JobStore) if name != "close")
    for name in (*methods(StorageBackend), *methods(Sweepable)):
        yield FsspecStorage, name, f"storage.{name}"
    for catalog in (StaticCatalog, *_pgstac_catalog()):
        yield from ((catalog, name, f"catalog.{name}") for name in methods(CatalogBackend))
    yield from ((catalog, "register_search", "catalog.register_search") for catalog in _pgstac_catalog())
    yield worker, "_made", "task"


def _postgresql_store() -> list[type]:
    with contextlib.suppress(ImportError):
        from rastercollection.backends.jobs.postgres import PostgresJobStore

        return [PostgresJobStore]
    return []


def _pgstac_catalog() -> list[type]:
    with contextlib.suppress(ImportError):
        from rastercollection.backends.catalogs.pgstac.pgstac_catalog import PgstacCatalog

        return [PgstacCatalog]
    return []


class _Disk:
    """The module ``os`` as local storage sees it."""

    def __init__(self, fault: Fault) -> None:
        for name in DISK_CALLS:
            if hasattr(os, name):
                setattr(self, name, _watched(getattr(os, name), f"disk.{name}", fault))

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


def _watched(function: Callable[..., Any], place: str, fault: Fault) -> Callable[..., Any]:
    @functools.wraps(function)
    def watched(*args: Any, **kwargs: Any) -> Any:
        named = f"{place}.{args[0].task_type}" if place == "task" else place
        fault.reach(f"{named}:before")
        result = function(*args, **kwargs)
        fault.reach(f"{named}:after")
        return result

    return watched


@contextlib.contextmanager
def installed(fault: Fault) -> Iterator[None]:
    """Within it, this process can be hurt."""
    originals = _install(fault)
    try:
        yield
    finally:
        for owner, name, original in reversed(originals):
            setattr(owner, name, original)


def install() -> None:
    """Have this process hurt as the environment says, for as long as it lives."""
    if VARIABLE not in os.environ:
        return
    fault = Fault(**json.loads(os.environ[VARIABLE]))
    if fault.largest_file is None:
        _install(fault)
        return
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (fault.largest_file, fault.largest_file))


def _install(fault: Fault) -> list[tuple[Any, str, Any]]:
    """Put watched functions in place; returns what was there before, by what holds it and its name."""
    originals: list[tuple[Any, str, Any]] = [(local, "os", local.os)]
    local.os = _Disk(fault)  # type: ignore[attr-defined]
    for owner, name, place in _instrumented():
        originals.append((owner, name, getattr(owner, name)))
        setattr(owner, name, _watched(getattr(owner, name), place, fault))
    return originals
