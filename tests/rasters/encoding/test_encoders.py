"""Blocks as other programs read them: GDAL and tifffile give back what went in, for every codec and type."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import tifffile
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from encoding_scenes import blocks_of, fill_tiles, settings, write_tiff
from rastercollection.rasters.encoding.encoders import encoder_of, mask_encoder

SIDE = 32
INTEGERS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")
OTHERS = ("float32", "float64", "complex64", "complex128")
BY_BYTES = ("NONE", "DEFLATE", "ZSTD", "LZW", "LZMA")
BY_SURFACE = ("LERC", "LERC_DEFLATE", "LERC_ZSTD")
LERC_LACKS = ("int8", "uint64", "int64", "complex64", "complex128")


def pixels(dtype: str, shape: tuple[int, ...], seed: int) -> NDArray[Any]:
    """Walks, and every bit somewhere: values that differ by more than a type holds, NaN of several kinds."""
    rng = np.random.default_rng(seed)
    walk = (rng.normal(0, 40, shape).cumsum(axis=-1) * 50).astype(np.float32).astype(np.dtype(dtype), casting="unsafe")
    anything = rng.integers(0, 256, walk.nbytes, "uint8").view(dtype).reshape(shape)
    return np.where(rng.random(shape) < 0.1, anything, walk)


def same(found: NDArray[Any], expected: NDArray[Any]) -> bool:
    """Bit by bit, NaN too."""
    return found.dtype == expected.dtype and found.shape == expected.shape and found.tobytes() == expected.tobytes()


def by_gdal(path: Path) -> NDArray[Any]:
    with rasterio.open(path) as image:
        return image.read()


def by_tifffile(path: Path, shape: tuple[int, ...]) -> NDArray[Any]:
    found = tifffile.imread(path).reshape(*shape[1:], shape[0]) if shape[0] > 1 else tifffile.imread(path)[..., None]
    return np.ascontiguousarray(found.transpose(2, 0, 1))


shapes = st.tuples(st.integers(1, 5), st.integers(1, 3 * SIDE), st.integers(1, 3 * SIDE))


@pytest.mark.parametrize("dtype", INTEGERS + OTHERS)
@given(shape=shapes, codec=st.sampled_from(BY_BYTES), seed=st.integers(0, 2**32), level=st.sampled_from([None, 1, 9]))
@example(shape=(1, 1, 1), codec="DEFLATE", seed=1, level=None)
@example(shape=(3, SIDE, SIDE), codec="DEFLATE", seed=1, level=None)
@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
def test_what_goes_in_comes_out(
    dtype: str, shape: tuple[int, int, int], codec: str, seed: int, level: int | None, tmp_path: Path
) -> None:
    image = pixels(dtype, shape, seed)
    level = None if codec in ("NONE", "LZW") else level
    path = write_tiff(tmp_path / "tile.tif", image, encoder_of(settings(codec, level), image.dtype, shape[0]), SIDE)
    assert same(by_gdal(path), image)
    assert same(by_tifffile(path, shape), image)


@pytest.mark.parametrize("codec", BY_SURFACE)
@pytest.mark.parametrize("dtype", [dtype for dtype in INTEGERS + OTHERS if dtype not in LERC_LACKS])
@pytest.mark.parametrize("alpha", ["NO", "YES"])
def test_surfaces(dtype: str, codec: str, alpha: str, tmp_path: Path) -> None:
    """What is below transparent pixels stays as it is, whether or not readers are told of alpha."""
    image = (np.random.default_rng(4).normal(0, 9, (4, 70, 50)).cumsum(axis=2) + 100).astype(dtype)
    image[3] = np.where(np.indices((70, 50)).sum(axis=0) % 3, 255 if dtype == "uint8" else 0, 0)
    encoder = encoder_of(settings(codec), image.dtype, 4)
    path = write_tiff(tmp_path / "tile.tif", image, encoder, SIDE, ALPHA=alpha)
    assert same(by_gdal(path), image)


def picture(bands: int, height: int, width: int) -> NDArray[Any]:
    wander = np.random.default_rng(7).normal(0, 1, (bands, height, width)).cumsum(axis=2).cumsum(axis=1)
    return (127 + 100 * np.sin(wander / 60)).astype("uint8")


@pytest.mark.parametrize(("codec", "quality"), [("JPEG", 85), ("JPEG", 40), ("WEBP", 75), ("WEBP", 100)])
@pytest.mark.parametrize("bands", [1, 3, 4])
def test_pictures_are_as_gdal_makes_them(codec: str, quality: int, bands: int, tmp_path: Path) -> None:
    """Tables, colour space and quality: GDAL reads from its tags and these tiles what it reads from its own."""
    if (codec, bands) in (("JPEG", 4), ("WEBP", 1)):
        pytest.skip("not offered")
    image = picture(bands, 96, 64)
    encoder = encoder_of(settings(codec, quality=quality), image.dtype, bands)
    ours = by_gdal(write_tiff(tmp_path / "ours.tif", image, encoder, SIDE))
    profile = {"driver": "GTiff", "count": bands, "height": 96, "width": 64, "dtype": "uint8", "tiled": True}
    profile |= {"transform": rasterio.Affine(1, 0, 5, 0, -1, 5), "blockxsize": SIDE, "blockysize": SIDE}
    with rasterio.open(tmp_path / "gdal.tif", "w", **profile, **encoder.creation_options) as theirs:
        theirs.write(image)
    assert same(ours, by_gdal(tmp_path / "gdal.tif"))
    assert same(ours, image) == (quality == 100)
    with tifffile.TiffFile(tmp_path / "ours.tif") as tiff:
        assert (tiff.pages[0].photometric == tifffile.PHOTOMETRIC.YCBCR) == (codec == "JPEG" and bands == 3)


@pytest.mark.parametrize("codec", ["JPEG", "WEBP"])
def test_a_picture_has_no_edge_where_its_block_goes_on(codec: str, tmp_path: Path) -> None:
    """Repeating the last pixels keeps waves out of the picture's edge."""
    image = np.full((3, SIDE + 9, SIDE + 9), 200, "uint8")
    path = write_tiff(tmp_path / "tile.tif", image, encoder_of(settings(codec, quality=50), image.dtype, 3), SIDE)
    assert np.abs(by_gdal(path).astype(int) - 200).max() <= 1


@given(rows=st.integers(1, 70), columns=st.integers(1, 70), seed=st.integers(0, 99))
@hypothesis_settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_masks(rows: int, columns: int, seed: int, tmp_path: Path) -> None:
    valid = np.random.default_rng(seed).integers(0, 3, (1, rows, columns), "uint8")
    profile = {"driver": "GTiff", "count": 1, "height": rows, "width": columns, "dtype": "uint8", "tiled": True}
    profile |= {"transform": rasterio.Affine(1, 0, 5, 0, -1, 5), "blockxsize": SIDE, "blockysize": SIDE}
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(tmp_path / "tile.tif", "w", **profile, compress="DEFLATE") as image,
    ):
        image.write_mask(np.ones((rows, columns), bool))
    encoder = mask_encoder(SIDE)
    fill_tiles(tmp_path / "tile.tif", [encoder.encode(block) for block in blocks_of(valid, SIDE)], page=1)
    with rasterio.open(tmp_path / "tile.tif") as image:
        assert same(image.dataset_mask(), np.where(valid[0], 255, 0).astype("uint8"))


@pytest.mark.parametrize("codec", ["DEFLATE", "ZSTD", "LZW", "JPEG", "WEBP"])
def test_many_threads_use_one_encoder(codec: str) -> None:
    """Each with blocks of other sizes than the rest: no thread writes where another one reads."""
    image = picture(3, 150, 200)
    encoder = encoder_of(settings(codec, quality=80), image.dtype, 3)
    blocks = 6 * blocks_of(image, SIDE)
    alone = [encoder.encode(block) for block in blocks]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(encoder.encode, blocks)) == alone


def test_edges_cost_next_to_nothing() -> None:
    """A block of one pixel takes less than a hundredth of a whole one."""
    image = pixels("uint16", (3, 512, 512), 3)
    for codec in ("DEFLATE", "ZSTD", "LZW", "LZMA"):
        encoder = encoder_of(settings(codec, block_size=512), image.dtype, 3)
        assert len(encoder.encode(image[:, :1, :1])) * 100 < len(encoder.encode(image))
