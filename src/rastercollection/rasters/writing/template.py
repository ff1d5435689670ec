"""What a COG says beside its blocks, as GDAL writes it: taken from a tiny TIFF with the same metadata.

Georeference, metadata, colours and what a codec needs have many spellings in a TIFF. GDAL's is the one that all readers
know, so GDAL spells it: an image of two by two pixels is written by its GeoTIFF driver with everything that the COG is
to say, and its directories are those of the COG, but for sizes and blocks.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import rasterio
import rasterio.shutil
from rasterio.crs import CRS
from rasterio.io import MemoryFile
from rasterio.rpc import RPC
from rasterio.windows import Window

from rastercollection.errors import TaskError
from rastercollection.rasters.pixels.in_memory import open_memory
from rastercollection.rasters.pixels.raster_buffer import (
    RasterBuffer,
    add_scales,
    add_table,
    add_text,
    open_buffer,
    reading_buffers,
    repeat_band_tags,
    set_georeference,
)
from rastercollection.rasters.pixels.workspace import Workspace
from rastercollection.rasters.source.classes import CLASS_NAMES
from rastercollection.rasters.writing.metadata import Metadata
from rastercollection.rasters.writing.tiff_fields import (
    BLOCK_LENGTH,
    BLOCK_WIDTH,
    LENGTH,
    WIDTH,
    Field,
    Fields,
    read_directories,
)

__all__ = ["Template", "make_template"]

_SIDE = 2
_BLOCK = 16
"""The smallest that a TIFF may have: GDAL encodes one a directory."""
_SHORT, _LONG = 3, 4


@attrs.frozen(kw_only=True)
class Template:
    """The fields of a COG's directories.

    Attributes:
        block_size: Side of a block in pixels.
        image, mask: Of full resolution; the mask's are None where there is none.
        overview, overview_mask: Of overviews, likewise.
    """

    block_size: int
    image: Fields
    mask: Fields | None
    overview: Fields
    overview_mask: Fields | None

    def of(self, level: int, width: int, height: int) -> tuple[Fields, Fields | None]:
        """Those of a level of so many pixels, 0 for full resolution, and of its mask."""
        fields, mask = (self.image, self.mask) if level == 0 else (self.overview, self.overview_mask)
        side = Field(_SHORT, 1, struct.pack("<H", self.block_size))
        size = {WIDTH: _number(width), LENGTH: _number(height), BLOCK_WIDTH: side, BLOCK_LENGTH: side}
        return {**fields, **size}, None if mask is None else {**mask, **size}


def _number(value: int) -> Field:
    return Field(_LONG, 1, struct.pack("<I", value))


def make_template(
    workspace: Workspace,
    buffer: RasterBuffer,
    metadata: Metadata,
    *,
    blob: str,
    crs: CRS,
    rpcs: RPC | None,
    block_size: int,
    options: Mapping[str, Any],
) -> Template:
    """Have GDAL write a tiny TIFF that says what an image's is to say.

    Args:
        workspace: For the descriptions of its pixels.
        buffer: The image; its type, bands, place, nodata value, and whether it has a mask count.
        metadata: What it says beside its pixels.
        blob: Name of the tile.
        crs: With heights, as far as a GeoTIFF can hold them.
        rpcs: Rational polynomials that hold for the image.
        block_size: Side of a block in pixels.
        options: Creation options of GDAL's GeoTIFF driver: of the codec.

    Raises:
        TaskError: ``COG_INVALID``; GDAL left out tags of bands.
    """
    small = _small(workspace, buffer, _SIDE)
    half = _small(workspace, buffer, _SIDE // 2)
    try:
        document = small.as_document(overviews=[half.as_document()])
        _describe(document, metadata, {**buffer.georeference, "crs": crs}, rpcs)
        directories = list(read_directories(_written(document, metadata, blob, options)))
    finally:
        small.discard()
        half.discard()
    if not buffer.has_mask:
        image, overview = directories
        return Template(block_size=block_size, image=image, mask=None, overview=overview, overview_mask=None)
    image, mask, overview, overview_mask = directories
    return Template(block_size=block_size, image=image, mask=mask, overview=overview, overview_mask=overview_mask)


def _small(workspace: Workspace, like: RasterBuffer, side: int) -> RasterBuffer:
    """A buffer of a few pixels, nowhere, that tells invalid ones as another does."""
    inside = attrs.evolve(workspace, in_memory=True)
    buffer = RasterBuffer(inside, (like.count, side, side), like.dtype)
    buffer.nodata = like.nodata
    if like.has_mask:
        buffer.write(Window(0, 0, side, side), np.zeros((like.count, side, side), like.dtype), np.eye(side, dtype=bool))
    return buffer


def _describe(document: Path, metadata: Metadata, georeference: Mapping[str, Any], rpcs: RPC | None) -> None:
    with open_buffer(document, "r+") as dataset:
        set_georeference(dataset, **georeference)
        metadata.write(dataset)
        if rpcs is not None:
            dataset.rpcs = rpcs
    if metadata.has_domains:
        repeat_band_tags(document)
    for domain, text in metadata.documents.items():
        add_text(document, domain, text)
    add_scales(document, metadata.scales, metadata.offsets)
    for band, found in enumerate(metadata.classes, 1):
        if found.table is not None:
            add_table(document, band, found.table)


def _written(document: Path, metadata: Metadata, blob: str, options: Mapping[str, Any]) -> bytes:
    more = {"COPY_SRC_MDD": "YES"} if metadata.has_domains else {}
    with MemoryFile(filename=f"{uuid.uuid4()}.tif") as memory, reading_buffers():
        rasterio.shutil.copy(
            str(document),
            memory.name,
            driver="GTiff",
            TILED="YES",
            BLOCKXSIZE=_BLOCK,
            BLOCKYSIZE=_BLOCK,
            COPY_SRC_OVERVIEWS="YES",
            BIGTIFF="NO",
            **options,
            **more,
        )
        if metadata.has_domains:
            _check_band_tags(document, memory, blob)
        return bytes(memory.getbuffer())


def _check_band_tags(document: Path, memory: MemoryFile, blob: str) -> None:
    """Make sure that GDAL wrote the bands' tags."""
    with open_buffer(document) as meant, open_memory(memory, "GTiff") as written:
        lost = [band for band in written.indexes if not _tags(meant, band) <= _tags(written, band)]
    if lost:
        raise TaskError(
            f"{blob}: GDAL {rasterio.__gdal_version__} left out or changed tags of bands {', '.join(map(str, lost))}.",
            "This is a bug: please report it with the tile.",
            "COG_INVALID",
            details={"bands": lost},
        )


def _tags(dataset: Any, band: int) -> set[tuple[str, str]]:
    """The band's own, and its names of classes."""
    return {*dataset.tags(band).items(), *dataset.tags(band, ns=CLASS_NAMES).items()}
