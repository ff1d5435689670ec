"""Comparing a finished COG with what went into it. A COG that does not pass is not published.

Two questions are asked. Does the file hold what was meant to be written, pixel by pixel and mask bit by mask bit (for
a codec that changes values: mask bit by mask bit)? And, after a warp, do valid pixels cover the area that they
covered in the source? The second is answered by a way of its own: the share of valid pixels in coarse cells of the
source is warped as a small image, and compared with the shares counted in the COG.
"""

from __future__ import annotations

import math
from pathlib import Path

import attrs
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.io import MemoryFile
from rasterio.warp import reproject

from rastercollection.errors import TaskError
from rastercollection.products import BandStatistics
from rastercollection.rasters.failures import writing
from rastercollection.rasters.grid import Grid
from rastercollection.rasters.placement import Placement
from rastercollection.stages.cog.canvas import Record, fingerprint
from rastercollection.stages.cog.statistics import BandSummary
from rastercollection.stages.cog.validity import Validity
from rastercollection.stages.cog.windows import ValidityMap, iterate_windows

__all__ = ["check_area", "check_content"]

_AREA_TOLERANCE = 0.1
_EDGE_TOLERANCE = 0.5
_MISPLACED_TOLERANCE = 0.02
_NOISE = 6.0
_FEW = 8
_MOST_STRETCH = 0.25


def check_content(
    target: Path, expected: Record, blob: str, *, exact: bool, only_valid: bool
) -> tuple[BandStatistics | None, ...]:
    """Read a COG once, compare every window with what was meant, and gather the statistics of its bands.

    Args:
        target: The COG, a local file.
        expected: What was written.
        blob: Name of the tile.
        exact: Values must be the same bit by bit.
        only_valid: Those of invalid pixels need not be.

    Returns:
        Statistics of each band; None for alpha and for complex numbers.

    Raises:
        TaskError: ``VALIDITY_LOST`` or ``PIXELS_CHANGED``.
    """
    with writing(blob, "reading the COG back"), rasterio.open(target) as cog:
        validity, dtype = Validity.of(cog), np.dtype(cog.dtypes[0])
        found = Record.of(cog.count, cog.width, cog.height, expected.steps)
        counted = [band for band in range(cog.count) if band != validity.alpha and dtype.kind != "c"]
        summaries = {band: BandSummary(dtype, cog.width * cog.height) for band in counted}
        for window in iterate_windows(cog.width, cog.height, expected.steps):
            data, valid, _ = validity.read(cog, window)
            found.add(window, valid)
            if exact:
                print_ = fingerprint(data, valid, only_valid=only_valid)
                if print_ != expected.fingerprints[(window.row_off, window.col_off)]:
                    _check_counts(found, expected, blob, so_far=True)
                    raise _changed(blob, f"columns from {window.col_off}, rows from {window.row_off}")
            for band, summary in summaries.items():
                own = None if valid is None else valid[band if valid.shape[0] > 1 else 0]
                summary.add(data[band] if own is None else data[band][own])
    _check_counts(found, expected, blob)
    return tuple(summaries[band].result() if band in summaries else None for band in range(len(found.counts)))


def _check_counts(found: Record, expected: Record, blob: str, *, so_far: bool = False) -> None:
    if so_far:
        filled = found.map.counts > expected.map.counts
        if not filled.any():
            return
    elif (found.counts == expected.counts).all() and (found.map.counts == expected.map.counts).all():
        return
    raise TaskError(
        f"{blob}: the COG has {found.map.total:,} valid pixels, {expected.map.total:,} were meant to be valid.",
        "It was not published. Try another compression or tier.",
        "VALIDITY_LOST",
        details={"found": found.counts.tolist(), "expected": expected.counts.tolist()},
    )


def _changed(blob: str, where: str) -> TaskError:
    return TaskError(
        f"{blob}: the COG's pixels are not those that were written ({where}).",
        "It was not published. Try another compression or tier.",
        "PIXELS_CHANGED",
    )


@attrs.frozen(kw_only=True)
class _Shares:
    """Valid shares by cell, where they can be compared."""

    meant: NDArray[np.float32]
    found: NDArray[np.float32]
    comparable: NDArray[np.bool_]


def check_area(source: Record, placement: Placement, cog: Record, grid: Grid, blob: str) -> None:
    """Compare the area of valid pixels before and after a warp.

    Cells at the edge of the source are left out. The rest may differ by 10% of the smaller of the valid and the
    invalid area, by half of what cells on the edges between them are unsure of, and by what resampling single pixels
    can do by chance. A mask that got lost differs by all of it.

    Raises:
        TaskError: ``VALIDITY_LOST``.
    """
    if source.map.total and not cog.map.total:
        raise _lost(blob, source.map.total, 0)
    shares = _shares(source.map, placement, cog.map, grid, blob)
    inside = int(shares.comparable.sum())
    if not inside:
        return
    pixels = cog.map.steps[0] * cog.map.steps[1]
    meant, found = (float(side[shares.comparable].sum()) * pixels for side in (shares.meant, shares.found))
    least = min(meant, inside * pixels - meant)
    edges = shares.meant[shares.comparable]
    blurred = float(np.minimum(edges, 1 - edges).sum()) * pixels
    slack = _AREA_TOLERANCE * least + _EDGE_TOLERANCE * blurred + _NOISE * math.sqrt(max(least, 0)) + _FEW * pixels
    if abs(meant - found) > slack:
        raise _lost(blob, meant, found)
    apart = np.abs(shares.meant - shares.found)[shares.comparable] > 0.75
    if np.count_nonzero(apart) > _MISPLACED_TOLERANCE * inside + _FEW:
        raise _lost(blob, meant, found)
    _check_bands(source, cog, blob)


def _check_bands(source: Record, cog: Record, blob: str) -> None:
    """Each band's share of the pixels that are valid in any."""
    before, after = source.counts / max(source.map.total, 1), cog.counts / max(cog.map.total, 1)
    missing = np.minimum(before, 1 - before) * cog.map.total
    slack = _AREA_TOLERANCE * missing + _NOISE * np.sqrt(missing) + _FEW
    wrong = np.abs(before - after) * cog.map.total > slack + 0.01 * cog.map.total
    if wrong.any():
        band = int(np.flatnonzero(wrong)[0])
        raise _lost(blob, before[band] * cog.map.total, float(cog.counts[band]))


def _lost(blob: str, meant: float, found: float) -> TaskError:
    return TaskError(
        f"{blob}: after the warp about {found:,.0f} pixels are valid where {meant:,.0f} should be.",
        "It was not published. Check the source's georeferencing and nodata value.",
        "VALIDITY_LOST",
        details={"found": round(found), "expected": round(meant)},
    )


def _shares(source: ValidityMap, placement: Placement, cog: ValidityMap, grid: Grid, blob: str) -> _Shares:
    """Warp the source's shares, as an image of their own, onto the cells of the grid; and its rows and columns too."""
    coarse, cells = placement.coarser(*source.steps), grid.coarser(*cog.steps)
    rows, columns = np.mgrid[: coarse.height, : coarse.width].astype(np.float32)
    out = np.zeros((4, cells.height, cells.width), np.float32)
    with (
        writing(blob, "comparing valid areas", "VALIDITY_LOST"),
        MemoryFile(ext=".tif") as memory,
    ):
        size = {"width": coarse.width, "height": coarse.height, "count": 3, "dtype": "float32"}
        with rasterio.open(memory.name, "w", driver="GTiff", **size, **coarse.georeference()) as image:
            image.write(np.stack([source.fractions(), rows, columns]))
        with rasterio.open(memory.name) as image:
            reproject(
                rasterio.band(image, [1, 2, 3]),
                out,
                rpcs=coarse.rpcs,
                dst_transform=cells.transform,
                dst_crs=cells.crs,
                dst_alpha=4,
                resampling=Resampling.bilinear,
                XSCALE=1,
                YSCALE=1,
                **placement.rpc_options,
            )
    meant, rows, columns, covered = out
    return _Shares(meant=meant, found=cog.fractions(), comparable=_inner((covered > 0) & ~_stretched(rows, columns)))


def _stretched(rows: NDArray[np.float32], columns: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where single pixels of the source cover a lot of the COG, as at the limb of a full disk: edges blur there."""
    if min(rows.shape) < 2:
        return np.zeros(rows.shape, bool)
    (row_down, row_right), (column_down, column_right) = np.gradient(rows), np.gradient(columns)
    area = np.abs(row_down * column_right - row_right * column_down)
    return np.asarray(area < _MOST_STRETCH * (np.median(area[area > 0]) if (area > 0).any() else 0))


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
