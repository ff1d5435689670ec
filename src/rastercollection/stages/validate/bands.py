"""A tile's bands as declared."""

from __future__ import annotations

import attrs

from rastercollection.model.evidence import Subject

__all__ = ["DeclaredBands", "is_integer"]

_UNSIGNED = ("uint8", "uint16")


def is_integer(dtype: str) -> bool:
    """Whether GDAL's data type is one of real integers."""
    return dtype.startswith(("int", "uint"))


@attrs.frozen(kw_only=True)
class DeclaredBands:
    """A tile's bands as declared.

    Attributes:
        dtypes: Of each band.
        colors: Colour interpretation of each band, GDAL's names in lower case.
        has_color_table: The first band has one.
        subjects: What names, units and tags say of each band's values; empty where they say nothing.
        has_category_names: Values of the first band have names.
        hides_alpha: The band that is declared as alpha is said to be another.
    """

    dtypes: tuple[str, ...]
    colors: tuple[str, ...]
    has_color_table: bool
    subjects: tuple[Subject, ...]
    has_category_names: bool = False
    hides_alpha: bool = False

    @property
    def count(self) -> int:
        return len(self.dtypes)

    @property
    def plain(self) -> tuple[int, ...]:
        """Numbers, from 1, of the bands that are no alpha."""
        return tuple(number for number, color in enumerate(self.colors, 1) if color != "alpha")

    @property
    def is_8_or_16_bit(self) -> bool:
        """Whether all bands are uint8 or uint16."""
        return all(dtype in _UNSIGNED for dtype in self.dtypes)
