"""Gaps that are filled before a kernel reads them: what comes out is what GDAL's kernels make of the valid pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.enums import Resampling
from rasterio.warp import reproject

from cog_scenes import make_cog, texture, write_raster
from rastercollection.rasters.pixels.fill_nodata import fill_invalid


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "cubic", "lanczos"])
@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_a_warp_is_gdals_own_with_its_mask(tmp_path: Path, resampling: str, dtype: str) -> None:
    rng = np.random.default_rng(4)
    height, width = 900, 1000
    valid = rng.random((height, width)) > 0.01
    valid[200:300, 400:520] = False
    data = texture(1, height, width, dtype, low=1000, high=3000)
    source = write_raster(tmp_path / "tile.tif", data, valid=valid, kind="nodata")
    made = make_cog(source, "EPSG:4326", raster_type="dem", warp_resampling=resampling)
    with rasterio.open(made.path) as cog, rasterio.open(source) as raster:
        ours, there = cog.read(1), cog.dataset_mask() > 0
        theirs = np.full((1, *cog.shape), -1, dtype)
        how = {"resampling": Resampling[resampling], "init_dest_nodata": False, "XSCALE": 1, "YSCALE": 1}
        reproject(
            rasterio.band(raster, [1]),
            theirs,
            dst_transform=cog.transform,
            dst_crs=cog.crs,
            dst_nodata=-1,
            warp_mem_limit=1024,
            SAMPLE_GRID="YES",
            **how,
        )
    expected = theirs[0] != -1
    assert (there != expected).mean() < 2e-3, "GDAL may place its coordinates an eighth of a pixel off"
    both = there & expected
    apart = np.abs(ours[both].astype(float) - theirs[0][both])
    spread = ours[both].astype(float).std()
    assert np.sqrt((apart**2).mean()) < 0.02 * spread
    assert np.median(apart) <= 0.004 * spread


def test_gaps_take_values_from_their_edges_alone() -> None:
    rng = np.random.default_rng(1)
    data = rng.normal(100, 5, (2, 61, 75)).astype(np.float32)
    valid = rng.random((1, 61, 75)) > 0.3
    valid[:, 20:40, 30:60] = False
    filled = data.copy()
    filled[:, ~valid[0]] = np.nan
    fill_invalid(filled, valid, alpha=None)
    assert np.isfinite(filled).all()
    assert (filled[:, valid[0]] == data[:, valid[0]]).all()
    assert (filled[:, 30, 45] == 0).all(), "no kernel reaches that far"
    near = filled[:, 20:40, 30:60][:, [0, 1, 2, -3, -2, -1]]
    assert ((near > 80) & (near < 120)).all()
