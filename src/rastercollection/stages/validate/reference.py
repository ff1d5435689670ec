"""Which CRS a tile has: the file's own, confirmed or replaced by nothing, or the user's where the file has none.

The same holds for what its heights refer to, each on its own: a file may tell one and the user the other.
"""

from __future__ import annotations

import attrs
import pyproj

from rastercollection.core.models import Notify
from rastercollection.errors import TaskError
from rastercollection.geo.crs import crs_label, name_crs, other_body, parse_crs, parse_whole, same_crs
from rastercollection.geo.heights import heights_label, heights_of, same_heights

__all__ = ["Reference", "check_target_heights", "settle_crs"]

FROM_FILE, CONFIRMED, OVERRIDDEN = "file_metadata", "user_confirmed", "user_override_required"


@attrs.frozen
class Reference:
    """A CRS and where it was taken from.

    Attributes:
        crs: Horizontal.
        source: file_metadata, user_confirmed or user_override_required.
        heights: What heights refer to; None where neither file nor user tells.
        heights_source: file_metadata or user_override_required; empty without heights.
    """

    crs: pyproj.CRS
    source: str
    heights: str | None = None
    heights_source: str = ""


def settle_crs(
    blob: str,
    in_file: pyproj.CRS | None,
    input_crs: str | None,
    *,
    heights: str | None = None,
    has_local: bool = False,
) -> Reference:
    """The CRS to use. CRSs are compared as such, whatever they are called.

    Args:
        blob: The tile.
        in_file: Its own CRS.
        input_crs: The user's.
        heights: What the file's CRS says its heights refer to.
        has_local: The file names a CRS, but a local one that no place on Earth follows from.

    Raises:
        TaskError: ``CRS_MISSING``, ``CRS_MISMATCH`` or ``CRS_NOT_OF_EARTH``; ``CRS_INVALID``, where the user's is none.
    """
    _check_body(blob, in_file)
    given = parse_crs(input_crs) if input_crs else None
    if in_file is None and given is None:
        lacks = "names a local CRS only, which no place on Earth follows from" if has_local else "has no CRS"
        raise TaskError(
            f"{blob} {lacks}.", "Set input_crs to the CRS of its coordinates, for example 'EPSG:32642'.", "CRS_MISSING"
        )
    refers = _settle_heights(blob, heights, heights_of(parse_whole(input_crs)) if input_crs else None)
    if in_file is None:
        assert given is not None
        return Reference(given, OVERRIDDEN, *refers)
    if given is None:
        return Reference(in_file, FROM_FILE, *refers)
    if not same_crs(in_file, given):
        names = {"file_crs": name_crs(in_file), "input_crs": name_crs(given)}
        raise _mismatch(blob, crs_label(in_file), crs_label(given), names)
    return Reference(in_file, CONFIRMED, *refers)


def _settle_heights(blob: str, in_file: str | None, given: str | None) -> tuple[str | None, str]:
    if given is None or same_heights(in_file, given):
        return in_file, FROM_FILE if in_file else ""
    if in_file is not None:
        one, other = heights_label(in_file), heights_label(given)
        raise _mismatch(blob, f"{one}, by its heights", other, {"file_heights": in_file, "input_heights": given})
    return given, OVERRIDDEN


def check_target_heights(blob: str, heights: str | None, target_crs: str, notify: Notify) -> None:
    """Heights are not transformed: a target CRS with heights can only confirm what is known of them.

    Args:
        blob: The tile.
        heights: What its heights refer to; None where nothing tells.
        target_crs: The user's.
        notify: Told where the target's heights are left out for want of the tile's.

    Raises:
        TaskError: ``HEIGHTS_NOT_TRANSFORMED``.
    """
    wanted = heights_of(parse_whole(target_crs))
    if wanted is None or same_heights(heights, wanted):
        return
    if heights is None:
        notify(
            "TARGET_HEIGHTS_IGNORED",
            f"{blob} does not say what heights refer to, so its COG does not either: {heights_label(wanted)} of "
            "target_crs is left out. If you know, set input_crs with heights.",
        )
        return
    raise TaskError(
        f"{blob}: its heights refer to {heights_label(heights)}, those of target_crs to {heights_label(wanted)}; "
        "heights are not transformed.",
        "Leave the heights out of target_crs: the COG keeps the tile's. Or transform the heights first.",
        "HEIGHTS_NOT_TRANSFORMED",
        details={"heights": heights, "target_heights": wanted},
    )


def _mismatch(blob: str, in_file: str, given: str, details: dict[str, str]) -> TaskError:
    return TaskError(
        f"{blob} is in {in_file}, input_crs is {given}.",
        "Leave input_crs out to use the file's own CRS, or correct the file if that is wrong.",
        "CRS_MISMATCH",
        details=details,
    )


def _check_body(blob: str, in_file: pyproj.CRS | None) -> None:
    elsewhere = other_body(in_file) if in_file is not None else ""
    if elsewhere:
        raise TaskError(
            f"{blob} is no raster of Earth: its CRS {elsewhere}.",
            "STAC's footprints, target_crs and web maps are of places on Earth: leave it out. GDAL itself makes a COG "
            "of it that keeps its CRS (gdal_translate -of COG).",
            "CRS_NOT_OF_EARTH",
        )
