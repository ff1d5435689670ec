"""TIFF's predictors, judged by those of imagecodecs and of tifffile's reader."""

from __future__ import annotations

from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rastercollection.rasters.encoding.predictors import (
    FLOATING_POINT,
    HORIZONTAL,
    NO_PREDICTOR,
    predicted,
    usual_predictor,
)

SIDE = 16


def undone(tile: NDArray[Any], bands: int, dtype: str, predictor: int) -> NDArray[Any]:
    """``(side, side, bands)`` by imagecodecs."""
    if predictor == NO_PREDICTOR:
        return tile.copy().view(dtype).reshape(SIDE, SIDE, bands)
    if predictor == HORIZONTAL:
        words = tile.copy().view(f"u{np.dtype(dtype).itemsize}").reshape(SIDE, SIDE, bands)
        return imagecodecs.delta_decode(words, axis=1).view(dtype)
    planes = tile.copy().view(dtype).reshape(SIDE, SIDE, bands)
    return imagecodecs.floatpred_decode(planes, axis=-2)


@pytest.mark.parametrize(
    ("dtype", "predictor"),
    [(kind + size, HORIZONTAL) for kind in "ui" for size in "1248"]
    + [("f2", FLOATING_POINT), ("f4", FLOATING_POINT), ("f8", FLOATING_POINT), ("c8", NO_PREDICTOR)],
)
@given(bands=st.integers(1, 4), rows=st.integers(1, SIDE), columns=st.integers(1, SIDE), seed=st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_predictors_can_be_undone(dtype: str, predictor: int, bands: int, rows: int, columns: int, seed: int) -> None:
    size = np.dtype(dtype).itemsize
    data = np.random.default_rng(seed).integers(0, 256, bands * rows * columns * size, "uint8")
    block = data.view(dtype).reshape(bands, rows, columns)
    assert usual_predictor("DEFLATE", block.dtype) == predictor
    found = undone(predicted(block, SIDE, predictor), bands, dtype, predictor)
    assert found[:rows, :columns].tobytes() == np.ascontiguousarray(block.transpose(1, 2, 0)).tobytes()


@pytest.mark.parametrize("predictor", [HORIZONTAL, FLOATING_POINT])
def test_what_is_filled_up_is_no_difference(predictor: int) -> None:
    """A constant block that is cut holds zeros wherever the whole one does, and one run of them below."""
    block = np.full((2, 5, 7), 3.5, "f4") if predictor == FLOATING_POINT else np.full((2, 5, 7), 9, "u2")
    tile = predicted(block, SIDE, predictor)
    whole = predicted(np.broadcast_to(block[:, :1, :1], (2, SIDE, SIDE)), SIDE, predictor).copy()
    tile = predicted(block, SIDE, predictor)
    assert (tile[:5] == whole[:5]).all()
    assert not tile[5:].any()
