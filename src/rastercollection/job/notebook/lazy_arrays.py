"""The pixels of a published collection as arrays of xarray that are read when they are needed."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rastercollection.errors import MissingExtraError
from rastercollection.job.notebook.published_items import published_items
from rastercollection.job.result import JobResult
from rastercollection.stac.published import cog_key
from rastercollection.stac.published_cog import whole_bands

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["band_names", "lazy_dataset"]

CHUNKS = {"x": 2048, "y": 2048}


def lazy_dataset(result: JobResult, bands: Sequence[str] | None, options: Mapping[str, Any]) -> xr.Dataset:
    """What odc-stac makes of the items: a variable a band, along time, y and x.

    Args:
        result: Of the job.
        bands: Which, by common name or name; all when None.
        options: Further arguments of ``odc.stac.load``.

    Raises:
        MissingExtraError: odc-stac is not installed.
        ViewError, BackendError: The items cannot be read.
    """
    if importlib.util.find_spec("odc") is None or importlib.util.find_spec("odc.stac") is None:
        raise MissingExtraError("Loading the collection with xarray", "notebook")
    import odc.stac

    items = published_items(result)
    wanted = list(bands) if bands is not None else band_names(items[0].to_dict()) if items else None
    made: xr.Dataset = odc.stac.load(items, **{"bands": wanted, "chunks": CHUNKS, **options})
    return made


def band_names(item: Mapping[str, Any]) -> list[str] | None:
    """What the bands of an item's COG are called: their common names, where each has one and no two share one.

    None where the item has no COG whose bands are known.
    """
    key = cog_key(item)
    bands = whole_bands(item["assets"][key]) if key is not None else []
    common = [str(band.get("eo:common_name") or "") for band in bands]
    if all(common) and len(set(common)) == len(common):
        return common or None
    return [str(band["name"]) for band in bands] or None
