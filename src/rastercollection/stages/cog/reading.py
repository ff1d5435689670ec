"""Reading a source, every pixel of it and once, into an uncompressed buffer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from rastercollection.errors import TaskError, TileError
from rastercollection.rasters.cost import WINDOW_BYTES
from rastercollection.rasters.gdal_env import forget_blocks
from rastercollection.rasters.gdal_errors import GDAL_ERRORS, translated, writing
from rastercollection.rasters.grid.placement import Strip
from rastercollection.rasters.grid.plan import GridPlan
from rastercollection.rasters.pixels.invalid_values import clear_masked, settle
from rastercollection.rasters.pixels.raster_buffer import RasterBuffer, ValidPixels
from rastercollection.rasters.pixels.validity import PixelLayout, Valid, Validity, any_band, common_dtype, is_told_alike
from rastercollection.rasters.pixels.windows import Array, iterate_windows, window_steps

__all__ = ["BORDER", "Gather", "SourceRaster", "copy_pixels", "join_words", "split_words", "store_for_warp"]

Gather = Callable[[Array, Valid], None]
"""Takes in the pixels of a window and which of them are valid."""
_LOW = 64
"""Rows of a block that may as well be read twice."""
BORDER = 1
"""Pixels around a source that is to be warped: its edge must not be lost to the warper's approximations."""


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
        data = _picked(data, layout)
        return data, layout.validity.judge(data, None if own is None else own[np.newaxis]), own


def copy_pixels(source: SourceRaster, buffer: RasterBuffer, plan: GridPlan, gather: Gather) -> ValidPixels:
    """Take a source over into the buffer of its COG, pixel by pixel.

    The buffer is left with a mask where the values do not tell which pixels are valid.

    Args:
        source: Upright in the target CRS.
        buffer: Of the COG's size.
        plan: Says which axes are turned round.
        gather: Is given every window.
    """
    width, height, layout = plan.grid.width, plan.grid.height, source.layout
    valid_pixels = ValidPixels.of(len(layout.bands), width, height, source.steps)
    for window in iterate_windows(width, height, source.steps):
        data, valid, own = source.read_as_laid_out(window, plan, buffer.in_place(window), valid_pixels)
        if source.may_need_mask:
            valid_pixels.misread |= not is_told_alike(data, valid, layout)
            own = any_band(valid)
        elif _is_told_anew(source):
            _check_rename(source, data, valid)
            settle(data, valid, layout)
        clear_masked(data, valid, layout)
        with writing(source.blob, "writing the intermediate image"):
            buffer.write(window, data, own)
        valid_pixels.add(window, valid)
        gather(data, valid)
        if not (plan.flip_rows or plan.flip_columns):
            source.forget(window)
    if source.may_need_mask and not valid_pixels.misread:
        buffer.drop_mask()
    return valid_pixels


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


def _is_told_anew(source: SourceRaster) -> bool:
    """Whether a COG tells invalid pixels by values that they do not have in the source."""
    layout, validity = source.layout, source.validity
    if layout.kind == "alpha":
        return validity.kind == "nodata"
    if layout.kind != "nodata":
        return False
    return layout.alpha is not None or any(not _same(value, layout.nodata) for value in validity.nodata)


def store_for_warp(source: SourceRaster, buffer: RasterBuffer, gather: Gather, *, as_words: bool) -> ValidPixels:
    """Keep a source for the warper: its pixels, and a mask of those that are valid in any band.

    Args:
        source: The source.
        buffer: Larger than the source by ``BORDER`` pixels on each side, which repeat those at its edge.
        gather: Is given every window, before it is written.
        as_words: Write 64-bit integers as pairs of 32-bit ones, which the warper moves without loss.

    Returns:
        What was read.
    """
    width, height = source.width, source.height
    valid_pixels = ValidPixels.of(len(source.layout.bands), width, height, source.steps)
    becomes_mask = source.layout.kind == "mask" != source.validity.kind
    for window in iterate_windows(width, height, source.steps):
        # memory that is handed out anew has to be cleared page by page
        place = None if as_words else source.fitting(buffer.in_place(_shifted(window)))
        data, valid, _ = source.read(window, place)
        valid_pixels.half_transparent += source.half_transparent(data)
        data = _picked(data, source.layout)
        if source.may_need_mask:
            valid_pixels.misread |= not is_told_alike(data, valid, source.layout)
        if valid is not None and valid.shape[0] > 1:
            valid = np.logical_or.reduce(valid)[np.newaxis] if becomes_mask else valid[list(source.layout.bands)]
            valid_pixels.differs |= not becomes_mask
        valid_pixels.add(window, valid)
        gather(data, valid)
        with writing(source.blob, "writing the intermediate image"):
            _write_bordered(buffer, window, split_words(data) if as_words else data, any_band(valid))
        source.forget(window)
    return valid_pixels


def _shifted(window: Window) -> Window:
    """A window of the source on the buffer with its border."""
    return Window(window.col_off + BORDER, window.row_off + BORDER, window.width, window.height)


def _write_bordered(buffer: RasterBuffer, window: Window, data: Array, mask: NDArray[np.bool_] | None) -> None:
    """Write a window of the source, and the border beside it where it is at the edge."""
    place = _shifted(window)
    buffer.write(place, data, mask)
    everything = slice(None)
    rows = _with_edges(everything, place.row_off, place.height, buffer.height)
    columns = _with_edges(everything, place.col_off, place.width, buffer.width)
    for row, top, height in rows:
        for column, left, width in columns:
            if row is everything and column is everything:
                continue
            edge = np.broadcast_to(data[:, row, column], (data.shape[0], height, width))
            own = None if mask is None else np.broadcast_to(mask[row, column], (height, width))
            buffer.write(Window(left, top, width, height), edge, own)


def _with_edges(everything: slice, start: int, size: int, end: int) -> list[tuple[slice, int, int]]:
    """What of a window goes where along an axis of the buffer: all of it, and its edge where that is the source's."""
    found = [(everything, start, size)]
    if start == BORDER:
        found.append((slice(0, 1), 0, BORDER))
    if start + size == end - BORDER:
        found.append((slice(-1, None), end - BORDER, BORDER))
    return found


def split_words(data: Array) -> Array:
    """``(bands, rows, columns)`` of 64-bit integers as ``(2 × bands, rows, columns)`` of uint32, bit by bit."""
    bands, rows, columns = data.shape
    words = np.ascontiguousarray(data).view(np.uint32).reshape(bands, rows, columns, 2)
    return np.ascontiguousarray(np.moveaxis(words, 3, 1)).reshape(2 * bands, rows, columns)


def join_words(words: Array, dtype: np.dtype) -> Array:
    """The reverse of :func:`split_words`."""
    doubled, rows, columns = words.shape
    pairs = np.moveaxis(words.reshape(doubled // 2, 2, rows, columns), 1, 3)
    return np.ascontiguousarray(pairs).view(dtype).reshape(doubled // 2, rows, columns)


def _picked(data: Array, layout: PixelLayout) -> Array:
    return data if len(layout.bands) == data.shape[0] else data[list(layout.bands)]


def _same(one: float | None, other: float | None) -> bool:
    return one == other or (one is not None and other is not None and one != one and other != other)


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


def _check_rename(source: SourceRaster, data: Array, valid: Valid) -> None:
    """Bands with nodata values of their own get the first band's; refuse where that is a real value."""
    if source.layout.kind != "nodata":
        return
    judged = source.layout.validity.judge(data)
    real = np.ones(data.shape, bool) if valid is None else np.broadcast_to(valid, data.shape)
    if judged is not None and (real & ~np.broadcast_to(judged, data.shape)).any():
        raise TaskError(
            f"{source.blob}: its bands declare different nodata values, and one of them is data in another band.",
            "Give all bands the same nodata value.",
            "VALIDITY_LOST",
        )


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
