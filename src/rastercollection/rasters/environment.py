"""What this process may use of the machine, and the GDAL environment that keeps to it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from rastercollection.errors import RequestError, RequestProblem

__all__ = [
    "NO_NETWORK",
    "SAFE_OPTIONS",
    "Limits",
    "available_cores",
    "available_memory",
    "config_session",
    "gdal_environment",
    "is_isolated",
    "parse_bytes",
    "plan_limits",
    "process_bytes",
    "process_memory",
]

MIB = 2**20
MEMORY_VARIABLE = "RASTERCOLLECTION_MEMORY_BUDGET"
"""Environment variable that says what ``memory_budget`` is when nothing else does."""
SAFE_OPTIONS = {
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "0.5",
}
"""GDAL looks for no files beside the one it opens, runs no code from files, and asks a web server again."""

NO_NETWORK = {"CPL_VSIL_CURL_ALLOWED_FILENAME": "/none", "GDAL_HTTP_PROXY": "http://127.0.0.1:9"}
"""Options under which GDAL reads nothing from a network."""

_UNLIMITED = 2**60
_FALLBACK_MEMORY = 2 * 2**30
_SMALLEST_CACHE_MB = 16
_LARGEST_CACHE_MB = 1024
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
    """

    gdal_threads: int = 1
    gdal_cache_mb: int = 64
    memory_bytes: int = 2**30
    scratch: str | None = None


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


def parse_bytes(text: str) -> int:
    """Bytes from ``500M``, ``8G``, ``8GiB`` or plain digits; units are powers of 1024.

    Raises:
        ValueError: It is none of these.
    """
    number = text.strip().upper().removesuffix("B").removesuffix("I")
    unit = number[-1:] if number[-1:] in ("K", "M", "G", "T") else ""
    return int(float(number.removesuffix(unit)) * 1024 ** " KMGT".index(unit or " "))


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
    cache = min(budget // 8 // MIB, _LARGEST_CACHE_MB)
    processes = 1 if shares_memory else workers
    each = cache // processes
    return Limits(
        gdal_threads=max(1, available_cores() // workers),
        gdal_cache_mb=max(_SMALLEST_CACHE_MB, each),
        memory_bytes=max(budget - (cache + processes * _PROCESS_MB) * MIB, 0) // workers,
        scratch=scratch,
    )


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


class _BlockCache:
    """GDAL's block cache is one per process: the first task in sets its size, the last one out restores it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._saved: Any = None

    @contextlib.contextmanager
    def limited_to(self, size: int) -> Iterator[None]:
        from rasterio.env import get_gdal_config, set_gdal_config

        with self._lock:
            if self._users == 0:
                self._saved = get_gdal_config("GDAL_CACHEMAX")
                set_gdal_config("GDAL_CACHEMAX", size)
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    set_gdal_config("GDAL_CACHEMAX", self._saved)


_block_cache = _BlockCache()


def is_isolated() -> bool:
    """Whether GDAL's options, set here, reach nobody else's code.

    rasterio sets them for the whole process in the main thread and for the thread alone in any other.
    """
    in_worker = multiprocessing.parent_process() is not None
    return in_worker or threading.current_thread() is not threading.main_thread()


def config_session(config: Mapping[str, str]) -> Any:
    """A session for ``rasterio.Env`` that sets ``config``: AWS keys, which it refuses as options, among them."""
    from rasterio.session import Session

    class ConfigSession(Session):  # type: ignore[misc]
        """Credentials as plain options."""

        @classmethod
        def hascreds(cls, config: Mapping[str, Any]) -> bool:
            return bool(config)

        def get_credential_options(self) -> dict[str, str]:
            return dict(config)

    return ConfigSession()


@contextlib.contextmanager
def gdal_environment(limits: Limits, source_config: Mapping[str, str] | None = None) -> Iterator[None]:
    """A ``rasterio.Env`` that keeps to ``limits``; everything it sets is as before when it is left.

    GDAL looks for no files beside the one it opens and reads and writes no ``.aux.xml``. In the main thread the options
    hold for the whole process while the context lasts, in any other thread for that thread alone; the size of the
    block cache is always that of the process.

    Args:
        limits: Threads and cache.
        source_config: GDAL's options for this source, credentials among them; they win over the defaults.
    """
    import rasterio

    options = {"GDAL_NUM_THREADS": str(limits.gdal_threads), **SAFE_OPTIONS}
    with (
        rasterio.Env(session=config_session(source_config or {}), **options),
        _block_cache.limited_to(limits.gdal_cache_mb * MIB),
    ):
        yield
