"""What is chosen for an image, and what is told of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from encoding_scenes import IMAGES, settings
from rastercollection.core.records import from_dict, to_dict
from rastercollection.model.receipt import EncodingChoice
from rastercollection.rasters.encoding.choosing import choose, leaves_open
from rastercollection.rasters.encoding.encoders import encoder_of
from rastercollection.rasters.encoding.predictors import FLOATING_POINT, HORIZONTAL, NO_PREDICTOR
from rastercollection.rasters.encoding.sampling import sample_windows

SIDE = 256
AUTO = settings("DEFLATE", "auto", block_size=SIDE)


def chosen(image: NDArray[Any], side: int = SIDE) -> EncodingChoice:
    _, height, width = image.shape
    windows = sample_windows(width, height, side)
    return choose([image[(slice(None), *window.toslices())] for window in windows], AUTO, image.dtype)


@pytest.mark.parametrize(
    ("codec", "level", "is_open"),
    [
        ("DEFLATE", None, True),
        ("DEFLATE", "auto", True),
        ("DEFLATE", 6, False),
        ("ZSTD", None, False),
        ("ZSTD", "auto", True),
        ("LZW", None, True),
        ("LERC_ZSTD", "auto", True),
        ("JPEG", None, False),
        ("NONE", None, False),
    ],
)
def test_what_is_left_open(codec: str, level: Any, is_open: bool) -> None:
    assert leaves_open(settings(codec, level)) == is_open


@pytest.mark.parametrize(
    ("kind", "encoders", "predictor"),
    [
        ("picture", {"Huffman codes"}, HORIZONTAL),
        ("spectra", {"ISA-L 2"}, HORIZONTAL),
        ("elevation", {"libdeflate 6"}, FLOATING_POINT),
        ("shuffled palette", {"ISA-L 2"}, NO_PREDICTOR),
    ],
)
def test_what_suits(kind: str, encoders: set[str], predictor: int) -> None:
    choice = chosen(IMAGES[kind]())
    assert {regime.encoder for regime in choice.regimes} == encoders
    assert choice.predictor == predictor
    assert all(encoder in choice.reason for encoder in encoders)


def test_a_predictor_stays_where_some_of_the_image_needs_it() -> None:
    """Half of the image would be 25% smaller without, the other half half as large again."""
    image = IMAGES["repeating picture"]()
    assert chosen(image).predictor == NO_PREDICTOR
    image[:, :, 600:] = IMAGES["picture"]()[:, :, 600:]
    assert chosen(image).predictor == HORIZONTAL


def test_figures_are_those_of_the_sample() -> None:
    """One block: what is told is what its encoders make of it."""
    image = IMAGES["steps"]()[:, :SIDE, :SIDE]
    choice = chosen(image)
    sizes = {(trial.encoder, trial.predictor): trial.bytes for trial in choice.trials}
    usual = encoder_of(settings("DEFLATE", 6, block_size=SIDE), image.dtype, 1)
    assert sizes["libdeflate 6", HORIZONTAL] == len(usual.encode(image))
    assert sizes["adaptive", choice.predictor] == len(encoder_of(AUTO, image.dtype, 1, choice=choice).encode(image))
    assert choice.sample_bytes == image.nbytes


def test_uniform_images_are_tried_in_two_places() -> None:
    """Whatever their size; what is of many kinds is tried in more."""
    assert len(chosen(IMAGES["picture"]()).regimes) == 2
    mixed = IMAGES["picture"]()
    mixed[:, :512] = IMAGES["noise"]()[:1, :512]
    assert len(chosen(mixed).regimes) == 4


def test_the_choice_is_the_same_again_and_goes_into_records() -> None:
    image = IMAGES["half flat"]()
    choice = chosen(image)
    assert chosen(image.copy()) == choice
    assert from_dict(EncodingChoice, to_dict(choice)) == choice


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1, 700), (4, 700, 1), (2, 17, 300), (30, 40, 50)])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float64", "complex64"])
def test_images_of_any_size(shape: tuple[int, int, int], dtype: str) -> None:
    image = np.random.default_rng(1).random(shape).astype(dtype)
    choice = chosen(image)
    assert len(encoder_of(AUTO, image.dtype, shape[0], choice=choice).encode(image[:, :SIDE, :SIDE])) > 0
