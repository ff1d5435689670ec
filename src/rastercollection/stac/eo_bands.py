"""Bands as version 1 of the eo extension has them, by which loaders still find a band by its name.

STAC 1.1 tells of bands in ``bands``, and version 2 of the extension forbids ``eo:bands`` beside it. Version 1.1.0 says
nothing of what is in ``bands``, ``eo:common_name`` included: a document that declares this version may have both.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rastercollection.model.band import BandFacts

__all__ = ["eo_bands"]

_NAME = re.compile(r"[A-Za-z_][\w.-]{0,31}", re.ASCII)
_BY_NUMBER = re.compile(r"b\d+")
_RENAMED = {"rededge071": "rededge", "rededge075": "rededge", "rededge078": "rededge"}
_NEW = frozenset({"green05"})
"""Common names of version 2 that version 1 knows by another one, or not at all."""


def eo_bands(bands: Sequence[BandFacts]) -> list[dict[str, Any]]:
    """An object a band, in their order; none for a single band of which nobody says what it shows.

    A band is called what its description calls it, where that is a name, as ``B04``, and no other band's: loaders take
    it beside the common name. Others are called by number, as in ``bands``.
    """
    if len(bands) < 2 and not any(band.role.common_name for band in bands):
        return []
    names = Counter(band.description for band in bands)
    return [_eo_band(band, is_unique=names[band.description] == 1) for band in bands]


def _eo_band(band: BandFacts, *, is_unique: bool) -> dict[str, Any]:
    own, role = band.description or "", band.role
    is_name = is_unique and _NAME.fullmatch(own) and not _BY_NUMBER.fullmatch(own)
    common = None if role.common_name in _NEW else _RENAMED.get(role.common_name or "", role.common_name)
    return {
        "name": own if is_name else band.name,
        **({"common_name": common} if common else {}),
        **({"description": own} if own else {}),
        **({"center_wavelength": role.wavelength} if role.wavelength else {}),
    }
