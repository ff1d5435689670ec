"""Windows cover a grid once, and the source is released as soon as nothing needs it, whichever way it lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.transform import from_origin

from cog_scenes import holes, make_cog, texture, write_raster
from covering import every_value
from rastercollection.rasters import limits
from rastercollection.rasters.grid.placement import Placement
from rastercollection.rasters.grid.plan import Grid
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.pixels.raster_buffer import RasterBuffer
from rastercollection.stages.cog import warp_windows
from rastercollection.stages.cog.coverage import Coverage
from rastercollection.stages.cog.warp_windows import WarpWindows

UTM, SIDE = CRS.from_epsg(32642), 4000
NORTH_UP = from_origin(500_000, 4_500_000, 10, 10)
SOUTH_UP = Affine(10, 0, 500_000, 0, 10, 4_460_000)


def turned(degrees: float) -> Affine:
    return (
        NORTH_UP
        * Affine.translation(SIDE / 2, SIDE / 2)
        * Affine.rotation(degrees)
        * Affine.translation(-SIDE / 2, -SIDE / 2)
    )


def windows_of(transform: Affine, *, straight: int | None = 640) -> WarpWindows:
    placement = Placement(crs=UTM, width=SIDE, height=SIDE, transform=transform)
    grid = Grid(crs=UTM, transform=NORTH_UP, width=SIDE, height=SIDE)
    return WarpWindows.of(Coverage(placement=placement, grid=grid), straight, 4, 1)


@pytest.mark.parametrize("transform", [NORTH_UP, SOUTH_UP, turned(5), turned(90), turned(170)])
@pytest.mark.parametrize("straight", [640, None])
def test_every_pixel_is_in_one_window_and_no_source_row_goes_too_early(transform: Affine, straight: int | None) -> None:
    windows = windows_of(transform, straight=straight)
    seen, inverse = np.zeros((SIDE, SIDE), np.uint8), ~transform
    for row, needed in zip(windows.rows(), windows.needed_from[:-1], strict=True):
        for window in row:
            seen[window.toslices()] += 1
            corners = [
                inverse * (NORTH_UP * (column, line))
                for column in (window.col_off, window.col_off + window.width)
                for line in (window.row_off, window.row_off + window.height)
            ]
            assert needed <= max(0, min(y for _, y in corners))
    assert (seen == 1).all()
    assert windows.needed_from[-1] == SIDE


@pytest.mark.parametrize(
    ("transform", "share"), [(NORTH_UP, 1.15), (SOUTH_UP, 1.15), (turned(5), 1.25), (turned(90), 2)]
)
def test_source_and_image_together_take_little_more_than_one_of_them(transform: Affine, share: float) -> None:
    windows = windows_of(transform)
    held = [source + image for source, image in windows.held_rows(SIDE)]
    assert len(held) == len(list(windows.rows()))
    assert SIDE <= max(held) <= share * SIDE


def test_a_source_of_which_nothing_is_known_stays() -> None:
    world = Grid(crs=CRS.from_epsg(3031), transform=from_origin(-2e7, 2e7, 1e4, 1e4), width=SIDE, height=SIDE)
    placement = Placement(crs=UTM, width=SIDE, height=SIDE, transform=NORTH_UP)
    windows = WarpWindows.of(Coverage(placement=placement, grid=world), None, 4, 1)
    assert min(windows.needed_from) == 0


def converted(path: Path, threads: int, **changes: Any) -> Any:
    made = make_cog(path, limits=Limits(memory_bytes=2**30, gdal_threads=threads), **changes)
    with rasterio.open(made.path) as cog:
        return cog.read(), cog.dataset_mask(), made.cog


@pytest.mark.parametrize(("kind", "degrees"), every_value(["none", "nodata", "nan"], [0, 7, 180]))
def test_the_result_is_the_same_with_threads_on_disk_and_if_nothing_is_released(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, degrees: float, kind: str
) -> None:
    """Released pixels are spoilt in tests, so that whoever read them would see something else."""
    monkeypatch.setattr(warp_windows, "_PIXELS", 2**14)
    monkeypatch.setattr(limits, "_WORTH_A_THREAD", 1)
    dtype = "float32" if kind == "nan" else "uint8"
    place = NORTH_UP * Affine.rotation(degrees)
    valid = None if kind == "none" else holes(700, 900)
    source = write_raster(tmp_path / "tile.tif", texture(2, 700, 900, dtype), valid=valid, kind=kind, transform=place)
    changes: dict[str, Any] = {"warp_resampling": "lanczos", "overview_resampling": "average"}
    one = converted(source, 1, **changes)
    for other in (converted(source, 3, **changes), converted(source, 2, in_memory=False, **changes)):
        assert np.array_equal(one[0], other[0], equal_nan=dtype == "float32")
        assert (one[1] == other[1]).all()
    with monkeypatch.context() as patch:
        patch.setattr(RasterBuffer, "release_before", lambda self, row: None)
        kept = converted(source, 1, **changes)
    assert np.array_equal(one[0], kept[0], equal_nan=dtype == "float32")
    assert one[2].memory_bytes < 0.8 * kept[2].memory_bytes
