"""One pixel grid for a collection: which one, and where a tile comes to lie on it. Pure arithmetic, no GDAL.

A grid is given by the size of its pixels and one corner; corners lie at ``origin + k · resolution`` for whole ``k``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import attrs

from rastercollection.geo.types import NaturalGrid
from rastercollection.geo.webmercator import HALF_WORLD, exact_zoom, pixel_size

__all__ = ["CollectionGrid", "GridExtent", "GridKind", "GridRule", "ZoomStrategy", "choose_grid"]

GridKind = Literal["shared", "own", "WebMercatorQuad"]
ZoomStrategy = Literal["auto", "lower", "upper"]

_SLACK = 1e-6
_ALIGNED = 0.01
"""Pixels that a tile may lie off a grid and still count as on it."""
_ALIKE = 1.1
"""Pixels whose sizes differ by no more count as equally fine: in another CRS, a tile's pixel size is an estimate."""
_DIGITS = 3
_DEEPEST = 30
_CLOSE = 1e-8

Pair = tuple[float, float]


@attrs.frozen(kw_only=True)
class GridExtent:
    """Where a tile lies on a grid.

    Attributes:
        origin: (x, y) of the upper left corner.
        resolution: (x, y) size of a pixel, positive.
        shape: (rows, columns).
    """

    origin: Pair
    resolution: Pair
    shape: tuple[int, int]


@attrs.frozen(kw_only=True)
class GridRule:
    """Where the corners of a COG's pixels may lie. Without anything said, wherever the tile has them.

    Attributes:
        resolution: (x, y) size of the grid's pixels, positive; None for the tile's own.
        origin: (x, y) of one corner of its pixels; None for the tile's own upper left.
        cell: Pixels of the grid, across and down, that make one of the tile's; a power of two.
        block: The tile begins and ends at whole blocks of that many of its pixels, counted from ``origin``.
        exact: Tiles are kept only if they have this very pixel size; otherwise multiples of it will do.
    """

    resolution: Pair | None = None
    origin: Pair | None = None
    cell: int = 1
    block: int = 1
    exact: bool = False

    def keeps(self, natural: NaturalGrid) -> bool:
        """Whether the tile may stay on its natural grid: it lies on this one already, to 0.01 pixel all over."""
        if self.resolution is None:
            return True
        return natural.is_upright and all(axis.is_aligned(self) for axis in self._axes(natural))

    def surprises(self, natural: NaturalGrid) -> bool:
        """Whether the tile's own pixels have to give way for their place alone, and not for what was asked for."""
        if self.resolution is None or self.block > 1 or not natural.is_upright or self.keeps(natural):
            return False
        return not self.exact or all(axis.multiple == 1 and axis.drift <= _ALIGNED for axis in self._axes(natural))

    def place(self, natural: NaturalGrid) -> GridExtent:
        """The tile's extent, snapped outward to whole pixels or blocks, but not beyond the limits of the CRS.

        Only a tile that lies within the one pixel across a limit gets that pixel.

        Raises:
            ValueError: The rule says nothing.
        """
        across, down = self._axes(natural)
        (first_column, last_column), (first_row, last_row) = across.snapped(self), down.snapped(self)
        pixel = across.step * self.cell, down.step * self.cell
        return GridExtent(
            origin=(across.origin + first_column * pixel[0], -(down.origin + first_row * pixel[1])),
            resolution=pixel,
            shape=(last_row - first_row, last_column - first_column),
        )

    def _axes(self, natural: NaturalGrid) -> tuple[_Axis, _Axis]:
        """Along columns and along rows; the latter runs southward, so its coordinates are those of -y."""
        if self.resolution is None:
            raise ValueError("the rule has no resolution")
        left, bottom, right, top = natural.bounds
        origin = self.origin or (left, top)
        low_x, low_y, high_x, high_y = natural.world or (-math.inf, -math.inf, math.inf, math.inf)
        return (
            _Axis.of((left, right), natural.resolution[0], origin[0], self.resolution[0], (low_x, high_x)),
            _Axis.of((-top, -bottom), natural.resolution[1], -origin[1], self.resolution[1], (-high_y, -low_y)),
        )


@attrs.frozen
class _Axis:
    """A tile's extent along one axis, and a grid's.

    Attributes:
        low, high: The extent.
        size: Of the tile's pixels.
        origin, step: A corner of the grid's pixels, and their size.
        lowest, highest: What no pixel may lie beyond; infinite where the extent itself runs over the limits.
    """

    low: float
    high: float
    size: float
    origin: float
    step: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, extent: Pair, size: float, origin: float, step: float, limits: Pair) -> _Axis:
        tolerance = _SLACK * size
        inside = limits[0] - tolerance <= extent[0] and extent[1] <= limits[1] + tolerance
        return cls(*extent, size, origin, step, *(limits if inside else (-math.inf, math.inf)))

    @property
    def multiple(self) -> int:
        return round(self.size / self.step)

    @property
    def drift(self) -> float:
        """Pixels of the grid by which the tile's corners move off it from one end of the tile to the other."""
        pixels = round((self.high - self.low) / self.size)
        return abs((self.high - self.low) / self.step - self.multiple * pixels)

    def is_aligned(self, rule: GridRule) -> bool:
        unit = rule.cell * rule.block if rule.block > 1 else 1
        if self.multiple < 1 or (rule.exact and self.multiple != rule.cell):
            return False
        return self.drift <= _ALIGNED and all(self._off(edge, unit) <= _ALIGNED for edge in (self.low, self.high))

    def _off(self, edge: float, unit: int) -> float:
        position = (edge - self.origin) / (self.step * unit)
        return abs(position - round(position)) * unit

    def snapped(self, rule: GridRule) -> tuple[int, int]:
        """Numbers, in pixels from the origin, of the first corner and the last."""
        pixel, block = self.step * rule.cell, rule.block
        # no whole block for a sliver of a pixel; and coordinates far from zero tell positions apart no finer than this
        farthest = max(abs(self.low), abs(self.high), abs(self.origin))
        slack = (_ALIGNED if block > 1 else _SLACK) + 2**-50 * farthest / pixel
        first = block * math.floor(((self.low - self.origin) / pixel + slack) / block)
        last = block * math.ceil(((self.high - self.origin) / pixel - slack) / block)
        last = max(last, first + block)
        inner_first, inner_last = first, last
        if math.isfinite(self.lowest) and math.isfinite(self.highest):
            inner_first = max(first, math.ceil((self.lowest - self.origin) / pixel - slack))
            inner_last = min(last, math.floor((self.highest - self.origin) / pixel + slack))
        # a tile smaller than the part of a pixel that is left at the limit would be lost
        return (inner_first, inner_last) if inner_first < inner_last else (first, last)


@attrs.frozen(kw_only=True)
class CollectionGrid:
    """The grid of a collection: how the finest tiles lie on it, and how coarse others have to be to get larger pixels.

    Attributes:
        rule: For the finest tiles.
        finest: (x, y) size of the finest tile's pixels; None where all tiles get pixels of one size.
        most: Largest number of pixels, across and down, that make one of a coarser tile.
    """

    rule: GridRule
    finest: Pair | None = None
    most: int = 2**30

    def rule_for(self, natural: NaturalGrid | None) -> GridRule:
        """The rule for one tile; a tile at least about twice as coarse as the finest is not blown up."""
        if self.finest is None or natural is None:
            return self.rule
        ratio = min(own / finest for own, finest in zip(natural.resolution, self.finest, strict=True))
        cell = 2 ** math.floor(math.log2(max(1.0, ratio * _ALIKE)))
        return attrs.evolve(self.rule, cell=min(cell, self.most))


def choose_grid(
    naturals: Iterable[NaturalGrid | None],
    *,
    grid: GridKind,
    resolution: float | None = None,
    zoom_strategy: ZoomStrategy = "auto",
    block: int = 512,
) -> CollectionGrid:
    """The grid for a set of tiles. The same tiles give the same grid, whatever their order.

    Args:
        naturals: Of the tiles, all in the target CRS; None for tiles that have no place in it, which do not count.
        grid: ``shared``, ``own`` or ``WebMercatorQuad``.
        resolution: Size of the pixels in the target CRS, both ways; that of the finest tile when None.
        zoom_strategy: ``auto``, ``lower`` or ``upper``, for WebMercatorQuad.
        block: Pixels of a block of the COGs, for WebMercatorQuad.
    """
    if grid == "own":
        fixed = (resolution, resolution) if resolution is not None else None
        return CollectionGrid(rule=GridRule(resolution=fixed, exact=True))
    present = [natural for natural in naturals if natural is not None]
    if grid == "WebMercatorQuad":
        return _tile_matrix(present, zoom_strategy, block)
    if resolution is not None:
        return _fixed(present, resolution)
    return _from_finest(present)


def _fixed(present: Sequence[NaturalGrid], resolution: float) -> CollectionGrid:
    alike = [natural for natural in present if natural.is_upright and _equal(natural, (resolution, resolution))]
    origin = _majority_origin(alike, (resolution, resolution)) if alike else (0.0, 0.0)
    return CollectionGrid(rule=GridRule(resolution=(resolution, resolution), origin=origin, exact=True))


def _from_finest(present: Sequence[NaturalGrid]) -> CollectionGrid:
    """On the pixels of the finest tiles that are in the target CRS already, else on multiples of a round number."""
    if not present:
        return CollectionGrid(rule=GridRule())
    finest = min(map(_size, present))
    uprights = [natural for natural in present if natural.is_upright and _size(natural) <= _ALIKE * finest]
    if uprights:
        smallest = min(uprights, key=lambda natural: (_size(natural), natural.resolution)).resolution
        alike = [natural for natural in uprights if _equal(natural, smallest)]
        counts = Counter(natural.resolution for natural in alike)
        resolution = min(counts, key=lambda one: (-counts[one], one))
        rule = GridRule(resolution=resolution, origin=_majority_origin(alike, resolution))
        return CollectionGrid(rule=rule, finest=resolution)
    size = _rounded_down(finest)
    origin = (0.0, 0.0)
    world = next((natural.world for natural in present if _meets_limits(natural, size)), None)
    if world is not None:
        # a whole number of pixels around the world, and from pole to pole
        left, _, right, top = world
        size = (right - left) / (4 * math.ceil((right - left) / size / 4 - _SLACK))
        origin = (left, top)
    return CollectionGrid(rule=GridRule(resolution=(size, size), origin=origin), finest=(size, size))


def _tile_matrix(present: Sequence[NaturalGrid], strategy: str, block: int) -> CollectionGrid:
    """The pixels of one zoom of WebMercatorQuad, in blocks counted from the upper left of the world."""
    if not present:
        return CollectionGrid(rule=GridRule())
    finest = min(map(_size, present))
    exact = exact_zoom(finest)
    rounded = {"auto": round(exact), "lower": math.floor(exact + _CLOSE), "upper": math.ceil(exact - _CLOSE)}
    zoom = min(_DEEPEST, max(0, rounded[strategy]))
    size = pixel_size(zoom)
    rule = GridRule(resolution=(size, size), origin=(-HALF_WORLD, HALF_WORLD), block=block, exact=True)
    return CollectionGrid(rule=rule, finest=(finest, finest), most=2**zoom)


def _size(natural: NaturalGrid) -> float:
    """Side of a square as large as a pixel."""
    return math.sqrt(natural.resolution[0] * natural.resolution[1])


def _equal(natural: NaturalGrid, resolution: Pair) -> bool:
    """Whether pixels are of a size, to 0.01 pixel over the whole tile."""
    left, bottom, right, top = natural.bounds
    extents = right - left, top - bottom
    return all(
        abs(extent / own - extent / other) <= _ALIGNED
        for extent, own, other in zip(extents, natural.resolution, resolution, strict=True)
    )


def _majority_origin(alike: Sequence[NaturalGrid], resolution: Pair) -> Pair:
    """The corner next to 0, 0 of the grid that most of the tiles lie on."""
    phases = Counter(
        (_phase(natural.bounds[0] / resolution[0]), _phase(natural.bounds[3] / resolution[1])) for natural in alike
    )
    x, y = min(phases, key=lambda phase: (-phases[phase], phase))
    return x * resolution[0], y * resolution[1]


def _phase(position: float) -> float:
    """Which part of a pixel a position is beyond a whole one; rounded, so that tiles of one grid have the same."""
    return round(position % 1, 6) % 1


def _rounded_down(size: float) -> float:
    """To three digits: a tile that joins later, or drops out, seldom changes the grid then."""
    digits = _DIGITS - 1 - math.floor(math.log10(size))
    scaled = math.floor(size * 10.0**digits * (1 + _CLOSE))
    return float(f"{scaled}e{-digits}")


def _meets_limits(natural: NaturalGrid, size: float) -> bool:
    """Whether a tile ends where the world does, or runs on beyond it."""
    if natural.world is None:
        return False
    lows = zip(natural.bounds[:2], natural.world[:2], strict=True)
    highs = zip(natural.bounds[2:], natural.world[2:], strict=True)
    return any(own < limit + size for own, limit in lows) or any(own > limit - size for own, limit in highs)
