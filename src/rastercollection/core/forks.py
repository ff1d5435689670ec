"""What a fork takes from the child: threads that native libraries rely on, and whoever would free a lock.

A process in which tasks have run has threads of native libraries, which wait for work. A child made by ``os.fork`` has
the records of them and not the threads: its first task would wait for them for ever. They cannot be made anew.
"""

from __future__ import annotations

import os
import threading
import weakref
from types import TracebackType

from rastercollection.errors import ForkedProcessError

__all__ = ["ForkSafeLock", "check_not_forked", "forked_since", "is_forked", "rely_on_threads"]

HOLD_SECONDS = 2.0


class _Threads:
    """Whether native libraries rely on threads in this process, and whether a fork has left them behind.

    Attributes:
        relied_on: They do, or did before a fork.
        lost: They did before a fork.
        forked: This process was forked from one that had this module.
    """

    relied_on = False
    lost = False
    forked = False


def rely_on_threads() -> None:
    """Say that from here on native libraries have threads in this process, which no fork of it will have.

    Raises:
        ForkedProcessError: This is such a fork.
    """
    check_not_forked()
    _Threads.relied_on = True


def check_not_forked() -> None:
    """Return if tasks can run in this process.

    Raises:
        ForkedProcessError: It was forked from one in which tasks had run.
    """
    if _Threads.lost:
        raise ForkedProcessError(
            "No task can run in this process: it was forked from one in which tasks had run, and whose threads are not "
            "here.",
            "Use executor='process', which works here; or have processes start by 'spawn' or 'forkserver', or fork "
            "before the first job (gunicorn without --preload).",
        )


def is_forked() -> bool:
    """Whether this process was forked from one that had the library, as by ``os.fork``; not of one that was spawned."""
    return _Threads.forked


def forked_since(process: int, what: str) -> ForkedProcessError | None:
    """The error of using in this process something that lives on threads of ``process``; None where it is that."""
    if process == os.getpid():
        return None
    return ForkedProcessError(
        f"{what} was made before this process was forked, and its threads are not here.", "Make one in this process."
    )


class ForkSafeLock:
    """A lock that one thread may take several times, and that is free in a fork, whoever held it.

    Args:
        brief: It is never held for long: a fork waits until it is free, so that what it guards is whole in the child.
    """

    def __init__(self, *, brief: bool = False) -> None:
        self._lock = threading.RLock()
        self.is_brief = brief
        _locks.add(self)

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it; see :meth:`threading.Lock.acquire`."""
        return self._lock.acquire(blocking, timeout)

    def release(self) -> None:
        """Give it back."""
        self._lock.release()

    def renew(self) -> None:
        """Be free, in a process where nobody will give it back."""
        self._lock = threading.RLock()

    def __enter__(self) -> bool:
        return self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


_locks: weakref.WeakSet[ForkSafeLock] = weakref.WeakSet()
_forking = threading.local()


def _before_fork() -> None:
    _forking.held = [lock for lock in list(_locks) if lock.is_brief and lock.acquire(timeout=HOLD_SECONDS)]


def _after_fork_in_parent() -> None:
    for lock in _forking.held:
        lock.release()


def _after_fork_in_child() -> None:
    _Threads.forked = True
    _Threads.lost = _Threads.lost or _Threads.relied_on
    for lock in list(_locks):
        lock.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
