"""Whether GDAL finds pixels at the same place."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.warp import calculate_default_transform

from rastercollection.rasters.grid.placement import Placement, apply, project
from rastercollection.rasters.grid.plan import Grid
from rastercollection.rasters.warping.gdal_positions import agrees_with_gdal

SIZE = 3000
Points = NDArray[np.float64]


@attrs.frozen(kw_only=True)
class Case:
    placement: Placement
    grid: Grid
    shift: float = 0.0

    @classmethod
    def of(cls, code: str, x: float, y: float, pixel: float, shift: float = 0.0) -> Case:
        crs, transform = CRS.from_string(code), Affine(pixel, 0, x, 0, -pixel, y)
        bounds = x, y - SIZE * pixel, x + SIZE * pixel, y
        to, width, height = calculate_default_transform(crs, "EPSG:4326", SIZE, SIZE, *bounds)
        return cls(
            placement=Placement(crs=crs, width=SIZE, height=SIZE, transform=transform),
            grid=Grid(crs=CRS.from_epsg(4326), transform=to, width=width, height=height),
            shift=shift,
        )

    def locate(self, columns: Points, rows: Points) -> tuple[Points, Points]:
        projected = project(self.grid.crs, self.placement.crs, *apply(self.grid.transform, columns, rows))
        across, down = self.placement.find(*projected)
        return across + self.shift, down

    @property
    def agrees(self) -> bool:
        return agrees_with_gdal(self.placement, self.grid, self.locate, 0.01)


@pytest.mark.parametrize(
    ("code", "x", "y", "pixel"),
    [("EPSG:32642", 6e5, 5.5e6, 0.5), ("EPSG:4267", -100, 50, 1e-4), ("EPSG:27700", 4e5, 3e5, 5)],
)
def test_positions_are_gdals(code: str, x: float, y: float, pixel: float) -> None:
    assert Case.of(code, x, y, pixel).agrees


@pytest.mark.parametrize("shift", [0.02, -0.02, 40.0])
def test_a_small_shift_is_noticed(shift: float) -> None:
    assert not Case.of("EPSG:32642", 6e5, 5.5e6, 0.5, shift).agrees


def test_where_nothing_can_be_compared_they_do_not_agree() -> None:
    case = Case.of("EPSG:32642", 6e5, 5.5e6, 0.5)
    elsewhere = attrs.evolve(case.grid, transform=Affine.translation(5, 0) * case.grid.transform)
    assert not attrs.evolve(case, grid=elsewhere).agrees
