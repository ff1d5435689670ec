"""From the COGs to a local file that passed every check: the chain of an overview."""

from __future__ import annotations

import math
from collections.abc import Container
from pathlib import Path

import attrs
from affine import Affine
from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader

from rastercollection.errors import TaskError
from rastercollection.geo.webmercator import HALF_WORLD, pixel_size
from rastercollection.model.cog import CogFile
from rastercollection.mosaics.low_zooms import LowZooms
from rastercollection.rasters.encoding.choosing import choose_for
from rastercollection.rasters.gdal_crs import to_rasterio, whole_crs
from rastercollection.rasters.gdal_errors import writing
from rastercollection.rasters.grid.plan import Grid
from rastercollection.rasters.pixels.burning import told_by_value
from rastercollection.rasters.pixels.raster_buffer import RasterBuffer
from rastercollection.rasters.pixels.statistics import RunningStatistics
from rastercollection.rasters.pixels.validity import PixelLayout
from rastercollection.rasters.pixels.workspace import Workspace
from rastercollection.rasters.reduced.pieces import ReducedCog, forget, open_overview
from rastercollection.rasters.source.classes import CLASS_NAMES
from rastercollection.rasters.writing.blocks import tiled_width
from rastercollection.rasters.writing.content import ExpectedContent
from rastercollection.rasters.writing.facts import footprint_of
from rastercollection.rasters.writing.finish import CogWriter, cog_environment
from rastercollection.rasters.writing.left_out import holds_color_table
from rastercollection.rasters.writing.metadata import ColorTable, Metadata
from rastercollection.rasters.writing.reading_back import open_cog
from rastercollection.stages.overview.compose import Composition, compose
from rastercollection.stages.overview.form import OverviewForm

__all__ = ["MadeOverview", "make", "overview_grid"]

_NAME = "overview"


@attrs.frozen(kw_only=True)
class MadeOverview:
    """An overview that is not published yet.

    Attributes:
        path: The COG, a local file, gone when the workspace is.
        image: What is to be told of it, but for its addresses.
        tile_count: COGs that it was made of.
        pixels_read: Pixels of one band that were read for it.
        unreadable: Why COGs that were published before are not in it.
    """

    path: Path
    image: CogFile
    tile_count: int
    pixels_read: int
    unreadable: tuple[str, ...]


def overview_grid(low: LowZooms, block: int) -> Grid:
    """The pixels of WebMercatorQuad's zoom ``low.maxzoom``: map tiles are cut out of it without resampling it again.

    Args:
        low: Where it lies.
        block: Side of the COG's blocks in pixels; for all readers to see them, there may be a column more.
    """
    size = pixel_size(low.maxzoom)
    transform = Affine(size, 0, low.left * size - HALF_WORLD, 0, -size, HALF_WORLD - low.top * size)
    return Grid(
        crs=to_rasterio("EPSG:3857"),
        transform=transform,
        width=tiled_width(low.width, low.height, block),
        height=low.height,
    )


def make(job: Composition, workspace: Workspace) -> MadeOverview:
    """Make the COG and check it, and publish nothing.

    Raises:
        TileError, BackendError: A COG cannot be read.
        TaskError: ``COG_INVALID``, ``FIDELITY_FAILED``, ``NO_SPACE``, ``OUT_OF_MEMORY`` or ``OVERVIEW_FAILED``.
    """
    form, grid = job.form, job.grid
    layout = form.layout
    shape = (len(layout.bands), grid.height, grid.width)
    for cog in form.cogs:
        forget(job.storage, cog)
    with cog_environment():
        with writing(_NAME, "writing the image"):
            buffer = RasterBuffer(workspace, shape, layout.dtype, crs=grid.crs, transform=grid.transform)
        buffer.nodata = layout.nodata
        statistics = RunningStatistics(shape[0], layout.dtype, grid.width * grid.height, layout.alpha)
        valid_pixels, pixels, unreadable = compose(job, buffer, statistics)
        if valid_pixels.has_invalid and layout.kind in ("none", "mask"):
            layout = told_by_value(buffer, layout, statistics, form.raster_type, form.settings)
            buffer.nodata = layout.nodata
        writer = _writer(job, workspace, buffer, layout, unreadable)
        content = writer.expected(buffer, only_valid=True, resampled=False)
        written = writer.write(buffer, valid_pixels, content)
        with writing(_NAME, "reading the COG back"):
            cog = open_cog(written.path)
        with cog:
            _compare(content, cog)
            footprint = footprint_of(valid_pixels.map, grid)
            image = writer.file_of(written, cog, buffer, statistics.result(), footprint)
    return MadeOverview(
        path=written.path,
        image=attrs.evolve(image, minzoom=0, maxzoom=job.low.maxzoom),
        tile_count=len(form.cogs) - len(unreadable),
        pixels_read=pixels,
        unreadable=tuple(unreadable.values()),
    )


def _writer(
    job: Composition, workspace: Workspace, buffer: RasterBuffer, layout: PixelLayout, unreadable: Container[str]
) -> CogWriter:
    form, grid = job.form, job.grid
    return CogWriter(
        blob=_NAME,
        grid=grid,
        raster_type=form.raster_type,
        layout=layout,
        settings=form.settings,
        metadata=_metadata(job, unreadable),
        crs=whole_crs(grid.crs, form.heights) or grid.crs,
        heights=form.heights,
        workspace=workspace,
        threads=job.limits.gdal_threads,
        choice=choose_for(buffer, form.settings),
        roles=form.roles,
    )


def _metadata(job: Composition, unreadable: Container[str]) -> Metadata:
    """What the first COG that can be read says of its bands, without tags, which are about that tile, but for names."""
    cogs = job.form.cogs
    first = next((cog for cog in cogs if cog.file.href not in unreadable), cogs[0])
    with open_overview(job.storage, job.limits, ReducedCog.of(first, math.inf)) as dataset:
        found = Metadata.of(dataset, job.form.layout, first.source_blob)
    names = tuple({key: tags for key, tags in band.items() if key == CLASS_NAMES} for band in found.band_tags)
    table = _color_table(job.form)
    colors = tuple(ColorInterp.gray if color is ColorInterp.palette else color for color in found.colors)
    found = attrs.evolve(found, color_table=table, colors=found.colors if table else colors)
    return attrs.evolve(found, tags={}, band_tags=names, is_point=False, rpcs=None, notices=())


def _color_table(form: OverviewForm) -> ColorTable | None:
    if form.colors is None or not holds_color_table(form.layout):
        return None
    return {int(value): color for value, color in form.colors.items()}


def _compare(content: ExpectedContent, cog: DatasetReader) -> None:
    """Make sure that the COG holds what it was made of.

    Raises:
        TaskError: ``FIDELITY_FAILED``.
    """
    with writing(_NAME, "reading the COG back"):
        found = content.compare(cog)
    if found.wrong_pixels or found.wrong_validity:
        raise TaskError(
            "The overview does not hold the pixels that it was made of; it was not published.",
            "Set create_overview=False, and report it.",
            "FIDELITY_FAILED",
        )
