"""From an uncompressed buffer with its overviews to a COG, by GDAL's COG driver, once."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import rasterio
import rasterio.shutil
from rio_cogeo.cogeo import cog_validate
from rio_cogeo.profiles import cog_profiles

from rastercollection.core.models import Notice
from rastercollection.errors import TaskError
from rastercollection.model.cog import KEEPS_VALUES, CogSettings
from rastercollection.rasters.gdal_errors import writing
from rastercollection.rasters.pixels.raster_buffer import (
    add_table,
    add_text,
    open_buffer,
    reading_buffers,
    repeat_band_tags,
)
from rastercollection.rasters.source.classes import CLASS_NAMES
from rastercollection.rasters.writing.metadata import Metadata

__all__ = ["check_valid", "encode", "overview_levels", "suited"]

_WITH_PREDICTOR = ("DEFLATE", "LZW", "ZSTD")
_FALLBACK = "DEFLATE"
_FALLBACK_LEVEL = 6


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


def overview_levels(width: int, height: int, block_size: int) -> tuple[int, ...]:
    """Decimations, down to an overview that fits into one block: ``(2, 4, 8)``.

    A raster that is one pixel wide has none: readers tell decimations from widths.
    """
    if width == 1:
        return ()
    halvings = math.ceil(math.log2(max(width, height) / block_size)) if max(width, height) > block_size else 0
    return tuple(2**level for level in range(1, halvings + 1))


def encode(
    document: Path, target: Path, settings: CogSettings, metadata: Metadata, *, dtype: np.dtype, threads: int, blob: str
) -> None:
    """Write a buffer with its overviews as a COG.

    Args:
        document: Of the buffer.
        target: The COG, a local file.
        settings: Codec and block size.
        metadata: What the COG says beside its pixels.
        dtype: Of all bands.
        threads: Of the encoder.
        blob: Name of the tile.

    Raises:
        TaskError: ``COG_INVALID`` or ``NO_SPACE``.
    """
    options = _creation_options(settings, dtype, threads)
    with writing(blob, f"encoding with {settings.compression}"):
        if metadata.has_domains:
            options["COPY_SRC_MDD"] = "YES"
            repeat_band_tags(document)
        for domain, text in metadata.documents.items():
            add_text(document, domain, text)
        for band, found in enumerate(metadata.classes, 1):
            if found.table is not None:
                add_table(document, band, found.table)
        with reading_buffers():
            rasterio.shutil.copy(str(document), str(target), driver="COG", **options)
        if metadata.has_domains:
            _check_band_tags(document, target, blob)


def _creation_options(settings: CogSettings, dtype: np.dtype, threads: int) -> dict[str, Any]:
    """Options of GDAL's COG driver: rio-cogeo's profile of the codec, refined by the settings."""
    name = "raw" if settings.compression == "NONE" else settings.compression.lower()
    profile: dict[str, Any] = cog_profiles[name]
    options: dict[str, Any] = {
        "COMPRESS": profile.get("compress", "NONE"),
        "BLOCKSIZE": settings.block_size,
        "OVERVIEWS": "FORCE_USE_EXISTING",
        "BIGTIFF": "IF_SAFER",
        "NUM_THREADS": threads,
    }
    if settings.compression in _WITH_PREDICTOR:
        options["PREDICTOR"] = {"i": "STANDARD", "u": "STANDARD", "f": "FLOATING_POINT"}.get(dtype.kind, "NO")
    if settings.level is not None and settings.compression not in ("NONE", "LZW", "JPEG", "WEBP", "LERC"):
        options["LEVEL"] = settings.level
    if settings.quality is not None and settings.compression in ("JPEG", "WEBP"):
        options["QUALITY"] = settings.quality
    return options


def _check_band_tags(document: Path, target: Path, blob: str) -> None:
    """Make sure that GDAL wrote the bands' tags.

    Raises:
        TaskError: ``COG_INVALID``.
    """
    with open_buffer(document) as buffer, rasterio.open(target) as cog:
        lost = [band for band in cog.indexes if not _tags(buffer, band) <= _tags(cog, band)]
    if lost:
        raise TaskError(
            f"{blob}: GDAL {rasterio.__gdal_version__} left out or changed tags of bands {', '.join(map(str, lost))}.",
            "This is a bug: please report it with the tile.",
            "COG_INVALID",
            details={"bands": lost},
        )


def _tags(dataset: Any, band: int) -> set[tuple[str, str]]:
    """The band's own, and its names of classes."""
    return {*dataset.tags(band).items(), *dataset.tags(band, ns=CLASS_NAMES).items()}


def check_valid(target: Path, blob: str) -> None:
    """Have rio-cogeo validate a COG, strictly.

    Raises:
        TaskError: ``COG_INVALID``.
    """
    with writing(blob, "validating the COG"):
        _, errors, warnings = cog_validate(str(target), strict=True, quiet=True)
        with rasterio.open(target) as cog:
            warnings = [] if cog.width == 1 else warnings  # of its missing overviews
    if errors or warnings:
        raise TaskError(
            f"{blob}: what was written is no valid COG: {'; '.join([*errors, *warnings])}",
            "This is a bug: please report it with the tile.",
            "COG_INVALID",
            details={"errors": list(errors), "warnings": list(warnings)},
        )
