"""The compiled kernels, judged by GDAL's warper and by the same sums in double precision."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.warp import reproject
from rasterio.windows import Window

from rastercollection.rasters.warping.fast_kernel import DTYPES, KERNELS, load
from rastercollection.rasters.warping.lattice import Lattice

pytest.importorskip("numba")

SIZE = (70, 61)
"""Columns and rows of the grid; neither is a multiple of four, or of a lattice's step."""
TURNED = Affine.translation(-4.3, 5.7) * Affine.rotation(-11) * Affine.scale(0.93, 1.08)
"""From the grid to the source, beyond whose edges the grid reaches on all sides."""
UTM = "EPSG:32642"


def source_of(dtype: str, bands: int = 2, width: int = 57, height: int = 49) -> NDArray[Any]:
    rng = np.random.default_rng(7)
    if dtype == "float32":
        return rng.normal(1500, 300, (bands, height, width)).astype(dtype)
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, (bands, height, width), dtype=dtype, endpoint=True)


def warped(
    source: NDArray[Any],
    kernel: str,
    transform: Affine = TURNED,
    mask: NDArray[np.bool_] | None = None,
    window: Window | None = None,
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    lattice = Lattice.of(lambda x, y: transform * (x, y), SIZE, source.shape[:0:-1])
    assert lattice is not None
    window = window or Window(0, 0, *SIZE)
    below = lattice.below(window, (source.shape[2], source.shape[1]))
    rows, columns = below.toslices()
    own = None if mask is None else mask[rows, columns].view(np.uint8)
    out = np.full((source.shape[0], window.height, window.width), 99, source.dtype)
    valid = np.zeros(out.shape[1:], bool)
    part = below, source[:, rows, columns], own
    load(kernel, source.dtype).fill(lattice, window, part, (source.shape[2], source.shape[1]), out, valid)
    return out, valid


def by_gdal(source: NDArray[Any], kernel: str, transform: Affine = TURNED) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Of a source in the grid's own CRS, where GDAL's positions are exact."""
    out = np.zeros((source.shape[0] + 1, SIZE[1], SIZE[0]), source.dtype)
    reproject(
        source,
        out,
        src_crs=UTM,
        dst_crs=UTM,
        src_transform=Affine.translation(5e5, 5e6),
        dst_transform=Affine.translation(5e5, 5e6) * transform,
        dst_alpha=len(out),
        resampling=Resampling[kernel],
        XSCALE=1,
        YSCALE=1,
    )
    return out[:-1], out[-1] != 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_pixels_are_gdals_up_to_the_edges(kernel: str, dtype: str) -> None:
    source = source_of(dtype)
    found, valid = warped(source, kernel)
    theirs, drawn = by_gdal(source, kernel)
    assert 0.3 < valid.mean() < 0.9
    np.testing.assert_array_equal(valid, drawn)
    difference = np.abs(found.astype(float) - theirs)
    assert not found[:, ~valid].any()
    assert difference.max() <= (1e-3 if dtype == "float32" else 1)
    if dtype != "float32":
        assert (difference > 0).mean() < 0.02  # where the sum is half between two integers


@pytest.mark.parametrize("value", [0.1, 371.25, -8849.123])
@pytest.mark.parametrize("kernel", ["bilinear", "cubic"])
def test_even_areas_stay_as_they_are(kernel: str, value: float) -> None:
    source = np.full((1, 49, 57), value, np.float32)
    found, valid = warped(source, kernel)
    assert set(found[0, valid]) == {np.float32(value)}


@pytest.mark.parametrize("kernel", ["bilinear", "cubic"])
def test_sums_of_floats_are_as_exact_as_floats(kernel: str) -> None:
    rows, columns = np.mgrid[:49, :57]
    source = (8000 + np.sin(columns / 5.0) + np.cos(rows / 7.0))[np.newaxis].astype(np.float32)
    found, valid = warped(source, kernel)
    theirs, _ = by_gdal(source.astype(np.float64), kernel)
    last_place = np.spacing(np.float32(8000))
    assert np.abs(found[0] - theirs[0])[valid].max() <= 1.5 * last_place


@pytest.mark.parametrize("kernel", ["bilinear", "cubic"])
@pytest.mark.parametrize("odd", [math.inf, -math.inf, 3.4e38, math.nan])
def test_odd_floats_spoil_what_they_spoil_with_gdal(kernel: str, odd: float) -> None:
    source = source_of("float32")
    source[0, 20:23, 30] = odd
    source[0, 22, 31] = -3.4e38 if odd == 3.4e38 else odd
    found, _ = warped(source, kernel)
    theirs, _ = by_gdal(source.astype(np.float64), kernel)
    wanted = theirs.astype(np.float32)
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(wanted))
    finite = np.isfinite(wanted)
    largest = 3.4e38 if odd == 3.4e38 else 3000
    np.testing.assert_allclose(found[finite], wanted[finite], rtol=1e-5, atol=1e-6 * largest)


@pytest.mark.parametrize("kernel", KERNELS)
def test_pixels_are_the_same_however_the_grid_is_cut(kernel: str) -> None:
    source = source_of("uint16")
    mask = np.random.default_rng(2).random(source.shape[1:]) > 0.1
    whole, valid = warped(source, kernel, mask=mask)
    for window in (Window(0, 0, 33, 7), Window(33, 7, 37, 54), Window(5, 60, 1, 1), Window(13, 0, 2, 61)):
        rows, columns = window.toslices()
        found, own = warped(source, kernel, mask=mask, window=window)
        np.testing.assert_array_equal(found, whole[:, rows, columns])
        np.testing.assert_array_equal(own, valid[rows, columns])


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_pixel_is_valid_where_that_below_its_centre_is(kernel: str) -> None:
    source = source_of("int16", bands=1)
    mask = np.random.default_rng(2).random(source.shape[1:]) > 0.2
    _, valid = warped(source, kernel, mask=mask)
    as_bytes, drawn = by_gdal(mask[np.newaxis].astype(np.uint8), "nearest")
    np.testing.assert_array_equal(valid, drawn & (as_bytes[0] > 0))


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 3), (3, 2), (4, 4)])
@pytest.mark.parametrize("kernel", KERNELS)
def test_sources_smaller_than_kernels_are_drawn_as_by_gdal(kernel: str, width: int, height: int) -> None:
    source = source_of("uint8", bands=1, width=width, height=height)
    transform = Affine.translation(-0.7, -0.4) * Affine.scale(0.11, 0.13)
    found, valid = warped(source, kernel, transform)
    theirs, drawn = by_gdal(source, kernel, transform)
    np.testing.assert_array_equal(valid, drawn)
    assert np.abs(found.astype(int) - theirs).max() <= 1
