"""Small pictures as PNGs: bytes in, bytes out.

GDAL's driver tries five filters a row and compresses by zlib, which takes ten times as long for files as large.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

__all__ = ["encode_png"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOR_TYPES = {3: 2, 4: 6}
"""By the number of bands: with alpha or without."""
_AVERAGE = 3
"""The filter that predicts a sample by the mean of those above and to the left: right for noise and smooth images."""
_LEVEL = 2


def encode_png(picture: NDArray[np.uint8]) -> bytes:
    """Red, green, blue and, where there is any, alpha, ``(bands, rows, columns)``, as a PNG."""
    bands, height, width = picture.shape
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOR_TYPES[bands], 0, 0, 0)
    content = isal_zlib.compress(_filtered(picture), _LEVEL)
    return b"".join([_SIGNATURE, _chunk(b"IHDR", header), _chunk(b"IDAT", content), _chunk(b"IEND", b"")])


def _filtered(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``(rows, 1 + bands * columns)``: the filter's number, and how far each sample is from its prediction."""
    bands, height, width = picture.shape
    samples = np.ascontiguousarray(np.moveaxis(picture, 0, 2)).reshape(height, width * bands)
    above, left = np.zeros_like(samples), np.zeros_like(samples)
    above[1:], left[:, bands:] = samples[:-1], samples[:, :-bands]
    filtered = np.empty((height, 1 + width * bands), np.uint8)
    filtered[:, 0] = _AVERAGE
    # half of the sum, rounded down, without the ninth bit of the sum
    np.subtract(samples, (above & left) + ((above ^ left) >> 1), out=filtered[:, 1:])
    return filtered


def _chunk(kind: bytes, content: bytes) -> bytes:
    return b"".join([struct.pack(">I", len(content)), kind, content, struct.pack(">I", zlib.crc32(kind + content))])
