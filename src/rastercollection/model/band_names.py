"""What texts, colour interpretations and wavelengths say of a band: its common name in STAC's eo extension. Pure.

Texts are read narrowly: every word of one has to be known, so that "green" is a band and "green vegetation" is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

__all__ = [
    "ALPHA",
    "COMMON_NAMES",
    "color_of",
    "common_name",
    "description_of",
    "designation_in",
    "known_name",
    "name_in_color",
    "name_in_text",
    "names_in_letters",
    "nearest_bands",
    "wavelength_in_tags",
    "wavelength_in_text",
]

COMMON_NAMES: Final = (
    "pan",
    "coastal",
    "blue",
    "green",
    "green05",
    "yellow",
    "red",
    "rededge",
    "rededge071",
    "rededge075",
    "rededge078",
    "nir",
    "nir08",
    "nir09",
    "cirrus",
    "swir16",
    "swir22",
    "lwir",
    "lwir11",
    "lwir12",
)
"""Those of version 2 of the extension."""

ALPHA: Final = "alpha"
"""What the user calls the band that tells which pixels are valid."""

_OLDER: Final = {"rededge1": "rededge071", "rededge2": "rededge075", "rededge3": "rededge078"}
"""Those of version 1 that were renamed."""

_OF_COLORS: Final = {name: name for name in ("red", "green", "blue", "nir", "rededge", "coastal", "pan", "lwir")}
"""Common names by GDAL's colour interpretations; its yellow is that of printing, its swir may be either."""

_SPELLINGS: Final = {
    "coastal": ("coastal", "coastal blue", "coastal aerosol", "ultra blue"),
    "rededge": ("rededge", "red edge", "vegetation red edge"),
    "nir": ("nir", "near infrared", "near infra red", "nearinfrared", "near ir", "infrared", "wide nir"),
    "nir08": ("narrow nir", "nir narrow", "narrow near infrared"),
    "pan": ("pan", "panchromatic"),
    "swir": ("swir", "shortwave infrared", "short wave infrared", "short wavelength infrared"),
    "lwir": ("lwir", "tir", "tirs", "thermal", "thermal infrared", "longwave infrared"),
    **{name: (name,) for name in ("blue", "green", "yellow", "red", "cirrus")},
}
"""How bands are called in words, in lower case."""

_KINDS: Final = {phrase: kind for kind, phrases in _SPELLINGS.items() for phrase in phrases}

_NUMBERED: Final = {
    "rededge": {"1": "rededge071", "2": "rededge075", "3": "rededge078"},
    "nir": {"2": "nir09", "8": "nir08", "9": "nir09"},
    "swir": {"1": "swir16", "2": "swir22", "16": "swir16", "22": "swir22"},
    "lwir": {"1": "lwir11", "2": "lwir12", "11": "lwir11", "12": "lwir12"},
}
"""Common names by the number behind such words."""

_FILLING: Final = frozenset(
    (
        *("a", "b", "band", "bands", "ch", "chan", "channel", "color", "colour", "light", "visible", "vis", "spectral"),
        *("boa", "bottom", "toa", "top", "of", "the", "atmosphere", "atmospheric", "surface", "corrected", "scaled"),
        *("reflectance", "refl", "radiance", "rayleigh", "rho", "sr", "srefl", "dn", "digital", "number", "numbers"),
        *("wavelength", "central", "center", "centre", "linear", "value", "values", "m", "nm", "um"),
        *("landsat", "l", "tm", "etm", "oli", "sentinel", "s", "msi", "naip", "planet", "planetscope", "rapideye"),
        *("spot", "worldview"),
    )
)
"""Words that say nothing else of a band."""

_RANGES: Final[Mapping[str, tuple[float, float, float]]] = {
    "red": (0.62, 0.665, 0.69),
    "green": (0.515, 0.56, 0.595),
    "blue": (0.45, 0.485, 0.515),
    "nir": (0.79, 0.835, 0.855),
    "nir08": (0.855, 0.865, 0.9),
    "coastal": (0.4, 0.443, 0.45),
    "yellow": (0.595, 0.608, 0.62),
    "rededge071": (0.69, 0.705, 0.73),
    "rededge075": (0.73, 0.74, 0.76),
    "rededge078": (0.76, 0.783, 0.79),
    "nir09": (0.9, 0.945, 1.0),
    "cirrus": (1.35, 1.375, 1.4),
    "swir16": (1.55, 1.61, 1.75),
    "swir22": (2.08, 2.2, 2.35),
    "lwir11": (10.5, 10.9, 11.5),
    "lwir12": (11.5, 12.0, 12.5),
}
"""Shortest, usual and longest central wavelength of a band of each name, µm."""

_DESIGNATION = re.compile(r"(?<![a-z0-9])(?:b|band)[ _-]?(\d{1,2}a?)(?![a-z0-9.])")
_LENGTH = re.compile(
    r"(\d+(?:\.\d+)?)(?:\s*(?:-|–|to)\s*(\d+(?:\.\d+)?))?\s*"
    r"(nm|nanomet(?:er|re)s?|um|µm|μm|micromet(?:er|re)s?|microns?)(?![a-z])"
)
_PLAUSIBLE = (0.2, 20.0)
"""Wavelengths of light and heat, µm."""
_LETTERS: Final = {"r": "red", "g": "green", "b": "blue", "n": "nir"}


def common_name(text: str) -> str | None:
    """The common name that a text is, of either version of the extension; None where it is none."""
    name = text.strip().lower()
    return name if name in COMMON_NAMES else _OLDER.get(name)


def name_in_color(color: str) -> str | None:
    """The common name that a colour interpretation, GDAL's name in lower case, stands for."""
    return _OF_COLORS.get(color)


def color_of(name: str, role: str | None, own: str) -> str:
    """The colour interpretation of a band that the user calls by a name.

    Args:
        name: As given; ``alpha`` for the band that tells which pixels are valid.
        role: Its common name; None where that is not known.
        own: What the file says, GDAL's name in lower case.
    """
    if name.lower() == ALPHA or own == "palette":
        return own if own == "palette" else ALPHA
    if role is None:
        return "undefined" if own == ALPHA or own in _OF_COLORS else own
    plain = role.rstrip("0123456789")
    return plain if plain in {*_OF_COLORS, "swir"} else "undefined"


def description_of(name: str, role: str | None, own: str | None) -> str | None:
    """The description of a band that the user calls by a name: its own where that says the same, or more."""
    if name.lower() == ALPHA:
        return own
    is_same = own is not None and role is not None and common_name(name) == role == name_in_text(own)
    return own if is_same else name


def name_in_text(text: str) -> str | None:
    """The common name that a description or a name of a band says in words; None where it says anything else."""
    known = common_name(text)
    if known:
        return known
    tokens = re.findall(r"[^\W\d_]+|\d+", _LENGTH.sub(" ", text.lower()))
    words = [word for word in tokens if not word.isdigit() and word not in _FILLING]
    kind = _KINDS.get(" ".join(words))
    if kind is None:
        return None
    last = max(place for place, word in enumerate(tokens) if word == words[-1])
    number = "".join(tokens[last + 1 : last + 2]).lstrip("0")
    return _NUMBERED.get(kind, {}).get(number, None if kind == "swir" else kind)


def names_in_letters(texts: Iterable[str | None]) -> tuple[str | None, ...]:
    """Common names of bands that are called R, G, B, and N where those three are there; none otherwise."""
    letters = [(text or "").strip().lower() for text in texts]
    if not {"r", "g", "b"} <= set(letters):
        return (None,) * len(letters)
    return tuple(_LETTERS.get(letter) for letter in letters)


def designation_in(text: str) -> str | None:
    """A sensor's number of a band, ``04`` of "SR_B04" and ``8a`` of "Band 8A"; None where the text says more."""
    found = _DESIGNATION.findall(re.sub(r"_", " ", _LENGTH.sub(" ", text.lower())))
    words = [word for word in re.findall(r"[^\W\d_]+", _LENGTH.sub(" ", text.lower())) if word not in _FILLING]
    return found[0] if len(found) == 1 and not words else None


def known_name(names: Iterable[str | None]) -> str | None:
    """The first common name that any of some texts says in words."""
    return next((found for found in (name_in_text(name) for name in names if name) if found), None)


def wavelength_in_text(text: str) -> float | None:
    """A central wavelength, µm, with its unit in a text; of a range its middle. None without one."""
    found = _LENGTH.search(text.lower())
    if found is None:
        return None
    first, second = float(found[1]), float(found[2] or found[1])
    return _plausible((first + second) / 2 / (1000 if found[3].startswith("n") else 1))


def wavelength_in_tags(tags: Mapping[str, str], shared: Mapping[str, str]) -> float | None:
    """A central wavelength, µm, in a band's tags; ``shared`` are the raster's own, which may hold the unit."""
    known = {key.lower(): value for key, value in tags.items()}
    if "central_wavelength_um" in known:
        return _number(known["central_wavelength_um"], "um")
    units = {**{key.lower(): value for key, value in shared.items()}, **known}
    unit = next((units[name] for name in ("wavelength_units", "wavelength_unit") if name in units), "")
    names = ("center_wavelength", "central_wavelength", "centre_wavelength", "wavelength", "eo:center_wavelength")
    found = (_number(known[name], unit) for name in names if name in known)
    return next((length for length in found if length is not None), None)


def _number(text: str, unit: str) -> float | None:
    """A number in a unit as µm; without a unit, those of 100 and more are nanometres."""
    with_unit = wavelength_in_text(text)
    if with_unit is not None:
        return with_unit
    try:
        value = float(text)
    except ValueError:
        return None
    unit = unit.strip().lower()
    if unit.startswith(("nano", "nm")) or (unit in ("", "unknown") and value >= 100):
        return _plausible(value / 1000)
    return _plausible(value) if unit in ("", "unknown") or unit.startswith(("micro", "um", "µm", "μm")) else None


def _plausible(value: float) -> float | None:
    return round(value, 6) if _PLAUSIBLE[0] <= value <= _PLAUSIBLE[1] else None


def nearest_bands(wavelengths: Mapping[int, float]) -> dict[int, str]:
    """Common names by band, from wavelengths in µm by band: each name goes to the band that is nearest to its middle.

    Where a sensor has many bands of a colour, one is called by it, and the others have no common name.
    """
    names: dict[int, str] = {}
    for name, (shortest, usual, longest) in _RANGES.items():
        within = [band for band, length in wavelengths.items() if shortest <= length < longest and band not in names]
        if within:
            names[min(within, key=lambda band: abs(wavelengths[band] - usual))] = name
    return names
