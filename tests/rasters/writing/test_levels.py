"""``compression_level="auto"``: what it costs in size is judged by encoding whole images with GDAL's COG driver."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cog_scenes import texture, write_raster
from rastercollection.core.records import from_dict, to_dict
from rastercollection.model.cog import CogSettings
from rastercollection.model.receipt import LevelChoice, LevelTrial
from rastercollection.rasters.writing.levels import choose_level, knee, sample_windows

USUAL = {"DEFLATE": 6, "ZSTD": 9, "LZMA": 6, "LERC_DEFLATE": 6, "LERC_ZSTD": 9}
WITH_PREDICTOR = ("DEFLATE", "ZSTD")
SIDE = 1024


def settings(compression: str, block_size: int = 256) -> CogSettings:
    return CogSettings(
        tier="analysis",
        storage_class="hot",
        compression=compression,
        level="auto",
        quality=None,
        overview_resampling="nearest",
        warp_resampling="nearest",
        block_size=block_size,
    )


def busy() -> NDArray[Any]:
    """Noise that wanders: neighbours are alike, and nothing repeats."""
    rng = np.random.default_rng(5)
    steps = rng.normal(0, 3, (3, SIDE, SIDE)).cumsum(axis=2) + rng.normal(0, 2, (3, SIDE, SIDE))
    return (127 + 100 * np.sin(steps / 60)).astype("uint8")


def repeating() -> NDArray[Any]:
    """Patterns that come again with small changes: what is gained by searching longer for matches."""
    rng = np.random.default_rng(6)
    words = rng.integers(0, 9, (40, 24))
    rows = [np.concatenate([words[word] for word in rng.integers(0, 40, SIDE // 24 + 1)])[:SIDE] for _ in range(SIDE)]
    return np.stack(rows)[np.newaxis].astype("uint8")


IMAGES = {
    "smooth": lambda: texture(3, SIDE, SIDE, "uint8"),
    "busy": busy,
    "repeating": repeating,
    "elevation": lambda: texture(1, SIDE, SIDE, "float32", 300, 1100),
    "constant": lambda: np.full((2, SIDE, SIDE), 7, "uint16"),
}


def choose(image: NDArray[Any], compression: str, block_size: int = 256) -> LevelChoice:
    _, height, width = image.shape
    blocks = [image[(slice(None), *w.toslices())] for w in sample_windows(width, height, block_size)]
    return choose_level(blocks, settings(compression, block_size), image.dtype)


def encoded(image: NDArray[Any], compression: str, level: int, folder: Path) -> int:
    """Bytes of the whole image as a COG."""
    source = write_raster(folder / "source.tif", image, compress="NONE")
    options: dict[str, Any] = {"COMPRESS": compression, "LEVEL": level, "BLOCKSIZE": 256, "OVERVIEWS": "NONE"}
    if compression in WITH_PREDICTOR:
        options["PREDICTOR"] = "YES"
    rasterio.shutil.copy(source, folder / "cog.tif", driver="COG", **options)
    return (folder / "cog.tif").stat().st_size


@pytest.mark.parametrize("compression", USUAL)
@pytest.mark.parametrize("kind", IMAGES)
def test_the_file_is_hardly_larger_than_with_the_usual_level(kind: str, compression: str, tmp_path: Path) -> None:
    image = IMAGES[kind]()
    choice = choose(image, compression)
    assert encoded(image, compression, choice.level, tmp_path) <= 1.06 * encoded(
        image, compression, USUAL[compression], tmp_path
    )
    assert choice.level in {trial.level for trial in choice.trials}
    assert max(trial.level for trial in choice.trials) == USUAL[compression]
    again = choose(image, compression)
    assert [one.level for one in again.trials] == [one.level for one in choice.trials]
    assert [one.bytes for one in again.trials] == pytest.approx([one.bytes for one in choice.trials], rel=1e-4)
    assert again.level == choice.level
    assert from_dict(LevelChoice, to_dict(choice)) == choice


def test_what_is_gained_decides() -> None:
    """A low level where a higher one gains nothing, a higher one where it does."""
    assert choose(IMAGES["constant"](), "DEFLATE").level <= 2
    assert choose(np.random.default_rng(2).integers(0, 255, (3, 600, 600), "uint8"), "DEFLATE").level == 1
    choice = choose(repeating(), "DEFLATE")
    assert choice.level > 1
    sizes = {trial.level: trial.bytes for trial in choice.trials}
    assert sizes[1] > 1.03 * min(sizes.values())


def test_the_sample_is_encoded_as_the_cog_is(tmp_path: Path) -> None:
    """One block that is all of the image: sizes differ by no more than headers and band interleaving do."""
    image = texture(3, 256, 256, "float32")
    trials = {trial.level: trial.bytes for trial in choose(image, "DEFLATE").trials}
    assert len(trials) > 1
    for level, size in trials.items():
        assert size == pytest.approx(encoded(image, "DEFLATE", level, tmp_path), rel=0.02)


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1, 700), (4, 700, 1), (2, 17, 300)])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float64", "complex64"])
def test_small_images(shape: tuple[int, int, int], dtype: str) -> None:
    image = np.random.default_rng(1).random(shape).astype(dtype)
    for compression in ("DEFLATE", "ZSTD"):
        assert 1 <= choose(image, compression).level <= USUAL[compression]


def test_the_sample_stays_small() -> None:
    """Many bands of a wide type cost no more than a picture."""
    image = texture(30, 512, 512, "float64")
    started = time.process_time()
    choice = choose(np.concatenate([image, image], axis=2), "DEFLATE", 512)
    assert max(trial.bytes for trial in choice.trials) < 9 * 2**20
    assert sum(trial.seconds for trial in choice.trials) < time.process_time() - started


def trial(level: int, size: int, seconds: float) -> LevelTrial:
    return LevelTrial(level=level, bytes=size, seconds=seconds)


@pytest.mark.parametrize(
    ("trials", "expected"),
    [
        ([trial(6, 1000, 9)], 6),
        ([trial(1, 1030, 1), trial(6, 1000, 9)], 1),
        ([trial(1, 1031, 1), trial(2, 1020, 2), trial(6, 1000, 9)], 2),
        ([trial(1, 1031, 1), trial(2, 1052, 2), trial(6, 1000, 9)], 6),
        ([trial(1, 900, 1), trial(6, 1000, 9)], 1),
        ([trial(1, 1025, 4), trial(2, 1020, 2), trial(6, 1000, 9)], 2),
        ([trial(1, 1025, 2.5), trial(2, 1020, 2), trial(6, 1000, 9)], 1),
        ([trial(1, 1000, 4), trial(2, 1000, 2)], 1),
    ],
)
def test_the_knee(trials: list[LevelTrial], expected: int) -> None:
    assert knee(trials).level == expected
    assert knee(trials[::-1]).level == expected


sizes = st.integers(1, 20_000)


@given(sizes, sizes, st.sampled_from([128, 512]), st.integers(1, 40))
def test_windows_are_whole_blocks_apart_from_each_other(width: int, height: int, block: int, most: int) -> None:
    windows = sample_windows(width, height, block, most)
    columns, rows = width // block, height // block
    assert windows == sample_windows(width, height, block, most)
    if not columns or not rows:
        (window,) = windows
        assert (window.width, window.height) == (min(width, block), min(height, block))
        return
    places = {(window.col_off, window.row_off) for window in windows}
    assert len(places) == len(windows) <= min(most, columns * rows)
    assert len(windows) >= min(most, columns * rows) / 2
    for window in windows:
        assert (window.width, window.height) == (block, block)
        assert window.col_off % block == window.row_off % block == 0
        assert window.col_off + block <= width
        assert window.row_off + block <= height


@given(st.integers(8, 60), st.integers(8, 60))
def test_windows_reach_all_parts(columns: int, rows: int) -> None:
    windows = sample_windows(columns * 256, rows * 256, 256, 16)
    for size, starts in ((columns, [w.col_off // 256 for w in windows]), (rows, [w.row_off // 256 for w in windows])):
        gap = math.ceil(size / len(set(starts)))
        assert max(starts) >= size - gap
        assert min(starts) <= gap
