"""When compiled kernels warp a tile in GDAL's place, and that the COG is the same but for rounding."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS

from cog_scenes import Made, holes, make_cog, texture, write_raster
from rastercollection.rasters.grid.placement import Placement
from rastercollection.rasters.grid.plan import Grid
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.warping import fast_kernel
from rastercollection.stages.cog import fast_warp
from rastercollection.stages.cog.fast_warp import Warper, choose_warper

pytest.importorskip("numba")

ROOM = Limits(memory_bytes=2**30)
THREADS = Limits(memory_bytes=2**30, gdal_threads=3)


@pytest.fixture
def even_small(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Images of any size are worth it."""
    monkeypatch.setattr(fast_warp, "_LEAST_SAMPLES", 0)
    return monkeypatch


def pixels_of(made: Made) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    with rasterio.open(made.path) as cog:
        return cog.read(), cog.read_masks()


def by_gdal(monkeypatch: pytest.MonkeyPatch, path: Path, **changes: Any) -> Made:
    with monkeypatch.context() as patched:
        patched.setattr(fast_warp, "is_installed", lambda: False)
        made = make_cog(path, limits=ROOM, **changes)
    assert made.cog.receipt is not None
    assert made.cog.receipt.warp is not None
    assert made.cog.receipt.warp.warper == "gdal"
    return made


def is_fast(made: Made) -> bool:
    assert made.cog.receipt is not None
    warp = made.cog.receipt.warp
    return warp is not None and warp.warper == "fast" and (warp.coordinate_error or 0) <= 0.01


@pytest.mark.parametrize("kind", ["none", "nodata", "mask", "alpha"])
@pytest.mark.parametrize(("dtype", "resampling"), [("uint8", "cubic"), ("uint16", "bilinear"), ("int16", "nearest")])
def test_cogs_are_those_of_gdal_but_for_rounding(
    tmp_path: Path, even_small: pytest.MonkeyPatch, kind: str, dtype: str, resampling: str
) -> None:
    if kind == "alpha" and dtype == "int16":
        pytest.skip("no alpha of signed integers")
    path = tmp_path / "tile.tif"
    valid = None if kind == "none" else holes(700, 800)
    write_raster(path, texture(3, 700, 800, dtype), valid=valid, kind=kind)
    fast = make_cog(path, limits=ROOM, warp_resampling=resampling)
    assert is_fast(fast)
    found, masks = pixels_of(fast)
    theirs, their_masks = pixels_of(by_gdal(even_small, path, warp_resampling=resampling))
    assert (masks != their_masks).mean() < 1e-3
    both = (masks > 0) & (their_masks > 0)
    difference = np.abs(found.astype(int) - theirs)[both]
    assert (difference > 1).mean() < (0.01 if resampling == "nearest" else 1e-4)


def test_bands_that_disagree_on_gaps_are_warped_apart(tmp_path: Path, even_small: pytest.MonkeyPatch) -> None:
    data = texture(2, 700, 800, "float32")
    data[0, 100:200, 100:250] = np.nan
    data[1, 300:330, 200:400] = np.nan
    path = tmp_path / "tile.tif"
    write_raster(path, data, kind="none")
    fast = make_cog(path, limits=ROOM, warp_resampling="cubic")
    assert is_fast(fast)
    found, theirs = pixels_of(fast)[0], pixels_of(by_gdal(even_small, path, warp_resampling="cubic"))[0]
    assert (np.isnan(found) != np.isnan(theirs)).mean() < 1e-3
    assert np.isnan(found[0]).sum() != np.isnan(found[1]).sum()
    assert np.nanmax(np.abs(found - theirs)) < 1


@pytest.mark.usefixtures("even_small")
def test_pixels_are_the_same_in_any_number_of_threads_and_gdals_where_they_are_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "tile.tif"
    write_raster(path, texture(3, 1300, 1200, "uint16"), valid=holes(1300, 1200), kind="mask")
    made = [make_cog(path, limits=limits, in_memory=True) for limits in (ROOM, THREADS)]
    assert all(is_fast(one) for one in made)
    assert len({one.cog.file.checksum for one in made}) == 1
    spilled = make_cog(path, limits=ROOM, in_memory=False)
    assert not is_fast(spilled)
    assert spilled.cog.receipt is not None
    assert spilled.cog.receipt.warp is not None
    assert "memory" in spilled.cog.receipt.warp.reason


def test_kernels_that_cannot_be_loaded_are_told_of(tmp_path: Path, even_small: pytest.MonkeyPatch) -> None:
    def broken(resampling: str, dtype: np.dtype) -> Any:
        raise fast_kernel.KernelsUnavailableError("RuntimeError: no place")

    even_small.setattr(fast_warp, "load", broken)
    path = tmp_path / "tile.tif"
    write_raster(path, texture(1, 300, 300, "uint8"), kind="none")
    made = make_cog(path, limits=ROOM)
    assert made.cog.receipt is not None
    assert made.cog.receipt.warp is not None
    assert made.cog.receipt.warp.warper == "gdal"
    assert [
        notice for notice in made.notices if notice.code == "FAST_WARP_UNAVAILABLE" and "no place" in notice.message
    ]


def test_small_tiles_load_no_compiler(tmp_path: Path) -> None:
    path = tmp_path / "tile.tif"
    write_raster(path, texture(3, 512, 512, "uint8"), kind="none")
    made = make_cog(path, limits=ROOM)
    assert made.cog.receipt is not None
    assert made.cog.receipt.warp is not None
    assert made.cog.receipt.warp.reason == "the image is small"


UTM = CRS.from_epsg(32642)
PLACE = Affine(10, 0, 600_000, 0, -10, 4_600_000)
TILE: dict[str, Any] = {
    "blob": "tile.tif",
    "placement": Placement(crs=UTM, width=8192, height=8192, transform=PLACE),
    "grid": Grid(crs=CRS.from_epsg(4326), transform=Affine(1.1e-4, 0, 70.19, 0, -1e-4, 41.55), width=9000, height=7400),
    "resampling": "cubic",
    "bands": 3,
    "dtype": np.dtype("uint8"),
    "plain": True,
}


def chosen(**changes: Any) -> Warper:
    return choose_warper(**{**TILE, **changes})


def test_large_tiles_are_warped_by_compiled_kernels() -> None:
    found = chosen()
    assert found.fast is not None
    assert found.choice.warper == "fast"
    assert found.choice.coordinate_error is not None
    assert 0 < found.choice.coordinate_error <= 0.01


POINTS = [
    rasterio.control.GroundControlPoint(row=row, col=column, x=column, y=-row)
    for row, column in ((0, 0), (0, 8192), (8192, 0), (8192, 8192))
]


def test_nearest_pixels_need_no_smoothing() -> None:
    assert chosen(plain=False, resampling="nearest").fast is not None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"resampling": "lanczos"}, "no fast kernel for lanczos"),
        ({"dtype": np.dtype("float64")}, "no fast kernel for float64"),
        ({"plain": False}, "reduced"),
        ({"placement": Placement(crs=UTM, width=8192, height=8192, gcps=tuple(POINTS))}, "control points"),
        ({"placement": Placement(crs=UTM, width=2, height=8192, transform=PLACE)}, "too few rows or columns"),
        ({"grid": Grid(crs=UTM, transform=PLACE, width=500, height=500)}, "small"),
        (
            {
                "placement": Placement(
                    crs=CRS.from_epsg(4326), width=8192, height=8192, transform=Affine(0.04, 0, -180, 0, -0.02, 85)
                ),
                "grid": Grid(
                    crs=CRS.from_epsg(3413), transform=Affine(1500, 0, -6e6, 0, -1500, 6e6), width=8000, height=8000
                ),
            },
            "cannot be interpolated",
        ),
    ],
)
def test_what_compiled_kernels_are_no_match_for_is_left_to_gdal(changes: dict[str, Any], reason: str) -> None:
    found = chosen(**changes)
    assert found.fast is None
    assert found.choice.warper == "gdal"
    assert reason in found.choice.reason


def test_where_gdal_finds_pixels_elsewhere_it_warps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_warp, "agrees_with_gdal", lambda *_: False)
    assert "another operation" in chosen().choice.reason


_JOB = """
import json, sys
from pathlib import Path
if {blocked}:
    sys.modules["numba"] = None
from rastercollection import process_collection
from rastercollection.stages.cog import fast_warp
fast_warp._LEAST_SAMPLES = 0
if __name__ == "__main__":
    result = process_collection(
        container_name={source!r},
        blob_list=["tile.tif"],
        collection_id="tiles",
        output_container={out!r},
        executor="serial",
    )
    print(json.dumps([result.status, "numba" in sys.modules and bool(sys.modules["numba"])]))
"""


def test_a_job_with_the_extra_publishes_what_one_without_does(tmp_path: Path) -> None:
    write_raster(tmp_path / "tile.tif", texture(3, 600, 700, "uint8"), valid=holes(600, 700), kind="nodata")
    found = {}
    for blocked in (True, False):
        out = tmp_path / f"out{blocked}"
        out.mkdir()
        code = _JOB.format(blocked=blocked, source=str(tmp_path), out=str(out))
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert json.loads(done.stdout.splitlines()[-1]) == ["completed", not blocked]
        (item,) = (
            document
            for path in out.rglob("*.json")
            if (document := json.loads(path.read_text())).get("type") == "Feature" and "tile" in document["id"]
        )
        (cog,) = (path for path in out.rglob("*.tif") if "tile" in path.name)
        with rasterio.open(cog) as dataset:
            found[blocked] = item, dataset.read().astype(int), dataset.read_masks()
    told = {
        blocked: item["assets"]["data"]["rastercollection:receipt"]["warp"] for blocked, (item, *_) in found.items()
    }
    assert told[True] == {"warper": "gdal", "reason": "the extra fast is not installed", "coordinate_error": None}
    assert told[False]["warper"] == "fast"
    assert np.abs(found[True][1] - found[False][1])[(found[True][2] > 0) & (found[False][2] > 0)].max() <= 2
    assert (found[True][2] != found[False][2]).mean() < 1e-3
