"""Signals that tell a program to end, as the wish to end its job first."""

from __future__ import annotations

import _thread
import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from rastercollection.errors import MainThreadError

__all__ = ["signals_asking", "stopping_on_signals"]

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
"""Ctrl-C, a service manager's word to end, and the end of the terminal; Windows has no SIGHUP."""

Handler = Callable[[int, FrameType | None], Any] | int | signal.Handlers


@contextlib.contextmanager
def stopping_on_signals(cancel: threading.Event | None = None) -> Iterator[threading.Event]:
    """Have SIGTERM, SIGHUP and Ctrl-C end a job in order, and then the program as they would have::

        with stopping_on_signals() as cancel:
            process_collection(..., cancel=cancel)

    Within it the first of these signals sets the event, and nothing else; the job then starts no more tasks, waits for
    those that run, records how far it came and raises JobCancelledError. Ctrl-C after it raises KeyboardInterrupt at
    once. Signals that the program ignores, as under ``nohup``, stay ignored.

    When the block is left, the handlers from before are back, and the one of the signal that came is called: a server's
    handler shuts it down, Ctrl-C raises KeyboardInterrupt, and a program without handlers is ended by the signal.

    Args:
        cancel: The event to set; a new one when None.

    Yields:
        The event.

    Raises:
        MainThreadError: This is not the main thread, which alone hears of signals.
    """
    wanted = cancel or threading.Event()
    interrupted = False
    with contextlib.ExitStack() as heard:
        came = heard.enter_context(signals_asking(wanted))
        try:
            yield wanted
        except KeyboardInterrupt:
            interrupted = True
            raise
        finally:
            heard.close()
            if came and not (interrupted and came[0] == signal.SIGINT):
                _pass_on(came[0])


@contextlib.contextmanager
def signals_asking(cancel: threading.Event) -> Iterator[list[int]]:
    """Have the first signal to end set an event; the signals that came are in the list, and go no further.

    Raises:
        MainThreadError: This is not the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        raise MainThreadError(
            "Signals can be heeded in the main thread only.",
            "Enter stopping_on_signals() there and pass its event on, or set an event of your own.",
        )
    came: list[int] = []

    def heed(number: int, _: FrameType | None) -> None:
        came.append(number)
        if len(came) == 1:
            # in a thread of its own: this one may hold the lock of the very event
            _thread.start_new_thread(cancel.set, ())
        elif number == signal.SIGINT:
            raise KeyboardInterrupt

    with contextlib.ExitStack() as restored:
        for number in _heeded():
            restored.callback(signal.signal, number, signal.signal(number, heed))
        yield came


def _heeded() -> list[signal.Signals]:
    """The signals whose handler can be replaced and put back."""
    there = [signal.Signals[name] for name in NAMES if hasattr(signal, name)]
    return [number for number in there if signal.getsignal(number) not in (signal.SIG_IGN, None)]


def _pass_on(number: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):  # what was written is not to be lost
            stream.flush()
    signal.raise_signal(number)
