"""Whether valid pixels cover the area after a warp that they covered before.

It is answered by a way of its own: the share of valid pixels in coarse cells of the source is warped as a small image,
and compared with the shares counted in the COG.
"""

from __future__ import annotations

import math

import attrs
import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.warp import reproject

from rastercollection.model.receipt import FidelityCheck
from rastercollection.rasters.gdal_errors import writing
from rastercollection.rasters.grid.plan import Side
from rastercollection.rasters.pixels.raster_buffer import ValidPixels
from rastercollection.rasters.pixels.windows import ValidityMap

__all__ = ["check_area"]

_AREA_TOLERANCE = 0.1
_EDGE_TOLERANCE = 0.5
_MISPLACED_TOLERANCE = 0.02
_NOISE = 6.0
_FEW = 8
_LEAST_PIXELS = 4
"""Along a side of the cells that are compared: smaller ones cost much and tell nothing more."""
_MOST_STRETCH = 0.25
_ANY_SHARE = 1e-4
"""Of the area, however much of it is valid: less than any mask that gets lost."""


@attrs.frozen(kw_only=True)
class _Shares:
    """Valid shares by cell, where they can be compared."""

    wanted: NDArray[np.float32]
    found: NDArray[np.float32]
    comparable: NDArray[np.bool_]


def check_area(source: ValidPixels, side: Side, cog: ValidPixels, blob: str) -> tuple[FidelityCheck, ...]:
    """Compare the area of valid pixels before and after a warp, in pixels of the COG.

    Cells at the edge of the source are left out. The rest may differ by 10% of the smaller of the valid and the
    invalid area, by half of what cells on the edges between them are unsure of, and by what resampling single pixels
    can do by chance, and in any case by a ten-thousandth of the whole. A mask that got lost differs by all of it.
    """
    if source.map.total and not cog.map.total and not side.name:
        return (FidelityCheck(name="valid_area", expected=source.map.total, found=0, tolerance=0, passed=False),)
    before, after = source.map.coarser(_LEAST_PIXELS), cog.map.coarser(_LEAST_PIXELS)
    shares = _shares(before, side, after, blob)
    inside = int(shares.comparable.sum())
    if not inside:
        return ()
    pixels = after.steps[0] * after.steps[1]
    edges, counted = (
        np.clip(side[shares.comparable], 0, 1, dtype=np.float64) for side in (shares.wanted, shares.found)
    )
    wanted, found, whole = float(edges.sum()) * pixels, float(counted.sum()) * pixels, inside * pixels
    least = min(wanted, whole - wanted)
    blurred = float(np.minimum(edges, 1 - edges).sum()) * pixels
    slack = _AREA_TOLERANCE * least + _EDGE_TOLERANCE * blurred + _NOISE * math.sqrt(least)
    slack += max(_FEW * pixels, _ANY_SHARE * whole)
    apart = int(np.count_nonzero(np.abs(shares.wanted - shares.found)[shares.comparable] > 0.75))
    return (
        FidelityCheck.within("valid_area", round(wanted), round(found), round(slack)),
        FidelityCheck.within("misplaced_cells", 0, apart, int(_MISPLACED_TOLERANCE * inside + _FEW)),
        # the bands of one side may differ from those of the other
        *(() if side.name else _check_bands(source, cog)),
    )


def _check_bands(source: ValidPixels, cog: ValidPixels) -> tuple[FidelityCheck, ...]:
    """Each band's share of the pixels that are valid in any, where bands disagree."""
    before, after = source.counts / max(source.map.total, 1), cog.counts / max(cog.map.total, 1)
    if (before == 1).all() and (after == 1).all():
        return ()
    missing = np.minimum(before, 1 - before) * cog.map.total
    slack = _AREA_TOLERANCE * missing + _NOISE * np.sqrt(missing) + _FEW + 0.01 * cog.map.total
    return tuple(
        FidelityCheck.within(f"valid_area_b{band}", round(wanted), int(found), round(allowed))
        for band, (wanted, found, allowed) in enumerate(zip(before * cog.map.total, cog.counts, slack, strict=True), 1)
    )


def _shares(source: ValidityMap, side: Side, cog: ValidityMap, blob: str) -> _Shares:
    """Warp the source's shares, as an image of their own, onto the cells of the grid; and its rows and columns too."""
    placement, grid = side.placement, side.plan.grid
    coarse, cells = placement.coarser(*source.steps), grid.coarser(*cog.steps)
    rows, columns = np.mgrid[: coarse.height, : coarse.width].astype(np.float32)
    out = np.zeros((4, cells.height, cells.width), np.float32)
    with writing(blob, "comparing valid areas", "VALIDITY_LOST"):
        reproject(
            np.stack([source.fractions(), rows, columns]),
            out,
            src_crs=coarse.crs,
            src_transform=coarse.transform,
            gcps=coarse.gcps or None,
            rpcs=coarse.rpcs,
            dst_transform=cells.transform,
            dst_crs=cells.crs,
            dst_alpha=4,
            resampling=Resampling.bilinear,
            XSCALE=1,
            YSCALE=1,
            **placement.warp_options,
        )
    wanted, rows, columns, covered = out
    typical = None
    if side.name and side.plan.typical is not None:
        cell = -cells.transform.a * cells.transform.e / side.plan.typical**2
        typical = cell / (source.steps[0] * source.steps[1])
    comparable = _inner((covered > 0) & ~_stretched(rows, columns, typical))
    return _Shares(wanted=wanted, found=cog.fractions(), comparable=comparable)


def _stretched(rows: NDArray[np.float32], columns: NDArray[np.float32], typical: float | None) -> NDArray[np.bool_]:
    """Where single pixels of the source cover a lot of the COG, as at the limb of a full disk: edges blur there.

    Args:
        rows, columns: Of the source, in its cells, by cell of the COG.
        typical: Cells of the source in a cell of the COG; None for what is usual in the COG.
    """
    if min(rows.shape) < 2:
        return np.zeros(rows.shape, bool)
    (row_down, row_right), (column_down, column_right) = np.gradient(rows), np.gradient(columns)
    area = np.abs(row_down * column_right - row_right * column_down)
    usual = np.median(area[area > 0]) if (area > 0).any() else 0
    return np.asarray(area < _MOST_STRETCH * (usual if typical is None else typical))


def _inner(covered: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Cells that are covered and two cells away from any that is not, or from the border."""
    inner = np.zeros_like(covered)
    if min(covered.shape) < 5:
        return inner
    inner[2:-2, 2:-2] = True
    for rows in range(5):
        for columns in range(5):
            height, width = covered.shape[0] - 4, covered.shape[1] - 4
            inner[2:-2, 2:-2] &= covered[rows : rows + height, columns : columns + width]
    return inner
