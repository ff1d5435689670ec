"""A dataset whose CRS is looked at before GDAL makes one of it: that alone would open the files that it names."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from rasterio.io import DatasetReader

from rastercollection.errors import TileError
from rastercollection.geo.crs_files import file_elsewhere, file_elsewhere_in_bytes

__all__ = ["VettedReader", "check_crs_bytes", "check_crs_text"]


class VettedReader(DatasetReader):  # type: ignore[misc]
    """rasterio's dataset, which refuses CRSs that name files outside of PROJ's own folders.

    Raises:
        TileError: ``UNSAFE_SOURCE``, from the constructor, ``crs`` and ``gcps``.
    """

    def _handle_crswkt(self, wkt: str) -> Any:
        """Make a CRS of a definition; rasterio calls it with whatever CRS of a dataset it comes upon."""
        check_crs_text(wkt, str(getattr(self, "blob", "") or PurePath(self.name).name))
        return super()._handle_crswkt(wkt)


def check_crs_text(text: str, subject: str) -> None:
    """That the text of a CRS names no file outside of PROJ's own folders.

    Args:
        text: In any form.
        subject: Whose CRS it is, for the message.

    Raises:
        TileError: ``UNSAFE_SOURCE``.
    """
    name = file_elsewhere(text or "")
    if name:
        raise _unsafe(subject, name)


def check_crs_bytes(content: Any, subject: str) -> None:
    """Likewise for definitions in the bytes of a file that GDAL interprets in opening it."""
    name = file_elsewhere_in_bytes(content)
    if name:
        raise _unsafe(subject, name)


def _unsafe(subject: str, name: str) -> TileError:
    return TileError(
        f"{subject} has a CRS that names the file {name!r}, which GDAL would open.",
        "Write the CRS without it; a grid in PROJ's own data folder may be named, without a folder.",
        "UNSAFE_SOURCE",
    )
