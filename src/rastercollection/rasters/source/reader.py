"""A dataset whose CRS is looked at before GDAL makes one of it: that alone would open the files that it names."""

from __future__ import annotations

import mmap
from pathlib import PurePath
from typing import Any

import attrs
from rasterio.io import DatasetReader
from rasterio.rpc import RPC
from typing_extensions import override

from rastercollection.disclosure.redaction import REDACTED, redacted, redacted_values
from rastercollection.errors import TaskError
from rastercollection.geo.crs_files import file_elsewhere, file_elsewhere_in_bytes

__all__ = ["VettedReader", "check_crs_inside", "check_crs_text"]

_OF_RPCS = {field.name.upper() for field in attrs.fields(RPC)}
_INTERPRETED_AT_ONCE = ("netCDF", "HFA")


class VettedReader(DatasetReader):  # type: ignore[misc]
    """rasterio's dataset, which refuses CRSs that name files outside of PROJ's own folders, and redacts its texts.

    This is the one place where texts of rasters are redacted, but for what GDAL is asked for itself: names of classes
    and attribute tables (:mod:`rastercollection.rasters.source.classes`).

    Attributes:
        has_lost_texts: Some are no UTF-8 and were left out.

    Raises:
        TaskError: ``UNSAFE_SOURCE``, from the constructor, ``crs`` and ``gcps``.
    """

    has_lost_texts = False

    def __init__(self, *args: Any, **options: Any) -> None:
        self._tags: dict[tuple[Any, ...], dict[str, str]] = {}
        super().__init__(*args, **options)

    def _handle_crswkt(self, wkt: str) -> Any:
        """Make a CRS of a definition; rasterio calls it with whatever CRS of a dataset it comes upon."""
        check_crs_text(wkt, str(getattr(self, "blob", "") or PurePath(self.name).name))
        return super()._handle_crswkt(wkt)

    @property
    @override
    def descriptions(self) -> tuple[str | None, ...]:
        """Description of each band, without secrets; None where it has none."""
        return tuple(text and redacted(text) for text in super().descriptions)

    @property
    @override
    def units(self) -> tuple[str | None, ...]:
        """Unit of each band, without secrets; None where it has none."""
        return tuple(text and redacted(text) for text in super().units)

    @property
    @override
    def rpcs(self) -> Any:
        """Rational polynomials; None without. What else stands beside them, rasterio would take for numbers."""
        model = {name: text for name, text in self.tags(ns="RPC").items() if name in _OF_RPCS}
        return RPC.from_gdal(model) if model else None

    @override
    def tags(self, bidx: int = 0, ns: str | None = None) -> dict[str, str]:
        """Tags of the dataset or of a band, without secrets; what is kept under a name that says secret is one."""
        if (bidx, ns) not in self._tags:
            found = super().tags(bidx, ns)
            self._tags[bidx, ns] = dict(_without_secrets(name, str(text)) for name, text in found.items())
        return dict(self._tags[bidx, ns])


def _without_secrets(name: str, text: str) -> tuple[str, str]:
    shown = redacted(f"{name}:{text}")  # GDAL takes a text that begins with https:// for a tag of that name
    if not shown.startswith(f"{name}:"):
        return redacted(name), REDACTED
    attribute = name.rpartition("#")[2]  # netCDF's are called variable#attribute
    return name, redacted_values({attribute: shown.removeprefix(f"{name}:")})[attribute]


def check_crs_text(text: str, subject: str) -> None:
    """That the text of a CRS names no file outside of PROJ's own folders.

    Args:
        text: In any form.
        subject: Whose CRS it is, for the message.

    Raises:
        TaskError: ``UNSAFE_SOURCE``.
    """
    name = file_elsewhere(text or "")
    if name:
        raise _unsafe(subject, name)


def check_crs_inside(path: str, driver: str, subject: str) -> None:
    """Likewise for definitions inside of a local file, where GDAL makes more of them than their text in opening it."""
    if driver not in _INTERPRETED_AT_ONCE:
        return
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        name = file_elsewhere_in_bytes(content)
    if name:
        raise _unsafe(subject, name)


def _unsafe(subject: str, name: str) -> TaskError:
    return TaskError(
        f"{subject} has a CRS that names the file {name!r}, which GDAL would open.",
        "Write the CRS without it; a grid in PROJ's own data folder may be named, without a folder.",
        "UNSAFE_SOURCE",
    )
