"""What is measured, and what was hoped for. Goals are least ratios of a peer's CPU time to this library's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["CASES", "PEERS", "Case", "Goals", "Peer", "together"]


@dataclass(frozen=True)
class Peer:
    """Another way to the same COG.

    Attributes:
        title: As printed.
        tool: The program of ``tools.py``, or gdalwarp.
        extra: Further arguments of it.
        cache: GDAL's block cache in MB, as the environment gives it; None leaves GDAL its default, or what the tool
            is tuned to.
        always: Whether it is measured in every round; others are slow, or there for their file alone: one round.
        thorough: Whether it is measured only where everything is asked for.
    """

    title: str
    tool: str
    extra: tuple[tuple[str, Any], ...] = ()
    cache: int | None = None
    always: bool = False
    thorough: bool = False


_OF_8_GB = 400
"""5% of 8 GB: what GDAL gives its block cache there."""

PEERS: dict[str, Peer] = {
    "rio_cogeo": Peer("rio-cogeo", "rio_cogeo", always=True),
    "gdalwarp": Peer("tuned gdalwarp", "gdalwarp", always=True),
    "rio_cogeo_8gb": Peer("rio-cogeo, 8 GB machine", "rio_cogeo", cache=_OF_8_GB),
    "cog_driver": Peer("COG driver", "cog_driver"),
    "same_pixels": Peer("rio-cogeo, our kernel and levels", "rio_cogeo", extra=(("plain_kernel", True),)),
    "cog_driver_8gb": Peer("COG driver, 8 GB machine", "cog_driver", cache=_OF_8_GB, thorough=True),
    "gdalwarp_8gb": Peer("tuned gdalwarp, 8 GB machine", "gdalwarp", (("cache", _OF_8_GB),), thorough=True),
}
"""All work with the same codec settings, on one core.

``same_pixels`` is there for the size of its file. GDAL's warper widens its kernel along an axis that it believes to be
shrunk, if only by a tenth; that smooths the image, whose file is then a few percent smaller. And rio-cogeo makes an
overview less. Files are compared where both have the same pixels.
"""


@dataclass(frozen=True)
class Goals:
    """Ratios to reach.

    Attributes:
        rio_cogeo, rio_cogeo_8gb, gdalwarp: A peer's CPU to ours, at least.
        floor: Our CPU to the floor's, at most.
        size: Our file to that of rio-cogeo with the same pixels, at most.
    """

    rio_cogeo: float | None = None
    rio_cogeo_8gb: float | None = None
    gdalwarp: float | None = None
    floor: float | None = 1.15
    size: float | None = None


@dataclass(frozen=True)
class Case:
    """One row: a tile, how it is converted, and how the peers and the floor are.

    Attributes:
        title: As printed.
        tile: Kind of tile.
        ours: Parameters of process_collection.
        codec: Creation options of the peers, by GDAL's names: COMPRESS, LEVEL, QUALITY.
        encoder: Of the floor: adaptive, or a codec of GDAL's with its level or quality.
        goals: What was hoped for.
        plain: What a newcomer calls it; None for a row that is not on the page.
        warps: Whether the CRS changes.
        beside: The case whose peers it is compared with, in the same rounds; None with peers of its own.
        fast: Whether the extra of that name is used; all others run as if numba were not installed.
    """

    title: str
    tile: str
    ours: dict[str, Any]
    codec: dict[str, Any]
    encoder: str
    goals: Goals
    plain: str | None = None
    warps: bool = True
    beside: str | None = None
    fast: bool = False


_DEFLATE = {"COMPRESS": "DEFLATE", "LEVEL": 6}
_JPEG = {"COMPRESS": "JPEG", "QUALITY": 85}
_ADAPTIVE = {"compression": "DEFLATE", "compression_level": "auto"}
_RGB = {"raster_type": "rgb", **_ADAPTIVE}
_DEM = {"raster_type": "dem", **_ADAPTIVE}

CASES: dict[str, Case] = {
    "rgb": Case(
        title="RGB uint8, adaptive DEFLATE",
        plain="RGB imagery",
        tile="rgb",
        ours=_RGB,
        codec=_DEFLATE,
        encoder="adaptive",
        goals=Goals(3.0, 8, 3.3, size=1.01),
    ),
    "zstd": Case(
        title="RGB, ZSTD 1, peers DEFLATE 6",
        plain="RGB imagery, our ZSTD against DEFLATE",
        tile="rgb",
        ours={**_RGB, "compression": "ZSTD", "compression_level": 1},
        codec=_DEFLATE,
        encoder="ZSTD 1",
        goals=Goals(3.5, 9, 4, size=1.03),
        beside="rgb",
    ),
    "fast": Case(
        title="RGB uint8, adaptive DEFLATE, extra fast",
        plain="RGB imagery, with the extra fast",
        tile="rgb",
        ours=_RGB,
        codec=_DEFLATE,
        encoder="adaptive",
        goals=Goals(4.0, floor=None, size=1.01),
        beside="rgb",
        fast=True,
    ),
    "deflate6": Case(
        title="RGB uint8, DEFLATE 6",
        tile="rgb",
        ours={**_RGB, "compression_level": 6},
        codec=_DEFLATE,
        encoder="DEFLATE 6",
        goals=Goals(),
        beside="rgb",
    ),
    "uint16": Case(
        title="4 × uint16, adaptive DEFLATE",
        plain="4 bands of 16 bits",
        tile="uint16",
        ours={"raster_type": "nir", **_ADAPTIVE},
        codec=_DEFLATE,
        encoder="adaptive",
        goals=Goals(2.0, 6, 3.5, size=1.01),
    ),
    "dem": Case(
        title="DEM float32, adaptive DEFLATE",
        plain="Elevation model",
        tile="dem",
        ours=_DEM,
        codec=_DEFLATE,
        encoder="adaptive",
        goals=Goals(1.9, 2.5, 2.0, size=1.01),
    ),
    "dem_gaps": Case(
        title="DEM float32, 0.3% nodata, adaptive DEFLATE",
        plain="Elevation model with gaps",
        tile="dem_gaps",
        ours=_DEM,
        codec=_DEFLATE,
        encoder="adaptive",
        goals=Goals(1.9, 2.5, 2.0, size=1.01),
    ),
    "jpeg": Case(
        title="RGB, JPEG 85",
        plain="RGB imagery, JPEG",
        tile="rgb",
        ours={"raster_type": "rgb", "output_tier": "visualization", "jpeg_quality": 85},
        codec=_JPEG,
        encoder="JPEG 85",
        goals=Goals(2.0, 6, 1.8, size=1.02),
    ),
    "same_crs": Case(
        title="RGB, same CRS, adaptive DEFLATE",
        plain="RGB imagery, CRS kept",
        tile="degrees",
        ours=_RGB,
        codec=_DEFLATE,
        encoder="adaptive",
        goals=Goals(2.5, 2.5, 2.5, size=1.00),
        warps=False,
    ),
}


def together(first: str) -> list[str]:
    """A case and those that share its peers."""
    return [first, *(name for name, case in CASES.items() if case.beside == first)]
