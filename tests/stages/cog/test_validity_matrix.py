"""Valid pixels stay valid and invalid ones invalid, for every type GDAL writes, every way to say so, in every tier.

Judged by rasterio alone: masks and values of the COG against those of the source, or against GDAL's own warp of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import attrs
import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rio_cogeo import cog_validate

from cog_scenes import KINDS, Made, holes, make_cog, texture, write_raster
from rastercollection.model.tiers import Compression

DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64")
HEIGHT, WIDTH = 190, 230


def can_tell(dtype: str, kind: str) -> bool:
    if kind == "nan":
        return dtype.startswith("float")
    # GDAL takes alpha bands of other types for data
    return kind != "alpha" or dtype in ("uint8", "uint16")


MATRIX = [(dtype, kind) for dtype in DTYPES for kind in KINDS if can_tell(dtype, kind)]


def masks(path: Path) -> NDArray[np.bool_]:
    """``(bands, rows, columns)`` as rasterio's readers see them; NaN is invalid."""
    with rasterio.open(path) as raster:
        valid = raster.read_masks() > 0
        data = raster.read()
    return valid & ~np.isnan(data) if data.dtype.kind in "fc" else valid


def pixels(path: Path) -> NDArray:
    with rasterio.open(path) as raster:
        return raster.read()


def assert_cog(path: Path) -> None:
    valid, errors, warnings = cog_validate(path, strict=True, quiet=True)
    assert (valid, errors, warnings) == (True, [], [])


def eroded(valid: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    padded = np.pad(valid, steps)
    rows, columns = valid.shape
    inner = np.ones_like(valid)
    for down in range(2 * steps + 1):
        for right in range(2 * steps + 1):
            inner &= padded[down : down + rows, right : right + columns]
    return inner


def assert_same_area(found: NDArray[np.bool_], expected: NDArray[np.bool_]) -> None:
    """Equal but for single pixels at edges: GDAL approximates the transformation to an eighth of a pixel."""
    edges = ~(eroded(expected, 1) | eroded(~expected, 1))
    apart = found != expected
    assert apart.sum() <= 0.08 * edges.sum() + 5
    assert abs(int(found.sum()) - int(expected.sum())) <= 0.01 * edges.sum() + 5
    assert not eroded(apart, 1).any()


def gdal_warp(source: Path, made: Made, resampling: Resampling, kind: str) -> tuple[NDArray, NDArray[np.bool_]]:
    """What GDAL makes of the source on the COG's grid: values of the data bands and where they are valid."""
    with rasterio.open(made.path) as cog, rasterio.open(source) as raster:
        options = {"src_nodata": np.nan, "nodata": np.nan} if kind == "nan" else {}
        alpha = kind in ("none", "mask", "msk")
        with WarpedVRT(
            raster,
            crs=cog.crs,
            transform=cog.transform,
            width=cog.width,
            height=cog.height,
            resampling=resampling,
            add_alpha=alpha,
            **options,
        ) as warped:
            data = warped.read()
            if alpha or kind == "alpha":
                return data[:-1], data[-1] > 0
            return data, (warped.read_masks(1) > 0) & ~np.isnan(data[0].astype(float))


@pytest.mark.parametrize(("dtype", "kind"), MATRIX)
def test_every_pixel_and_mask_bit_survives_without_reprojection(tmp_path: Path, dtype: str, kind: str) -> None:
    data = texture(3 if kind == "alpha" else 2, HEIGHT, WIDTH, dtype)
    source = write_raster(tmp_path / "tile.tif", data, valid=holes(HEIGHT, WIDTH), kind=kind)
    for tier in ("analysis", "archive") if kind in ("nodata", "mask") else ("analysis",):
        made = make_cog(source, "EPSG:32642", tier=tier)
        assert_cog(made.path)
        assert not made.cog.reprojected
        np.testing.assert_array_equal(pixels(made.path), pixels(source))
        np.testing.assert_array_equal(masks(made.path), masks(source))
        with rasterio.open(made.path) as cog:
            assert cog.compression.name == {"analysis": "deflate", "archive": "lzw"}[tier]


@pytest.mark.parametrize(("dtype", "kind"), MATRIX)
def test_validity_and_values_agree_with_gdal_after_reprojection(tmp_path: Path, dtype: str, kind: str) -> None:
    bands = 3 if kind == "alpha" else 1
    valid = holes(HEIGHT, WIDTH)
    source = write_raster(tmp_path / "tile.tif", texture(bands, HEIGHT, WIDTH, dtype), valid=valid, kind=kind)
    raster_type = "rgba" if kind == "alpha" else "multispectral"
    made = make_cog(source, "EPSG:4326", validation={"raster_type": raster_type})
    assert_cog(made.path)
    assert made.cog.reprojected

    found = masks(made.path)[0]
    if dtype in ("uint64", "int64"):
        # GDAL's WarpedVRT takes nodata of these types for data: it is asked about the same values in 32 bits
        narrow = texture(bands, HEIGHT, WIDTH, dtype).astype(dtype.replace("64", "32"))
        source = write_raster(tmp_path / "narrow.tif", narrow, valid=valid, kind=kind)
    _, expected = gdal_warp(source, made, Resampling.nearest, kind)
    assert_same_area(found, expected)
    assert not found.all(), "corners outside the source are invalid"

    values, _ = gdal_warp(source, made, Resampling[made.cog.file.settings.warp_resampling], kind)
    inner = eroded(found & expected, 3)
    assert inner.sum() > 5000
    apart = np.abs(pixels(made.path)[: len(values)].astype(float) - values.astype(float))[:, inner]
    assert apart.mean() < 0.4
    assert apart.max() <= 6

    counted = made.cog.file.bands[0].statistics
    assert counted is not None
    assert counted.count == found.sum()
    inside = pixels(made.path)[0][found].astype(float)
    assert counted.minimum == inside.min()
    assert counted.maximum == inside.max()
    assert counted.mean == pytest.approx(inside.mean())
    assert counted.stddev == pytest.approx(inside.std())
    assert counted.percentile_2 == pytest.approx(np.percentile(inside, 2), abs=1)


@pytest.mark.parametrize("kind", KINDS[:5])
@pytest.mark.parametrize("target", ["EPSG:32642", "EPSG:4326"])
def test_jpeg_keeps_validity_in_an_internal_mask(tmp_path: Path, kind: str, target: str) -> None:
    source = write_raster(
        tmp_path / "tile.tif", texture(3, 600, 640, "uint8"), valid=holes(600, 640), kind=kind, photometric="RGB"
    )
    made = make_cog(source, target, tier="visualization")
    assert_cog(made.path)
    with rasterio.open(made.path) as cog:
        assert cog.count == 3
        assert cog.tags(ns="IMAGE_STRUCTURE")["COMPRESSION"] == "YCbCr JPEG"
        assert cog.nodata is None
        assert made.cog.file.validity == ("none" if kind == "none" and target == "EPSG:32642" else "mask")
        mask = cog.dataset_mask() > 0
        half = cog.dataset_mask(out_shape=(cog.height // 2, cog.width // 2)) > 0
    if target == "EPSG:32642":
        with rasterio.open(source) as raster:
            np.testing.assert_array_equal(mask, raster.dataset_mask() > 0)
        apart = np.abs(pixels(made.path).astype(int) - pixels(source)[:3])[:, eroded(mask, 8)]
        assert apart.mean() < 4
    else:
        _, expected = gdal_warp(source, made, Resampling.nearest, kind)
        assert_same_area(mask, expected)
    assert half.mean() == pytest.approx(mask.mean(), abs=0.02), "overviews have the mask, too"


@pytest.mark.parametrize("compression", get_args(Compression))
@pytest.mark.parametrize("kind", ["nodata", "mask", "alpha"])
def test_every_codec_keeps_validity(tmp_path: Path, compression: str, kind: str) -> None:
    data = texture(3, HEIGHT, WIDTH, "uint8")
    source = write_raster(tmp_path / "t.tif", data, valid=holes(HEIGHT, WIDTH), kind=kind, photometric="RGB")
    made = make_cog(source, "EPSG:32642", compression=compression)
    assert_cog(made.path)
    assert made.cog.file.settings.compression == compression
    found, expected = masks(made.path)[:3], masks(source)[:3]
    np.testing.assert_array_equal(found, expected)
    if compression not in ("JPEG", "WEBP"):
        np.testing.assert_array_equal(pixels(made.path)[:3][found], pixels(source)[:3][expected])


@pytest.mark.parametrize("target", ["EPSG:32642", "EPSG:4326"])
@pytest.mark.parametrize("kind", ["none", "mask"])
def test_complex_numbers_survive(tmp_path: Path, target: str, kind: str) -> None:
    source = write_raster(
        tmp_path / "tile.tif", texture(1, HEIGHT, WIDTH, "complex64"), valid=holes(HEIGHT, WIDTH), kind=kind
    )
    made = make_cog(source, target)
    assert_cog(made.path)
    with rasterio.open(made.path) as cog:
        assert cog.dtypes == ("complex64",)
    if target == "EPSG:32642":
        np.testing.assert_array_equal(pixels(made.path), pixels(source))
        np.testing.assert_array_equal(masks(made.path), masks(source))
    else:
        values, expected = gdal_warp(source, made, Resampling[made.cog.file.settings.warp_resampling], kind)
        inner = eroded(masks(made.path)[0] & expected, 3)
        assert np.abs(pixels(made.path) - values)[:, inner].max() < 1.0


def hole_in_alpha_and_in_nodata(folder: Path) -> tuple[Path, NDArray[np.bool_]]:
    data, valid = texture(3, HEIGHT, WIDTH, "uint8"), holes(HEIGHT, WIDTH)
    data[:, 100:120, 30:60] = 0
    path = write_raster(folder / "tile.tif", data, valid=valid, kind="alpha", nodata=0)
    valid[100:120, 30:60] = False
    return path, valid


def nan_under_a_mask(folder: Path) -> tuple[Path, NDArray[np.bool_]]:
    data, valid = texture(1, HEIGHT, WIDTH, "float32"), holes(HEIGHT, WIDTH)
    data[0, 100:120, 30:60] = np.nan
    path = write_raster(folder / "tile.tif", data, valid=valid, kind="mask")
    valid[100:120, 30:60] = False
    return path, valid


def nan_beside_a_nodata_value(folder: Path) -> tuple[Path, NDArray[np.bool_]]:
    data, valid = texture(1, HEIGHT, WIDTH, "float64"), holes(HEIGHT, WIDTH)
    data[0, 100:120, 30:60] = np.nan
    path = write_raster(folder / "tile.tif", data, valid=valid, kind="nodata")
    valid[100:120, 30:60] = False
    return path, valid


@pytest.mark.filterwarnings("ignore::rasterio.errors.NodataShadowWarning")
@pytest.mark.parametrize("make", [hole_in_alpha_and_in_nodata, nan_under_a_mask, nan_beside_a_nodata_value])
@pytest.mark.parametrize("target", ["EPSG:32642", "EPSG:4326"])
def test_several_ways_to_be_invalid_add_up(tmp_path: Path, make: Any, target: str) -> None:
    source, valid = make(tmp_path)
    twin = write_raster(tmp_path / "twin.tif", texture(1, HEIGHT, WIDTH, "uint8"), valid=valid, kind="mask")
    made = make_cog(source, target)
    expected = make_cog(twin, target, validation={"settings": attrs.asdict(made.cog.file.settings)})
    assert_cog(made.path)
    with rasterio.open(made.path) as cog:
        found = (cog.read_masks(1) > 0) & ~np.isnan(cog.read(1).astype(float))
        if cog.count == 4:
            found &= cog.read(4) > 0
    np.testing.assert_array_equal(found, masks(expected.path)[0])


def test_a_picture_whose_green_is_missing_becomes_a_jpeg(tmp_path: Path) -> None:
    data = texture(3, HEIGHT, WIDTH, "uint8")
    data[1] = 0
    source = write_raster(
        tmp_path / "tile.tif", data, valid=holes(HEIGHT, WIDTH), kind="nodata", nodata=0, photometric="RGB"
    )
    made = make_cog(source, "EPSG:4326", tier="visualization")
    _, expected = gdal_warp(source, made, Resampling.nearest, "nodata")
    with rasterio.open(made.path) as cog:
        found = cog.dataset_mask() > 0
    assert_same_area(found, expected)
