"""The last steps, the same for every image: metadata, encoding with overviews, writing, a check, once each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import attrs
import rasterio
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.rpc import RPC

from rastercollection.core.models import Notice
from rastercollection.disclosure.listing import listed
from rastercollection.model.band import BandRole, BandStatistics
from rastercollection.model.cog import CogFile, CogSettings
from rastercollection.model.receipt import EncodingChoice
from rastercollection.rasters.encoding.encoders import BlockEncoder, encoder_of, mask_encoder
from rastercollection.rasters.gdal_errors import writing
from rastercollection.rasters.grid.plan import Grid
from rastercollection.rasters.pixels.raster_buffer import RasterBuffer, ValidPixels
from rastercollection.rasters.pixels.validity import PixelLayout
from rastercollection.rasters.pixels.workspace import Workspace
from rastercollection.rasters.writing.blocks import overview_levels
from rastercollection.rasters.writing.content import ExactContent, ExpectedContent
from rastercollection.rasters.writing.encoded_cog import EncodedCog
from rastercollection.rasters.writing.facts import LocalCog, cog_file_of
from rastercollection.rasters.writing.image_encoder import ImageEncoder, Watch
from rastercollection.rasters.writing.lossy_content import LossyContent
from rastercollection.rasters.writing.metadata import Metadata
from rastercollection.rasters.writing.pyramid import Halving
from rastercollection.rasters.writing.template import make_template
from rastercollection.rasters.writing.validation import check_valid

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
        threads: That encode and make overviews.
        choice: How it is encoded where the settings leave it open.
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
    choice: EncodingChoice | None = None
    rpcs: RPC | None = None
    roles: tuple[BandRole, ...] = ()

    @property
    def levels(self) -> tuple[int, ...]:
        """The decimations of its overviews."""
        return overview_levels(self.grid.width, self.grid.height, self.settings.block_size)

    def expected(self, buffer: RasterBuffer, *, only_valid: bool, resampled: bool) -> ExpectedContent:
        """What the COG of a filled buffer will have to hold.

        Args:
            buffer: The image.
            only_valid: Values of invalid pixels need not survive.
            resampled: Pixels are not those of a source: it is enough to compare some.
        """
        about: dict[str, Any] = {
            "blob": self.blob,
            "layout": self.layout,
            "only_valid": only_valid,
            "resampled": resampled,
            "width": buffer.width,
            "height": buffer.height,
            "block_size": self.settings.block_size,
        }
        if self.settings.is_exact:
            return ExactContent(**about)
        return LossyContent(**about, workspace=self.workspace, bands=buffer.count, dtype=buffer.dtype)

    def write(
        self, buffer: RasterBuffer, valid_pixels: ValidPixels, content: ExpectedContent | None = None
    ) -> LocalCog:
        """Write a filled buffer as a COG into the workspace, and make sure that it is one.

        Args:
            buffer: The image; it stays, but for its pixels where the COG is compared.
            valid_pixels: Which of its pixels are valid.
            content: What the COG will be compared with; None if it will not be.

        Raises:
            TaskError: ``COG_INVALID``, ``NO_SPACE`` or ``OUT_OF_MEMORY``.
        """
        path = self.workspace.folder / "cog.tif"
        watch = content.watch if content is not None else None
        encoded = self.encode(buffer, valid_pixels, watch=watch, release=content is not None)
        with writing(self.blob, "writing the COG"), path.open("xb") as file:
            checksum = encoded.write_to(file)
        self.workspace.usage.add(encoded.size, in_memory=False)
        check_valid(path, self.blob)
        return LocalCog(path=path, checksum=checksum, size=encoded.size, header_size=len(encoded.plan.header))

    def encode(
        self,
        buffer: RasterBuffer,
        valid_pixels: ValidPixels,
        *,
        watch: Watch | None = None,
        release: bool = False,
        big: bool | None = None,
    ) -> EncodedCog:
        """All blocks of a filled buffer's COG, and its directories, ready to go wherever bytes go in order.

        Args:
            buffer, valid_pixels: As those of :meth:`write`.
            watch: Is shown the image block by block.
            release: Whether memory of its pixels is given up as soon as they are encoded.
            big: Whether it is to be a BigTIFF; by default where it has to be.

        Raises:
            TaskError: As :meth:`write` does.
        """
        settings, blob = self.settings, self.blob
        if self.layout.turns_nan and valid_pixels.has_invalid:
            buffer.nodata = math.nan
        encoder = encoder_of(settings, buffer.dtype, buffer.count, choice=self.choice)
        with writing(blob, "writing the metadata"):
            template = make_template(
                self.workspace,
                buffer,
                self.metadata,
                blob=blob,
                crs=self.crs,
                rpcs=self.rpcs,
                block_size=settings.block_size,
                options=encoder.creation_options,
            )
        with writing(blob, f"encoding with {settings.compression}"):
            levels = self._image_encoder(buffer, encoder, valid_pixels, watch=watch, release=release).encode(
                buffer, len(self.levels)
            )
        return EncodedCog.of(template, levels, big=big)

    def _image_encoder(
        self,
        buffer: RasterBuffer,
        encoder: BlockEncoder,
        valid_pixels: ValidPixels,
        *,
        watch: Watch | None,
        release: bool,
    ) -> ImageEncoder:
        fill = buffer.nodata if self.settings.sparse else None
        agree = bool((valid_pixels.counts == valid_pixels.map.total).all())
        resampling = Resampling[self.settings.overview_resampling]

        def halving(source: RasterBuffer, decimation: int) -> Halving:
            known = valid_pixels.map if agree else None
            return Halving.of(self.workspace, source, known, self.layout, resampling, decimation)

        return ImageEncoder(
            workspace=self.workspace,
            encoder=encoder,
            mask_encoder=mask_encoder(self.settings.block_size),
            block_size=self.settings.block_size,
            threads=self.threads,
            halving=halving,
            fill=fill,
            watch=watch,
            release=release,
        )

    def notices(self, cog: DatasetReader) -> tuple[Notice, ...]:
        """What GDAL did not write of the metadata of a COG that is open, although it was asked to."""
        with writing(self.blob, "reading the COG back"):
            missing = self.metadata.missing_in(cog)
        if not missing:
            return ()
        message = f"{self.blob}: GDAL cannot write these tags into a GeoTIFF as they are: {listed(missing)}."
        return (Notice(code="TAGS_DROPPED", message=message),)

    def file_of(
        self,
        written: LocalCog,
        cog: DatasetReader,
        buffer: RasterBuffer,
        statistics: tuple[BandStatistics | None, ...],
        footprint: Mapping[str, Any],
    ) -> CogFile:
        """What is told of the COG, open, that was written of a buffer; that may have been discarded."""
        with writing(self.blob, "reading the COG back"):
            return cog_file_of(
                written,
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
