"""What the bands of a collection are: names, wavelengths, units, classes, where values lie. Pure, no I/O."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from rastercollection.errors import RasterCollectionError
from rastercollection.model.band import BandStatistics, RasterClass
from rastercollection.stac import terms
from rastercollection.stac.published import band_classes, band_statistics, whole_bands
from rastercollection.stac.spread import Spread, combine

__all__ = ["BandOfItem", "ShownBand", "bands_of_asset", "bands_of_collection"]

MOST_CLASSES = 1000

Json = Mapping[str, Any]


@attrs.frozen(kw_only=True)
class BandOfItem:
    """What an item tells of one of its bands; empty or None where it does not.

    Attributes:
        name, description, unit, common_name: As in the document.
        wavelength: Central wavelength in µm.
        scale, offset: A value times scale plus offset is in ``unit``.
        dtype: STAC's name of the data type.
        classes: Values that stand for something.
        statistics: Of the stored values.
    """

    name: str
    description: str
    unit: str
    common_name: str
    wavelength: float | None
    scale: float | None
    offset: float | None
    dtype: str
    classes: tuple[RasterClass, ...]
    statistics: BandStatistics | None


@attrs.frozen(kw_only=True)
class ShownBand:
    """A band of a collection: what the first item says that says anything, and where the values of all of them lie.

    Attributes:
        number: From 1.
        spread: Of stored values over the whole collection; None where no item tells.
    """

    number: int
    name: str
    description: str
    unit: str
    common_name: str
    wavelength: float | None
    scale: float
    offset: float
    dtype: str
    classes: tuple[RasterClass, ...]
    spread: Spread | None


def bands_of_asset(asset: Json) -> tuple[BandOfItem, ...]:
    """The bands of a COG's asset, whoever wrote it."""
    bands = asset.get("bands")
    if not isinstance(bands, list) or not all(isinstance(band, dict) for band in bands):
        return ()
    return tuple(map(_band_of_item, whole_bands(asset)))


def _band_of_item(band: Json) -> BandOfItem:
    return BandOfItem(
        name=_text(band.get("name")),
        description=_text(band.get("description")),
        unit=_text(band.get("unit")),
        common_name=_text(band.get(terms.COMMON_NAME)),
        wavelength=_number(band.get(terms.CENTER_WAVELENGTH)),
        scale=_number(band.get(terms.SCALE)),
        offset=_number(band.get(terms.OFFSET)),
        dtype=_text(band.get("data_type")),
        classes=_classes(band),
        statistics=_statistics(band),
    )


def bands_of_collection(items: Iterable[Sequence[BandOfItem]]) -> tuple[ShownBand, ...]:
    """The bands of all items together, by their number."""
    columns: list[list[BandOfItem]] = []
    for bands in items:
        columns.extend([] for _ in range(len(bands) - len(columns)))
        for column, band in zip(columns, bands, strict=False):
            column.append(band)
    return tuple(_together(number, column) for number, column in enumerate(columns, 1))


def _together(number: int, bands: Sequence[BandOfItem]) -> ShownBand:
    def first(name: str, otherwise: Any = "") -> Any:
        told = (getattr(band, name) for band in bands)
        return next((value for value in told if value not in ("", None)), otherwise)

    classes = {one.value: one for band in reversed(bands) for one in reversed(band.classes)}
    return ShownBand(
        number=number,
        name=first("name", f"b{number}"),
        description=first("description"),
        unit=first("unit"),
        common_name=first("common_name"),
        wavelength=first("wavelength", None),
        scale=first("scale", 1.0),
        offset=first("offset", 0.0),
        dtype=first("dtype"),
        classes=tuple(classes[value] for value in sorted(classes))[:MOST_CLASSES],
        spread=combine(band.statistics for band in bands if band.statistics is not None),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    """The value where it is a number that JSON can hold."""
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known and math.isfinite(value) else None


def _classes(band: Json) -> tuple[RasterClass, ...]:
    try:
        return band_classes(band)[:MOST_CLASSES]
    except (LookupError, TypeError, ValueError, AttributeError, RasterCollectionError):
        return ()


def _statistics(band: Json) -> BandStatistics | None:
    """Nothing where it is no finite numbers."""
    try:
        found = band_statistics(band)
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RasterCollectionError):
        return None
    return found if found is not None and found.minimum is not None and found.maximum is not None else None
