"""Pixels that a source covers and that GDAL's warper left out all the same: they get what lies closest below them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from rastercollection.rasters.pixels.raster_buffer import RasterBuffer
from rastercollection.rasters.pixels.windows import Array
from rastercollection.stages.cog.coverage import Coverage

__all__ = ["draw_undrawn"]

_MOST = 2**14
"""In one window: more are no slip of the warper's, and the receipt has to tell."""
_BESIDE = 1e-6


def draw_undrawn(
    data: Array,
    valid: NDArray[np.bool_],
    inside: NDArray[np.bool_] | None,
    window: Window,
    coverage: Coverage,
    sources: Sequence[RasterBuffer],
    border: int,
) -> None:
    """Give pixels of a window values, and make them valid; in place.

    Args:
        data: ``(bands, rows, columns)`` of all sources, one after the other.
        valid: ``(sources, rows, columns)``.
        inside: As the coverage tells of the window.
        window: Of the grid.
        coverage: Of the sources.
        sources: With a border.
        border: Pixels of it on each side.
    """
    missing = ~valid.all(axis=0) & (True if inside is None else inside)
    if not missing.any():
        return
    places = np.argwhere(missing)
    if not 0 < len(places) <= _MOST:
        return
    width, height = coverage.placement.width, coverage.placement.height
    columns, rows = coverage.positions(window, places)
    there = np.isfinite(columns) & np.isfinite(rows)
    if not coverage.is_thin:
        there &= coverage.depth(columns, rows) >= -_BESIDE
    for (row, column), x, y in zip(places[there], columns[there], rows[there], strict=True):
        left, top = min(max(int(x), 0), width - 1), min(max(int(y), 0), height - 1)
        below, first = Window(left + border, top + border, 1, 1), 0
        for number, source in enumerate(sources):
            mask = source.read_mask(below)
            if not valid[number, row, column] and (mask is None or mask.all()):
                data[first : first + source.count, row, column] = source.read(below)[:, 0, 0]
                valid[number, row, column] = True
            first += source.count
