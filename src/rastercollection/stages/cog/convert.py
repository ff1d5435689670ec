"""The chain from an open source to a checked COG: read once, warp once, build overviews once, encode once, compare."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from rasterio.io import DatasetReader

from rastercollection.core.machine import return_free_memory
from rastercollection.core.models import Notice
from rastercollection.model.cog import CogFile
from rastercollection.model.receipt import EncodingChoice, Receipt, WarpChoice
from rastercollection.rasters.encoding.choosing import choose_for
from rastercollection.rasters.gdal_errors import writing
from rastercollection.rasters.grid.plan import Grid
from rastercollection.rasters.pixels.burning import told_by_value
from rastercollection.rasters.pixels.raster_buffer import RasterBuffer, ValidPixels
from rastercollection.rasters.pixels.statistics import RunningStatistics
from rastercollection.rasters.pixels.validity import Valid
from rastercollection.rasters.pixels.windows import Array, ValidityMap
from rastercollection.rasters.pixels.workspace import Usage, Workspace
from rastercollection.rasters.writing.content import ExpectedContent
from rastercollection.rasters.writing.facts import footprint_of
from rastercollection.rasters.writing.finish import CogWriter, cog_environment
from rastercollection.rasters.writing.metadata import kept_tags
from rastercollection.rasters.writing.reading_back import open_cog
from rastercollection.stages.cog.prepare import Prepared
from rastercollection.stages.cog.reading import BORDER, copy_pixels, store_for_warp
from rastercollection.stages.cog.receipt.fidelity import Expected, SourceReference, give_receipt
from rastercollection.stages.cog.receipt.values import Values
from rastercollection.stages.cog.warp import warp

__all__ = ["Conversion", "convert"]

_MUCH = 2**25
"""Bytes of an image."""


@attrs.frozen(kw_only=True)
class Conversion:
    """A COG that passed every check, and what was learnt on the way.

    Attributes:
        path: The COG, a local file, gone when the workspace is.
        file: What is told of it, but for its addresses; settings are those asked for, but for what the pixels do not
            allow.
        footprint: Outline of its valid pixels, GeoJSON, EPSG:4326.
        grid: Its pixels.
        reprojected: Whether pixels were resampled.
        valid: Valid pixels by coarse cell.
        tags: The source's own that are worth keeping.
        in_memory: Whether intermediates stayed in RAM.
        receipt: What was compared with the source.
        usage: What intermediates took.
        encoding_choice: How the encoder was chosen; None where the settings tell.
        notices: What was not written.
    """

    path: Path
    file: CogFile
    footprint: Mapping[str, Any]
    grid: Grid
    reprojected: bool
    valid: ValidityMap
    tags: Mapping[str, str]
    in_memory: bool
    receipt: Receipt
    usage: Usage
    encoding_choice: EncodingChoice | None = None
    notices: tuple[Notice, ...] = ()


def convert(prepared: Prepared, workspace: Workspace) -> Conversion:
    """Make the COG, and publish nothing.

    Raises:
        TileError: ``FILE_UNREADABLE``, ``FILE_TRUNCATED``, ``REPROJECTION_FAILED`` or ``VALIDITY_LOST``.
        TaskError: ``COG_INVALID``, ``FIDELITY_FAILED``, ``NO_SPACE``, ``OUT_OF_MEMORY``; retryable where
            the source cannot be reached.
    """
    with cog_environment():
        return _encoded(_fill(prepared, workspace), workspace)


def _encoded(filled: _Filled, workspace: Workspace) -> Conversion:
    """The COG of these pixels, which go once they are written, compared with them and with its source."""
    prepared, plan = filled.prepared, filled.prepared.plan
    choice = _choose_encoding(prepared, filled.buffer)
    writer = _writer(prepared, choice, workspace)
    content = writer.expected(filled.buffer, only_valid=prepared.only_valid, resampled=plan.reprojected)
    written = writer.write(filled.buffer, filled.valid_pixels, content)
    statistics = filled.statistics if content.exact or plan.reprojected else _new_statistics(prepared)
    filled.buffer.discard()
    _tidy(filled.buffer)
    with writing(prepared.spec.blob, "reading the COG back"):
        cog = open_cog(written.path)
    with cog:
        receipt = _receipt(prepared, filled, content, cog, statistics)
        footprint = footprint_of(filled.valid_pixels.map, plan.grid)
        file = writer.file_of(written, cog, filled.buffer, statistics.result(), footprint)
        notices = _notices(filled, writer.notices(cog))
    return Conversion(
        path=written.path,
        file=file,
        footprint=footprint,
        grid=plan.grid,
        reprojected=plan.reprojected,
        valid=filled.valid_pixels.map,
        tags=kept_tags(prepared.metadata),
        in_memory=workspace.in_memory,
        receipt=receipt,
        usage=workspace.usage,
        encoding_choice=choice,
        notices=notices,
    )


def _notices(filled: _Filled, not_written: Iterable[Notice]) -> tuple[Notice, ...]:
    """What stood in the way, what is not in the file, and what readers may make of it."""
    prepared = filled.prepared
    return (
        *filled.notices,
        *not_written,
        *_chosen(prepared),
        *_hardened(filled.source_valid_pixels, prepared.spec.blob),
        *_unread_nan(prepared, filled.valid_pixels),
    )


def _hardened(read: ValidPixels, blob: str) -> tuple[Notice, ...]:
    """What a mask in place of an alpha band cannot say."""
    if not read.half_transparent:
        return ()
    return (
        Notice(
            code="ALPHA_HARDENED",
            message=f"{blob}: {read.half_transparent:,} of its pixels are half transparent. A JPEG has a mask in place "
            "of alpha, which shows them opaque: choose another output_tier or compression to keep them as they are.",
        ),
    )


def _writer(prepared: Prepared, choice: EncodingChoice | None, workspace: Workspace) -> CogWriter:
    spec = prepared.spec
    return CogWriter(
        blob=spec.blob,
        grid=prepared.plan.grid,
        raster_type=spec.raster_type,
        layout=prepared.source.layout,
        settings=prepared.settings,
        choice=choice,
        metadata=prepared.metadata,
        crs=prepared.crs,
        heights=spec.heights,
        workspace=workspace,
        threads=spec.limits.gdal_threads,
        rpcs=prepared.metadata.rpcs if prepared.keeps_rpcs else None,
        roles=prepared.roles,
    )


def _receipt(
    prepared: Prepared,
    filled: _Filled,
    content: ExpectedContent,
    cog: DatasetReader,
    statistics: RunningStatistics,
) -> Receipt:
    """The finished COG compared with what it was written from, and with its source."""
    expected = Expected(
        content=content,
        layout=prepared.source.layout,
        crs=prepared.crs,
        valid_pixels=filled.valid_pixels,
        resampled=prepared.plan.reprojected,
        values=filled.values,
    )
    reference = SourceReference(
        source=prepared.source,
        side=prepared.side,
        valid_pixels=filled.source_valid_pixels,
        resampling=prepared.settings.warp_resampling,
        threads=prepared.spec.limits.gdal_threads,
        warp=filled.warp,
    )
    return give_receipt(cog, expected, reference, statistics)


def _choose_encoding(prepared: Prepared, buffer: RasterBuffer) -> EncodingChoice | None:
    with writing(prepared.spec.blob, "choosing the encoder"):
        return choose_for(buffer, prepared.settings)


@attrs.frozen(kw_only=True)
class _Filled:
    """The COG's pixels, before they are encoded.

    Attributes:
        prepared: The decisions, with the layout that the pixels need.
        buffer: Of the COG.
        valid_pixels: Which of its pixels are valid.
        source_valid_pixels: Which of the source's are.
        statistics: Statistics of the buffer.
        values: Categories of the source; None where pixels are quantities.
        warp: What resampled the pixels; None where they were taken over as they are.
        notices: What stood in the way of resampling them faster.
    """

    prepared: Prepared
    buffer: RasterBuffer
    valid_pixels: ValidPixels
    source_valid_pixels: ValidPixels
    statistics: RunningStatistics
    values: Values | None
    warp: WarpChoice | None = None
    notices: tuple[Notice, ...] = ()


def _new_statistics(prepared: Prepared) -> RunningStatistics:
    layout, grid = prepared.source.layout, prepared.plan.grid
    return RunningStatistics(len(layout.bands), layout.dtype, grid.width * grid.height, layout.alpha)


def _new_values(prepared: Prepared) -> Values | None:
    keeps_values = not prepared.plan.reprojected or prepared.settings.warp_resampling in ("nearest", "mode")
    is_categorical = prepared.spec.raster_type == "categorical"
    return Values(prepared.source.layout.dtype) if is_categorical and keeps_values else None


def _fill(prepared: Prepared, workspace: Workspace) -> _Filled:
    layout, grid = prepared.source.layout, prepared.plan.grid
    shape = (len(layout.bands), grid.height, grid.width)
    with writing(prepared.spec.blob, "writing the image"):
        buffer = RasterBuffer(workspace, shape, layout.dtype, crs=grid.crs, transform=grid.transform)
    _tidy(buffer)
    filled = _resampled(prepared, buffer, workspace) if prepared.plan.reprojected else _taken_over(prepared, buffer)
    _tidy(buffer)
    prepared = _told_by_value(filled.prepared, buffer, filled.statistics, filled.valid_pixels)
    buffer.nodata = prepared.source.layout.nodata
    return attrs.evolve(filled, prepared=prepared)


def _resampled(prepared: Prepared, buffer: RasterBuffer, workspace: Workspace) -> _Filled:
    """The source on the grid of its COG."""
    statistics, values = _new_statistics(prepared), _new_values(prepared)
    stored, read = _stored(prepared, workspace, values)
    prepared = _laid_out(prepared, read)
    job = prepared.warp if workspace.in_memory else attrs.evolve(prepared.warp, spilled=True)
    warped = warp(job, stored, read, buffer, workspace, statistics.add)
    return _Filled(
        prepared=prepared,
        buffer=buffer,
        valid_pixels=warped.valid_pixels,
        source_valid_pixels=read,
        statistics=statistics,
        values=values,
        warp=warped.choice,
        notices=warped.notices,
    )


def _taken_over(prepared: Prepared, buffer: RasterBuffer) -> _Filled:
    """The source pixel by pixel."""
    statistics, values = _new_statistics(prepared), _new_values(prepared)

    def gather(data: Array, valid: Valid) -> None:
        statistics.add(data, valid)
        if values is not None:
            values.add(data, valid)

    read = copy_pixels(prepared.source, buffer, prepared.plan, gather)
    return _Filled(
        prepared=_laid_out(prepared, read),
        buffer=buffer,
        valid_pixels=read,
        source_valid_pixels=read,
        statistics=statistics,
        values=values,
    )


def _stored(prepared: Prepared, workspace: Workspace, values: Values | None) -> tuple[RasterBuffer, ValidPixels]:
    """The source with a border on a buffer of its own, and which of its pixels are valid."""
    job, layout = prepared.warp, prepared.source.layout
    placement = prepared.placement.bordered(BORDER)
    count, dtype = (2 * len(layout.bands), np.dtype("uint32")) if job.as_words else (len(layout.bands), layout.dtype)
    gather = values.add if values is not None else _ignore
    with writing(prepared.spec.blob, "writing the intermediate image"):
        shape = (count, placement.height, placement.width)
        buffer = RasterBuffer(workspace, shape, dtype, **placement.georeference())
        valid_pixels = store_for_warp(prepared.source, buffer, gather, as_words=job.as_words)
    _tidy(buffer)
    return buffer, valid_pixels


def _tidy(buffer: RasterBuffer) -> None:
    """Before much memory is taken, give back what others have freed; for little it would not be worth the time."""
    if buffer.count * buffer.height * buffer.width * buffer.dtype.itemsize >= _MUCH:
        return_free_memory()


def _laid_out(prepared: Prepared, read: ValidPixels) -> Prepared:
    """With a mask where values would not tell."""
    if not read.misread:
        return prepared
    layout = attrs.evolve(prepared.source.layout, kind="mask", nodata=None)
    return attrs.evolve(prepared, source=attrs.evolve(prepared.source, layout=layout))


def _told_by_value(
    prepared: Prepared, buffer: RasterBuffer, statistics: RunningStatistics, valid_pixels: ValidPixels
) -> Prepared:
    """With a nodata value in place of a mask that the source does not have, where there is a value for it.

    A mask of the source stays where its pixels do, whatever is below it.
    """
    source, spec = prepared.source, prepared.spec
    is_new = source.layout.kind == "none" or (source.validity.kind == "mask" and prepared.plan.reprojected)
    if not valid_pixels.has_invalid or not is_new or source.validity.transparent:
        return prepared
    layout = told_by_value(buffer, source.layout, statistics, spec.raster_type, prepared.settings)
    return attrs.evolve(prepared, source=attrs.evolve(source, layout=layout))


def _chosen(prepared: Prepared) -> tuple[Notice, ...]:
    """That a COG has a nodata value of which its source knows nothing."""
    source = prepared.source
    if source.layout.kind != "nodata" or source.validity.kind == "nodata":
        return ()
    value = source.layout.nodata
    message = f"{prepared.spec.blob}: pixels without data are {value} in its COG, a value that no other pixel has."
    return (Notice(code="NODATA_CHOSEN", message=message),)


def _unread_nan(prepared: Prepared, valid_pixels: ValidPixels) -> tuple[Notice, ...]:
    """That older readers fail at NaN in several bands of LERC."""
    layout, settings = prepared.source.layout, prepared.settings
    if layout.holds_nan or layout.dtype.kind != "f" or not valid_pixels.has_invalid:
        return ()
    in_some_bands = bool((valid_pixels.counts < valid_pixels.map.total).any())
    if not (in_some_bands if layout.clears_masked else math.isnan(layout.fill)):
        return ()
    message = (
        f"{prepared.spec.blob}: {settings.compression} of several bands with NaN cannot be read by GDAL before 3.9 and "
        "libtiff before 4.7. Choose another compression, or a nodata value that is a number, where those read it."
    )
    return (Notice(code="NAN_UNREAD_BY_OLDER_GDAL", message=message),)


def _ignore(_: Array, __: Valid) -> None:
    pass
