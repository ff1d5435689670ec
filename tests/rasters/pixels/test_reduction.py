"""Images of half the size: GDAL's own overviews where all is valid, the same however they are cut, and without gaps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.io import MemoryFile
from rasterio.windows import Window

from rastercollection.rasters.pixels.reduction import PIECE, Reduction
from rastercollection.rasters.pixels.windows import iterate_windows

Array = NDArray[Any]

GDAL = tuple(map(int, rasterio.__gdal_version__.split(".")[:2]))

SIZES = [(1, 1), (1, 2), (3, 1), (3, 3), (2, 3), (3, 2), (5, 4), (7, 12), (17, 31), (33, 64), (130, 129), (255, 1100)]
WEIGHED = ["average", "bilinear", "cubic", "cubic_spline", "lanczos"]
DTYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]


def by_gdal(data: Array, resampling: str) -> Array:
    count, height, width = data.shape
    with MemoryFile() as memory:
        with memory.open(driver="GTiff", count=count, height=height, width=width, dtype=data.dtype) as raster:
            raster.write(data)
        with rasterio.open(memory.name, "r+") as raster:
            raster.build_overviews([2], Resampling[resampling])
        with rasterio.open(memory.name, OVERVIEW_LEVEL=0) as half:
            return half.read()


def halved(
    data: Array, resampling: str, valid: NDArray[np.bool_] | None = None, steps: tuple[int, int] = PIECE
) -> tuple[Array, NDArray[np.bool_]]:
    """The smaller image, and which of its pixels are valid, cut into windows of at most ``steps``."""
    _, height, width = data.shape
    reduction = Reduction.of(height, width, Resampling[resampling])
    half = np.zeros((len(data), -(-height // 2), -(-width // 2)), data.dtype)
    kept = np.ones((1 if valid is None else len(valid), *half.shape[1:]), bool)
    for window in iterate_windows(half.shape[2], half.shape[1], steps):
        around = reduction.around(window)
        inner = np.s_[:, *around.toslices()]
        own = None if valid is None else valid[inner]
        out = half[:, *window.toslices()]
        found = reduction.reduce(data[inner], own, around, window, out)
        if found is not None:
            kept[:, *window.toslices()] = found
    return half, kept


def noise(shape: tuple[int, int, int], dtype: str, seed: int = 0) -> Array:
    """Over the whole range of a type."""
    rng = np.random.default_rng(seed)
    if dtype.startswith("f"):
        return rng.normal(1000, 300, shape).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)


@pytest.mark.parametrize("dtype", [*DTYPES, "int64", "uint64"])
@pytest.mark.parametrize("resampling", ["nearest", "mode"])
def test_pixels_that_are_picked_are_those_that_gdal_picks(resampling: str, dtype: str) -> None:
    for height, width in SIZES:
        data = np.random.default_rng(height).integers(0, 4, (2, height, width)).astype(dtype)
        assert (halved(data, resampling)[0] == by_gdal(data, resampling)).all(), (height, width)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("resampling", WEIGHED)
def test_sums_are_gdals_to_within_rounding(resampling: str, dtype: str) -> None:
    apart, total = 0, 0
    for height, width in SIZES:
        data = noise((2, height, width), dtype)
        found, expected = halved(data, resampling)[0], by_gdal(data, resampling)
        if data.dtype.kind == "f":
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(data).max())
            continue
        differences = np.abs(found.astype(np.int64) - expected.astype(np.int64))
        assert differences.max() <= 1, (height, width)
        apart, total = apart + int((differences > 0).sum()), total + differences.size
    assert apart <= 0.003 * total


@pytest.mark.parametrize("resampling", ["average", "cubic"])
def test_what_is_clipped_and_rounded_is_so_as_gdal_does(resampling: str) -> None:
    """Edges of black beside white, where kernels with negative lobes overshoot, and halves of either sign."""
    for dtype in ("uint8", "int16", "uint16"):
        limits = np.iinfo(dtype)
        edge = np.full((1, 24, 24), limits.min, dtype)
        edge[:, 7:, 5:] = limits.max
        found, expected = halved(edge, resampling)[0].astype(int), by_gdal(edge, resampling).astype(int)
        assert np.abs(found - expected).max() <= (resampling == "cubic"), "what is a half exactly may be just below"
        assert found.min() == limits.min
        assert found.max() == limits.max
    halves = np.tile(np.array([[-3, -4, -1, 0, 1, 0, 3, 4, -7, -8]], "int16"), (1, 10, 1))
    assert (halved(halves, "average")[0] == by_gdal(halves, "average")).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [(40, 60), (41, 61)])
@pytest.mark.parametrize("resampling", ["average", "cubic"])
def test_an_infinite_pixel_spoils_no_more_than_is_made_of_it(
    resampling: str, size: tuple[int, int], dtype: str
) -> None:
    data = noise((1, *size), dtype)
    data[0, 20, 31] = np.inf
    found, expected = halved(data, resampling)[0], by_gdal(data, resampling)
    is_spoilt = ~np.isfinite(found)
    is_spoilt_by_gdal = ~np.isfinite(expected)
    assert is_spoilt_by_gdal.any()
    if resampling == "cubic" and size[0] % 2 and GDAL >= (3, 12):  # spoils just some of those that it is a part of
        assert (is_spoilt.sum(), is_spoilt[is_spoilt_by_gdal].all()) == (16, True)
    else:
        assert (is_spoilt == is_spoilt_by_gdal).all()
    np.testing.assert_allclose(found[~is_spoilt], expected[~is_spoilt], rtol=1e-5)


def test_complex_numbers_are_two_numbers() -> None:
    real, imaginary = noise((1, 33, 40), "float32", 1), noise((1, 33, 40), "float32", 2)
    valid = np.random.default_rng(3).random((1, 33, 40)) > 0.3
    for own in (None, valid):
        found, kept = halved((real + 1j * imaginary).astype("complex64"), "cubic", own)
        assert (found.real[kept] == halved(real, "cubic", own)[0][kept]).all()
        assert (found.imag[kept] == halved(imaginary, "cubic", own)[0][kept]).all()


def scattered(height: int, width: int) -> NDArray[np.bool_]:
    valid = np.random.default_rng(7).random((height, width)) > 0.2
    valid[height // 3 : height // 2, width // 4 : width // 2] = False
    return valid


@pytest.mark.parametrize("gaps", [None, scattered])
@pytest.mark.parametrize("resampling", ["nearest", "mode", *WEIGHED])
@pytest.mark.parametrize("size", [(300, 420), (301, 419), (300, 419)])
def test_windows_agree_at_their_seams(
    size: tuple[int, int], resampling: str, gaps: Callable[[int, int], NDArray[np.bool_]] | None
) -> None:
    valid = None if gaps is None else gaps(*size)[np.newaxis]
    for dtype in ("uint8", "float32"):
        data = noise((2, *size), dtype)
        whole, kept = halved(data, resampling, valid, (1000, 1000))
        for steps in ((37, 51), (64, 64), (1, 300)):
            found, there = halved(data, resampling, valid, steps)
            assert (there == kept).all()
            found, expected = found[:, kept[0]], whole[:, kept[0]]
            if dtype == "uint8":
                assert (found == expected).all()
            else:
                np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(data).max())


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16"])
@pytest.mark.parametrize("resampling", WEIGHED)
def test_integers_are_the_same_in_whatever_order_they_are_added(resampling: str, dtype: str) -> None:
    """As processors and their BLAS differ in: of an image upside down, everything is added the other way round."""
    data = noise((1, 300, 420), dtype)
    found, other = halved(data, resampling)[0], halved(data[:, ::-1, ::-1], resampling)[0]
    assert (found == other[:, ::-1, ::-1]).all()


@pytest.mark.parametrize("size", [(60, 80), (61, 79), (60, 79)])
@pytest.mark.parametrize("resampling", ["nearest", "mode", *WEIGHED])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_what_is_invalid_has_no_part_in_a_pixel(dtype: str, resampling: str, size: tuple[int, int]) -> None:
    """Whatever it holds."""
    valid = scattered(*size)[np.newaxis]
    data = noise((2, *size), dtype)
    found, kept = halved(data, resampling, valid)
    other = np.where(valid, data, np.nan if dtype == "float32" else 255 - data).astype(dtype)
    assert 0 < kept.sum() < kept.size
    assert (halved(other, resampling, valid)[0][:, kept[0]] == found[:, kept[0]]).all()


@pytest.mark.parametrize("size", [(60, 80), (61, 79)])
def test_a_mean_is_weighed_by_the_part_of_a_pixel_that_is_covered(size: tuple[int, int]) -> None:
    data, valid = noise((1, *size), "float64"), scattered(*size)
    found, kept = halved(data, "average", valid[np.newaxis])
    height, width = found.shape[1:]
    for row, column in np.argwhere(kept[0])[::37]:
        shares = np.outer(overlaps(size[0], row / height, height), overlaps(size[1], column / width, width)) * valid
        assert found[0, row, column] == pytest.approx((data[0] * shares).sum() / shares.sum())


def overlaps(size: int, start: float, count: int) -> Array:
    """How much of each pixel of an axis lies in one of ``count`` parts, which begins at a part of its length."""
    at = np.arange(size)
    return np.clip(np.minimum(at + 1, (start + 1 / count) * size) - np.maximum(at, start * size), 0, None)


def test_bands_have_gaps_of_their_own_and_alpha_none() -> None:
    data = noise((3, 40, 50), "float32")
    valid = np.stack([scattered(40, 50), scattered(40, 50)[::-1], np.ones((40, 50), bool)])
    out = np.empty((3, 20, 25), "float32")
    window, around = Window(0, 0, 25, 20), Window(0, 0, 50, 40)
    for resampling in ("average", "cubic"):
        reduction = Reduction.of(40, 50, Resampling[resampling], alpha=2)
        kept = reduction.reduce(data, valid, around, window, out)
        assert kept is not None
        for band in range(2):
            found, there = halved(data[band : band + 1], resampling, valid[band : band + 1])
            assert (kept[band] == there[0]).all()
            assert (out[band][there[0]] == found[0][there[0]]).all()
        shared = reduction.reduce(data, valid[:1], around, window, out)
        assert shared is not None
        assert shared.shape == (1, 20, 25)
        assert (out[2] == halved(data[2:], resampling)[0]).all(), "opacity is a quantity, also where it is 0"
