"""The chain from an open source to a checked COG: read once, warp once, build overviews once, encode once, compare."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import rasterio
from rasterio.crs import CRS
from rasterio.io import DatasetReader

from rastercollection.products import BandFacts, BandStatistics, Bounds, CogSettings
from rastercollection.rasters.environment import Limits
from rastercollection.rasters.failures import writing
from rastercollection.rasters.grid import Grid, GridPlan, plan_grid
from rastercollection.rasters.placement import Placement
from rastercollection.stages.cog.canvas import Canvas, Record, Workspace
from rastercollection.stages.cog.encode import build_overviews, check_valid, encode, is_exact, suited
from rastercollection.stages.cog.facts import band_facts, header_size
from rastercollection.stages.cog.fidelity import check_area, check_content
from rastercollection.stages.cog.metadata import Metadata
from rastercollection.stages.cog.reading import Source, copy_pixels, store_for_warp
from rastercollection.stages.cog.validity import Validity, choose_layout, common_dtype
from rastercollection.stages.cog.warp import Warp, warp
from rastercollection.stages.cog.windows import ValidityMap

__all__ = ["Conversion", "Order", "Prepared", "canvas_bytes", "convert", "prepare"]

_Notify = Callable[[str, str], None]

_GDAL = {"GDAL_PAM_ENABLED": "NO", "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_TIFF_INTERNAL_MASK": "YES"}
_WITH_OVERVIEWS = 4 / 3


@attrs.frozen(kw_only=True)
class Order:
    """What is to be made of a source.

    Attributes:
        blob: Name of the tile.
        settings: How the COG is written.
        raster_type: As validated.
        source_crs: CRS of the source, or the one used for want of it.
        georeferencing: geotransform, gcps or rpcs.
        target_crs: CRS of the COG.
        max_pixels: Limit of the COG's width × height.
        limits: What may be used of the machine.
    """

    blob: str
    settings: CogSettings
    raster_type: str
    source_crs: CRS
    georeferencing: str
    target_crs: CRS
    max_pixels: int
    limits: Limits


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

    @property
    def bounds(self) -> Bounds:
        return self.grid.bounds

    @property
    def statistics(self) -> tuple[BandStatistics | None, ...]:
        return tuple(band.statistics for band in self.bands)


@attrs.frozen(kw_only=True)
class Prepared:
    """All decisions, before any pixel is read."""

    order: Order
    source: Source
    placement: Placement
    plan: GridPlan
    settings: CogSettings
    metadata: Metadata

    @property
    def only_valid(self) -> bool:
        """LERC does not keep the values of invalid pixels."""
        return self.settings.compression.startswith("LERC")


def prepare(dataset: DatasetReader, order: Order, notify: _Notify) -> Prepared:
    """Decide grid, layout and settings from the source's metadata.

    Raises:
        TileError: ``REPROJECTION_FAILED`` or ``TOO_MANY_PIXELS``.
    """
    placement = Placement.of(dataset, order.source_crs, order.georeferencing)
    plan = plan_grid(placement, order.target_crs, order.blob, order.max_pixels)
    validity, dtype = Validity.of(dataset), common_dtype(dataset)
    settings, notices = suited(
        order.settings,
        dataset.dtypes,
        dtype,
        alpha=validity.alpha is not None,
        has_colors="palette" in (color.name for color in dataset.colorinterp),
        blob=order.blob,
    )
    layout = choose_layout(validity, dtype, settings)
    metadata = Metadata.of(dataset, layout, order.blob)
    for notice in (*plan.notices, *notices, *metadata.notices):
        notify(notice.code, notice.message)
    if placement.rpcs is not None:
        notify(
            "RPC_WITHOUT_DEM",
            f"{order.blob}: rectified for one elevation, {placement.elevation:.0f} m, as there is no terrain model.",
        )
    source = Source(dataset=dataset, blob=order.blob, validity=validity, layout=layout)
    return Prepared(order=order, source=source, placement=placement, plan=plan, settings=settings, metadata=metadata)


def canvas_bytes(prepared: Prepared) -> int:
    """Uncompressed size of all intermediates: the source where it is warped, the COG's pixels and overviews."""
    layout, grid, placement = prepared.source.layout, prepared.plan.grid, prepared.placement
    pixel = len(layout.bands) * layout.dtype.itemsize + 1
    source = placement.width * placement.height * pixel if prepared.plan.reprojected else 0
    return source + int(grid.width * grid.height * pixel * _WITH_OVERVIEWS)


def convert(prepared: Prepared, workspace: Workspace) -> Conversion:
    """Make the COG, and publish nothing.

    Raises:
        TileError: ``FILE_UNREADABLE``, ``FILE_TRUNCATED``, ``REPROJECTION_FAILED`` or ``VALIDITY_LOST``.
        TaskError: ``COG_INVALID``, ``VALIDITY_LOST``, ``PIXELS_CHANGED``, ``NO_SPACE``, ``OUT_OF_MEMORY``; retryable
            where the source cannot be reached.
    """
    order, plan, settings = prepared.order, prepared.plan, prepared.settings
    blob, layout = order.blob, prepared.source.layout
    with rasterio.Env(**_GDAL):
        path, source_record, record, has_mask = _fill(prepared, workspace)
        declare_nan = layout.turns_nan and _has_gaps(record)
        levels = build_overviews(path, settings, declare_nan=declare_nan, blob=blob)
        target = workspace.folder / "cog.tif"
        encode(path, target, settings, prepared.metadata, threads=order.limits.gdal_threads, blob=blob)
        workspace.discard(path)
        check_valid(target, blob)
        statistics = check_content(target, record, blob, exact=is_exact(settings), only_valid=prepared.only_valid)
        if plan.reprojected:
            check_area(source_record, prepared.placement, record, plan.grid, blob)
        with writing(blob, "reading the COG back"), rasterio.open(target) as cog:
            bands, header = band_facts(cog, statistics), header_size(cog)
    kind = "mask" if has_mask else "nodata" if declare_nan else "none" if layout.kind == "mask" else layout.kind
    return Conversion(
        path=target,
        settings=settings,
        grid=plan.grid,
        reprojected=plan.reprojected,
        overview_levels=levels,
        validity=kind,
        valid=record.map,
        bands=bands,
        header_size=header,
        metadata=prepared.metadata,
        in_memory=workspace.in_memory,
    )


def _has_gaps(record: Record) -> bool:
    return bool((record.counts < record.map.width * record.map.height).any())


def _fill(prepared: Prepared, workspace: Workspace) -> tuple[str, Record, Record, bool]:
    """The COG's canvas, what was read, what was written, and whether it got a mask."""
    plan, source, grid = prepared.plan, prepared.source, prepared.plan.grid
    layout = source.layout
    profile: dict[str, Any] = {"count": len(layout.bands), "width": grid.width, "height": grid.height}
    profile |= {"dtype": layout.dtype, "nodata": layout.nodata, **prepared.metadata.photometric}
    if plan.reprojected:
        stored, source_record, differs = _stored(prepared, workspace)
    path = workspace.new_path()
    with writing(prepared.order.blob, "writing the image"):
        canvas = Canvas(path, crs=grid.crs, transform=grid.transform, **profile)
        with canvas:
            prepared.metadata.write(canvas.dataset)
            if plan.reprojected:
                job = _warp_job(prepared)
                record = warp(job, stored, differs, canvas, workspace, only_valid=prepared.only_valid)
            else:
                if prepared.metadata.rpcs is not None and not (plan.flip_rows or plan.flip_columns):
                    canvas.dataset.rpcs = prepared.metadata.rpcs
                record = source_record = copy_pixels(source, canvas, plan, only_valid=prepared.only_valid)
    return path, source_record, record, canvas.has_mask


def _stored(prepared: Prepared, workspace: Workspace) -> tuple[str, Record, bool]:
    """The source on a canvas of its own, what was read, and whether its bands disagree on validity."""
    placement, source, layout = prepared.placement, prepared.source, prepared.source.layout
    job, path = _warp_job(prepared), workspace.new_path()
    count, dtype = (2 * len(layout.bands), np.dtype("uint32")) if job.as_words else (len(layout.bands), layout.dtype)
    size: dict[str, int] = {"count": count, "width": placement.width, "height": placement.height}
    with (
        writing(prepared.order.blob, "writing the intermediate image"),
        Canvas(path, dtype=dtype, **size, **placement.georeference()) as canvas,
    ):
        record, differs = store_for_warp(source, canvas, as_words=job.as_words)
    return path, record, differs


def _warp_job(prepared: Prepared) -> Warp:
    return Warp(
        source=prepared.source,
        placement=prepared.placement,
        grid=prepared.plan.grid,
        resampling=prepared.settings.warp_resampling,
        raster_type=prepared.order.raster_type,
        threads=prepared.order.limits.gdal_threads,
    )
