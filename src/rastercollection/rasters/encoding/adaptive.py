"""DEFLATE by the encoder that suits each block, told from what sampled blocks of its image taught."""

from __future__ import annotations

import math
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

import attrs

from rastercollection.model.receipt import EncodingChoice, Texture
from rastercollection.rasters.encoding.candidates import DEFLATE, HUFFMAN, QUICK, RUNS, SLOWER, USUAL, pick
from rastercollection.rasters.encoding.predictors import predicted
from rastercollection.rasters.encoding.sampling import content, stripes
from rastercollection.rasters.encoding.textures import FLAT, distance, texture_of
from rastercollection.rasters.pixels.windows import Array

__all__ = ["AdaptiveDeflate", "trial"]

_TRIAL_BYTES = 98_304
_SMALL = 0.15
"""A block that quick matches shrink to less than this is little to encode."""
_FOR_SMALL = (QUICK, RUNS, USUAL)
_HOPELESS = 1.1
"""Codes of single bytes are no choice where matches save more than this."""


@attrs.frozen(kw_only=True)
class AdaptiveDeflate:
    """Encodes each block as the sampled block was best encoded whose texture it has; what is like none is tried itself.

    A function of block and choice alone: neither the order of blocks nor threads make a difference.
    """

    creation_options: Mapping[str, Any]
    side: int
    choice: EncodingChoice

    def encode(self, block: Array) -> bytes:
        """See :class:`~rastercollection.rasters.encoding.encoders.BlockEncoder`."""
        tile = predicted(block, self.side, self.choice.predictor)
        name = self._encoder(tile, block)
        if name == HUFFMAN and block.shape[1:] != (self.side, self.side):
            return _smaller(tile, RUNS, HUFFMAN)  # each byte that fills up would take a bit
        return DEFLATE[name].compress(tile)

    def encoder_for(self, block: Array) -> str:
        """The name of the encoder that suits a block."""
        return self._encoder(predicted(block, self.side, self.choice.predictor), block)

    def _encoder(self, tile: Array, block: Array) -> str:
        texture = texture_of(content(tile, block.shape, block.dtype.itemsize, self.choice.predictor))
        if texture.matched < FLAT:
            return USUAL
        return self._like(texture) or _best(tile[: block.shape[1]], texture)

    def _like(self, texture: Texture) -> str | None:
        """The encoder of the sampled block whose texture is nearest; None where none is near."""
        apart = [(distance(regime.texture, texture), regime.encoder) for regime in self.choice.regimes]
        far, encoder = min(apart, default=(math.inf, None), key=itemgetter(0))
        return encoder if far <= 1 else None


def _best(rows: Array, texture: Texture) -> str:
    sizes = trial(rows, texture, whole=False)
    return pick(sizes, sizes[USUAL])


def _smaller(tile: Array, *names: str) -> bytes:
    return min((DEFLATE[name].compress(tile) for name in names), key=len)


def trial(rows: Array, texture: Texture, *, whole: bool) -> dict[str, int]:
    """What encoders make of some rows of a tile, in bytes; those that cannot be worth it are left out.

    Args:
        rows: Those that are in the image, after the predictor.
        texture: Of its content.
        whole: Whether all rows are tried where the tile shrinks to little: it is cheap, and stripes tell less of it.
    """
    is_small = texture.matched < _SMALL
    some = stripes(rows, len(rows) if whole and is_small else -(-_TRIAL_BYTES // rows.shape[1]))
    names = _FOR_SMALL if is_small else tuple(DEFLATE)
    sizes: dict[str, int] = {}
    for name in sorted(names, key=lambda name: name != USUAL):
        hopeless = name == HUFFMAN and texture.entropy > _HOPELESS * texture.matched
        if not hopeless and (name != SLOWER or min(sizes.values()) == sizes[USUAL]):
            sizes[name] = len(DEFLATE[name].compress(some))
    return sizes
