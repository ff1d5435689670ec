"""Levels and LZW's predictor, judged by encoding whole images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from encoding_scenes import IMAGES, blocks_of, settings
from rastercollection.model.receipt import EncodingChoice
from rastercollection.rasters.encoding.choosing import choose
from rastercollection.rasters.encoding.encoders import encoder_of
from rastercollection.rasters.encoding.predictors import HORIZONTAL, NO_PREDICTOR
from rastercollection.rasters.encoding.sampling import sample_windows

SIDE = 256
USUAL = {"ZSTD": 9, "LZMA": 6, "LERC_DEFLATE": 6, "LERC_ZSTD": 9, "LZW": None}


def chosen(image: NDArray[Any], codec: str) -> EncodingChoice:
    _, height, width = image.shape
    level = None if codec == "LZW" else "auto"
    blocks = [image[(slice(None), *w.toslices())] for w in sample_windows(width, height, SIDE)]
    return choose(blocks, settings(codec, level, block_size=SIDE), image.dtype)


def size(image: NDArray[Any], codec: str, level: Any, choice: EncodingChoice | None = None) -> int:
    encoder = encoder_of(settings(codec, level, block_size=SIDE), image.dtype, len(image), choice=choice)
    return sum(len(encoder.encode(block)) for block in blocks_of(image, SIDE))


@pytest.mark.parametrize("codec", USUAL)
@pytest.mark.parametrize("kind", ["picture", "elevation", "steps", "shuffled palette", "repeating picture"])
def test_the_file_is_hardly_larger_than_with_the_usual_level(kind: str, codec: str) -> None:
    image = IMAGES[kind]()[:, :700, :800] if codec != "LZMA" else IMAGES[kind]()[:1, :300, :SIDE]
    choice = chosen(image, codec)
    # a sample of stripes does not see what repeats far apart, which is little beside what LERC leaves
    most = 1.05 if codec.startswith("LERC") else 1.04
    assert size(image, codec, "auto", choice) <= most * size(image, codec, USUAL[codec])
    assert choice.encoder in choice.reason
    assert (choice.encoder, choice.predictor) in {(trial.encoder, trial.predictor) for trial in choice.trials}


def test_what_is_gained_decides() -> None:
    """A low level where a higher one gains nothing, a higher one where it does."""
    assert chosen(IMAGES["noise"](), "ZSTD").level == 1
    assert (chosen(IMAGES["elevation"](), "ZSTD").level or 9) <= 2
    spectra = IMAGES["spectra"]()
    choice = chosen(spectra, "ZSTD")
    assert choice.level is not None
    assert choice.level > 1
    assert size(spectra, "ZSTD", choice.level) < 0.95 * size(spectra, "ZSTD", 1)


@pytest.mark.parametrize("codec", ["LZW", "ZSTD"])
def test_a_predictor_is_used_where_it_pays(codec: str) -> None:
    assert chosen(IMAGES["picture"](), codec).predictor == HORIZONTAL
    image = IMAGES["shuffled palette"]()
    choice = chosen(image, codec)
    assert choice.predictor == NO_PREDICTOR
    assert size(image, codec, "auto", choice) < 0.9 * size(image, codec, USUAL[codec])


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1, 700), (4, 700, 1), (2, 17, 300)])
@pytest.mark.parametrize("codec", USUAL)
def test_small_images(shape: tuple[int, int, int], codec: str) -> None:
    image = np.random.default_rng(1).random(shape).astype("float32")
    assert chosen(image, codec).sample_bytes <= image.nbytes


def test_the_sample_stays_small() -> None:
    """Many bands of a wide type cost no more than a picture."""
    image = np.random.default_rng(1).random((30, 512, 512))
    assert chosen(image, "ZSTD").sample_bytes <= 3 * 2**19
