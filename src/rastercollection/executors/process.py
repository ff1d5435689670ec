"""Tasks run in worker processes. One that dies takes down the task it ran, and nothing else.

Each slot owns one process and gives it one call at a time, so that there is never a doubt about who was at fault.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from multiprocessing.context import BaseContext
from typing import Any, Literal, TypeVar

import attrs
from typing_extensions import override

from rastercollection.core.executor import ExecutorCapabilities
from rastercollection.core.forks import is_forked
from rastercollection.errors import ExecutorBrokenError, ExecutorError, MachineError, TaskError, WorkerDiedError
from rastercollection.executors.lifecycle import ContextManaged, check_workers
from rastercollection.executors.memory_watch import MemoryWatch
from rastercollection.executors.packing import called, pack_call, refused, settle
from rastercollection.executors.slots import Call, SlotPool, fail
from rastercollection.executors.socket_folder import mark_socket_folder
from rastercollection.executors.worker_process import WorkerGoneError, WorkerProcess

__all__ = ["ProcessExecutor", "StartMethod"]

T = TypeVar("T")

StartMethod = Literal["forkserver", "spawn"]

START_ATTEMPTS = 6
START_PAUSE = 0.2
SEND_ATTEMPTS = 3


@attrs.define(eq=False)
class _PackedCall(Call):
    payload: bytes
    what: str


class _ProcessSlot:
    """Drives one worker process, and starts another when it has died."""

    def __init__(self, context: BaseContext, initializer: bytes | None, watch: MemoryWatch) -> None:
        self._context, self._initializer, self._watch = context, initializer, watch
        self._worker: WorkerProcess | None = None
        self._running: _PackedCall | None = None
        self._lock = threading.Lock()

    def prepare(self) -> None:
        if self._worker is not None and self._worker.is_gone():
            self._bury()
        if self._worker is None:
            self._worker = self._start()

    def run(self, call: _PackedCall) -> None:
        try:
            outcome = self._hand_over(call).outcome(self._watch)
        except WorkerGoneError:
            fail(call.future, self._blame(call))
        except MachineError as error:
            self._bury(kill=True)
            fail(call.future, call.given_up or error)
        except ExecutorBrokenError as error:  # the next call finds out whether that lasts
            fail(call.future, WorkerDiedError(f"No worker took {call.what}: {error.message}", error.hint))
        else:
            self._leave()
            settle(call.future, outcome)

    def end(self, call: _PackedCall) -> bool:
        with self._lock:
            if self._running is call and self._worker is not None:
                self._worker.kill()
        return True

    def close(self) -> None:
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def _enter(self, call: _PackedCall) -> None:
        """From here on, ending the call kills the worker.

        Raises:
            WorkerGoneError: The call has been given up already.
        """
        with self._lock:
            if call.given_up is not None:
                raise WorkerGoneError
            self._running = call

    def _leave(self) -> None:
        with self._lock:
            self._running = None

    def _hand_over(self, call: _PackedCall) -> WorkerProcess:
        """Send the call. A worker that died while idle never got it: another one does, and nobody is blamed."""
        assert self._worker is not None
        for _ in range(SEND_ATTEMPTS - 1):
            self._enter(call)
            try:
                self._worker.send(call.payload)
            except WorkerGoneError:
                self._bury()
                self._worker = self._start()
            else:
                return self._worker
        self._enter(call)
        self._worker.send(call.payload)
        return self._worker

    def _blame(self, call: _PackedCall) -> TaskError:
        assert self._worker is not None
        pid, exitcode = self._worker.pid, self._bury()
        return call.given_up or _died(call.what, pid, exitcode)

    def _start(self) -> WorkerProcess:
        exitcode: int | None = None
        for attempt in range(START_ATTEMPTS):
            worker = WorkerProcess(self._context, self._initializer)
            try:
                worker.wait_ready()
            except WorkerGoneError:
                exitcode = worker.bury()
            except ExecutorBrokenError:
                worker.stop()
                raise
            else:
                return worker
            if attempt and not _was_killed(exitcode):
                break  # it fails by itself, and will again; a killer may go away
            time.sleep(START_PAUSE * attempt)
        raise ExecutorBrokenError(
            f"Worker processes {_manner_of_death(exitcode)} while starting, {attempt + 1} times in a row.",
            "Memory may be full: use fewer workers."
            if _was_killed(exitcode)
            else "Their standard error says why. A script must start jobs under `if __name__ == '__main__':`.",
        )

    def _bury(self, *, kill: bool = False) -> int | None:
        assert self._worker is not None
        with self._lock:
            worker, self._worker, self._running = self._worker, None, None
        if kill:
            worker.kill()
        return worker.bury()


def _was_killed(exitcode: int | None) -> bool:
    return exitcode is not None and exitcode < 0


def _manner_of_death(exitcode: int | None) -> str:
    if exitcode is None or exitcode >= 0:
        return f"ended with exit status {exitcode}"
    try:
        return f"were killed by {signal.Signals(-exitcode).name}"
    except ValueError:
        return f"were killed by signal {-exitcode}"


def _died(what: str, pid: int, exitcode: int | None) -> WorkerDiedError:
    manner = _manner_of_death(exitcode).replace("were ", "was ")
    if exitcode == -signal.SIGKILL:
        hint = "The system kills processes when memory runs out: use fewer workers, or set in_memory=False."
    else:
        hint = "If it happens again with the same tile, that tile crashes native code."
    return WorkerDiedError(
        f"The worker process {pid} {manner} while it ran {what}.", hint, details={"pid": pid, "exitcode": exitcode}
    )


class ProcessExecutor(ContextManaged):
    """Runs tasks in up to ``max_workers`` processes, started as they are needed and kept until shutdown.

    Functions must be importable by name; arguments and results must pickle. Workers ignore Ctrl-C, see the
    environment variables of this process as they were when the worker started, and end when this process does.

    Args:
        max_workers: Tasks that run at the same time; the cores this process may use when None.
        start_method: ``forkserver`` or ``spawn``; the first where the platform has it when None.
        initializer: Called once in each worker, before its first task; must pickle.
        worker_memory: Bytes of RAM that a worker may take; one that takes more is ended, and its task fails with
            ``MEMORY_LIMIT``. When None, all of them together may take nine tenths of what the machine, or its control
            group, has available now; beyond that the largest is ended. On Linux only.

    Raises:
        ExecutorError: An argument is not as described.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        start_method: StartMethod | None = None,
        initializer: Callable[[], object] | None = None,
        worker_memory: int | None = None,
    ) -> None:
        context = multiprocessing.get_context(_start_method(start_method))
        mark_socket_folder()
        packed = None if initializer is None else pack_call(initializer, (), {})
        if worker_memory is not None and worker_memory < 1:
            raise ExecutorError(f"Workers cannot have worker_memory={worker_memory}.", "Give a number of bytes.")
        watch = MemoryWatch(worker_memory)
        size = check_workers(max_workers)
        self._pool = SlotPool("ProcessExecutor", size, lambda: _ProcessSlot(context, packed, watch))
        weakref.finalize(self, self._pool.shutdown, wait=False, cancel_futures=False).atexit = False

    @property
    def capabilities(self) -> ExecutorCapabilities:
        return ExecutorCapabilities(max_workers=self._pool.size, shares_filesystem=True)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Schedule ``fn(*args, **kwargs)`` and return its future. Thread-safe.

        Arguments are pickled at once. What does not pickle fails the future with an ExecutorError that names it; the
        death of the worker fails it with a WorkerDiedError.

        Raises:
            ExecutorError: After ``shutdown``.
            ExecutorBrokenError: No worker can be started.
        """
        try:
            payload = pack_call(fn, args, kwargs)
        except ExecutorError as error:
            self._pool.check_open()
            return refused(error)
        future: Future[T] = Future()
        self._pool.submit(_PackedCall(future, payload, called(fn, args)))
        return future

    def end(self, future: Future[Any], reason: TaskError) -> bool:
        """Give up a task, whose future then fails with ``reason``. Thread-safe.

        The worker process that runs it is killed, and another one takes its place; returns once it has ended.

        Returns:
            Whether the future has failed with ``reason``: False where it is not this executor's, or ended before.
        """
        return self._pool.end(future, reason)

    @override
    def shutdown(self, *, wait: bool = True, cancel_futures: bool = False) -> None:
        """Take no more tasks; idempotent.

        Args:
            wait: Return once all submitted tasks have ended and the processes are gone.
            cancel_futures: Cancel the futures that have not started.
        """
        self._pool.shutdown(wait=wait, cancel_futures=cancel_futures)


def _start_method(wanted: str | None) -> str:
    """How processes start. A fork of a process that has a fork server cannot use it, and spawns."""
    available = [name for name in ("forkserver", "spawn") if name in multiprocessing.get_all_start_methods()]
    wanted = wanted or available[0]
    if wanted not in available:
        raise ExecutorError(f"Processes cannot be started by {wanted!r}.", f"Choose from: {', '.join(available)}.")
    return "spawn" if is_forked() else wanted
