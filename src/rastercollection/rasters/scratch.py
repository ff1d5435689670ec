"""Folders for temporary files that share a disk: each says what it will take, and waits until that is to be had.

All processes that use a scratch folder see each other's folders in it, and by their names whose they are and how many
bytes were asked for. What a process that is gone has left there is removed by the next one that comes.
"""

from __future__ import annotations

import contextlib
import functools
import os
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import attrs

from rastercollection.core.models import Notify
from rastercollection.core.temporaries import folder_for, mark_of, size_of, sweep
from rastercollection.errors import MachineError
from rastercollection.rasters.limits import Limits

try:
    import fcntl
except ImportError:  # not on Windows: two that come at the same moment may then both take the last room
    fcntl = None  # type: ignore[assignment]

__all__ = ["scratch_folder", "scratch_root"]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_TURN_SECONDS = 5.0
_LOOKS = 3
"""What was just removed may not count as free at once."""
_PATIENCE = 30.0
"""Seconds that one who holds room waits for more: two such that wait for each other would wait for ever."""

_own = threading.local()


def scratch_root(limits: Limits) -> str:
    """The folder in which temporary folders are made."""
    return limits.scratch or tempfile.gettempdir()


@contextlib.contextmanager
def scratch_folder(
    limits: Limits, needed: int = 0, notify: Notify | None = None, *, waits: bool = True
) -> Iterator[Path]:
    """A folder on the scratch disk for the duration of a ``with`` block, with room for ``needed`` bytes.

    What others, of whatever process, have asked for and not used yet is theirs. While they have it, this one waits.

    Args:
        limits: The scratch folder; the guard, by which a task that was given up waits no longer.
        needed: Bytes that will be used at most.
        notify: Told ``WAITING_FOR_ROOM``.
        waits: Whether to wait at all.

    Raises:
        MachineError: ``NO_SPACE``; retryable where others have the room.
    """
    root = scratch_root(limits)
    folders: list[str] = _own.__dict__.setdefault("folders", [])
    try:
        os.makedirs(root, exist_ok=True)
        _sweep_once(root, os.getpid())
        folder = _taken(root, limits, needed, notify, patience=_patience(waits, holds=bool(folders)))
    except OSError as error:
        raise MachineError(
            f"The scratch folder {root} cannot be used: {error.strerror}.", "Set `scratch` to a folder.", "NO_SPACE"
        ) from error
    folders.append(folder)
    try:
        yield Path(folder)
    finally:
        folders.remove(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _patience(waits: bool, *, holds: bool) -> float:
    if not waits:
        return 0.0
    # of several that hold room and want more, one gives up first
    return _PATIENCE * random.uniform(0.5, 1.5) if holds else float("inf")


@functools.cache
def _sweep_once(root: str, _process: int) -> None:
    _sweep(root)


def _sweep(root: str) -> bool:
    return bool(sweep(root, lambda mark: mark.owner.is_dead))


def _taken(root: str, limits: Limits, needed: int, notify: Notify | None, *, patience: float) -> str:
    began, pause, misses, told = time.monotonic(), _FIRST_PAUSE, 0, False
    while True:
        with _turn(root):
            disk = _Disk.of(root)
            if needed <= max(0, disk.free - disk.promised):
                return folder_for(limits.guard.mark, root, needed)
        if _sweep(root):
            continue
        misses = misses + 1 if needed > disk.most else 0
        if misses == _LOOKS:
            raise _full(f"{_has(root, disk.free)}; a tile may need {_mib(needed)}.", retryable=False)
        if time.monotonic() - began >= patience:
            others = f"others have reserved {_mib(disk.promised)} of it"
            raise _full(f"{_has(root, disk.free)}, and {others}; a tile may need {_mib(needed)}.", retryable=True)
        if notify is not None and not misses and not told:
            told = True
            notify(
                "WAITING_FOR_ROOM",
                f"A tile that may need {_mib(needed)} waited until others had freed room in the scratch folder {root}.",
            )
        limits.guard.check()
        time.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(_LONGEST_PAUSE, 1.5 * pause)


def _has(root: str, free: int) -> str:
    return f"The scratch folder {root} has {_mib(free)} free"


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"


def _full(message: str, *, retryable: bool) -> MachineError:
    hint = "Make room there, or set `scratch` to a folder on another disk."
    return MachineError(message, hint, "NO_SPACE", retryable=retryable)


@attrs.frozen(kw_only=True)
class _Disk:
    """What there is of the disk of a scratch folder, in bytes.

    Attributes:
        free: To be written now.
        promised: Of these, what folders that are there have asked for and not used yet.
        most: Free once others have given all back; no less than that.
    """

    free: int
    promised: int
    most: int

    @classmethod
    def of(cls, root: str) -> Self:
        promised = others = 0
        for path in _live(root):
            asked = size_of(os.path.basename(path))
            promised += max(0, asked - _used(path))
            others += asked if path not in _own.folders else 0
        usage = shutil.disk_usage(root)
        return cls(free=usage.free, promised=promised, most=min(usage.total, usage.free + others))


def _live(root: str) -> list[str]:
    with os.scandir(root) as entries:
        marks = [(name, mark_of(name)) for name in (entry.name for entry in entries) if not name.startswith(".")]
    return [os.path.join(root, name) for name, mark in marks if mark is not None and not mark.owner.is_dead]


def _used(folder: str) -> int:
    """Bytes on the disk of the files in a folder, which has no folders in it; files with holes take less than size."""
    used = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                found = entry.stat(follow_symlinks=False)
                used += getattr(found, "st_blocks", found.st_size // 512) * 512
    return used


@contextlib.contextmanager
def _turn(root: str) -> Iterator[None]:
    """One after the other, in all processes; but one that stands still within it keeps nobody out for long."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + _TURN_SECONDS
        while not _locked(descriptor) and time.monotonic() < deadline:
            time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # network file systems that know no locks
        return True
    return True
