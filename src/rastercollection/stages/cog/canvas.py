"""Uncompressed images between reading and encoding, in memory or on local disk, and what was written into them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import attrs
import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.io import DatasetWriter, MemoryFile
from rasterio.windows import Window

from rastercollection.errors import TaskError
from rastercollection.stages.cog.validity import Valid, any_band
from rastercollection.stages.cog.windows import Array, ValidityMap

__all__ = ["Canvas", "Record", "Workspace", "fingerprint"]

_BLOCK = 512


@attrs.define(kw_only=True)
class Record:
    """What was written, to be compared with what can be read back.

    Attributes:
        counts: Valid pixels of each band.
        map: Valid pixels by coarse cell.
        fingerprints: Of each window, by its offsets.
        steps: Rows and columns of the windows.
    """

    counts: NDArray[np.int64]
    map: ValidityMap
    steps: tuple[int, int]
    fingerprints: dict[tuple[int, int], bytes] = attrs.field(factory=dict)

    @classmethod
    def of(cls, count: int, width: int, height: int, steps: tuple[int, int]) -> Record:
        return cls(counts=np.zeros(count, np.int64), map=ValidityMap.of(width, height), steps=steps)

    def add(self, window: Window, valid: Valid) -> None:
        """Count a window; ``valid`` as in :mod:`~rastercollection.stages.cog.validity`."""
        if valid is None:
            self.counts += window.width * window.height
        else:
            sums = np.count_nonzero(valid, axis=(1, 2))
            self.counts += np.broadcast_to(sums, self.counts.shape)
        self.map.add(window, any_band(valid))


def fingerprint(data: Array, valid: Valid, *, only_valid: bool = False) -> bytes:
    """A digest of pixels and their validity, equal for arrays that are equal bit by bit.

    Args:
        data: ``(bands, rows, columns)``.
        valid: Which of them are valid.
        only_valid: Leave values of invalid pixels out.
    """
    if only_valid and valid is not None:
        data = np.where(valid, data, data.dtype.type(0))
    digest = hashlib.blake2b(np.ascontiguousarray(data).data, digest_size=16)
    if valid is not None:
        digest.update(np.packbits(valid).data)
    return digest.digest()


class Canvas:
    """An uncompressed, tiled GeoTIFF that is filled window by window; it gets a mask at the first pixel that needs one.

    Attributes:
        dataset: The open GeoTIFF; its metadata may be set.
    """

    def __init__(self, path: str, *, count: int, width: int, height: int, dtype: np.dtype, **profile: Any) -> None:
        self.dataset: DatasetWriter = rasterio.open(
            path,
            "w",
            driver="GTiff",
            count=count,
            width=width,
            height=height,
            dtype=dtype.name,
            tiled=True,
            blockxsize=_BLOCK,
            blockysize=_BLOCK,
            BIGTIFF="YES",
            **profile,
        )
        self._unmasked: list[Window] = []
        self.has_mask = False

    def write(self, window: Window, data: Array, mask: NDArray[np.bool_] | None = None) -> None:
        """Write all bands of a window.

        Args:
            window: Where.
            data: ``(bands, rows, columns)``.
            mask: ``(rows, columns)``, False where the pixels of all bands are invalid; None where all are valid, or
                the values tell.
        """
        self.dataset.write(data, window=window)
        if mask is not None and not self.has_mask:
            self.has_mask = True
            for earlier in self._unmasked:
                self._write_mask(earlier, None)
        if self.has_mask:
            self._write_mask(window, mask)
        else:
            self._unmasked.append(window)

    def _write_mask(self, window: Window, mask: NDArray[np.bool_] | None) -> None:
        if mask is None:
            mask = np.ones((window.height, window.width), bool)
        self.dataset.write_mask(mask, window=window)

    def __enter__(self) -> Canvas:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.dataset.close()


@attrs.frozen(kw_only=True)
class Workspace:
    """Where intermediates live: a folder of its own, removed with all its content, and memory if there is enough.

    Attributes:
        folder: On local disk.
        in_memory: Whether canvases are kept in RAM.
    """

    folder: Path
    in_memory: bool
    _stack: contextlib.ExitStack = attrs.field(repr=False)

    @classmethod
    @contextlib.contextmanager
    def open(cls, scratch: str | None, *, in_memory: bool, needed: int) -> Iterator[Workspace]:
        """A workspace for the duration of a ``with`` block.

        Args:
            scratch: Folder to make it in; the system's own for temporary files when None.
            in_memory: Keep canvases in RAM.
            needed: Bytes of disk that will be used at most.

        Raises:
            TaskError: ``NO_SPACE``.
        """
        root = scratch or tempfile.gettempdir()
        _check_space(root, needed)
        with (
            tempfile.TemporaryDirectory(prefix="rastercollection-", dir=root) as folder,
            contextlib.ExitStack() as stack,
        ):
            yield cls(folder=Path(folder), in_memory=in_memory, stack=stack)

    def new_path(self) -> str:
        """A path for a canvas; nothing is there yet."""
        if self.in_memory:
            return str(self._stack.enter_context(MemoryFile(ext=".tif")).name)
        return str(self.folder / f"{uuid.uuid4().hex}.tif")

    def discard(self, path: str) -> None:
        """Free a canvas that is no longer needed, before the workspace goes."""
        if self.in_memory:
            rasterio.shutil.delete(path, driver="GTiff")
        else:
            Path(path).unlink()


def _check_space(root: str, needed: int) -> None:
    try:
        os.makedirs(root, exist_ok=True)
        free = shutil.disk_usage(root).free
    except OSError as error:
        raise TaskError(
            f"The scratch folder {root} cannot be used: {error.strerror}.", "Set scratch to a folder.", "NO_SPACE"
        ) from error
    if free < needed:
        raise TaskError(
            f"The scratch folder {root} has {free / 2**20:,.0f} MiB free; a tile may need {needed / 2**20:,.0f} MiB.",
            "Make room there, or set scratch to a folder on another disk.",
            "NO_SPACE",
        )
