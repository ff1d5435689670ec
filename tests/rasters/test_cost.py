"""What is predicted of a tile is held against COGs that GDAL writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import attrs
import numpy as np
import pytest
import rasterio.shutil
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cog_scenes import holes, texture, write_raster
from rastercollection.model.cog import CogSettings
from rastercollection.model.tiers import Compression
from rastercollection.rasters.cost import Load, predict, predict_bytes

SIDE = 700
NOISE: dict[str, NDArray[Any]] = {
    "uint8": np.random.default_rng(1).integers(0, 256, (3, SIDE, SIDE), "uint8"),
    "int16": np.random.default_rng(2).integers(-(2**15), 2**15, (1, SIDE, SIDE), "int16"),
    "float32": np.random.default_rng(3).integers(0, 2**31 - 2**24, (1, SIDE, SIDE), "int32").view("float32"),
}


def size(image: NDArray[Any], compression: str, folder: Path, **options: Any) -> int:
    source = write_raster(folder / "source.tif", image, compress="NONE", **options)
    predictor = {"PREDICTOR": "YES"} if compression in ("DEFLATE", "LZW", "ZSTD") else {}
    rasterio.shutil.copy(source, folder / "cog.tif", driver="COG", COMPRESS=compression, **predictor)
    return (folder / "cog.tif").stat().st_size


PAIRS = [
    (dtype, name)
    for dtype in NOISE
    for name in get_args(Compression)
    if dtype == "uint8" or name not in ("JPEG", "WEBP")
]


@pytest.mark.parametrize(("dtype", "compression"), PAIRS)
def test_nothing_is_larger_than_the_most_that_is_predicted(dtype: str, compression: str, tmp_path: Path) -> None:
    image = NOISE[dtype]
    found = size(image, compression, tmp_path, valid=holes(SIDE, SIDE), kind="mask")
    usual, most = predict_bytes(image.shape[1:], image.shape[0], image.dtype, compression)
    assert usual <= most
    assert found <= most


@pytest.mark.parametrize("compression", ["NONE", "DEFLATE", "ZSTD", "LERC_DEFLATE"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_texture_takes_about_what_is_predicted(dtype: str, compression: str, tmp_path: Path) -> None:
    image = texture(3, 1024, 1024, dtype, 0, 255 if dtype == "uint8" else 12_000)
    usual, _ = predict_bytes((1024, 1024), 3, image.dtype, compression)
    assert usual / 2 <= size(image, compression, tmp_path) <= 2 * usual


SETTINGS = CogSettings(
    tier="analysis",
    storage_class="hot",
    compression="DEFLATE",
    level=6,
    quality=None,
    overview_resampling="cubic",
    warp_resampling="cubic",
)
sides = st.integers(1, 40_000)


@given(sides, sides, sides, sides, st.sampled_from(["uint8", "uint16", "float64"]), st.booleans())
def test_images_are_in_memory_or_on_disk(
    rows: int, columns: int, new_rows: int, new_columns: int, dtype: str, reprojected: bool
) -> None:
    load = Load(
        source_shape=(rows, columns),
        shape=(new_rows, new_columns),
        bands=3,
        dtype=np.dtype(dtype),
        reprojected=reprojected,
        in_memory=True,
        window_bytes=2**25,
        windows=3,
        process_bytes=2**27,
    )
    inside, outside = predict(load, SETTINGS), predict(attrs.evolve(load, in_memory=False), SETTINGS)
    assert outside.peak_memory == 2**27 + 3 * 2**25
    assert inside.peak_memory - outside.peak_memory == load.held_bytes
    in_files = attrs.evolve(load, in_memory=False).held_bytes
    assert outside.temporary_disk - inside.temporary_disk == in_files >= load.held_bytes
    pixels = new_rows * new_columns * 3 * np.dtype(dtype).itemsize
    assert load.held_bytes >= pixels + reprojected * rows * columns * 3 * np.dtype(dtype).itemsize
    spilled = attrs.evolve(load, in_memory=False, encoded_bytes=9 * pixels)
    assert spilled.held_bytes > 10 * pixels, "in files, the image stays beside its blocks"
    assert predict(spilled, SETTINGS).temporary_disk == spilled.held_bytes + inside.temporary_disk
    assert inside.temporary_disk >= inside.bytes_out
    more = predict(attrs.evolve(load, bands=4), SETTINGS)
    assert more.bytes_out >= inside.bytes_out
    assert more.peak_memory > inside.peak_memory


def test_in_memory_the_source_goes_while_the_image_is_filled() -> None:
    load = Load(
        source_shape=(1000, 100),
        shape=(500, 300),
        bands=2,
        dtype=np.dtype("uint16"),
        reprojected=True,
        in_memory=True,
        warped=((1000, 100), (400, 300), (100, 500)),
        encoded_bytes=400_000,
    )
    pixel = 2 * 2 + 1
    assert load.held_bytes == (100 * 100 + 500 * 300) * pixel, "the last step takes most"
    assert attrs.evolve(load, warped=((1000, 0), (1, 300))).held_bytes == 500 * 300 * pixel, "never less than it"
    assert attrs.evolve(load, encoded_bytes=10**6).held_bytes == 10**6 + 500 * 300 * pixel // 3
    kept = attrs.evolve(load, encoded_bytes=10**6, kept_bytes=1234)
    assert kept.held_bytes == 10**6 + 500 * 300 * pixel // 3 + 1234, "what a lossy codec is compared with"
    spilled = attrs.evolve(load, in_memory=False)
    assert spilled.held_bytes == max((1000 * 100 + 500 * 300) * pixel, 400_000 + 500 * 300 * pixel * 4 // 3)
