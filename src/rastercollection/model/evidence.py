"""What sampled pixels show, in numbers that add up over the tiles of a collection, and what follows from them. Pure.

==========  ==========================================================================================================
content     what the numbers say
==========  ==========================================================================================================
terrain     a quantity of a type that heights are kept in, and smooth: neighbours differ by little of the spread
quantity    values change gradually, or fill their range evenly, as those of a picture or a measurement do; fractions
classes     few whole values in large flat areas that meet at sharp edges, or whole values and a name that says so
codes       whole numbers that are neither: they may be flags, numbers of classes, or a quantity in an odd shape
little      nothing, one value, or a few that go up and down one by one: flat terrain, dark water, a mask of two values
==========  ==========================================================================================================

*Ranks*, not values, tell whether a change is gradual: the numbers of classes and the bits of flags say nothing of how
far apart they are. *Spans* are three pixels in a row whose ends lie two ranks apart or more; on a slope the middle one
lies between, at the edge of a class it is like one of the ends. *Cells* are stretches of the histogram: a picture fills
them, flags do not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import attrs

__all__ = ["MOST_LISTED", "Content", "PixelEvidence", "Subject", "Verdict", "judge", "pooled"]

Content = Literal["terrain", "quantity", "classes", "codes", "little"]
Subject = Literal["terrain", "quantity", "classes", ""]
"""What names, units and tags say of values; empty where they say nothing."""

MOST_LISTED = 64
"""So many different values are kept by themselves, more are counted."""

_TERRAIN = ("float32", "float64", "int16", "int32")
_BYTES = ("uint8", "int8")
_FEWEST_PIXELS = 64
_CLEAR_CLASSES, _LIKELY_CLASSES, _MOST_CLASSES = 32, 64, 256
_FLAT, _VERY_FLAT = 0.5, 0.8
_SHARP, _FEWEST_SPANS = 0.5, 50
_GRADUAL, _VERY_GRADUAL = 0.25, 0.2
_ONE_BY_ONE = 1.1
_FEWEST_LEVELS = 16
_FEWEST_CELLS = 2
_SMOOTH, _SMOOTHER, _SMOOTHEST = 0.6, 0.4, 0.15


@attrs.frozen(kw_only=True)
class PixelEvidence:
    """A sample of one band, in numbers.

    Attributes:
        pixels: Valid ones that were looked at.
        distinct: Different values.
        values: Those, where they are no more than :data:`MOST_LISTED`, in ascending order; else empty.
        whole: All of them are whole numbers.
        mean, deviation: Of all values.
        neighbours: Pairs, to the right and below, both valid.
        edges: Pairs that differ.
        step: Mean difference of those, without its sign.
        rank_step: The same in ranks among the different values; 0 for fractions.
        spans: Three in a row whose ends lie at least two ranks apart; 0 for fractions.
        sharp_spans: Those of them whose middle is like one of the ends.
        cells: Stretches of the histogram with enough pixels to tell whether they are filled evenly.
        even_cells: Those that are.
    """

    pixels: int
    distinct: int
    values: tuple[float, ...]
    whole: bool
    mean: float
    deviation: float
    neighbours: int
    edges: int
    step: float
    rank_step: float
    spans: int
    sharp_spans: int
    cells: int
    even_cells: int

    @property
    def roughness(self) -> float | None:
        """Mean step between neighbours that differ, in standard deviations; None where nothing differs.

        Terrain mostly lies below 0.4, white noise at 2/√π = 1.13.
        """
        return self.step / self.deviation if self.edges and self.deviation > 0 else None

    @property
    def jump(self) -> float | None:
        """Mean step in ranks, as a share of what values that have nothing to do with each other would show."""
        return self.rank_step / (self.distinct / 3) if self.edges and self.whole else None

    @property
    def flat(self) -> float:
        """Share of neighbours that are alike."""
        return 1 - self.edges / self.neighbours if self.neighbours else 0.0

    @property
    def is_sharp(self) -> bool:
        return self.spans >= _FEWEST_SPANS and self.sharp_spans >= _SHARP * self.spans

    @property
    def is_even(self) -> bool:
        return self.cells >= _FEWEST_CELLS and 2 * self.even_cells >= self.cells


@attrs.frozen
class Verdict:
    """What pixels are.

    Attributes:
        content: See the table at the top of this module.
        confidence: very_high, high, medium or low.
        reasons: In words.
    """

    content: Content
    confidence: str
    reasons: tuple[str, ...]


def judge(found: PixelEvidence, dtype: str, subject: Subject = "") -> Verdict:
    """What the pixels of one band are.

    Args:
        found: What they show.
        dtype: Their data type.
        subject: What names say. They decide where pixels show little, and where whole numbers may be classes; against
            what pixels show clearly they count for nothing.
    """
    if subject == "classes" and found.whole:
        return _named_classes(found)
    if not found.whole:
        return _quantity(found, dtype, subject, "fractions")
    if _is_quantity(found):
        return _quantity(found, dtype, subject, f"{found.distinct} whole values that change gradually")
    classes = _classes(found, dtype)
    if classes is not None:
        return classes
    if _shows_little(found):
        if subject == "terrain" and dtype not in _BYTES:
            return Verdict("terrain", "medium", (_few(found), "its name speaks of heights"))
        return Verdict("little", "low", (_few(found), "too little to tell flat terrain, classes and flags apart"))
    return Verdict("codes", "low", (_few(found), "whole numbers that may be flags, classes or a quantity"))


def pooled(found: Sequence[PixelEvidence]) -> PixelEvidence:
    """The evidence of all tiles together; of one or more."""
    pixels, edges = sum(each.pixels for each in found), sum(each.edges for each in found)
    every = {value for each in found for value in each.values}
    listed = all(each.values or not each.pixels for each in found)
    distinct = len(every) if listed else max(len(every), *(each.distinct for each in found))
    mean, deviation = _spread(found)
    return PixelEvidence(
        pixels=pixels,
        distinct=distinct,
        values=tuple(sorted(every)) if listed and distinct <= MOST_LISTED else (),
        whole=all(each.whole for each in found),
        mean=mean,
        deviation=deviation,
        neighbours=sum(each.neighbours for each in found),
        edges=edges,
        step=_weighted([(each.edges, each.step) for each in found]),
        rank_step=_weighted([(each.edges, each.rank_step) for each in found]),
        spans=sum(each.spans for each in found),
        sharp_spans=sum(each.sharp_spans for each in found),
        cells=sum(each.cells for each in found),
        even_cells=sum(each.even_cells for each in found),
    )


def _weighted(pairs: Sequence[tuple[int, float]]) -> float:
    total = sum(weight for weight, _ in pairs)
    return sum(weight / total * value for weight, value in pairs) if total else 0.0


def _spread(found: Sequence[PixelEvidence]) -> tuple[float, float]:
    """Mean and standard deviation of all pixels, as shares of the largest at first: squares of it would overflow."""
    scale = max(max(abs(each.mean), each.deviation) for each in found)
    if not scale:
        return 0.0, 0.0
    mean = _weighted([(each.pixels, each.mean / scale) for each in found])
    around = [(each.pixels, (each.deviation / scale) ** 2 + (each.mean / scale - mean) ** 2) for each in found]
    return mean * scale, math.sqrt(_weighted(around)) * scale


def _few(found: PixelEvidence) -> str:
    if not found.pixels:
        return "no valid pixel in the sample"
    return f"{found.distinct} distinct whole value{'s' if found.distinct > 1 else ''}"


def _is_quantity(found: PixelEvidence) -> bool:
    """Whether whole values are clearly no codes."""
    if found.distinct < _FEWEST_LEVELS or found.pixels < _FEWEST_PIXELS or found.jump is None:
        return False
    if found.is_sharp:  # pixels that were repeated, if it is a quantity
        return found.is_even and found.jump <= _VERY_GRADUAL
    hardly_recurs = 2 * found.distinct >= found.pixels  # as codes do
    return found.is_even or found.jump <= _GRADUAL or hardly_recurs


def _quantity(found: PixelEvidence, dtype: str, subject: Subject, reason: str) -> Verdict:
    """Terrain, or another quantity."""
    if dtype not in _TERRAIN or subject == "quantity":
        named = dtype not in _BYTES and subject == "terrain" and found.whole
        return Verdict("terrain" if named else "quantity", "medium", (reason, *_named(named)))
    few = found.whole and found.distinct < _MOST_CLASSES
    if few and found.jump is not None and found.jump <= _GRADUAL:
        words = f"{found.distinct} values that change rank by rank ({found.jump:.2f})"
        return Verdict("terrain", "medium", (words,))
    roughness = found.roughness
    if roughness is None:
        return Verdict("quantity", "low", (_few(found) if found.whole else reason,))
    words = f"neighbours differ by {roughness:.3f} of the spread"
    if few or roughness > _SMOOTH:
        return Verdict("quantity", "medium" if found.whole else "low", (reason, f"not smooth: {words}"))
    confidence = "high" if roughness <= _SMOOTHEST else "medium" if roughness <= _SMOOTHER else "low"
    return Verdict("terrain", confidence, (f"smooth: {words}",))


def _named(named: bool) -> tuple[str, ...]:
    return ("its name speaks of heights",) if named else ()


def _named_classes(found: PixelEvidence) -> Verdict:
    if _is_quantity(found):
        reasons = ("its name speaks of classes or flags", f"{found.distinct} values that change gradually")
        return Verdict("codes", "low", reasons)
    return Verdict("classes", "high", (_few(found), "its name speaks of classes or flags"))


def _classes(found: PixelEvidence, dtype: str) -> Verdict | None:
    """Few values in large flat areas with sharp edges, where they do not go up and down one by one."""
    count = found.distinct
    if found.pixels < _FEWEST_PIXELS or count < 2 or found.flat < _FLAT or _goes_one_by_one(found, dtype):
        return None
    if found.sharp_spans < _SHARP * found.spans:
        return None
    reasons = (_few(found), f"in flat areas: {found.flat:.0%} of neighbours are alike")
    if count <= _CLEAR_CLASSES:
        return Verdict("classes", "high", reasons)
    likely = count <= _LIKELY_CLASSES or (count < _MOST_CLASSES and found.flat >= _VERY_FLAT)
    return Verdict("classes", "medium", reasons) if likely and found.is_sharp else None


def _goes_one_by_one(found: PixelEvidence, dtype: str) -> bool:
    """Whether flat terrain would look like it: every step is to the next of the values.

    Two or three values, in a type that heights are not kept in, are rather a mask.
    """
    if found.distinct <= 3 and dtype not in _TERRAIN:
        return False
    if found.distinct == 2:
        return bool(found.values) and found.values[1] - found.values[0] == 1
    return found.rank_step <= _ONE_BY_ONE


def _shows_little(found: PixelEvidence) -> bool:
    if found.pixels < _FEWEST_PIXELS or found.distinct < 2:
        return True
    return found.distinct < _FEWEST_LEVELS and found.rank_step <= _ONE_BY_ONE
