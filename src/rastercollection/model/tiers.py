"""Settings by raster type, and tiers: tables and the rules that choose from them. Pure, no GDAL.

A tier's compression is what is used; the type decides resampling.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import attrs

from rastercollection.core.models import Notice
from rastercollection.model.cog import KEEPS_VALUES, CogSettings, Level

__all__ = [
    "COLOR_PICTURES",
    "FALLBACK_TIER",
    "IMAGERY",
    "LEVELS",
    "PICTURES",
    "TIERS",
    "Compression",
    "RasterType",
    "Resampling",
    "Tier",
    "choose_settings",
    "compatible_tiers",
    "may_fall_back",
    "recommend",
    "resamplings",
    "unread_by_browsers",
]

RasterType = Literal["auto", "rgb", "rgba", "dem", "categorical", "multispectral", "nir"]

COLOR_PICTURES = ("rgb", "rgba")
"""Types of what is red, green and blue and nothing else that counts."""

PICTURES = (*COLOR_PICTURES, "nir")
"""Types whose bands are one colour together."""

IMAGERY = (*PICTURES, "multispectral")
"""Types whose bands are light of some wavelengths."""

Compression = Literal["NONE", "DEFLATE", "LZW", "ZSTD", "LZMA", "JPEG", "WEBP", "LERC", "LERC_DEFLATE", "LERC_ZSTD"]
"""By the names that GDAL has for them."""

LEVELS: Mapping[str, tuple[int, int]] = {
    "DEFLATE": (1, 9),
    "ZSTD": (1, 22),
    "LZMA": (0, 9),
    "LERC_DEFLATE": (1, 9),
    "LERC_ZSTD": (1, 22),
}
"""Lowest and highest level of those that have one."""

UNREAD_BY_BROWSERS: Final = frozenset({"LZMA"})
"""Those that geotiff.js has no decoder for, by which maps in browsers read COGs."""

Resampling = Literal["nearest", "bilinear", "cubic", "cubic_spline", "lanczos", "average", "mode"]
LOSSY_NEEDS_BYTES = ("JPEG", "WEBP")


@attrs.frozen(kw_only=True)
class Tier:
    """A purpose COGs are written for.

    Attributes:
        name: What users call it.
        compression: GDAL's name.
        level: Compression level; None for the codec's default, ``auto`` for one chosen for each image.
        storage_class: Passed on to results; stores that have classes use it.
        needs: ``anything`` or ``rgb_byte`` (3 bands of uint8, or those with alpha or a mask).
    """

    name: str
    compression: str
    level: Level = None
    storage_class: str = "hot"
    needs: str = "anything"


TIERS: Mapping[str, Tier] = {
    "visualization": Tier(name="visualization", compression="JPEG", needs="rgb_byte"),
    "analysis": Tier(name="analysis", compression="DEFLATE", level="auto"),
    "archive": Tier(name="archive", compression="LZW", storage_class="cool"),
}
FALLBACK_TIER = "analysis"


@attrs.frozen
class _TypeRow:
    compression: str
    overview_resampling: str
    warp_resampling: str


_BY_TYPE: Mapping[str, _TypeRow] = {
    "rgb": _TypeRow("JPEG", "cubic", "cubic"),
    "rgba": _TypeRow("WEBP", "cubic", "cubic"),
    "dem": _TypeRow("LERC_DEFLATE", "average", "bilinear"),
    "categorical": _TypeRow("DEFLATE", "mode", "nearest"),
    "multispectral": _TypeRow("DEFLATE", "average", "bilinear"),
    "nir": _TypeRow("DEFLATE", "cubic", "cubic"),
    "unknown": _TypeRow("DEFLATE", "cubic", "cubic"),
}


def resamplings(raster_type: str, *, keeps_values: bool = False) -> tuple[str, str]:
    """How tiles are warped, and their overviews made.

    Args:
        raster_type: Decides, unless
        keeps_values: Pixels may be flags or classes, so no value may appear that was not there.
    """
    row = _BY_TYPE[raster_type]
    kernels = (row.warp_resampling, row.overview_resampling)
    return ("nearest", "nearest") if keeps_values and not set(kernels) <= {*KEEPS_VALUES} else kernels


def _quality(compression: str, jpeg_quality: int) -> int | None:
    return jpeg_quality if compression in LOSSY_NEEDS_BYTES else None


def recommend(raster_type: str, jpeg_quality: int = 85, *, keeps_values: bool = False) -> CogSettings:
    """The settings that suit a raster type best, whatever the tier."""
    row = _BY_TYPE[raster_type]
    warp, overview = resamplings(raster_type, keeps_values=keeps_values)
    return CogSettings(
        tier="recommended",
        storage_class="hot",
        compression=row.compression,
        level="auto" if row.compression == "DEFLATE" else None,
        quality=_quality(row.compression, jpeg_quality),
        overview_resampling=overview,
        warp_resampling=warp,
    )


def is_rgb_byte(dtypes: Sequence[str], color_interpretation: Sequence[str]) -> bool:
    """Whether bands can be a JPEG or WebP picture: three of uint8, or those and an alpha band."""
    if any(dtype != "uint8" for dtype in dtypes):
        return False
    return len(dtypes) == 3 or (len(dtypes) == 4 and color_interpretation[3] == "alpha")


def may_fall_back(tier: Tier) -> bool:
    """Whether there are bands that cannot be written in this tier, and are in the one that takes anything."""
    return tier.needs == "rgb_byte" or tier.compression in LOSSY_NEEDS_BYTES


def _fits(tier: Tier, dtypes: Sequence[str], color_interpretation: Sequence[str]) -> bool:
    return not may_fall_back(tier) or is_rgb_byte(dtypes, color_interpretation)


def compatible_tiers(
    tiers: Mapping[str, Tier], dtypes: Sequence[str], color_interpretation: Sequence[str]
) -> tuple[str, ...]:
    """Names of the tiers that bands of these types can be written in."""
    return tuple(name for name, tier in tiers.items() if _fits(tier, dtypes, color_interpretation))


def _tier_fallback(tier: Tier, dtypes: Sequence[str]) -> Notice:
    return Notice(
        code="TIER_FALLBACK",
        message=f"Tier {tier.name!r} needs 3 bands of uint8 (or those with alpha or a mask); the tile has "
        f"{len(dtypes)} of {', '.join(sorted(set(dtypes)))}: written as {FALLBACK_TIER!r}.",
    )


def unread_by_browsers(every: Iterable[CogSettings]) -> tuple[Notice, ...]:
    """That COGs are written in a compression that maps in browsers cannot read."""
    codecs = sorted({settings.compression for settings in every} & UNREAD_BY_BROWSERS)
    return tuple(
        Notice(
            code="COMPRESSION_UNREAD_BY_BROWSERS",
            message=f"geotiff.js cannot read {codec}, nor can maps that read COGs in the browser by it, as OpenLayers"
            " does; GDAL, rasterio and tile servers can. Set `compression`: all read DEFLATE, geotiff.js 3 reads ZSTD.",
        )
        for codec in codecs
    )


def _level(tier: Tier, codec: str, ordered: str | None, level: Level) -> Level:
    """The level that was ordered, where the codec has levels; else the tier's, which is of the tier's own codec."""
    if level is not None and codec in LEVELS:
        return level
    return level if codec == ordered else tier.level


def _codec_fallback(tier: Tier, codec: str) -> Notice:
    message = f"{codec} needs 3 bands of uint8; the tile is written with {tier.compression}."
    return Notice(code="COMPRESSION_FALLBACK", message=message)


def choose_settings(
    tier: Tier,
    raster_type: str,
    dtypes: Sequence[str],
    color_interpretation: Sequence[str],
    *,
    keeps_values: bool = False,
    jpeg_quality: int = 85,
    compression: str | None = None,
    level: Level = None,
    sparse: bool = False,
    warp_resampling: str | None = None,
    overview_resampling: str | None = None,
) -> tuple[CogSettings, tuple[Notice, ...]]:
    """The settings a tile is written with, and notices about what could not be had.

    Args:
        tier: The tier asked for.
        raster_type: Decides resampling, unless it is given.
        dtypes: Data type of each band.
        color_interpretation: Of each band.
        keeps_values: Pixels may be flags or classes, whatever the type.
        jpeg_quality: 1–100.
        compression, level, warp_resampling, overview_resampling: The user's overrides.
        sparse: Blocks of nothing but nodata are left out.
    """
    notices = []
    if not _fits(tier, dtypes, color_interpretation):
        notices.append(_tier_fallback(tier, dtypes))
        tier = TIERS[FALLBACK_TIER]
    codec = compression or tier.compression
    if codec in LOSSY_NEEDS_BYTES and not is_rgb_byte(dtypes, color_interpretation):
        notices.append(_codec_fallback(tier, codec))
        codec = tier.compression
    warp, overview = resamplings(raster_type, keeps_values=keeps_values)
    settings = CogSettings(
        tier=tier.name,
        storage_class=tier.storage_class,
        compression=codec,
        level=_level(tier, codec, compression, level),
        quality=_quality(codec, jpeg_quality),
        overview_resampling=overview_resampling or overview,
        warp_resampling=warp_resampling or warp,
        sparse=sparse,
    )
    return settings, tuple(notices)
