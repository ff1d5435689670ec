"""Which CRS a tile has: the file's own, confirmed or replaced by nothing, or the user's where the file has none."""

from __future__ import annotations

import attrs
import pyproj

from rastercollection.errors import TileError
from rastercollection.geo.crs import crs_label, name_crs, parse_crs, same_crs

__all__ = ["Reference", "settle_crs"]

FROM_FILE, CONFIRMED, OVERRIDDEN = "file_metadata", "user_confirmed", "user_override_required"


@attrs.frozen
class Reference:
    """A CRS and where it was taken from."""

    crs: pyproj.CRS
    source: str


def settle_crs(blob: str, in_file: pyproj.CRS | None, input_crs: str | None, *, has_local: bool = False) -> Reference:
    """The CRS to use. CRSs are compared as such, whatever they are called.

    Args:
        blob: The tile.
        in_file: Its own CRS.
        input_crs: The user's.
        has_local: The file names a CRS, but a local one that no place on Earth follows from.

    Raises:
        TileError: ``CRS_MISSING`` or ``CRS_MISMATCH``.
        TaskError: ``CRS_INVALID``; the user's is none.
    """
    given = parse_crs(input_crs) if input_crs else None
    if in_file is None and given is None:
        lacks = "names a local CRS only, which no place on Earth follows from" if has_local else "has no CRS"
        raise TileError(
            f"{blob} {lacks}.", "Set input_crs to the CRS of its coordinates, for example 'EPSG:32642'.", "CRS_MISSING"
        )
    if in_file is None:
        assert given is not None
        return Reference(given, OVERRIDDEN)
    if given is None:
        return Reference(in_file, FROM_FILE)
    if not same_crs(in_file, given):
        raise TileError(
            f"{blob} is in {crs_label(in_file)}, input_crs is {crs_label(given)}.",
            "Leave input_crs out to use the file's own CRS, or correct the file if that is wrong.",
            "CRS_MISMATCH",
            details={"file_crs": name_crs(in_file), "input_crs": name_crs(given)},
        )
    return Reference(in_file, CONFIRMED)
