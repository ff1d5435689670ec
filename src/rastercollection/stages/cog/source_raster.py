"""An open source and what is known of it: its pixels by windows, as they are and as its COG is going to have them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from rastercollection.errors import TaskError, TileError
from rastercollection.rasters.cost import WINDOW_BYTES
from rastercollection.rasters.gdal_env import forget_blocks
from rastercollection.rasters.gdal_errors import GDAL_ERRORS, translated
from rastercollection.rasters.grid.placement import Strip
from rastercollection.rasters.grid.plan import GridPlan
from rastercollection.rasters.pixels.invalid_values import settle
from rastercollection.rasters.pixels.raster_buffer import ValidPixels
from rastercollection.rasters.pixels.validity import PixelLayout, Valid, Validity, any_band, common_dtype
from rastercollection.rasters.pixels.windows import Array, window_steps

__all__ = ["SourceRaster", "picked"]

_LOW = 64
"""Rows of a block that may as well be read twice."""


@attrs.frozen(kw_only=True)
class SourceRaster:
    """An open source and what is known of it.

    Attributes:
        dataset: Open.
        blob: Name of the tile.
        validity: How it tells invalid pixels.
        layout: How its COG will.
        strips: Which columns of the dataset are taken, in their order; empty for all of them as they are.
    """

    dataset: DatasetReader
    blob: str
    validity: Validity
    layout: PixelLayout
    strips: tuple[Strip, ...] = ()

    @property
    def width(self) -> int:
        """Columns that are taken."""
        return sum(strip.width for strip in self.strips) if self.strips else int(self.dataset.width)

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.dataset.height)

    @property
    def may_need_mask(self) -> bool:
        """Whether its pixels decide if a nodata value tells all readers the same."""
        return self.layout.kind == "nodata" and self.validity.unified

    def half_transparent(self, data: Array) -> int:
        """Pixels, of all bands of a window, that are so by an alpha band that the COG will not have."""
        alpha = self.validity.alpha
        if alpha is None or self.layout.alpha is not None or data.dtype.kind != "u":
            return 0
        return int(np.count_nonzero((data[alpha] > 0) & (data[alpha] < np.iinfo(data.dtype).max)))

    @property
    def steps(self) -> tuple[int, int]:
        """Rows and columns of the windows to read in."""
        dataset = self.dataset
        pixel = dataset.count * common_dtype(dataset).itemsize
        return window_steps(dataset.width, dataset.height, pixel, WINDOW_BYTES, dataset.block_shapes[0])

    def forget(self, window: Window) -> None:
        """Have GDAL drop the blocks of a row of windows that ends here, where the next has none of them."""
        rows = self.dataset.block_shapes[0][0]
        if window.col_off + window.width == self.width and (self.steps[0] % rows == 0 or rows < _LOW):
            forget_blocks()

    def read(self, window: Window, out: Array | None = None) -> tuple[Array, Valid, Valid]:
        """Pixels of all bands, in ``out`` if there is one, which are valid, and the source's own mask.

        Args:
            window: Of the columns that are taken.
            out: Of its shape.

        Raises:
            TileError: ``FILE_UNREADABLE`` or ``FILE_TRUNCATED``, with the block.
            TaskError: ``SOURCE_UNAVAILABLE``, retryable.
        """
        windows = self._windows_of(window)
        if len(windows) == 1:
            return self._read(windows[0], out)
        parts, valids, masks = zip(*(self._read(part, None) for part in windows), strict=True)
        data = np.concatenate(parts, axis=2, out=out)
        return data, _side_by_side(valids, windows), _side_by_side(masks, windows)

    def _windows_of(self, window: Window) -> list[Window]:
        """The windows of the dataset that hold a window of the columns that are taken."""
        found, start = [], 0
        for strip in self.strips or (Strip(first=0, width=self.dataset.width),):
            first = max(window.col_off, start)
            last = min(window.col_off + window.width, start + strip.width)
            if first < last:
                found.append(Window(strip.first + first - start, window.row_off, last - first, window.height))
            start += strip.width
        return found

    def _read(self, window: Window, out: Array | None) -> tuple[Array, Valid, Valid]:
        """The same of a window of the dataset."""
        doing = f"reading {window.width} × {window.height} pixels at column {window.col_off}, row {window.row_off}"
        try:
            with translated(self.dataset.name, self.blob, lambda: doing):
                return self.validity.read(self.dataset, window, out)
        except TileError as error:
            raise _with_block(self.dataset, window, error) from error

    def fitting(self, place: Array | None) -> Array | None:
        """``place``, if pixels can be read into it as they are."""
        if place is None or self.layout.bands != tuple(range(self.dataset.count)):
            return None
        return place

    def read_turned(self, window: Window, plan: GridPlan) -> tuple[Array, Valid]:
        """Pixels of the bands that are kept, turned round as the COG is, and which are valid there."""
        data, valid, _ = self.read_as_laid_out(window, plan)
        return data, valid

    def read_as_laid_out(
        self, window: Window, plan: GridPlan, out: Array | None = None, count: ValidPixels | None = None
    ) -> tuple[Array, Valid, NDArray[np.bool_] | None]:
        """The same, in ``out`` if it fits, and ``(rows, columns)`` of the mask that the COG needs.

        Pixels that are half transparent are added to ``count``. Beyond the source, no pixel is valid.
        """
        beyond = min(max(window.col_off + window.width - self.width, 0), window.width)
        if not beyond:
            return self._laid_out(window, plan, out, count)
        inside = Window(window.col_off, window.row_off, window.width - beyond, window.height)
        if inside.width:
            data, valid, mask = self._laid_out(inside, plan, None, count)
            return _widened(data, valid, mask, beyond, self.layout)
        nothing: Array = np.zeros((len(self.layout.bands), window.height, 0), self.layout.dtype)
        return _widened(nothing, None, None, beyond, self.layout)

    def _laid_out(
        self, window: Window, plan: GridPlan, out: Array | None, count: ValidPixels | None
    ) -> tuple[Array, Valid, NDArray[np.bool_] | None]:
        """The same of a window that lies in the source."""
        width, height, layout = self.width, self.height, self.layout
        place = None if plan.flip_rows or plan.flip_columns else self.fitting(out)
        data, valid, mask = self.read(_turned(window, plan, width, height), place)
        if count is not None:
            count.half_transparent += self.half_transparent(data)
        data = _turn(data, plan)
        valid, mask = (None if array is None else _turn(array, plan) for array in (valid, mask))
        if layout.kind != "mask":
            return data, valid, None
        own = any_band(mask) if self.validity.kind == "mask" else any_band(valid)
        data = picked(data, layout)
        return data, layout.validity.judge(data, None if own is None else own[np.newaxis]), own


def _side_by_side(valids: Sequence[Valid], windows: Sequence[Window]) -> Valid:
    """Validity of windows that lie beside each other, as of one."""
    if all(valid is None for valid in valids):
        return None
    bands = max(valid.shape[0] for valid in valids if valid is not None)
    shapes = [(bands, window.height, window.width) for window in windows]
    return np.concatenate(
        [np.broadcast_to(True if valid is None else valid, shape) for valid, shape in zip(valids, shapes, strict=True)],
        axis=2,
    )


def _widened(
    data: Array, valid: Valid, mask: NDArray[np.bool_] | None, columns: int, layout: PixelLayout
) -> tuple[Array, Valid, NDArray[np.bool_] | None]:
    """With so many columns more on the right, in which no pixel is valid, and the mask where it takes one to tell."""
    bands, rows, width = data.shape
    beyond = np.zeros((bands, rows, columns), layout.dtype)
    settle(beyond, np.zeros((1, rows, columns), bool), layout)
    nothing = np.zeros((1 if valid is None else valid.shape[0], rows, columns), bool)
    own = np.broadcast_to(True if valid is None else valid, (nothing.shape[0], rows, width))
    everything, told = np.concatenate([data, beyond], axis=2), np.concatenate([own, nothing], axis=2)
    if layout.kind != "mask" and (layout.kind != "none" or layout.turns_nan):
        return everything, told, None
    shown = np.broadcast_to(True if mask is None else mask, (rows, width))
    return everything, told, np.concatenate([shown, nothing[0]], axis=1)


def picked(data: Array, layout: PixelLayout) -> Array:
    """The bands that a COG keeps, of all."""
    return data if len(layout.bands) == data.shape[0] else data[list(layout.bands)]


def _turned(window: Window, plan: GridPlan, width: int, height: int) -> Window:
    """Where the source has what comes to lie in ``window``."""
    column = width - window.col_off - window.width if plan.flip_columns else window.col_off
    row = height - window.row_off - window.height if plan.flip_rows else window.row_off
    return Window(column, row, window.width, window.height)


def _turn(array: Array, plan: GridPlan) -> Array:
    if not (plan.flip_rows or plan.flip_columns):
        return array
    rows, columns = (-1 if plan.flip_rows else 1), (-1 if plan.flip_columns else 1)
    return np.ascontiguousarray(array[:, ::rows, ::columns])


def _with_block(dataset: DatasetReader, window: Window, error: TileError) -> TaskError:
    """The error with the first block that cannot be read; a retryable one where all can, the second time."""
    for band, column, row, block in _blocks(dataset, window):
        try:
            dataset.read(band, window=block)
        except GDAL_ERRORS:
            return TileError(
                f"{error.message} (band {band}, block {column}, {row}: "
                f"columns {block.col_off}–{block.col_off + block.width - 1}, "
                f"rows {block.row_off}–{block.row_off + block.height - 1})",
                error.hint,
                error.code,
                details={"band": band, "block": [column, row], "column": block.col_off, "row": block.row_off},
            )
    return TaskError(error.message, "Try again: the second time it could be read.", error.code, retryable=True)


def _blocks(dataset: DatasetReader, window: Window) -> Iterator[tuple[int, int, int, Window]]:
    """``(band, block column, block row, block)`` of the blocks that overlap a window."""
    for band, (rows, columns) in enumerate(dataset.block_shapes, 1):
        for row in range(window.row_off // rows, (window.row_off + window.height - 1) // rows + 1):
            for column in range(window.col_off // columns, (window.col_off + window.width - 1) // columns + 1):
                width = min(columns, dataset.width - column * columns)
                height = min(rows, dataset.height - row * rows)
                yield band, column, row, Window(column * columns, row * rows, width, height)
