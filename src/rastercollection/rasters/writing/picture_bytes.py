"""Pictures for pages: WebP where GDAL can write it, a tenth of a PNG for a photograph; and reading them back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.io import MemoryFile

from rastercollection.rasters.gdal_env import installed_drivers
from rastercollection.rasters.pixels.in_memory import encode_in_memory, open_memory
from rastercollection.rasters.writing.png_encoder import encode_png

__all__ = ["decode_picture", "encode_picture"]

MOST_PIXELS = 50_000_000

_DRIVERS = {"image/webp": "WEBP", "image/png": "PNG", "image/jpeg": "JPEG"}
_BANDS = 4

_Rgba = NDArray[np.uint8]


def encode_picture(picture: _Rgba, *, quality: int | None) -> tuple[str, bytes]:
    """Media type and bytes of red, green, blue and alpha, ``(4, rows, columns)``.

    Args:
        picture: The pixels.
        quality: Of WebP, 1 to 100; None keeps every value.
    """
    if "WEBP" not in installed_drivers():
        return "image/png", encode_png(np.ascontiguousarray(picture))
    options = {"LOSSLESS": "YES"} if quality is None else {"QUALITY": quality}
    return "image/webp", encode_in_memory(picture, "WEBP", **options)


def decode_picture(media_type: str, data: bytes, width: int, height: int) -> _Rgba:
    """Red, green, blue and alpha, ``(4, height, width)``, of a picture that is reduced, or enlarged, to that size.

    Raises:
        ValueError: It is of another type, or has too many pixels.
        RasterioIOError: It cannot be read.
    """
    if media_type not in _DRIVERS:
        raise ValueError(f"{media_type} is no picture that can be read")
    with MemoryFile(data) as memory, open_memory(memory, _DRIVERS[media_type]) as image:
        if image.width * image.height > MOST_PIXELS:
            raise ValueError(f"a picture of {image.width} × {image.height} pixels is too large")
        pixels = image.read(out_shape=(image.count, height, width), resampling=Resampling.average)
    if len(pixels) == _BANDS:
        return np.asarray(pixels, np.uint8)
    opaque = np.full((1, height, width), 255, np.uint8)
    return np.concatenate([np.broadcast_to(pixels[:3], (3, height, width)), opaque])
