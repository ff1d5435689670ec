"""The level of a codec that an image is worth, and whether LZW is worth its predictor, by encoding a little of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from rastercollection.model.cog import CogSettings
from rastercollection.model.receipt import EncodingChoice, EncodingTrial
from rastercollection.rasters.encoding.candidates import weighed
from rastercollection.rasters.encoding.encoders import encoder_of
from rastercollection.rasters.encoding.predictors import NO_PREDICTOR, usual_predictor
from rastercollection.rasters.pixels.windows import Array

__all__ = ["choose_level", "has_choice"]

_LIMIT = 1.03
_SAMPLE_BYTES = 3 * 2**19
_STRIPES, _UNIT = 8, 16


@attrs.frozen(kw_only=True)
class _Codec:
    """What each level costs as a share of the usual one's CPU, which is the last; None is what has no levels."""

    costs: Mapping[int | None, float]
    sample_bytes: int = _SAMPLE_BYTES


_CODECS: Mapping[str, _Codec] = {
    "LZW": _Codec(costs={None: 1.0}),
    "ZSTD": _Codec(costs={1: 0.06, 2: 0.09, 3: 0.22, 5: 0.45, 7: 0.7, 9: 1.0}),
    # GDAL takes LZMA 0 for "not given", which is 6
    "LZMA": _Codec(costs={1: 0.5, 2: 0.6, 3: 0.7, 6: 1.0}, sample_bytes=_SAMPLE_BYTES // 4),
    "LERC_DEFLATE": _Codec(costs={1: 0.4, 2: 0.6, 3: 0.65, 4: 0.7, 6: 1.0}),
    "LERC_ZSTD": _Codec(costs={1: 0.3, 2: 0.35, 3: 0.4, 5: 0.6, 7: 0.8, 9: 1.0}),
}


@attrs.frozen(kw_only=True)
class _Way:
    level: int | None
    predictor: int


def has_choice(settings: CogSettings) -> bool:
    """Whether settings leave a level open, or LZW's predictor, which they never tell."""
    return settings.compression in _CODECS and (settings.level == "auto" or settings.compression == "LZW")


def choose_level(blocks: Sequence[Array], settings: CogSettings, dtype: np.dtype) -> EncodingChoice:
    """The level whose size and cost together are least, at most 3% larger than the codec's usual one.

    Args:
        blocks: ``(bands, rows, columns)`` each, of one type.
        settings: With a codec that has a choice.
        dtype: Of the COG.
    """
    codec = _CODECS[settings.compression]
    sample = _sample(blocks, settings.block_size, codec.sample_bytes)
    settings = attrs.evolve(settings, block_size=_unit_above(max(sample.shape[1:])))
    predictors = tuple(dict.fromkeys((usual_predictor(settings.compression, dtype), NO_PREDICTOR)))
    ways = [_Way(level=level, predictor=predictor) for predictor in predictors for level in codec.costs]
    sizes = {way: _size(sample, settings, way) for way in ways}
    usual = ways[len(codec.costs) - 1]
    small = [way for way in ways if sizes[way] <= _LIMIT * sizes[usual]]
    chosen = min(small, key=lambda way: weighed(sizes[way] / sizes[usual], codec.costs[way.level]))

    def named(way: _Way) -> str:
        return settings.compression if way.level is None else f"{settings.compression} {way.level}"

    return EncodingChoice(
        encoder=named(chosen),
        level=chosen.level,
        predictor=chosen.predictor,
        reason=f"With predictor {chosen.predictor}, {named(chosen)} makes the sample "
        f"{100 * sizes[chosen] / sizes[usual]:.1f}% of what {named(usual)} with predictor {usual.predictor} does, "
        f"at about {100 * codec.costs[chosen.level]:.0f}% of its CPU.",
        sample_bytes=sample.nbytes,
        trials=tuple(
            EncodingTrial(encoder=named(way), predictor=way.predictor, bytes=size) for way, size in sizes.items()
        ),
    )


def _size(sample: Array, settings: CogSettings, way: _Way) -> int:
    choice = EncodingChoice(
        encoder="", level=way.level, predictor=way.predictor, reason="", sample_bytes=sample.nbytes, trials=()
    )
    return len(encoder_of(settings, sample.dtype, len(sample), choice=choice).encode(sample))


def _sample(blocks: Sequence[Array], block_size: int, budget: int) -> Array:
    """One block pieced together: rows of many blocks, one set below the other, as wide as fits the budget."""
    bands, rows, _ = blocks[0].shape
    side = int((budget / (bands * blocks[0].dtype.itemsize)) ** 0.5) // _UNIT * _UNIT
    side = min(block_size, max(2 * _UNIT, side))
    count = min(len(blocks), _STRIPES)
    each = min(rows, max(1, side // count))
    picked = [blocks[(2 * number + 1) * len(blocks) // (2 * count)] for number in range(count)]
    tops = [number * (rows - each) // max(1, count - 1) for number in range(count)]
    return np.concatenate([block[:, top : top + each, :side] for block, top in zip(picked, tops, strict=True)], axis=1)


def _unit_above(pixels: int) -> int:
    return -(-pixels // _UNIT) * _UNIT
