"""Tasks as Dask sees them: their keys, their annotations, their results, and the task that a job itself may be."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import re
import threading
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from rastercollection.core.models import Task
from rastercollection.executors.dask_cluster import load_distributed

__all__ = ["GatheredResults", "Place", "annotated", "current_annotations", "key_of", "leave_place"]


def key_of(kind: str, task: Task | None) -> str:
    """A new key: what is done, by which dashboards group tasks, the tile that it is done to, and what makes it unique.

    Dask takes words of letters alone that follow a hyphen for a part of the group's name.
    """
    name = re.sub(r"[^\w.]+", "_", (task.tile or "") if task else "").strip("_")[-60:]
    name = f"{name}." if name.isalpha() else name
    return "-".join(part for part in (re.sub(r"[^\w]+", "_", kind), name, uuid.uuid4().hex) if part)


def current_annotations() -> Mapping[str, Any]:
    """Those of ``dask.annotate`` in this thread."""
    dask: Any = importlib.import_module("dask")
    return dict(dask.get_annotations())


@contextlib.contextmanager
def annotated(annotations: Mapping[str, Any]) -> Iterator[None]:
    """Tasks that are sent inside have these annotations."""
    dask: Any = importlib.import_module("dask")
    with dask.annotate(**annotations):
        yield


class GatheredResults:
    """Results of futures that have ended, fetched together: a round trip for each would cost more than a short task.

    Used in the event loop of the client only.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._waiting: dict[str, tuple[Any, asyncio.Future[Any]]] = {}
        self._gathering: asyncio.Task[None] | None = None

    async def of(self, remote: Any) -> Any:
        """The result, once it is there; raises as the future itself does."""
        await remote._state.wait()
        if remote.status != "finished":
            return await remote
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[remote.key] = (remote, answer)
        if self._gathering is None or self._gathering.done():
            self._gathering = asyncio.get_running_loop().create_task(self._gather())
        found = await answer
        return await remote if found is None else found

    async def _gather(self) -> None:
        """What cannot be fetched with the others has None as its answer, and is asked for by itself."""
        while self._waiting:
            batch, self._waiting = self._waiting, {}
            found: list[Any] = []
            try:
                found = await self._client.gather([remote for remote, _ in batch.values()], asynchronous=True)
            except Exception:  # noqa: BLE001 - each is asked for by itself, and raises its own
                found = [None] * len(batch)
            finally:
                for (_, answer), value in zip(batch.values(), found or [None] * len(batch), strict=True):
                    if not answer.done():
                        answer.set_result(value)


@attrs.frozen
class Place:
    """The place of a task in the threads of its worker, which its job has left to others meanwhile."""

    thread: threading.Thread

    def take_again(self) -> None:
        """Wait for a place of the worker, in the task's own thread; nothing in others."""
        if threading.current_thread() is self.thread:
            load_distributed().rejoin()


def leave_place() -> Place | None:
    """Have the worker give the place of the task that runs in this thread to another; None where none runs here."""
    try:
        load_distributed().secede()
    except (ValueError, KeyError, AttributeError):  # no task of Dask's, one that has done so, or one without a thread
        return None
    return Place(threading.current_thread())
