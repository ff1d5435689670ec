"""How much memory worker processes take, and which of them has to go when it is too much.

Resident memory is watched, where the system tells of it (Linux), rather than address space limited: GDAL tells a tile
that cannot allocate from one that is damaged in no reliable way, or aborts.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from rastercollection.core.machine import MIB, available_memory
from rastercollection.errors import MachineError

__all__ = ["MemoryWatch"]

SHARE_OF_AVAILABLE = 0.9
"""The rest is for what workers take between two looks at them."""


class MemoryWatch:
    """Tells of worker processes that take too much. Thread-safe.

    Args:
        each: Bytes of RAM that one worker may take. When None, all of them together may take nine tenths of what the
            machine, or its control groups, have available now.
    """

    def __init__(self, each: int | None) -> None:
        self._limit = each if each is not None else int(available_memory() * SHARE_OF_AVAILABLE)
        self._is_shared = each is None
        self._taken: dict[int, int] = {}
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def watching(self, pid: int) -> Iterator[None]:
        """While it lasts, the worker ``pid`` counts as one that runs a task."""
        try:
            yield
        finally:
            with self._lock:
                self._taken.pop(pid, None)

    def check(self, pid: int) -> None:
        """Return if the process ``pid``, which is being watched, may go on.

        Raises:
            MachineError: ``MEMORY_LIMIT``: it takes more than it may, or is the largest where all take too much.
        """
        taken = _resident(pid)
        if taken is None:
            return
        with self._lock:
            self._taken[pid] = taken
            together = sum(self._taken.values())
            is_largest = taken == max(self._taken.values())
        if taken > self._limit:
            raise self._exceeded(pid, taken, "it took", taken)
        if self._is_shared and together > self._limit and is_largest:
            raise self._exceeded(pid, taken, "all workers together took", together)

    def _exceeded(self, pid: int, peak: int, who: str, amount: int) -> MachineError:
        allowed = "worker_memory" if not self._is_shared else "nine tenths of what was available"
        return MachineError(
            f"The worker process {pid} was ended, because {who} {_shown(amount)} of memory, more than "
            f"{_shown(self._limit)} ({allowed}).",
            "Set in_memory=False, use fewer workers, or set worker_memory to more if the machine has it.",
            code="MEMORY_LIMIT",
            retryable=peak <= self._limit,
            details={"pid": pid, "peak": peak, "limit": self._limit},
        )


def _shown(size: int) -> str:
    return f"{size / MIB:,.0f} MiB"


def _resident(pid: int) -> int | None:
    """Bytes of RAM that a process takes and that no file holds, too; None where the system does not tell."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        sizes = [1024 * int(line.split()[1]) for line in lines if line.startswith(("RssAnon:", "RssShmem:"))]
        return sum(sizes) if sizes else None
    return None
