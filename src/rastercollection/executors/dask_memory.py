"""What Dask does to workers that take too much memory: it ends them, or pauses them, for ever at worst."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import Any

import attrs

from rastercollection.core.machine import MIB
from rastercollection.disclosure.listing import listed
from rastercollection.errors import ExecutorBrokenError, MachineError, TaskError, WorkerDiedError

__all__ = ["StalledWorkers", "death_of"]

CODE = "MEMORY_LIMIT"
PATIENCE = 60.0
"""Seconds in which a worker that was paused, and runs nothing, may come down with its memory."""

_ENDED = "worker-restart-memory"
"""Topic under which nannies tell the scheduler of workers that they have ended."""
_HINT = "Give the workers more memory (their memory_limit) or fewer threads each, or set in_memory=False."


async def death_of(client: Any, what: str, error: Any) -> TaskError:
    """What a call fails with whose worker died as often as the scheduler lets it: of its memory limit, if that is told.

    Args:
        client: Of the cluster.
        what: Was called.
        error: Dask's.
    """
    worker = error.last_worker
    told: Mapping[str, Any] | None = None
    with contextlib.suppress(OSError, RuntimeError, ValueError, TypeError):  # nobody tells
        found = await client.scheduler.events(topic=_ENDED)
        told = next((event for _, event in reversed(found) if event["worker"] == worker.address), None)
    if told is None:
        return WorkerDiedError(
            f"The Dask worker {worker.address} died while it ran {what}.",
            "Out of memory is the usual cause: use fewer workers, or set in_memory=False. The worker's log may say "
            "more.",
            details={"worker": worker.address},
        )
    peak, limit = int(told["rss"]), int(worker.memory_limit or 0)
    return MachineError(
        f"The Dask worker {worker.address} was ended by its nanny while it ran {what}, because it took {_shown(peak)} "
        f"of memory: its limit is {_shown(limit)}.",
        _HINT,
        CODE,
        retryable=worker.nthreads > 1,  # others' tasks may have taken it
        details={"worker": worker.address, "peak": peak, "limit": limit},
    )


@attrs.frozen
class _Pause:
    since: float
    memory: int


@attrs.define
class StalledWorkers:
    """Workers that were paused for their memory, run nothing by which it could come down, and do not come down.

    What they were given to do, they never begin; Dask leaves it to them, and waits.

    Args:
        client: Of the cluster.
    """

    _client: Any
    _paused: dict[str, _Pause] = attrs.field(factory=dict, init=False)
    _limits: dict[str, int] = attrs.field(factory=dict, init=False)
    _are_all: bool = attrs.field(default=False, init=False)

    async def look(self) -> set[str]:
        """Their addresses, as of now."""
        workers = (await self._client.scheduler.identity())["workers"]
        now, before = time.monotonic(), self._paused
        self._paused, self._limits = {}, {}
        for address, told in workers.items():
            metrics = told.get("metrics") or {}
            if told.get("status") == "paused" and not (metrics.get("task_counts") or {}).get("executing"):
                memory, known = int(metrics.get("memory") or 0), before.get(address)
                is_falling = known is None or memory < 0.99 * known.memory
                self._paused[address] = _Pause(now, memory) if is_falling or known is None else known
                self._limits[address] = int(told.get("memory_limit") or 0)
        found = {address for address, pause in self._paused.items() if now - pause.since >= PATIENCE}
        self._are_all = bool(found) and len(found) == len(workers)
        return found

    async def held_by(self, workers: set[str]) -> set[str]:
        """Keys of what was given to these to do."""
        held = await self._client.scheduler.processing(workers=sorted(workers))
        return {key for keys in held.values() for key in keys}

    def reason(self, what: str) -> TaskError:
        """What a call fails with that one of them was given, so that it is given to another."""
        return MachineError(f"{what} was not begun: {self._told()}.", _HINT, CODE, retryable=True)

    def broken(self) -> ExecutorBrokenError | None:
        """What all calls fail with, where there are no other workers; else None."""
        if not self._are_all:
            return None
        error = ExecutorBrokenError(f"DaskExecutor can run nothing more: {self._told()}.", _HINT)
        error.code = CODE
        return error

    def _told(self) -> str:
        takes = [
            f"{name} takes {_shown(each.memory)}, its limit is {_shown(self._limits[name])}"
            for name, each in sorted(self._paused.items())
        ]
        which = "all workers of the cluster" if self._are_all else f"{len(takes)} workers of the cluster"
        return (
            f"Dask has paused {which} for their memory, which has not come down for {PATIENCE:,.0f} s though they run "
            f"nothing ({listed(takes, most=3)})"
        )


def _shown(size: int) -> str:
    return f"{size / MIB:,.0f} MiB"
