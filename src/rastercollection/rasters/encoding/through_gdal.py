"""Tiles of codecs that small libraries lack: GDAL writes each alone into memory, and it is taken out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from affine import Affine
from rasterio.io import MemoryFile

from rastercollection.rasters.encoding.interleaving import Padding, pad
from rastercollection.rasters.pixels.windows import Array
from rastercollection.rasters.source.tiff import block_range, directories

__all__ = ["tile_by_gdal"]

_ANYWHERE = Affine(1, 0, 0, 0, -1, 1)
"""Without a georeference rasterio would warn."""


def tile_by_gdal(block: Array, side: int, options: Mapping[str, Any], padding: Padding) -> bytes:
    """The bytes of one tile, without the tables that all tiles of a TIFF share (JPEG).

    No band is called alpha, whatever it is: LERC would leave out what is below transparent pixels, and a tile that
    was written so can be read either way.

    Args:
        block: ``(bands, rows, columns)``.
        side: Pixels along a side of a whole block.
        options: Of GDAL's GeoTIFF driver.
        padding: How to fill up.
    """
    whole = pad(block, side, padding)
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            width=side,
            height=side,
            count=len(whole),
            dtype=whole.dtype.name,
            transform=_ANYWHERE,
            TILED="YES",
            BLOCKXSIZE=side,
            BLOCKYSIZE=side,
            ALPHA="NO",
            **options,
        ) as image:
            image.write(whole)
        return _only_tile(memory.getbuffer())


def _only_tile(tiff: Any) -> bytes:
    size = len(tiff)

    def read(start: int, end: int) -> bytes:
        return bytes(tiff[start:end])

    start, end = block_range(read, size, next(directories(read, size)), 0)
    return read(start, end)
