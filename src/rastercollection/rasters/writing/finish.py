"""The last steps, the same for every image: overviews, metadata, encoding, a check, in this order and once each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import rasterio
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.rpc import RPC

from rastercollection.core.models import Notice
from rastercollection.disclosure.listing import listed
from rastercollection.model.band import BandRole, BandStatistics
from rastercollection.model.cog import CogFile, CogSettings
from rastercollection.rasters.gdal_errors import writing
from rastercollection.rasters.grid.plan import Grid
from rastercollection.rasters.pixels.raster_buffer import RasterBuffer, ValidPixels, open_buffer
from rastercollection.rasters.pixels.validity import PixelLayout
from rastercollection.rasters.pixels.workspace import Workspace
from rastercollection.rasters.writing.encode import check_valid, encode, overview_levels
from rastercollection.rasters.writing.facts import cog_file_of
from rastercollection.rasters.writing.metadata import Metadata
from rastercollection.rasters.writing.pyramid import build_pyramid

__all__ = ["CogWriter", "cog_environment"]


def cog_environment() -> rasterio.Env:
    """GDAL's options while a COG is made: nothing is looked for or written beside it, masks are inside."""
    return rasterio.Env(GDAL_PAM_ENABLED="NO", GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR", GDAL_TIFF_INTERNAL_MASK="YES")


@attrs.frozen(kw_only=True)
class CogWriter:
    """How an image becomes a COG.

    Attributes:
        blob: Name of the tile, for errors.
        grid: Its pixels.
        raster_type: As validated.
        layout: How it tells invalid pixels.
        settings: How it is written.
        metadata: What it says beside its pixels.
        crs: The grid's, with what heights refer to as far as a GeoTIFF can hold it.
        heights: What they refer to; None where nothing tells.
        workspace: For the overviews and the COG.
        threads: Of the encoder.
        rpcs: Rational polynomials that hold for the image.
        roles: What each band shows; empty where that is not known.
    """

    blob: str
    grid: Grid
    raster_type: str
    layout: PixelLayout
    settings: CogSettings
    metadata: Metadata
    crs: CRS
    heights: str | None
    workspace: Workspace
    threads: int
    rpcs: RPC | None = None
    roles: tuple[BandRole, ...] = ()

    @property
    def levels(self) -> tuple[int, ...]:
        """The decimations of its overviews."""
        return overview_levels(self.grid.width, self.grid.height, self.settings.block_size)

    def write(self, buffer: RasterBuffer, valid_pixels: ValidPixels) -> Path:
        """Give a filled buffer overviews, write it as a COG, and make sure that it is one; the buffer stays.

        Returns:
            The COG, a local file, gone when the workspace is.

        Raises:
            TaskError: ``COG_INVALID``, ``NO_SPACE`` or ``OUT_OF_MEMORY``.
        """
        settings, blob, target = self.settings, self.blob, self.workspace.folder / "cog.tif"
        if self.layout.turns_nan and valid_pixels.has_invalid:
            buffer.nodata = math.nan
        with writing(blob, "building overviews"):
            resampling = Resampling[settings.overview_resampling]
            overviews = build_pyramid(self.workspace, buffer, valid_pixels, self.layout, resampling, len(self.levels))
        document = buffer.as_document(overviews=[overview.as_document() for overview in overviews])
        with writing(blob, "writing the metadata"), open_buffer(document, "r+") as dataset:
            self.metadata.write(dataset)
            dataset.crs = self.crs
            if self.rpcs is not None:
                dataset.rpcs = self.rpcs
        encode(document, target, settings, self.metadata, dtype=buffer.dtype, threads=self.threads, blob=blob)
        for overview in overviews:
            overview.discard()
        self.workspace.usage.add(target.stat().st_size, in_memory=False)
        check_valid(target, blob)
        return target

    def notices(self, cog: Path) -> tuple[Notice, ...]:
        """What GDAL did not write of the metadata, although it was asked to."""
        with writing(self.blob, "reading the COG back"), rasterio.open(cog) as dataset:
            missing = self.metadata.missing_in(dataset)
        if not missing:
            return ()
        message = f"{self.blob}: GDAL cannot write these tags into a GeoTIFF as they are: {listed(missing)}."
        return (Notice(code="TAGS_DROPPED", message=message),)

    def file_of(
        self,
        cog: Path,
        buffer: RasterBuffer,
        statistics: tuple[BandStatistics | None, ...],
        footprint: Mapping[str, Any],
    ) -> CogFile:
        """What is told of the COG that was written of a buffer; it may have been discarded."""
        with writing(self.blob, "reading the COG back"):
            return cog_file_of(
                cog,
                self.grid,
                statistics,
                footprint=footprint,
                settings=self.settings,
                raster_type=self.raster_type,
                validity=_kind_of(buffer, self.layout),
                overview_levels=self.levels,
                heights=self.heights,
                classes=self.metadata.classes,
                roles=self.roles,
            )


def _kind_of(buffer: RasterBuffer, layout: PixelLayout) -> str:
    """How a finished image turned out to tell invalid pixels: none, nodata, mask or alpha."""
    if buffer.has_mask:
        return "mask"
    if layout.kind == "none" and buffer.nodata is not None:
        return "nodata"
    return "none" if layout.kind == "mask" else layout.kind
