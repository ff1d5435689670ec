"""What Python and libraries raise where the machine runs short of something, as the library's own errors."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from rastercollection.errors import MachineError, NoSpaceError, RasterCollectionError

__all__ = ["of_shortage", "shortages_told"]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_THREAD = "can't start new thread"
_LOWER = "Run fewer workers, close what else runs here, or raise the limit on {0}."


def of_shortage(error: BaseException) -> RasterCollectionError | None:
    """The library's error where an exception, or what it was raised from, says that the machine ran short; else None.

    ``OUT_OF_MEMORY``, ``NO_THREADS``, ``NO_FILES`` or ``NO_SPACE``.
    """
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        found = _said(cause)
        if found is not None:
            return found
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return None


@contextlib.contextmanager
def shortages_told() -> Iterator[None]:
    """Raise what says that the machine ran short as the library's error; whatever else is raised gets through."""
    try:
        yield
    except RasterCollectionError:
        raise
    except Exception as error:
        found = of_shortage(error)
        if found is None:
            raise
        raise found from error


def _said(error: BaseException) -> RasterCollectionError | None:
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, MemoryError) or number == errno.ENOMEM:
        hint = "Use fewer workers, or set in_memory=False or a lower memory_budget."
        return MachineError(f"Memory ran out: {_text(error)}", hint, "OUT_OF_MEMORY")
    if (number == errno.EAGAIN and not isinstance(error, TimeoutError)) or _is_of_thread(error):
        hint = _LOWER.format("processes and threads (ulimit -u, or pids of the container)")
        return MachineError(f"No thread or process more can be started: {_text(error)}", hint, "NO_THREADS")
    if number in (errno.EMFILE, errno.ENFILE):
        return MachineError(f"Too many files are open: {_text(error)}", _LOWER.format("files (ulimit -n)"), "NO_FILES")
    if number in _FULL:
        return NoSpaceError(f"A disk is full: {_text(error)}", "Free some space on it, or use another one.")
    return None


def _is_of_thread(error: BaseException) -> bool:
    return isinstance(error, RuntimeError) and _NO_THREAD in str(error)


def _text(error: BaseException) -> str:
    return str(error) or type(error).__name__
