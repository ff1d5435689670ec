"""Encoded blocks between encoding and writing: no directory can be written before all sizes are known."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from rastercollection.rasters.pixels.workspace import Workspace

__all__ = ["HeldBlocks"]


class HeldBlocks:
    """The blocks of one image in their order, in memory or, where intermediates are on disk, in a file."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._sizes: list[int] = []
        self._blocks: deque[bytes] = deque()
        self._path: Path | None = None if workspace.in_memory else workspace.new_path(".blocks")
        self._file: IO[bytes] | None = None if self._path is None else self._path.open("xb")

    @property
    def sizes(self) -> NDArray[np.uint64]:
        """Bytes of each block."""
        return np.array(self._sizes, np.uint64)

    def add(self, block: bytes) -> None:
        """Hold the next block."""
        self._workspace.usage.add(len(block), in_memory=self._file is None)
        self._sizes.append(len(block))
        if self._file is None:
            self._blocks.append(block)
        else:
            self._file.write(block)

    def take(self) -> Iterator[bytes]:
        """All blocks in order, once: each is given up when the next one is asked for."""
        for size, block in zip(self._sizes, self._stored(), strict=True):
            yield block
            self._workspace.usage.add(-size, in_memory=self._path is None)

    def _stored(self) -> Iterator[bytes]:
        if self._path is None or self._file is None:
            while self._blocks:
                yield self._blocks.popleft()
            return
        self._file.close()
        with self._path.open("rb") as file:
            for size in self._sizes:
                yield file.read(size)
        self._path.unlink()
