"""Whether the valid area survived a warp is judged by counts alone, so that whatever lost it cannot hide it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.windows import Window

from rastercollection.model.receipt import FidelityCheck
from rastercollection.rasters.grid.placement import Placement
from rastercollection.rasters.grid.plan import Grid, GridPlan, Side
from rastercollection.rasters.pixels.raster_buffer import ValidPixels
from rastercollection.stages.cog.receipt.area import check_area

SIDE = 400
UTM = CRS.from_epsg(32642)
TRANSFORM = from_origin(500_000, 4_000_000, 10, 10)

Mask = NDArray[np.bool_]


def half(share: float = 0.5) -> Mask:
    """Valid on the left."""
    valid = np.zeros((1, SIDE, SIDE), bool)
    valid[:, :, : int(share * SIDE)] = True
    return valid


def counted(valid: Mask) -> ValidPixels:
    pixels = ValidPixels.of(len(valid), SIDE, SIDE, (SIDE, SIDE))
    pixels.add(Window(0, 0, SIDE, SIDE), valid)
    return pixels


def whole(placement: Placement, grid: Grid) -> Side:
    return Side(name="", placement=placement, plan=GridPlan(grid=grid, reprojected=True))


def checks_of(before: Mask, after: Mask) -> dict[str, FidelityCheck]:
    placement = Placement(width=SIDE, height=SIDE, crs=UTM, transform=TRANSFORM)
    grid = Grid(crs=UTM, transform=TRANSFORM, width=SIDE, height=SIDE)
    found = check_area(counted(before), whole(placement, grid), counted(after), "tile.tif")
    return {check.name: check for check in found}


def test_the_same_area_passes_with_true_figures() -> None:
    checks = checks_of(half(), half())
    assert set(checks) == {"valid_area", "misplaced_cells"}
    assert all(check.passed for check in checks.values())
    inside = (SIDE / 4 - 4) ** 2 * 16
    assert checks["valid_area"].found == pytest.approx(inside / 2, rel=0.02)
    assert checks["valid_area"].expected == pytest.approx(checks["valid_area"].found, rel=0.01)
    assert 0 < checks["valid_area"].tolerance < 0.15 * inside / 2


@pytest.mark.parametrize("share", [0.3, 0.4, 0.6, 0.7, 1.0])
def test_a_smaller_or_larger_area_fails(share: float) -> None:
    check = checks_of(half(), half(share))["valid_area"]
    assert not check.passed
    assert check.found == pytest.approx(check.expected * share / 0.5, rel=0.05)


def test_a_hair_more_or_less_passes() -> None:
    for share in (0.49, 0.51):
        assert checks_of(half(), half(share))["valid_area"].passed


def test_another_area_of_the_same_size_fails() -> None:
    checks = checks_of(half(), half()[:, :, ::-1])
    assert checks["valid_area"].passed, "as much is valid as should be"
    assert not checks["misplaced_cells"].passed


def test_no_valid_pixel_left_fails_and_none_to_begin_with_passes() -> None:
    nothing = half(0)
    (check,) = checks_of(half(), nothing).values()
    assert (check.name, check.found, check.passed) == ("valid_area", 0, False)
    assert check.expected == SIDE * SIDE / 2
    assert all(check.passed for check in checks_of(nothing, nothing).values())


@pytest.mark.parametrize("spoil", [lambda band: band & False, lambda band: band | True])
def test_bands_are_judged_each_for_itself(spoil: Callable[[Mask], Mask]) -> None:
    before = np.concatenate([half(1), half(0.25)])
    checks = checks_of(before, before)
    assert checks["valid_area_b2"].passed
    after = np.concatenate([before[:1], spoil(before[1:])])
    checks = checks_of(before, after)
    assert checks["valid_area"].passed
    assert checks["valid_area_b1"].passed
    assert not checks["valid_area_b2"].passed


def full(width: int, height: int, lost: int = 0) -> ValidPixels:
    """All pixels valid, but for some in the middle."""
    pixels = ValidPixels.of(1, width, height, (height, width))
    pixels.add(Window(0, 0, width, height), None)
    pixels.counts -= lost
    middle = pixels.map.counts[pixels.map.counts.shape[0] // 2]
    for cell in range(len(middle) // 4, 3 * len(middle) // 4):
        taken = min(lost, int(middle[cell]))
        middle[cell] -= taken
        lost -= taken
    return pixels


@pytest.mark.parametrize(
    ("lost", "passes"), [(0, True), (7_000, True), (50_000, True), (100_000, False), (200_000, False)]
)
def test_half_a_billion_pixels_are_counted_exactly_and_judged_by_their_number(lost: int, passes: bool) -> None:
    width, height = 23_171, 23_170
    placement = Placement(width=width, height=height, crs=UTM, transform=TRANSFORM)
    grid = Grid(crs=UTM, transform=TRANSFORM, width=width, height=height)
    found = check_area(full(width, height), whole(placement, grid), full(width, height, lost), "tile.tif")
    check = next(check for check in found if check.name == "valid_area")
    assert check.passed == passes
    assert check.expected - check.found == lost
