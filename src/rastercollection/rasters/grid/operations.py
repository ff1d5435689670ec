"""Which coordinate operation is taken where PROJ knows several between two datums, or none that is meant for a place.

GDAL's warper chooses by the area of the source, and what projects single points by each of them. Both come to the same
inside the area that an operation is meant for, and to positions some hundred metres apart at its rim and beyond it:
there, one operation is chosen here, for all of a source, and everybody is told to take it.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Iterator

import attrs
import numpy as np
import pyproj
from numpy.typing import NDArray
from pyproj.exceptions import ProjError
from pyproj.transformer import Transformer, TransformerGroup

__all__ = ["Operation", "chosen_operation", "same_datum"]

_Box = tuple[float, float, float, float]
_SIDE = 9
_NEARLY_ALL = 1 - 1e-9
_NO_SHIFT = 1e-3
_METRES = 111_320.0


@attrs.frozen(kw_only=True)
class Operation:
    """From the CRS of a source to that of its COG.

    Attributes:
        name: As PROJ tells it.
        accuracy: In metres; None where it is not known.
        pipeline: PROJ's, for axes in the order of their authority, as GDAL wants it.
        straight: The same for x and y.
        shift: Metres that it moves the middle of the source by, beyond what projections do.
    """

    name: str
    accuracy: float | None
    pipeline: str
    straight: str
    shift: float

    def project(self, x: NDArray[np.float64], y: NDArray[np.float64], *, back: bool) -> tuple[NDArray[np.float64], ...]:
        """Coordinates in the other CRS; what has no place in it comes out as infinity."""
        way = "INVERSE" if back else "FORWARD"
        return tuple(_transformer(self.straight).transform(x, y, errcheck=False, direction=way))


def chosen_operation(source: str, target: str, bounds: _Box) -> Operation | None:
    """The one that is taken for all of a source; None where everybody takes the same without being told.

    Args:
        source: WKT of its CRS.
        target: WKT of its COG's.
        bounds: Left, bottom, right and top of the source, in its CRS.
    """
    known = _known(source, target)
    try:
        place = known[0].to_degrees.transform_bounds(*bounds) if known else None
    except ProjError:
        return None
    if place is None or max(each.share(place) for each in known) == 1:
        return None
    best = sorted(known, key=lambda each: -each.share(place))
    chosen = next((each.told(bounds) for each in best if each.reaches(bounds)), None)
    return chosen if chosen is not None and chosen.shift > _NO_SHIFT else None


def same_datum(one: pyproj.CRS, other: pyproj.CRS) -> bool:
    """Whether there is no other way between two CRSs than by their projections."""
    if any(crs.is_bound or crs.is_compound for crs in (one, other)):
        return False
    first, second = one.geodetic_crs, other.geodetic_crs
    return first is not None and second is not None and bool(first.equals(second, ignore_axis_order=True))


@attrs.frozen(kw_only=True, eq=False)
class _Known:
    """One that PROJ knows: for x and y, for axes as their authority has them; and from both CRSs to degrees."""

    straight: Transformer
    ordered: Transformer
    to_degrees: Transformer
    from_target: Transformer

    def share(self, place: _Box) -> float:
        """How much of a place, in degrees, it is meant for."""
        area, (west, south, east, north) = self.straight.area_of_use, place
        if area is None or area.west > area.east or west > east:
            return 1.0
        across = min(east, area.east) - max(west, area.west)
        down = min(north, area.north) - max(south, area.south)
        if across < 0 or down < 0:
            return 0.0
        if across == east - west and down == north - south:
            return 1.0
        return float(min(across * down / ((east - west) * (north - south)), _NEARLY_ALL))

    def reaches(self, bounds: _Box) -> bool:
        """Whether all of a source has a place by it, there and back: grids of shifts end somewhere."""
        left, bottom, right, top = bounds
        x, y = (axis.ravel() for axis in np.meshgrid(np.linspace(left, right, _SIDE), np.linspace(bottom, top, _SIDE)))
        there = self.straight.transform(x, y, errcheck=False)
        back = self.straight.transform(*there, errcheck=False, direction="INVERSE")
        return bool(np.isfinite(np.stack([*there, *back])).all())

    def _shift(self, bounds: _Box) -> float:
        x, y = (bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2
        before, after = self.to_degrees.transform(x, y), self.from_target.transform(*self.straight.transform(x, y))
        across = math.remainder(after[0] - before[0], 360) * math.cos(math.radians(before[1]))
        return math.hypot(across, after[1] - before[1]) * _METRES

    def told(self, bounds: _Box) -> Operation:
        """As others are told of it."""
        return Operation(
            name="; ".join(_names(self.ordered)) or self.ordered.description,
            accuracy=self.ordered.accuracy if self.ordered.accuracy >= 0 else None,
            pipeline=self.ordered.to_proj4(),
            straight=self.straight.to_proj4(),
            shift=self._shift(bounds),
        )


@functools.lru_cache(maxsize=64)
def _known(source: str, target: str) -> tuple[_Known, ...]:
    """All that can be had between two CRSs, PROJ's best first; nothing where both have the same datum."""
    one, other = pyproj.CRS.from_wkt(source), pyproj.CRS.from_wkt(target)
    if same_datum(one, other) or one.geodetic_crs is None or other.geodetic_crs is None:
        return ()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of grids that are not installed: what can be had is enough here
        straight, ordered = (
            TransformerGroup(one, other, always_xy=always_xy, allow_ballpark=False).transformers
            for always_xy in (True, False)
        )
    if len(straight) != len(ordered):
        return ()
    degrees, back = (Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True) for crs in (one, other))
    pairs = zip(straight, ordered, strict=True)
    return tuple(
        _Known(straight=first, ordered=second, to_degrees=degrees, from_target=back) for first, second in pairs
    )


def _names(way: Transformer) -> Iterator[str]:
    """Of the steps that change the datum."""
    for step in way.operations or ():
        if step.type_name in ("Transformation", "Other Coordinate Operation"):
            yield step.name


@functools.lru_cache(maxsize=64)
def _transformer(pipeline: str) -> Transformer:
    return Transformer.from_pipeline(pipeline)
