"""Coordinate reference systems: parsing what users write, naming, comparing. CRSs are compared, never strings.

Everything from users goes through PROJ's own parser (pyproj), which reads definitions and codes. Texts that would lead
PROJ to files outside of its own folders are refused before it sees them.
"""

from __future__ import annotations

import functools
import re
from typing import Any

import pyproj
from pyproj.enums import WktVersion
from pyproj.exceptions import CRSError

from rastercollection.errors import TaskError
from rastercollection.geo.crs_files import file_elsewhere

__all__ = [
    "EPSG_CODE",
    "crs_label",
    "horizontal",
    "invalid_crs",
    "name_crs",
    "other_body",
    "parse_crs",
    "parse_whole",
    "same_crs",
    "transformer",
    "unbound",
]


EPSG_CODE = re.compile(r"\s*(?:\+?init=)?epsg:(\d{1,7})\s*", re.IGNORECASE)
"""``EPSG:n`` as users write it, the number in a group."""

_URL = re.compile(r"\s*[a-z][a-z0-9+.-]*://", re.IGNORECASE)

_LONGEST_DEFINITION = 20_000

_NAMES_MAY_DIFFER = 70

_RADIUS_OF_EARTH = 6_378_137.0
_SAME_BODY = 0.005
"""Part of the radius that ellipsoids and spheres of one body differ by at most; PROJ goes by the same."""


@functools.lru_cache(maxsize=256)
def parse_crs(text: str) -> pyproj.CRS:
    """The CRS that ``text`` stands for: ``EPSG:n``, another authority's code, WKT, PROJJSON or a PROJ string.

    Of one with heights, the horizontal part.

    Raises:
        TaskError: ``CRS_INVALID``; it is none of these, not a CRS of places on Earth, or names files elsewhere.
    """
    crs = parse_whole(text)
    flat = horizontal(crs)
    if flat is None:
        raise invalid_crs(text, f"a {crs.type_name.lower()} locates nothing on Earth")
    elsewhere = other_body(flat)
    if elsewhere:
        raise invalid_crs(text, f"{elsewhere}; collections are of places on Earth")
    return flat


@functools.lru_cache(maxsize=256)
def parse_whole(text: str) -> pyproj.CRS:
    """The same with its heights, or a vertical CRS alone.

    Raises:
        TaskError: ``CRS_INVALID``; it is none of these, or names files elsewhere.
    """
    problem = "it is neither a code like 'EPSG:32642' nor WKT, PROJJSON or a PROJ string"
    if _URL.match(text) or len(text) > _LONGEST_DEFINITION:
        raise invalid_crs(text, problem)
    _check_files(text, text)
    code = EPSG_CODE.fullmatch(text)
    try:
        crs = pyproj.CRS.from_epsg(int(code[1])) if code else pyproj.CRS.from_user_input(text)
    except (CRSError, ValueError, TypeError) as error:
        raise invalid_crs(text, problem) from error
    _check_files(text, crs.to_json())  # as PROJ itself has understood it
    return crs


def _check_files(text: str, definition: str) -> None:
    name = file_elsewhere(definition)
    if name:
        problem = f"it names the file {name!r}, and only files of PROJ's own data folder may be named, without a folder"
        raise invalid_crs(text, problem)


def invalid_crs(text: str, problem: str) -> TaskError:
    """The error ``CRS_INVALID`` for a CRS that a user gave."""
    shown = text if len(text) <= 80 else f"{text[:77]}..."
    return TaskError(f"{shown!r} is no usable CRS: {problem}.", "Correct input_crs or target_crs.", "CRS_INVALID")


def other_body(crs: pyproj.CRS) -> str:
    """Of a CRS of another body than Earth, what tells so, as a clause; empty for one of Earth."""
    ellipsoid = crs.ellipsoid
    if ellipsoid is None or abs(ellipsoid.semi_major_metre / _RADIUS_OF_EARTH - 1) < _SAME_BODY:
        return ""
    return f"{crs.name!r} is of another body, with a radius of {ellipsoid.semi_major_metre / 1000:,.0f} km"


def horizontal(crs: pyproj.CRS) -> pyproj.CRS | None:
    """The two-dimensional, geographic or projected part of a CRS; None where it has none."""
    if crs.is_compound:
        crs = crs.sub_crs_list[0]
    if crs.is_geocentric or not (crs.is_geographic or crs.is_projected):
        return None
    return crs.to_2d() if len(crs.axis_info) > 2 else crs


def name_crs(crs: pyproj.CRS) -> str:
    """``EPSG:n`` where the CRS is exactly that one (but for the order of axes), else WKT2 (2019)."""
    return _name(crs.to_wkt())


@functools.lru_cache(maxsize=256)
def _name(wkt: str) -> str:
    crs = pyproj.CRS.from_wkt(wkt)
    code = _code(crs)
    return f"EPSG:{code}" if code else str(crs.to_wkt(WktVersion.WKT2_2019))


def _code(crs: pyproj.CRS) -> int | None:
    for code in (crs.to_epsg(min_confidence=_NAMES_MAY_DIFFER), 4326 if crs.is_geographic else None):
        if code is not None and pyproj.CRS.from_epsg(code).equals(crs, ignore_axis_order=True):
            return int(code)
    return None


def crs_label(crs: pyproj.CRS) -> str:
    """A CRS in a message: its code and name, or its name."""
    code = name_crs(crs)
    if not code.startswith("EPSG:"):
        return f"the CRS {crs.name!r}"
    return f"{code} ({parse_whole(code).name})"


def same_crs(one: pyproj.CRS, other: pyproj.CRS) -> bool:
    """Whether coordinates mean the same place in both, whatever they are called and however axes are ordered."""
    one, other = unbound(one), unbound(other)
    return bool(one.equals(other, ignore_axis_order=True)) or name_crs(one) == name_crs(other)


def unbound(crs: pyproj.CRS) -> pyproj.CRS:
    """Without the attached shift to WGS 84, which says how to transform and not what coordinates mean."""
    source: Any = crs.source_crs if crs.is_bound else None
    return source if source is not None else crs


def transformer(source: pyproj.CRS, target: pyproj.CRS) -> pyproj.Transformer:
    """Transforms x, y of one CRS to x, y of the other, in that order always; made once, safe to share by threads.

    Raises:
        pyproj.exceptions.ProjError: PROJ knows no way from one to the other.
    """
    return _transformer(source.to_wkt(), target.to_wkt())


@functools.lru_cache(maxsize=64)
def _transformer(source: str, target: str) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(source, target, always_xy=True)
