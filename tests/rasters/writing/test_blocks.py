"""COGs as wide as their blocks are valid, too, as rio-cogeo sees it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from rio_cogeo import cog_validate

from cog_scenes import UTM, make_cog, texture, write_raster
from rastercollection.rasters.writing.blocks import tiled_width


@pytest.mark.parametrize(
    ("width", "height", "columns"),
    [
        (512, 512, 512),
        (700, 512, 700),
        (512, 700, 513),
        (1023, 1030, 1025),  # an overview of 512 × 515
        (256, 700, 256),
        (512, 5000, 513),
        (1024, 600, 1024),
        (2048, 9000, 2049),
    ],
)
def test_blocks_are_as_large_as_asked_for_at_every_level_and_valid(
    tmp_path: Path, width: int, height: int, columns: int
) -> None:
    data = texture(1, height, width, "uint8")
    made = make_cog(write_raster(tmp_path / "tile.tif", data), UTM)
    assert cog_validate(made.path, strict=True, quiet=True) == (True, [], [])
    with rasterio.open(made.path) as cog:
        levels = len(cog.overviews(1))
        assert (cog.width, cog.height) == (columns, height)
        np.testing.assert_array_equal(cog.read(1)[:, :width], data[0])
        assert (cog.read_masks(1)[:, :width] == 255).all()
        assert not cog.read_masks(1)[:, width:].any()
    for level in (None, *range(levels)):
        with rasterio.open(made.path, **({} if level is None else {"OVERVIEW_LEVEL": level})) as cog:
            assert cog.block_shapes == [(512, 512)]


@pytest.mark.parametrize("kind", ["nodata", "mask", "alpha", "nan", "flipped"])
def test_a_column_beyond_the_source_is_invalid_as_the_source_tells_it(tmp_path: Path, kind: str) -> None:
    count, dtype = (4, "uint8") if kind == "alpha" else (1, "float32" if kind == "nan" else "int16")
    data = texture(count, 700, 512, dtype)
    if kind == "alpha":
        data[3] = 255
    more = {"nodata": {"nodata": -9999}, "alpha": {"photometric": "RGB", "alpha": "yes"}}.get(kind, {})
    if kind == "flipped":
        more = {"transform": rasterio.Affine(-10, 0, 505120, 0, -10, 4000000)}
    path = write_raster(tmp_path / "tile.tif", data, **more)
    if kind == "mask":
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as source:
            source.write_mask(np.where(np.arange(512) < 500, 255, 0).astype("uint8") * np.ones((700, 1), "uint8"))
    made = make_cog(path, UTM)
    with rasterio.open(made.path) as cog:
        shown = cog.dataset_mask() > 0
        expected = data[..., ::-1] if kind == "flipped" else data
        np.testing.assert_array_equal(cog.read()[..., :512][:, shown[:, :512]], expected[:, shown[:, :512]])
    assert shown[:, : 500 if kind == "mask" else 512].all()
    assert not shown[:, 500 if kind == "mask" else 512 :].any()


@given(st.integers(1, 100_000), st.integers(1, 100_000), st.integers(0, 9))
def test_no_level_is_one_block_wide_and_tall(width: int, height: int, exponent: int) -> None:
    for wanted in (width, 512 * 2**exponent):
        columns = tiled_width(wanted, height, 512)
        assert wanted <= columns <= wanted + wanted // 256 + 1
        for level in range(20):
            assert -(-columns // 2**level) != 512 or -(-height // 2**level) <= 512
