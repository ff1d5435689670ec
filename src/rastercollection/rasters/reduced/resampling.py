"""Bringing pieces of COGs onto the overview's grid, each pixel from what it covers.

A pixel is valid where it covers a valid pixel of the piece. So tiles that touch leave no gap between them, whatever
grid they lie on, and invalid pixels have no part in the value of valid ones.
"""

from __future__ import annotations

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.warp import reproject

from rastercollection.rasters.pixels.windows import Array
from rastercollection.rasters.reduced.pieces import Piece

__all__ = ["resampled"]

_Mask = NDArray[np.bool_]
_NOTHING = -1


def resampled(
    piece: Piece, transform: Affine, crs: CRS, shape: tuple[int, int], *, resampling: Resampling, threads: int
) -> tuple[Array, _Mask]:
    """Pixels of a grid, ``(bands, rows, columns)``, and which of them are valid, of the same shape.

    Args:
        piece: What was read.
        transform, crs, shape: Of the grid; rows and columns.
        resampling: ``nearest`` and ``mode`` keep values as they are, of whatever type; all else is an average over the
            area of a pixel.
        threads: Of GDAL.
    """
    keeps = resampling in (Resampling.nearest, Resampling.mode)
    move = _values_as_they_are if keeps else _averages
    return move(piece, transform, crs, shape, resampling if keeps else Resampling.average, threads)


def _averages(
    piece: Piece, transform: Affine, crs: CRS, shape: tuple[int, int], resampling: Resampling, threads: int
) -> tuple[Array, _Mask]:
    dtype = piece.data.dtype
    floats = np.float32 if dtype.itemsize <= 2 or dtype == np.float32 else np.float64
    values = piece.data.astype(floats)
    if piece.valid is not None:
        np.copyto(values, np.nan, where=~piece.valid)
    found: Array = np.full((values.shape[0], *shape), np.nan, floats)
    _warp(values, found, piece, transform, crs, resampling, threads, nothing=np.nan)
    valid = ~np.isnan(found)
    return _as_type(found, dtype), valid


def _values_as_they_are(
    piece: Piece, transform: Affine, crs: CRS, shape: tuple[int, int], resampling: Resampling, threads: int
) -> tuple[Array, _Mask]:
    """By number: GDAL computes in floats, which do not hold every integer, and knows no mode of complex numbers."""
    values, numbers = np.unique(piece.data, return_inverse=True)
    numbers = np.asarray(numbers.reshape(piece.data.shape).astype(np.int32))
    if piece.valid is not None:
        np.copyto(numbers, _NOTHING, where=~piece.valid)
    found: Array = np.full((len(piece.data), *shape), _NOTHING, np.int32)
    _warp(numbers, found, piece, transform, crs, resampling, threads, nothing=_NOTHING)
    valid = found != _NOTHING
    return np.where(valid, values[found], piece.data.dtype.type(0)), valid


def _warp(
    source: Array,
    target: Array,
    piece: Piece,
    transform: Affine,
    crs: CRS,
    resampling: Resampling,
    threads: int,
    *,
    nothing: float,
) -> None:
    reproject(
        source,
        target,
        src_transform=piece.transform,
        src_crs=piece.crs,
        src_nodata=nothing,
        dst_transform=transform,
        dst_crs=crs,
        dst_nodata=nothing,
        resampling=resampling,
        num_threads=threads,
        UNIFIED_SRC_NODATA="NO",
    )


def _as_type(values: Array, dtype: np.dtype) -> Array:
    """Averages as the type that they are averages of; 0 where there is none."""
    if dtype.kind == "f":
        return np.nan_to_num(values, copy=False, nan=0, posinf=np.inf, neginf=-np.inf).astype(dtype)
    limits = np.iinfo(dtype)
    whole: Array = np.clip(np.rint(np.nan_to_num(values, copy=False, nan=0)), limits.min, limits.max)
    if dtype.itemsize == 8:
        # the largest number is none that a float holds
        whole = np.minimum(whole, np.nextafter(float(limits.max), 0))
    return np.asarray(whole.astype(dtype))
