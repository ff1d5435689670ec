"""A source that is the COG that was asked for: its pixels are looked at, its bytes are copied."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import rasterio
from rasterio.io import DatasetReader

from rastercollection.core.models import Notify
from rastercollection.errors import RasterCollectionError, TaskError, TileError
from rastercollection.model.cog import CogFile
from rastercollection.model.receipt import FidelityCheck, Receipt
from rastercollection.model.tile import SourceFile
from rastercollection.ports.storage import ObjectInfo, StorageBackend
from rastercollection.rasters.gdal_env import is_remote
from rastercollection.rasters.gdal_errors import writing
from rastercollection.rasters.grid.plan import Grid
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.pixels.raster_buffer import ValidPixels
from rastercollection.rasters.pixels.statistics import RunningStatistics
from rastercollection.rasters.pixels.validity import is_told_alike
from rastercollection.rasters.pixels.windows import iterate_windows
from rastercollection.rasters.pixels.workspace import Usage, Workspace
from rastercollection.rasters.source.checksums import Content, check_checksums, has_checksums
from rastercollection.rasters.source.inspection import check_unchanged
from rastercollection.rasters.source.source_dataset import SourceDataset
from rastercollection.rasters.writing.facts import LocalCog, cog_file_of, footprint_of
from rastercollection.rasters.writing.metadata import kept_tags
from rastercollection.rasters.writing.reading_back import open_cog
from rastercollection.stages.cog.convert import Conversion
from rastercollection.stages.cog.copying.comparison import Asked, why_not_as_it_is
from rastercollection.stages.cog.prepare import Prepared
from rastercollection.stages.cog.source_raster import SourceRaster

__all__ = ["copy_bytes", "local_copy", "look_at", "why_not"]

_HAS_NAN = "It holds NaN and does not declare that this is nodata."
_IS_MISREAD = "Its nodata value is in single bands of valid pixels, which many programs take for holes."


def why_not(dataset: SourceDataset, prepared: Prepared) -> str | None:
    """Why a source has to be converted; None where its bytes may do, as far as its header tells."""
    asked = Asked(
        settings=prepared.settings,
        plan=prepared.plan,
        validity=prepared.source.validity,
        layout=prepared.source.layout,
        metadata=prepared.metadata,
        heights=prepared.spec.heights,
    )
    return why_not_as_it_is(dataset, asked)


@contextlib.contextmanager
def local_copy(
    storage: StorageBackend, source: SourceFile, dataset: SourceDataset, limits: Limits, notify: Notify
) -> Iterator[Path]:
    """The source as a local file: itself where it is one, else a copy for the duration of a ``with`` block."""
    if not is_remote(dataset.gdal_path):
        yield Path(dataset.gdal_path)
        return
    with Workspace.open(limits, in_memory=True, needed=source.size, notify=notify) as workspace:
        path = workspace.new_path(".tif")
        storage.get(source.url, str(path))
        yield path


def look_at(prepared: Prepared, path: Path) -> Conversion | str:
    """Read every pixel of a source that is to be copied, and tell what there is to tell of it.

    Args:
        prepared: Decisions about the source.
        path: A local file with its bytes.

    Returns:
        The finished COG, or why it has to be converted after all.

    Raises:
        TileError: ``FILE_UNREADABLE`` or ``FILE_TRUNCATED``.
    """
    grid, layout = prepared.plan.grid, prepared.source.layout
    statistics = RunningStatistics(len(layout.bands), layout.dtype, grid.width * grid.height, layout.alpha)
    whole = rasterio.open(path, driver="GTiff", OVERVIEW_LEVEL="NONE")
    with writing(prepared.spec.blob, "reading the COG"), whole as cog:
        source = attrs.evolve(prepared.source, dataset=cog)
        valid_pixels = ValidPixels.of(len(layout.bands), grid.width, grid.height, source.steps)
        problem = _look_through(source, valid_pixels, statistics)
        if problem:
            return problem
        grid = attrs.evolve(grid, transform=cog.transform)
    with writing(prepared.spec.blob, "reading the COG"), open_cog(path) as cog:
        damage = _damage_of_overviews(prepared, path, len(cog.overviews(1)))
        if damage:
            return f"An overview of it is damaged: {damage}"
        footprint = footprint_of(valid_pixels.map, grid)
        file = _file_of(prepared, path, cog, grid, statistics, footprint)
    return Conversion(
        path=path,
        file=file,
        footprint=footprint,
        grid=grid,
        reprojected=False,
        valid=valid_pixels.map,
        tags=kept_tags(prepared.metadata),
        in_memory=True,
        receipt=_receipt(file),
        usage=Usage(),
    )


def _file_of(
    prepared: Prepared,
    path: Path,
    cog: DatasetReader,
    grid: Grid,
    statistics: RunningStatistics,
    footprint: Mapping[str, Any],
) -> CogFile:
    return cog_file_of(
        LocalCog.read(path, cog),
        cog,
        grid,
        statistics.result(),
        footprint=footprint,
        settings=prepared.settings,
        raster_type=prepared.spec.raster_type,
        validity=prepared.source.layout.kind,
        overview_levels=tuple(cog.overviews(1)),
        heights=prepared.spec.heights,
        classes=prepared.metadata.classes,
        roles=prepared.roles,
    )


def _look_through(source: SourceRaster, valid_pixels: ValidPixels, statistics: RunningStatistics) -> str | None:
    """Read every pixel, and tell why they are to be held in another way; None where they may stay."""
    layout = source.layout
    for window in iterate_windows(source.dataset.width, source.dataset.height, valid_pixels.steps):
        data, valid, _ = source.read(window)
        if layout.turns_nan and valid is not None:
            return _HAS_NAN
        if source.may_need_mask and not is_told_alike(data, valid, layout):
            return _IS_MISREAD
        valid_pixels.add(window, valid)
        statistics.add(data, valid)
    return None


def _damage_of_overviews(prepared: Prepared, path: Path, levels: int) -> str | None:
    """What is wrong with overviews that nobody has decoded yet; None when they are whole."""
    blob = prepared.spec.blob
    try:
        content = Content.of_file(path)
        check_checksums(content, blob, threads=prepared.spec.limits.gdal_threads, overviews=True)
        for level in () if has_checksums(content, overviews=True) else range(levels):
            with rasterio.open(path, driver="GTiff", OVERVIEW_LEVEL=level) as overview:
                source = attrs.evolve(prepared.source, dataset=overview)
                for window in iterate_windows(overview.width, overview.height, source.steps):
                    source.read(window)
    except TileError as error:
        return error.message
    return None


def _receipt(file: CogFile) -> Receipt:
    """Bytes are copied as they are."""
    rows, columns = file.shape
    check = FidelityCheck.within("bytes", file.size, file.size, 0)
    return Receipt(compared_to="source", lossless=True, pixels=rows * columns, checks=(check,), seconds=0.0)


def copy_bytes(storage: StorageBackend, source: SourceFile, url: str) -> ObjectInfo:
    """Copy a source inside its store, and make sure that it is the one that was looked at.

    Raises:
        TaskError: ``SOURCE_CHANGED``, retryable, or ``FIDELITY_FAILED``; nothing is left in its place.
    """
    info = storage.copy(source.url, url)
    try:
        check_unchanged(storage, source)
    except RasterCollectionError:
        storage.delete(url)
        raise
    if info.size != source.size:
        storage.delete(url)
        raise TaskError(
            f"{source.blob}: {info.size:,} of its {source.size:,} bytes were copied.",
            "It was not published. Look at the store.",
            "FIDELITY_FAILED",
        )
    return info
