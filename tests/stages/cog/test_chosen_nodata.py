"""Whole numbers without a nodata value: what a warp leaves empty is told by a value, as most programs expect."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.enums import MaskFlags

from cog_scenes import holes, make_cog, texture, write_raster


def flags(path: Path) -> list[MaskFlags]:
    with rasterio.open(path) as cog:
        return list(cog.mask_flag_enums[0])


@pytest.mark.parametrize(
    ("bands", "dtype", "changes", "nodata"),
    [
        (1, "int16", {}, -32768),
        (1, "uint8", {"raster_type": "categorical"}, 255),
        (1, "uint16", {}, 65535),
        (4, "uint16", {"raster_type": "nir"}, 65535),
        (1, "int32", {"compression": "LERC_DEFLATE"}, -(2**31)),
    ],
)
def test_an_outside_has_a_value_that_no_pixel_has(
    tmp_path: Path, bands: int, dtype: str, changes: dict[str, str], nodata: int
) -> None:
    source = write_raster(tmp_path / "t.tif", texture(bands, 300, 340, dtype))
    made = make_cog(source, "EPSG:3857", **changes)
    assert "NODATA_CHOSEN" in made.codes
    assert flags(made.path) == [MaskFlags.nodata]
    assert {band.nodata for band in made.cog.file.bands} == {nodata}
    assert made.cog.file.validity == "nodata"
    with rasterio.open(made.path) as cog:
        data, mask = cog.read(), cog.dataset_mask() > 0
        assert (data[:, ~mask] == nodata).all()
        assert 0.9 < mask.mean() < 1
        assert 30 <= data[:, mask].min() <= data[:, mask].max() <= 110
    for level in range(len(made.cog.file.overview_levels)):
        with rasterio.open(made.path, OVERVIEW_LEVEL=level) as overview:
            shown = overview.read()[:, overview.dataset_mask() > 0]
            assert 30 <= shown.min() <= shown.max() <= 110


def test_a_picture_of_bytes_has_a_mask(tmp_path: Path) -> None:
    source = write_raster(tmp_path / "t.tif", texture(3, 300, 340, "uint8"), photometric="RGB")
    made = make_cog(source, "EPSG:3857")
    assert flags(made.path) == [MaskFlags.per_dataset]
    assert "NODATA_CHOSEN" not in made.codes


def test_what_lies_below_a_mask_of_the_source_stays_where_its_pixels_do(tmp_path: Path) -> None:
    data, valid = texture(1, 300, 340, "int16"), holes(300, 340)
    source = write_raster(tmp_path / "t.tif", data, valid=valid, kind="mask")
    kept = make_cog(source, "EPSG:32642")
    assert flags(kept.path) == [MaskFlags.per_dataset]
    with rasterio.open(kept.path) as cog:
        np.testing.assert_array_equal(cog.read(), data)
    assert flags(make_cog(source, "EPSG:3857").path) == [MaskFlags.nodata]


def test_without_anything_invalid_nothing_is_declared(tmp_path: Path) -> None:
    made = make_cog(write_raster(tmp_path / "t.tif", texture(1, 300, 340, "int16")), "EPSG:32642")
    assert flags(made.path) == [MaskFlags.all_valid]
