"""The chain from an open source to a checked COG: read once, warp once, build overviews once, encode once, compare."""

from __future__ import annotations

import math
from pathlib import Path

import attrs
import numpy as np
import rasterio

from rastercollection.geo.types import Bounds
from rastercollection.model.band import BandFacts, BandStatistics
from rastercollection.model.cog import CogSettings
from rastercollection.model.receipt import LevelChoice, Receipt
from rastercollection.rasters.gdal_errors import writing
from rastercollection.rasters.grid.plan import Grid
from rastercollection.rasters.pixels.raster_buffer import RasterBuffer, ValidPixels
from rastercollection.rasters.pixels.statistics import RunningStatistics
from rastercollection.rasters.pixels.validity import Valid
from rastercollection.rasters.pixels.windows import Array, ValidityMap
from rastercollection.rasters.pixels.workspace import Usage, Workspace
from rastercollection.rasters.writing.encode import check_valid, is_exact
from rastercollection.rasters.writing.facts import band_facts, header_size
from rastercollection.rasters.writing.finish import finish, kind_of
from rastercollection.rasters.writing.levels import choose_level, sample_windows
from rastercollection.rasters.writing.metadata import Metadata
from rastercollection.stages.cog.prepare import Prepared
from rastercollection.stages.cog.reading import BORDER, copy_pixels, store_for_warp
from rastercollection.stages.cog.receipt.fidelity import ExpectedContent, SourceReference, give_receipt
from rastercollection.stages.cog.receipt.values import Values
from rastercollection.stages.cog.warp import Warp, warp

__all__ = ["Conversion", "convert"]

_GDAL = {"GDAL_PAM_ENABLED": "NO", "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_TIFF_INTERNAL_MASK": "YES"}


@attrs.frozen(kw_only=True)
class Conversion:
    """A COG that passed every check, and what was learnt on the way.

    Attributes:
        path: The COG, a local file, gone when the workspace is.
        settings: As written: asked for, but for what the pixels do not allow.
        grid: Of the COG.
        reprojected: Whether pixels were resampled.
        overview_levels: Decimations.
        validity: none, nodata, mask or alpha.
        valid: Valid pixels by coarse cell.
        bands: Facts about each band.
        header_size: Bytes up to the first pixel data.
        metadata: What the COG says beside its pixels.
        in_memory: Whether intermediates stayed in RAM.
        receipt: What was compared with the source.
        usage: What intermediates took.
        level_choice: How the compression level was chosen; None where it was given.
    """

    path: Path
    settings: CogSettings
    grid: Grid
    reprojected: bool
    overview_levels: tuple[int, ...]
    validity: str
    valid: ValidityMap
    bands: tuple[BandFacts, ...]
    header_size: int
    metadata: Metadata
    in_memory: bool
    receipt: Receipt
    usage: Usage
    level_choice: LevelChoice | None

    @property
    def bounds(self) -> Bounds:
        return self.grid.bounds

    @property
    def statistics(self) -> tuple[BandStatistics | None, ...]:
        return tuple(band.statistics for band in self.bands)


def convert(prepared: Prepared, workspace: Workspace) -> Conversion:
    """Make the COG, and publish nothing.

    Raises:
        TileError: ``FILE_UNREADABLE``, ``FILE_TRUNCATED``, ``REPROJECTION_FAILED`` or ``VALIDITY_LOST``.
        TaskError: ``COG_INVALID``, ``FIDELITY_FAILED``, ``NO_SPACE``, ``OUT_OF_MEMORY``; retryable where
            the source cannot be reached.
    """
    prepared = attrs.evolve(prepared, source=attrs.evolve(prepared.source, window_bytes=workspace.window_bytes))
    spec, plan, settings = prepared.spec, prepared.plan, prepared.settings
    blob, layout, exact = spec.blob, prepared.source.layout, is_exact(prepared.settings)
    with rasterio.Env(**_GDAL):
        filled = _fill(prepared, workspace)
        buffer, valid_pixels = filled.buffer, filled.valid_pixels
        if layout.turns_nan and valid_pixels.has_invalid:
            buffer.nodata = math.nan
        target = workspace.folder / "cog.tif"
        choice = _choose_level(prepared, buffer)
        if choice is not None:
            settings = attrs.evolve(settings, level=choice.level)
        levels = _finish(prepared, settings, filled, workspace, target)
        workspace.usage.add(target.stat().st_size, in_memory=False)
        check_valid(target, blob)
        statistics = filled.statistics if exact or plan.reprojected else _new_statistics(prepared)
        receipt = _receipt(prepared, filled, target, statistics)
        buffer.discard()
        with writing(blob, "reading the COG back"), rasterio.open(target) as cog:
            bands, header = band_facts(cog, statistics.result()), header_size(cog)
    return Conversion(
        path=target,
        settings=settings,
        grid=plan.grid,
        reprojected=plan.reprojected,
        overview_levels=levels,
        validity=kind_of(buffer, layout),
        valid=valid_pixels.map,
        bands=bands,
        header_size=header,
        metadata=prepared.metadata,
        in_memory=workspace.in_memory,
        receipt=receipt,
        usage=workspace.usage,
        level_choice=choice,
    )


def _receipt(prepared: Prepared, filled: _Filled, target: Path, statistics: RunningStatistics) -> Receipt:
    """The finished COG compared with what it was written from, and with its source."""
    expected = ExpectedContent(
        buffer=filled.buffer,
        layout=prepared.source.layout,
        valid_pixels=filled.valid_pixels,
        exact=is_exact(prepared.settings),
        only_valid=prepared.only_valid,
        resampled=prepared.plan.reprojected,
        values=filled.values,
    )
    reference = SourceReference(
        source=prepared.source,
        placement=prepared.placement,
        plan=prepared.plan,
        valid_pixels=filled.source_valid_pixels,
        resampling=prepared.settings.warp_resampling,
        as_picture=_warp_job(prepared).is_picture,
    )
    return give_receipt(target, expected, reference, statistics)


def _choose_level(prepared: Prepared, buffer: RasterBuffer) -> LevelChoice | None:
    """The compression level that the image is worth, where that was asked for."""
    settings = prepared.settings
    if settings.level != "auto":
        return None
    with writing(prepared.spec.blob, "choosing the compression level"):
        windows = sample_windows(buffer.width, buffer.height, settings.block_size)
        return choose_level([buffer.read(window) for window in windows], settings, buffer.dtype)


@attrs.frozen(kw_only=True)
class _Filled:
    """The COG's pixels, before they are encoded.

    Attributes:
        buffer: Of the COG.
        valid_pixels: Which of its pixels are valid.
        source_valid_pixels: Which of the source's are.
        statistics: Statistics of the buffer.
        values: Categories of the source; None where pixels are quantities.
    """

    buffer: RasterBuffer
    valid_pixels: ValidPixels
    source_valid_pixels: ValidPixels
    statistics: RunningStatistics
    values: Values | None


def _new_statistics(prepared: Prepared) -> RunningStatistics:
    layout, grid = prepared.source.layout, prepared.plan.grid
    return RunningStatistics(len(layout.bands), layout.dtype, grid.width * grid.height, layout.alpha)


def _fill(prepared: Prepared, workspace: Workspace) -> _Filled:
    plan, source, grid, blob = prepared.plan, prepared.source, prepared.plan.grid, prepared.spec.blob
    layout, statistics = source.layout, _new_statistics(prepared)
    keeps_values = not plan.reprojected or prepared.settings.warp_resampling in ("nearest", "mode")
    values = Values(layout.dtype) if prepared.spec.raster_type == "categorical" and keeps_values else None
    shape = (len(layout.bands), grid.height, grid.width)
    with writing(blob, "writing the image"):
        buffer = RasterBuffer(workspace, shape, layout.dtype, crs=grid.crs, transform=grid.transform)
    buffer.nodata = layout.nodata
    if plan.reprojected:
        stored, source_valid_pixels = _stored(prepared, workspace, values)
        valid_pixels = warp(_warp_job(prepared), stored, source_valid_pixels, buffer, workspace, statistics.add)
    else:

        def gather(data: Array, valid: Valid) -> None:
            statistics.add(data, valid)
            if values is not None:
                values.add(data, valid)

        valid_pixels = source_valid_pixels = copy_pixels(source, buffer, plan, gather)
    return _Filled(
        buffer=buffer,
        valid_pixels=valid_pixels,
        source_valid_pixels=source_valid_pixels,
        statistics=statistics,
        values=values,
    )


def _stored(prepared: Prepared, workspace: Workspace, values: Values | None) -> tuple[RasterBuffer, ValidPixels]:
    """The source with a border on a buffer of its own, and which of its pixels are valid."""
    job, layout = _warp_job(prepared), prepared.source.layout
    placement = prepared.placement.bordered(BORDER)
    count, dtype = (2 * len(layout.bands), np.dtype("uint32")) if job.as_words else (len(layout.bands), layout.dtype)
    gather = values.add if values is not None else _ignore
    with writing(prepared.spec.blob, "writing the intermediate image"):
        shape = (count, placement.height, placement.width)
        buffer = RasterBuffer(workspace, shape, dtype, **placement.georeference())
        valid_pixels = store_for_warp(prepared.source, buffer, gather, as_words=job.as_words)
    return buffer, valid_pixels


def _ignore(_: Array, __: Valid) -> None:
    pass


def _warp_job(prepared: Prepared) -> Warp:
    return Warp(
        source=prepared.source,
        placement=prepared.placement,
        grid=prepared.plan.grid,
        resampling=prepared.settings.warp_resampling,
        raster_type=prepared.spec.raster_type,
        threads=prepared.spec.limits.gdal_threads,
    )


def _finish(
    prepared: Prepared, settings: CogSettings, filled: _Filled, workspace: Workspace, target: Path
) -> tuple[int, ...]:
    """Overviews and the COG; the decimations."""
    return finish(
        filled.buffer,
        filled.valid_pixels,
        prepared.source.layout,
        target=target,
        settings=settings,
        metadata=prepared.metadata,
        workspace=workspace,
        threads=prepared.spec.limits.gdal_threads,
        blob=prepared.spec.blob,
        rpcs=prepared.metadata.rpcs if prepared.keeps_rpcs else None,
    )
