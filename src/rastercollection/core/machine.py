"""What this process may use of the machine: cores and memory, as its control groups and the system tell."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = [
    "available_cores",
    "available_memory",
    "parse_bytes",
    "process_memory",
    "return_free_memory",
]


MIB = 2**20

_UNLIMITED = 2**60

_FALLBACK_MEMORY = 2 * 2**30


def available_cores() -> int:
    """Cores this process may use: its affinity, or the quota of its control groups where that is less; at least 1."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:
        cores = os.cpu_count() or 1
    return max(1, min(cores, int(_cgroup_cores(Path("/")))))


def available_memory() -> int:
    """Bytes of RAM this process may still take: what the machine has free, or its control groups allow."""
    return min(_machine_memory(Path("/")), _cgroup_memory(Path("/")))


def process_memory() -> int | None:
    """Bytes of RAM this process has taken at most, so far; None where the system does not tell."""
    with contextlib.suppress(OSError, StopIteration, ValueError):
        # what getrusage tells counts the process that this one was started from, too
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM:")))
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(most if sys.platform == "darwin" else most * 1024)


def return_free_memory() -> None:
    """Have the C library give the system what it holds of memory that was freed, where it is one that can (glibc)."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def parse_bytes(text: str) -> int:
    """Bytes from ``500M``, ``8G``, ``8GiB`` or plain digits; units are powers of 1024.

    Raises:
        ValueError: It is none of these.
    """
    number = text.strip().upper().removesuffix("B").removesuffix("I")
    unit = number[-1:] if number[-1:] in ("K", "M", "G", "T") else ""
    return int(float(number.removesuffix(unit)) * 1024 ** " KMGT".index(unit or " "))


def _groups(root: Path) -> Iterator[tuple[str, Path]]:
    """``(controllers, folder)`` of each control group this process is in, and of their parents."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        mounts = [controllers, *controllers.split(",")] if controllers else ["", "unified"]
        for mount in dict.fromkeys(mounts):
            top = root / "sys/fs/cgroup" / mount
            group = top / path.lstrip("/")
            yield from ((controllers, folder) for folder in (group, *group.parents) if folder.is_relative_to(top))


def _read_number(path: Path, position: int = 0) -> int | None:
    try:
        return int(path.read_text().split()[position])
    except (OSError, ValueError, IndexError):
        return None


def _cgroup_cores(root: Path) -> float:
    """Cores' worth of CPU time that the strictest control group grants; infinity without a quota."""
    strictest = float("inf")
    for _, folder in _groups(root):
        quota, period = _read_number(folder / "cpu.max", 0), _read_number(folder / "cpu.max", 1)
        if quota is None:
            quota = _read_number(folder / "cpu.cfs_quota_us")
            period = _read_number(folder / "cpu.cfs_period_us")
        if quota is not None and period and quota > 0:
            strictest = min(strictest, quota / period)
    return strictest if strictest != float("inf") else _UNLIMITED


def _reclaimable(folder: Path) -> int:
    """Bytes of page cache that the kernel gives up before it refuses memory."""
    try:
        lines = (folder / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    fields = dict(line.split()[:2] for line in lines if line.strip())
    return int(fields.get("total_inactive_file", fields.get("inactive_file", 0)))


def _cgroup_memory(root: Path) -> int:
    """Bytes left in the strictest control group; practically endless without one."""
    strictest = _UNLIMITED
    for _, folder in _groups(root):
        for limit_file, usage_file in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            limit, usage = _read_number(folder / limit_file), _read_number(folder / usage_file)
            if limit is not None and limit < _UNLIMITED:
                strictest = min(strictest, max(limit - (usage or 0) + _reclaimable(folder), 0))
    return strictest


def _machine_memory(root: Path) -> int:
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):
        return _FALLBACK_MEMORY
