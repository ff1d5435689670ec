"""Resampling a source onto the grid of its COG, once, in windows that threads share.

A pixel is valid where the source pixel below its centre is: areas neither grow nor shrink. Invalid pixels have no
part in the values of valid ones. Bands that disagree on validity are warped one by one. The source goes, row by row,
while the image of the COG is filled.
"""

from __future__ import annotations

import contextlib
import threading
from functools import partial
from itertools import islice

import attrs
import numpy as np
from rasterio.windows import Window

from rastercollection.core.models import Notice
from rastercollection.errors import TaskError
from rastercollection.model.receipt import WarpChoice
from rastercollection.rasters.cost import WINDOW_BYTES
from rastercollection.rasters.crew import Crew
from rastercollection.rasters.gdal_errors import writing
from rastercollection.rasters.pixels.fill_nodata import fill_buffer
from rastercollection.rasters.pixels.invalid_values import settle
from rastercollection.rasters.pixels.raster_buffer import RasterBuffer, ValidPixels
from rastercollection.rasters.pixels.validity import Valid, any_band
from rastercollection.rasters.pixels.windows import Array, iterate_windows, window_steps
from rastercollection.rasters.pixels.workspace import Workspace
from rastercollection.stages.cog.reading import BORDER, Gather
from rastercollection.stages.cog.warp_job import Warp
from rastercollection.stages.cog.warp_kernel import Kernel, ShownSource

__all__ = ["Warped", "warp"]


@attrs.frozen(kw_only=True)
class Warped:
    """What is known of a warp once it is done.

    Attributes:
        valid_pixels: Of the COG.
        choice: What did it.
        notices: What stood in the way of doing it faster.
    """

    valid_pixels: ValidPixels
    choice: WarpChoice
    notices: tuple[Notice, ...]


def warp(
    job: Warp, source: RasterBuffer, read: ValidPixels, buffer: RasterBuffer, workspace: Workspace, gather: Gather
) -> Warped:
    """Fill the buffer of a COG from that of its source, which is discarded.

    Args:
        job: What and how.
        source: The source with its border.
        read: Which of its pixels are valid, without the border.
        buffer: Of the COG.
        workspace: For more intermediates.
        gather: Is given every window of the COG.

    Raises:
        TaskError: ``REPROJECTION_FAILED`` or ``VALIDITY_LOST``.
    """
    layout, grid = job.source.layout, job.grid
    count = len(layout.bands)
    steps = window_steps(grid.width, grid.height, (count + 1) * layout.dtype.itemsize, WINDOW_BYTES)
    valid_pixels = ValidPixels.of(count, grid.width, grid.height, steps)
    sources = _to_be_warped(job, source, read, workspace)
    shown, own = ShownSource.of(job, sources, read), threading.local()
    with contextlib.ExitStack() as opened, Crew.of(job.threads) as crew:

        def warped(window: Window) -> tuple[Window, Array, Valid]:
            if not hasattr(own, "kernel"):
                own.kernel = Kernel.of(shown, opened)
            return window, *_write_window(own.kernel, window, buffer)

        windows = job.windows
        pieces = (partial(warped, window) for row in windows.rows() for window in row)
        done = crew.in_order(pieces)
        for row, needed in zip(windows.rows(), windows.needed_from[1:], strict=True):
            for window, data, judged in islice(done, len(row)):
                valid_pixels.add(window, judged)
                gather(data, judged)
            for held in sources:
                held.release_before(needed + BORDER if needed else 0)
    for discarded in sources:
        discarded.discard()
    return Warped(valid_pixels=valid_pixels, choice=job.warper.choice, notices=job.warper.notices)


def _to_be_warped(job: Warp, source: RasterBuffer, read: ValidPixels, workspace: Workspace) -> list[RasterBuffer]:
    """The source, or its bands where they disagree on validity; its invalid pixels filled where that is wanted."""
    apart = read.differs and not job.as_words
    sources = _split(job, source, workspace) if apart else [source]
    if job.is_filled:
        for buffer in sources:
            fill_buffer(buffer, _never if apart else partial(_is_full, read))
    return sources


def _write_window(kernel: Kernel, window: Window, buffer: RasterBuffer) -> tuple[Array, Valid]:
    """Fill a window of a COG's buffer; its pixels, and which of them readers will find valid."""
    job, layout = kernel.job, kernel.job.source.layout
    data, valid = kernel.chunk(window, buffer.in_place(window))
    settle(data, valid, layout)
    has_mask = layout.kind == "mask" or (layout.kind == "none" and not layout.turns_nan)
    mask = any_band(valid) if has_mask else None
    judged = layout.validity.judge(data, None if mask is None else mask[np.newaxis])
    _compare(job, valid, judged)
    with writing(job.source.blob, "writing the warped image"):
        buffer.write(window, data, mask)
    return data, judged


def _compare(job: Warp, meant: Valid, judged: Valid) -> None:
    """Make sure that readers will take the same pixels for valid as the warp did."""
    if meant is None and judged is None:
        return
    one, other = (np.ones((1, 1, 1), bool) if valid is None else valid for valid in (meant, judged))
    if (one != other).any():
        raise TaskError(
            f"{job.source.blob}: after the warp, valid and invalid pixels cannot be told apart.",
            "Give the source a nodata value that its data never takes.",
            "VALIDITY_LOST",
        )


def _never(_: Window) -> bool:
    """Of a single band, where bands disagree, nobody knows which parts are valid."""
    return False


def _is_full(read: ValidPixels, window: Window) -> bool:
    """Whether all pixels of a window of the source with its border are valid."""
    left, top = window.col_off - BORDER, window.row_off - BORDER
    return read.map.is_full_in(left, top, left + window.width, top + window.height)


def _split(job: Warp, whole: RasterBuffer, workspace: Workspace) -> list[RasterBuffer]:
    """Buffers of the single bands of that of a source, which is discarded, each with a mask of its own."""
    layout = job.source.layout
    judge = job.source.validity.of_bands(layout.bands)
    size = (1, whole.height, whole.width)
    buffers = [RasterBuffer(workspace, size, whole.dtype, **whole.georeference) for _ in layout.bands]
    steps = window_steps(whole.width, whole.height, whole.count * whole.dtype.itemsize, WINDOW_BYTES)
    for window in iterate_windows(whole.width, whole.height, steps):
        data = whole.read(window)
        valid = judge.judge(data, whole.read_mask(window))
        for band, buffer in enumerate(buffers):
            own = None if valid is None else valid[band if valid.shape[0] > 1 else 0]
            with writing(job.source.blob, "writing the intermediate image"):
                buffer.write(window, data[band : band + 1], None if own is None or own.all() else own)
        if window.col_off + window.width == whole.width:
            whole.release_before(window.row_off + window.height)
    whole.discard()
    return buffers
