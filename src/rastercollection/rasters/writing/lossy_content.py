"""Reading a COG of a lossy codec back, and telling how far its pixels are from those that were encoded."""

from __future__ import annotations

import math

import attrs
import numpy as np
from rasterio.io import DatasetReader
from rasterio.windows import Window

from rastercollection.model.cog import CogSettings
from rastercollection.rasters.pixels.validity import Valid
from rastercollection.rasters.pixels.windows import Array
from rastercollection.rasters.pixels.workspace import Pixels, Workspace
from rastercollection.rasters.writing.content import Content, ExactContent, Look, compared_of

__all__ = ["LossyContent", "kept_bytes"]

_ROW = 2
"""One of so many rows of a block is compared, which is plenty."""


def _kept_shape(bands: int, width: int, height: int, block_size: int, *, resampled: bool) -> tuple[int, int, int]:
    """``(bands, rows, columns)`` that are kept of an image, block below block, until its COG has been read back."""
    every = compared_of(width, height, block_size, resampled=resampled)
    blocks = -(-width // block_size) * -(-height // block_size)
    return bands, math.ceil(blocks / every) * math.ceil(block_size / _ROW), block_size


def kept_bytes(settings: CogSettings, shape: tuple[int, int], bands: int, dtype: np.dtype, *, resampled: bool) -> int:
    """What is kept of an image of so many rows and columns until its COG has been read back: nothing, if lossless."""
    if settings.is_exact:
        return 0
    rows, columns = shape
    return math.prod(_kept_shape(bands, columns, rows, settings.block_size, resampled=resampled)) * dtype.itemsize


@attrs.define(kw_only=True)
class LossyContent(ExactContent):
    """Some rows of the blocks of an image, taken when they are encoded, which a lossy codec has to come near.

    Attributes:
        workspace: Where the rows are kept.
        bands: Of the image.
        dtype: Of the image.
    """

    workspace: Workspace
    bands: int
    dtype: np.dtype
    _rows: Pixels = attrs.field(init=False)

    exact = False

    @_rows.default
    def _no_rows_yet(self) -> Pixels:
        shape = _kept_shape(self.bands, self.width, self.height, self.block_size, resampled=self.resampled)
        return self.workspace.new_pixels(shape, self.dtype)

    def compare(self, cog: DatasetReader, look: Look | None = None, *, threads: int = 1) -> Content:
        """As :meth:`ExpectedContent.compare`; the rows are given up afterwards."""
        found = super().compare(cog, look, threads=threads)
        self._rows.discard()
        return found

    def _keep(self, window: Window, data: Array, valid: Valid) -> None:  # noqa: ARG002
        self._rows.write(self._place_of_rows(window), data[:, ::_ROW])

    def _compare_pixels(self, content: Content, window: Window, data: Array, valid: Valid) -> None:
        expected, found = self._rows.read(self._place_of_rows(window)), data[:, ::_ROW]
        for band in range(self.bands):
            difference = expected[band].astype(np.int16) - found[band]
            if valid is not None:
                difference = difference[valid[band if valid.shape[0] > 1 else 0, ::_ROW]]
            flat = difference.ravel().astype(np.float32)
            content.squares += float(np.dot(flat, flat))
            content.compared += flat.size

    def _place_of_rows(self, window: Window) -> Window:
        slot, rows = self._number(window) // self._every, math.ceil(self.block_size / _ROW)
        return Window(0, slot * rows, window.width, math.ceil(window.height / _ROW))
