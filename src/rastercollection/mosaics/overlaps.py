"""Which COGs hide others in a mosaic: those that cover each other wholly, and those with a border of one value. Pure.

Shares are of areas in degrees: of what is compared, which lies in one place, they are those on the ground.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from rastercollection.geo.bounds import unroll
from rastercollection.model.cog import Cog

__all__ = ["HiddenByCollar", "SamePlace", "hidden_by_collars", "same_places"]

WHOLLY = 0.95
"""Of two footprints: the share of all that both cover, from which on they are one place."""
PERHAPS = 0.5
"""The same of their bounds, from which on footprints are compared."""
CELL = 0.5
"""Of the usual size of COGs, within which the middles of two may be those of one place."""
WORTH_TELLING = 0.001
"""Share of a COG that a collar hides, from which on it is told."""


@attrs.frozen(kw_only=True)
class SamePlace:
    """COGs that cover each other wholly.

    Attributes:
        cogs: At least two, in the order of the mosaic; the first is on top.
        shared: The smallest share of its footprint and the first one's that one of them has in common with it, 0 to 1.
    """

    cogs: tuple[Cog, ...]
    shared: float


@attrs.frozen(kw_only=True)
class HiddenByCollar:
    """A COG with a border of one value, and the one below it of which that hides most.

    Attributes:
        above, below: The two.
        share: Of what ``below`` shows, hidden by the border of ``above``, 0 to 1.
    """

    above: Cog
    below: Cog
    share: float


def same_places(cogs: Sequence[Cog]) -> tuple[SamePlace, ...]:
    """The places of which there are several COGs, by the first of each; empty where each has its own."""
    if len(cogs) < 2:
        return ()
    boxes = np.array([unroll(cog.file.bounds_4326) for cog in cogs])
    members: dict[int, dict[int, float]] = {}
    lower: set[int] = set()
    outlines: dict[int, BaseGeometry] = {}
    for candidates in _near(boxes):
        left = [index for index in candidates if index not in lower]
        while len(left) > 1:
            first, others = left[0], np.array(left[1:])
            alike = others[_boxes_shared(boxes[first], boxes[others]) >= PERHAPS]
            shares = {index: _shared(cogs, outlines, first, index) for index in alike.tolist() if index not in members}
            found = {index: share for index, share in shares.items() if share >= WHOLLY}
            if found:
                members.setdefault(first, {}).update(found)
                lower |= found.keys()
            left = [index for index in left[1:] if index not in found]
    return tuple(
        SamePlace(cogs=tuple(cogs[index] for index in (first, *sorted(found))), shared=min(found.values()))
        for first, found in sorted(members.items())
    )


def _near(boxes: NDArray[np.float64]) -> Iterator[list[int]]:
    """Positions of boxes whose middles are close to each other, in order; those of a pair may come several times.

    Middles are put into cells, four times, shifted by half a cell: two that are close share one of them.
    """
    sizes = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-9)
    places = (boxes[:, :2] + boxes[:, 2:]) / 2 / (np.median(sizes, axis=0) * CELL)
    for shift in ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.5, 0.5)):
        yield from _alike(np.floor(places + shift).astype(np.int64))


def _boxes_shared(one: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of a box and each of others: the share of all that both cover that they have in common."""
    sides = np.minimum(one[2:], others[:, 2:]) - np.maximum(one[:2], others[:, :2])
    common = np.prod(np.maximum(sides, 0), axis=1)
    together = np.prod(one[2:] - one[:2]) + np.prod(others[:, 2:] - others[:, :2], axis=1) - common
    return np.asarray(common / np.maximum(together, 1e-18))


def _alike(cells: NDArray[np.int64]) -> Iterator[list[int]]:
    _, groups, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(groups.ravel(), kind="stable")
    ends = np.cumsum(counts)
    for end, count in zip(ends[counts > 1].tolist(), counts[counts > 1].tolist(), strict=True):
        yield order[end - count : end].tolist()


def _shared(cogs: Sequence[Cog], outlines: dict[int, BaseGeometry], first: int, other: int) -> float:
    """The share of two footprints, of all that both cover together, that they have in common."""
    for index in (first, other):
        if index not in outlines:
            outlines[index] = _shape(cogs[index].footprint)
    together = shapely.union(outlines[first], outlines[other]).area
    return float(shapely.intersection(outlines[first], outlines[other]).area / together) if together > 0 else 0.0


def hidden_by_collars(cogs: Sequence[Cog]) -> tuple[HiddenByCollar, ...]:
    """COGs whose border of one value hides what others below them show, in the order of the mosaic."""
    above = [index for index, cog in enumerate(cogs) if cog.collar is not None]
    if not above:
        return ()
    outlines = np.array([_shape(cog.footprint) for cog in cogs], dtype=object)
    tree = shapely.STRtree(outlines)
    found = []
    for index in above:
        collar = shapely.difference(outlines[index], _inside(cogs[index], outlines[index]))
        below = [int(other) for other in tree.query(collar, predicate="intersects") if other > index]
        shares = [_hidden(collar, _inside(cogs[other], outlines[other])) for other in below]
        if shares and max(shares) >= WORTH_TELLING:
            worst = int(np.argmax(shares))
            found.append(HiddenByCollar(above=cogs[index], below=cogs[below[worst]], share=shares[worst]))
    return tuple(found)


def _inside(cog: Cog, outline: BaseGeometry) -> BaseGeometry:
    """What a COG shows within its collar; all of it without one."""
    return outline if cog.collar is None else _shape(cog.collar.inside)


def _hidden(collar: BaseGeometry, shown: BaseGeometry) -> float:
    return float(shapely.intersection(collar, shown).area / shown.area) if shown.area > 0 else 0.0


def _shape(outline: object) -> BaseGeometry:
    geometry = shapely.geometry.shape(outline) if outline else shapely.Polygon()
    return geometry if geometry.is_valid else shapely.make_valid(geometry)
