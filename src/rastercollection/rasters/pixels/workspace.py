"""Where intermediates live: arrays in memory or raw files on local disk, and a folder that is gone afterwards."""

from __future__ import annotations

import contextlib
import itertools
import math
import mmap
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import attrs
import numpy as np
from rasterio.windows import Window

from rastercollection.core.models import Notify
from rastercollection.core.shortage import of_shortage
from rastercollection.errors import MachineError, NoSpaceError, TaskError, TileError
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.pixels.windows import Array
from rastercollection.rasters.scratch import scratch_folder

__all__ = ["Pixels", "PixelsInMemory", "PixelsOnDisk", "Workspace"]


_NO_ROOM = "Make room there, or set `scratch` to a folder on another disk."

_PROBE_BYTES = 2**20
_TAKES_BACK = hasattr(mmap, "MADV_DONTNEED")


@attrs.define(kw_only=True)
class Usage:
    """What intermediates take, and took at most, in bytes; threads may count at the same time.

    Attributes:
        memory, disk: Now.
        most_memory, most_disk: At any time.
    """

    memory: int = 0
    disk: int = 0
    most_memory: int = 0
    most_disk: int = 0
    _lock: threading.Lock = attrs.field(factory=threading.Lock, repr=False, eq=False)

    def add(self, size: int, *, in_memory: bool) -> None:
        """Count room that is taken, or given back where ``size`` is negative."""
        with self._lock:
            if in_memory:
                self.memory += size
                self.most_memory = max(self.most_memory, self.memory)
            else:
                self.disk += size
                self.most_disk = max(self.most_disk, self.disk)


class Pixels(Protocol):
    """Uncompressed pixels, ``(bands, rows, columns)``, all zero at first, whose room is counted."""

    shape: tuple[int, int, int]
    dtype: np.dtype

    def read(self, window: Window) -> Array:
        """``(bands, rows, columns)`` of a window; not to be written to."""

    def write(self, window: Window, data: Array) -> None:
        """Write all bands of a window."""

    def release(self, rows_before: int) -> None:
        """Give back the room of the first rows of all bands, as far as the system takes it: nobody reads them again."""

    def discard(self) -> None:
        """Free the room; nothing may be read or written afterwards."""


class PixelsInMemory:
    """An array in pages of its own, which the system gives when they are written and takes back one by one.

    Attributes:
        data: ``(bands, rows, columns)``.
    """

    def __init__(self, shape: tuple[int, int, int], dtype: np.dtype, usage: Usage) -> None:
        self.shape, self.dtype = shape, dtype
        self._layer_bytes = shape[1] * shape[2] * dtype.itemsize
        self._usage, self._lock = usage, threading.Lock()
        self._written = np.zeros(shape[1], bool)
        self._released = 0
        self._pages = _zeros(shape[0] * self._layer_bytes)
        self.data: Array = np.frombuffer(self._pages, dtype, math.prod(shape)).reshape(shape)

    def read(self, window: Window) -> Array:
        assert window.row_off >= self._released, "rows that were released are read"
        return self.data[:, *window.toslices()]

    def write(self, window: Window, data: Array) -> None:
        place = self.data[:, *window.toslices()]
        if data.__array_interface__["data"] != place.__array_interface__["data"] or data.base is not place.base:
            place[:] = data
        self._count(window.row_off, window.row_off + window.height, written=True)

    def _count(self, first: int, last: int, *, written: bool) -> None:
        """Count rows from ``first`` to ``last`` as memory that is held, or no more."""
        with self._lock:
            rows = self._written[first:last]
            changed = int(np.count_nonzero(rows != written))
            rows[:] = written
        size = changed * self.shape[0] * self.shape[2] * self.dtype.itemsize
        if size:
            self._usage.add(size if written else -size, in_memory=True)

    def release(self, rows_before: int) -> None:
        rows_before = min(rows_before, self.shape[1])
        if rows_before <= self._released:
            return
        row_bytes, page = self.shape[2] * self.dtype.itemsize, mmap.PAGESIZE
        for first in range(0, self.shape[0] * self._layer_bytes, self._layer_bytes):
            # a page that a band shares with the one before it stays
            start = max(-(-first // page), (first + self._released * row_bytes) // page) * page
            end = (first + rows_before * row_bytes) // page * page
            if start < end:
                _give_back(self._pages, start, end - start)
        if _TAKES_BACK:
            self._count(0, rows_before, written=False)
        self._released = rows_before

    def discard(self) -> None:
        self.release(self.shape[1])
        self._count(0, self.shape[1], written=False)
        # what is left of the pages goes with the last view of them
        self.data, self._pages = np.zeros((0, 0, 0), self.dtype), _zeros(0)


def _zeros(size: int) -> mmap.mmap:
    """Memory in pages of its own, all zero, that no other process shares."""
    if sys.platform == "win32":
        return mmap.mmap(-1, max(size, 1))
    pages = mmap.mmap(-1, max(size, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):
            pages.madvise(mmap.MADV_HUGEPAGE)
    return pages


def _give_back(pages: mmap.mmap, start: int, size: int) -> None:
    """Let the system have a part of whole pages; a system that cannot take them keeps them to the end."""
    if _TAKES_BACK:
        pages.madvise(mmap.MADV_DONTNEED, start, size)


class PixelsOnDisk:
    """A raw file, band after band, row after row, in the machine's byte order.

    It is read and written by calls, not mapped: a full disk is then an error, where with a mapped file it ends the
    process, and what passes through does not count as memory of the process.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int], dtype: np.dtype, usage: Usage) -> None:
        self.path, self.shape, self.dtype = path, shape, dtype
        self._usage, self._size = usage, math.prod(shape) * dtype.itemsize
        self._released = 0
        with path.open("xb") as file:
            file.truncate(self._size)
        usage.add(self._size, in_memory=False)

    def read(self, window: Window) -> Array:
        assert window.row_off >= self._released, "rows that were released are read"
        data = np.empty((self.shape[0], window.height, window.width), self.dtype)
        with self.path.open("rb", buffering=0) as file:
            for start, part in self._runs(window, data):
                file.seek(start)
                file.readinto(part)  # type: ignore[arg-type]
        return data

    def write(self, window: Window, data: Array) -> None:
        data = np.ascontiguousarray(data, self.dtype)
        with self.path.open("r+b", buffering=0) as file:
            for start, part in self._runs(window, data):
                file.seek(start)
                left = part.data.cast("B")
                while left:
                    left = left[file.write(left) or 0 :]

    def release(self, rows_before: int) -> None:
        """Nothing goes back: the file stays as long as it is."""
        self._released = max(self._released, rows_before)

    def discard(self) -> None:
        self.path.unlink()
        self._usage.add(-self._size, in_memory=False)

    def _runs(self, window: Window, data: Array) -> Iterator[tuple[int, Array]]:
        """Offsets in the file and the parts of ``data`` that lie there in one piece."""
        _, rows, columns = self.shape
        whole = window.width == columns
        for band, layer in enumerate(data):
            first = (band * rows + window.row_off) * columns + window.col_off
            if whole:
                yield first * self.dtype.itemsize, layer
                continue
            for row, line in enumerate(layer):
                yield (first + row * columns) * self.dtype.itemsize, line


@attrs.frozen(kw_only=True)
class Workspace:
    """A folder on local disk, removed with all its content, and memory for the intermediates if there is enough.

    Attributes:
        folder: On local disk.
        in_memory: Whether intermediates are kept in RAM.
        usage: What they take.
    """

    folder: Path
    in_memory: bool
    usage: Usage = attrs.field(factory=Usage)
    _numbers: Iterator[int] = attrs.field(factory=itertools.count, repr=False)

    @classmethod
    @contextlib.contextmanager
    def open(cls, limits: Limits, *, in_memory: bool, needed: int, notify: Notify | None = None) -> Iterator[Workspace]:
        """A workspace for the duration of a ``with`` block.

        Args:
            limits: The scratch folder.
            in_memory: Keep intermediates in RAM.
            needed: Bytes of disk that will be used at most.
            notify: Told if it had to be waited for.

        Raises:
            MachineError: ``NO_SPACE``; also in place of what is raised in the block because the disk is full, of which
                GDAL often tells nothing: what it wrote is then no valid COG, or not what was to be written.
        """
        with scratch_folder(limits, needed, notify) as folder:
            try:
                yield cls(folder=folder, in_memory=in_memory)
            except TaskError as error:
                if isinstance(error, TileError | MachineError) or not _is_full(folder):
                    raise
                raise MachineError(
                    f"The scratch folder {folder.parent} is full. {error.message}", _NO_ROOM, "NO_SPACE"
                ) from error

    def new_path(self, suffix: str) -> Path:
        """A path in the folder; nothing is there yet."""
        return self.folder / f"{next(self._numbers)}{suffix}"

    def new_pixels(self, shape: tuple[int, int, int], dtype: np.dtype) -> Pixels:
        """Room for ``(bands, rows, columns)``."""
        if self.in_memory:
            return PixelsInMemory(shape, dtype, self.usage)
        return PixelsOnDisk(self.new_path(".raw"), shape, dtype, self.usage)


def _is_full(folder: Path) -> bool:
    """Whether nothing more can be written there, or to one of the files that are there; these are spoilt by asking."""
    try:
        for path in (folder / "room", *folder.iterdir()):
            with path.open("ab") as file:
                file.write(bytes(_PROBE_BYTES))
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        return isinstance(of_shortage(error), NoSpaceError)
    return False
