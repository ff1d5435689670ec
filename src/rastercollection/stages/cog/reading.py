"""Taking a source over, every pixel of it and once, into an uncompressed buffer: as it is, or for the warper."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from rastercollection.errors import TaskError
from rastercollection.rasters.gdal_errors import writing
from rastercollection.rasters.grid.plan import GridPlan
from rastercollection.rasters.pixels.invalid_values import clear_masked, settle
from rastercollection.rasters.pixels.raster_buffer import RasterBuffer, ValidPixels
from rastercollection.rasters.pixels.validity import Valid, any_band, is_told_alike
from rastercollection.rasters.pixels.windows import Array, iterate_windows
from rastercollection.stages.cog.source_raster import SourceRaster, picked

__all__ = ["BORDER", "Gather", "copy_pixels", "join_words", "split_words", "store_for_warp"]

Gather = Callable[[Array, Valid], None]
"""Takes in the pixels of a window and which of them are valid."""
BORDER = 1
"""Pixels around a source that is to be warped: its edge must not be lost to the warper's approximations."""


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
        data = picked(data, source.layout)
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


def _same(one: float | None, other: float | None) -> bool:
    return one == other or (one is not None and other is not None and one != one and other != other)


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
