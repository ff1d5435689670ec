"""How values become colours, the same for every tile of a collection. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

__all__ = ["Look"]


@attrs.frozen(kw_only=True)
class Look:
    """How values become colours.

    Attributes:
        bands: Numbers from 1: one, or three that are shown as red, green and blue.
        ranges: Of each band, the values that are drawn darkest and brightest; None for bytes that are shown as they
            are, and for values whose ends are looked up in the picture.
        colors: Red, green, blue and alpha, 0–255, of the values of the only band; None where it holds no classes.
        ramp: Name of the colours, as matplotlib has them, that the only band runs through; None for grey.
        keeps_values: Values stand for something, and none may be made up between two of them.
    """

    bands: tuple[int, ...]
    ranges: tuple[tuple[float, float] | None, ...]
    colors: Mapping[int, tuple[int, ...]] | None = None
    ramp: str | None = None
    keeps_values: bool = False
