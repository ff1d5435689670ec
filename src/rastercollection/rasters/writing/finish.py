"""The last steps, the same for every image: overviews, metadata, encoding, in this order and once each."""

from __future__ import annotations

from pathlib import Path

from rasterio.enums import Resampling
from rasterio.rpc import RPC

from rastercollection.model.cog import CogSettings
from rastercollection.rasters.gdal_errors import writing
from rastercollection.rasters.pixels.raster_buffer import RasterBuffer, ValidPixels, open_buffer
from rastercollection.rasters.pixels.validity import PixelLayout
from rastercollection.rasters.pixels.workspace import Workspace
from rastercollection.rasters.writing.encode import encode, overview_levels
from rastercollection.rasters.writing.metadata import Metadata
from rastercollection.rasters.writing.pyramid import build_pyramid

__all__ = ["finish", "kind_of"]


def finish(
    buffer: RasterBuffer,
    valid_pixels: ValidPixels,
    layout: PixelLayout,
    *,
    target: Path,
    settings: CogSettings,
    metadata: Metadata,
    workspace: Workspace,
    threads: int,
    blob: str,
    rpcs: RPC | None = None,
) -> tuple[int, ...]:
    """Give a filled buffer overviews and write it as a COG.

    Args:
        buffer: The image; it stays.
        valid_pixels: Its valid pixels.
        layout: How it tells invalid pixels.
        target: The COG, a local file.
        settings: How it is written.
        metadata: What it says beside its pixels.
        workspace: For the overviews.
        threads: Of the encoder.
        blob: Name of the tile.
        rpcs: Rational polynomials that hold for the image.

    Returns:
        The decimations of its overviews.

    Raises:
        TaskError: ``COG_INVALID``, ``NO_SPACE`` or ``OUT_OF_MEMORY``.
    """
    levels = overview_levels(buffer.width, buffer.height, settings.block_size)
    with writing(blob, "building overviews"):
        resampling = Resampling[settings.overview_resampling]
        overviews = build_pyramid(workspace, buffer, valid_pixels, layout, resampling, len(levels))
    documents: list[Path] = []
    for overview in overviews:
        documents.append(overview.as_document())
    document = buffer.as_document(overviews=documents)
    with writing(blob, "writing the metadata"), open_buffer(document, "r+") as dataset:
        metadata.write(dataset)
        if rpcs is not None:
            dataset.rpcs = rpcs
    encode(document, target, settings, metadata, dtype=buffer.dtype, threads=threads, blob=blob)
    for overview in overviews:
        overview.discard()
    return levels


def kind_of(buffer: RasterBuffer, layout: PixelLayout) -> str:
    """How a finished image turned out to tell invalid pixels: none, nodata, mask or alpha."""
    if buffer.has_mask:
        return "mask"
    if layout.kind == "none" and buffer.nodata is not None:
        return "nodata"
    return "none" if layout.kind == "mask" else layout.kind
