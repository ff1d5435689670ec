"""Warping windows of a grid, by GDAL or by compiled kernels, each with no more effort than it needs.

GDAL's kernels take three times as long where they have to look at a mask. So gaps of the source are filled from their
edges, as far as kernels reach, and pixels and mask are warped each on its own.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.warp import reproject
from rasterio.windows import Window

from rastercollection.errors import TaskError
from rastercollection.rasters.gdal_errors import GDAL_ERRORS, error_text, raise_shortage
from rastercollection.rasters.grid.placement import apply
from rastercollection.rasters.pixels.raster_buffer import RasterBuffer, ValidPixels, opened_buffer
from rastercollection.rasters.pixels.validity import Valid
from rastercollection.rasters.pixels.windows import Array, iterate_windows
from rastercollection.stages.cog.reading import BORDER, join_words
from rastercollection.stages.cog.undrawn import draw_undrawn
from rastercollection.stages.cog.warp_job import Warp, lattice

__all__ = ["Kernel", "ShownSource"]

_WARP_MEGABYTES = 1024
"""More than a chunk can take: GDAL does not cut it again."""
_PART = 512
_CELL = 64
_SCATTERED = 0.2
"""Where fewer cells of ``_CELL`` pixels are valid throughout, hardly any part will be, and none is looked for."""


@attrs.frozen(kw_only=True)
class ShownSource:
    """A source as kernels see it.

    Attributes:
        job: What and how.
        read: Valid pixels of the source, without the border.
        sources: With their border; one, or one of each band where bands disagree on validity.
        plain, masked: Documents of the sources, without and with their masks.
        masks: Of the masks alone, where they are warped on their own; None of a source without gaps.
        steps: Rows and columns that are warped at once.
        full_share: Share of cells of the source that are valid throughout.
    """

    job: Warp
    read: ValidPixels
    sources: Sequence[RasterBuffer]
    plain: tuple[Path, ...]
    masked: tuple[Path, ...]
    masks: tuple[Path | None, ...] | None
    steps: tuple[int, int]
    full_share: float

    @classmethod
    def of(cls, job: Warp, sources: Sequence[RasterBuffer], read: ValidPixels) -> ShownSource:
        beside = job.resampling == "nearest" or job.is_filled
        plain = tuple(source.as_document(masked=False) for source in sources)
        rows, columns = job.grid.height, job.straight or job.coverage.uneven()
        share = read.map.coarser(_CELL).full_share
        if job.straight and _SCATTERED < share < 1 and not beside:
            # most small parts have no invalid pixel
            rows, columns = _PART, min(_PART, job.straight)
        return cls(
            job=job,
            read=read,
            sources=sources,
            plain=plain,
            masked=plain if beside else tuple(source.as_document() for source in sources),
            masks=tuple(source.mask_document() if source.has_mask else None for source in sources) if beside else None,
            steps=(rows, columns),
            full_share=share,
        )


@attrs.frozen(kw_only=True)
class Kernel:
    """Warps windows of the grid, one at a time, each with no more effort than it needs.

    Attributes:
        shown: The source.
        plain, masked, masks: Its documents, open.
        buffer: Memory that is used again and again.
    """

    shown: ShownSource
    plain: tuple[DatasetReader, ...]
    masked: tuple[DatasetReader, ...]
    masks: tuple[DatasetReader | None, ...] | None
    buffer: list[NDArray[np.uint8]] = attrs.field(factory=list)

    @classmethod
    def of(cls, shown: ShownSource, opened: contextlib.ExitStack) -> Kernel:
        """For this thread alone, with documents that are open as long as ``opened`` is."""

        def read(path: Path) -> DatasetReader:
            return opened.enter_context(contextlib.closing(opened_buffer(path)))

        plain = tuple(map(read, shown.plain))
        masks = shown.masks
        return cls(
            shown=shown,
            plain=plain,
            masked=plain if shown.masked == shown.plain else tuple(map(read, shown.masked)),
            masks=None if masks is None else tuple(None if path is None else read(path) for path in masks),
        )

    @property
    def job(self) -> Warp:
        """What and how."""
        return self.shown.job

    def chunk(self, window: Window, place: Array | None) -> tuple[Array, Valid]:
        """The pixels of a window of the grid, in ``place`` if there is one, and which are valid."""
        layout = self.job.source.layout
        if not _has_place(self.job, window):
            shape = (len(layout.bands), window.height, window.width)
            return np.zeros(shape, layout.dtype), np.zeros((1, *shape[1:]), bool)
        data, valid = self._in_parts(window, None if self.job.as_words else place)
        inside = self.job.coverage.inside(window)
        if inside is not None:
            valid = valid & inside
        if not valid.all() and (self.shown.full_share == 1 or self.job.coverage.is_thin):
            draw_undrawn(data, valid, inside, window, self.job.coverage, self.shown.sources, BORDER)
        if self.job.as_words:
            data = join_words(data, layout.dtype)
        return data, None if valid.all() else valid

    def _in_parts(self, window: Window, place: Array | None) -> tuple[Array, NDArray[np.bool_]]:
        bands = sum(source.count for source in self.plain)
        data = place
        if data is None:
            data = np.empty((bands, window.height, window.width), self.plain[0].dtypes[0])
        valid = np.empty((len(self.plain), window.height, window.width), bool)
        fast = self.job.warper.fast
        if fast is not None:
            fast.fill(self.shown.sources, window, data, valid)
            return data, valid
        for part in iterate_windows(window.width, window.height, self.shown.steps):
            there = Window(window.col_off + part.col_off, window.row_off + part.row_off, part.width, part.height)
            rows, columns = part.toslices()
            data[:, rows, columns], valid[:, rows, columns] = self._part(there)
        return data, valid

    def _part(self, window: Window) -> tuple[Array, NDArray[np.bool_]]:
        sources = self.masked
        if len(sources) == 1:
            full = self.shown.full_share == 1 or (self.shown.full_share > _SCATTERED and self._is_full_below(window))
            data, valid = self._reproject(self.plain[0] if full else sources[0], window)
            return data, valid if full else self._within_mask(valid, 0, window)
        parts = [tuple(np.array(array) for array in self._reproject(source, window)) for source in sources]
        data, valid = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        for number in range(len(sources)):
            valid[number : number + 1] = self._within_mask(valid[number : number + 1], number, window)
        return data, valid

    def _within_mask(self, valid: NDArray[np.bool_], source: int, window: Window) -> NDArray[np.bool_]:
        """What is valid by the mask of a source, too, where that is warped on its own."""
        mask = self.masks[source] if self.masks else None
        if mask is None:
            return valid
        out = np.zeros((1, *valid.shape[1:]), np.uint8)
        self._warp(mask, out, window, "nearest")
        return valid & (out > 0)

    def _is_full_below(self, window: Window) -> bool:
        below = self.job.coverage.extent(window)
        return self.shown.read.map.is_full_in(below.left, below.top, below.right, below.bottom)

    def _room(self, shape: tuple[int, int, int], dtype: np.dtype) -> Array:
        """An array of zeros, the same memory each time: what is handed out anew has to be cleared page by page."""
        size = math.prod(shape) * dtype.itemsize
        if not self.buffer or self.buffer[0].nbytes < size:
            self.buffer[:] = [np.empty(size, np.uint8)]
        room = self.buffer[0][:size].view(dtype).reshape(shape)
        room.fill(0)
        return room

    def _reproject(self, source: DatasetReader, window: Window) -> tuple[Array, NDArray[np.bool_]]:
        """Pixels, and where something valid came to lie."""
        out = self._room((source.count + 1, window.height, window.width), np.dtype(source.dtypes[0]))
        self._warp(source, out, window, self.job.resampling, dst_alpha=source.count + 1)
        return out[:-1], out[-1:] != 0

    def _warp(self, source: DatasetReader, out: Array, window: Window, resampling: str, **more: Any) -> None:
        job = self.job
        try:
            reproject(
                rasterio.band(source, list(source.indexes)),
                out,
                rpcs=job.placement.bordered(BORDER).rpcs,
                dst_transform=job.grid.transform @ Affine.translation(window.col_off, window.row_off),
                dst_crs=job.grid.crs,
                resampling=Resampling[resampling],
                num_threads=1,
                warp_mem_limit=_WARP_MEGABYTES,
                **more,
                **job.options,
            )
        except GDAL_ERRORS as error:
            raise_shortage(error, f"{job.source.blob}: its reprojection")
            raise TaskError(
                f"{job.source.blob}: its reprojection failed: {error_text(error)}",
                "Check its georeferencing, or choose another target_crs.",
                "REPROJECTION_FAILED",
            ) from error


def _has_place(job: Warp, window: Window) -> bool:
    """Whether any point of a lattice over a window can be projected into the source's CRS; GDAL asks the same."""
    columns, rows = lattice(window.width, window.height)
    x, y = apply(job.grid.transform, window.col_off + columns, window.row_off + rows)
    x, y = job.placement.unproject(job.grid.crs, x, y)
    return bool((np.isfinite(x) & np.isfinite(y)).any())
