"""Blocks put into TIFFs whose tags GDAL writes, for other programs to read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rasterio
import tifffile
from numpy.typing import NDArray
from rasterio.transform import from_origin

from rastercollection.model.cog import CogSettings
from rastercollection.rasters.encoding.encoders import BlockEncoder

TILE_OFFSETS, TILE_COUNTS = 324, 325


def settings(compression: str, level: Any = None, *, quality: int | None = None, block_size: int = 32) -> CogSettings:
    return CogSettings(
        tier="analysis",
        storage_class="hot",
        compression=compression,
        level=level,
        quality=quality,
        overview_resampling="nearest",
        warp_resampling="nearest",
        block_size=block_size,
    )


def blocks_of(image: NDArray[Any], side: int) -> list[NDArray[Any]]:
    """Views of ``(bands, rows, columns)``, row by row."""
    _, height, width = image.shape
    corners = [(top, left) for top in range(0, height, side) for left in range(0, width, side)]
    return [image[:, top : top + side, left : left + side] for top, left in corners]


def write_tiff(path: Path, image: NDArray[Any], encoder: BlockEncoder, side: int, **more: Any) -> Path:
    """A TIFF with GDAL's tags for the encoder's options, and the encoder's blocks."""
    bands, height, width = image.shape
    options: Mapping[str, Any] = {**encoder.creation_options, **more}
    with rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=bands, dtype=image.dtype.name,
        crs="EPSG:32633", transform=from_origin(500_000, 5_000_000, 1, 1),
        TILED="YES", BLOCKXSIZE=side, BLOCKYSIZE=side, SPARSE_OK="TRUE", **options,
    ):  # fmt: skip
        pass
    return fill_tiles(path, [encoder.encode(block) for block in blocks_of(image, side)])


def fill_tiles(path: Path, tiles: list[bytes], page: int = 0) -> Path:
    """Append tiles to a TIFF whose tables are there already."""
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        offsets, file = [], tiff.filehandle
        file.seek(0, 2)
        for tile in tiles:
            offsets.append(file.tell())
            file.write(tile)
        tags = tiff.pages[page].tags
        tags[TILE_OFFSETS].overwrite(offsets)
        tags[TILE_COUNTS].overwrite([len(tile) for tile in tiles])
    return path
