"""Functions to submit in tests: deterministic results, failures and deaths. They pickle."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import attrs

from rastercollection.core.lease import Mark
from rastercollection.errors import LeaseLostError, TaskError

__all__ = [
    "BadlyLoadedError",
    "BadlyLoadedValue",
    "ScriptedGuard",
    "collect",
    "die_by_signal",
    "die_once",
    "echo",
    "exit_abruptly",
    "fail_times",
    "leave",
    "mark",
    "marks",
    "process_id",
    "raise_badly_loaded",
    "raise_error",
    "return_badly_loaded",
    "return_lock",
    "sleep_for",
    "wait_for_file",
]

POLL_SECONDS = 0.01


class BadlyLoadedError(Exception):
    """Pickles, but does not unpickle: it passes to its base class something else than its own arguments."""

    def __init__(self, tile: str, reason: str) -> None:
        super().__init__(f"{tile}: {reason}")


class BadlyLoadedValue:
    """Pickles, but raises when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _refuse, ("told to fail on loading",)


def _refuse(reason: str) -> NoReturn:
    raise ValueError(reason)


@attrs.frozen
class ScriptedGuard:
    """A guard that lets nobody write once ``allowed`` is used up.

    Attributes:
        allowed: How often it still lets somebody.
        mark: Of temporary files.
    """

    allowed: int = 0
    mark: Mark = attrs.field(factory=lambda: Mark(job="0123456789ab", token=7))
    _asked: list[int] = attrs.field(factory=list, repr=False)

    def check(self) -> None:
        self._asked.append(1)
        if len(self._asked) > self.allowed:
            raise LeaseLostError.of("0123456789abcdef", "process 1 on elsewhere")


def echo(value: Any) -> Any:
    """``value``."""
    return value


def collect(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments, as they arrived."""
    return args, kwargs


def process_id() -> int:
    """Of the process that runs the task."""
    return os.getpid()


def sleep_for(seconds: float, value: Any = None) -> Any:
    """``value``, after a while."""
    time.sleep(seconds)
    return value


def wait_for_file(path: str, timeout: float = 60.0) -> str:
    """``path``, once somebody has made that file.

    Raises:
        TimeoutError: Nobody did in time.
    """
    deadline = time.monotonic() + timeout
    while not Path(path).exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{path} did not appear within {timeout} s")
        time.sleep(POLL_SECONDS)
    return path


def mark(path: str, value: Any = None) -> Any:
    """``value``, after noting in a file that this ran; see :func:`marks`. Safe from several processes."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(descriptor, b".")
    finally:
        os.close(descriptor)
    return value


def marks(path: str) -> int:
    """How often :func:`mark` was called with ``path``."""
    return Path(path).stat().st_size if Path(path).exists() else 0


def fail_times(path: str, times: int, value: Any = None, *, retryable: bool = True) -> Any:
    """``value``, at the call after ``times`` failed ones; ``path`` is where calls are counted.

    Raises:
        TaskError: ``FAILED_ON_PURPOSE``, ``times`` times.
    """
    mark(path)
    calls = marks(path)
    if calls <= times:
        raise TaskError(f"failure {calls} of {times}", code="FAILED_ON_PURPOSE", retryable=retryable)
    return value


def raise_error(error: BaseException) -> NoReturn:
    """Raise ``error``."""
    raise error


def raise_badly_loaded() -> NoReturn:
    """Raise an exception that cannot be unpickled."""
    raise BadlyLoadedError("a.tif", "told to fail")


def return_badly_loaded() -> BadlyLoadedValue:
    """A result that cannot be unpickled."""
    return BadlyLoadedValue()


def return_lock() -> Any:
    """A result that cannot be pickled."""
    return threading.Lock()


def die_by_signal(number: int = signal.SIGTERM) -> NoReturn:
    """Have the process that runs the task killed, by the signal ``number``."""
    os.kill(os.getpid(), number)
    while True:  # a signal may take a moment
        time.sleep(POLL_SECONDS)


def die_once(parameters: Mapping[str, Any], context: Any) -> Mapping[str, Any]:  # noqa: ARG001 - it is a handler
    """A handler: at its first call it ends the process that runs it; ``path`` is where calls are counted."""
    mark(parameters["path"])
    if marks(parameters["path"]) == 1:
        exit_abruptly(9)
    return {"calls": marks(parameters["path"])}


def exit_abruptly(status: int = 1) -> NoReturn:
    """End the process that runs the task, with no clean-up at all."""
    os._exit(status)


def leave(status: int = 1) -> NoReturn:
    """Raise SystemExit, as a handler that calls ``sys.exit`` does."""
    sys.exit(status)
