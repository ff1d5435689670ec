"""What tells blocks apart for an encoder: how even their bytes are spread, and how much of them repeats."""

from __future__ import annotations

import math

import numpy as np

from rastercollection.model.receipt import Texture
from rastercollection.rasters.encoding.compressors import igzip
from rastercollection.rasters.encoding.sampling import stripes
from rastercollection.rasters.pixels.windows import Array

__all__ = ["FLAT", "distance", "texture_of"]

FLAT = 0.02
"""A block that quick matches shrink to less than this is cheap to encode by any means."""

_SHARE = 16
_LEAST_BYTES, _MOST_BYTES = 16_384, 49_152
_FLOOR = 0.01
_ENTROPIES_APART, _MATCHES_APART = 0.3, 0.04
"""Within these, as logarithms, two textures are alike."""

_match = igzip(1)


def texture_of(rows: Array) -> Texture:
    """The texture of a block's bytes after the predictor, by about a sixteenth of its rows.

    Args:
        rows: uint8, rows first.
    """
    wanted = min(_MOST_BYTES, max(_LEAST_BYTES, rows.size // _SHARE))
    some = stripes(rows, -(-wanted // rows[0].size))
    counts = np.bincount(some.ravel(), minlength=256)
    shares = counts[counts > 0] / some.size
    entropy = float(-(shares * np.log2(shares)).sum() / 8)
    return Texture(entropy=round(entropy, 4), matched=round(len(_match(some)) / some.size, 4))


def distance(one: Texture, other: Texture) -> float:
    """0 for the same, up to 1 for those that are alike, more for others."""
    entropies = abs(math.log(_raised(one.entropy) / _raised(other.entropy)))
    matches = abs(math.log(_gain(one) / _gain(other)))
    return max(entropies / _ENTROPIES_APART, matches / _MATCHES_APART)


def _gain(texture: Texture) -> float:
    return _raised(texture.matched) / _raised(texture.entropy)


def _raised(value: float) -> float:
    return value + _FLOOR
