"""Tasks run on the workers of a Dask cluster, each at its own risk."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
from typing_extensions import override

from rastercollection.core.executor import ExecutorCapabilities
from rastercollection.core.forks import forked_since
from rastercollection.core.models import Task
from rastercollection.errors import (
    ExecutorBrokenError,
    ExecutorError,
    TaskError,
)
from rastercollection.executors.dask_cluster import connect, load_distributed
from rastercollection.executors.dask_memory import StalledWorkers, death_of
from rastercollection.executors.dask_tasks import (
    GatheredResults,
    annotated,
    current_annotations,
    key_of,
    leave_place,
)
from rastercollection.executors.lifecycle import ContextManaged, check_workers, shut_down_error
from rastercollection.executors.packing import (
    PackedOutcome,
    called,
    function_name,
    pack_call,
    refused,
    run_packed,
    settle,
)
from rastercollection.executors.slots import END_SECONDS, copy_of, fail

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["DaskExecutor"]

T = TypeVar("T")

RESTART_SECONDS = 60.0
POLL_SECONDS = 0.1
LOOK_SECONDS = 5.0


@attrs.define(eq=False)
class _RemoteCall:
    future: Future[Any]
    payload: bytes
    what: str
    key: str
    annotations: Mapping[str, Any]
    remote: Any = attrs.field(default=None, init=False)
    given_up: TaskError | ExecutorError | None = attrs.field(default=None, init=False)


class DaskExecutor(ContextManaged):
    """Runs tasks on the workers of a Dask cluster. Needs the extra ``dask``.

    Without a cluster it starts one of its own: ``max_workers`` processes on this machine, closed at shutdown. There,
    one death of a worker fails the task it ran, at once, and nothing else. On other clusters the scheduler's own rule
    holds (``distributed.scheduler.allowed-failures``, 3 by default): it tries a task on several workers before it
    gives up, and may blame tasks that were queued on the same worker, too.

    Keys begin with the type of the task, after which dashboards group them, and the name of its tile. Made by a task of
    the cluster, it leaves that task's place to others until it is shut down, as ``distributed.secede`` does: its own
    tasks may need it.

    Workers need this library installed. Functions must be importable there; arguments and results must pickle. A task
    that was handed to the scheduler counts as running and can no longer be cancelled.

    Args:
        cluster: Address of a scheduler, or a Client, which stays open; None for a cluster of our own.
        max_workers: Tasks in flight at the same time. When None: the cores this process may use, for our own cluster;
            else no limit but the caller's, so that an adaptive cluster can grow.
        shares_filesystem: Whether workers see this machine's files. When None, the workers there now are asked to read
            one.
        annotations: What the scheduler is to know of every task, by Dask's names: ``resources``, ``priority``,
            ``workers``, ``allow_other_workers``. Those of ``dask.annotate`` around the call hold as well.
        task_annotations: Likewise of the tasks of one type (``create_cog``); they hold before the others.

    Raises:
        MissingExtraError: ``distributed`` is not installed.
        ExecutorError: The cluster cannot be reached or started, or an argument is not as described.
    """

    def __init__(
        self,
        cluster: Client | str | None = None,
        *,
        max_workers: int | None = None,
        shares_filesystem: bool | None = None,
        annotations: Mapping[str, Any] | None = None,
        task_annotations: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        if max_workers is not None or cluster is None:
            max_workers = check_workers(max_workers)
        self._annotations, self._task_annotations = dict(annotations or {}), dict(task_annotations or {})
        self._connection = connect(cluster, max_workers)
        self._place = None if self._connection.own_cluster else leave_place()
        self._client = self._connection.client
        self._results = GatheredResults(self._client)
        self._limit = max_workers
        self._shares_filesystem = self._connection.shares_filesystem if shares_filesystem is None else shares_filesystem
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._pending: deque[_RemoteCall] = deque()
        self._unfinished: dict[Future[Any], _RemoteCall] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._watch: asyncio.Task[None] | None = None
        self._failure: ExecutorBrokenError | None = None
        self._closed = False
        self._ending = False
        self._closer: threading.Thread | None = None

    @property
    def capabilities(self) -> ExecutorCapabilities:
        """Asks the scheduler, where the cluster is not ours, how many threads it has now."""
        return ExecutorCapabilities(
            max_workers=self._limit or self._threads(),
            shares_memory=self._connection.shares_memory,
            shares_filesystem=self._shares_filesystem,
        )

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Schedule ``fn(*args, **kwargs)`` and return its future. Thread-safe.

        Raises:
            ExecutorError: After ``shutdown``.
            ExecutorBrokenError: The client has been closed.
        """
        try:
            payload = pack_call(fn, args, kwargs)
        except ExecutorError as error:
            self._check_open()
            return refused(error)
        self._check_open()
        future: Future[T] = Future()
        call = _RemoteCall(future, payload, called(fn, args), *self._described(fn, args))
        with self._lock:
            self._check_open()
            self._unfinished[future] = call
            self._pending.append(call)
        future.add_done_callback(self._forget)
        self._client.loop.add_callback(self._hand_over)
        return future

    def end(self, future: Future[Any], reason: TaskError) -> bool:
        """Give up a task, whose future then fails with ``reason``. Thread-safe.

        On a cluster of our own the worker that runs it is killed, and another one takes its place. On other clusters,
        where others' tasks may run on the same worker, the task is cancelled: one that runs goes on there, keeps the
        worker's thread, and what comes of it is dropped.

        Returns:
            Whether the future has failed with ``reason``: False where it is not this executor's, or ended before.
        """
        if self._process != os.getpid():
            return False
        with self._lock:
            call = self._unfinished.get(future)
            if call is None or future.done() or call.given_up is not None:
                return False
            call.given_up = reason
        self._client.loop.add_callback(self._give_up, call)
        wait_for([future], END_SECONDS)
        fail(future, reason)
        return not future.cancelled() and future.exception() is reason

    @override
    def shutdown(self, *, wait: bool = True, cancel_futures: bool = False) -> None:
        """Take no more tasks; idempotent. A client or cluster of our own is closed once the last task has ended.

        Args:
            wait: Return when that has happened.
            cancel_futures: Cancel the futures that have not been handed to the scheduler.
        """
        if self._process != os.getpid():
            return
        with self._lock:
            self._closed = True
            if self._closer is None:
                self._closer = threading.Thread(target=self._close, name="DaskExecutor-closer")
                self._closer.start()
        if cancel_futures:
            self._drop_pending()
        if wait and threading.current_thread() is not self._closer:
            self._closer.join()
            if self._place is not None:
                self._place.take_again()

    def _check_open(self) -> None:
        error = forked_since(self._process, "DaskExecutor")
        if error is not None:
            raise error
        if self._closed:
            raise shut_down_error("DaskExecutor")
        if self._failure is not None:
            raise copy_of(self._failure)
        if self._client.status not in ("running", "connecting"):
            raise _broken(f"its client is {self._client.status}")

    def _threads(self) -> int:
        try:
            return max(1, int(sum(self._client.nthreads().values())))
        except (OSError, RuntimeError, AttributeError) as error:  # a client that was closed has no scheduler
            raise _broken(str(error)) from error

    def _forget(self, future: Future[Any]) -> None:
        with self._lock:
            self._unfinished.pop(future, None)

    def _drop_pending(self, error: ExecutorBrokenError | None = None) -> None:
        """Cancel all that the scheduler has not been given, or fail it with ``error``."""
        while self._pending:
            with contextlib.suppress(IndexError):  # the event loop may take the last one in between
                future = self._pending.popleft().future
                if error is None:
                    future.cancel()
                if future.set_running_or_notify_cancel():
                    future.set_exception(error)

    def _described(self, fn: Callable[..., Any], args: Sequence[Any]) -> tuple[str, Mapping[str, Any]]:
        """Key and annotations of a call; ``dask.annotate`` holds in the thread of the caller alone."""
        task = next((each for each in args if isinstance(each, Task)), None)
        kind = task.task_type if task else function_name(fn).rpartition(".")[2]
        own = self._task_annotations.get(kind, {})
        return key_of(kind, task), {**current_annotations(), **self._annotations, **own}

    def _hand_over(self) -> None:
        """Give the scheduler what the limit allows. Runs in the client's event loop only, like all that follows."""
        calls: list[_RemoteCall] = []
        while self._pending and (self._limit is None or len(self._running) + len(calls) < self._limit):
            call = self._pending.popleft()
            if call.given_up is None and call.future.set_running_or_notify_cancel():
                calls.append(call)
        for _, alike in itertools.groupby(calls, lambda call: call.annotations):
            self._schedule(list(alike))

    def _schedule(self, calls: Sequence[_RemoteCall]) -> None:
        """Send calls as one graph: each of its own would cost the scheduler as much."""
        try:
            with annotated(calls[0].annotations):
                sent = self._client.map(
                    run_packed, [call.payload for call in calls], key=[call.key for call in calls], pure=False
                )
        except Exception as error:  # noqa: BLE001 - whatever Dask raises, it was not the tasks
            for call in calls:
                fail(call.future, _refused(call.what, error))
            return
        for call, remote in zip(calls, sent, strict=True):
            call.remote = remote
            task = asyncio.get_running_loop().create_task(self._run(call))
            self._running.add(task)
            task.add_done_callback(self._ended)
        if self._watch is None or self._watch.done():
            self._watch = asyncio.get_running_loop().create_task(self._watch_memory())

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._hand_over()

    async def _give_up(self, call: _RemoteCall) -> None:
        """End what the call was handed to; the future of one that was not handed over fails at once."""
        assert call.given_up is not None
        pid = self._own_worker(call)
        if pid is not None and not call.future.done():
            os.kill(pid, signal.SIGKILL)
            return
        await self._drop(call, call.given_up)

    async def _drop(self, call: _RemoteCall, error: TaskError | ExecutorError) -> None:
        """Have a call fail, and the cluster forget it."""
        call.given_up = error
        fail(call.future, error)
        if call.remote is not None:
            await self._client.cancel([call.remote], asynchronous=True, force=True)

    async def _watch_memory(self) -> None:
        """While calls are under way: have those fail that workers were given which Dask will not let begin them."""
        stalled = StalledWorkers(self._client)
        while self._running and not self._ending:
            await asyncio.sleep(LOOK_SECONDS)
            with contextlib.suppress(OSError, RuntimeError, AttributeError):  # there may be no scheduler any more
                found = await stalled.look()
                if not found:
                    continue
                broken = stalled.broken()
                held = await stalled.held_by(found)
                if broken is not None:
                    self._failure = broken
                    self._drop_pending(broken)
                for call in self._calls():
                    if broken is not None or call.key in held:
                        await self._drop(call, copy_of(broken) if broken else stalled.reason(call.what))

    def _own_worker(self, call: _RemoteCall) -> int | None:
        """Id of the process of our own cluster that runs the call."""
        cluster = self._connection.own_cluster
        task = cluster.scheduler.tasks.get(call.key) if cluster is not None else None
        address = task.processing_on.address if task is not None and task.processing_on is not None else None
        nannies = cluster.workers.values() if address else ()
        return next((nanny.pid for nanny in nannies if nanny.worker_address == address), None)

    async def _run(self, call: _RemoteCall) -> None:
        distributed = load_distributed()
        try:
            outcome: PackedOutcome = await self._results.of(call.remote)
        except distributed.KilledWorker as error:
            fail(call.future, call.given_up or await death_of(self._client, call.what, error))
            await self._recover()
        except (distributed.CancelledError, asyncio.CancelledError) as error:
            if call.given_up is None:
                broken = _broken(f"its client or its cluster was closed ({str(error).strip('.') or 'cancelled'})")
                fail(call.future, broken)
                self._drop_pending(broken)
        except Exception as error:  # noqa: BLE001 - whatever Dask raises, it was not the task: its errors are outcomes
            fail(call.future, _refused(call.what, error))
        else:
            settle(call.future, outcome)

    async def _recover(self) -> None:
        """Wait until our own cluster has replaced a dead worker.

        As many tasks are in flight as there are workers: with one worker less, two would share one, and its death
        would be blamed on both.
        """
        expected = self._connection.own_workers
        deadline = time.monotonic() + RESTART_SECONDS
        alive = 0
        while alive < expected and not self._ending and time.monotonic() < deadline:
            await asyncio.sleep(POLL_SECONDS)
            with contextlib.suppress(OSError, RuntimeError):
                alive = len(await self._client.nthreads())
        if expected and not alive and not self._ending:
            self._failure = _broken("all workers of the cluster have died and none came back")
            self._drop_pending(self._failure)

    def _close(self) -> None:
        wait_for([call.future for call in self._calls()])
        self._ending = True
        if self._connection.owns_client:
            self._client.close()
        if self._connection.own_cluster is not None:
            self._connection.own_cluster.close()

    def _calls(self) -> list[_RemoteCall]:
        with self._lock:
            return list(self._unfinished.values())


def _broken(why: str) -> ExecutorBrokenError:
    return ExecutorBrokenError(f"DaskExecutor can run nothing more: {why}.", "Make a new one.")


def _refused(what: str, error: Exception) -> ExecutorError:
    reasons = [f"{type(each).__name__}: {each}" for each in (error, error.__cause__) if each is not None]
    return ExecutorError(
        f"The Dask cluster could not run {what}: {'; '.join(reasons)}.",
        "Workers need the same version of rastercollection, and of Dask, as this process.",
    )
