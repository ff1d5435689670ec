"""What the bands of a collection are: names, wavelengths, units, classes, where values lie. Pure, no I/O."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from rastercollection.errors import RasterCollectionError
from rastercollection.model.band import BandStatistics, RasterClass
from rastercollection.model.value_range import Spread
from rastercollection.stac import terms
from rastercollection.stac.published_cog import band_classes, band_statistics, whole_bands
from rastercollection.stac.spread import combine, quantiles_of_all, quantiles_of_tile

__all__ = ["BandOfItem", "CountedBand", "ShownBand", "bands_of_asset", "bands_of_collection", "statistics_of_asset"]

MOST_CLASSES = 1000
_PERCENTILES = (0.01, 0.05, 0.95, 0.99)

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


@attrs.frozen(kw_only=True)
class CountedBand:
    """Where the stored values of an item's band lie.

    Attributes:
        statistics: As in the document.
        quantiles: Those of :data:`~rastercollection.stac.spread.QUANTILES`; None where there is no histogram.
    """

    statistics: BandStatistics
    quantiles: tuple[float, ...] | None


Statistics = tuple[CountedBand | None, ...]


@attrs.frozen(kw_only=True)
class ShownBand:
    """A band of a collection: what the first item says that says anything, and where the values of all of them lie.

    Attributes:
        number: From 1.
        spread: Of stored values over the whole collection; None where no item tells.
        percentiles: The 1st, 5th, 95th and 99th over the whole collection, by the items' histograms, to within the
            width of a bucket; None where not every item that has statistics has one.
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
    percentiles: tuple[float, ...] | None


def bands_of_asset(asset: Json) -> tuple[BandOfItem, ...]:
    """The bands of a COG's asset, whoever wrote it; the same values where many items have the same."""
    return tuple(_shared(_band_of_item(band)) for band in _bands(asset))


def statistics_of_asset(asset: Json) -> Statistics:
    """What the asset tells of the stored values of each band; None where it does not."""
    return tuple(map(_statistics, _bands(asset)))


def _bands(asset: Json) -> list[dict[str, Any]]:
    bands = asset.get("bands")
    are_bands = isinstance(bands, list) and all(isinstance(band, dict) for band in bands)
    return whole_bands(asset) if are_bands else []


@functools.lru_cache(maxsize=4096)
def _shared(band: BandOfItem) -> BandOfItem:
    """One of equal values: an item has a dozen of them, and a collection a hundred thousand items."""
    return band


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
    )


def bands_of_collection(items: Iterable[tuple[Sequence[BandOfItem], Statistics]]) -> tuple[ShownBand, ...]:
    """The bands of all items together, by their number, from those of each and what is told of their values."""
    bands: list[dict[BandOfItem, None]] = []
    statistics: list[list[CountedBand]] = []
    for told, counted in items:
        bands.extend({} for _ in range(len(told) - len(bands)))
        statistics.extend([] for _ in range(len(told) - len(statistics)))
        for place, (band, found) in enumerate(zip(told, counted, strict=True)):
            bands[place].setdefault(band)
            statistics[place].extend([found] if found is not None else [])
    return tuple(
        _together(number, tuple(every), counted)
        for number, (every, counted) in enumerate(zip(bands, statistics, strict=True), 1)
    )


def _together(number: int, bands: Sequence[BandOfItem], counted: Sequence[CountedBand]) -> ShownBand:
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
        spread=combine(one.statistics for one in counted),
        percentiles=_percentiles(counted),
    )


def _percentiles(counted: Sequence[CountedBand]) -> tuple[float, ...] | None:
    told = [(one.statistics.count, one.quantiles) for one in counted if one.statistics.count > 0]
    known = [(count, quantiles) for count, quantiles in told if quantiles is not None]
    return quantiles_of_all(known, _PERCENTILES) if known and len(known) == len(told) else None


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


def _statistics(band: Json) -> CountedBand | None:
    """Nothing where it is no finite numbers."""
    try:
        found = band_statistics(band)
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RasterCollectionError):
        return None
    if found is None or found.minimum is None or found.maximum is None:
        return None
    return CountedBand(statistics=found, quantiles=_quantiles(band, found.minimum, found.maximum))


def _quantiles(band: Json, minimum: float, maximum: float) -> tuple[float, ...] | None:
    try:
        return quantiles_of_tile(band["raster:histogram"], minimum, maximum)
    except (LookupError, TypeError, ValueError, ArithmeticError):
        return None
