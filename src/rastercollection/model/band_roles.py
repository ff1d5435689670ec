"""Which band is red: the one answer, for a tile, that pictures, renders, links and items all go by. Pure.

Evidence counts in this order, band by band, and each name is given once:

1. the user's word, the parameter ``bands``;
2. colour interpretations;
3. descriptions and names, in words (``Blue (450-515 nm)``, ``nir08``), then as a sensor's designations (``B04``);
4. wavelengths;
5. the number of bands, where metadata or the file's name tell the sensor;
6. a ``raster_type`` of ``rgb`` or ``rgba`` that the user asked for.

GDAL calls the bands of any GeoTIFF of three or four bytes red, green and blue, whatever they are: that gives way to
texts or wavelengths that call those three by other common names. Where they are called something else altogether, the
dataset claims no colours in the first place, see :mod:`rastercollection.model.format_colors`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import attrs

from rastercollection.model.band import BandIdentity, BandRole
from rastercollection.model.band_names import (
    common_name,
    designation_in,
    known_name,
    name_in_color,
    names_in_letters,
    nearest_bands,
)
from rastercollection.model.tiers import COLOR_PICTURES
from rastercollection.model.tile import Validation

__all__ = ["PICTURE", "FoundRoles", "find_roles", "names_label"]

PICTURE = ("red", "green", "blue")

_Names = Sequence[str | None]

_SENTINEL_2, _LANDSAT_OLI, _LANDSAT_TM = "Sentinel-2", "Landsat 8 or 9", "Landsat 4 to 7"

_SENSORS: Mapping[str, re.Pattern[str]] = {
    _SENTINEL_2: re.compile(r"sentinel[-_ ]?2|(?<![a-z0-9])s2[abc]?(?![a-z0-9])|msil[12][ac]|hls[._]s30"),
    _LANDSAT_OLI: re.compile(r"landsat[-_ ]?[89]|(?<![a-z0-9])l[co]0[89](?![a-z0-9])|hls[._]l30"),
    _LANDSAT_TM: re.compile(r"landsat[-_ ]?[457]|(?<![a-z0-9])l[te]0[457](?![a-z0-9])"),
}
"""What tells a sensor, in lower case, in metadata or in a file's name."""

_MSI = {
    "1": "coastal",
    "2": "blue",
    "3": "green",
    "4": "red",
    "5": "rededge071",
    "6": "rededge075",
    "7": "rededge078",
    "8": "nir",
    "8a": "nir08",
    "9": "nir09",
    "10": "cirrus",
    "11": "swir16",
    "12": "swir22",
}
_OLI = {
    "1": "coastal",
    "2": "blue",
    "3": "green",
    "4": "red",
    "5": "nir08",
    "6": "swir16",
    "7": "swir22",
    "8": "pan",
    "9": "cirrus",
    "10": "lwir11",
    "11": "lwir12",
}
_TM = {"1": "blue", "2": "green", "3": "red", "4": "nir", "5": "swir16", "6": "lwir", "7": "swir22", "8": "pan"}
_DESIGNATIONS = {_SENTINEL_2: _MSI, _LANDSAT_OLI: _OLI, _LANDSAT_TM: _TM}
"""Common names by the sensor's numbers of bands."""

_WAVELENGTHS: Mapping[str, Mapping[str, float]] = {
    _SENTINEL_2: {
        "coastal": 0.443,
        "blue": 0.493,
        "green": 0.56,
        "red": 0.665,
        "rededge071": 0.704,
        "rededge075": 0.741,
        "rededge078": 0.783,
        "nir": 0.833,
        "nir08": 0.865,
        "nir09": 0.945,
        "cirrus": 1.374,
        "swir16": 1.614,
        "swir22": 2.202,
    },
    _LANDSAT_OLI: {
        "coastal": 0.443,
        "blue": 0.482,
        "green": 0.561,
        "red": 0.655,
        "nir08": 0.865,
        "swir16": 1.609,
        "swir22": 2.201,
        "pan": 0.59,
        "cirrus": 1.373,
        "lwir11": 10.9,
        "lwir12": 12.0,
    },
}
"""Central wavelengths in µm of a sensor's bands, where all satellites that carry it have them within 10 nm.

Of MSI by ESA's spectral response functions (COPE-GSEG-EOPG-TN-15-0007), of OLI and TIRS by the bands that USGS gives.
"""

_SHARED = {"2": "blue", "3": "green", "4": "red"}
"""Where it may be Sentinel-2 or Landsat 8: what both have in common."""

_IN_FULL: Mapping[tuple[str, int], tuple[str, ...]] = {
    (_SENTINEL_2, 13): tuple(_MSI),
    (_SENTINEL_2, 12): tuple(number for number in _MSI if number != "10"),
    **{(_LANDSAT_OLI, count): tuple(_OLI)[:count] for count in range(7, 12)},
    (_LANDSAT_TM, 6): ("1", "2", "3", "4", "5", "7"),
    (_LANDSAT_TM, 7): ("1", "2", "3", "4", "5", "6", "7"),
    (_LANDSAT_TM, 8): tuple(_TM),
}
"""The bands of a sensor's product, by the number of its bands."""


@attrs.frozen(kw_only=True)
class FoundRoles:
    """What a tile's bands show.

    Attributes:
        roles: One a band of the source.
        doubt: Why this may be wrong, in words; empty where it is well founded.
    """

    roles: tuple[BandRole, ...]
    doubt: str = ""

    @property
    def names(self) -> tuple[str | None, ...]:
        """The bands' common names."""
        return tuple(role.common_name for role in self.roles)

    @property
    def says_nothing(self) -> bool:
        """Whether no band has a name."""
        return not any(self.names)


def find_roles(tile: Validation, ordered: Sequence[str], raster_type: str) -> FoundRoles:
    """What the bands of a tile show.

    Args:
        tile: With what it says of its bands; where ``ordered`` names them, that has been taken up in it.
        ordered: The parameter ``bands``; empty where it was not given.
        raster_type: The one that was asked for, or ``auto``.
    """
    count = tile.band_count
    identities = tile.identities or (BandIdentity(),) * count
    told, doubt = _told(tile, identities)
    by_wave = _by_wavelength(identities)
    called = [one or other for one, other in zip(told, by_wave, strict=True)]
    clash, colors = _settled(tile.color_interpretation, called)
    names: dict[int, tuple[str, str]] = {}
    for source, found in (
        ("parameter", tuple(map(common_name, ordered)) or (None,) * count),
        ("color_interpretation", colors),
        ("description", told),
        ("wavelength", by_wave),
    ):
        _assign(names, source, found)
    if not names:
        by_count, doubt = _by_count(tile)
        _assign(names, "sensor", by_count)
    if not names and raster_type in COLOR_PICTURES:
        _assign(names, "raster_type", PICTURE)
    transparent = {band for band, color in enumerate(tile.color_interpretation) if color == "alpha"}
    usual = _WAVELENGTHS.get(_sensor(tile) or "", {})
    found_roles = tuple(
        _role(None if band in transparent else names.get(band), identities[band].wavelength, usual)
        for band in range(count)
    )
    return FoundRoles(roles=found_roles, doubt="" if ordered else clash or doubt)


def _role(found: tuple[str, str] | None, wavelength: float | None, usual: Mapping[str, float]) -> BandRole:
    """What a band shows, with the wavelength that the file tells, else that of the sensor's band of this name."""
    name, source = found or (None, "")
    known = wavelength if wavelength is not None or name is None else usual.get(name)
    return BandRole(common_name=name, source=source, wavelength=known)


def _assign(names: dict[int, tuple[str, str]], source: str, found: _Names) -> None:
    """Give bands that have no name the names that no band has."""
    for band, name in enumerate(found):
        if name and band not in names and name not in {taken for taken, _ in names.values()}:
            names[band] = (name, source)


def _told(tile: Validation, identities: Sequence[BandIdentity]) -> tuple[_Names, str]:
    """Names by descriptions and other texts, and why they may be wrong."""
    texts = [(identity.description, *identity.names) for identity in identities]
    words = [known_name(each) for each in texts]
    if not any(words):
        words = list(names_in_letters(identity.description for identity in identities))
    if set(PICTURE) <= set(words):
        return words, ""
    numbers = [next((found for text in each if text and (found := designation_in(text))), None) for each in texts]
    designated, doubt = _designated(tile, numbers)
    return [one or other for one, other in zip(words, designated, strict=True)], doubt


def _designated(tile: Validation, numbers: _Names) -> tuple[_Names, str]:
    """Names by a sensor's numbers of bands; numbers that merely count the bands of an unknown sensor say nothing."""
    nothing: _Names = (None,) * len(numbers)
    if not any(numbers):
        return nothing, ""
    sensor = _sensor(tile)
    plain = [number.lstrip("0") if number else None for number in numbers]
    if sensor is None and plain == [str(number) for number in range(1, len(plain) + 1)]:
        return nothing, ""
    if sensor is None and ("8a" in plain or any(number and number.startswith("0") for number in numbers)):
        sensor = _SENTINEL_2
    if sensor is not None:
        return [_DESIGNATIONS[sensor].get(number) if number else None for number in plain], ""
    found = [_SHARED.get(number) if number else None for number in plain]
    shown = ", ".join(f"B{number}" for number in plain if number)
    return found, f"bands that are called {shown} are taken for those of Sentinel-2 or Landsat 8" if any(found) else ""


def _sensor(tile: Validation) -> str | None:
    text = f"{tile.sensor} {tile.source.blob.rpartition('/')[2]}".lower()
    found = [name for name, pattern in _SENSORS.items() if pattern.search(text)]
    return found[0] if len(found) == 1 else None


def _by_wavelength(identities: Sequence[BandIdentity]) -> _Names:
    lengths = {band: each.wavelength for band, each in enumerate(identities) if each.wavelength is not None}
    names = nearest_bands(lengths)
    return tuple(names.get(band) for band in range(len(identities)))


def _is_format_default(colors: Sequence[str]) -> bool:
    """Whether these are the colours of any GeoTIFF of bytes that was written without a word on them."""
    return tuple(colors[:3]) == PICTURE and len(colors) <= 4


def _settled(interpretation: Sequence[str], called: _Names) -> tuple[str, _Names]:
    """Why colour interpretations and what bands are called do not agree, and names by the former, if they count."""
    colors = tuple(map(name_in_color, interpretation))
    hidden = [band for band, color in enumerate(interpretation) if color == "alpha" and called[band]]
    clash = f"band {hidden[0] + 1} is called {called[hidden[0]]}, but declared as alpha" if hidden else ""
    if not all(called[:3]) or not all(colors[:3]) or tuple(called[:3]) == tuple(colors[:3]):
        return clash, colors
    differ = f"colour interpretation ({names_label(colors)}) and names of bands ({names_label(called)}) do not agree"
    if _is_format_default(interpretation):
        return f"{differ}; the names were taken", (None,) * len(colors)
    return f"{differ}; the colour interpretation was taken", colors


def _by_count(tile: Validation) -> tuple[_Names, str]:
    """Names by the number of bands, where the sensor is known and that is the number of bands of its products."""
    sensor = _sensor(tile) or ""
    numbers = _IN_FULL.get((sensor, tile.band_count))
    if numbers is None or tile.raster_type != "multispectral":
        return (None,) * tile.band_count, ""
    names = [_DESIGNATIONS[sensor][number] for number in numbers]
    return names, f"{tile.band_count} bands of {sensor} are taken for its usual order"


def names_label(names: _Names) -> str:
    """Bands in a message, by their names."""
    return ", ".join(name or "unknown" for name in names)
