"""Filling the overview's image, window by window, from all COGs that reach into it; the first of them is on top."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import attrs
import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.windows import Window

from rastercollection.errors import BackendError, MachineError, TaskError
from rastercollection.geo.webmercator import world_pixels
from rastercollection.model.cog import Cog
from rastercollection.mosaics.low_zooms import LowZooms, mercator_boxes
from rastercollection.ports.storage import StorageBackend
from rastercollection.rasters.gdal_errors import GDAL_ERRORS, error_text, raise_shortage, writing
from rastercollection.rasters.grid.plan import Grid
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.pixels.invalid_values import settle
from rastercollection.rasters.pixels.raster_buffer import RasterBuffer, ValidPixels
from rastercollection.rasters.pixels.statistics import RunningStatistics
from rastercollection.rasters.pixels.validity import any_band
from rastercollection.rasters.pixels.windows import Array, iterate_windows, window_steps
from rastercollection.rasters.reduced.pieces import (
    Piece,
    ReducedCog,
    is_remote,
    read_piece,
    stored_url,
    was_published_before,
)
from rastercollection.rasters.reduced.resampling import resampled
from rastercollection.stages.overview.form import OverviewForm

__all__ = ["Composition", "compose"]

_Source = tuple[Cog, ReducedCog]

_WINDOW_BYTES = 4 * 2**20
"""Of the image at a time. A COG's overview has up to four times as many pixels there, and floats are larger."""
_CONNECTIONS = 8
"""COGs that are read at the same time from a store that is far away: waiting takes most of the time."""


@attrs.frozen(kw_only=True)
class Composition:
    """What is to be drawn, and where.

    Attributes:
        form: The COGs, and how pixels are held.
        low: The overview's place.
        grid: The same in EPSG:3857.
        storage: Where the COGs are.
        limits: GDAL's threads and cache.
    """

    form: OverviewForm
    low: LowZooms
    grid: Grid
    storage: StorageBackend
    limits: Limits


def compose(
    job: Composition, buffer: RasterBuffer, statistics: RunningStatistics
) -> tuple[ValidPixels, int, Mapping[str, str]]:
    """Fill the buffer.

    COGs that were published before and are lost or damaged by now are left out.

    Returns:
        Which of its pixels are valid, how many pixels of one band were read for it, and why COGs were left out, by
        their addresses.

    Raises:
        TileError, TaskError, BackendError: A COG cannot be read, or the disk is full.
    """
    layout, grid = job.form.layout, job.grid
    count = len(layout.bands)
    steps = window_steps(grid.width, grid.height, count * layout.dtype.itemsize, _WINDOW_BYTES)
    valid_pixels = ValidPixels.of(count, grid.width, grid.height, steps)
    has_mask = layout.kind == "mask" or (layout.kind == "none" and not layout.turns_nan)
    places, pixels = _Places.of(job), 0
    with _Reader.of(job) as reader:
        for window in iterate_windows(grid.width, grid.height, steps):
            data, valid, read = _drawn(job, window, reader.pieces(window, places.reaching_into(window)))
            settle(data, valid, layout)
            mask = any_band(valid) if has_mask else None
            judged = layout.validity.judge(data, None if mask is None else mask[np.newaxis])
            with writing("overview", "writing the image"):
                buffer.write(window, data, mask)
            valid_pixels.add(window, judged)
            statistics.add(data, judged)
            pixels += read
    return valid_pixels, pixels, reader.unreadable


def _drawn(
    job: Composition, window: Window, pieces: Iterable[tuple[Window, Piece]]
) -> tuple[Array, NDArray[np.bool_], int]:
    """Pixels of a window, which are valid, and how many were read; nothing is read once all of them are valid."""
    layout, pixels = job.form.layout, 0
    shape = (len(layout.bands), window.height, window.width)
    data, valid = np.zeros(shape, layout.dtype), np.zeros(shape, bool)
    for place, piece in pieces:
        rows, columns = place.toslices()
        pixels += piece.pixels
        found, there = _resampled(job, window, place, piece)
        missing = there & ~valid[:, rows, columns]
        np.copyto(data[:, rows, columns], found, where=missing, casting="same_kind")
        valid[:, rows, columns] |= missing
        if valid.all():
            break
    return data, valid, pixels


def _resampled(job: Composition, window: Window, place: Window, piece: Piece) -> tuple[Array, NDArray[np.bool_]]:
    offset = Affine.translation(window.col_off + place.col_off, window.row_off + place.row_off)
    name = job.form.settings.overview_resampling
    resampling = Resampling.average
    if job.form.settings.keeps_values:
        resampling = Resampling.mode if name == "mode" else Resampling.nearest
    try:
        return resampled(
            piece,
            job.grid.transform @ offset,
            job.grid.crs,
            (place.height, place.width),
            resampling=resampling,
            threads=job.limits.gdal_threads,
        )
    except GDAL_ERRORS as error:
        raise_shortage(error, "drawing the overview")
        raise TaskError(
            f"The overview cannot be drawn: {error_text(error)}", "Set create_overview=False.", "OVERVIEW_FAILED"
        ) from error


@attrs.frozen
class _Places:
    """Where COGs lie on the grid, in pixels, snapped outward.

    Attributes:
        sources: The COGs.
        owners: Position of the COG of each box: one across the antimeridian has two.
        boxes: ``(left, top, right, bottom)``.
    """

    sources: Sequence[_Source]
    owners: NDArray[np.int64]
    boxes: NDArray[np.int64]

    @classmethod
    def of(cls, job: Composition) -> _Places:
        cogs, low, size = job.form.cogs, job.low, world_pixels(job.low.maxzoom)
        on_map, owners = mercator_boxes([cog.file for cog in cogs])
        exact = on_map * size - np.array([low.left, low.top, low.left, low.top])
        boxes = np.concatenate([np.floor(exact[:, :2]), np.ceil(exact[:, 2:])], axis=1).astype(np.int64)
        across = np.bincount(owners, weights=(on_map[:, 2] - on_map[:, 0]) * size, minlength=len(cogs))
        down = np.zeros(len(cogs))
        np.maximum.at(down, owners, (on_map[:, 3] - on_map[:, 1]) * size)
        sources = [
            (cog, ReducedCog.of(cog, _reduction(cog, columns, rows)))
            for cog, columns, rows in zip(cogs, across.tolist(), down.tolist(), strict=True)
        ]
        return cls(sources, owners, boxes)

    def reaching_into(self, window: Window) -> Iterator[tuple[_Source, Window]]:
        """COGs in the order of the mosaic, and the part of the window that each may cover, in its own pixels."""
        left, top = np.maximum(self.boxes[:, 0], window.col_off), np.maximum(self.boxes[:, 1], window.row_off)
        right = np.minimum(self.boxes[:, 2], window.col_off + window.width)
        bottom = np.minimum(self.boxes[:, 3], window.row_off + window.height)
        for at in np.flatnonzero((left < right) & (top < bottom)).tolist():
            width, height = int(right[at] - left[at]), int(bottom[at] - top[at])
            offsets = int(left[at]) - window.col_off, int(top[at]) - window.row_off
            yield self.sources[self.owners[at]], Window(*offsets, width, height)


def _reduction(cog: Cog, columns: float, rows: float) -> float:
    """Pixels of a COG for one of the grid, along the axis where they are fewer."""
    return min(cog.file.shape[1] / max(columns, 1e-9), cog.file.shape[0] / max(rows, 1e-9))


@attrs.frozen
class _Reader:
    """Reads pieces in order, some ahead where the store is far away."""

    job: Composition
    pool: ThreadPoolExecutor
    ahead: int
    unreadable: dict[str, str] = attrs.field(factory=dict)

    @classmethod
    def of(cls, job: Composition) -> _Reader:
        far = is_remote(job.storage, stored_url(job.form.cogs[0]))
        workers = _CONNECTIONS if far else max(1, job.limits.gdal_threads)
        return cls(job, ThreadPoolExecutor(workers, thread_name_prefix="rastercollection-overview"), workers)

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *exc: object) -> None:
        self.pool.shutdown(cancel_futures=True)

    def pieces(self, window: Window, wanted: Iterable[tuple[_Source, Window]]) -> Iterator[tuple[Window, Piece]]:
        """What each COG has of its part of the window."""
        waiting: deque[tuple[Window, Future[Any]]] = deque()
        try:
            for source, place in wanted:
                there = Window(
                    window.col_off + place.col_off, window.row_off + place.row_off, place.width, place.height
                )
                waiting.append((place, self.pool.submit(self._read, *source, there)))
                if len(waiting) > self.ahead:
                    yield from _taken(waiting)
            while waiting:
                yield from _taken(waiting)
        finally:
            for _, future in waiting:
                future.cancel()

    def _read(self, cog: Cog, source: ReducedCog, window: Window) -> Piece | None:
        job = self.job
        if cog.file.href in self.unreadable:
            return None
        try:
            piece = read_piece(job.storage, job.limits, source, job.grid, window)
            return piece.of_bands(job.form.layout.bands) if piece is not None else None
        except (TaskError, BackendError) as error:
            if error.retryable or isinstance(error, MachineError) or not was_published_before(cog):
                raise
            self.unreadable[cog.file.href] = f"{cog.source_blob}: {error.message}"
            return None


def _taken(waiting: deque[tuple[Window, Future[Any]]]) -> Iterator[tuple[Window, Piece]]:
    place, future = waiting.popleft()
    piece = future.result()
    if piece is not None:
        yield place, piece
