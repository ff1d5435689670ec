"""Comparing a finished COG with its source. A COG that does not pass is not published.

What is compared depends on what happened to the pixels. Taken over as they are and written with a lossless codec, every
pixel and every mask bit of the file has to be the one that was read, and windows of the source are read a second time
and compared with what any reader of the COG is told. Resampled ones are compared, in windows, with GDAL's own default
warp of the source, and the area of valid pixels as a whole; that the codec kept them is looked at in a part of the
blocks. Categories must be some that the source has. The CRS that a reader is told has to be the one that was meant,
heights included. A lossy codec must stay above a signal-to-noise ratio.
"""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import attrs
import numpy as np
import rasterio
from rasterio.crs import CRS
from rasterio.io import DatasetReader
from rasterio.windows import Window

from rastercollection.core.records import to_dict
from rastercollection.errors import TaskError
from rastercollection.model.receipt import FidelityCheck, Receipt
from rastercollection.rasters.gdal_errors import writing
from rastercollection.rasters.grid.plan import Side
from rastercollection.rasters.pixels.raster_buffer import RasterBuffer, ValidPixels
from rastercollection.rasters.pixels.statistics import RunningStatistics
from rastercollection.rasters.pixels.validity import PixelLayout, Valid, Validity, any_band
from rastercollection.rasters.pixels.windows import Array, iterate_windows
from rastercollection.stages.cog.reading import SourceRaster
from rastercollection.stages.cog.receipt.area import check_area
from rastercollection.stages.cog.receipt.reference_system import CRS_CHECKS, check_crs
from rastercollection.stages.cog.receipt.samples import Comparison, compare_samples, sample_windows
from rastercollection.stages.cog.receipt.values import Values

__all__ = ["ExpectedContent", "SourceReference", "give_receipt"]

_LEAST_PSNR = 10.0
"""Random colours, which JPEG's subsampled chroma cannot hold, come to 13 dB."""
_NO_SUCH_CRS = "A GeoTIFF cannot hold this CRS: choose another target_crs."
_OTHERWISE = "Check the source's georeferencing and nodata value, or try another compression."
_EVERY = 4
"""One of so many windows is decoded where pixels were resampled."""


@attrs.define(kw_only=True)
class _Content:
    """What reading a COG back has shown.

    Attributes:
        pixels: Pixels that were compared, counted in one band.
        wrong_pixels: Of those, in all bands, that differ from what was handed to a lossless codec.
        wrong_validity: Pixels that are valid where they should not be, or the reverse.
        squares: Sum of squared differences, of a lossy codec, over valid pixels.
        compared: Number of values in that sum.
        strange_values: Values that the source does not have.
    """

    pixels: int = 0
    wrong_pixels: int = 0
    wrong_validity: int = 0
    squares: float = 0.0
    compared: int = 0
    strange_values: int = 0

    def checks(self, *, exact: bool, categorical: bool, largest: float) -> Iterator[FidelityCheck]:
        """As figures of a receipt; ``largest`` is the largest value that pixels can have."""
        yield FidelityCheck.within("wrong_validity", 0, self.wrong_validity, 0)
        if exact:
            yield FidelityCheck.within("wrong_pixels", 0, self.wrong_pixels, 0)
        elif self.compared:
            mean = self.squares / self.compared
            psnr = 10 * math.log10(largest**2 / mean) if mean else 99.0
            yield FidelityCheck.at_least("psnr_db", _LEAST_PSNR, round(psnr, 2))
        if categorical:
            yield FidelityCheck.within("strange_values", 0, self.strange_values, 0)


@attrs.frozen(kw_only=True)
class ExpectedContent:
    """What a COG was written from.

    Attributes:
        buffer: Its pixels.
        layout: How it tells invalid ones.
        crs: What it says of its CRS, heights included.
        valid_pixels: Which those are.
        exact: The codec is lossless.
        only_valid: Values of invalid pixels need not survive the codec.
        resampled: Pixels are not those of the source.
        values: Categories of the source; None where pixels are quantities.
    """

    buffer: RasterBuffer
    layout: PixelLayout
    crs: CRS
    valid_pixels: ValidPixels
    exact: bool
    only_valid: bool
    resampled: bool
    values: Values | None

    def read(self, window: Window) -> tuple[Array, Valid]:
        data = self.buffer.read(window)
        return data, self.layout.validity.judge(data, self.buffer.read_mask(window))


@attrs.frozen(kw_only=True)
class SourceReference:
    """Where a COG's pixels came from.

    Attributes:
        source: The source, open.
        side: Which part of it, where it is placed, and how it came onto the COG's grid.
        valid_pixels: Which of them are valid.
        resampling: GDAL's name.
    """

    source: SourceRaster
    side: Side
    valid_pixels: ValidPixels
    resampling: str


def give_receipt(
    target: Path, expected: ExpectedContent, reference: SourceReference, statistics: RunningStatistics
) -> Receipt:
    """Compare a finished COG with what it was written from, and with its source.

    Args:
        target: The COG, a local file.
        expected: What it was written from.
        reference: Where that came from.
        statistics: Is given the pixels where a lossy codec wrote those of the source; others are in it already.

    Raises:
        TaskError: ``FIDELITY_FAILED``, with the receipt among its details.
    """
    started, blob = time.process_time(), reference.source.blob
    content = _compare_content(target, expected, statistics, blob)
    dtype = expected.buffer.dtype
    largest = float(np.iinfo(dtype).max) if dtype.kind in "iu" else 1.0
    checks = list(content.checks(exact=expected.exact, categorical=expected.values is not None, largest=largest))
    checks += check_crs(target, expected.crs, reference.side.plan.grid)
    checks += _against_source(target, expected, reference)
    receipt = Receipt(
        compared_to="gdal_warp" if expected.resampled else "source",
        lossless=expected.exact,
        pixels=content.pixels,
        checks=tuple(checks),
        seconds=time.process_time() - started,
    )
    if not receipt.passed:
        raise _failed(receipt, blob)
    return receipt


def _against_source(target: Path, expected: ExpectedContent, reference: SourceReference) -> Iterator[FidelityCheck]:
    source, plan, blob = reference.source, reference.side.plan, reference.source.blob
    windows = sample_windows(expected.valid_pixels.map)
    if not plan.reprojected:
        if expected.exact:
            yield from _read_again(target, reference, windows)
        return
    yield from check_area(reference.valid_pixels, reference.side, expected.valid_pixels, blob)
    if expected.layout.dtype.kind != "c" and expected.layout.dtype.itemsize <= 8:
        comparison = Comparison(
            source=source, side=reference.side, target=target, resampling=reference.resampling, exact=expected.exact
        )
        yield from compare_samples(comparison, windows)


def _read_again(target: Path, reference: SourceReference, windows: list[Window]) -> Iterator[FidelityCheck]:
    """Windows of the source, read for a second time, and what a reader of the COG is told."""
    wrong_pixels = wrong_validity = 0
    with writing(reference.source.blob, "reading the COG back"), rasterio.open(target) as cog:
        validity = Validity.of(cog)
        for window in windows:
            data, valid = reference.source.read_turned(window, reference.side.plan)
            found, found_valid, _ = validity.read(cog, window)
            wrong_validity += _differing(valid, found_valid, window)
            wrong_pixels += _unequal(data, found, _everywhere(valid, window))
    yield FidelityCheck.within("wrong_validity_in_samples", 0, wrong_validity, 0)
    yield FidelityCheck.within("wrong_pixels_in_samples", 0, wrong_pixels, 0)


def _everywhere(valid: Valid, window: Window) -> Array:
    return np.ones((1, window.height, window.width), bool) if valid is None else valid


def _failed(receipt: Receipt, blob: str) -> TaskError:
    wrong = [check for check in receipt.checks if not check.passed]
    figures = "; ".join(f"{check.name} is {check.found:,g}, not {check.expected:,g}" for check in wrong[:5])
    return TaskError(
        f"{blob}: the COG does not hold what its source does: {figures}.",
        f"It was not published. {_NO_SUCH_CRS if wrong[0].name in CRS_CHECKS else _OTHERWISE}",
        "FIDELITY_FAILED",
        details={"receipt": to_dict(receipt)},
    )


def _compare_content(target: Path, expected: ExpectedContent, statistics: RunningStatistics, blob: str) -> _Content:
    """Read a COG back and compare it with what it was written from.

    Args:
        target: The COG, a local file.
        expected: What it was written from.
        statistics: As above.
        blob: Name of the tile.
    """
    content = _Content()
    some = expected.resampled
    with writing(blob, "reading the COG back"), rasterio.open(target) as cog:
        validity = Validity.of(cog)
        first = zlib.crc32(blob.encode()) % _EVERY
        windows = list(iterate_windows(cog.width, cog.height, expected.valid_pixels.steps))
        for number, window in enumerate(windows):
            data, valid = expected.read(window)
            if some and len(windows) >= _EVERY and number % _EVERY != first:
                _compare_masks(content, cog, validity, window, valid)
                continue
            found, found_valid, _ = validity.read(cog, window)
            content.pixels += window.width * window.height
            content.wrong_validity += _differing(valid, found_valid, window)
            if expected.exact:
                content.wrong_pixels += _unequal(data, found, valid if expected.only_valid else None)
            else:
                _add_noise(content, data, found, valid)
            if not (expected.exact or some):
                statistics.add(found, found_valid)
            if expected.values is not None:
                content.strange_values += expected.values.missing(found, found_valid)
    return content


def _compare_masks(content: _Content, cog: DatasetReader, validity: Validity, window: Window, valid: Valid) -> None:
    """The mask alone, which costs next to nothing to decode."""
    if validity.kind == "mask":
        found = cog.read_masks(1, window=window)[np.newaxis] > 0
        content.wrong_validity += _differing(_in_any_band(valid), None if found.all() else found, window)


def _in_any_band(valid: Valid) -> Valid:
    """``(1, rows, columns)``: valid in at least one band; None where all are."""
    found = any_band(valid)
    return None if found is None else found[np.newaxis]


def _differing(one: Valid, other: Valid, window: Window) -> int:
    if one is None and other is None:
        return 0
    shape = (1, window.height, window.width)
    first, second = (np.ones(shape, bool) if valid is None else valid for valid in (one, other))
    return int(np.count_nonzero(first != second))


def _unequal(one: Array, other: Array, valid: Valid) -> int:
    """Pixels that are not the same bit by bit, among the valid ones if those are given."""
    wrong = 0
    for band in range(one.shape[0]):
        differ = _bits(one[band]) != _bits(other[band])
        if differ.shape != one.shape[1:]:
            differ = differ.reshape(*one.shape[1:], -1).any(axis=2)
        if valid is not None:
            differ &= valid[band if valid.shape[0] > 1 else 0]
        wrong += int(np.count_nonzero(differ))
    return wrong


def _bits(layer: Array) -> Array:
    """Whole numbers with the same bits: NaN is equal to nothing, not even to itself."""
    size = min(layer.dtype.itemsize, 8)
    return np.ascontiguousarray(layer).view(f"u{size}")


def _add_noise(content: _Content, expected: Array, found: Array, valid: Valid) -> None:
    """Of every second row, which is plenty."""
    for band in range(expected.shape[0]):
        difference = expected[band, ::2].astype(np.int16) - found[band, ::2]
        if valid is not None:
            difference = difference[valid[band if valid.shape[0] > 1 else 0, ::2]]
        flat = difference.ravel().astype(np.float32)
        content.squares += float(np.dot(flat, flat))
        content.compared += flat.size
