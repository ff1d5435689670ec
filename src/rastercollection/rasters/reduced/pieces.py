"""Reading a COG as coarsely as will do: from one of its own overviews, a window of it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence

import attrs
import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.io import DatasetReader
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from rastercollection.errors import TaskError
from rastercollection.geo.types import Bounds
from rastercollection.model.cog import Cog
from rastercollection.ports.addresses import join
from rastercollection.ports.storage import StorageBackend
from rastercollection.rasters import gdal_env
from rastercollection.rasters.gdal_env import gdal_environment
from rastercollection.rasters.gdal_errors import GDAL_ERRORS, translated
from rastercollection.rasters.grid.outline import Axes
from rastercollection.rasters.grid.plan import Grid
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.pixels.validity import Valid, Validity
from rastercollection.rasters.pixels.windows import Array
from rastercollection.rasters.scratch import scratch_folder
from rastercollection.rasters.source.inspection import check_reach
from rastercollection.rasters.source.reader import VettedReader

__all__ = [
    "Piece",
    "ReducedCog",
    "forget",
    "is_remote",
    "open_overview",
    "read_piece",
    "stored_url",
    "was_published_before",
]

_MARGIN = 2
"""Pixels around a window that kernels may want."""
_DRIVERS = ["GTiff"]
_SLACK = 1.05
"""An overview that is a little coarser than the target's pixels is fine enough."""


@attrs.frozen(kw_only=True)
class ReducedCog:
    """A COG to be read no finer than need be.

    Attributes:
        url: Where the store finds it.
        blob: The source that it was made of, for errors.
        reduction: How much coarser the target's pixels are than its own.
    """

    url: str
    blob: str
    reduction: float

    @classmethod
    def of(cls, cog: Cog, reduction: float) -> ReducedCog:
        """A COG of the collection."""
        return cls(url=stored_url(cog), blob=cog.source_blob, reduction=reduction)


@attrs.frozen(kw_only=True)
class Piece:
    """Pixels of a COG, as coarse as they were read.

    Attributes:
        data: ``(bands, rows, columns)``.
        valid: Which are valid, as in :mod:`rastercollection.rasters.pixels.validity`.
        transform, crs: Their place.
    """

    data: Array
    valid: Valid
    transform: Affine
    crs: CRS

    def of_bands(self, bands: Sequence[int]) -> Piece:
        """Of some bands, given by their positions."""
        if len(bands) == len(self.data):
            return self
        valid = self.valid if self.valid is None or len(self.valid) == 1 else self.valid[list(bands)]
        return attrs.evolve(self, data=self.data[list(bands)], valid=valid)

    @property
    def pixels(self) -> int:
        """Of one band."""
        return math.prod(self.data.shape[1:])


def is_remote(storage: StorageBackend, url: str) -> bool:
    """Whether reading an object waits for a network."""
    source = storage.gdal_source(url)
    return source is not None and gdal_env.is_remote(source.path)


def forget(storage: StorageBackend, cog: Cog) -> None:
    """Have GDAL read a COG afresh: under its name there may have been another in this process."""
    source = storage.gdal_source(stored_url(cog))
    if source is not None:
        gdal_env.forget_cached(source.path, source.config)


def read_piece(storage: StorageBackend, limits: Limits, source: ReducedCog, grid: Grid, window: Window) -> Piece | None:
    """What a COG has of a window of the grid, from its coarsest overview that is fine enough; None if nothing.

    The image itself is read only of a COG that has no overviews.

    Args:
        storage: Where the COG is.
        limits: GDAL's threads and cache.
        source: The COG.
        grid: Of the target.
        window: Of the grid.

    Raises:
        TileError: ``FILE_UNREADABLE``, ``FILE_TRUNCATED`` or ``UNSAFE_SOURCE``.
        TaskError: ``SOURCE_UNAVAILABLE``, retryable.
        BackendError: The store failed.
    """
    try:
        return _piece(storage, limits, source, grid, window, whole=False)
    except TaskError as error:
        if not error.retryable:
            raise
        # what a network did is not to be taken for damage of the file, nor the other way round
        return _piece(storage, limits, source, grid, window, whole=True)


def _piece(
    storage: StorageBackend, limits: Limits, source: ReducedCog, grid: Grid, window: Window, *, whole: bool
) -> Piece | None:
    with open_overview(storage, limits, source, whole=whole) as dataset:
        found = _place(dataset, grid, window)
        if found is None:
            return None
        place, turn = found
        data, valid, _ = Validity.of(dataset).read(dataset, place)
        transform = Affine.translation(turn, 0) @ dataset.window_transform(place)
        return Piece(data=data, valid=valid, transform=transform, crs=dataset.crs)


@contextlib.contextmanager
def open_overview(
    storage: StorageBackend, limits: Limits, source: ReducedCog, *, whole: bool = False
) -> Iterator[DatasetReader]:
    """The COG as its coarsest overview that is fine enough, which looks like a raster of its own.

    A copy of it is opened where GDAL cannot open it in place, or where ``whole`` is asked for and it is far away.
    """
    with (
        _on_file_system(storage, limits, source.url, whole) as (path, config),
        gdal_environment(limits, config),
        translated(path, source.blob, lambda: "reading its COG"),
    ):
        with VettedReader(path, driver=_DRIVERS, sharing=False) as plain:
            check_reach(plain, path, source.blob, local=not gdal_env.is_virtual(path))
            level = _level(plain.overviews(1), source.reduction)
        options = {} if level is None else {"OVERVIEW_LEVEL": level}
        with VettedReader(path, driver=_DRIVERS, sharing=False, **options) as dataset:
            yield dataset


def was_published_before(cog: Cog) -> bool:
    """Whether another job made it: all that is known of it is what its item says."""
    return not cog.output_blob


def stored_url(cog: Cog) -> str:
    """Where the store finds it; of one that was published before, its public address is all that is known."""
    return cog.file.href if was_published_before(cog) else join(cog.output_container, cog.output_blob)


@contextlib.contextmanager
def _on_file_system(
    storage: StorageBackend, limits: Limits, url: str, whole: bool
) -> Iterator[tuple[str, dict[str, str]]]:
    """The path by which GDAL opens an object, or a copy of it, and the options."""
    source = storage.gdal_source(url)
    if source is not None and not (whole and gdal_env.is_remote(source.path)):
        yield source.path, dict(source.config)
        return
    # its overview holds room already, and many may be wanted at the same time: none waits for the others
    with scratch_folder(limits, storage.stat(url).size, waits=False) as folder:
        path = str(folder / "cog.tif")
        storage.get(url, path)
        yield path, {}


def _level(decimations: list[int], reduction: float) -> int | None:
    """Number of the overview to read; None for the image itself, where there are none."""
    if not decimations:
        return None
    enough = [level for level, decimation in enumerate(decimations) if decimation <= reduction * _SLACK]
    return enough[-1] if enough else 0


def _place(dataset: DatasetReader, grid: Grid, window: Window) -> tuple[Window, float] | None:
    """The part of a dataset that a window of the grid needs, and by how much its x are to be moved to be found there.

    A dataset that crosses the antimeridian runs on beyond it, where the grid begins anew.
    """
    wanted = _bounds(grid, window, dataset.crs)
    if not all(map(math.isfinite, wanted)):
        return Window(0, 0, dataset.width, dataset.height), 0.0
    period = Axes.of(dataset.crs).period
    turns = (0.0, -period, period) if math.isfinite(period) else (0.0,)
    best = max(turns, key=lambda turn: _overlap(dataset.bounds, wanted, turn))
    if _overlap(dataset.bounds, wanted, best) <= 0:
        return None
    left, bottom, right, top = wanted
    columns, rows = ~dataset.transform @ (np.array([left - best, right - best]), np.array([top, bottom]))
    across, down = _whole(columns, dataset.width), _whole(rows, dataset.height)
    if across is None or down is None:
        return None
    return Window(across[0], down[0], across[1] - across[0], down[1] - down[0]), best


def _bounds(grid: Grid, window: Window, crs: CRS) -> Bounds:
    t = grid.transform
    left, top = t.c + t.a * window.col_off, t.f + t.e * window.row_off
    right, bottom = left + t.a * window.width, top + t.e * window.height
    try:
        found = transform_bounds(grid.crs, crs, left, bottom, right, top, densify_pts=21)
    except GDAL_ERRORS:
        return (math.nan,) * 4
    return (found[0], found[1], found[2], found[3])


def _overlap(one: Bounds, other: Bounds, turn: float) -> float:
    return min(one[2] + turn, other[2]) - max(one[0] + turn, other[0])


def _whole(ends: Array, size: int) -> tuple[int, int] | None:
    """Whole pixels along an axis, with a margin, within the dataset."""
    first = max(0, math.floor(ends.min()) - _MARGIN)
    last = min(size, math.ceil(ends.max()) + _MARGIN)
    return (first, last) if first < last else None
