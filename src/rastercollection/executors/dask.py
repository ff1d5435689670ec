"""Tasks run on a Dask cluster: one of our own on this machine, one at an address, or one behind a given client."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import signal
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
from typing_extensions import override

from rastercollection.core.executor import ExecutorCapabilities
from rastercollection.core.forks import forked_since
from rastercollection.core.lease import Mark
from rastercollection.core.temporaries import temporary_folder
from rastercollection.errors import (
    ExecutorBrokenError,
    ExecutorError,
    MissingExtraError,
    TaskError,
    WorkerDiedError,
)
from rastercollection.executors.lifecycle import ContextManaged, check_workers, shut_down_error
from rastercollection.executors.packing import PackedOutcome, function_name, pack_call, refused, run_packed, settle
from rastercollection.executors.slots import END_SECONDS, fail

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["DaskExecutor"]

T = TypeVar("T")

RESTART_SECONDS = 60.0
POLL_SECONDS = 0.1


@attrs.define(eq=False)
class _RemoteCall:
    future: Future[Any]
    payload: bytes
    what: str
    key: str = attrs.field(factory=lambda: f"rastercollection-{uuid.uuid4().hex}", init=False)
    remote: Any = attrs.field(default=None, init=False)
    given_up: TaskError | None = attrs.field(default=None, init=False)


@attrs.frozen(kw_only=True)
class _Connection:
    """A client, what of it is ours to close, and what may be assumed of the cluster behind it."""

    client: Any
    owns_client: bool = False
    own_cluster: Any = None
    own_workers: int = 0
    shares_memory: bool = False
    shares_filesystem: bool = False


class DaskExecutor(ContextManaged):
    """Runs tasks on the workers of a Dask cluster. Needs the extra ``dask``.

    Without a cluster it starts one of its own: ``max_workers`` processes on this machine, closed at shutdown. There,
    one death of a worker fails the task it ran, at once, and nothing else. On other clusters the scheduler's own rule
    holds (``distributed.scheduler.allowed-failures``, 3 by default): it tries a task on several workers before it
    gives up, and may blame tasks that were queued on the same worker, too.

    Workers need this library installed. Functions must be importable there; arguments and results must pickle. A task
    that was handed to the scheduler counts as running and can no longer be cancelled.

    Args:
        cluster: Address of a scheduler, or a Client, which stays open; None for a cluster of our own.
        max_workers: Tasks in flight at the same time. When None: the cores this process may use, for our own cluster;
            else no limit but the caller's, so that an adaptive cluster can grow.
        shares_filesystem: Whether workers see this machine's files. When None, the workers there now are asked to read
            one.

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
    ) -> None:
        if max_workers is not None or cluster is None:
            max_workers = check_workers(max_workers)
        self._connection = _connect(cluster, max_workers)
        self._client = self._connection.client
        self._limit = max_workers
        self._shares_filesystem = self._connection.shares_filesystem if shares_filesystem is None else shares_filesystem
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._pending: deque[_RemoteCall] = deque()
        self._unfinished: dict[Future[Any], _RemoteCall] = {}
        self._running: set[asyncio.Task[None]] = set()
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
        call = _RemoteCall(future, payload, function_name(fn))
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

    def _check_open(self) -> None:
        error = forked_since(self._process, "DaskExecutor")
        if error is not None:
            raise error
        if self._closed:
            raise shut_down_error("DaskExecutor")
        if self._failure is not None:
            raise ExecutorBrokenError(self._failure.message, self._failure.hint)
        if self._client.status not in ("running", "connecting"):
            raise _broken(f"its client is {self._client.status}")

    def _threads(self) -> int:
        try:
            return max(1, int(sum(self._client.nthreads().values())))
        except (OSError, RuntimeError) as error:
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

    def _hand_over(self) -> None:
        """Give the scheduler what the limit allows. Runs in the client's event loop only, like all that follows."""
        while self._pending and (self._limit is None or len(self._running) < self._limit):
            call = self._pending.popleft()
            if call.given_up is None and call.future.set_running_or_notify_cancel():
                task = asyncio.get_running_loop().create_task(self._run(call))
                self._running.add(task)
                task.add_done_callback(self._ended)

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
        fail(call.future, call.given_up)
        if call.remote is not None:
            await self._client.cancel([call.remote], asynchronous=True, force=True)

    def _own_worker(self, call: _RemoteCall) -> int | None:
        """Id of the process of our own cluster that runs the call."""
        cluster = self._connection.own_cluster
        task = cluster.scheduler.tasks.get(call.key) if cluster is not None else None
        address = task.processing_on.address if task is not None and task.processing_on is not None else None
        nannies = cluster.workers.values() if address else ()
        return next((nanny.pid for nanny in nannies if nanny.worker_address == address), None)

    async def _run(self, call: _RemoteCall) -> None:
        distributed = _distributed()
        try:
            call.remote = self._client.submit(run_packed, call.payload, key=call.key, pure=False)
            outcome: PackedOutcome = await call.remote
        except distributed.KilledWorker as error:
            fail(call.future, call.given_up or _died(call.what, error))
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
        wait_for(self._unfinished_futures())
        self._ending = True
        if self._connection.owns_client:
            self._client.close()
        if self._connection.own_cluster is not None:
            self._connection.own_cluster.close()

    def _unfinished_futures(self) -> list[Future[Any]]:
        with self._lock:
            return list(self._unfinished)


def _distributed() -> Any:
    try:
        return importlib.import_module("distributed")
    except ImportError as error:
        raise MissingExtraError("The Dask executor", "dask") from error


def _connect(cluster: Client | str | None, max_workers: int | None) -> _Connection:
    distributed = _distributed()
    if cluster is None:
        return _start_cluster(check_workers(max_workers))
    if isinstance(cluster, str):
        return _reach(cluster)
    if not isinstance(cluster, distributed.Client):
        raise ExecutorError(f"{cluster!r} is no Dask cluster.", "Give a scheduler's address, or a distributed.Client.")
    if cluster.asynchronous:
        raise ExecutorError(
            "An asynchronous Dask client cannot run tasks.", "Make the Client without asynchronous=True."
        )
    return _Connection(
        client=cluster,
        shares_memory=cluster.scheduler_info()["address"].startswith("inproc://"),
        shares_filesystem=isinstance(cluster.cluster, distributed.LocalCluster) or _sees_our_files(cluster),
    )


def _start_cluster(workers: int) -> _Connection:
    distributed = _distributed()
    try:
        cluster = distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
            # without an address the scheduler takes port 8787, and warns where another one has it
            scheduler_kwargs={"allowed_failures": 0, "dashboard": False, "dashboard_address": "127.0.0.1:0"},
        )
    except (OSError, RuntimeError) as error:
        raise ExecutorError(
            f"A local Dask cluster cannot be started: {error}.",
            "In a script, start jobs under `if __name__ == '__main__':`.",
        ) from error
    client = distributed.Client(cluster, set_as_default=False)
    return _Connection(
        client=client, owns_client=True, own_cluster=cluster, own_workers=workers, shares_filesystem=True
    )


def _reach(address: str) -> _Connection:
    distributed = _distributed()
    try:
        client = distributed.Client(address, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ExecutorError(
            f"No Dask scheduler answers at {address!r}: {error}.", "Check the address, and that it runs."
        ) from error
    return _Connection(client=client, owns_client=True, shares_filesystem=_sees_our_files(client))


def _sees_our_files(client: Any) -> bool:
    """Whether there are workers, and all of them read a file that was just written here."""
    token = uuid.uuid4().hex
    with temporary_folder(Mark()) as folder:
        (folder / "token").write_text(token)
        answers = client.run(_reads, str(folder / "token"), token, on_error="return")
    return bool(answers) and all(answer is True for answer in answers.values())


def _reads(path: str, content: str) -> bool:
    try:
        return Path(path).read_text() == content
    except OSError:
        return False


def _broken(why: str) -> ExecutorBrokenError:
    return ExecutorBrokenError(f"DaskExecutor can run nothing more: {why}.", "Make a new one.")


def _died(what: str, error: Any) -> WorkerDiedError:
    worker = error.last_worker.address
    return WorkerDiedError(
        f"The Dask worker {worker} died while it ran {what}.",
        "Out of memory is the usual cause: use fewer workers, or set in_memory=False. The worker's log may say more.",
        details={"worker": worker},
    )


def _refused(what: str, error: Exception) -> ExecutorError:
    reasons = [f"{type(each).__name__}: {each}" for each in (error, error.__cause__) if each is not None]
    return ExecutorError(
        f"The Dask cluster could not run {what}: {'; '.join(reasons)}.",
        "Workers need the same version of rastercollection, and of Dask, as this process.",
    )
