"""What tells blocks apart."""

from __future__ import annotations

import numpy as np
import pytest

from rastercollection.model.receipt import Texture
from rastercollection.rasters.encoding.textures import FLAT, distance, texture_of

RNG = np.random.default_rng(3)


def test_entropy_is_that_of_single_bytes() -> None:
    """Noise of 16 values needs half the bits; repeating it changes matches, and not entropy."""
    noise = RNG.integers(0, 16, (512, 1536), "uint8")
    assert texture_of(noise).entropy == pytest.approx(0.5, abs=0.001)
    repeated = np.tile(noise[:1], (512, 1))
    assert texture_of(repeated).entropy == pytest.approx(0.5, abs=0.01)
    assert texture_of(repeated).matched < 0.1 < texture_of(noise).matched


def test_flat_is_flat() -> None:
    assert (
        texture_of(np.zeros((512, 512), "uint8")).matched < FLAT < texture_of(RNG.integers(0, 2, (9, 9), "u1")).matched
    )


def test_one_row_is_enough() -> None:
    assert texture_of(np.zeros((1, 1), "uint8")).entropy == 0


def test_likeness() -> None:
    """More or less of everything is alike; that matches begin to pay is not."""
    one = Texture(entropy=0.5, matched=0.5)
    assert distance(one, one) == 0
    assert distance(one, Texture(entropy=0.55, matched=0.55)) < 1
    assert distance(one, Texture(entropy=0.5, matched=0.46)) > 1
    assert distance(one, Texture(entropy=0.8, matched=0.8)) > 1
    other = Texture(entropy=0.4, matched=0.42)
    assert distance(one, other) == pytest.approx(distance(other, one))
