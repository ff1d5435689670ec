"""When the colours that GDAL gives any three or four bytes are believed, and when what is said of the bands is."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rastercollection.model.band import BandIdentity
from rastercollection.model.format_colors import believed_colors, is_default

PICTURE = ("red", "green", "blue")
ALPHA = (*PICTURE, "alpha")
NONE = ("undefined",) * 3


def believed(texts: Sequence[str | None], waves: Sequence[float | None] = (), stem: str = "tile") -> tuple[str, ...]:
    waves = waves or (None,) * len(texts)
    bands = [BandIdentity(description=text, wavelength=wave) for text, wave in zip(texts, waves, strict=True)]
    return believed_colors(ALPHA[: len(texts)], bands, stem)


@pytest.mark.parametrize(
    "texts",
    [
        ("January", "February", "March"),
        ("VV", "VH", "VV/VH"),
        ("slope", "aspect", "curvature"),
        ("NDVI 2018", "NDVI 2019", "NDVI 2020"),
        ("PC1", "PC2", "PC3"),
        ("B8", "B4", None),
        ("nir", "red", None),
        (None, None, "age"),
    ],
)
def test_bands_that_are_called_something_else_have_no_colors(texts: Sequence[str | None]) -> None:
    assert believed(texts) == NONE


@pytest.mark.parametrize(
    "texts",
    [
        (None, None, None),
        ("Red", "Green band", "blue (450-515 nm)"),
        ("R", "G", "B"),
        ("Band 1", "Band 2", "Band 3"),
        ("b1", "b2", "b3"),
        ("Layer_1", "Layer_2", "Layer_3"),
        ("tile_1", "tile_2", "tile_3"),
        ("B4", "B3", "B2"),
        ("nir", "red", "green"),
    ],
)
def test_colors_stay_where_nothing_else_is_said_or_names_are_weighed_against_them_later(
    texts: Sequence[str | None],
) -> None:
    assert believed(texts) == PICTURE


def test_light_that_nobody_sees_is_no_color() -> None:
    assert believed((None,) * 3, (0.66, 0.56, 0.48)) == PICTURE
    assert believed((None,) * 3, (1.61, 0.84, 0.66)) == NONE


@pytest.mark.parametrize("text", ["NIR", "Near infrared", "B08", "NDVI", "April"])
def test_a_fourth_band_that_is_called_otherwise_is_no_alpha(text: str) -> None:
    assert believed((*PICTURE, text)) == (*PICTURE, "undefined")


@pytest.mark.parametrize("text", [None, "Alpha", "A", "Transparency", "data mask", "Band 4", "tile_4"])
def test_a_fourth_band_of_which_nothing_else_is_said_stays_alpha(text: str | None) -> None:
    assert believed((*PICTURE, text)) == ALPHA


def test_a_wavelength_makes_no_alpha() -> None:
    assert believed((None,) * 4, (None, None, None, 0.84)) == (*PICTURE, "undefined")


def test_what_somebody_must_have_declared_is_no_default() -> None:
    assert is_default(ALPHA, ("uint8",) * 4)
    assert not is_default(ALPHA, ("uint16",) * 4)
    assert not is_default(("blue", "green", "red"), ("uint8",) * 3)
    assert not is_default((*PICTURE, "nir"), ("uint8",) * 4)
    assert not is_default((*ALPHA, "undefined"), ("uint8",) * 5)
