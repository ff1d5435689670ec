"""Which COGs of a collection readers can combine, and why not the others: one rule for mosaic and overview. Pure.

Readers ask every COG of a map tile for the same bands and take each pixel from the first that has a valid one. What
that needs, tried with rio-tiler 9, cogeo-mosaic 9 and titiler-pgstac 2 and 3:

- As many bands, alpha apart: rio-tiler refuses anything else, with an AssertionError for the whole tile.
- One meaning of a value: readers know no classes. Codes beside quantities are drawn by the colours or the stretch of
  the others; a code that has two colours, or a band that is red here and blue there, is shown as what it is not.
- Real beside real: a tile with complex numbers is complex altogether, and cannot be drawn.
- Values that survive: types are promoted as NumPy does it, exactly but for integers of 64 bits that become floats.

Other data types, masks beside nodata values beside alpha, and colour tables beside none make no difference to readers.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence

import attrs

from rastercollection.model.band_views import usual_names
from rastercollection.model.cog import CogFile

__all__ = ["ColorTable", "Combination", "combine", "promoted"]

ColorTable = Mapping[str, tuple[int, int, int, int]]
"""Value → (red, green, blue, alpha), 0–255, keys as text."""

_LARGER = {"complex_int16": "complex64", "complex_int32": "complex128"}
"""NumPy's names for types that only GDAL has."""
_EXACT_BITS = 53
"""Of a float of 64 bits."""


@attrs.frozen(kw_only=True)
class Combination:
    """What readers combine.

    Attributes:
        reasons: Why a COG takes no part, in words that follow its name; empty where it does. As many as there are COGs.
        dtype: Data type, NumPy's name, that holds the values of all that take part.
        colors: The colours of their values; None without a colour table.
    """

    reasons: tuple[str, ...]
    dtype: str
    colors: ColorTable | None


def combine(cogs: Sequence[CogFile], usual: Sequence[CogFile]) -> Combination:
    """Which COGs readers can combine with the usual ones, and with each other.

    Args:
        cogs: Of the collection, at least one; of two that cannot be combined, the first takes part.
        usual: Those among them of the structure that decides how all are drawn.
    """
    common = _Common.of(usual)
    taken = {id(cog) for cog in usual}
    reasons = {id(cog): common.admit(cog) for cog in (*usual, *(cog for cog in cogs if id(cog) not in taken))}
    return Combination(
        reasons=tuple(reasons[id(cog)] for cog in cogs), dtype=common.dtype, colors=common.colors or None
    )


@attrs.define(kw_only=True)
class _Common:
    """What all that take part have in common, so far.

    Attributes:
        bands: Numbers of the bands that are no alpha.
        dtype: Holds the values of all.
        names: Common name of each band; None where none that takes part knows.
        are_codes: Whether values are codes; None while nothing tells.
        colors: Of all values that have one.
    """

    bands: tuple[int, ...]
    dtype: str
    names: list[str | None]
    are_codes: bool | None
    colors: dict[str, tuple[int, int, int, int]]

    @classmethod
    def of(cls, usual: Sequence[CogFile]) -> _Common:
        bands = Counter(cog.color_bands for cog in usual).most_common(1)[0][0]
        alike = [cog for cog in usual if cog.color_bands == bands]
        every = usual_names([cog for cog in alike if len(cog.bands) == len(alike[0].bands)])
        names = [every[number - 1] for number in bands]
        named = [cog for cog in alike if not _contradict(_names(cog, bands), names)]
        tables = Counter(tuple(sorted(_shown_colors(cog).items())) for cog in named if cog.color_table)
        return cls(
            bands=bands,
            dtype=_dtype(named[0]),
            names=names,
            are_codes=named[0].is_classes or None,
            colors=dict(tables.most_common(1)[0][0]) if tables else {},
        )

    def admit(self, cog: CogFile) -> str:
        """Why a COG cannot take part; empty where it can, and does from now on."""
        if cog.color_bands != self.bands:
            return f"has {_count(cog.color_bands)} where the others have {_count(self.bands)}"
        dtype = _combined(self.dtype, _dtype(cog))
        if dtype is None:
            return f"holds {_dtype(cog)}, which readers cannot combine with {self.dtype}"
        names = _names(cog, self.bands)
        if _contradict(names, self.names):
            shown, others = (", ".join(name or "unknown" for name in each) for each in (names, self.names))
            return f"has the bands {shown} where the others have {others}"
        codes = _are_codes(cog)
        if codes is not None and self.are_codes is not None and codes != self.are_codes:
            return "holds classes where the others hold quantities" if codes else "holds quantities among classes"
        colors = _shown_colors(cog)
        twice = [value for value, color in colors.items() if self.colors.get(value, color) != color]
        if twice:
            return f"gives other colours to values than the others do, as to {twice[0]}"
        self.dtype = dtype
        self.names = [other or own for own, other in zip(names, self.names, strict=True)]
        self.are_codes = codes if self.are_codes is None else self.are_codes
        self.colors |= colors
        return ""


def _names(cog: CogFile, bands: Sequence[int]) -> list[str | None]:
    return [cog.bands[number - 1].role.common_name for number in bands]


def _contradict(names: Sequence[str | None], others: Sequence[str | None]) -> bool:
    return any(own and other and own != other for own, other in zip(names, others, strict=True))


def _count(bands: Sequence[int]) -> str:
    if bands == tuple(range(1, len(bands) + 1)):
        return f"{len(bands)} band" + ("s" if len(bands) != 1 else "")
    return f"data in the bands {', '.join(map(str, bands))}"


def _dtype(cog: CogFile) -> str:
    return promoted(frozenset(cog.bands[number - 1].dtype for number in cog.color_bands or (1,)))


@functools.cache
def promoted(names: frozenset[str]) -> str:
    """Name of the type that NumPy promotes types of GDAL to, by their names."""
    import numpy as np  # not needed to know what the library can do

    return str(np.result_type(*(np.dtype(_LARGER.get(name, name)) for name in names)))


@functools.cache
def _combined(one: str, other: str) -> str | None:
    """The type that NumPy promotes two to; None where it is complex for real ones, or does not hold all values."""
    import numpy as np

    first, second = np.dtype(one), np.dtype(other)
    made = np.result_type(first, second)
    if (first.kind == "c") != (second.kind == "c"):
        return None
    integers = [each for each in (first, second) if each.kind in "iu"]
    is_exact = made.kind in "iu" or all(8 * each.itemsize <= _EXACT_BITS for each in integers)
    return str(made) if is_exact else None


def _are_codes(cog: CogFile) -> bool | None:
    """Whether values stand for something; None of whole numbers where neither colours nor names of classes tell."""
    if len(cog.color_bands) != 1:
        return False
    if cog.color_table is not None or cog.bands[cog.color_bands[0] - 1].classes:
        return True
    is_unsure = cog.raster_type in ("unknown", "categorical") and "int" in _dtype(cog)
    return None if is_unsure else cog.is_classes


def _shown_colors(cog: CogFile) -> dict[str, tuple[int, int, int, int]]:
    """The colours of the values that a COG has, as far as is known which these are; all where none has one."""
    if not cog.color_table:
        return {}
    known = cog.bands[0].statistics
    low, high = (None, None) if known is None else (known.minimum, known.maximum)
    if low is None or high is None:
        return dict(cog.color_table)
    shown = {value: color for value, color in cog.color_table.items() if low <= int(value) <= high}
    return shown or dict(cog.color_table)
