"""What is measured, and what was hoped for. Goals are least ratios of a peer's CPU time to this library's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["CASES", "Case", "Goals"]


@dataclass(frozen=True)
class Goals:
    """Ratios to reach: a peer's CPU to ours, at least; our CPU to the floor's and file to rio-cogeo's, at most."""

    rio_cogeo: float | None = None
    gdalwarp: float | None = None
    floor: float | None = None
    size: float | None = None


@dataclass(frozen=True)
class Case:
    """One row: a tile, how it is converted, and how the peers and the floor are.

    Attributes:
        title: As printed.
        tile: Kind of tile.
        ours: Parameters of process_collection.
        codec: Creation options of the peers and the floor, by GDAL's names: COMPRESS, LEVEL, QUALITY.
        floor_codec: Of the floor, where it differs from the peers'.
        goals: What was hoped for.
        warps: Whether the CRS changes.
        beside: The case whose peers it is compared with, in the same rounds; None with peers of its own.
    """

    title: str
    tile: str
    ours: dict[str, Any]
    codec: dict[str, Any]
    goals: Goals
    floor_codec: dict[str, Any] | None = None
    warps: bool = True
    beside: str | None = None


_DEFLATE = {"COMPRESS": "DEFLATE", "LEVEL": 6}
_RGB = {"raster_type": "rgb"}
_DEM = {"raster_type": "dem"}
_OURS_DEFLATE = {"compression": "DEFLATE", "compression_level": 6}

CASES: dict[str, Case] = {
    "rgb": Case("RGB uint8, DEFLATE 6", "rgb", _RGB | _OURS_DEFLATE, _DEFLATE, Goals(4, 1.6, 1.12)),
    "uint16": Case(
        "4 × uint16, DEFLATE 6", "uint16", {"raster_type": "nir"} | _OURS_DEFLATE, _DEFLATE, Goals(9, 2, 1.12)
    ),
    "dem": Case("DEM float32, DEFLATE 6", "dem", _DEM | _OURS_DEFLATE, _DEFLATE, Goals(1.9, 1.6, 1.15)),
    "dem_gaps": Case(
        "DEM float32, 0.3% nodata, DEFLATE 6", "dem_gaps", _DEM | _OURS_DEFLATE, _DEFLATE, Goals(1.7, 1.6, 1.1)
    ),
    "jpeg": Case(
        "RGB, JPEG 85",
        "rgb",
        _RGB | {"output_tier": "visualization", "jpeg_quality": 85},
        {"COMPRESS": "JPEG", "QUALITY": 85},
        Goals(7, 2, 1.2),
    ),
    "zstd": Case(
        "RGB, ZSTD 1, peers DEFLATE 6",
        "rgb",
        _RGB | {"compression": "ZSTD", "compression_level": 1},
        _DEFLATE,
        Goals(8, 3.5, 1.2),
        floor_codec={"COMPRESS": "ZSTD", "LEVEL": 1},
        beside="rgb",
    ),
    "auto": Case(
        "RGB, level auto, peers DEFLATE 6",
        "rgb",
        _RGB | {"compression": "DEFLATE", "compression_level": "auto"},
        _DEFLATE,
        Goals(6, 2.5, size=1.06),
        beside="rgb",
    ),
    "same_crs": Case(
        "RGB, same CRS, DEFLATE 6", "degrees", _RGB | _OURS_DEFLATE, _DEFLATE, Goals(1.03, 1.1, 1.08), warps=False
    ),
}
