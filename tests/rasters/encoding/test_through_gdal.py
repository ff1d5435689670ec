"""One tile at a time by GDAL: its bytes are those that GDAL writes into any TIFF with the same options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import tifffile
from rasterio.transform import from_origin

from rastercollection.rasters.encoding.interleaving import Padding
from rastercollection.rasters.encoding.through_gdal import tile_by_gdal


@pytest.mark.parametrize(
    "options",
    [
        {"COMPRESS": "LZW", "PREDICTOR": 2},
        {"COMPRESS": "LZMA"},
        {"COMPRESS": "JPEG", "PHOTOMETRIC": "YCBCR", "JPEG_QUALITY": 70},
        {"COMPRESS": "WEBP", "WEBP_LEVEL": 70},
    ],
    ids=lambda options: options["COMPRESS"],
)
def test_a_tile_is_what_gdal_writes(options: dict[str, Any], tmp_path: Path) -> None:
    image = (np.random.default_rng(1).normal(0, 4, (3, 64, 128)).cumsum(axis=2) % 256).astype("uint8")
    profile = {"driver": "GTiff", "count": 3, "height": 64, "width": 128, "dtype": "uint8", "tiled": True}
    profile |= {"blockxsize": 64, "blockysize": 64, "INTERLEAVE": "PIXEL", "transform": from_origin(5, 5, 1, 1)}
    with rasterio.open(tmp_path / "tile.tif", "w", **profile, **options) as theirs:
        theirs.write(image)
    data = (tmp_path / "tile.tif").read_bytes()
    with tifffile.TiffFile(tmp_path / "tile.tif") as tiff:
        page = tiff.pages[0]
        tiles = [data[at : at + size] for at, size in zip(page.dataoffsets, page.databytecounts, strict=True)]
    for number, tile in enumerate(tiles):
        block = image[:, :, 64 * number : 64 * number + 64]
        assert tile_by_gdal(block, 64, {"INTERLEAVE": "PIXEL", **options}, Padding.RUNS) == tile
