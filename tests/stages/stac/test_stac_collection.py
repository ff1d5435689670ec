"""Stage 4's documents: valid, complete, honest about what is not known."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pyproj
import pytest
import rasterio
import rasterio.warp

from rastercollection.backends.catalogs.static.static_catalog import StaticCatalog
from rastercollection.core.contexts import TaskContext
from rastercollection.core.models import Task, TaskStatus
from rastercollection.errors import TaskError
from rastercollection.ports.catalog import Publication
from rastercollection.stac.items import item_dict
from rastercollection.stages.stac import create_stac_collection
from rastercollection.testing.sample_records import (
    fan_in_parameters,
    sample_band,
    sample_cog,
    sample_grid,
    sample_results,
)
from stac_scenes import CONIC, odd_cogs

COG_TYPE = "image/tiff; application=geotiff; profile=cloud-optimized"


RGB = ("red", "green", "blue")


@pytest.mark.parametrize("name", odd_cogs())
def test_every_kind_of_tile_gives_valid_documents(publish: Any, validate_stac: Any, name: str) -> None:
    cog = odd_cogs()[name]
    done = publish([cog], mosaic=name != "pole")
    (item,) = done.items
    validate_stac(item)
    validate_stac(done.collection)
    validate_stac(done.root.to_dict())
    text = json.dumps([item, done.collection], allow_nan=False)
    assert "/vsi" not in text
    assert (done.entry.items_created, done.entry.items_stored) == (1, 1)
    assert item["assets"]["data"]["type"] == COG_TYPE


def test_all_kinds_together(publish: Any, validate_stac: Any) -> None:
    cogs = list(odd_cogs().values())
    done = publish(
        cogs, keywords=["july", "cog"], providers=[{"name": "Survey", "roles": ["producer"]}], license="CC-BY-4.0"
    )
    ids = sorted(cog.item_id for cog in cogs)
    assert [item["id"] for item in done.items] == ids
    for document in (*done.items, done.collection):
        validate_stac(document)
    assert done.collection["keywords"] == ["raster", "cog", "mosaicjson", "july"]
    assert done.collection["license"] == "CC-BY-4.0"
    assert done.collection["providers"][0]["name"] == "Survey"
    assert [item.id for item in done.root.get_items(recursive=True)] == ids


def test_an_item_says_what_is_known_of_its_cog(publish: Any) -> None:
    cog = sample_cog(
        "tile", bands=tuple(sample_band(n, color, nodata=0) for n, color in enumerate(RGB, 1)), validity="nodata"
    )
    done = publish([cog])
    item = done.items[0]
    asset = item["assets"]["data"]
    assert asset["proj:code"] == "EPSG:4326"
    assert (asset["proj:shape"], asset["proj:transform"]) == (list(cog.file.shape), list(cog.file.transform))
    assert asset["proj:bbox"] == list(cog.file.bounds)
    assert (asset["file:size"], asset["file:checksum"], asset["file:header_size"]) == (
        cog.file.size,
        cog.file.checksum,
        cog.file.header_size,
    )
    assert (asset["data_type"], asset["nodata"]) == ("uint8", 0)
    assert [band["name"] for band in asset["bands"]] == ["b1", "b2", "b3"]
    assert [band["eo:common_name"] for band in asset["bands"]] == list(RGB)
    assert all("data_type" not in band and "nodata" not in band for band in asset["bands"])
    assert asset["bands"][0]["statistics"]["minimum"] == 10.0
    assert asset["roles"] == ["data", "visual"]
    assert item["assets"]["thumbnail"]["roles"] == ["thumbnail"]
    assert item["properties"]["datetime"] == "2019-07-14T06:00:00Z"
    assert "start_datetime" not in item["properties"]
    assert item["bbox"] == list(cog.file.bounds_4326)
    assert "rastercollection" in item["properties"]["processing:software"]


def test_a_cog_that_programs_would_show_in_wrong_colors_is_not_called_visual(publish: Any) -> None:
    for order, roles in ((RGB, ["data", "visual"]), (RGB[::-1], ["data"]), (("gray",) * 3, ["data"])):
        bands = tuple(sample_band(number, color) for number, color in enumerate(order, 1))
        assert publish([sample_cog(bands=bands)]).items[0]["assets"]["data"]["roles"] == roles


def test_what_bands_do_not_share_stays_with_them(publish: Any) -> None:
    cog = sample_cog("mixed", bands=(sample_band(1, nodata=0), sample_band(2, dtype="int16", nodata=-1)))
    asset = publish([cog]).items[0]["assets"]["data"]
    assert [(band["data_type"], band["nodata"]) for band in asset["bands"]] == [("uint8", 0), ("int16", -1)]
    assert not {"data_type", "nodata"} & asset.keys()


@pytest.mark.parametrize(
    ("nodata", "written"), [(float("nan"), "nan"), (float("inf"), "inf"), (-9999.0, -9999.0), (-(2**63), -(2**63))]
)
def test_nodata_is_written_as_stac_has_it(publish: Any, nodata: float, written: Any) -> None:
    asset = publish([sample_cog(bands=(sample_band(dtype="float64", nodata=nodata),))]).items[0]["assets"]["data"]
    assert asset["nodata"] == written


def test_a_crs_without_a_code_is_written_out(publish: Any) -> None:
    asset = publish([odd_cogs()["no code"]]).items[0]["assets"]["data"]
    assert asset["proj:code"] is None
    assert pyproj.CRS.from_json_dict(asset["proj:projjson"]).equals(CONIC)
    assert asset["raster:spatial_resolution"] == pytest.approx(10, rel=0.05)


@pytest.mark.parametrize(
    ("crs", "bounds", "metres"),
    [
        ("EPSG:4326", (71.0, 60.0, 71.01, 60.01), 8.36),
        ("EPSG:32642", (500_000.0, 4_500_000.0, 501_000.0, 4_501_000.0), 10.0),
        ("EPSG:3857", (7_900_000.0, 8_399_000.0, 7_901_000.0, 8_400_000.0), 5.0),
        ("EPSG:2263", (980_000.0, 190_000.0, 981_000.0, 191_000.0), 3.048),
    ],
)
def test_resolution_is_in_metres_on_the_ground(publish: Any, crs: str, bounds: Any, metres: float) -> None:
    west, south, east, north = bounds
    x, y = (east - west) / 100, (north - south) / 100
    place = rasterio.warp.transform_bounds(crs, "EPSG:4326", *bounds)
    cog = sample_cog(
        "tile", place, shape=(100, 100), target_crs=crs, bounds=bounds, transform=(x, 0.0, west, 0.0, -y, north)
    )
    done = publish([cog])
    assert done.items[0]["assets"]["data"]["raster:spatial_resolution"] == pytest.approx(metres, rel=0.04)
    assert done.collection["summaries"]["proj:code"] == [crs]


def test_extensions_are_declared_just_when_used(publish: Any) -> None:
    done = publish([sample_cog()], mosaic=False)
    for document in (done.items[0], done.collection):
        text = json.dumps({**document, "stac_extensions": []})
        declared = {uri.split("/")[3] for uri in document["stac_extensions"]}
        names = {"projection": "proj", "raster": "raster", "eo": "eo", "file": "file", "processing": "processing"}
        prefixes = {name: f'"{prefix}:' for name, prefix in names.items()}
        assert declared - {"render"} == {name for name, prefix in prefixes.items() if prefix in text}
        assert ("render" in declared) == ("renders" in document)


def test_times_that_are_not_known_are_not_invented(publish: Any, validate_stac: Any) -> None:
    undated = attrs.evolve(odd_cogs()["undated"], source_blob="old.tif")
    dated = sample_cog("dated", (72.0, 41.0, 72.1, 41.1))
    done = publish([undated, dated])
    (properties,) = (item["properties"] for item in done.items if item["id"] == undated.item_id)
    assert properties["datetime"] is None
    assert properties["start_datetime"] == properties["end_datetime"] == "1678-01-01T00:00:00Z"
    assert [notice.code for notice in done.notices] == ["DATETIME_UNKNOWN", "PREVIEW_INCOMPLETE"]
    assert "old.tif" in done.notices[0].message
    assert done.collection["extent"]["temporal"]["interval"] == [["2019-07-14T06:00:00Z"] * 2], "of what is known"
    written = attrs.evolve(undated, start_datetime="1970-01-01T00:00:00Z", end_datetime="2020-01-01T00:00:00Z")
    other = publish([written], collection_id="other")
    assert other.items[0]["properties"]["end_datetime"] == "1678-01-01T00:00:00Z", "a placeholder is no time"
    assert "1970-" not in other.page + str(other.items)
    alone = publish([undated], collection_id="alone")
    assert alone.collection["extent"]["temporal"]["interval"] == [[None, None]]
    for document in (*alone.items, alone.collection):
        validate_stac(document)
    assert "1678" not in alone.page


def test_open_ends_are_years_that_clients_can_hold(publish: Any) -> None:
    """64 bits of nanoseconds, and Python anywhere on Earth; they are no part of the collection's extent."""
    since = sample_cog("since", datetime=None, start_datetime="2019-07-14T00:00:00Z")
    until = sample_cog("until", (72.0, 41.0, 72.1, 41.1), datetime=None, end_datetime="2019-07-15T00:00:00Z")
    done = publish([since, until])
    assert done.collection["extent"]["temporal"]["interval"] == [[None, None]]
    ends = [item["properties"][name] for item in done.items for name in ("start_datetime", "end_datetime")]
    for end in ends:
        assert np.datetime64(end[:-1], "s").astype("datetime64[ns]").astype("datetime64[s]") == np.datetime64(end[:-1])
        for hours in (-12, 14):
            dt.datetime.fromisoformat(end).astimezone(dt.timezone(dt.timedelta(hours=hours)))


def test_extents_are_those_of_the_items(publish: Any) -> None:
    cogs = [
        sample_cog("a", (179.0, -18.0, -179.0, -16.0), datetime="2019-07-14T06:00:00Z"),
        sample_cog("b", (-179.0, -19.0, -178.5, -18.0), datetime="2018-01-01T00:00:00+02:00"),
        odd_cogs()["interval"],
    ]
    extent = publish(cogs[:2]).collection["extent"]
    assert extent["spatial"]["bbox"] == [[179.0, -19.0, -178.5, -16.0]]
    assert extent["temporal"]["interval"] == [["2017-12-31T22:00:00Z", "2019-07-14T06:00:00Z"]]
    assert publish(cogs).collection["extent"]["temporal"]["interval"][0][1] == "2019-07-31T00:00:00Z"


def test_the_collection_says_what_its_items_share(publish: Any) -> None:
    done = publish(sample_grid(4), asset_key="cog", stac_item_id="public-id", collection_id="scene")
    collection = done.collection
    assert (collection["id"], collection["title"]) == ("public-id", "Scene, 14 July 2019")
    assert done.entry.collection_id == "public-id"
    assert collection["item_assets"]["cog"]["type"] == COG_TYPE
    assert collection["item_assets"]["cog"]["proj:code"] == "EPSG:4326"
    assert [band["description"] for band in collection["item_assets"]["cog"]["bands"]] == ["red", "green", "blue"]
    assert collection["item_assets"]["thumbnail"]["roles"] == ["thumbnail"]
    assert collection["renders"]["visual"]["assets"] == ["cog"]
    mosaic = collection["assets"]["mosaicjson"]
    assert (mosaic["type"], mosaic["roles"]) == ("application/json", ["index", "mosaic"])
    assert (Path(done.entry.collection_url).parent / mosaic["href"]).resolve() == Path(done.mosaic.url)
    mixed = publish([sample_cog("one"), sample_cog("two", bands=(sample_band(),), target_crs="EPSG:3857")])
    assert "bands" not in mixed.collection["item_assets"]["data"]
    assert mixed.collection["summaries"]["proj:code"] == ["EPSG:3857", "EPSG:4326"]


def test_without_stage_three(publish: Any, validate_stac: Any) -> None:
    done = publish(sample_grid(2), mosaic=False)
    assert "mosaicjson" not in done.collection.get("assets", {})
    validate_stac(done.collection)
    assert (done.entry.ready_for_titiler, done.entry.ready_reason) == (False, "no titiler_url was given")
    assert done.entry.share_url == done.entry.outputs[0].url
    assert publish(sample_grid(2), mosaic=False, titiler_url="http://localhost:9").entry.ready_for_titiler is False


def test_running_again_changes_nothing(publish: Any, tmp_path: Path) -> None:
    first = publish(sample_grid(5))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert publish(sample_grid(5)).entry.digest == first.entry.digest
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_no_raster_is_opened(publish: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened: list[Any] = []
    real = rasterio.open
    monkeypatch.setattr(rasterio, "open", lambda *args, **options: opened.append(args) or real(*args, **options))
    assert publish(sample_grid(3, container=str(tmp_path / "nothing is here"))).entry.items_stored == 3
    assert opened == []


@attrs.define
class Forgetful:
    """A catalog that stores all items but one."""

    def check(self) -> None: ...

    def collection(self, collection_id: str) -> dict[str, Any] | None:
        return None

    def items(self, collection_id: str) -> Iterator[dict[str, Any]]:
        return iter(())

    def publish(self, collection: Mapping[str, Any], items: Sequence[Mapping[str, Any]], **options: Any) -> Publication:
        return Publication(
            catalog="forgetful",
            collection_id=collection["id"],
            items=len(items) - 1,
            stored=len(items) - 1,
            collection_url="",
            digest="0",
            item_ids=tuple(item["id"] for item in items),
        )

    def is_current(self, publication: Publication) -> bool:
        return False


class Listing(Forgetful):
    def item_ids(self, collection_id: str) -> list[str]:
        return ["tile-000000", "tile-000002"]


def test_a_catalog_that_loses_items_fails_the_stage(publish: Any) -> None:
    with pytest.raises(TaskError, match="holds 2 of the 3 items that were sent to collection sample") as error:
        publish(sample_grid(3), catalog=Forgetful())
    assert error.value.code == "CATALOG_INCOMPLETE"
    with pytest.raises(TaskError, match="missing: tile-000001") as error:
        publish(sample_grid(3), catalog=Listing())
    assert error.value.details["missing"] == ["tile-000001"]


@attrs.frozen
class Crowded(StaticCatalog):
    """A catalog to which another program appends an item whenever somebody publishes, as often as it is told."""

    times: list[int] = attrs.field(factory=list, eq=False)

    def publish(self, collection: Mapping[str, Any], items: Sequence[Mapping[str, Any]], **options: Any) -> Publication:
        if self.times:
            other = sample_cog(f"other-{self.times.pop()}", (72.0, 40.0, 72.1, 40.1))
            super().publish(collection, [item_dict(other, collection["id"], "data")])
        return super().publish(collection, items, **options)


def test_what_others_append_while_the_stage_runs_is_in_its_documents(publish: Any, tmp_path: Path) -> None:
    done = publish(sample_grid(2), catalog=Crowded(str(tmp_path / "stac"), times=[1, 2, 3]))
    assert (done.entry.items_created, done.entry.items_stored, done.entry.items_in_collection) == (2, 2, 5)
    assert done.entry.mosaic.tile_count == 5
    assert done.collection["extent"]["spatial"]["bbox"][0][1:3] == [40.0, 72.1]
    assert "other-3" in done.page
    with pytest.raises(TaskError) as error:
        publish(sample_grid(2), catalog=Crowded(str(tmp_path / "stac"), times=list(range(4, 100))))
    assert (error.value.code, error.value.retryable) == ("CATALOG_BUSY", True)


def test_what_cannot_be_catalogued_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    for cogs, code in (([], "CATALOG_EMPTY"), ([sample_cog("a"), sample_cog("a")], "DUPLICATE_ITEM_ID")):
        context = TaskContext(
            job_id="job",
            task=Task(id="t", stage=4, task_type="x", handler="a:b"),
            resources={"storage": None, "catalog": None},
            inputs={"create_cogs": sample_results(cogs)},
        )
        with pytest.raises(TaskError) as error:
            create_stac_collection(fan_in_parameters(output_container=str(tmp_path)), context)
        assert error.value.code == code
    assert list(tmp_path.iterdir()) == []


def test_failed_tiles_are_left_out(publish: Any) -> None:
    good, bad = sample_results(sample_grid(2))
    failed = attrs.evolve(bad, status=TaskStatus.FAILED, value=None)
    done = publish([], inputs={"create_cogs": [failed, good]})
    assert [item["id"] for item in done.items] == ["tile-000000"]
