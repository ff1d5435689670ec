"""What the colour interpretations of a raster of bytes are worth, given what else it says of its bands. Pure.

GDAL calls the bands of any GeoTIFF of three or four bytes red, green, blue and alpha, whatever they are. Nobody has to
have said so: what texts and wavelengths say of a band is believed over that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import permutations

from rastercollection.model.band import BandIdentity
from rastercollection.model.band_names import ALPHA, designation_in, known_name, name_in_text

__all__ = ["believed_colors", "is_default"]

_PICTURE = ("red", "green", "blue")
_LIGHT = (0.4, 0.7)
"""Wavelengths that are seen, µm."""
_COLORS = frozenset(("r", "g", "b", "rgb", "rgba", "gray", "grey", "color", "colour"))
_COUNTED = re.compile(r"(?:(?:band|b|layer|lyr|channel|chan|ch|raster|image|img)[ _.-]*)?(\d+)", re.IGNORECASE)
_ALPHA = re.compile(
    r"a|.*(alpha|transparen|opacity).*|((data|valid|nodata)?[ _-]?mask|valid(ity)?)([ _-]?(band|channel))?"
)
_SATELLITES = (*permutations(("2", "3", "4")), ("3", "2", "1"))
"""Numbers of the bands of satellites that may be red, green and blue; which is which is weighed later."""


def is_default(colors: Sequence[str], dtypes: Sequence[str]) -> bool:
    """Whether these colours, GDAL's names in lower case, are those of any GeoTIFF of three or four bytes."""
    return tuple(colors) in (_PICTURE, (*_PICTURE, ALPHA), (*_PICTURE, "undefined")) and set(dtypes) == {"uint8"}


def believed_colors(colors: Sequence[str], identities: Sequence[BandIdentity], stem: str) -> tuple[str, ...]:
    """Colour interpretations that are a format's default, undefined where the bands are said to be others.

    Args:
        colors: As GDAL has them, in lower case, of three or four bands.
        identities: What the raster says of each band.
        stem: Name of the file without its ending: some programs call bands by it and a number.
    """
    texts = [_telling(identity, stem, number) for number, identity in enumerate(identities, 1)]
    believed = ("undefined",) * 3 if _are_others(texts[:3], identities[:3]) else _PICTURE
    if tuple(colors[3:]) == (ALPHA,) and _is_data(texts[3], identities[3]):
        return (*believed, "undefined")
    return (*believed, *colors[3:])


def _telling(identity: BandIdentity, stem: str, number: int) -> tuple[str, ...]:
    """Texts that say more of a band than which one of the file it is."""
    texts = [text.strip() for text in (identity.description, *identity.names) if text]
    rest = [text[len(stem) :].strip(" _.-") if stem and text.startswith(stem) else text for text in texts]
    return tuple(text for text in rest if text and not _counts(text, number))


def _counts(text: str, number: int) -> bool:
    """Whether a text is the number of a band in its file, counted from 0 or 1, and no more."""
    found = _COUNTED.fullmatch(text)
    return found is not None and int(found[1]) in (number, number - 1)


def _are_others(texts: Sequence[tuple[str, ...]], identities: Sequence[BandIdentity]) -> bool:
    """Whether any of three bands is said to be neither red nor green nor blue.

    Where all three have common names, these are weighed against the colours later, with a word on it.
    """
    if all(map(known_name, texts)) or _numbers(identities) in _SATELLITES:
        return False
    lengths = [each.wavelength for each in identities if each.wavelength is not None]
    if any(not _LIGHT[0] <= length <= _LIGHT[1] for length in lengths):
        return True
    return any(name_in_text(text) not in _PICTURE and text.lower() not in _COLORS for some in texts for text in some)


def _numbers(identities: Sequence[BandIdentity]) -> tuple[str, ...]:
    return tuple((designation_in(each.description or "") or "").lstrip("0") for each in identities)


def _is_data(texts: Sequence[str], identity: BandIdentity) -> bool:
    """Whether a band that is declared as alpha is said to be something else."""
    if any(_ALPHA.fullmatch(text.lower()) for text in texts):
        return False
    return bool(texts) or identity.wavelength is not None
