"""What is looked at reaches all parts of an image and of a block."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rastercollection.rasters.encoding.predictors import FLOATING_POINT, HORIZONTAL, predicted
from rastercollection.rasters.encoding.sampling import content, sample_windows, stripes

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


@given(st.integers(1, 600), st.integers(1, 600))
def test_stripes_reach_all_parts(count: int, least: int) -> None:
    found = stripes(np.arange(count)[:, np.newaxis], least)[:, 0]
    assert len(found) >= min(least, count)
    assert len(found) <= least + 3
    if count >= 8:
        assert found[0] < count / 2 <= found[-1] + 1


@pytest.mark.parametrize(("dtype", "predictor"), [("uint16", HORIZONTAL), ("float32", FLOATING_POINT)])
def test_content_is_what_pixels_are_in(dtype: str, predictor: int) -> None:
    """Whatever lies in the image is in it, and nothing that fills up."""
    block = np.random.default_rng(1).integers(1, 60_000, (2, 5, 7)).astype(dtype)
    whole = content(predicted(block, 16, predictor), block.shape, block.dtype.itemsize, predictor)
    assert whole.size == block.nbytes
    alone = predicted(np.pad(block, ((0, 0), (0, 11), (0, 9)), mode="edge"), 16, predictor)
    assert np.array_equal(whole.ravel(), content(alone, block.shape, block.dtype.itemsize, predictor).ravel())
