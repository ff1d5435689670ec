"""Pixels of an image of half the size that are each one of the pixels below: the nearest, or the most frequent."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from rastercollection.rasters.pixels.taps import Taps, take
from rastercollection.rasters.pixels.windows import Array

__all__ = ["Picking"]

_Mask = NDArray[np.bool_]


@attrs.frozen(kw_only=True, eq=False)
class Picking:
    """Which pixels there are to pick from.

    Attributes:
        rows, columns: What each pixel of the smaller image covers.
    """

    rows: Taps
    columns: Taps

    def nearest(self, data: Array, valid: _Mask | None, around: Window, window: Window) -> Array:
        """The pixel that begins where what is covered does; where it is invalid, the most frequent valid one.

        Args:
            data: ``(bands, rows, columns)`` of the larger image.
            valid: ``(bands or 1, rows, columns)``; None where all are.
            around: Where they lie in it; all that is covered lies inside.
            window: Of the smaller image.
        """
        down, across = self.rows.nearest, self.columns.nearest
        found = take(data, down, across, around, window)
        there = None if valid is None else take(valid, down, across, around, window)
        if there is None or there.all():
            return found
        return np.where(there, found, self.most_frequent(data, valid, around, window))

    def most_frequent(self, data: Array, valid: _Mask | None, around: Window, window: Window) -> Array:
        """The value that most pixels have; of equally frequent ones, the first, row by row, to be that frequent."""
        top, height, above, below = _covered(self.rows.size, window.row_off, window.height)
        left, width, before, behind = _covered(self.columns.size, window.col_off, window.width)
        inner = (
            ...,
            slice(top - around.row_off, top - around.row_off + height),
            slice(left - around.col_off, left - around.col_off + width),
        )
        part, known = data[inner], None if valid is None else valid[inner]
        if above or below or before or behind:
            margins = ((0, 0), (above, below), (before, behind))
            known = np.pad(np.ones((1, height, width), bool) if known is None else known, margins)
            part = np.pad(part, margins)
        return _most_frequent(_strided(part, window), None if known is None else _strided(known, window))


def _covered(size: int, offset: int, count: int) -> tuple[int, int, int, int]:
    """Along an axis, what is covered: where it begins, its length, what is missing of it before and behind it.

    A pixel covers two, or three where the size is odd: one of them, at both ends of the axis, is outside of the image.
    """
    start, stop = 2 * offset - size % 2, 2 * (offset + count)
    inside = max(start, 0), min(stop, size)
    return inside[0], inside[1] - inside[0], inside[0] - start, stop - inside[1]


def _strided(data: Array, window: Window) -> list[Array]:
    """For each of the places in what is covered, row by row, the pixels there."""
    rows, columns = data.shape[1] - 2 * window.height + 2, data.shape[2] - 2 * window.width + 2
    return [
        np.ascontiguousarray(data[:, row : row + 2 * window.height - 1 : 2, column : column + 2 * window.width - 1 : 2])
        for row in range(rows)
        for column in range(columns)
    ]


def _most_frequent(values: list[Array], known: list[_Mask] | None) -> Array:
    best = values[0].copy()
    most = np.ones(best.shape, np.uint8) if known is None else np.broadcast_to(known[0], best.shape).astype(np.uint8)
    for place in range(1, len(values)):
        count = np.ones(best.shape, np.uint8)
        for other in range(place):
            same = values[place] == values[other]
            if known is not None:
                same &= known[other]
            count += same
        if known is not None:
            count *= known[place]
        np.copyto(best, values[place], where=count > most)
        np.maximum(most, count, out=most)
    return best
