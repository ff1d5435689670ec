"""What names, units and tags say of a band's values: heights, classes and flags, or another quantity."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping

from rastercollection.model.evidence import Subject

__all__ = ["subject_of"]

_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_PAIRS = {("land", "cover"), ("land", "use"), ("world", "cover")}
_CLASSES = re.compile(
    r"class|classes|classification|classified|landcover|landuse|worldcover|lulc|nlcd|corine|categor(y|ies|ical)"
    r"|qa|bqa|scl|masks?|(cloud|snow|water|land|sea|ice|f)masks?|flags?"
)
_HEIGHTS = re.compile(
    r"dems?|dtms?|dsms?|srtm|copdem|nasadem|gebco|elevations?|elev|heights?|hgt|altitudes?|topo(graphy)?"
    r"|bathy(metry|metric)?|depths?|terrain"
)
_QUANTITIES = re.compile(
    r"hillshades?|shaded|slope|aspect|curvature|[es]a?vi|nd[a-z]i|temperatures?|sst|lst|rain|rainfall"
    r"|precip(itation)?|probability|prob|confidence|population|density|counts?|distance|sar|sigma|gamma|backscatter"
    r"|amplitude|intensity|coherence|vv|vh|hh|hv|ortho(photo)?s?|photos?|photograph|pan(chromatic)?|radar|thermal"
    r"|biomass|wind|humidity|pressure|emissions?"
)
_LENGTHS = re.compile(
    r"[cdk]?m|(centi|deci|kilo)?met(er|re)s?|f(oo|ee)?t([ _-]?us)?|us[ _-]?(survey[ _-])?f(oo|ee)?t", re.IGNORECASE
)
_NO_UNITS = ("", "1", "-", "none", "unitless", "dimensionless", "dn")
_THEMATIC = ("LAYER_TYPE", "REPRESENTATION_TYPE")
_FLAGS = ("flag_meanings", "flag_values", "flag_masks")
_NAMES = ("long_name", "standard_name", "NETCDF_VARNAME", "DESCRIPTION")


def subject_of(names: Iterable[str], unit: str, tags: Mapping[str, str]) -> Subject:
    """What is said of a band's values; empty where nothing is, or one thing and another.

    Args:
        names: Of the band, and of its file if that has no other.
        unit: As declared; may be empty.
        tags: Of the band.
    """
    if any(tags.get(name, "").strip().lower() == "thematic" for name in _THEMATIC) or any(map(tags.get, _FLAGS)):
        return "classes"
    tokens = [*_tokens([*names, *(tags.get(name, "") for name in _NAMES)])]
    classes, heights, others = (any(map(words.fullmatch, tokens)) for words in (_CLASSES, _HEIGHTS, _QUANTITIES))
    others = others or not (unit.strip().lower() in _NO_UNITS or _LENGTHS.fullmatch(unit.strip()))
    if classes:
        return "" if others else "classes"
    if others:
        return "quantity"
    return "terrain" if heights else ""


def _tokens(names: Iterable[str]) -> Iterable[str]:
    for name in names:
        words = [word.lower() for word in _TOKEN.findall(name)]
        yield from words
        yield from ("".join(pair) for pair in itertools.pairwise(words) if pair in _PAIRS)
