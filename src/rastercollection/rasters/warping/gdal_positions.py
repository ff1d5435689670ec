"""Whether GDAL's warper would find pixels where they were projected to.

Between some datums PROJ knows several operations. GDAL's warper chooses among them by the area of the source, which
nobody who projects single points tells it.
"""

from __future__ import annotations

import numpy as np
from affine import Affine
from rasterio.enums import Resampling
from rasterio.warp import reproject

from rastercollection.rasters.gdal_errors import GDAL_ERRORS
from rastercollection.rasters.grid.placement import Placement
from rastercollection.rasters.grid.plan import Grid
from rastercollection.rasters.warping.lattice import Locate

__all__ = ["agrees_with_gdal"]

_RAMP = 64
_PLACES = 5
"""Positions of no more pixels in a row are not interpolated by GDAL."""


def agrees_with_gdal(placement: Placement, grid: Grid, locate: Locate, tolerance: float) -> bool:
    """Whether positions all over a grid are the same as GDAL's, which warps an image of them.

    Args:
        placement: Of the source, by a geotransform.
        grid: That is looked at.
        locate: Columns and rows in the source of columns and rows of the grid.
        tolerance: Pixels of the source.
    """
    across, down = placement.width / _RAMP, placement.height / _RAMP
    ramp = np.stack(np.meshgrid((np.arange(_RAMP) + 0.5) * across, (np.arange(_RAMP) + 0.5) * down))
    right, below = grid.width / _PLACES, grid.height / _PLACES
    theirs = np.full((2, _PLACES, _PLACES), np.nan)
    assert placement.transform is not None
    try:
        reproject(
            ramp,
            theirs,
            src_transform=placement.transform @ Affine.scale(across, down),
            src_crs=placement.crs,
            dst_transform=grid.transform @ Affine.scale(right, below),
            dst_crs=grid.crs,
            dst_nodata=np.nan,
            resampling=Resampling.bilinear,
            XSCALE=1,
            YSCALE=1,
            **placement.warp_options,
        )
    except GDAL_ERRORS:
        return False
    middles = np.arange(_PLACES) + 0.5
    ours = np.stack(locate(*np.meshgrid(middles * right, middles * below)))
    # beyond the middles of the outermost pixels, an image cannot tell
    rim = np.array([across, down])[:, np.newaxis, np.newaxis]
    end = np.array([placement.width, placement.height])[:, np.newaxis, np.newaxis] - rim
    with np.errstate(invalid="ignore"):
        told = ((theirs > rim) & (theirs < end)).all(axis=0)
        return bool(told.any() and (np.hypot(*(theirs - ours))[told] <= tolerance).all())
