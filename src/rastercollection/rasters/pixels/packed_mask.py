"""A mask of an image, a bit a pixel."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from rastercollection.rasters.pixels.workspace import Workspace

__all__ = ["PackedMask"]

_BITS = 8


class PackedMask:
    """Which pixels of an image are valid: all of them at first, for which no memory is taken."""

    def __init__(self, workspace: Workspace, height: int, width: int) -> None:
        self._width = width
        self._invalid = workspace.new_pixels((1, height, -(-width // _BITS)), np.dtype(np.uint8))
        self._turn = threading.Lock()

    def write(self, window: Window, valid: NDArray[np.bool_]) -> None:
        """Tell of a window, ``(rows, columns)``; at the same time as of others that do not overlap it."""
        bits, right = self._bytes_of(window), window.col_off + window.width
        if window.col_off % _BITS == 0 and (right % _BITS == 0 or right == self._width):
            self._invalid.write(bits, np.packbits(~valid, axis=-1)[np.newaxis])
            return
        first = window.col_off % _BITS
        with self._turn:  # bytes at its sides are shared with its neighbours
            around = np.unpackbits(self._invalid.read(bits), axis=-1)
            around[0, :, first : first + window.width] = ~valid
            self._invalid.write(bits, np.packbits(around, axis=-1))

    def read(self, window: Window) -> NDArray[np.bool_]:
        """``(1, rows, columns)``, True where valid."""
        first = window.col_off % _BITS
        around = np.unpackbits(self._invalid.read(self._bytes_of(window)), axis=-1, count=first + window.width)
        return np.equal(around[:, :, first:], 0)

    def release(self, rows_before: int) -> None:
        """Give back the room of the first rows: nobody reads them again."""
        self._invalid.release(rows_before)

    def discard(self) -> None:
        """Free the room."""
        self._invalid.discard()

    def _bytes_of(self, window: Window) -> Window:
        first, end = window.col_off // _BITS, -(-(window.col_off + window.width) // _BITS)
        return Window(first, window.row_off, end - first, window.height)
