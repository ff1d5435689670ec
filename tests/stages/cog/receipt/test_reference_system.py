"""The receipt compares the CRS that a reader of the COG is told with the one that was meant."""

from __future__ import annotations

from pathlib import Path

import pytest
import rasterio
from rasterio.crs import CRS

from cog_scenes import PLACE, make_cog, texture, write_raster
from rastercollection.errors import TaskError
from rastercollection.rasters.grid.plan import Grid
from rastercollection.stages.cog.receipt.reference_system import check_crs


@pytest.mark.parametrize(
    ("meant", "written", "failing"),
    [
        ("EPSG:32642+5773", "EPSG:32642+5773", set()),
        ("EPSG:32642", "EPSG:32642", set()),
        ("EPSG:32642", "+proj=utm +zone=42 +datum=WGS84 +units=m", set()),
        ("EPSG:32642+5773", "EPSG:32642", {"wrong_vertical_crs"}),
        ("EPSG:32642", "EPSG:32642+5773", {"wrong_vertical_crs"}),
        ("EPSG:32642+5773", "EPSG:32642+3855", {"wrong_vertical_crs"}),
        ("EPSG:32642", "EPSG:32643", {"crs_pixels_apart"}),
        ("EPSG:32642", "EPSG:28412", {"crs_pixels_apart"}),
        ("EPSG:32642+5773", None, {"crs_pixels_apart", "wrong_vertical_crs"}),
    ],
)
def test_comparison(meant: str, written: str | None, failing: set[str], tmp_path: Path) -> None:
    crs = CRS.from_user_input(written) if written else None
    path = write_raster(tmp_path / "x.tif", texture(1, 64, 64, "uint8"), crs=crs)
    grid = Grid(crs=CRS.from_epsg(32642), transform=PLACE, width=64, height=64)
    with rasterio.open(path) as cog:
        found = cog.crs
    checks = check_crs(found, CRS.from_user_input(meant), grid)
    assert {check.name for check in checks if not check.passed} == failing


def test_a_crs_that_a_geotiff_cannot_hold_is_refused(tmp_path: Path) -> None:
    """GDAL writes such a COG without any CRS, and says nothing."""
    rotated = "+proj=ob_tran +o_proj=longlat +o_lon_p=-162 +o_lat_p=39.25 +lon_0=180"
    with pytest.raises(TaskError) as caught:
        make_cog(write_raster(tmp_path / "x.tif", texture(1, 64, 64, "uint8")), rotated)
    assert caught.value.code == "FIDELITY_FAILED"
    assert "target_crs" in caught.value.hint
