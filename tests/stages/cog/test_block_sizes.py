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
from rastercollection.stages.cog.blocks import block_size


@pytest.mark.parametrize(
    ("width", "height", "side"),
    [
        (512, 512, 512),
        (700, 512, 512),
        (512, 700, 256),
        (1023, 1030, 256),  # an overview of 512 × 515
        (256, 700, 512),
        (512, 1100, 384),
        (1024, 600, 512),
    ],
)
def test_a_cog_as_wide_as_its_blocks_is_valid(tmp_path: Path, width: int, height: int, side: int) -> None:
    data = texture(1, height, width, "uint8")
    made = make_cog(write_raster(tmp_path / "tile.tif", data), UTM)
    assert cog_validate(made.path, strict=True, quiet=True) == (True, [], [])
    assert made.cog.file.settings.block_size == side
    with rasterio.open(made.path) as cog:
        assert cog.block_shapes == [(side, side)]
        np.testing.assert_array_equal(cog.read(), data)


@given(st.integers(1, 100_000), st.integers(1, 100_000), st.integers(0, 9))
def test_no_level_is_one_block_wide_and_tall(width: int, height: int, exponent: int) -> None:
    for columns in (width, 512 * 2**exponent):
        side = block_size(columns, height, 512)
        assert side % 16 == 0
        for level in range(20):
            assert -(-columns // 2**level) != side or -(-height // 2**level) <= 512
