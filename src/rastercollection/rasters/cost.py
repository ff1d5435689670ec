"""What a tile will take: bytes of its COG, memory and temporary disk, from its header and the rules. Pure arithmetic.

Shares of the uncompressed size were measured by encoding rasters with GDAL's COG driver (3.10, blocks of 512, usual
level, predictor, quality 85, with overviews, which are part of both sizes): 33 rasters of public test collections of
at least 200 × 200 pixels, pictures, spectral bands, elevation, weather and colour tables, and three synthetic ones of
fractal texture. ``typical`` is about the upper quartile of each class, so that most tiles take less; nearly empty
tiles take almost nothing. Where a class had fewer than five rasters, a share is the largest of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from rastercollection.model.cog import CogSettings

__all__ = ["WINDOW_BYTES", "Load", "Prediction", "predict", "predict_bytes"]

WINDOW_BYTES = 8 * 2**20
"""Of one window of pixels that is worked on."""
_WINDOWS = 6
"""Of one that is read, at the same time: its pixels, GDAL's own copy, masks, and what decides on them."""
_WINDOWS_OF_THREAD = 2
"""What each thread holds while it warps or encodes: pixels of the source and of the grid, GDAL's copies, masks."""

_WITH_OVERVIEWS = 4 / 3
_CODECS = ("DEFLATE", "LZW", "ZSTD", "LERC_DEFLATE", "LERC")
_SHARES: Mapping[str, Mapping[str, float]] = {
    "classes": dict(zip(_CODECS, (0.07, 0.08, 0.07, 0.07, 0.14), strict=True)),
    "bytes": dict(zip(_CODECS, (0.50, 0.57, 0.48, 0.53, 0.63), strict=True)),
    "words": dict(zip(_CODECS, (0.55, 0.71, 0.54, 0.51, 0.54), strict=True)),
    "floats": dict(zip(_CODECS, (0.67, 0.86, 0.65, 0.81, 0.99), strict=True)),
}
_LIKE = {"LZMA": "ZSTD", "LERC_ZSTD": "LERC_DEFLATE"}
_LOSSY = {"JPEG": 0.12, "WEBP": 0.10}
_WORST = {"LZW": 1.4}
"""Noise makes LZW expand; the others store what they cannot compress."""
_HEADERS = 64 * 1024
_BLOCK_BYTES = 256
"""Of a block beside its pixels: entries in directories, what frames it, its mask's."""


@attrs.frozen(kw_only=True)
class Load:
    """What a conversion holds at a time.

    Attributes:
        source_shape: Rows and columns of the source.
        shape: Rows and columns of the COG.
        bands: Of the COG.
        dtype: Of the COG.
        reprojected: The source is held beside the COG while it is warped.
        in_memory: Images are held in RAM, else in files.
        warped: Rows of the source and of the COG's image that are held at the same time, at each step of the warp: in
            RAM, the one goes while the other is filled. Empty for all of both.
        encoded_bytes: Of the COG, at most, whose blocks are held until the last of them is encoded.
        kept_bytes: Of pixels that are kept until the COG has been read back.
        mask_bytes: Of one pixel, for its validity, in an uncompressed image that GDAL reads.
        window_bytes: Of one window that is worked on.
        windows: Windows in memory at the same time, in all threads.
        process_bytes: Of a worker that converts nothing, with GDAL's block cache.
    """

    source_shape: tuple[int, int]
    shape: tuple[int, int]
    bands: int
    dtype: np.dtype
    reprojected: bool
    in_memory: bool
    warped: tuple[tuple[int, int], ...] = ()
    encoded_bytes: int = 0
    kept_bytes: int = 0
    mask_bytes: int = 1
    window_bytes: int = 0
    windows: int = 1
    process_bytes: int = 0

    @classmethod
    def of(
        cls,
        *,
        source_shape: tuple[int, int],
        shape: tuple[int, int],
        bands: int,
        dtype: np.dtype,
        reprojected: bool,
        threads: int = 1,
        process_bytes: int = 0,
        **others: Any,
    ) -> Load:
        """That of stage 2 if intermediates are held in RAM, with the windows that so many threads work in."""
        load = cls(
            source_shape=source_shape,
            shape=shape,
            bands=bands,
            dtype=dtype,
            reprojected=reprojected,
            in_memory=True,
            windows=_WINDOWS + _WINDOWS_OF_THREAD * threads,
            process_bytes=process_bytes,
            **others,
        )
        return attrs.evolve(load, window_bytes=min(WINDOW_BYTES, load.image_bytes))

    def decided(self, asked: bool | None, memory_bytes: int) -> Load:
        """Held in RAM if that was asked for or, where nothing was, if it fits into ``memory_bytes``; else in files."""
        return attrs.evolve(self, in_memory=self.needed_bytes <= memory_bytes if asked is None else asked)

    @property
    def needed_bytes(self) -> int:
        """RAM for images and windows, if images are held there."""
        return self.held_bytes + self.windows * self.window_bytes

    @property
    def source_bytes(self) -> int:
        """Uncompressed, where it has to be held."""
        rows, columns = self.source_shape
        return rows * columns * self._pixel if self.reprojected else 0

    @property
    def image_bytes(self) -> int:
        """Uncompressed image of the COG, without overviews."""
        rows, columns = self.shape
        return rows * columns * self._pixel

    @property
    def held_bytes(self) -> int:
        """Most that images take at a time: source and image while warping, then overviews and encoded blocks."""
        encoding = self.image_bytes // 3 + self.encoded_bytes + self.kept_bytes
        if not self.in_memory:
            encoding += self.image_bytes
        return max(self._warping_bytes, self.image_bytes, encoding)

    @property
    def _warping_bytes(self) -> int:
        if not self.reprojected:
            return 0
        held = self.warped if self.warped and self.in_memory else ((self.source_shape[0], self.shape[0]),)
        return max(
            (rows * self.source_shape[1] + image_rows * self.shape[1]) * self._pixel for rows, image_rows in held
        )

    @property
    def _pixel(self) -> int:
        return self.bands * self.dtype.itemsize + self.mask_bytes


@attrs.frozen(kw_only=True)
class Prediction:
    """Of one tile, in bytes.

    Attributes:
        bytes_out: Of the COG, if it compresses like most of its kind.
        most_bytes_out: Of the COG, if it does not compress at all.
        peak_memory: Of the process that converts it.
        temporary_disk: In the scratch folder, at most.
    """

    bytes_out: int
    most_bytes_out: int
    peak_memory: int
    temporary_disk: int


def predict(load: Load, settings: CogSettings, *, classes: bool = False) -> Prediction:
    """What a tile will take.

    Args:
        load: Its sizes, and the rules of the conversion.
        settings: How the COG is written.
        classes: Its pixels are classes, or indexes into a colour table.
    """
    typical, most = predict_bytes(
        load.shape, load.bands, load.dtype, settings.compression, block_size=settings.block_size, classes=classes
    )
    return Prediction(
        bytes_out=typical,
        most_bytes_out=most,
        peak_memory=load.process_bytes + load.windows * load.window_bytes + load.held_bytes * load.in_memory,
        temporary_disk=most + load.held_bytes * (not load.in_memory),
    )


def predict_bytes(
    shape: tuple[int, int],
    bands: int,
    dtype: np.dtype,
    compression: str,
    *,
    block_size: int = 512,
    classes: bool = False,
) -> tuple[int, int]:
    """Bytes of a COG with its overviews: usually, and at most.

    Args:
        shape: ``(rows, columns)``.
        bands: Of the COG, without its mask.
        dtype: Of the COG.
        compression: GDAL's name.
        block_size: Pixels, square.
        classes: Its pixels are classes, or indexes into a colour table.
    """
    stored, blocks = _stored(shape, block_size)
    raw, mask = stored * bands * dtype.itemsize, stored // 8
    most = int(raw * _WORST.get(compression, 1.02)) + mask + blocks * _BLOCK_BYTES + _HEADERS
    if compression == "NONE":
        return raw, most
    pixels = shape[0] * shape[1] * _WITH_OVERVIEWS
    return int(pixels * bands * dtype.itemsize * _share(compression, dtype, classes)), most


def _stored(shape: tuple[int, int], block_size: int) -> tuple[int, int]:
    """Pixels, and blocks, of an image and its overviews; blocks at the edges are whole."""
    (rows, columns), blocks = shape, 0
    while True:
        blocks += -(-rows // block_size) * -(-columns // block_size)
        if max(rows, columns) <= block_size:
            return blocks * block_size**2, blocks
        rows, columns = -(-rows // 2), -(-columns // 2)


def _share(compression: str, dtype: np.dtype, classes: bool) -> float:
    if compression in _LOSSY:
        return _LOSSY[compression]
    kind = "floats" if dtype.kind in "fc" else "bytes" if dtype.itemsize == 1 else "words"
    shares = _SHARES["classes" if classes and dtype.kind in "iu" else kind]
    return shares[_LIKE.get(compression, compression)]
