"""Formats whose pixels lie in one file and whose description lies in another beside it.

The file with the pixels is numbers only and says nothing of itself: what it is follows from the other one.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import attrs

from rastercollection.errors import ObjectNotFoundError, PermissionDeniedError
from rastercollection.ports.storage import StorageBackend
from rastercollection.rasters.source.sniff import Kind

__all__ = ["definition_beside", "described_kind", "file_names"]

_HEAD = 4096
_CRS_NAME = re.compile(r'\A\s*[A-Z_]+(?:CS|CRS)\s*\[\s*"([^"]{1,80})"')


@attrs.frozen(kw_only=True)
class _Description:
    """A file that describes a raster.

    Attributes:
        kind: What it makes of the raster.
        ending: Of its name.
        whole: Whether the ending follows the raster's whole name, and not its stem.
        content: What it begins with, within :data:`_HEAD` bytes.
        further: Endings, behind the stem, of what else GDAL reads with such a raster.
    """

    kind: Kind
    ending: str
    whole: bool = False
    content: re.Pattern[bytes]
    further: tuple[str, ...] = ()


_DESCRIPTIONS = (
    _Description(kind=Kind("an ENVI raster", ("ENVI",)), ending=".hdr", content=re.compile(rb"\AENVI")),
    _Description(kind=Kind("an ENVI raster", ("ENVI",)), ending=".hdr", whole=True, content=re.compile(rb"\AENVI")),
    _Description(
        kind=Kind("an Esri raster with a header (.bil, .bip, .bsq, .flt)", ("EHdr",)),
        ending=".hdr",
        content=re.compile(rb"(?im)^\s*NROWS\s"),
        further=(".prj", ".clr", ".stx"),
    ),
    _Description(kind=Kind("an Idrisi raster", ("RST",)), ending=".rdc", content=re.compile(rb"(?im)^file format\s*:")),
    _Description(
        kind=Kind("a SAGA grid", ("SAGA",)),
        ending=".sgrd",
        content=re.compile(rb"(?im)^CELLSIZE\s*="),
        further=(".prj",),
    ),
    _Description(
        kind=Kind("a ROI_PAC raster", ("ROI_PAC",)),
        ending=".rsc",
        whole=True,
        content=re.compile(rb"(?im)^FILE_LENGTH\s"),
    ),
)
"""As GDAL's drivers look for them."""


def described_kind(storage: StorageBackend, url: str) -> Kind | None:
    """What a file beside a raster makes of it; None without one that is known here.

    Raises:
        BackendError: The store could not be asked.
    """
    for one in _DESCRIPTIONS:
        for ending in _both_cases(one.ending):
            try:
                head = storage.read(_beside(url, ending, whole=one.whole), 0, _HEAD)
            except (ObjectNotFoundError, PermissionDeniedError):
                # stores that may not be listed forbid what is absent; where it is not, the raster stays unknown
                continue
            if one.content.search(head):
                return one.kind
    return None


def file_names(name: str, driver: str) -> tuple[str, ...]:
    """Names of the files that describe a raster called ``name``; none where the format is one file."""
    found: list[str] = []
    for one in _DESCRIPTIONS:
        if driver in one.kind.drivers:
            found += [_beside(name, ending, whole=one.whole) for ending in _both_cases(one.ending)]
            found += [_beside(name, ending) for other in one.further for ending in _both_cases(other)]
    return tuple(dict.fromkeys(found))


def definition_beside(storage: StorageBackend, url: str) -> tuple[str, str] | None:
    """A ``.prj`` file beside a raster whose driver reads none: its name, and the name of the CRS that it defines.

    None where there is none that defines a CRS.

    Raises:
        BackendError: The store could not be asked.
    """
    for ending in _both_cases(".prj"):
        where = _beside(url, ending)
        try:
            text = storage.read(where, 0, _HEAD).decode(errors="replace")
        except (ObjectNotFoundError, PermissionDeniedError):
            continue
        title = _CRS_NAME.search(text)
        if title:
            return where.rpartition("/")[2], title[1]
    return None


def _both_cases(ending: str) -> tuple[str, str]:
    return ending.lower(), ending.upper()


def _beside(name: str, ending: str, *, whole: bool = False) -> str:
    suffix = PurePosixPath(name).suffix
    return f"{name}{ending}" if whole else f"{name.removesuffix(suffix)}{ending}"
