"""Whether the CRS that a reader of the finished COG is told is the one that was meant."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyproj
from pyproj.exceptions import ProjError
from rasterio.crs import CRS

from rastercollection.geo.crs import same_crs, transformer
from rastercollection.geo.heights import same_heights
from rastercollection.model.receipt import FidelityCheck
from rastercollection.rasters.gdal_crs import from_rasterio, heights_in
from rastercollection.rasters.grid.plan import Grid

__all__ = ["CRS_CHECKS", "check_crs"]

_PLACE, _HEIGHTS = CRS_CHECKS = ("crs_pixels_apart", "wrong_vertical_crs")

_TOLERANCE = 0.01
"""Of a pixel: what GeoTIFF's own names for a definition may move."""
_LATTICE = 3


def check_crs(found: CRS | None, meant: CRS, grid: Grid) -> Iterator[FidelityCheck]:
    """Compare the CRS of a COG with the one meant: where things lie, and what heights refer to.

    Args:
        found: As a reader of the COG is told it.
        meant: With what heights refer to.
        grid: Of the COG.
    """
    yield FidelityCheck.within(_PLACE, 0, _pixels_apart(meant, found, grid), _TOLERANCE)
    yield FidelityCheck.within(_HEIGHTS, 0, int(not same_heights(heights_in(found), heights_in(meant))), 0)


def _pixels_apart(meant: CRS, found: CRS | None, grid: Grid) -> float:
    """How far apart the same coordinates are in both, in pixels; as many as the grid is wide where nothing tells."""
    one, other = from_rasterio(meant), from_rasterio(found)
    if one is None or other is None:
        return float(grid.width)
    return 0.0 if same_crs(one, other) else _shift(one, other, grid)


def _shift(one: pyproj.CRS, other: pyproj.CRS, grid: Grid) -> float:
    left, bottom, right, top = grid.bounds
    axes = np.meshgrid(np.linspace(left, right, _LATTICE), np.linspace(bottom, top, _LATTICE))
    xs, ys = (axis.ravel() for axis in axes)
    try:
        there = transformer(one, other).transform(xs, ys)
    except ProjError:
        return float(grid.width)
    off = np.abs(np.array(there) - np.array([xs, ys])) / np.array([[grid.transform.a], [-grid.transform.e]])
    known = off[np.isfinite(off)]
    return float(known.max()) if known.size else float(grid.width)
