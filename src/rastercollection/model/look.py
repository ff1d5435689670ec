"""How values become colours, the same for every tile of a collection. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

__all__ = ["Look"]


@attrs.frozen(kw_only=True)
class Look:
    """How values become colours.

    Attributes:
        bands: Numbers from 1: one, or three that are shown as red, green and blue; with an expression those in it.
        ranges: Of each band, the values that are drawn darkest and brightest; None for bytes that are shown as they
            are, and for values whose ends are looked up in the picture.
        colors: Red, green, blue and alpha, 0–255, of the values of the only band; None where it holds no classes.
            With ranges, those of their 256 steps.
        ramp: Name of the colours, as matplotlib has them, that the only band runs through; None for grey.
        expression: Arithmetic on ``b1``, ``b2`` … as rio-tiler takes it, one or three; None where bands are shown.
        label: What the expression is called.
        formula: What is done to the colours in the end, as rio-tiler takes it; None for nothing.
        keeps_values: Values stand for something, and none may be made up between two of them.
    """

    bands: tuple[int, ...]
    ranges: tuple[tuple[float, float] | None, ...]
    colors: Mapping[int, tuple[int, ...]] | None = None
    ramp: str | None = None
    expression: str | None = None
    label: str = ""
    formula: str | None = None
    keeps_values: bool = False

    @property
    def steps(self) -> Mapping[int, tuple[int, ...]] | None:
        """The colours that ranges run through, where they are no ramp's; None without such."""
        return self.colors if self.colors is not None and self.ranges and self.ranges[0] is not None else None

    @property
    def classes(self) -> Mapping[int, tuple[int, ...]] | None:
        """The colours of single values; None without such."""
        return None if self.steps is not None else self.colors
