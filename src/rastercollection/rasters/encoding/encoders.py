"""What encodes the blocks of a COG, by its codec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import attrs
import numpy as np

from rastercollection.model.cog import CogSettings
from rastercollection.model.receipt import EncodingChoice
from rastercollection.rasters.encoding import compressors
from rastercollection.rasters.encoding.adaptive import AdaptiveDeflate
from rastercollection.rasters.encoding.interleaving import Padding, scratch
from rastercollection.rasters.encoding.predictors import NO_PREDICTOR, has_predictor, predicted, usual_predictor
from rastercollection.rasters.encoding.surfaces import settled
from rastercollection.rasters.encoding.through_gdal import tile_by_gdal
from rastercollection.rasters.pixels.windows import Array

__all__ = ["BlockEncoder", "encoder_of", "mask_encoder"]

_DEFLATE_LEVEL, _ZSTD_LEVEL, _LZMA_LEVEL = 6, 9, 6
"""GDAL's own, where none is given."""

_LEVEL_OPTION = {
    "DEFLATE": "ZLEVEL",
    "ZSTD": "ZSTD_LEVEL",
    "LZMA": "LZMA_PRESET",
    "LERC_DEFLATE": "ZLEVEL",
    "LERC_ZSTD": "ZSTD_LEVEL",
}
_OF_PICTURES = ("JPEG", "WEBP")
_LOSSLESS = 0


class BlockEncoder(Protocol):
    """Makes the bytes of tiles; many threads may use one at once."""

    @property
    def creation_options(self) -> Mapping[str, Any]:
        """Options of GDAL's GeoTIFF driver with which it writes the tags that the tiles need."""

    def encode(self, block: Array) -> bytes:
        """The bytes of a tile.

        Args:
            block: ``(bands, rows, columns)``, at most a whole block; what is missing at the right and below is filled
                up with what takes least.
        """


def encoder_of(
    settings: CogSettings, dtype: np.dtype, bands: int, *, choice: EncodingChoice | None = None
) -> BlockEncoder:
    """The encoder of a COG's blocks.

    Args:
        settings: Codec, level, quality and block size.
        dtype: Of all bands.
        bands: Their number, alpha among them.
        choice: What was chosen where settings leave it open; without one it is the codec's usual level.
    """
    options = _options(settings, dtype, bands, choice)
    side, predictor = settings.block_size, options.get("PREDICTOR", NO_PREDICTOR)
    if settings.compression == "NONE":
        return _OfBytes(creation_options=options, side=side, predictor=predictor, compress=np.ndarray.tobytes)
    if settings.compression == "DEFLATE" and choice is not None:
        return AdaptiveDeflate(creation_options=options, side=side, choice=choice)
    if settings.compression == "DEFLATE":
        compress = compressors.libdeflate(options["ZLEVEL"])
        return _OfBytes(creation_options=options, side=side, predictor=predictor, compress=compress)
    if settings.compression == "ZSTD":
        compress = compressors.zstandard(options["ZSTD_LEVEL"])
        return _OfBytes(creation_options=options, side=side, predictor=predictor, compress=compress)
    if settings.compression == "LZMA" and compressors.HAS_LZMA:
        compress = compressors.xz(options.get("LZMA_PRESET", _LZMA_LEVEL), bands * dtype.itemsize)
        return _OfBytes(creation_options=options, side=side, predictor=predictor, compress=compress)
    if settings.compression.startswith("LERC"):
        return _Surface(creation_options=options, side=side, compress=_after_lerc(settings.compression, options))
    padding = Padding.EDGES if settings.compression in _OF_PICTURES else Padding.RUNS
    return _ByGdal(creation_options=options, side=side, padding=padding)


def mask_encoder(block_size: int) -> BlockEncoder:
    """The encoder of the blocks of an internal mask: ``(1, rows, columns)``, nonzero where valid.

    Args:
        block_size: Pixels, square.
    """
    return _Mask(side=block_size)


def _options(settings: CogSettings, dtype: np.dtype, bands: int, choice: EncodingChoice | None) -> dict[str, Any]:
    codec = settings.compression
    options: dict[str, Any] = {"COMPRESS": codec, "INTERLEAVE": "PIXEL"}
    if has_predictor(codec):
        options["PREDICTOR"] = usual_predictor(codec, dtype) if choice is None else choice.predictor
    level = _level(settings) if choice is None or choice.level is None else choice.level
    if level is not None:
        options[_LEVEL_OPTION[codec]] = level
    if codec.startswith("LERC"):
        options["MAX_Z_ERROR"] = _LOSSLESS
    return {**options, **_picture_options(codec, settings.quality, bands)}


def _after_lerc(codec: str, options: Mapping[str, Any]) -> compressors.Compress:
    if codec == "LERC_DEFLATE":
        return compressors.libdeflate(options.get("ZLEVEL", _DEFLATE_LEVEL))
    if codec == "LERC_ZSTD":
        return compressors.zstandard(options.get("ZSTD_LEVEL", _ZSTD_LEVEL))
    return np.ndarray.tobytes


def _level(settings: CogSettings) -> int | None:
    if settings.compression not in _LEVEL_OPTION:
        return None
    if isinstance(settings.level, int):
        return settings.level
    return {"DEFLATE": _DEFLATE_LEVEL, "ZSTD": _ZSTD_LEVEL}.get(settings.compression)


def _picture_options(codec: str, quality: int | None, bands: int) -> dict[str, Any]:
    if codec == "JPEG":
        told = {} if quality is None else {"JPEG_QUALITY": quality}
        return {**told, "PHOTOMETRIC": "YCBCR"} if bands == 3 else told
    if codec == "WEBP" and quality is not None:
        return {"WEBP_LOSSLESS": "YES"} if quality == 100 else {"WEBP_LEVEL": quality}
    return {}


@attrs.frozen(kw_only=True)
class _OfBytes:
    """A predictor of our own, then a codec that knows bytes only."""

    creation_options: Mapping[str, Any]
    side: int
    predictor: int
    compress: compressors.Compress

    def encode(self, block: Array) -> bytes:
        return self.compress(predicted(block, self.side, self.predictor))


@attrs.frozen(kw_only=True)
class _ByGdal:
    creation_options: Mapping[str, Any]
    side: int
    padding: Padding

    def encode(self, block: Array) -> bytes:
        return tile_by_gdal(block, self.side, self.creation_options, self.padding)


@attrs.frozen(kw_only=True)
class _Surface:
    """LERC by GDAL, and what may compress its bytes once more, here."""

    creation_options: Mapping[str, Any]
    side: int
    compress: compressors.Compress

    def encode(self, block: Array) -> bytes:
        lerc = {"COMPRESS": "LERC", "MAX_Z_ERROR": _LOSSLESS, "INTERLEAVE": "PIXEL"}
        # a block without data stays one: geotiff.js fails at tiles that have nothing but a single value beside NaN
        padding = Padding.EDGES if _is_flat(block) else Padding.ZEROS
        blob = settled(tile_by_gdal(block, self.side, lerc, padding))
        return self.compress(np.frombuffer(blob, np.uint8))


def _is_flat(block: Array) -> bool:
    """Whether each band has one value throughout, which may be NaN."""
    corner = block[:, :1, :1]
    alike = block == corner
    return bool((alike | np.isnan(block) & np.isnan(corner)).all() if block.dtype.kind == "f" else alike.all())


@attrs.frozen(kw_only=True)
class _Mask:
    """One bit a pixel, rows of whole bytes, 0 beyond the image."""

    side: int
    creation_options: Mapping[str, Any] = attrs.field(factory=lambda: {"COMPRESS": "DEFLATE", "INTERLEAVE": "PIXEL"})

    def encode(self, block: Array) -> bytes:
        _, rows, columns = block.shape
        valid = scratch("valid", (self.side, self.side), np.dtype(bool))
        valid[:] = False
        valid[:rows, :columns] = block[0] != 0
        return compressors.libdeflate(_DEFLATE_LEVEL)(np.packbits(valid, axis=1))
