"""Gaps that are filled before a kernel reads them: what comes out is what GDAL's kernels make of the valid pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.warp import reproject
from rasterio.windows import Window

from cog_scenes import make_cog, texture, write_raster
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.pixels import fill_nodata
from rastercollection.rasters.pixels.fill_nodata import fill_buffer, fill_invalid
from rastercollection.rasters.pixels.raster_buffer import RasterBuffer
from rastercollection.rasters.pixels.workspace import Workspace


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


def cells_by_hand(data: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[Any]:
    """The same of one band, cell by cell, as the module's description has it."""
    height, width = data.shape
    filled = np.where(valid, data, 0).astype(float)
    cells = {(row, column) for row in range(-(-height // 2)) for column in range(-(-width // 2))}

    def pixels(cell: tuple[int, int]) -> list[tuple[int, int]]:
        rows, columns = (range(2 * at, min(2 * at + 2, size)) for at, size in zip(cell, data.shape, strict=True))
        return [(row, column) for row in rows for column in columns]

    known = {}
    for cell in cells:
        own = [float(data[pixel]) for pixel in pixels(cell) if valid[pixel]]
        if own:
            mean = _rounded(sum(own) / len(own), data.dtype)
            for pixel in pixels(cell):
                filled[pixel] = data[pixel] if valid[pixel] else mean
            known[cell] = filled[2 * cell[0], 2 * cell[1]]
    for _ in range(3):
        ring = {}
        for cell in cells - set(known):
            near = [
                known[cell[0] + down, cell[1] + right]
                for down in (-1, 0, 1)
                for right in (-1, 0, 1)
                if (cell[0] + down, cell[1] + right) in known
            ]
            if near:
                ring[cell] = _rounded(sum(near) / len(near), data.dtype)
        for cell, value in ring.items():
            for pixel in pixels(cell):
                filled[pixel] = value
        known |= ring
    return filled


def _rounded(value: float, dtype: np.dtype) -> float:
    return value if dtype.kind == "f" else float(np.rint(value))


@settings(max_examples=80, deadline=None)
@given(
    height=st.integers(1, 17),
    width=st.integers(1, 17),
    seed=st.integers(0, 999),
    share=st.sampled_from([0.02, 0.1, 0.5, 0.9]),
    dtype=st.sampled_from(["float64", "int16", "uint8"]),
)
def test_gaps_are_filled_cell_by_cell_and_ring_by_ring(
    height: int, width: int, seed: int, share: float, dtype: str
) -> None:
    rng = np.random.default_rng(seed)
    data = rng.integers(0, 200, (2, height, width)).astype(dtype)
    valid = rng.random((2, height, width)) < share
    apart, shared = data.copy(), data.copy()
    fill_invalid(apart, valid, alpha=None)
    fill_invalid(shared, valid[:1], alpha=None)
    for band in range(2):
        np.testing.assert_allclose(apart[band], cells_by_hand(data[band], valid[band]))
        np.testing.assert_allclose(shared[band], cells_by_hand(data[band], valid[0]))


def test_an_alpha_band_is_left_alone() -> None:
    data = np.arange(3 * 36, dtype="uint8").reshape(3, 6, 6)
    valid = np.zeros((1, 6, 6), bool)
    valid[:, :2] = True
    filled = data.copy()
    fill_invalid(filled, valid, alpha=1)
    assert (filled[1] == data[1]).all()
    assert (filled[0, 2:] != data[0, 2:]).any()
    each = data.copy()
    fill_invalid(each, np.repeat(valid, 3, axis=0), alpha=1)
    assert (each == filled).all()


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_buffer_is_filled_as_in_one_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: bool) -> None:
    """However it is cut: gaps lie across the edges of the parts."""
    monkeypatch.setattr(fill_nodata, "_SIDE", 16)
    rng = np.random.default_rng(5)
    data = rng.integers(1, 200, (2, 50, 61)).astype("uint8")
    valid = rng.random((1, 50, 61)) > 0.2
    valid[:, 10:24, 12:40] = False
    expected = data.copy()
    fill_invalid(expected, valid, alpha=None)
    window, asked = Window(0, 0, 61, 50), []
    with Workspace.open(Limits(scratch=str(tmp_path)), in_memory=in_memory, needed=0) as workspace:
        buffer = RasterBuffer(workspace, data.shape, data.dtype)
        buffer.write(window, data, valid[0])
        fill_buffer(buffer, lambda part: asked.append(part) or False)
        assert (buffer.read(window) == expected).all()
        assert (buffer.read_mask(window) == valid).all(), "the mask stays"
        assert sum(part.width * part.height for part in asked) == 50 * 61
        buffer.write(window, data, valid[0])
        fill_buffer(buffer, lambda _: True)
        assert (buffer.read(window) == data).all(), "what is said to be full is not looked at"
        buffer.discard()
