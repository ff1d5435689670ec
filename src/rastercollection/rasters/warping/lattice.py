"""Where the pixels of a grid lie in a source: exactly at the nodes of a lattice, interpolated between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

__all__ = ["MOST_ERROR", "Lattice"]

MOST_ERROR = 0.02
"""Pixels of the source by which interpolated positions may be off; GDAL's own default is 0.125."""
_ACCEPTED = 0.01
"""Of it, where positions are compared: between those places, they may be off a little more."""
_WANTED = 0.001
"""At less, no reader would see a difference."""
_STEPS = (256, 128, 64, 32, 16)
_MOST_NODES = 2**16
"""Of the finest lattice: more take as long to be projected as what is gained."""
_COMPARED = 64
"""Cells along each axis that are looked into, at most."""
_BETWEEN = ((0.5, 0.5), (0.5, 0.0), (0.0, 0.5), (0.25, 0.75), (0.75, 0.25))
"""Where in a cell, across and down, positions are compared."""
_REACH = 3
"""Pixels beyond a position that kernels, and the wildest rounding, may ask for."""

_Points = NDArray[np.float64]
Locate = Callable[[_Points, _Points], tuple[_Points, _Points]]
"""Columns and rows in the source of columns and rows of the grid; not finite where they have none."""


@attrs.frozen(kw_only=True)
class Lattice:
    """Positions in a source at the nodes of a lattice over a grid.

    Attributes:
        nodes: ``(2, nodes down, nodes across)``: columns and rows in the source, the last nodes at the grid's edge.
        step: Pixels of the grid from node to node.
        size: Columns and rows of the grid.
        error: Pixels of the source that interpolated positions were off, at most, where they were compared.
    """

    nodes: _Points
    step: int
    size: tuple[int, int]
    error: float

    @classmethod
    def of(cls, locate: Locate, size: tuple[int, int], source_size: tuple[int, int]) -> Lattice | None:
        """The coarsest lattice that is fine enough wherever the source is.

        None where there is none: positions do not exist, leap, or bend too much.

        Args:
            locate: As projected exactly.
            size: Columns and rows of the grid.
            source_size: Columns and rows of the source.
        """
        found = _measured(locate, size, source_size, _STEPS[0])
        if found is not None and found.error > _WANTED:
            found = _measured(locate, size, source_size, _finer(found.error, size))
        return found if found is not None and found.error <= _ACCEPTED else None

    def below(self, window: Window, source_size: tuple[int, int]) -> Window:
        """The part of the source that kernels reach from the pixels of a window of the grid: all of it, if need be."""
        columns = _ends(window.col_off, window.width, self.step)
        rows = _ends(window.row_off, window.height, self.step)
        ends = []
        for positions, most in zip(self._at(columns, rows), source_size, strict=True):
            first = min(max(int(np.floor(positions.min())) - _REACH, 0), most - 1)
            last = max(min(int(np.ceil(positions.max())) + _REACH, most), first + 1)
            ends.append((first, last - first))
        (left, width), (top, height) = ends
        return Window(left, top, width, height)

    def _at(self, columns: _Points, rows: _Points) -> _Points:
        """``(2, rows, columns)``: positions in the source, as interpolated."""
        found = self.nodes
        for axis, at, length in ((1, rows, self.size[1]), (2, columns, self.size[0])):
            marks = _marks(length, self.step)
            before = np.minimum(np.searchsorted(marks, at, "right") - 1, len(marks) - 2)
            share = (at - marks[before]) / np.diff(marks)[before]
            share = share[:, np.newaxis] if axis == 1 else share
            found = found.take(before, axis) * (1 - share) + found.take(before + 1, axis) * share
        return found


def _ends(start: int, length: int, step: int) -> _Points:
    """Where an axis of a window begins and ends, and the nodes between: among them are the outermost positions."""
    inner = np.arange(start // step + 1, -(-(start + length) // step)) * step
    return np.concatenate([[start], inner, [start + length]]).astype(np.float64)


def _finer(error: float, size: tuple[int, int]) -> int:
    """The coarsest step that is likely to be as exact as wanted, or else the finest, by the error of the coarsest."""
    finest = _STEPS[-1] if size[0] * size[1] <= _MOST_NODES * _STEPS[-1] ** 2 else _STEPS[-2]
    # what a straight line is off a curve grows with the square of its length
    fine = [step for step in _STEPS[1:] if step > finest and error * (step / _STEPS[0]) ** 2 <= _WANTED]
    return fine[0] if fine else finest


def _measured(locate: Locate, size: tuple[int, int], source_size: tuple[int, int], step: int) -> Lattice | None:
    """A lattice and how exact it is; None where positions do not exist."""
    across, down = (_marks(length, step) for length in size)
    nodes = np.stack(locate(*np.meshgrid(across, down)))
    if not np.isfinite(nodes).all():
        return None
    near = _near(nodes, source_size)
    worst = _bend(nodes, near)
    rows, columns = (_some(length) for length in near.shape)
    cells = np.ix_(rows, columns)
    for right, below in _BETWEEN:
        x, y = across[columns] + right * np.diff(across)[columns], down[rows] + below * np.diff(down)[rows]
        exact = np.stack(locate(*np.meshgrid(x, y)))
        off = np.hypot(*(_between(nodes, right, below)[:, cells[0], cells[1]] - exact))[near[cells]]
        if not np.isfinite(off).all():
            return None
        worst = max(worst, float(off.max(initial=0.0)))
    return Lattice(nodes=np.ascontiguousarray(nodes), step=step, size=size, error=worst)


def _some(count: int) -> NDArray[np.intp]:
    """Numbers of cells all over an axis, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, _COMPARED)).astype(np.intp))


def _bend(nodes: _Points, near: NDArray[np.bool_]) -> float:
    """What a straight line is off in its middle, at most, by how much the next is turned: leaps show in it, too.

    The last cells are cut, and are looked into.
    """
    worst = 0.0
    for axis in (0, 1):
        turned = np.hypot(*np.diff(nodes, n=2, axis=axis + 1)) / 8
        whole = tuple(slice(0, min(turned.shape[k], near.shape[k]) - (k == axis)) for k in (0, 1))
        worst = max(worst, float(turned[whole][near[whole]].max(initial=0.0)))
    return worst


def _marks(length: int, step: int) -> _Points:
    return np.append(np.arange(0, length, step, dtype=np.float64), float(length))


def _between(nodes: _Points, right: float, below: float) -> _Points:
    upper = nodes[:, :-1, :-1] * (1 - right) + nodes[:, :-1, 1:] * right
    lower = nodes[:, 1:, :-1] * (1 - right) + nodes[:, 1:, 1:] * right
    return np.asarray(upper * (1 - below) + lower * below)


def _near(nodes: _Points, source_size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which cells may hold a part of the source, if they bend by no more than they are long."""
    corners: Any = np.stack([nodes[:, :-1, :-1], nodes[:, :-1, 1:], nodes[:, 1:, :-1], nodes[:, 1:, 1:]])
    low, high = corners.min(axis=0), corners.max(axis=0)
    reach = high - low
    ends = np.array(source_size, float)[:, np.newaxis, np.newaxis]
    return np.asarray(((high + reach >= 0) & (low - reach <= ends)).all(axis=0))
