"""How an image is encoded where the settings leave it open: told by a little of it, the same in every run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import attrs
import numpy as np

from rastercollection.core.machine import MIB
from rastercollection.model.cog import CogSettings
from rastercollection.model.receipt import EncodingChoice, EncodingRegime, EncodingTrial, Texture
from rastercollection.rasters.encoding.adaptive import trial
from rastercollection.rasters.encoding.candidates import DEFLATE, USUAL, pick
from rastercollection.rasters.encoding.level_choice import choose_level, has_choice
from rastercollection.rasters.encoding.predictors import NO_PREDICTOR, predicted, usual_predictor
from rastercollection.rasters.encoding.sampling import MOST_WINDOWS, content, sample_windows, stripes
from rastercollection.rasters.encoding.textures import FLAT, distance, texture_of
from rastercollection.rasters.pixels.raster_buffer import RasterBuffer
from rastercollection.rasters.pixels.windows import Array

__all__ = ["choose", "choose_for", "leaves_open"]

_GAIN_WITHOUT = 0.97
"""A predictor holds for all blocks of an image: to do without, the sample has to shrink to this share."""
_HOPE_WITHOUT = 1.1
_OF_A_KIND, _ALIKE = 2, 0.5
_ROWS_AT_A_GLANCE = 64
_READ_BYTES = 64 * MIB
_WITHOUT = ", and smaller without a predictor than with one"

ADAPTIVE = "adaptive"


def leaves_open(settings: CogSettings) -> bool:
    """Whether :func:`choose` has anything to choose."""
    return _is_adaptive(settings) or has_choice(settings)


def _is_adaptive(settings: CogSettings) -> bool:
    return settings.compression == "DEFLATE" and not isinstance(settings.level, int)


def choose(blocks: Sequence[Array], settings: CogSettings, dtype: np.dtype) -> EncodingChoice:
    """What suits an image by a few of its blocks.

    Args:
        blocks: ``(bands, rows, columns)`` each, those of
            :func:`~rastercollection.rasters.encoding.sampling.sample_windows`.
        settings: That leave something open.
        dtype: Of the COG.
    """
    blocks = [block.astype(dtype, copy=False) for block in blocks]
    if _is_adaptive(settings):
        return _choose_deflate(blocks, settings.block_size, dtype)
    return choose_level(blocks, settings, dtype)


def choose_for(image: RasterBuffer, settings: CogSettings) -> EncodingChoice | None:
    """What suits a filled buffer; None where the settings leave nothing open."""
    if not leaves_open(settings):
        return None
    block_bytes = settings.block_size**2 * image.count * image.dtype.itemsize
    most = max(1, min(MOST_WINDOWS, _READ_BYTES // block_bytes))
    windows = sample_windows(image.width, image.height, settings.block_size, most)
    return choose([image.read(window) for window in windows], settings, image.dtype)


@attrs.frozen(kw_only=True)
class _Sampled:
    texture: Texture
    bytes: int
    sizes: dict[str, int]


def _choose_deflate(blocks: Sequence[Array], side: int, dtype: np.dtype) -> EncodingChoice:
    predictor = usual_predictor("DEFLATE", dtype)
    textures = [_glance(block, side, predictor) for block in blocks]
    some = [blocks[number] for number in _representatives(textures)]
    tried = {predictor: [_sampled(block, side, predictor) for block in some]}
    usual = [one.sizes[USUAL] for one in tried[predictor]]
    chosen = predictor
    if predictor != NO_PREDICTOR and _may_do_without(blocks, side, textures):
        tried[NO_PREDICTOR] = [_sampled(block, side, NO_PREDICTOR) for block in some]
        if _least(tried[NO_PREDICTOR]) <= _GAIN_WITHOUT * min(sum(usual), _least(tried[predictor])):
            chosen = NO_PREDICTOR
    encoders = _encoders(tried[chosen], usual)
    trials = [
        EncodingTrial(encoder=name, predictor=number, bytes=size)
        for number, sampled in tried.items()
        for name, size in _sizes(sampled).items()
    ]
    adaptive = sum(one.sizes[encoder] for one, encoder in zip(tried[chosen], encoders, strict=True))
    return EncodingChoice(
        encoder=ADAPTIVE,
        level=None,
        predictor=chosen,
        reason=_reason(encoders, adaptive / sum(usual), without=chosen != predictor),
        sample_bytes=sum(one.bytes for one in tried[chosen]),
        trials=(*trials, EncodingTrial(encoder=ADAPTIVE, predictor=chosen, bytes=adaptive)),
        regimes=tuple(
            EncodingRegime(texture=one.texture, encoder=encoder)
            for one, encoder in zip(tried[chosen], encoders, strict=True)
            if one.texture.matched >= FLAT
        ),
    )


def _sampled(block: Array, side: int, predictor: int) -> _Sampled:
    tile = predicted(block, side, predictor)
    texture = texture_of(content(tile, block.shape, block.dtype.itemsize, predictor))
    return _Sampled(texture=texture, bytes=block.nbytes, sizes=trial(tile[: block.shape[1]], texture, whole=True))


def _glance(block: Array, side: int, predictor: int) -> Texture:
    """The texture by a few rows, which alone are put through the predictor."""
    rows = np.ascontiguousarray(stripes(block.swapaxes(0, 1), _ROWS_AT_A_GLANCE).swapaxes(0, 1))
    tile = predicted(rows, side, predictor)
    return texture_of(content(tile, rows.shape, rows.dtype.itemsize, predictor))


def _representatives(textures: Sequence[Texture]) -> list[int]:
    """Numbers of blocks to try: two of each kind, which tell as much as all of them."""
    picked: list[int] = []
    for number, texture in enumerate(textures):
        alike = sum(distance(texture, textures[other]) <= _ALIKE for other in picked)
        if alike < _OF_A_KIND:
            picked.append(number)
    return picked


def _may_do_without(blocks: Sequence[Array], side: int, usual: Sequence[Texture]) -> bool:
    """Whether quick matches find more, or nearly as much, in pixels as they are, in every block that was looked at."""
    return all(
        _glance(block, side, NO_PREDICTOR).matched <= max(FLAT, _HOPE_WITHOUT * texture.matched)
        for block, texture in zip(blocks, usual, strict=True)
    )


def _least(sampled: Sequence[_Sampled]) -> int:
    return sum(min(one.sizes.values()) for one in sampled)


def _sizes(sampled: Sequence[_Sampled]) -> dict[str, int]:
    """Of the encoders that all were tried with."""
    names = [name for name in DEFLATE if all(name in one.sizes for one in sampled)]
    return {name: sum(one.sizes[name] for one in sampled) for name in names}


def _encoders(sampled: Sequence[_Sampled], usual: Sequence[int]) -> list[str]:
    """What suits each sampled block, together with those that are like it."""
    found = []
    for one in sampled:
        alike = [number for number, other in enumerate(sampled) if distance(one.texture, other.texture) <= 1]
        sizes = _sizes([sampled[number] for number in alike])
        flat = one.texture.matched < FLAT
        found.append(USUAL if flat else pick(sizes, sum(usual[number] for number in alike)))
    return found


def _reason(encoders: Sequence[str], ratio: float, *, without: bool) -> str:
    counted = Counter(encoders).most_common()
    listed = ", ".join(name if len(counted) == 1 else f"{name} ({count})" for name, count in counted)
    size = f"the sample is {100 * ratio:.1f}% of what {USUAL} makes of it"
    return f"The cheapest for each kind of block that is as small: {listed}. So {size}{_WITHOUT if without else ''}."
