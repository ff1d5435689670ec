"""Whether a codec and a resampling suit pixels, and what takes their place where they do not."""

from __future__ import annotations

import attrs
import numpy as np

from rastercollection.core.models import Notice
from rastercollection.model.cog import KEEPS_VALUES, CogSettings, Level

__all__ = ["suited"]

_FALLBACK = "DEFLATE"
_FALLBACK_LEVEL: Level = "auto"


def suited(
    settings: CogSettings, dtypes: tuple[str, ...], dtype: np.dtype, *, alpha: bool, has_colors: bool, blob: str
) -> tuple[CogSettings, tuple[Notice, ...]]:
    """The settings as far as the codec and the resampling suit the pixels, and notices about what does not.

    Args:
        settings: Asked for.
        dtypes: Of the source's bands.
        dtype: Of the COG.
        alpha: Whether one of the bands is alpha.
        has_colors: Values are indexes into a colour table.
        blob: Name of the tile.
    """
    notices = []
    if not _codec_suits(settings.compression, dtype, len(dtypes), alpha):
        notices.append(
            Notice(
                code="COMPRESSION_FALLBACK",
                message=f"{blob}: {settings.compression} cannot hold {len(dtypes)} bands of {dtype.name}; "
                f"it is written with {_FALLBACK}.",
            )
        )
        settings = attrs.evolve(settings, compression=_FALLBACK, level=_FALLBACK_LEVEL, quality=None)
    if has_colors and settings.warp_resampling not in KEEPS_VALUES:
        settings = attrs.evolve(settings, warp_resampling="nearest")
    if has_colors and not settings.keeps_values:
        settings = attrs.evolve(settings, overview_resampling="mode")
    if dtype.kind == "c" and settings.overview_resampling != "nearest":
        settings = attrs.evolve(settings, overview_resampling="nearest")
    return settings, tuple(notices)


def _codec_suits(compression: str, dtype: np.dtype, bands: int, alpha: bool) -> bool:
    if compression == "JPEG":
        return dtype == np.uint8 and bands - alpha in (1, 3)
    if compression == "WEBP":
        return dtype == np.uint8 and bands - alpha == 3
    if compression.startswith("LERC"):
        return not (dtype.kind == "c" or dtype == np.float16 or (dtype.kind in "iu" and dtype.itemsize == 8))
    return True
