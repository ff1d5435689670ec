"""Blocks of all kinds, among them those that no sample taught anything of: none is larger than it need be."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from encoding_scenes import IMAGES, MOSAICS, blocks_of, settings
from rastercollection.rasters.encoding import adaptive
from rastercollection.rasters.encoding.choosing import choose
from rastercollection.rasters.encoding.encoders import BlockEncoder, encoder_of
from rastercollection.rasters.encoding.predictors import predicted
from rastercollection.rasters.encoding.sampling import sample_windows

SIDE = 256
AUTO, USUAL = settings("DEFLATE", "auto", block_size=SIDE), settings("DEFLATE", 6, block_size=SIDE)


def encoder_for(image: NDArray[Any], *, by: NDArray[Any] | None = None) -> BlockEncoder:
    """What is chosen by the sample of an image, which may be another one."""
    sampled = image if by is None else by
    _, height, width = sampled.shape
    blocks = [sampled[(slice(None), *window.toslices())] for window in sample_windows(width, height, SIDE)]
    return encoder_of(AUTO, image.dtype, len(image), choice=choose(blocks, AUTO, image.dtype))


def size(image: NDArray[Any], encoder: BlockEncoder) -> int:
    return sum(len(encoder.encode(block)) for block in blocks_of(image, SIDE))


@pytest.mark.parametrize("make", [*IMAGES.values(), *MOSAICS.values()], ids=[*IMAGES, *MOSAICS])
def test_no_image_is_more_than_a_hundredth_larger_than_with_level_6(make: Callable[[], NDArray[Any]]) -> None:
    image = make()
    assert size(image, encoder_for(image)) <= 1.01 * size(image, encoder_of(USUAL, image.dtype, len(image)))


@pytest.mark.parametrize("sampled", ["picture", "elevation", "noise"])
@pytest.mark.parametrize("seen", ["repeating picture", "flat", "half flat", "steps", "picture"])
def test_blocks_unlike_the_sample_are_tried_themselves(sampled: str, seen: str) -> None:
    """The sample is of another image altogether."""
    image = IMAGES[seen]()
    by = IMAGES[sampled]().astype(image.dtype)
    by = np.broadcast_to(by[:1], (len(image), *by.shape[1:]))
    usual = size(image, encoder_of(USUAL, image.dtype, len(image)))
    assert size(image, encoder_for(image, by=by)) <= 1.01 * usual


def test_without_trials_those_would_be_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptive, "distance", lambda one, other: 0)
    image, picture = IMAGES["repeating picture"](), IMAGES["picture"]()
    assert size(image, encoder_for(image, by=picture)) > 1.1 * size(image, encoder_of(USUAL, image.dtype, len(image)))


def test_edges_of_pictures_are_not_filled_up_at_a_bit_a_byte() -> None:
    image = IMAGES["picture"]()
    encoder = encoder_for(image)
    assert (
        len(encoder.encode(image[:, :9, :SIDE])) < 1.02 * 9 / SIDE * len(encoder.encode(image[:, :SIDE, :SIDE])) + 900
    )


@pytest.mark.parametrize("kind", ["picture", "half flat", "elevation"])
def test_tiles_are_plain_deflate_and_the_same_whoever_makes_them(kind: str) -> None:
    """In any order, from any thread, and by a choice that was made anew."""
    image = IMAGES[kind]()
    encoder, again = encoder_for(image), encoder_for(image)
    blocks = blocks_of(image[:, :700, :600], SIDE)
    with ThreadPoolExecutor(3) as threads:
        encoded = list(threads.map(encoder.encode, blocks))
    assert [again.encode(block) for block in blocks[::-1]] == encoded[::-1]
    predictor = encoder.creation_options["PREDICTOR"]
    for block, tile in zip(blocks, encoded, strict=True):
        assert zlib.decompress(tile) == predicted(block, SIDE, predictor).tobytes()
