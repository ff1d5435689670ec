"""The job store used when none is given: an SQLite file in the user's state folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rastercollection.backends.jobs.sqlite import SqliteJobStore
from rastercollection.errors import BackendError

__all__ = ["STATE_VARIABLE", "default_address", "default_job_store", "state_folder"]

STATE_VARIABLE = "RASTERCOLLECTION_STATE"


def state_folder() -> Path:
    """Where jobs are recorded by default; not made by this.

    The folder named by the environment variable ``RASTERCOLLECTION_STATE``; else ``rastercollection`` in
    ``XDG_STATE_HOME`` or ``~/.local/state``, on macOS in ``~/Library/Application Support``, on Windows in
    ``%LOCALAPPDATA%``.

    Raises:
        BackendError: There is no home folder to put it in.
    """
    chosen = os.environ.get(STATE_VARIABLE)
    if chosen:
        return Path(os.path.abspath(os.path.expanduser(chosen)))
    return _base() / "rastercollection"


def default_address() -> str:
    """The address of the file ``jobs.db`` in :func:`state_folder`."""
    return f"sqlite:///{state_folder() / 'jobs.db'}"


def default_job_store() -> SqliteJobStore:
    """The store in that file. The caller closes it."""
    return SqliteJobStore(state_folder() / "jobs.db")


def _base() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or _home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return _home() / "Library" / "Application Support"
    given = os.environ.get("XDG_STATE_HOME", "")
    return Path(given) if os.path.isabs(given) else _home() / ".local" / "state"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:
        raise BackendError(
            "There is no home folder to record jobs in.", f"Set {STATE_VARIABLE} to a folder."
        ) from error
