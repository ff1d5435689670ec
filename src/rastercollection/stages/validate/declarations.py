"""What a dataset declares about its bands: nodata, masks, colours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from rasterio.enums import ColorInterp

from rastercollection.core.models import Notify
from rastercollection.core.records import digest
from rastercollection.model.evidence import Subject
from rastercollection.rasters.pixels.validity import common_dtype, nodata_values, usable
from rastercollection.rasters.source.classes import classes_of
from rastercollection.rasters.source.source_dataset import SourceDataset
from rastercollection.stages.validate.bands import DeclaredBands, is_integer
from rastercollection.stages.validate.subjects import subject_of

__all__ = [
    "color_table_digest",
    "declared_bands",
    "declared_nodata",
    "sensor_text",
]

_SENSOR_TAGS = re.compile(r"(?i)(spacecraft|satellite|platform|sensor|instrument|mission|constellation)([_ -]?\w*)?")
_LONGEST_TEXT = 200


def declared_bands(dataset: SourceDataset) -> DeclaredBands:
    """Bands as declared."""
    return DeclaredBands(
        dtypes=tuple(dataset.dtypes),
        colors=tuple(color.name.lower() for color in dataset.colorinterp),
        has_color_table=color_table_digest(dataset) is not None,
        subjects=tuple(_subject(dataset, band) for band in dataset.indexes),
        has_category_names=bool(classes_of(dataset)[0].classes),
        hides_alpha=dataset.hides_alpha,
    )


def _subject(dataset: SourceDataset, band: int) -> Subject:
    """What is said of a band; the file's name speaks of it where it is the only one, beside alpha."""
    plain = sum(color is not ColorInterp.alpha for color in dataset.colorinterp)
    file = PurePosixPath(dataset.blob).name if plain == 1 else ""
    unit = dataset.units[band - 1] or ""
    return subject_of((file, dataset.descriptions[band - 1] or ""), unit, dataset.tags(band))


def color_table_digest(dataset: SourceDataset) -> str | None:
    """SHA-256 of the first band's colour table; None without one."""
    try:
        table = dataset.colormap(1)
    except ValueError:
        return None
    return digest({str(value): list(color) for value, color in table.items()})


def declared_nodata(dataset: SourceDataset, notify: Notify) -> int | float | None:
    """The first band's nodata value, an int for integer bands; None without one that its data type can hold."""
    value, dtype = nodata_values(dataset)[0], dataset.dtypes[0]
    if value is None:
        return None
    found = usable(value, common_dtype(dataset))
    if found is None:
        notify("NODATA_IGNORED", f"{dataset.blob} declares nodata {value:g}, which no pixel of type {dtype} can have.")
    return float(found) if found is not None and not is_integer(dtype) else found


def sensor_text(dataset: SourceDataset) -> str:
    """What tags of the dataset say of platform and instrument, in one text."""
    return " ".join(_sensor_words(dataset))[:_LONGEST_TEXT]


def _sensor_words(dataset: SourceDataset) -> Iterator[str]:
    for domain in (None, "IMAGERY", "IMD"):
        for key, value in dataset.tags(ns=domain).items():
            if _SENSOR_TAGS.fullmatch(key):
                yield str(value)
