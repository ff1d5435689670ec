"""Nearest, bilinear and cubic kernels as GDAL defines them, compiled by numba.

A pixel's position in the source is interpolated between the nodes of a lattice, linearly along a row within a cell.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit, types

from rastercollection.rasters.warping import vectors
from rastercollection.rasters.warping.vectors import (
    LANES,
    bilinear_pixels,
    copy,
    cubic_pixels,
    pixel,
    weigh_bilinear,
    weigh_cubic,
)

__all__ = ["BILINEAR", "CUBIC", "NEAREST", "compiled"]

NEAREST, BILINEAR, CUBIC = 0, 1, 2
_TOUCH = 1e-10
"""GDAL's: a position so little before the edge of a pixel lies in it."""

_inner = njit(nogil=True, error_model="numpy")


@_inner
def _fits(x, y, first, width, height):  # type: ignore[no-untyped-def]
    """Whether a kernel from ``first`` pixels before a position to ``first + 1`` after it lies in the source."""
    return x >= first and y >= first and x < width - first - 1 and y < height - first - 1


@_inner
def _cubic_sum(before, first, second, after, t):  # type: ignore[no-untyped-def]
    linear, square = second - before, 2 * before - 5 * first + 4 * second - after
    return first + 0.5 * (t * linear + t * t * square + t * t * t * (3 * (first - second) + after - before))


@_inner
def _single(source, band, corner, x, y, size, kernel):  # type: ignore[no-untyped-def]
    """One pixel in double precision: at the edge of a source, where GDAL's cubic kernel gives way to bilinear."""
    left, top = math.floor(x), math.floor(y)
    tx, ty = x - left, y - top
    if kernel == CUBIC and _fits(x, y, 1, size[0], size[1]):
        rows = np.empty(4, np.float64)
        for k in range(4):
            row = source[band, top - 1 + k - corner[1]]
            at = left - 1 - corner[0]
            rows[k] = _cubic_sum(
                np.float64(row[at]), np.float64(row[at + 1]), np.float64(row[at + 2]), np.float64(row[at + 3]), tx
            )
        return _cubic_sum(rows[0], rows[1], rows[2], rows[3], ty)
    x0, y0 = min(max(left, 0), size[0] - 1) - corner[0], min(max(top, 0), size[1] - 1) - corner[1]
    x1, y1 = min(max(left + 1, 0), size[0] - 1) - corner[0], min(max(top + 1, 0), size[1] - 1) - corner[1]
    upper = source[band, y0, x0] * (1 - tx) + source[band, y0, x1] * tx
    lower = source[band, y1, x0] * (1 - tx) + source[band, y1, x1] * tx
    return upper * (1 - ty) + lower * ty


@_inner
def _run(nodes, step, grid, row, cell):  # type: ignore[no-untyped-def]
    """Position of the first pixel of a row in a cell of the lattice, and how far the next is from it."""
    above = row // step
    share = (row - above * step + 0.5) / min(step, grid[1] - above * step)
    count = min(step, grid[0] - cell * step)
    left_x = nodes[0, above, cell] * (1 - share) + nodes[0, above + 1, cell] * share
    left_y = nodes[1, above, cell] * (1 - share) + nodes[1, above + 1, cell] * share
    right_x = nodes[0, above, cell + 1] * (1 - share) + nodes[0, above + 1, cell + 1] * share
    right_y = nodes[1, above, cell + 1] * (1 - share) + nodes[1, above + 1, cell + 1] * share
    dx, dy = (right_x - left_x) / count, (right_y - left_y) / count
    return left_x + 0.5 * dx, left_y + 0.5 * dy, dx, dy


@_inner
def _inside(x, y, size):  # type: ignore[no-untyped-def]
    return x + _TOUCH >= 0 and y + _TOUCH >= 0 and x + _TOUCH < size[0] and y + _TOUCH < size[1]


@_inner
def _lies_inside(run, ends, size):  # type: ignore[no-untyped-def]
    """Whether all of a run is in the source: it is straight."""
    x, y, dx, dy = run
    first, last = ends[0], ends[1] - 1
    return _inside(x + dx * first, y + dy * first, size) and _inside(x + dx * last, y + dy * last, size)


@_inner
def _tell(run, ends, corner, size, mask, valid, row, column):  # type: ignore[no-untyped-def]
    """Write which pixels of a run are valid: those above a valid one of the source."""
    x, y, dx, dy = run
    whole, column = _lies_inside(run, ends, size), column - ends[0]
    if whole and not mask.size:
        valid[row, column + ends[0] : column + ends[1]] = True
        return
    for at in range(ends[0], ends[1]):
        px, py = x + dx * at, y + dy * at
        found = whole or _inside(px, py, size)
        if found and mask.size:
            found = mask[np.int32(py + _TOUCH) - corner[1], np.int32(px + _TOUCH) - corner[0]] > 0
        valid[row, column + at] = found


@_inner
def _take(source, run, ends, corner, size, room, out, row, column):  # type: ignore[no-untyped-def]
    """Write a run of the nearest pixels, zeros beyond the source."""
    x, y, dx, dy = run
    offsets, line, whole = room[0], room[4], _lies_inside(run, ends, size)
    count, stride, plane = ends[1] - ends[0], source.strides[1] // source.itemsize, source.strides[0] // source.itemsize
    for number in range(count):
        px, py = x + dx * (number + ends[0]) + _TOUCH, y + dy * (number + ends[0]) + _TOUCH
        offsets[number] = np.int64(np.int32(py) - corner[1]) * stride + np.int64(np.int32(px) - corner[0])
    if not whole:
        for number in range(count):
            if not _inside(x + dx * (number + ends[0]), y + dy * (number + ends[0]), size):
                offsets[number] = -1
    for band in range(source.shape[0]):
        if whole:
            for number in range(count):
                line[number] = pixel(source, band * plane + offsets[number])
        else:
            for number in range(count):
                line[number] = pixel(source, band * plane + offsets[number]) if offsets[number] >= 0 else 0
        copy(line, count, out, band, row, column)


@_inner
def _prepare(run, ends, corner, stride, room, kernel):  # type: ignore[no-untyped-def]
    """Write where the pixels below a run begin, and their weights; the last of the run once more, to full lanes."""
    x, y, dx, dy = run
    offsets, shares, across, down, _ = room
    padded = (ends[1] - ends[0] + LANES - 1) // LANES * LANES
    lead = 1 if kernel == CUBIC else 0
    for number in range(padded):
        at = min(number + ends[0], ends[1] - 1)
        px, py = x + dx * at, y + dy * at
        column, row = np.int32(px), np.int32(py)
        shares[0, number], shares[1, number] = px - column, py - row
        offsets[number] = np.int64(row - lead - corner[1]) * stride + np.int64(column - lead - corner[0])
    if kernel == CUBIC:
        for number in range(padded):
            weigh_cubic(shares[0], number, across)
            weigh_cubic(shares[1], number, down)
    else:
        for number in range(padded):
            weigh_bilinear(shares[0], shares[1], number, across)
    return padded


@_inner
def _mix(source, run, ends, corner, size, room, kernel, out, row, column):  # type: ignore[no-untyped-def]
    """Write a run of pixels below all of which the whole kernel lies in the source."""
    offsets, _, across, down, line = room
    count, stride, plane = ends[1] - ends[0], source.strides[1] // source.itemsize, source.strides[0] // source.itemsize
    padded = _prepare(run, ends, corner, stride, room, kernel)
    x, y, dx, dy = run
    for band in range(source.shape[0]):
        start = band * plane
        if kernel == CUBIC:
            for number in range(0, padded, LANES):
                cubic_pixels(source, start, offsets, number, stride, across, down, line)
        else:
            for number in range(0, padded, LANES):
                bilinear_pixels(source, start, offsets, number, stride, across, line)
        if not _all_finite(line, count):
            for number in range(count):
                if not np.isfinite(line[number]):
                    at = number + ends[0]
                    line[number] = _single(source, band, corner, x + dx * at, y + dy * at, size, kernel)
        copy(line, count, out, band, row, column)


@_inner
def _all_finite(line, count):  # type: ignore[no-untyped-def]
    """Infinite pixels are no differences to be weighed, and very large ones may add up to more than a float holds."""
    found = True
    for number in range(count):
        found &= np.isfinite(line[number])
    return found


@_inner
def _fill_edge(source, run, ends, corner, size, kernel, limits, out, row, column):  # type: ignore[no-untyped-def]
    """Write a run of pixels one by one, zeros beyond the source."""
    x, y, dx, dy = run
    for at in range(ends[0], ends[1]):
        px, py = x + dx * at, y + dy * at
        inside = _inside(px + 0.5, py + 0.5, size)
        for band in range(source.shape[0]):
            found = _single(source, band, corner, px, py, size, kernel) if inside else 0.0
            if limits[1] > limits[0]:
                found = min(max(math.floor(found + 0.5), limits[0]), limits[1])
            out[band, row, column + at - ends[0]] = found


@_inner
def _interpolate(source, run, ends, corner, size, room, kernel, limits, out, row, column):  # type: ignore[no-untyped-def]
    """Write a run of pixels: fast where the kernel lies in the source, which is so in one stretch of a straight run."""
    x, y, dx, dy = run[0] - 0.5, run[1] - 0.5, run[2], run[3]
    centred, lead = (x, y, dx, dy), 1 if kernel == CUBIC else 0
    first, last = ends
    while first < last and not _fits(x + dx * first, y + dy * first, lead, size[0], size[1]):
        first += 1
    while last > first and not _fits(x + dx * (last - 1), y + dy * (last - 1), lead, size[0], size[1]):
        last -= 1
    if first < last:
        _mix(source, centred, (first, last), corner, size, room, kernel, out, row, column + first - ends[0])
    _fill_edge(source, centred, (ends[0], first), corner, size, kernel, limits, out, row, column)
    _fill_edge(source, centred, (last, ends[1]), corner, size, kernel, limits, out, row, column + last - ends[0])


def _fill(source, corner, size, mask, nodes, step, grid, window, kernel, limits, out, valid):  # type: ignore[no-untyped-def]
    """Warp a window of the grid.

    Args:
        source: ``(bands, rows, columns)`` of the part of the source that all kernels in the window reach.
        corner: Column and row in the source of its first pixel.
        size: Columns and rows of the whole source.
        mask: ``(rows, columns)`` of the same part, 0 where not valid; of no size where all is valid.
        nodes: ``(2, nodes down, nodes across)``: columns and rows in the source at the lattice's nodes.
        step: Pixels of the grid from node to node; less to the last ones.
        grid: Columns and rows of the grid.
        window: First column, first row, columns and rows.
        kernel: ``NEAREST``, ``BILINEAR`` or ``CUBIC``.
        limits: Least and largest value of integers; 0 and 0 of floats.
        out: ``(bands, rows, columns)`` of the window; is filled.
        valid: ``(rows, columns)`` of the window; is filled.
    """
    room = (
        np.empty(step + LANES, np.int64),
        np.empty((2, step + LANES), np.float32),
        np.empty(LANES * (step + LANES), np.float32),
        np.empty(LANES * (step + LANES), np.float32),
        np.empty(step + LANES, source.dtype),
    )
    left, top, width, height = window
    for cell in range(left // step, (left + width + step - 1) // step):
        start, end = max(left, cell * step), min(left + width, (cell + 1) * step)
        ends = (start - cell * step, end - cell * step)
        for row in range(height):
            run = _run(nodes, step, grid, top + row, cell)
            _tell(run, ends, corner, size, mask, valid, row, start - left)
            if kernel == NEAREST:
                _take(source, run, ends, corner, size, room, out, row, start - left)
            else:
                _interpolate(source, run, ends, corner, size, room, kernel, limits, out, row, start - left)


# numba takes what it has cached for up to date by the file that this function is in
_fill.__qualname__ += hashlib.sha256(Path(vectors.__file__).read_bytes()).hexdigest()[:8]


def compiled(dtype: np.dtype) -> Any:
    """:func:`_fill` for pixels of a type, from numba's cache or, the first time on a machine, compiled into it.

    Raises:
        RuntimeError, OSError: There is no place for a cache, or no room in it.
    """
    kind = getattr(types, dtype.name)
    pair, four = types.UniTuple(types.int64, 2), types.UniTuple(types.int64, 4)
    signature = types.void(
        types.Array(kind, 3, "A", readonly=True),
        pair,
        pair,
        types.Array(types.uint8, 2, "A", readonly=True),
        types.Array(types.float64, 3, "C", readonly=True),
        types.int64,
        pair,
        four,
        types.int64,
        types.UniTuple(types.float64, 2),
        types.Array(kind, 3, "A"),
        types.Array(types.bool_, 2, "A"),
    )
    return njit([signature], nogil=True, error_model="numpy", cache=True)(_fill)
