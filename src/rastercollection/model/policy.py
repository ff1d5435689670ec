"""Which files may be opened as sources, and how large they may be. Pure, no GDAL."""

from __future__ import annotations

import attrs

__all__ = ["DEFAULT_DRIVERS", "SourcePolicy"]

DEFAULT_DRIVERS = ("GTiff", "COG", "JP2OpenJPEG", "PNG", "JPEG", "netCDF", "HFA", "AAIGrid", "SRTMHGT")
"""Formats that hold pixels and nothing else: none of them reads other files or the network by what is in the file."""


@attrs.frozen(kw_only=True)
class SourcePolicy:
    """What is accepted as a source.

    Attributes:
        drivers: GDAL's short names of the formats that may be opened. Naming one that follows references
            (VRT, WMS, ...) lets a source read whatever this process can read.
        max_pixels: Width × height.
        max_bands: Bands of one file.
        max_block_bytes: Size of one block (TIFF strip or tile) of all its bands, decoded.
    """

    drivers: tuple[str, ...] = DEFAULT_DRIVERS
    max_pixels: int = 2_000_000_000
    max_bands: int = 256
    max_block_bytes: int = 2**30
