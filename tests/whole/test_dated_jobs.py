"""Whole jobs: the times that items and collections end up with, judged by pystac."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio
from rasterio.transform import from_origin

from netcdf_scenes import write_netcdf
from rastercollection import JobResult, plan_collection, process_collection

WRITTEN = 1_714_980_489.0  # 2024-05-06T07:28:09Z
CELLS = ((43464.0, 43495.0), (43495.0, 43523.0))


def write(path: Path, **tags: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    waves = (np.sin(np.arange(3600) / 37) * 500 + 600).reshape(1, 60, 60).astype("float32")
    place = {"crs": "EPSG:32642", "transform": from_origin(600_000, 4_600_000, 10, 10)}
    with rasterio.open(path, "w", driver="GTiff", width=60, height=60, count=1, dtype="float32", **place) as raster:
        raster.write(waves)
        for domain, values in tags.items():
            raster.update_tags(ns=None if domain == "plain" else domain, **values)
    os.utime(path, (WRITTEN, WRITTEN))


Outcome = tuple[JobResult, pystac.Collection, dict[str, dict[str, Any]]]


@pytest.fixture
def run(tmp_path: Path, validate_stac: Callable[[dict[str, Any]], None]) -> Callable[..., Outcome]:
    """Runs a job on all that is in ``bronze``: its result, the collection, and the items' properties, all valid."""

    def done(**parameters: Any) -> Outcome:
        result, collection = process(tmp_path, **parameters)
        items = list(collection.get_items(recursive=True))
        for document in (collection, *items):
            validate_stac(document.to_dict())
        assert len(items) == len(result.tiles)
        return result, collection, {item.id: item.properties for item in items}

    return done


def process(tmp_path: Path, **parameters: Any) -> tuple[JobResult, pystac.Collection]:
    given = {"container_name": tmp_path / "bronze", "blob_list": ["**/*"], "collection_id": "dated", **parameters}
    result = process_collection(
        **{
            "output_container": tmp_path / "out",
            "executor": "serial",
            "jobs": "memory",
            "create_mosaicjson": False,
            **given,
        }
    )
    assert result.status == "completed", [tile.reason for tile in result.tiles]
    return result, pystac.Collection.from_file(str(tmp_path / "out/stac/dated/collection.json"))


def when(properties: dict[str, Any]) -> tuple[str, ...]:
    names = ("datetime", "start_datetime", "end_datetime", "rastercollection:datetime_source")
    return tuple(properties[name] for name in names if properties.get(name) is not None)


def codes(result: JobResult, blob: str) -> list[str]:
    (tile,) = [tile for tile in result.tiles if tile.blob == blob]
    return [notice.code for notice in tile.notices if notice.code.startswith("DATETIME")]


def test_each_item_says_when_it_was_acquired_and_by_whose_word(tmp_path: Path, run: Any) -> None:
    bronze = tmp_path / "bronze"
    write(bronze / "a_20190714T100031027Z.tif")
    write(bronze / "b_20190714.tif", plain={"TIFFTAG_DATETIME": "2021:01:01 00:00:00"})
    write(bronze / "c_20190714.tif", IMAGERY={"ACQUISITIONDATETIME": "2021-02-03 04:05:06"})
    write(bronze / "d.tif", plain={"TIFFTAG_DATETIME": "2021:01:01 00:00:00"})
    result, collection, items = run()
    assert when(items["a_20190714T100031027Z"]) == ("2019-07-14T10:00:31.027000Z", "filename")
    assert when(items["b_20190714"]) == ("2019-07-14T00:00:00Z", "2019-07-14T23:59:59Z", "filename")
    assert when(items["c_20190714"]) == ("2021-02-03T04:05:06Z", "metadata:ACQUISITIONDATETIME")
    assert when(items["d"]) == ("1678-01-01T00:00:00Z", "1678-01-01T00:00:00Z", "unknown")
    told = {name: codes(result, f"{name}.tif") for name in ("a_20190714T100031027Z", "b_20190714", "c_20190714", "d")}
    assert list(told.values()) == [[], [], ["DATETIME_DISAGREES"], ["DATETIME_UNKNOWN"]]
    interval = collection.to_dict()["extent"]["temporal"]["interval"]
    assert interval == [["2019-07-14T00:00:00Z", "2021-02-03T04:05:06Z"]], "of one tile nothing is known"


def test_an_order_is_obeyed(tmp_path: Path, run: Any) -> None:
    write(tmp_path / "bronze/1886/topo.tif")
    write(tmp_path / "bronze/2091/topo_b.tif")
    write(tmp_path / "bronze/other/topo_20190714.tif")
    result, _, items = run(datetime_pattern=r"^(\d{4})/")
    times = {properties["title"]: when(properties) for properties in items.values()}
    assert times["1886/topo.tif"] == ("1886-01-01T00:00:00Z", "1886-12-31T23:59:59Z", "pattern")
    assert times["2091/topo_b.tif"] == ("2091-01-01T00:00:00Z", "2091-12-31T23:59:59Z", "pattern")
    assert times["other/topo_20190714.tif"] == ("1678-01-01T00:00:00Z", "1678-01-01T00:00:00Z", "unknown")
    assert codes(result, "other/topo_20190714.tif") == ["DATETIME_PATTERN_MISSED", "DATETIME_UNKNOWN"]


def test_the_plan_tells_of_doubtful_dates(tmp_path: Path) -> None:
    write(tmp_path / "bronze/20190714_20190820.tif")
    plan = plan_collection(
        container_name=tmp_path / "bronze",
        blob_list=["*.tif"],
        collection_id="dated",
        output_container=tmp_path / "out",
    )
    assert "DATETIME_AMBIGUOUS" in str(plan.to_dict())


def test_what_has_no_date_is_refused_where_one_is_required(tmp_path: Path) -> None:
    write(tmp_path / "bronze/a.tif")
    write(tmp_path / "bronze/b_20190714.tif")
    given: dict[str, Any] = {
        "container_name": tmp_path / "bronze",
        "blob_list": ["*.tif"],
        "collection_id": "dated",
        "output_container": tmp_path / "out",
        "require_datetime": True,
    }
    undated, dated = plan_collection(**given).tiles
    assert (undated.problem.code, dated.problem) == ("DATETIME_UNKNOWN", None)
    result = process_collection(**given, executor="serial", jobs="memory")
    undated, dated = result.tiles
    assert (undated.code, dated.ok) == ("DATETIME_UNKNOWN", True)
    assert "Set `datetime` or `datetime_pattern`" in undated.reason
    assert "DATETIME_UNKNOWN" not in [notice.code for tile in result.tiles for notice in tile.notices]
    assert not list((tmp_path / "out").glob("a_*")), "before it is converted"
    (item,) = (tmp_path / "out/stac/dated/items").glob("*.json")
    assert item.stem == "b_20190714"


@pytest.mark.parametrize(
    ("given", "item", "extent"),
    [
        ("../2020", ("1678-01-01T00:00:00Z", "2020-12-31T23:59:59Z"), [None, "2020-12-31T23:59:59Z"]),
        ("2019-07/..", ("2019-07-01T00:00:00Z", "2261-12-31T23:59:59Z"), ["2019-07-01T00:00:00Z", None]),
        ("2019-07-14T06:00:00+02:00", ("2019-07-14T04:00:00Z",), ["2019-07-14T04:00:00Z"] * 2),
    ],
)
def test_intervals_may_be_open(
    tmp_path: Path, run: Any, given: str, item: tuple[str, ...], extent: list[str | None]
) -> None:
    write(tmp_path / "bronze/a.tif")
    _, collection, items = run(datetime=given)
    assert when(items["a"]) == (*item, "parameter")
    assert collection.to_dict()["extent"]["temporal"]["interval"] == [extent]
    (page,) = [path.read_text(encoding="utf-8") for path in (tmp_path / "out").rglob("*.html")]
    assert "1678" not in page
    assert "2261" not in page


@pytest.mark.parametrize(
    ("more", "expected", "told"),
    [
        ({}, ("2019-01-01T00:00:00Z", "2019-02-01T00:00:00Z", "netcdf:time"), []),
        ({"bounds": CELLS}, ("2019-01-01T00:00:00Z", "2019-03-01T00:00:00Z", "netcdf:time"), []),
        ({"calendar": "noleap"}, ("2018-05-05T00:00:00Z", "2018-05-05T23:59:59Z", "filename"), ["DATETIME_IGNORED"]),
        (
            {"calendar": "360_day", "tags": {"time_coverage_start": "2018-05-05", "time_coverage_end": "2018-05-06"}},
            ("2018-05-05T00:00:00Z", "2018-05-06T23:59:59Z", "metadata:NC_GLOBAL#time_coverage_start"),
            ["DATETIME_IGNORED"],
        ),
    ],
)
def test_a_time_axis_is_read(
    tmp_path: Path, run: Any, more: dict[str, Any], expected: tuple[str, ...], told: list[str]
) -> None:
    (tmp_path / "bronze").mkdir()
    name = "rain_20180505" if "calendar" in more else "rain"
    write_netcdf(tmp_path / f"bronze/{name}.nc", (43464.0, 43495.0), "days since 1900-01-01", **more)
    result, _, items = run(input_crs="EPSG:4326")
    assert when(items[name]) == expected
    assert codes(result, f"{name}.nc") == told


@pytest.mark.parametrize("written", [0, -86400 * 3650, 1_714_980_489, 4102444800])
def test_the_time_of_a_file_is_no_time_of_what_it_shows(tmp_path: Path, run: Any, written: int) -> None:
    write(tmp_path / "bronze/a.tif")
    os.utime(tmp_path / "bronze/a.tif", (written, written))
    _, collection, items = run()
    assert when(items["a"]) == ("1678-01-01T00:00:00Z", "1678-01-01T00:00:00Z", "unknown")
    assert collection.to_dict()["extent"]["temporal"]["interval"] == [[None, None]]
