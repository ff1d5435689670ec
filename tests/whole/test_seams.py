"""Two adjacent tiles, read across their seam, against the same area warped in one piece."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.transform import from_origin
from rasterio.warp import transform
from rasterio.windows import Window

from cog_scenes import UTM, texture, write_raster
from rastercollection import process_collection

HEIGHT, WIDTH, SEAM = 500, 700, 333
PLACE = from_origin(600_000, 4_600_000, 10, 10)


def cogs(folder: Path, names: list[str], **changes: Any) -> list[Path]:
    out = folder / "-".join(names)
    job = process_collection(
        container_name=folder,
        blob_list=[f"{name}.tif" for name in names],
        collection_id="seam",
        output_container=out,
        create_mosaicjson=False,
        create_stac_collection=False,
        resolution=1e-4,
        jobs="memory",
        executor="serial",
        **changes,
    )
    assert job.status == "completed"
    return [next(out.rglob(f"{name}_cog*.tif")) for name in names]


def pasted(whole: Path, parts: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Parts at their places on the grid of the whole, and how many of them are valid at each pixel."""
    with rasterio.open(whole) as image:
        values, count = np.zeros(image.read().shape), np.zeros(image.shape, int)
        grid = image.transform
    for path in parts:
        with rasterio.open(path) as part:
            column, row = ~grid * (part.transform.c, part.transform.f)
            assert (column, row) == pytest.approx((round(column), round(row)), abs=1e-4), "whole pixels apart"
            data, mask = part.read(), part.dataset_mask() > 0
        column, row = round(column), round(row)
        top, left = max(0, -row), max(0, -column)
        bottom, right = min(data.shape[1], count.shape[0] - row), min(data.shape[2], count.shape[1] - column)
        place = np.s_[row + top : row + bottom, column + left : column + right]
        own = mask[top:bottom, left:right]
        assert mask.sum() == own.sum(), "nothing valid lies outside the whole"
        count[place] += own
        values[:, *place] = np.where(own, data[:, top:bottom, left:right], values[:, *place])
    return values, count


def distance_from_seam(whole: Path) -> np.ndarray:
    """In pixels of the source."""
    with rasterio.open(whole) as image:
        rows, columns = np.mgrid[: image.height, : image.width] + 0.5
        xs, ys = image.transform * (columns.ravel(), rows.ravel())
        crs = image.crs
    x, _ = transform(crs, UTM, xs, ys)
    return np.reshape((np.array(x) - PLACE.c) / PLACE.a, rows.shape) - SEAM


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "cubic"])
@pytest.mark.parametrize("target", ["EPSG:4326"])
def test_a_seam_cannot_be_seen(tmp_path: Path, resampling: str, target: str) -> None:
    rng = np.random.default_rng(5)
    image = texture(2, HEIGHT, WIDTH, "float32") + rng.normal(0, 5, (2, HEIGHT, WIDTH)).astype("float32")
    write_raster(tmp_path / "whole.tif", image, transform=PLACE)
    write_raster(tmp_path / "left.tif", np.ascontiguousarray(image[:, :, :SEAM]), transform=PLACE)
    beside = PLACE * Affine.translation(SEAM, 0)
    write_raster(tmp_path / "right.tif", np.ascontiguousarray(image[:, :, SEAM:]), transform=beside)
    settings = {"raster_type": "multispectral", "warp_resampling": resampling, "target_crs": target}
    settings["raster_type"] = "auto"
    (whole,) = cogs(tmp_path, ["whole"], **settings)
    values, count = pasted(whole, cogs(tmp_path, ["left", "right"], **settings))
    with rasterio.open(whole) as raster:
        expected, valid = raster.read(), raster.dataset_mask() > 0
    assert (count[valid] >= 1).all(), "no gap"
    assert (count[~valid] == 0).all(), "no frayed edge"
    assert (count > 1).sum() == 0, "every pixel belongs to one of the two"
    away = np.abs(distance_from_seam(whole))
    far, near = valid & (away > 2.5), valid & (away <= 2.5)
    difference = np.abs(values - expected)
    spread = image.std()
    assert near.sum() > HEIGHT
    # coordinates are approximated to a hundredth of a pixel
    assert np.quantile(difference[:, far], 0.999) < (1e-6 if resampling == "nearest" else 0.02) * spread
    # beside the seam, a kernel that ends there sees no more than its own tile
    assert difference[:, near].mean() < 0.15 * spread
    assert difference[:, near].max() < 1.0 * spread


def test_windows_on_both_sides_of_a_seam_show_one_picture(tmp_path: Path) -> None:
    """A smooth slope goes on across the seam without a step."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype("float32")
    image = (columns * 2 + rows)[np.newaxis]
    write_raster(tmp_path / "left.tif", np.ascontiguousarray(image[:, :, :SEAM]), transform=PLACE)
    beside = PLACE * Affine.translation(SEAM, 0)
    write_raster(tmp_path / "right.tif", np.ascontiguousarray(image[:, :, SEAM:]), transform=beside)
    left, right = cogs(tmp_path, ["left", "right"], raster_type="dem", warp_resampling="bilinear")
    with rasterio.open(left) as one, rasterio.open(right) as other:
        column = round((other.transform.c - one.transform.c) / one.transform.a)
        row = round((one.transform.f - other.transform.f) / one.transform.a)
        window = Window(column, max(row, 0) + 50, one.width - column, 200)
        shifted = Window(0, max(-row, 0) + 50, one.width - column, 200)
        first, second = one.read(1, window=window, masked=True), other.read(1, window=shifted, masked=True)
    line = np.where(np.ma.getmaskarray(first), second.data, first.data)
    assert not (np.ma.getmaskarray(first) & np.ma.getmaskarray(second)).any()
    steps = np.diff(line, axis=1)
    assert np.abs(steps - np.median(steps)).max() < np.abs(np.median(steps)), "at most half a pixel is held at the edge"
