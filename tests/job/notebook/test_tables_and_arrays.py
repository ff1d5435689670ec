"""What can be taken from a result: items for pystac, a table with footprints, arrays that are read when needed."""

from __future__ import annotations

import importlib.util
import os
import pickle
import sys

import attrs
import geopandas as gpd
import pandas as pd
import pystac
import pytest
import rasterio
from rasterio.windows import get_data_window

from rastercollection import JobResult, MissingExtraError, ViewError
from rastercollection.job.given_backends import GivenBackends
from rastercollection.job.notebook.lazy_arrays import band_names


def test_items_lead_to_the_cogs_here_and_in_another_process(ended: JobResult) -> None:
    for result in (ended, pickle.loads(pickle.dumps(ended))):
        items = result.items
        assert all(isinstance(item, pystac.Item) for item in items)
        assert [item.id for item in items] == sorted(item.id for item in items)
        hrefs = {os.path.realpath(item.assets["data"].href) for item in items}
        assert hrefs == {os.path.realpath(tile.output) for tile in result.tiles if tile.output}


def test_a_row_a_tile_with_the_footprint_of_its_valid_pixels(ended: JobResult) -> None:
    frame = ended.to_frame()
    assert isinstance(frame, gpd.GeoDataFrame)
    assert list(frame["tile"]) == [tile.blob for tile in ended.tiles]
    assert list(frame["outcome"]) == ["cog"] * 4 + ["failed"]
    assert frame.crs.to_epsg() == 4326
    assert frame["size"].sum() == sum(os.path.getsize(tile.output) for tile in ended.tiles if tile.output)
    made, failed = frame.iloc[0], frame.iloc[-1]
    with rasterio.open(made["output"]) as cog:
        valid = get_data_window(cog.dataset_mask(), nodata=0)
        assert made["geometry"].bounds == pytest.approx(cog.window_bounds(valid), abs=2 * cog.res[0])
    assert made["datetime"] == pd.Timestamp("2019-07-14T06:12:31Z")
    assert (failed["code"], failed["geometry"], pd.isna(failed["size"])) == ("FILE_TRUNCATED", None, True)


def test_times_that_nothing_tells_are_no_times(ended: JobResult, monkeypatch: pytest.MonkeyPatch) -> None:
    items = [item.to_dict() for item in ended.items]
    for item, end in zip(items, ("1678-01-01T00:00:00Z", "2261-12-31T23:59:59Z", "2019-07-31T00:00:00Z"), strict=False):
        times = {"datetime": None, "start_datetime": "1678-01-01T00:00:00Z", "end_datetime": end}
        item["properties"] |= times
    monkeypatch.setattr("rastercollection.job.notebook.tile_frame.published_documents", lambda _: items)
    frame = ended.to_frame()
    assert frame["start_datetime"].isna().all()
    assert frame["end_datetime"].dropna().tolist() == [pd.Timestamp("2019-07-31T00:00:00Z")]
    assert {str(frame[name].dtype) for name in ("datetime", "start_datetime", "end_datetime")} == {
        "datetime64[us, UTC]"
    }


def test_a_table_without_geopandas_and_what_to_install_without_pandas(
    ended: JobResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    absent = {"geopandas"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name in absent else found(name, *rest))
    frame = ended.to_frame()
    assert type(frame) is pd.DataFrame
    assert "geometry" not in frame
    absent |= {"pandas", "odc"}
    for take in (ended.to_frame, ended.to_xarray):
        with pytest.raises(MissingExtraError, match=r"pip install 'rastercollection\[notebook\]'"):
            take()


def test_a_job_without_stac_has_a_table_and_no_items(ended: JobResult) -> None:
    without = attrs.evolve(ended, summary={**ended.summary, "stac": None})
    assert list(without.to_frame()["outcome"]) == ["cog"] * 4 + ["failed"]
    with pytest.raises(ViewError, match="create_stac_collection=True"):
        _ = without.items


def test_what_lies_in_a_database_takes_the_catalog_that_leads_there(ended: JobResult) -> None:
    stac = {**ended.summary["stac"], "catalog": "pgstac", "collection_url": ""}
    elsewhere = attrs.evolve(ended, summary={**ended.summary, "stac": stac}, backends=GivenBackends())
    with pytest.raises(ViewError, match="not known here"):
        _ = elsewhere.items
    assert len(attrs.evolve(elsewhere, backends=ended.backends).items) == 4


def test_bands_are_called_by_their_common_names_where_these_tell_them_apart(ended: JobResult) -> None:
    item = ended.items[0].to_dict()
    assert band_names(item) == ["red", "green", "blue"]
    item["assets"]["data"]["bands"][1]["eo:common_name"] = "red"
    assert band_names(item) == ["b1", "b2", "b3"]
    assert band_names({"assets": {}}) is None


@pytest.mark.clients
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what odc-stac stands on
def test_arrays_are_read_when_they_are_needed_and_hold_the_pixels(ended: JobResult) -> None:
    if importlib.util.find_spec("odc") is None:
        pytest.skip("pip install odc-stac")
    loaded = ended.to_xarray(["red"])
    assert list(loaded.data_vars) == ["red"]
    assert loaded.red.chunks is not None
    tile = next(tile for tile in ended.tiles if tile.output)
    with rasterio.open(tile.output) as cog:
        rows, columns = cog.height // 2, cog.width // 2
        x, y = cog.xy(rows, columns)
        value = cog.read(1)[rows, columns]
    assert int(loaded.red.isel(time=0).sel(longitude=x, latitude=y, method="nearest").compute()) == value
    assert "odc.stac" in sys.modules
