"""Which pixels of a grid the source covers, against projecting every single pixel."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.windows import Window

from rastercollection.rasters.grid.placement import Placement, apply
from rastercollection.rasters.grid.plan import Grid
from rastercollection.stages.cog.coverage import Coverage, source_pixels


def one_by_one(coverage: Coverage, window: Window) -> np.ndarray:
    columns, rows = np.meshgrid(
        window.col_off + np.arange(window.width) + 0.5, window.row_off + np.arange(window.height) + 0.5
    )
    return coverage.depth(
        *source_pixels(coverage.placement, coverage.grid, *apply(coverage.grid.transform, columns, rows))
    )


@settings(max_examples=60, deadline=None)
@given(
    angle=st.floats(-180, 180),
    size=st.sampled_from([0.5, 10.0, 300.0, 9000.0]),
    shape=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    step=st.floats(0.5, 2),
    at=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
)
def test_every_pixel_is_decided_as_if_projected_alone(
    angle: float, size: float, shape: tuple[int, int], step: float, at: tuple[float, float]
) -> None:
    height, width = shape
    transform = (
        Affine.translation(600_000, 4_600_000)
        * Affine.rotation(angle)
        * Affine.scale(size, -size)
        * Affine.translation(-width / 2, -height / 2)
    )
    placement = Placement(crs=CRS.from_epsg(32642), width=width, height=height, transform=transform)
    degrees = step * size / 100_000
    grid = Grid(
        crs=CRS.from_epsg(4326),
        transform=Affine(degrees, 0, 70.19 + at[0] * degrees * 150, 0, -degrees, 41.55 + at[1] * degrees * 150),
        width=400,
        height=400,
    )
    coverage = Coverage(placement=placement, grid=grid)
    window = Window(13, 27, 200, 190)
    depth = one_by_one(coverage, window)
    found = coverage.inside(window)
    found = np.ones(depth.shape, bool) if found is None else found
    clear = np.abs(depth) > 2e-6
    assert (found[clear] == (depth[clear] > 0)).all()


@pytest.mark.parametrize("west", [0.0, -180.0])
def test_longitudes_are_counted_as_the_source_counts_them(west: float) -> None:
    placement = Placement(crs=CRS.from_epsg(4326), width=360, height=100, transform=Affine(1, 0, west, 0, -1, 50))
    grid = Grid(crs=CRS.from_epsg(3857), transform=Affine(50_000, 0, -2e7, 0, -50_000, 5e6), width=800, height=200)
    inside = Coverage(placement=placement, grid=grid).inside(Window(0, 0, 800, 200))
    assert inside is None or inside[2:-2].all()
