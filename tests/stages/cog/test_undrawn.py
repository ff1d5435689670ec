"""No pixel of a source gets lost between the pixels of the grid, nor where GDAL's warper passes one over."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.windows import Window

from cog_scenes import make_cog, write_raster
from rastercollection.geo.pixel_grid import GridRule
from rastercollection.rasters.grid.placement import Placement
from rastercollection.rasters.grid.plan import Grid
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.pixels.raster_buffer import RasterBuffer
from rastercollection.rasters.pixels.workspace import Workspace
from rastercollection.stages.cog.coverage import Coverage
from rastercollection.stages.cog.undrawn import draw_undrawn

DEGREE = 1.1e-4
"""Of a pixel of 10 m at 41.5° N: a little more than one in either direction."""


@pytest.mark.parametrize("shift", [0.0, 0.2, 0.45, 0.6, 0.85])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2), (1, 300)])
@pytest.mark.parametrize("size", [1.0, 1.35])
def test_tiny_rasters_survive_wherever_the_grid_lies(
    tmp_path: Path, shape: tuple[int, int], size: float, shift: float
) -> None:
    height, width = shape
    data = np.random.default_rng(2).integers(1, 255, (1, height, width)).astype("uint8")
    source = write_raster(tmp_path / "tile.tif", data)
    step = size * DEGREE
    rule = GridRule(resolution=(step, step), origin=(69 + shift * step, 42 + shift * step))
    made = make_cog(source, "EPSG:4326", grid=attrs.asdict(rule), raster_type="categorical")
    with rasterio.open(made.path) as cog:
        values, valid = cog.read(1), cog.dataset_mask() > 0
    assert valid.any()
    assert set(values[valid]) <= set(data.ravel())
    longer = valid.any(axis=0) if width >= height else valid.any(axis=1)
    assert abs(int(longer.sum()) - max(shape) * 10 / (step * (83_400 if width >= height else 111_000))) <= 1.5
    assert valid.sum() <= 1.3 * height * width + 1
    counted = made.cog.file.bands[0].statistics
    assert counted is not None
    assert counted.count == valid.sum()


@pytest.mark.parametrize("nodata", [None, 0])
def test_a_raster_within_one_pixel_of_the_grid_becomes_that_pixel(tmp_path: Path, nodata: int | None) -> None:
    data = np.full((1, 3, 3), 7, "uint8")
    data[0, 0, 0] = 0
    source = write_raster(tmp_path / "tile.tif", data, nodata=nodata)
    rule = GridRule(resolution=(0.01, 0.01), origin=(0.0, 0.0))
    made = make_cog(source, "EPSG:4326", grid=attrs.asdict(rule), raster_type="categorical")
    with rasterio.open(made.path) as cog:
        values, valid = cog.read(1), cog.dataset_mask() > 0
    assert valid.sum() == 1
    assert set(values[valid]) <= {0, 7}


def test_what_the_warper_passed_over_gets_the_pixel_below() -> None:
    rng = np.random.default_rng(3)
    place = Affine(10, 0, 600_000, 0, -10, 4_600_000)
    crs = CRS.from_epsg(32642)
    placement = Placement(crs=crs, width=60, height=50, transform=place)
    grid = Grid(crs=crs, transform=place * Affine.translation(-5.25, -5.25), width=70, height=60)
    coverage, window = Coverage(placement=placement, grid=grid), Window(0, 0, 70, 60)
    inside = coverage.inside(window)
    assert inside is not None
    assert inside.sum() == 60 * 50
    with Workspace.open(Limits(), in_memory=True, needed=2**20) as workspace:
        buffer = RasterBuffer(workspace, (2, 52, 62), np.dtype("uint8"))
        source = rng.integers(1, 255, (2, 50, 60)).astype("uint8")
        buffer.write(Window(1, 1, 60, 50), source)
        mask = np.ones((52, 62), bool)
        mask[21, 31] = False
        buffer.write(Window(0, 0, 62, 52), buffer.read(Window(0, 0, 62, 52)), mask)
        data, valid = np.zeros((2, 60, 70), "uint8"), inside[np.newaxis].copy()
        for row, column in ((5, 5), (54, 64), (30, 40), (25, 35)):
            valid[0, row, column] = False
        draw_undrawn(data, valid, inside, window, coverage, [buffer], 1)
    lost = inside & ~valid[0]
    assert np.argwhere(lost).tolist() == [[25, 35]], "what is invalid in the source stays so"
    assert data[:, 5, 5].tolist() == source[:, 0, 0].tolist()
    assert data[:, 54, 64].tolist() == source[:, 49, 59].tolist()
    assert data[:, 30, 40].tolist() == source[:, 25, 35].tolist()
    assert np.count_nonzero(data.any(axis=0)) == 3
