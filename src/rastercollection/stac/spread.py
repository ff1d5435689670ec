"""Statistics over a whole collection, from those of its tiles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from rastercollection.model.band import BandStatistics
from rastercollection.model.cog import CogFile
from rastercollection.model.value_range import Spread

__all__ = ["QUANTILES", "band_spread", "combine", "quantiles_of_all", "quantiles_of_tile"]

Array = npt.NDArray[np.float64]

QUANTILES: Final = (0.0, 0.01, 0.02, 0.05, 0.25, 0.5, 0.75, 0.95, 0.98, 0.99, 1.0)
"""The shares of a tile's pixels that are kept of its histogram."""

BISECTIONS = 60
SIGNIFICANT_DIGITS = 6
_STRAIGHT = (0.0, 0.02, 0.98, 1.0)


def band_spread(cogs: Sequence[CogFile], band: int) -> Spread | None:
    """The spread of band number ``band``, from 1, over all COGs; None where none has a valid pixel in it."""
    bands = [cog.bands[band - 1] for cog in cogs if len(cog.bands) >= band]
    return combine(item.statistics for item in bands if item.statistics is not None)


def combine(statistics: Iterable[BandStatistics]) -> Spread | None:
    """The spread of all pixels together.

    Minimum and maximum are exact. Percentiles are those of the mixture, weighted by pixel counts, in which each
    tile's distribution runs straight from its minimum over its 2nd and 98th percentile to its maximum.
    """
    rows = [_knots(item) for item in statistics if item.count > 0 and item.minimum is not None]
    known = np.array([row for row in rows if row is not None], dtype=float).reshape(-1, 5)
    known = known[np.isfinite(known).all(axis=1)]
    if not len(known):
        return None
    counts, knots = known[:, 0], np.maximum.accumulate(known[:, 1:], axis=1)
    minimum, maximum = float(knots[:, 0].min()), float(knots[:, 3].max())
    low, high = (_percentile(counts, knots, _STRAIGHT, fraction) for fraction in (0.02, 0.98))
    return Spread(minimum, max(minimum, low), min(maximum, high), maximum)


def _knots(item: BandStatistics) -> tuple[float, float, float, float, float] | None:
    if item.minimum is None or item.maximum is None:
        return None
    low = item.minimum if item.percentile_2 is None else item.percentile_2
    high = item.maximum if item.percentile_98 is None else item.percentile_98
    return (item.count, item.minimum, max(low, item.minimum), min(high, item.maximum), item.maximum)


def quantiles_of_tile(histogram: Mapping[str, Any], minimum: float, maximum: float) -> tuple[float, ...]:
    """The values below which the shares :data:`QUANTILES` of a tile's pixels lie, to within the width of a bucket.

    Args:
        histogram: As STAC's raster extension has it: ``min`` and ``max`` are the middles of the outer buckets.
        minimum, maximum: Of the tile, beyond which none of them lies.

    Raises:
        LookupError, TypeError, ValueError: It is none, or empty.
    """
    counts = np.array(histogram["buckets"], dtype=float)
    first, last = float(histogram["min"]), float(histogram["max"])
    is_whole = counts.ndim == 1 and counts.size > 1 and last > first and np.isfinite([first, last]).all()
    if not is_whole or not (counts >= 0).all() or not 0 < counts.sum() < np.inf:
        raise ValueError("no histogram")
    width = (last - first) / (counts.size - 1)
    edges = first + width * (np.arange(counts.size + 1) - 0.5)
    below = np.concatenate([[0.0], np.cumsum(counts)]) / counts.sum()
    found = np.clip(np.interp(QUANTILES, below, edges), minimum, maximum)
    return (minimum, *map(float, found[1:-1]), maximum)


def quantiles_of_all(tiles: Sequence[tuple[int, Sequence[float]]], fractions: Sequence[float]) -> tuple[float, ...]:
    """The values below which some fractions of all pixels together lie.

    Args:
        tiles: Of each, at least one, the number of its pixels and its values of :func:`quantiles_of_tile`.
        fractions: 0 to 1.
    """
    counts = np.array([count for count, _ in tiles], dtype=float)
    knots = np.array([quantiles for _, quantiles in tiles], dtype=float)
    return tuple(_percentile(counts, knots, QUANTILES, fraction) for fraction in fractions)


def _percentile(counts: Array, knots: Array, shares: Sequence[float], fraction: float) -> float:
    """The value below which ``fraction`` of all pixels lie, by bisection, to six digits."""
    below, above = float(knots[:, 0].min()), float(knots[:, -1].max())
    wanted = fraction * counts.sum()
    if _pixels_below(counts, knots, shares, below) >= wanted:
        return below
    for _ in range(BISECTIONS):
        middle = below + (above - below) / 2
        if _pixels_below(counts, knots, shares, middle) < wanted:
            below = middle
        else:
            above = middle
    return float(f"{above:.{SIGNIFICANT_DIGITS}g}")


def _pixels_below(counts: Array, knots: Array, shares: Sequence[float], value: float) -> float:
    return float((counts * _share_below(knots, shares, value)).sum())


def _share_below(knots: Array, shares: Sequence[float], value: float) -> Array:
    """Of each tile, the share of its pixels that is at most ``value``; ``knots`` are its values of ``shares``."""
    result = np.zeros(len(knots))
    for index in range(len(shares) - 1):
        start, end = knots[:, index], knots[:, index + 1]
        width = np.where(end > start, end - start, 1.0)
        inside = shares[index] + (shares[index + 1] - shares[index]) * (value - start) / width
        result = np.where((value >= start) & (value < end), inside, result)
        result = np.where(value >= end, shares[index + 1], result)
    return result
