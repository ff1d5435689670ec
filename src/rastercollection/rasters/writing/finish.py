"""The last steps, the same for every image: overviews, metadata, encoding, in this order and once each."""

from __future__ import annotations

from pathlib import Path

from rasterio.enums import Resampling
from rasterio.rpc import RPC

from rastercollection.model.cog import CogSettings
from rastercollection.rasters.gdal_errors import writing
from rastercollection.rasters.pixels.canvas import Canvas, Record, open_canvas
from rastercollection.rasters.pixels.validity import Layout
from rastercollection.rasters.pixels.workspace import Workspace
from rastercollection.rasters.writing.encode import encode, overview_levels
from rastercollection.rasters.writing.metadata import Metadata
from rastercollection.rasters.writing.pyramid import build_pyramid

__all__ = ["finish", "kind_of"]


def finish(
    canvas: Canvas,
    record: Record,
    layout: Layout,
    *,
    target: Path,
    settings: CogSettings,
    metadata: Metadata,
    workspace: Workspace,
    threads: int,
    blob: str,
    rpcs: RPC | None = None,
) -> tuple[int, ...]:
    """Give a filled canvas overviews and write it as a COG.

    Args:
        canvas: The image; it stays.
        record: Its valid pixels.
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
    levels = overview_levels(canvas.width, canvas.height, settings.block_size)
    with writing(blob, "building overviews"):
        resampling = Resampling[settings.overview_resampling]
        overviews = build_pyramid(workspace, canvas, record, layout, resampling, len(levels))
    documents: list[Path] = []
    for overview in overviews:
        documents.append(overview.describe())
    document = canvas.describe(overviews=documents)
    with writing(blob, "writing the metadata"), open_canvas(document, "r+") as dataset:
        metadata.write(dataset)
        if rpcs is not None:
            dataset.rpcs = rpcs
    encode(document, target, settings, metadata, dtype=canvas.dtype, threads=threads, blob=blob)
    for overview in overviews:
        overview.discard()
    return levels


def kind_of(canvas: Canvas, layout: Layout) -> str:
    """How a finished image turned out to tell invalid pixels: none, nodata, mask or alpha."""
    if canvas.has_mask:
        return "mask"
    if layout.kind == "none" and canvas.nodata is not None:
        return "nodata"
    return "none" if layout.kind == "mask" else layout.kind
