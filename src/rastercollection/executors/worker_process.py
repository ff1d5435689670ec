"""One worker process: both ends of the pipe between it and the executor.

Messages are bytes. To the worker: a packed call, or nothing at all, which asks it to leave. From the worker: READY or
the reason why it cannot start, then one pickled :class:`~rastercollection.executors.packing.PackedOutcome` a call.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from typing import Any, cast

from rastercollection.core.forks import ForkSafeLock
from rastercollection.errors import ExecutorBrokenError
from rastercollection.executors.memory_watch import MemoryWatch
from rastercollection.executors.packing import PackedOutcome, run_packed

__all__ = ["WorkerGoneError", "WorkerProcess"]

READY = b"ready"
TAKEN = b"taken"
LIVENESS_SECONDS = 2.0
WATCH_SECONDS = 0.1
LEAVE_SECONDS = 5.0
LAST_BREATH_SECONDS = 1.0

GROUP_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP} if hasattr(signal, "pthread_sigmask") else set()
"""What reaches a whole process group: Ctrl-C, a service manager's word to end, the end of the terminal."""

_starting_or_reaping = ForkSafeLock(brief=True)
"""multiprocessing polls all children whenever it starts one: two threads that reap the same child lose its status."""


def _forget_children() -> None:
    """Of the process this one was forked from: multiprocessing waits for them, but in forks it made itself."""
    getattr(multiprocessing.process, "_children", set()).clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_children)


class WorkerGoneError(Exception):
    """The process ended without an answer."""


class WorkerProcess:
    """A process that runs one packed call at a time. Used by one thread.

    Args:
        context: How processes start.
        initializer: A packed call that the process runs first; None for nothing.

    Raises:
        ExecutorBrokenError: The system refuses to start a process.
    """

    def __init__(self, context: BaseContext, initializer: bytes | None) -> None:
        self._connection, theirs = context.Pipe()
        # a fork server keeps the environment it was started with
        environment = dict(os.environ) if context.get_start_method() == "forkserver" else None
        self._process = cast(Any, context).Process(
            target=_serve, args=(theirs, initializer, environment), name="rastercollection-worker", daemon=False
        )
        try:
            with _starting_or_reaping:
                _start(self._process)
        except (OSError, RuntimeError, AssertionError, EOFError) as error:
            self._connection.close()
            raise ExecutorBrokenError(
                f"A worker process cannot be started: {str(error).strip()}",
                "In a script, start jobs under `if __name__ == '__main__':`; in a process that may have no children, "
                "use the executor 'thread'.",
            ) from error
        finally:
            theirs.close()
        self.pid: int = self._process.pid

    def wait_ready(self) -> None:
        """Wait until the process takes calls.

        Raises:
            WorkerGoneError: It ended while starting.
            ExecutorBrokenError: Its initializer failed.
        """
        message = self._receive()
        if message != READY:
            raise ExecutorBrokenError(
                f"The initializer of the worker processes failed:\n{message.decode()}", "Correct the initializer."
            )

    def is_gone(self) -> bool:
        """Whether the process, which has nothing to do, has ended."""
        return bool(wait([self._connection, self._process.sentinel], timeout=0))

    def send(self, call: bytes) -> None:
        """Hand over a call and wait until the process says that it has it: a dying one holds its end open for a while.

        Raises:
            WorkerGoneError: The process has ended and never got it.
        """
        try:
            self._connection.send_bytes(call)
        except OSError as error:
            raise WorkerGoneError from error
        self._receive()

    def outcome(self, watch: MemoryWatch) -> PackedOutcome:
        """Wait for the outcome of the call.

        Raises:
            WorkerGoneError: The process ended before it answered.
            MachineError: It takes more memory than ``watch`` allows.
        """
        with watch.watching(self.pid):
            return PackedOutcome(*pickle.loads(self._receive(watch)))

    def stop(self) -> None:
        """Ask an idle process to leave, and see to it that it does."""
        with contextlib.suppress(OSError):
            self._connection.send_bytes(b"")
        self._reap(LEAVE_SECONDS)

    def kill(self) -> None:
        """End the process now, whatever it does; called in any thread. Another call clears it away."""
        with _starting_or_reaping, contextlib.suppress(ValueError):  # it may have been cleared away just now
            self._process.kill()

    def bury(self) -> int | None:
        """Clear away a process that has gone; returns its exit code, negative for a signal."""
        return self._reap(LAST_BREATH_SECONDS)

    def _reap(self, grace: float) -> int | None:
        self._connection.close()
        if not wait([self._process.sentinel], timeout=grace):
            self.kill()
            self._wait_for([self._process.sentinel])
        with _starting_or_reaping:
            self._process.join()
            exitcode: int | None = self._process.exitcode
            with contextlib.suppress(ValueError):  # somebody else's active_children() is reaping it just now
                self._process.close()
        return exitcode

    def _wait_for(self, ends: list[Connection[bytes, bytes] | int], watch: MemoryWatch | None = None) -> None:
        """Wait until one of these ends of pipes is ready, or the process has ended."""
        # asked again now and then: a child of the worker that outlives it holds both ends open
        ask_again = time.monotonic() + LIVENESS_SECONDS
        while not wait(ends, timeout=LIVENESS_SECONDS if watch is None else WATCH_SECONDS):
            if watch is not None:
                watch.check(self.pid)
            if time.monotonic() >= ask_again:
                ask_again = time.monotonic() + LIVENESS_SECONDS
                with _starting_or_reaping:
                    if not self._process.is_alive():
                        return

    def _receive(self, watch: MemoryWatch | None = None) -> bytes:
        self._wait_for([self._connection, self._process.sentinel], watch)
        try:
            if self._connection.poll():
                return self._connection.recv_bytes()
        except (EOFError, OSError) as error:
            raise WorkerGoneError from error
        raise WorkerGoneError


def _start(process: Any) -> None:
    # apart, as it sets signals free that were held back
    with _told_to_the_parent_only():
        resource_tracker.ensure_running()
    with _told_to_the_parent_only():
        process.start()


@contextlib.contextmanager
def _told_to_the_parent_only() -> Iterator[None]:
    """What is started within it holds back signals to the whole process group: the parent decides what they mean.

    It is the worker, until it has its own handlers, and with the first worker the fork server, whose death would pass
    for that of all its workers, and multiprocessing's resource tracker, whose death is warned of.
    """
    if not GROUP_SIGNALS:
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, GROUP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _heed_the_parent_only() -> None:
    """Have this process, a worker, go on where its whole group is told to end; programs it starts are as usual."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in GROUP_SIGNALS - {signal.SIGINT}:
        signal.signal(number, _do_nothing)  # unlike SIG_IGN, which programs that a task starts would inherit
        signal.siginterrupt(number, False)  # calls of native code that wait are not to fail
    if GROUP_SIGNALS:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, GROUP_SIGNALS)


def _do_nothing(*_: object) -> None:
    pass


def _serve(
    connection: Connection[bytes, bytes], initializer: bytes | None, environment: Mapping[str, str] | None
) -> None:
    """The worker's main: calls in, outcomes out, until told to leave or the parent is gone."""
    _heed_the_parent_only()
    threading.Thread(target=_leave_with_parent, name="parent-watch", daemon=True).start()
    if environment is not None:
        _adopt(environment)
    try:
        if initializer is not None:
            fn, args, kwargs = pickle.loads(initializer)
            fn(*args, **kwargs)
    except BaseException:  # noqa: BLE001 - the parent reports it
        connection.send_bytes(traceback.format_exc().encode())
        return
    with contextlib.suppress(EOFError, OSError):  # the parent has closed its end
        connection.send_bytes(READY)
        while call := connection.recv_bytes():
            connection.send_bytes(TAKEN)
            connection.send_bytes(pickle.dumps(tuple(run_packed(call)), protocol=pickle.HIGHEST_PROTOCOL))


def _adopt(environment: Mapping[str, str]) -> None:
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)


def _leave_with_parent() -> None:
    """End this process when the parent has died, whatever the task is doing: nobody would take its result."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
