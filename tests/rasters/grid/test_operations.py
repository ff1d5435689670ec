"""What takes coordinates is the same for GDAL's warper and for all that projects points, wherever a tile lies."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.warp import calculate_default_transform

from cog_scenes import make_cog, texture, write_raster
from rastercollection.rasters.grid.operations import chosen_operation
from rastercollection.rasters.grid.placement import Placement
from rastercollection.rasters.grid.plan import Grid
from rastercollection.rasters.warping.gdal_positions import agrees_with_gdal
from rastercollection.stages.cog.coverage import Coverage

SIZE = 1000
BESIDE = [
    ("EPSG:5514", -700_000, -900_000, 1),
    ("EPSG:5514", -250_000, -1_250_000, 100),
    ("EPSG:2056", 2_488_246, 1_297_543, 2),
    ("EPSG:28992", 300_000, 450_000, 60),
    ("EPSG:31370", 300_000, 150_000, 60),
    ("EPSG:31467", 3_100_000, 5_500_000, 10),
]
"""Beside the area that the operations from the CRS to WGS 84 are meant for, or half in it."""
WITHIN = [
    ("EPSG:5514", -600_000, -1_100_000, 5),
    ("EPSG:27700", 400_000, 300_000, 5),
    ("EPSG:2056", 2_650_000, 1_200_000, 5),
    ("EPSG:31467", 3_500_000, 5_500_000, 5),
    ("EPSG:25832", 9_000_000, 5_500_000, 5),
    ("EPSG:32642", 600_000, 4_600_000, 5),
]
"""Inside of it, or where there is nothing to choose, or it does not matter."""


def placed(code: str, x: float, y: float, pixel: float, target: str) -> Placement:
    crs, bounds = CRS.from_string(code), (x, y - SIZE * pixel, x + SIZE * pixel, y)
    operation = chosen_operation(crs.to_wkt(), CRS.from_string(target).to_wkt(), bounds)
    transform = Affine(pixel, 0, x, 0, -pixel, y)
    return Placement(crs=crs, width=SIZE, height=SIZE, transform=transform, operation=operation)


def agrees(placement: Placement, target: str) -> bool:
    to, width, height = calculate_default_transform(
        placement.crs, target, SIZE, SIZE, *placement.bounds(), **placement.warp_options
    )
    grid = Grid(crs=CRS.from_string(target), transform=to, width=int(width), height=int(height))
    coverage = Coverage(placement=placement, grid=grid)

    def locate(columns: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return coverage._at(columns, rows)

    return agrees_with_gdal(placement, grid, locate, 0.01)


@pytest.mark.parametrize("target", ["EPSG:4326", "EPSG:3857"])
@pytest.mark.parametrize("place", BESIDE, ids=str)
def test_beside_its_area_one_operation_is_taken_by_all(place: tuple[str, float, float, float], target: str) -> None:
    placement = placed(*place, target)
    assert placement.operation is not None
    assert placement.operation.shift > 1
    assert agrees(placement, target)
    assert not agrees(attrs.evolve(placement, operation=None), target), "GDAL would choose another"


@pytest.mark.parametrize("place", WITHIN, ids=str)
def test_nobody_is_told_where_all_take_the_same(place: tuple[str, float, float, float]) -> None:
    placement = placed(*place, "EPSG:4326")
    assert placement.operation is None
    if place[1] < 8_000_000:
        assert agrees(placement, "EPSG:4326")


def test_there_and_back() -> None:
    placement = placed(*BESIDE[0], "EPSG:4326")
    x, y = np.array([[-700_000.0, -699_500.0]]), np.array([[-900_000.0, -900_300.0]])
    there = placement.project(CRS.from_epsg(4326), x, y)
    assert there[0].shape == x.shape
    np.testing.assert_allclose(placement.unproject(CRS.from_epsg(4326), *there), (x, y), atol=1e-5)


@pytest.mark.parametrize(("place", "is_told"), [(BESIDE[0], True), (WITHIN[0], False)])
def test_a_tile_beside_the_area_becomes_a_whole_cog_and_is_told_of(
    place: tuple[str, float, float, float], is_told: bool, tmp_path: Path
) -> None:
    code, x, y, _ = place
    source = write_raster(
        tmp_path / "tile.tif", texture(1, 200, 220, "int16"), valid=None, kind="none",
        crs=code, transform=Affine(10, 0, x, 0, -10, y),
    )  # fmt: skip
    made = make_cog(source, "EPSG:4326")
    assert ("OUTSIDE_AREA_OF_OPERATION" in {notice.code for notice in made.notices}) is is_told
    with rasterio.open(made.path) as cog, rasterio.open(source) as before:
        share = np.count_nonzero(cog.dataset_mask()) / cog.width / cog.height
        assert share > 0.75
        np.testing.assert_allclose(cog.read(1)[cog.dataset_mask() > 0].mean(), before.read(1).mean(), rtol=0.02)
