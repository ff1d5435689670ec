"""Comparing a finished COG with its source. A COG that does not pass is not published.

What is compared depends on what happened to the pixels. Taken over as they are and written with a lossless codec, every
pixel and every mask bit of the file has to be the one that was read, and windows of the source are read a second time
and compared with what any reader of the COG is told. Resampled ones are compared, in windows, with GDAL's own default
warp of the source, and the area of valid pixels as a whole; that the codec kept them is looked at in a part of the
blocks. Categories must be some that the source has. The CRS that a reader is told has to be the one that was meant,
heights included. A lossy codec must stay above a signal-to-noise ratio.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs
import numpy as np
from rasterio.crs import CRS
from rasterio.io import DatasetReader
from rasterio.windows import Window

from rastercollection.core.records import to_dict
from rastercollection.errors import TaskError
from rastercollection.model.receipt import FidelityCheck, Receipt, WarpChoice
from rastercollection.rasters.crew import Crew
from rastercollection.rasters.gdal_errors import writing
from rastercollection.rasters.grid.plan import Side
from rastercollection.rasters.pixels.raster_buffer import ValidPixels
from rastercollection.rasters.pixels.statistics import RunningStatistics
from rastercollection.rasters.pixels.validity import PixelLayout, Valid, Validity
from rastercollection.rasters.pixels.windows import Array
from rastercollection.rasters.writing.content import Content, ExpectedContent, Look, differing
from rastercollection.rasters.writing.reading_back import open_cog
from rastercollection.stages.cog.receipt.area import check_area
from rastercollection.stages.cog.receipt.reference_system import CRS_CHECKS, check_crs
from rastercollection.stages.cog.receipt.samples import Comparison, compare_samples, sample_windows
from rastercollection.stages.cog.receipt.values import Values
from rastercollection.stages.cog.source_raster import SourceRaster

__all__ = ["Expected", "SourceReference", "give_receipt"]

_NO_SUCH_CRS = "A GeoTIFF cannot hold this CRS: choose another target_crs."
_OTHERWISE = "Check the source's georeferencing and nodata value, or try another compression."


@attrs.frozen(kw_only=True)
class Expected:
    """What a COG was written from.

    Attributes:
        content: Its pixels.
        layout: How it tells invalid ones.
        crs: What it says of its CRS, heights included.
        valid_pixels: Which those are.
        resampled: Pixels are not those of the source.
        values: Categories of the source; None where pixels are quantities.
    """

    content: ExpectedContent
    layout: PixelLayout
    crs: CRS
    valid_pixels: ValidPixels
    resampled: bool
    values: Values | None


@attrs.frozen(kw_only=True)
class SourceReference:
    """Where a COG's pixels came from.

    Attributes:
        source: The source, open.
        side: Which part of it, where it is placed, and how it came onto the COG's grid.
        valid_pixels: Which of them are valid.
        resampling: GDAL's name.
        threads: That read the COG back.
        warp: What resampled them; None where they were taken over as they are.
    """

    source: SourceRaster
    side: Side
    valid_pixels: ValidPixels
    resampling: str
    threads: int = 1
    warp: WarpChoice | None = None


def give_receipt(
    cog: DatasetReader, expected: Expected, reference: SourceReference, statistics: RunningStatistics
) -> Receipt:
    """Compare a finished COG with what it was written from, and with its source.

    Args:
        cog: A local file, open.
        expected: What it was written from.
        reference: Where that came from.
        statistics: Is given the pixels where a lossy codec wrote those of the source; others are in it already.

    Raises:
        TaskError: ``FIDELITY_FAILED``, with the receipt among its details.
    """
    started, seen = time.process_time(), _Seen(expected=expected, statistics=statistics)
    content, against_source = _compared(cog, expected, reference, seen.look)
    of_crs = check_crs(cog.crs, expected.crs, reference.side.plan.grid)
    receipt = Receipt(
        compared_to="gdal_warp" if expected.resampled else "source",
        lossless=expected.content.exact,
        pixels=content.pixels,
        checks=(*_of_content(content, expected), *seen.checks(), *of_crs, *against_source),
        seconds=time.process_time() - started,
        warp=reference.warp,
    )
    if not receipt.passed:
        raise _failed(receipt, reference.source.blob)
    return receipt


@attrs.define(kw_only=True)
class _Seen:
    """What is seen of the pixels as the COG is read back: their statistics, and values that the source has not."""

    expected: Expected
    statistics: RunningStatistics
    strange: int = 0

    def look(self, data: Array, valid: Valid) -> None:
        expected = self.expected
        if not (expected.content.exact or expected.resampled):
            self.statistics.add(data, valid)
        if expected.values is not None:
            self.strange += expected.values.missing(data, valid)

    def checks(self) -> Iterator[FidelityCheck]:
        if self.expected.values is not None:
            yield FidelityCheck.within("strange_values", 0, self.strange, 0)


def _of_content(content: Content, expected: Expected) -> Iterable[FidelityCheck]:
    dtype = expected.layout.dtype
    largest = float(np.iinfo(dtype).max) if dtype.kind in "iu" else 1.0
    return content.checks(exact=expected.content.exact, largest=largest)


def _compared(
    cog: DatasetReader, expected: Expected, reference: SourceReference, look: Look
) -> tuple[Content, list[FidelityCheck]]:
    """What reading the COG back shows, and at the same time what comparing it with its source does."""

    def compare() -> Content:
        with writing(reference.source.blob, "reading the COG back"), open_cog(Path(cog.name)) as own:
            return expected.content.compare(own, look, threads=reference.threads)

    # the source is read in this thread: what opens it may be known to no other
    with Crew.of(min(reference.threads, 2)) as crew:
        content = crew.begin(compare)
        against_source = list(_against_source(cog, expected, reference))
        return content(), against_source


def _against_source(cog: DatasetReader, expected: Expected, reference: SourceReference) -> Iterator[FidelityCheck]:
    source, plan, blob = reference.source, reference.side.plan, reference.source.blob
    windows = sample_windows(expected.valid_pixels.map)
    if not plan.reprojected:
        if expected.content.exact:
            yield from _read_again(cog, reference, windows)
        return
    yield from check_area(reference.valid_pixels, reference.side, expected.valid_pixels, blob)
    if expected.layout.dtype.kind != "c" and expected.layout.dtype.itemsize <= 8:
        comparison = Comparison(
            source=source,
            side=reference.side,
            cog=cog,
            resampling=reference.resampling,
            exact=expected.content.exact,
        )
        yield from compare_samples(comparison, windows)


def _read_again(cog: DatasetReader, reference: SourceReference, windows: list[Window]) -> Iterator[FidelityCheck]:
    """Windows of the source, read for a second time, and what a reader of the COG is told."""
    wrong_pixels = wrong_validity = 0
    with writing(reference.source.blob, "reading the COG back"):
        validity = Validity.of(cog)
        for window in windows:
            data, valid = reference.source.read_turned(window, reference.side.plan)
            found, found_valid, _ = validity.read(cog, window)
            wrong_validity += differing(valid, found_valid, window)
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
