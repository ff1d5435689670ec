"""TIFF's predictors: what is stored of pixels is how they differ from the one before in the row."""

from __future__ import annotations

import numpy as np

from rastercollection.rasters.encoding.interleaving import pixel_interleaved, scratch
from rastercollection.rasters.pixels.windows import Array

__all__ = ["FLOATING_POINT", "HORIZONTAL", "NO_PREDICTOR", "has_predictor", "predicted", "usual_predictor"]

NO_PREDICTOR, HORIZONTAL, FLOATING_POINT = 1, 2, 3
"""TIFF's numbers."""

_AT_ONCE = 2**18
"""Bytes that are interleaved and predicted before they leave the cache."""

_WITH_PREDICTOR = ("DEFLATE", "LZW", "ZSTD")
_USUAL = {"i": HORIZONTAL, "u": HORIZONTAL, "f": FLOATING_POINT}


def usual_predictor(compression: str, dtype: np.dtype) -> int:
    """TIFF's number of the predictor that suits a type: none for complex numbers, nor for codecs that have none."""
    return _USUAL.get(dtype.kind, NO_PREDICTOR) if has_predictor(compression) else NO_PREDICTOR


def has_predictor(compression: str) -> bool:
    """Whether TIFF has predictors for a codec, by GDAL's name."""
    return compression in _WITH_PREDICTOR


def predicted(block: Array, side: int, predictor: int) -> Array:
    """The bytes of a whole tile before they are compressed: uint8, ``(side, bytes of a row)``, this thread's scratch.

    Columns that are missing repeat the last pixel, rows that are missing are zero after the predictor: both are
    next to nothing when they are compressed.

    Args:
        block: ``(bands, rows, columns)``, little-endian.
        side: Pixels along a side of a whole block.
        predictor: TIFF's number.
    """
    bands, rows, _ = block.shape
    row_bytes = side * bands * block.dtype.itemsize
    tile = scratch("tile", (side, row_bytes), np.dtype("u1"))
    step = max(1, _AT_ONCE // row_bytes)
    for top in range(0, rows, step):
        part = block[:, top : top + step]
        _predict(part, side, predictor, tile[top : top + part.shape[1]])
    tile[rows:] = 0
    return tile


def _predict(block: Array, side: int, predictor: int, tile: Array) -> None:
    bands, rows, _ = block.shape
    pixels = pixel_interleaved(block, side).reshape(rows, -1)
    if predictor == HORIZONTAL:
        _horizontal(pixels, bands, tile)
    elif predictor == FLOATING_POINT:
        _floating_point(pixels, bands, tile)
    else:
        tile[...] = pixels.view("u1")


def _horizontal(pixels: Array, bands: int, tile: Array) -> None:
    """Each sample less that of the same band in the pixel before, in as many bits as it has."""
    unsigned = np.dtype(f"u{pixels.dtype.itemsize}")
    _subtract_before(pixels.view(unsigned), bands, tile.view(unsigned))


def _floating_point(pixels: Array, bands: int, tile: Array) -> None:
    """The row's first bytes, those of sign and exponent, then its second … and how each differs from that before."""
    size = pixels.dtype.itemsize
    planes = scratch("planes", tile.shape, tile.dtype)
    in_row = planes.reshape(len(tile), size, -1)
    words = pixels.view(f"u{size}")
    for plane in range(size):
        np.right_shift(words, 8 * (size - 1 - plane), out=in_row[:, plane], casting="unsafe")
    _subtract_before(planes, bands, tile)


def _subtract_before(values: Array, stride: int, differences: Array) -> None:
    differences[:, :stride] = values[:, :stride]
    np.subtract(values[:, stride:], values[:, :-stride], out=differences[:, stride:])
