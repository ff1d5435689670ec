"""Whether a COG is surrounded by pixels of one value that nothing marks as invalid, as scans and mosaics often are."""

from __future__ import annotations

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.io import DatasetReader

from rastercollection.model.cog import CogFile, Collar
from rastercollection.rasters.gdal_crs import from_rasterio
from rastercollection.rasters.grid.footprint import footprint
from rastercollection.rasters.pixels.validity import Validity, any_band
from rastercollection.rasters.pixels.windows import Array

__all__ = ["find_collar"]

_LONGEST_SIDE = 256
_LEAST_EDGE, _LEAST_AREA = 0.05, 0.002
_NOISE = 4
"""Of bytes that were a JPEG once: how far pixels of a border may lie from 0 or 255."""

_ZERO_IS_A_VALUE = ("dem", "categorical")

_Mask = NDArray[np.bool_]


def find_collar(cog: DatasetReader, file: CogFile) -> Collar | None:
    """The border of 0, or of the largest value of bytes and uint16, around a COG; None without one.

    It is looked for in at most 256 × 256 pixels, those of an overview where there is one. In a dem and among classes, 0
    is the sea, or a class, like any other.

    Args:
        cog: Open.
        file: What is known of it.
    """
    if file.raster_type in _ZERO_IS_A_VALUE or file.color_table is not None:
        return None
    shrink = max(1.0, max(cog.shape) / _LONGEST_SIDE)
    shape = tuple(max(1, round(size / shrink)) for size in cog.shape)
    data = cog.read(out_shape=(cog.count, *shape), resampling=Resampling.nearest)
    validity, mask = Validity.of(cog), None
    if validity.kind == "mask":
        mask = cog.read_masks(1, out_shape=shape, resampling=Resampling.nearest)[np.newaxis] > 0
    judged = any_band(validity.judge(data, mask))
    scale = Affine.scale(cog.width / shape[1], cog.height / shape[0])
    transform, crs = cog.transform @ scale, from_rasterio(cog.crs)
    assert crs is not None
    valid = np.ones(shape, bool) if judged is None else judged
    edge = valid & _beside(~valid)
    for value, solid in _solid(data):
        seed = edge & solid
        if not edge.any() or seed.sum() < _LEAST_EDGE * edge.sum():
            continue
        border = _grown(seed, solid & valid)
        inside = valid & ~border
        if border.sum() < _LEAST_AREA * valid.sum() or not inside.any():
            continue
        return Collar(
            value=value,
            edge_percent=round(100 * float(seed.sum() / edge.sum()), 1),
            area_percent=round(100 * float(border.sum() / valid.sum()), 1),
            inside=footprint(inside, transform, file.bounds, crs, has_specks=False),  # a lossy codec's noise
        )
    return None


def _solid(data: Array) -> list[tuple[int, _Mask]]:
    """The values that borders are made of, and where all bands have them."""
    if data.dtype == np.uint8:
        return [(0, _everywhere(data <= _NOISE)), (255, _everywhere(data >= 255 - _NOISE))]
    found = [(0, _everywhere(data == 0))]
    return [*found, (65535, _everywhere(data == 65535))] if data.dtype == np.uint16 else found


def _everywhere(matches: Array) -> _Mask:
    """Where all bands match."""
    return np.asarray(np.logical_and.reduce(matches))


def _beside(outside: _Mask) -> _Mask:
    """Pixels that are next to one that is outside; what lies beyond the raster is."""
    padded = np.pad(outside, 1, constant_values=True)
    return padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]


def _grown(seed: _Mask, within: _Mask) -> _Mask:
    """All pixels of ``within`` that are connected with the seed."""
    grown = seed
    while True:
        padded = np.pad(grown, 1)
        beside = padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
        larger = grown | (beside & within)
        if (larger == grown).all():
            return grown
        grown = larger
