"""The numbers that tell what a band's pixels are, from a sample of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rastercollection.model.evidence import MOST_LISTED, PixelEvidence
from rastercollection.rasters.pixels.validity import LARGEST_EXACT
from rastercollection.stages.validate.sample import BandSample

__all__ = ["pixel_evidence"]

_Array = NDArray[Any]
_Masked = tuple[_Array, NDArray[np.bool_]]

_CELLS = 64
_NARROWEST = 8
"""Values in a cell of the histogram, at least: fewer could all be there although each is a code."""
_FEWEST_MEETINGS = 8
"""Pairs of equal values that a cell filled evenly would show, for it to be judged."""
_EVEN = 0.3


def pixel_evidence(band: BandSample) -> PixelEvidence | None:
    """What the sample of a band shows; None for complex numbers."""
    if band.values.dtype.kind == "c":
        return None
    distinct, counts = np.unique(band.values, return_counts=True)
    whole = distinct.dtype.kind in "iu" or _are_whole(distinct)
    scale = float(np.abs(band.values.astype("float64")).max()) if band.values.size else 0.0
    # as shares of the largest value: squares of large ones would overflow
    shares = band.values / scale if scale else np.zeros(max(1, band.values.size))
    windows = [(np.where(good, window, 0), good) for window, good in zip(band.windows, band.valid, strict=True)]
    neighbours, edges, total = _steps([(window.astype("float64") / (scale or 1.0), good) for window, good in windows])
    ranks = [(_ranks(window, distinct), good) for window, good in windows] if whole and distinct.size else []
    spans, sharp = _spans(ranks)
    cells, even = _cells(distinct, counts) if whole and distinct.size else (0, 0)
    return PixelEvidence(
        pixels=int(band.values.size),
        distinct=int(distinct.size),
        values=tuple(float(value) for value in distinct) if distinct.size <= MOST_LISTED else (),
        whole=whole,
        mean=float(shares.mean()) * scale,
        deviation=float(shares.std()) * scale,
        neighbours=neighbours,
        edges=edges,
        step=total / edges * scale if edges else 0.0,
        rank_step=_steps(ranks)[2] / edges if edges else 0.0,
        spans=spans,
        sharp_spans=sharp,
        cells=cells,
        even_cells=even,
    )


def _are_whole(values: _Array) -> bool:
    """Whether floats, in ascending order, are whole numbers, and not so large that they could be no others."""
    ends = values[[0, -1]] if values.size else values
    return bool((np.abs(ends) < LARGEST_EXACT).all() and (values == np.floor(values)).all())


def _ranks(window: _Array, distinct: _Array) -> _Array:
    """The place of each pixel's value among the different ones."""
    return np.searchsorted(distinct, window).astype("int32")


def _in_a_row(windows: list[_Masked], length: int) -> Iterator[list[_Masked]]:
    """So many neighbours to the right and below at a time, as arrays of the first of them, the second …"""
    for pixels, good in windows:
        for axis in (0, 1):
            size = pixels.shape[axis]
            if size >= length:
                parts = [range(first, size - length + 1 + first) for first in range(length)]
                yield [(np.take(pixels, part, axis), np.take(good, part, axis)) for part in parts]


def _steps(windows: list[_Masked]) -> tuple[int, int, float]:
    """Pairs of neighbours that are both valid, those that differ, and the sum of how far."""
    pairs, edges, total = 0, 0, 0.0
    for (one, one_valid), (other, other_valid) in _in_a_row(windows, 2):
        both = one_valid & other_valid
        steps = np.abs(one.astype("float64") - other)[both]
        pairs, edges, total = pairs + steps.size, edges + int(np.count_nonzero(steps)), total + float(steps.sum())
    return pairs, edges, total


def _spans(ranks: list[_Masked]) -> tuple[int, int]:
    """Three in a row whose ends lie two ranks apart or more, and those whose middle is like one of the ends."""
    spans = sharp = 0
    for (one, one_valid), (middle, middle_valid), (other, other_valid) in _in_a_row(ranks, 3):
        wide = (np.abs(one - other) >= 2) & one_valid & middle_valid & other_valid
        spans += int(np.count_nonzero(wide))
        sharp += int(np.count_nonzero(wide & ((middle == one) | (middle == other))))
    return spans, sharp


def _cells(distinct: _Array, counts: _Array) -> tuple[int, int]:
    """Stretches of the histogram between its 1st and 99th percentile that can be judged, and the evenly filled ones.

    In an evenly filled one, two pixels have the same value as often as chance has it.
    """
    places = _places(distinct)
    shares = np.cumsum(counts) / counts.sum()
    low, high = int(places[np.searchsorted(shares, 0.01)]), int(places[np.searchsorted(shares, 0.99)])
    width = max(_NARROWEST, math.ceil((high - low + 1) / _CELLS))
    number = (high - low + 1) // width
    within = (places >= low) & (places < low + number * width)
    cell = ((places[within] - low) // width).astype("int64")
    amounts = counts[within].astype("float64")
    pixels = np.bincount(cell, amounts, number)
    meetings = np.bincount(cell, amounts * (amounts - 1), number)
    expected = pixels * (pixels - 1) / width
    judged = expected >= _FEWEST_MEETINGS
    return int(judged.sum()), int((judged & (expected >= _EVEN * meetings)).sum())


def _places(distinct: _Array) -> NDArray[np.uint64]:
    """How far each value lies above the least, in steps of their greatest common divisor."""
    if distinct.dtype.kind == "f":
        above = (distinct.astype("float64") - float(distinct[0])).astype("uint64")
    else:
        # differences of the widest signed numbers are right in unsigned ones, which wrap around
        above = distinct.astype("int64" if distinct.dtype.kind == "i" else "uint64").astype("uint64")
        above = above - above[0]
    divisor = np.gcd.reduce(above) if above.size > 1 else np.uint64(1)
    return np.asarray(above // max(divisor, np.uint64(1)), "uint64")
