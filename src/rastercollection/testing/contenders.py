"""Threads and processes that do the same thing at the same time. Needs nothing, so that processes can import it."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any, TypeVar

from rastercollection.core.job_store import JobStore
from rastercollection.core.lease import Lease, Owner
from rastercollection.core.models import Task, TaskResult, TaskStatus

__all__ = ["acquire_each", "commit_each", "in_processes", "in_threads", "take_all"]

T = TypeVar("T")


def in_threads(count: int, call: Callable[[int], T]) -> list[T]:
    """What ``call(0)``, ``call(1)`` … return when they all start together."""
    start = threading.Barrier(count)

    def run(number: int) -> T:
        start.wait()
        return call(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def in_processes(call: Callable[..., T], calls: Sequence[tuple[Any, ...]]) -> list[T]:
    """What ``call`` returns for each tuple of arguments, in new processes that all start together."""
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(len(calls))
    with ProcessPoolExecutor(len(calls), mp_context=context, initializer=start.wait, initargs=(60,)) as pool:
        running = [pool.submit(call, *arguments) for arguments in calls]
        return [future.result(timeout=120) for future in running]


def acquire_each(store: JobStore, job_ids: Sequence[str]) -> Mapping[str, int | None]:
    """The token of the lease on each of these jobs, None where this process did not get it."""
    found = {job_id: store.acquire(job_id, Owner.current(), 60) for job_id in job_ids}
    store.close()
    return {job_id: lease.token if lease else None for job_id, lease in found.items()}


def commit_each(store: JobStore, job_id: str, token: int, count: int, number: int) -> None:
    """Begin ``count`` tasks, and commit a result of every second one, each by itself."""
    for index in range(count):
        task = Task(id=f"{number}-{index:06d}", stage=1, task_type="test", handler="test:run")
        store.begin(job_id, token, [task.id])
        if index % 2 == 0:
            store.commit(job_id, token, results=[TaskResult(task=task, status=TaskStatus.COMPLETED)])
    store.close()


def take_all(store: JobStore) -> list[Lease]:
    """The leases on all jobs that this process gets from the queue."""
    leases = []
    while (lease := store.next_job(Owner.current(), 60)) is not None:
        leases.append(lease)
    store.close()
    return leases
