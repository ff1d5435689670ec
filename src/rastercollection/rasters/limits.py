"""What one task may use of the machine: threads, GDAL's block cache, memory, scratch folder. Pure, no GDAL."""

from __future__ import annotations

import os
from typing import Self

import attrs

from rastercollection.core.guard import Guard, LeaseGuard
from rastercollection.core.machine import MIB, available_cores, available_memory, parse_bytes
from rastercollection.errors import RequestError, RequestProblem

__all__ = [
    "Limits",
    "plan_limits",
    "process_bytes",
]


MEMORY_VARIABLE = "RASTERCOLLECTION_MEMORY_BUDGET"
"""Environment variable that says what ``memory_budget`` is when nothing else does."""

_SMALLEST_CACHE_MB = 16

_LARGEST_CACHE_MB = 128
"""Of one task: windows are whole blocks, so that none is read twice."""

_WORTH_A_THREAD = 2**21
"""Bytes of pixels: of fewer, a second thread costs more CPU to start and to wait for than it saves in time."""

_PROCESS_MB = 160
"""What Python takes with GDAL and everything else that a task needs, before it holds a pixel."""


@attrs.frozen(kw_only=True)
class Limits:
    """What one task may use.

    Attributes:
        gdal_threads: Threads of GDAL inside the task.
        gdal_cache_mb: GDAL's block cache of the process that runs the task, in MiB.
        memory_bytes: RAM one task may use for its intermediates.
        scratch: Local folder for temporary files; None for the system's own.
        guard: Asked while a task waits for room; its mark is part of the names of temporary folders.
    """

    gdal_threads: int = 1
    gdal_cache_mb: int = 64
    memory_bytes: int = 2**30
    scratch: str | None = None
    guard: Guard = attrs.field(factory=lambda: LeaseGuard(jobs=None, job_id="", token=0), eq=False, repr=False)

    def worth(self, pixel_bytes: int) -> Self:
        """The same with no more threads than a tile of so many bytes of pixels gains by."""
        return attrs.evolve(self, gdal_threads=max(1, min(self.gdal_threads, pixel_bytes // _WORTH_A_THREAD)))


def process_bytes(limits: Limits, read: int) -> int:
    """RAM that a process takes for itself and for GDAL's block cache, which holds no more than what is ``read``."""
    return _PROCESS_MB * MIB + min(limits.gdal_cache_mb * MIB, read)


def _default_budget() -> int:
    said = os.environ.get(MEMORY_VARIABLE, "").strip()
    if not said:
        return available_memory() // 2
    try:
        return parse_bytes(said)
    except ValueError as error:
        problem = RequestProblem(MEMORY_VARIABLE, repr(said), "must be a size such as 500M or 8G")
        raise RequestError([problem]) from error


def plan_limits(workers: int, *, shares_memory: bool, memory_budget: int | None, scratch: str | None) -> Limits:
    """Limits of one task, so that all workers together stay within the machine.

    Args:
        workers: Tasks that run at the same time on this machine.
        shares_memory: They run in one process and share one GDAL cache.
        memory_budget: Bytes all of them may use together; when None, what ``RASTERCOLLECTION_MEMORY_BUDGET`` says, else
            half of what is available.
        scratch: Local folder for temporary files.
    """
    workers = max(1, workers)
    budget = memory_budget if memory_budget is not None else _default_budget()
    cache = min(budget // 8 // MIB, _LARGEST_CACHE_MB * workers)
    processes = 1 if shares_memory else workers
    each = cache // processes
    return Limits(
        gdal_threads=max(1, available_cores() // workers),
        gdal_cache_mb=max(_SMALLEST_CACHE_MB, each),
        memory_bytes=max(budget - (cache + processes * _PROCESS_MB) * MIB, 0) // workers,
        scratch=scratch,
    )
