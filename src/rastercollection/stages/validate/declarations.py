"""What a dataset declares about its bands: nodata, masks, colours."""

from __future__ import annotations

from rastercollection.core.models import Notify
from rastercollection.core.records import digest
from rastercollection.rasters.pixels.validity import common_dtype, nodata_values, usable
from rastercollection.rasters.source.opening import SourceDataset
from rastercollection.stages.validate.bands import DeclaredBands, is_integer

__all__ = ["color_table_digest", "declared_bands", "declared_nodata"]


def declared_bands(dataset: SourceDataset) -> DeclaredBands:
    """Bands as declared."""
    return DeclaredBands(
        dtypes=tuple(dataset.dtypes),
        colors=tuple(color.name.lower() for color in dataset.colorinterp),
        has_color_table=color_table_digest(dataset) is not None,
    )


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
