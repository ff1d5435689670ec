"""Several jobs on one collection: what they append, change and replace, alone and at the same time."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pystac
import pytest
import rasterio
from cogeo_mosaic.backends.memory import MemoryBackend
from cogeo_mosaic.mosaic import MosaicJSON
from rasterio.warp import transform, transform_bounds
from rio_tiler.errors import PointOutsideBounds
from rio_tiler.io import Reader

from job_scenes import make_tiles, write_tile
from rastercollection import JobFailedError, JobResult, plan_collection, process_collection
from rastercollection.backends.catalogs.static.static_catalog import StaticCatalog
from rastercollection.core.models import Notice
from rastercollection.errors import BackendError, ObjectExistsError, OtherSourceError
from rastercollection.ports.catalog import Publication

IDS = ["a", "b", "sub_c", "sub_d-ca6e64bf"]
WEST_HALF, EAST_HALF = ["a.tif", "sub/c.tif"], ["b.tif", "sub/d ü.tif"]


@pytest.fixture
def bronze(tmp_path: Path) -> Path:
    """A folder with four good tiles."""
    make_tiles(tmp_path / "bronze")
    return tmp_path / "bronze"


def run(bronze: Path, blobs: Sequence[str], **parameters: Any) -> JobResult:
    parameters.setdefault("jobs", f"sqlite:///{bronze.parent / 'jobs.db'}")
    parameters.setdefault("executor", "thread")
    return process_collection(container_name=bronze, blob_list=list(blobs), collection_id="test", **parameters)


def collection(bronze: Path) -> pystac.Collection:
    root = pystac.Catalog.from_file(str(bronze.parent / "cogs" / "stac" / "catalog.json"))
    found = root.get_child("test")
    assert isinstance(found, pystac.Collection)
    return found


def item_ids(bronze: Path) -> list[str]:
    return sorted(item.id for item in collection(bronze).get_items())


def mosaic_of(bronze: Path) -> MemoryBackend:
    """The mosaic as it is now; the backend for files would remember it as it was."""
    return MemoryBackend(
        mosaic_def=MosaicJSON(**json.loads((bronze.parent / "cogs" / "test" / "test.json").read_text()))
    )


def cogs_in_mosaic(bronze: Path) -> set[str]:
    with mosaic_of(bronze) as mosaic:
        return {Path(asset).name for assets in mosaic.mosaic_def.tiles.values() for asset in assets}


def written(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def value_at_middle(bronze: Path, blob: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """What the mosaic shows in the middle of a source, and what is in the source within a pixel of there."""
    with rasterio.open(bronze / blob) as source:
        row, column = source.height // 2, source.width // 2
        around = source.read(window=((row - 2, row + 3), (column - 2, column + 3)))
        ((longitude,), (latitude,)) = transform(source.crs, "EPSG:4326", *([value] for value in source.xy(row, column)))
    with mosaic_of(bronze) as mosaic:
        for asset in mosaic.assets_for_point(longitude, latitude):
            with Reader(asset) as reader, contextlib.suppress(PointOutsideBounds):
                return np.asarray(reader.point(longitude, latitude).data).ravel(), around
    pytest.fail(f"no COG shows the middle of {blob}")


def assert_complete(bronze: Path, blobs: Sequence[str]) -> None:
    """Items, extents, mosaic and pixels are those of all these sources, and every link leads to a file."""
    found = collection(bronze)
    items = list(found.get_items())
    assert len(items) == len(blobs)
    hrefs = {Path(item.assets["data"].get_absolute_href()) for item in items}
    assert all(href.exists() for href in hrefs)
    assert cogs_in_mosaic(bronze) == {href.name for href in hrefs}
    boxes = np.array([item.bbox for item in items])
    union = [*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)]
    assert found.extent.spatial.bboxes[0] == pytest.approx(union)
    with mosaic_of(bronze) as mosaic:
        assert list(mosaic.bounds) == pytest.approx(union)
    for blob in blobs:
        shown, around = value_at_middle(bronze, blob)
        for band in range(3):
            assert around[band].min() - 1 <= shown[band] <= around[band].max() + 1
    page = (bronze.parent / "cogs" / "test" / "test.html").read_text()
    assert all(item.id in page for item in items)


@pytest.mark.parametrize("executor", ["serial", "process"])
def test_a_second_job_extends_the_collection(bronze: Path, validate_stac: Any, executor: str) -> None:
    first = run(bronze, WEST_HALF, executor=executor)
    assert_complete(bronze, WEST_HALF)
    second = run(bronze, EAST_HALF, executor=executor)
    assert_complete(bronze, [*WEST_HALF, *EAST_HALF])
    validate_stac(collection(bronze).to_dict())
    assert first.to_dict()["stac"]["items_in_collection"] == 2
    stac, mosaic = second.to_dict()["stac"], second.to_dict()["mosaicjson"]
    assert (stac["items_created"], stac["items_stored"], stac["items_in_collection"]) == (2, 2, 4)
    assert mosaic["tile_count"] == 4
    with rasterio.open(bronze / "a.tif") as tile:
        west, _, _, north = transform_bounds(tile.crs, "EPSG:4326", *tile.bounds)
    assert (mosaic["bounds"][0], mosaic["bounds"][3]) == pytest.approx((west, north), abs=3e-4)


def test_appending_in_another_order_gives_the_same_collection(bronze: Path) -> None:
    run(bronze, WEST_HALF)
    run(bronze, EAST_HALF)
    one = collection(bronze).to_dict()
    with mosaic_of(bronze) as mosaic:
        order = mosaic.mosaic_def.tiles
    names = [Path(asset).name.removesuffix("_cog_analysis.tif") for asset in max(order.values(), key=len)]
    expected = ["sub_d ü", "sub_c", "b", "a"]  # of one time, the last by id is on top, whichever job made it
    assert names == [name for name in expected if name in names]
    run(bronze, WEST_HALF, collection_description=one["description"])
    again = collection(bronze).to_dict()
    for name in ("extent", "summaries", "item_assets"):
        assert again[name] == one[name]


def test_a_changed_tile_takes_the_place_of_its_older_self_everywhere(bronze: Path) -> None:
    run(bronze, ["a.tif", "b.tif"])
    before = {item.id: item.to_dict() for item in collection(bronze).get_items()}
    write_tile(bronze / "b.tif", 600, 0)
    result = run(bronze, ["b.tif"], collection_description="Changed")
    assert result.to_dict()["stac"]["items_in_collection"] == 2
    after = {item.id: item.to_dict() for item in collection(bronze).get_items()}
    assert after["a"] == before["a"]
    assert after["b"]["bbox"] != before["b"]["bbox"]
    assert_complete(bronze, ["a.tif", "b.tif"])
    assert len(list((bronze.parent / "cogs/stac/test/items").iterdir())) == 2


def test_a_job_run_again_after_another_has_appended_does_nothing_and_loses_nothing(bronze: Path) -> None:
    first = run(bronze, WEST_HALF)
    run(bronze, EAST_HALF)
    before = written(bronze.parent / "cogs")
    again = run(bronze, WEST_HALF)
    assert again.reused
    assert again.to_dict() == first.to_dict()
    assert written(bronze.parent / "cogs") == before
    assert_complete(bronze, [*WEST_HALF, *EAST_HALF])


def test_what_is_lost_of_a_job_comes_back_without_loss_of_the_others(bronze: Path) -> None:
    run(bronze, WEST_HALF)
    run(bronze, EAST_HALF)
    cogs = written(bronze.parent / "cogs")
    (bronze.parent / "cogs" / "test" / "test.json").unlink()
    assert not run(bronze, WEST_HALF).reused
    assert_complete(bronze, [*WEST_HALF, *EAST_HALF])
    (bronze.parent / "cogs/stac/test/items/sub_c.json").unlink()
    run(bronze, WEST_HALF)
    assert_complete(bronze, [*WEST_HALF, *EAST_HALF])
    now = written(bronze.parent / "cogs")
    assert {name: now[name] for name in cogs if name.endswith(".tif")} == {
        name: time for name, time in cogs.items() if name.endswith(".tif")
    }


def test_replacing_drops_what_is_not_listed_and_reports_its_files(bronze: Path) -> None:
    run(bronze, [*WEST_HALF, *EAST_HALF])
    result = run(bronze, EAST_HALF, mode="replace")
    assert_complete(bronze, EAST_HALF)
    stac = result.to_dict()["stac"]
    assert (stac["items_created"], stac["items_in_collection"]) == (2, 2)
    assert result.to_dict()["mosaicjson"]["tile_count"] == 2
    left = [bronze.parent / "cogs" / "test" / name for name in ("a_cog_analysis.tif", "sub_c_cog_analysis.tif")]
    assert stac["dropped_cogs"] == [str(path) for path in left]
    assert all(path.exists() for path in left)
    (notice,) = [notice for notice in result.to_dict()["notices"] if notice["code"] == "ITEMS_DROPPED"]
    assert str(left[0]) in notice["message"]
    assert run(bronze, EAST_HALF, mode="replace").reused
    run(bronze, ["a.tif"])
    assert item_ids(bronze) == ["a", "b", "sub_d-ca6e64bf"]
    assert not run(bronze, EAST_HALF, mode="replace").reused
    assert_complete(bronze, EAST_HALF)


@attrs.frozen
class Refusing(StaticCatalog):
    """A catalog that can be read, and publishes nothing."""

    def publish(self, collection: Mapping[str, Any], items: Sequence[Mapping[str, Any]], **options: Any) -> Publication:
        raise BackendError("No more today.")


@pytest.mark.parametrize("mode", ["upsert", "replace"])
def test_when_publishing_fails_readers_have_lost_nothing(bronze: Path, mode: str) -> None:
    run(bronze, WEST_HALF)
    catalog = Refusing(str(bronze.parent / "cogs" / "stac"))
    with pytest.raises(JobFailedError, match="No more today"):
        run(bronze, EAST_HALF, mode=mode, catalog=catalog)
    assert item_ids(bronze) == ["a", "sub_c"]
    for asset in collection(bronze).assets.values():
        size = os.path.getsize(asset.get_absolute_href())
        assert asset.extra_fields.get("file:size", size) == size
    assert cogs_in_mosaic(bronze) >= {"a_cog_analysis.tif", "sub_c_cog_analysis.tif"}
    assert all((bronze.parent / "cogs" / "test" / name).exists() for name in cogs_in_mosaic(bronze))
    run(bronze, EAST_HALF, mode=mode)
    assert_complete(bronze, EAST_HALF if mode == "replace" else [*WEST_HALF, *EAST_HALF])


def test_inserting_a_tile_that_is_there_is_refused_before_anything_is_done(bronze: Path) -> None:
    run(bronze, ["a.tif"], mode="insert")
    before = written(bronze.parent / "cogs")
    with pytest.raises(ObjectExistsError, match=r"a\.tif"):
        run(bronze, ["a.tif", "b.tif"], mode="insert")
    assert written(bronze.parent / "cogs") == before
    run(bronze, ["b.tif"], mode="insert")
    assert_complete(bronze, ["a.tif", "b.tif"])
    (bronze.parent / "cogs" / "test" / "test.json").unlink()
    assert not run(bronze, ["b.tif"], mode="insert").reused
    assert_complete(bronze, ["a.tif", "b.tif"])
    before = written(bronze.parent / "cogs")
    write_tile(bronze / "b.tif", 600, 0)
    with pytest.raises(ObjectExistsError, match=r"b\.tif"):
        run(bronze, ["b.tif"], mode="insert")
    assert written(bronze.parent / "cogs") == before


def test_insert_ignore_converts_just_what_is_new(bronze: Path) -> None:
    run(bronze, ["a.tif", "b.tif"])
    before = written(bronze.parent / "cogs")
    write_tile(bronze / "b.tif", 600, 0)
    told: list[Notice] = []

    def observe(event: Any) -> None:
        told.extend(getattr(event, "notices", ()))

    result = run(bronze, ["**/*.tif"], mode="insert_ignore", observers=[observe])
    assert result.status == "completed"
    assert [tile.blob for tile in result.tiles] == ["sub/c.tif", "sub/d ü.tif"]
    assert [notice.code for notice in told] == ["TILES_IN_COLLECTION"]
    after = written(bronze.parent / "cogs")
    assert {name: after[name] for name in before if name.endswith((".tif", "b.json"))} == {
        name: time for name, time in before.items() if name.endswith((".tif", "b.json"))
    }
    assert item_ids(bronze) == IDS
    assert run(bronze, ["**/*.tif"], mode="insert_ignore").reused


def test_a_job_that_adds_what_is_new_is_content_with_nothing_new(bronze: Path) -> None:
    run(bronze, ["a.tif"])
    before = written(bronze.parent / "cogs")
    events: list[Any] = []
    parameters = {"container_name": bronze, "blob_list": ["a.tif"], "collection_id": "test", "mode": "insert_ignore"}
    jobs = f"sqlite:///{bronze.parent / 'jobs.db'}"
    plan = plan_collection(**parameters, jobs=jobs)
    assert [notice.code for notice in plan.notices] == ["TILES_IN_COLLECTION"]
    for _ in range(2):
        result = run(bronze, ["a.tif"], mode="insert_ignore", observers=[events.append])
        assert (result.status, result.tiles, result.reused) == ("completed", (), False)
        assert [notice["code"] for notice in result.to_dict()["notices"]] == ["TILES_IN_COLLECTION"]
        assert [type(event).__name__ for event in events] == ["JobStarted", "JobEnded"]
        events.clear()
    again = run(bronze, ["a.tif"], mode="insert_ignore", rerun=True)
    assert [notice["code"] for notice in again.to_dict()["notices"]] == ["TILES_IN_COLLECTION", "RERUN_LEFT_OUT"]
    assert written(bronze.parent / "cogs") == before
    write_tile(bronze / "new.tif", 600, 0)
    assert [tile.blob for tile in run(bronze, ["a.tif", "new.tif"], mode="insert_ignore").tiles] == ["new.tif"]


def test_what_is_lost_of_a_job_that_ignores_what_is_there_comes_back(bronze: Path) -> None:
    run(bronze, ["a.tif"])
    first = run(bronze, ["a.tif", "b.tif"], mode="insert_ignore")
    before = [item.to_dict() for item in collection(bronze).get_items()]
    (bronze.parent / "cogs" / "test" / "b_cog_analysis.tif").unlink()
    again = run(bronze, ["a.tif", "b.tif"], mode="insert_ignore")
    assert not again.reused
    assert again.to_dict()["stac"] == first.to_dict()["stac"]
    assert [item.to_dict() for item in collection(bronze).get_items()] == before
    assert_complete(bronze, ["a.tif", "b.tif"])
    (bronze.parent / "cogs" / "test" / "b_cog_analysis.tif").unlink()
    write_tile(bronze / "b.tif", 600, 0)
    with pytest.raises(ObjectExistsError):  # another picture would be behind the item that is to be left as it is
        run(bronze, ["a.tif", "b.tif"], mode="insert_ignore")


def test_a_name_that_stands_for_another_source_now_is_refused_or_told(bronze: Path) -> None:
    run(bronze, ["a.tif"])
    os.rename(bronze / "b.tif", bronze / "a.tiff")
    with pytest.raises(OtherSourceError, match=r"a\.tiff.*'delsert'"):
        run(bronze, ["a.tiff"])
    result = run(bronze, ["a.tiff"], mode="delsert")
    (notice,) = [notice for notice in result.to_dict()["notices"] if notice["code"] == "ITEM_OF_OTHER_SOURCE"]
    assert "a (of a.tif, now of a.tiff)" in notice["message"]


@pytest.mark.parametrize("folder", [None, "elsewhere"])
def test_a_tile_is_called_the_same_whatever_is_beside_it(bronze: Path, folder: str | None) -> None:
    run(bronze, ["b.tif"], output_folder="test")
    write_tile(bronze / "b.tiff", 600, 0)
    both = run(bronze, ["b.tif*"], output_folder=folder or "test")
    (other,) = set(item_ids(bronze)) - {"b"}
    assert other.startswith("b_")
    assert titles(bronze) == {"b": "b.tif", other: "b.tiff"}
    if folder is None:
        write_tile(bronze / "b.tiff", 700, 0)
        alone = run(bronze, ["b.tiff"], output_folder="test")
        assert {tile.output for tile in alone.tiles} < {tile.output for tile in both.tiles}
        assert titles(bronze) == {"b": "b.tif", other: "b.tiff"}
        told = run(bronze, ["b.tif*", "a.tif"], mode="insert_ignore", output_folder="test")
        assert [tile.blob for tile in told.tiles] == ["a.tif"]


def titles(bronze: Path) -> dict[str, str]:
    return {item.id: str(item.assets["data"].title) for item in collection(bronze).get_items()}


@pytest.mark.parametrize("executor", ["thread", "process"])
def test_jobs_that_append_at_the_same_time_lose_nothing(bronze: Path, executor: str) -> None:
    blobs = [*WEST_HALF, *EAST_HALF]
    start = threading.Barrier(len(blobs))

    def append(blob: str) -> JobResult:
        start.wait()
        return run(bronze, [blob], executor=executor, max_workers=1)

    with ThreadPoolExecutor(len(blobs)) as threads:
        results = list(threads.map(append, blobs))
    assert [result.status for result in results] == ["completed"] * len(blobs)
    assert_complete(bronze, blobs)
    assert max(result.to_dict()["stac"]["items_in_collection"] for result in results) == len(blobs)
    assert all(run(bronze, [blob]).reused for blob in blobs)


@attrs.frozen
class Overtaken(StaticCatalog):
    """A catalog on which another job runs while the first is about to publish, once."""

    meanwhile: Any = attrs.field(default=None, eq=False)

    def publish(self, collection: Mapping[str, Any], items: Sequence[Mapping[str, Any]], **options: Any) -> Publication:
        for job in self.meanwhile:
            job()
        return super().publish(collection, items, **options)


@pytest.mark.parametrize("mode", ["upsert", "replace"])
def test_a_job_that_is_overtaken_between_mosaic_and_catalog(bronze: Path, mode: str) -> None:
    def meanwhile() -> Iterator[Any]:
        yield lambda: run(bronze, EAST_HALF)

    catalog = Overtaken(str(bronze.parent / "cogs" / "stac"), meanwhile=meanwhile())
    result = run(bronze, WEST_HALF, mode=mode, catalog=catalog)
    assert_complete(bronze, WEST_HALF if mode == "replace" else [*WEST_HALF, *EAST_HALF])
    summary = result.to_dict()
    assert summary["mosaicjson"]["tile_count"] == summary["stac"]["items_in_collection"] == len(item_ids(bronze))


def test_items_of_others_stay_and_count_and_are_not_in_the_mosaic(bronze: Path) -> None:
    run(bronze, ["a.tif"])
    found = collection(bronze)
    box = [10.0, 20.0, 11.0, 21.0]
    ring = [[10.0, 20.0], [11.0, 20.0], [11.0, 21.0], [10.0, 21.0], [10.0, 20.0]]
    other = pystac.Item(
        "theirs",
        {"type": "Polygon", "coordinates": [ring]},
        box,
        None,
        {"start_datetime": "1990-01-01T00:00:00Z", "end_datetime": "1991-01-01T00:00:00Z"},
        assets={"data": pystac.Asset("./theirs.tif")},
    )
    found.add_item(other)
    other.set_self_href(str(bronze.parent / "cogs/stac/test/theirs/theirs.json"))
    other.save_object(include_self_link=False)
    found.save_object(include_self_link=False)
    result = run(bronze, ["b.tif"])
    assert item_ids(bronze) == ["a", "b", "theirs"]
    assert result.to_dict()["stac"]["items_in_collection"] == 3
    assert collection(bronze).extent.spatial.bboxes[0][:2] == box[:2]
    assert cogs_in_mosaic(bronze) == {"a_cog_analysis.tif", "b_cog_analysis.tif"}
    (notice,) = [notice for notice in result.to_dict()["notices"] if notice["code"] == "MOSAIC_ITEM_OMITTED"]
    assert "theirs" in notice["message"]
    run(bronze, ["b.tif"], mode="replace")
    assert item_ids(bronze) == ["b"]
