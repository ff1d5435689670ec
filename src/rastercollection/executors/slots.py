"""Slots: threads that run one call at a time each, shared by the thread and the process executor."""

from __future__ import annotations

import atexit
import concurrent.futures
import contextlib
import functools
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import Any, Generic, Protocol, TypeVar

import attrs

from rastercollection.core.forks import forked_since
from rastercollection.core.shortage import of_shortage
from rastercollection.disclosure.logs import get_logger
from rastercollection.errors import ExecutorBrokenError, TaskError
from rastercollection.executors.lifecycle import shut_down_error

__all__ = ["Call", "Slot", "SlotPool", "copy_of", "fail"]


END_SECONDS = 5.0
JOIN_SECONDS = 0.5


@attrs.define(eq=False)
class Call:
    """Something to run, the future that waits for it, and why it is given up once it is."""

    future: Future[Any]
    given_up: TaskError | None = attrs.field(default=None, init=False)


log = get_logger("rastercollection")

C = TypeVar("C", bound=Call)
C_contra = TypeVar("C_contra", bound=Call, contravariant=True)


class Slot(Protocol[C_contra]):
    """What a slot's thread drives. Its methods, but for ``end``, are called in that thread only, one after another."""

    def prepare(self) -> None:
        """Get ready for a call, which can still be cancelled.

        Raises:
            ExecutorBrokenError: No call can be run any more, in any slot.
        """

    def run(self, call: C_contra) -> None:
        """Run a call to its end and settle its future, unless that is done."""

    def end(self, call: C_contra) -> bool:
        """End the call that runs now, which was given up; called in any thread.

        Returns:
            Whether ``run`` comes to its end by that, soon.
        """

    def close(self) -> None:
        """Free what the slot holds."""


@attrs.frozen(eq=False)
class _Taken(Generic[C]):
    """A call that a slot has taken from the queue."""

    call: C
    slot: Slot[C]
    thread: threading.Thread


class SlotPool(Generic[C]):
    """Up to ``size`` slots, started as they are needed, that take calls from one queue.

    Args:
        name: Of the executor, for errors and threads.
        size: Calls that run at the same time.
        make_slot: Makes a slot, in its thread.
    """

    def __init__(self, name: str, size: int, make_slot: Callable[[], Slot[C]]) -> None:
        self.name, self.size = name, size
        self._make_slot = make_slot
        self._changed = threading.Condition()
        self._pending: deque[C] = deque()
        self._taken: dict[Future[Any], _Taken[C]] = {}
        self._threads: list[threading.Thread] = []
        self._started = 0
        self._idle = 0
        self._closed = False
        self._broken: ExecutorBrokenError | None = None
        self._process = os.getpid()
        _pools_to_close().add(self)

    def submit(self, call: C) -> None:
        """Queue a call.

        Raises:
            ExecutorError: After :meth:`shutdown`.
            ExecutorBrokenError: No call can be run any more.
            ForkedProcessError: The pool was made before this process was forked.
        """
        self.check_open()
        with self._changed:
            self.check_open()
            if len(self._pending) >= self._idle and len(self._threads) < self.size:
                self._start_thread()
            self._pending.append(call)
            self._changed.notify()

    def end(self, future: Future[Any], reason: TaskError) -> bool:
        """Give up a call, whether it is queued or runs, and have its future fail with ``reason``.

        A thread that the call does not let go of is left to itself: nobody waits for it, another takes its place.

        Returns:
            Whether the future has failed with ``reason``.
        """
        if self._process != os.getpid():
            return False
        with self._changed:
            taken = self._taken.get(future)
            call = taken.call if taken else next((each for each in self._pending if each.future is future), None)
            if call is None or future.done() or call.given_up is not None:
                return False
            has_begun = future.running()
            call.given_up = reason
            if taken is None:
                self._pending.remove(call)
        if taken is not None and has_begun:
            has_ended = taken.slot.end(call) and concurrent.futures.wait([future], END_SECONDS).done
            if not has_ended and fail(future, reason):
                self._leave_to_itself(taken)
        else:
            fail(future, reason)
        return not future.cancelled() and future.exception() is reason

    def check_open(self) -> None:
        """Raise what :meth:`submit` would raise now."""
        error = forked_since(self._process, self.name)
        if error is not None:
            raise error
        if self._broken is not None:
            raise copy_of(self._broken)
        if self._closed:
            raise shut_down_error(self.name)

    def shutdown(self, *, wait: bool, cancel_futures: bool) -> None:
        """Take no more calls; idempotent. What is queued still runs, unless ``cancel_futures``."""
        if self._process != os.getpid():  # what runs, and waits, is the business of the process that it was made in
            return
        with self._changed:
            self._closed = True
            dropped = self._drop_pending() if cancel_futures else []
            threads = list(self._threads)
            self._changed.notify_all()
        for call in dropped:
            call.future.cancel()
            call.future.set_running_or_notify_cancel()
        for thread in threads if wait else ():
            if thread is not threading.current_thread():
                self._join(thread)

    def _join(self, thread: threading.Thread) -> None:
        """Wait until a thread has ended, or is left to itself."""
        while thread.is_alive() and thread in self._threads:
            thread.join(JOIN_SECONDS)

    def _start_thread(self) -> None:
        # daemonic: an interrupted program must not hang on its way out; _close_all waits where that is right
        thread = threading.Thread(target=self._serve, name=f"{self.name}-{self._started}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            if not self._threads:
                raise _broken_by(self.name, error) from error
        else:
            self._started += 1
            self._threads.append(thread)

    def _leave_to_itself(self, taken: _Taken[C]) -> None:
        with self._changed:
            self._threads.remove(taken.thread)
            if not self._pending:
                return
            try:
                self._start_thread()
            except ExecutorBrokenError as error:
                broken = error
            else:
                return
        self._break(broken, taken.call)

    def _serve(self) -> None:
        slot = self._make_slot()
        try:
            while (call := self._take(slot)) is not None:
                if not self._run(slot, call):
                    return
                del call
        finally:
            slot.close()

    def _run(self, slot: Slot[C], call: C) -> bool:
        """Run one call; False when no other can be run after it."""
        try:
            slot.prepare()
            if self._begins(call):
                slot.run(call)
        except ExecutorBrokenError as error:
            self._break(error, call)
            return False
        except Exception as error:  # a thread that ends silently would leave its caller waiting for ever
            log.exception("a slot of %s failed", self.name)
            self._break(_broken_by(self.name, error), call)
            return False
        finally:
            with self._changed:
                self._taken.pop(call.future, None)
            del call  # the traceback of a failure holds this frame, which must not hold the failure's future
        return True

    def _begins(self, call: C) -> bool:
        with self._changed:
            return call.given_up is None and call.future.set_running_or_notify_cancel()

    def _take(self, slot: Slot[C]) -> C | None:
        thread = threading.current_thread()
        with self._changed:
            self._idle += 1
            try:
                while not self._pending and not self._closed and thread in self._threads:
                    self._changed.wait()
            finally:
                self._idle -= 1
            if not self._pending or thread not in self._threads:
                return None
            call = self._pending.popleft()
            self._taken[call.future] = _Taken(call, slot, thread)
            return call

    def _break(self, error: ExecutorBrokenError, call: C) -> None:
        with self._changed:
            self._closed = True
            self._broken = self._broken or error
            failed = [call, *self._drop_pending()]
            self._changed.notify_all()
        for each in failed:
            fail(each.future, copy_of(error))

    def _drop_pending(self) -> list[C]:
        dropped = list(self._pending)
        self._pending.clear()
        return dropped


def fail(future: Future[Any], error: Exception) -> bool:
    """End a future whatever its state; one that has ended stays as it is. Returns whether this ended it."""
    if future.done() and not future.cancelled():
        return False
    if future.running() or future.set_running_or_notify_cancel():
        with contextlib.suppress(InvalidStateError):  # its worker has just ended it
            future.set_exception(error)
            return True
    return False


def copy_of(error: ExecutorBrokenError) -> ExecutorBrokenError:
    """Its own instance for each that raises it: tracebacks must not pile up on one."""
    copy = ExecutorBrokenError(error.message, error.hint)
    copy.code = error.code
    return copy


def _broken_by(name: str, error: Exception) -> ExecutorBrokenError:
    """With the code of what the machine ran short of (``NO_THREADS``, ``OUT_OF_MEMORY`` …), where it did."""
    shortage = of_shortage(error)
    if shortage is None:
        return ExecutorBrokenError(f"{name} failed: {type(error).__name__}: {error}")
    broken = ExecutorBrokenError(f"{name} failed. {shortage.message}", shortage.hint)
    broken.code = shortage.code
    return broken


@functools.cache
def _pools_to_close() -> weakref.WeakSet[SlotPool[Any]]:
    """Pools alive. Those that nobody shut down are closed when the interpreter exits.

    Registered with the first pool, hence after multiprocessing's own exit function and called before it: that one
    waits for the worker processes, which go only once they are told to.
    """
    pools: weakref.WeakSet[SlotPool[Any]] = weakref.WeakSet()
    atexit.register(_close_all, pools)
    return pools


def _close_all(pools: weakref.WeakSet[SlotPool[Any]]) -> None:
    for pool in list(pools):
        pool.shutdown(wait=True, cancel_futures=True)
