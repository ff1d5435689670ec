"""What texts, wavelengths and colour interpretations say of a band, and what they do not."""

from __future__ import annotations

from typing import Any

import pytest

from rastercollection.model.band_names import (
    COMMON_NAMES,
    color_of,
    common_name,
    description_of,
    designation_in,
    name_in_text,
    names_in_letters,
    nearest_bands,
    wavelength_in_tags,
    wavelength_in_text,
)

SENTINEL_2 = (0.443, 0.490, 0.560, 0.665, 0.705, 0.740, 0.783, 0.842, 0.865, 0.945, 1.375, 1.610, 2.190)
SENTINEL_2_NAMES = [
    *("coastal", "blue", "green", "red", "rededge071", "rededge075", "rededge078"),
    *("nir", "nir08", "nir09", "cirrus", "swir16", "swir22"),
]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("red", "red"),
        ("Blue (450-515 nm)", "blue"),
        ("nir08", "nir08"),
        ("rededge2", "rededge075"),
        ("Near Infrared", "nir"),
        ("Red Edge 1", "rededge071"),
        ("Vegetation red edge", "rededge"),
        ("Coastal aerosol", "coastal"),
        ("Sentinel-2 B4 red 10m", "red"),
        ("surface_reflectance_green", "green"),
        ("SWIR 2", "swir22"),
        ("SWIR", None),
        ("Panchromatic", "pan"),
        ("Thermal Infrared 1", "lwir11"),
        ("green vegetation", None),
        ("red deer", None),
        ("NIR/red ratio", None),
        ("blue green", None),
        ("rain in March", None),
        ("greenness", None),
        ("B04", None),
        ("", None),
    ],
)
def test_words_are_read_and_no_more_than_they_say(text: str, name: str | None) -> None:
    assert name_in_text(text) == name
    assert name is None or name in COMMON_NAMES


def test_every_common_name_is_known_by_itself() -> None:
    assert [common_name(name.upper()) for name in COMMON_NAMES] == list(COMMON_NAMES)
    assert [name_in_text(name) for name in COMMON_NAMES] == list(COMMON_NAMES)
    assert common_name("band of brothers") is None


@pytest.mark.parametrize(
    ("text", "number"),
    [("B04", "04"), ("SR_B4", "4"), ("Band 8A", "8a"), ("band_11", "11"), ("B1 bathymetry", None), ("B2-B1", None)],
)
def test_designations_of_sensors(text: str, number: str | None) -> None:
    assert designation_in(text) == number


@pytest.mark.parametrize(
    ("letters", "names"),
    [
        (["B", "G", "R"], ("blue", "green", "red")),
        (["r", "g", "b", "n"], ("red", "green", "blue", "nir")),
        (["R", "S", "T"], (None, None, None)),
    ],
)
def test_single_letters_count_where_they_are_a_picture(letters: list[str], names: Any) -> None:
    assert names_in_letters(letters) == names


@pytest.mark.parametrize(
    ("text", "micrometers"),
    [
        ("Blue (450-515 nm)", 0.4825),
        ("665.5 Nanometers", 0.6655),
        ("0.63 - 0.69 µm", 0.66),
        ("11 micrometers", 11.0),
        ("depth 12 m", None),
        ("5000000 nm", None),
    ],
)
def test_wavelengths_in_texts(text: str, micrometers: float | None) -> None:
    assert wavelength_in_text(text) == pytest.approx(micrometers)


@pytest.mark.parametrize(
    ("tags", "shared", "micrometers"),
    [
        ({"CENTRAL_WAVELENGTH_UM": "0.490"}, {}, 0.49),
        ({"wavelength": "842.0", "wavelength_units": "Nanometers"}, {}, 0.842),
        ({"wavelength": "0.842"}, {"wavelength_units": "Micrometers"}, 0.842),
        ({"wavelength": "665"}, {}, 0.665),
        ({"center_wavelength": "0.665"}, {}, 0.665),
        ({"WAVELENGTH": "665", "WAVELENGTH_UNIT": "nm"}, {}, 0.665),
        ({"wavelength": "3"}, {"wavelength_units": "GHz"}, None),
        ({"wavelength": "long"}, {}, None),
        ({}, {}, None),
    ],
)
def test_wavelengths_in_tags(tags: dict[str, str], shared: dict[str, str], micrometers: float | None) -> None:
    assert wavelength_in_tags(tags, shared) == pytest.approx(micrometers)


def test_bands_are_called_by_their_wavelengths() -> None:
    assert list(dict(sorted(nearest_bands(dict(enumerate(SENTINEL_2))).items())).values()) == SENTINEL_2_NAMES
    hyperspectral = {band: 0.4 + 0.005 * band for band in range(120)}
    names = {name: band for band, name in nearest_bands(hyperspectral).items()}
    assert [round(hyperspectral[names[name]], 3) for name in ("red", "green", "blue", "nir")] == [
        0.665,
        0.56,
        0.485,
        0.835,
    ]
    assert nearest_bands({0: 3.0, 1: 8.0}) == {}


@pytest.mark.parametrize(
    ("name", "role", "own", "color"),
    [
        ("nir08", "nir08", "undefined", "nir"),
        ("blue", "blue", "red", "blue"),
        ("B04", "red", "gray", "red"),
        ("quality", None, "alpha", "undefined"),
        ("quality", None, "green", "undefined"),
        ("quality", None, "gray", "gray"),
        ("alpha", None, "undefined", "alpha"),
        ("yellow", "yellow", "undefined", "undefined"),
        ("classes", None, "palette", "palette"),
    ],
)
def test_colors_that_go_with_names_of_the_users(name: str, role: str | None, own: str, color: str) -> None:
    assert color_of(name, role, own) == color


def test_descriptions_that_say_the_same_stay() -> None:
    assert description_of("blue", "blue", "Blue (450-515 nm)") == "Blue (450-515 nm)"
    assert description_of("blue", "blue", "green") == "blue"
    assert description_of("B02", "blue", "blue") == "B02"
    assert description_of("blue", "blue", None) == "blue"
    assert description_of("alpha", None, None) is None
