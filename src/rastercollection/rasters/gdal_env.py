"""The GDAL environment that keeps to a task's limits and opens nothing but what it is told to."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import re
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from rastercollection.core.forks import rely_on_threads
from rastercollection.core.machine import MIB
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.proj_data import usable_proj_data

__all__ = [
    "NO_NETWORK",
    "SAFE_OPTIONS",
    "config_session",
    "forget_blocks",
    "forget_cached",
    "gdal_environment",
    "installed_drivers",
    "is_isolated",
    "is_remote",
    "is_virtual",
]


SAFE_OPTIONS = {
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "0.5",
    "GDAL_HTTP_CONNECTTIMEOUT": "30",
    "GDAL_HTTP_LOW_SPEED_TIME": "60",
    "GDAL_HTTP_LOW_SPEED_LIMIT": "1",
}
"""GDAL looks for no files beside the one it opens, runs no code from files, asks web servers again, and not forever."""

_NOWHERE = "http://127.0.0.1:9"

NO_NETWORK = {"CPL_VSIL_CURL_ALLOWED_FILENAME": "/none", "GDAL_HTTP_PROXY": _NOWHERE}
"""Options under which GDAL reads nothing from a network."""

_REMOTE = re.compile(r"(?:GTIFF_DIR:\d+:)?/vsi(?:curl|s3|gs|az|adls|oss|swift|hdfs|webhdfs)/")
_FORGETTER = "rastercollection-forget"
_FORGETTING = {
    "CPL_VSIL_CURL_NON_CACHED": "/vsi",
    "GDAL_HTTP_PROXY": _NOWHERE,
    "GDAL_HTTP_MAX_RETRY": "0",
}


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

    def forget(self) -> None:
        """Drop all blocks, unless several tasks share the cache."""
        from rasterio.env import get_gdal_config, set_gdal_config

        with self._lock:
            if self._users == 1:
                size = get_gdal_config("GDAL_CACHEMAX")
                set_gdal_config("GDAL_CACHEMAX", 1)
                set_gdal_config("GDAL_CACHEMAX", size)


_block_cache = _BlockCache()


def forget_blocks() -> None:
    """Have GDAL hold no blocks that were read before, as those of windows that were taken over are not read again."""
    _block_cache.forget()


def is_remote(path: str) -> bool:
    """Whether GDAL reads what is at a path from a server."""
    return _REMOTE.match(path) is not None


def is_virtual(path: str) -> bool:
    """Whether GDAL finds a path in one of its virtual file systems, of servers or of archives, memory and the like."""
    return path.startswith("/vsi")


def forget_cached(path: str, config: Mapping[str, str]) -> None:
    """Have GDAL read an object afresh, whatever anybody in this process has read, or not found, under its name.

    GDAL keeps sizes, absence and content of remote files by name, for as long as the process lasts. It drops them when
    it closes a file that is not to be cached: this opens and closes it, where no server can be reached. That is done
    in a thread of its own, which these options hold for alone.

    Args:
        path: GDAL's; nothing is done for a local one.
        config: The options that it is opened with: they are part of the name.
    """
    if is_remote(path):
        rely_on_threads()
        for name in ("rasterio._env", "rasterio._err"):
            logging.getLogger(name).addFilter(_is_news)
        thread = threading.Thread(target=_open_and_close, args=(path, config), name=_FORGETTER)
        thread.start()
        thread.join()


def _is_news(record: logging.LogRecord) -> bool:
    """Whether what GDAL says was not provoked: that no server is reached is what was meant."""
    return record.threadName != _FORGETTER


def _open_and_close(path: str, config: Mapping[str, str]) -> None:
    import rasterio
    from rasterio.errors import RasterioError
    from rasterio.io import DatasetReader

    options = {**SAFE_OPTIONS, **_FORGETTING}
    with rasterio.Env(session=config_session(config), **options), contextlib.suppress(RasterioError):
        DatasetReader(path, driver=["MEM"], sharing=False).close()


def installed_drivers() -> frozenset[str]:
    """Names of the drivers that the installed GDAL has."""
    import rasterio

    with rasterio.Env() as environment:
        return frozenset(environment.drivers())


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

    Raises:
        ForkedProcessError: GDAL was used in the process that this one was forked from.
        MachineError: ``PROJ_DATA_UNUSABLE``.
    """
    import rasterio

    rely_on_threads()
    usable_proj_data()
    options = {"GDAL_NUM_THREADS": str(limits.gdal_threads), **SAFE_OPTIONS}
    with (
        rasterio.Env(session=config_session(source_config or {}), **options),
        _block_cache.limited_to(limits.gdal_cache_mb * MIB),
    ):
        yield
