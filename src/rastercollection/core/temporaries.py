"""Names of temporary files and folders, which tell whose they are, and what is left of owners that are gone."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from rastercollection.core.lease import Mark

__all__ = ["folder_for", "is_part", "mark_of", "part_name", "probe_name", "size_of", "sweep", "temporary_folder"]

IsOver = Callable[[Mark], bool]
"""Whether nobody will go on with what is marked so."""

_LONGEST = 255
"""Bytes of a file's name."""
_KEPT = 100
"""Bytes of the final name that stand in a temporary one, for people to read."""

_OWNED = r"[0-9a-f]{0,12}\.\d+\.[0-9a-f]{16}\.\d+\.\d+"
_PART = re.compile(r"\..*\.[0-9a-f]{16}\.part", re.DOTALL)
_NAMES = (
    re.compile(rf"\..*\.(?P<mark>{_OWNED})\.[0-9a-f]{{16}}\.part", re.DOTALL),
    re.compile(rf"rastercollection-(?P<mark>{_OWNED})-(?P<size>\d+)-\w+"),
    re.compile(rf"\.rastercollection-(?P<mark>{_OWNED})-[0-9a-f]{{16}}"),
)
_BEGINNINGS = (".", "rastercollection-")
"""Of all of these: the folder is often the system's own, with thousands of others' names in it."""


def part_name(name: str, mark: Mark) -> str:
    """Of the file in which the content of a file called ``name`` is put together; hidden, and never twice the same."""
    ending = f".{mark.text}.{secrets.token_hex(8)}.part"
    room = min(_KEPT, _LONGEST - 1 - len(ending))
    return f".{os.fsencode(name)[:room].decode(errors='ignore')}{ending}"


def is_part(name: str) -> bool:
    """Whether a file of this name is one that is being put together, or was; also by versions that set no marks."""
    return bool(_PART.fullmatch(name))


def probe_name(mark: Mark) -> str:
    """Of an object that is written to see whether writing works; in a thread always the same, so that none is left."""
    return f".rastercollection-{mark.text}-{threading.get_ident() % 2**64:016x}"


def mark_of(name: str) -> Mark | None:
    """Whose the temporary file or folder of this name is; None where it does not tell, or is none of this library."""
    if not name.startswith(_BEGINNINGS):
        return None
    found = next((match for pattern in _NAMES if (match := pattern.fullmatch(name))), None)
    return Mark.read(found["mark"]) if found else None


def size_of(name: str) -> int:
    """Bytes that were asked for with the temporary folder of this name; 0 of anything else."""
    found = _NAMES[1].fullmatch(name)
    return int(found["size"]) if found else 0


def folder_for(mark: Mark, root: str | None = None, size: int = 0) -> str:
    """Make a temporary folder in the folder ``root``, which is made too, or in the system's own; return its path.

    Its name tells how many bytes will be written into it at most.

    Raises:
        OSError: It cannot be made.
    """
    if root:
        os.makedirs(root, exist_ok=True)
    return tempfile.mkdtemp(prefix=f"rastercollection-{mark.text}-{size}-", dir=root)


@contextlib.contextmanager
def temporary_folder(mark: Mark, root: str | None = None) -> Iterator[Path]:
    """A folder as :func:`folder_for` makes it, for the duration of a ``with`` block."""
    folder = folder_for(mark, root)
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(folder: str, is_over: IsOver, *, deep: bool = False) -> list[str]:
    """Remove the temporary files and folders in a folder whose owners are gone; return their paths.

    What bears no mark stays, and so do links. A folder that is not there holds none; what vanishes or cannot be removed
    meanwhile is left to the next one that looks.

    Args:
        folder: Its path.
        is_over: Told the marks.
        deep: Look into the folders below, too.
    """
    removed = []
    try:
        with os.scandir(folder) as entries:
            found = [(entry.path, entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
    for path, name, is_folder in sorted(found):
        mark = mark_of(name)
        if mark is None:
            removed += sweep(path, is_over, deep=True) if deep and is_folder else []
        elif is_over(mark) and _removed(path, is_folder=is_folder):
            removed.append(path)
    return removed


def _removed(path: str, *, is_folder: bool) -> bool:
    try:
        if is_folder:
            shutil.rmtree(path)
        else:
            os.unlink(path)
    except OSError:
        return False
    return True
