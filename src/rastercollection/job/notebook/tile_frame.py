"""A result as a table of pandas, of geopandas where it is installed: a row a tile."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rastercollection.errors import MissingExtraError
from rastercollection.job.notebook.published_items import published_documents
from rastercollection.job.result import JobResult, TileOutcome
from rastercollection.model.entry import StacSummary
from rastercollection.stac.published import cog_href
from rastercollection.stac.terms import OPEN_ENDS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["tile_frame"]

COLUMNS = ("tile", "outcome", "code", "reason", "hint", "size", "output")
OF_ITEMS = ("item_id", "datetime", "start_datetime", "end_datetime")

Json = Mapping[str, Any]


def tile_frame(result: JobResult) -> pd.DataFrame:
    """A row a tile, in the order of the request; what is known of its item besides, where there is one.

    Raises:
        MissingExtraError: pandas is not installed.
        BackendError: The catalog cannot be read.
    """
    if importlib.util.find_spec("pandas") is None:
        raise MissingExtraError("A table of the tiles", "notebook")
    import pandas as pd

    documents = published_documents(result) if StacSummary.of(result.summary) else ()
    items = {cog_href(item): item for item in documents}
    found = [items.get(tile.output) if tile.output else None for tile in result.tiles]
    rows = [_row(tile, item) for tile, item in zip(result.tiles, found, strict=True)]
    frame = pd.DataFrame(rows, columns=[*COLUMNS, *OF_ITEMS])
    frame["size"] = frame["size"].astype("Int64")
    for name in OF_ITEMS[1:]:
        known = frame[name].where(~frame[name].isin(OPEN_ENDS))  # stands for a time that nothing tells
        frame[name] = pd.to_datetime(known, utc=True, format="ISO8601", errors="coerce").dt.as_unit("us")
    return _placed(frame, found)


def _row(tile: TileOutcome, item: Json | None) -> tuple[Any, ...]:
    properties = item["properties"] if item else {}
    told = (tile.blob, tile.outcome, tile.code, tile.reason, tile.hint, tile.size, tile.output)
    return (*told, item["id"] if item else None, *(properties.get(name) for name in OF_ITEMS[1:]))


def _placed(frame: pd.DataFrame, items: Sequence[Json | None]) -> pd.DataFrame:
    """The same with footprints as geometries, where geopandas is there; the table as it is where not."""
    if importlib.util.find_spec("geopandas") is None:
        return frame
    import geopandas as gpd
    from shapely.geometry import shape

    footprints = [shape(item["geometry"]) if item and item.get("geometry") else None for item in items]
    return gpd.GeoDataFrame(frame, geometry=footprints, crs="EPSG:4326")
