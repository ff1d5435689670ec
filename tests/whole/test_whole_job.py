"""The whole job, as users run it, on generated tiles: outputs judged by GDAL, rio-cogeo, cogeo-mosaic and pystac."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio
import shapely
from cogeo_mosaic.backends import MosaicBackend
from rasterio.warp import transform_bounds
from rasterio.windows import Window
from rio_cogeo import cog_validate
from rio_tiler.io import Reader

import job_scenes
from job_scenes import NAMES, PIXEL, SIZE, make_tiles, write_tile
from rastercollection import (
    FanOut,
    JobCancelledError,
    JobFailedError,
    JobResult,
    RequestError,
    Stage,
    carry_over,
    collection_workflow,
    plan_collection,
    process_collection,
    status,
    submit,
)
from rastercollection.core.events import Event, TaskEnded
from rastercollection.model.request import CollectionRequest


@pytest.fixture
def bronze(tmp_path: Path) -> Path:
    """A folder with four good tiles."""
    make_tiles(tmp_path / "bronze")
    return tmp_path / "bronze"


def run(bronze: Path, **parameters: Any) -> JobResult:
    parameters.setdefault("jobs", f"sqlite:///{bronze.parent / 'jobs.db'}")
    parameters.setdefault("executor", "serial")
    parameters = {"container_name": bronze, "blob_list": ["**/*.tif"], "collection_id": "test", **parameters}
    return process_collection(**parameters)


def written(folder: Path) -> dict[str, int]:
    """Modification times of all files below a folder."""
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("executor", ["serial", "thread", "process", "dask"])
def test_four_tiles_become_a_served_collection(bronze: Path, executor: str) -> None:
    if executor == "dask":
        pytest.importorskip("distributed", reason="needs the extra dask: pip install 'rastercollection[dask]'")
    result = run(bronze, executor=executor)
    assert result.status == "completed"
    assert [(tile.blob, tile.outcome) for tile in result.tiles] == [(name, "cog") for name in NAMES]
    cogs = [Path(tile.output) for tile in result.tiles]
    assert [cog.name for cog in cogs] == [
        "a_cog_analysis.tif",
        "b_cog_analysis.tif",
        "sub_c_cog_analysis.tif",
        "sub_d ü_cog_analysis.tif",
    ]
    for cog, name in zip(cogs, NAMES, strict=True):
        assert cog_validate(cog, strict=True) == (True, [], [])
        with rasterio.open(cog) as made, rasterio.open(bronze / name) as source:
            assert made.crs.to_epsg() == 4326
            expected = transform_bounds(source.crs, "EPSG:4326", *source.bounds)
            assert made.bounds == pytest.approx(expected, abs=3e-4)
            valid = (made.dataset_mask() > 0).mean() * np.prod(made.shape) * abs(made.res[0] * made.res[1])
            share = (source.dataset_mask() > 0).mean()
            assert valid == pytest.approx(share * (expected[2] - expected[0]) * (expected[3] - expected[1]), rel=0.03)


def test_the_summary_says_what_is_there(bronze: Path) -> None:
    summary = run(bronze).to_dict()
    json.dumps(summary, allow_nan=False)
    cogs = bronze.parent / "cogs" / "test"
    size = sum(path.stat().st_size for path in cogs.glob("*_cog_analysis.tif"))
    assert summary["job_type"] == "process_collection"
    assert summary["collection_id"] == "test"
    assert (summary["validation"]["validated"], summary["validation"]["valid"]) == (4, 4)
    assert summary["validation"]["success_rate"] == "100.0%"
    assert (summary["cogs"]["successful"], summary["cogs"]["failed"]) == (4, 0)
    assert summary["cogs"]["total_size_mb"] == pytest.approx(size / 1e6, abs=0.001)
    assert summary["mosaicjson"]["url"] == str(cogs / "test.json")
    assert summary["mosaicjson"]["tile_count"] == 4
    assert summary["stac"]["items_created"] == 4
    assert summary["stac"]["inserted_to_pgstac"] == 0
    assert summary["stac"]["ready_for_titiler"] is False
    assert (summary["check"]["cogs"], summary["check"]["served"], summary["check"]["through_mosaic"]) == (4, 4, 4)
    assert summary["stages_completed"] == 5
    assert summary["tasks_executed"] == 12
    assert summary["tasks_by_status"] == {"completed": 12}
    assert Path(summary["share_url"]).exists()


def test_a_notebook_shows_counts_reasons_and_the_map_and_escapes_names(bronze: Path) -> None:
    (bronze / "<b>bad & ugly.tif").write_bytes(b"")
    result = run(bronze)
    shown = result._repr_html_()
    assert "4 of 5 tiles became COGs" in shown
    assert f"<code>{result.share_url}</code>" in shown
    assert "&lt;b&gt;bad &amp; ugly.tif" in shown
    assert "<b>" not in shown
    assert "FILE_EMPTY" in shown
    assert "<code>result.view()</code>" in shown
    assert len(repr(result)) < 300


def test_the_catalog_and_the_mosaic_lead_to_the_pixels(bronze: Path, validate_stac: Any) -> None:
    result = run(bronze)
    catalog = pystac.Catalog.from_file(str(bronze.parent / "cogs" / "stac" / "catalog.json"))
    items = list(catalog.get_items(recursive=True))
    assert len(items) == 4
    by_href = {os.path.realpath(item.assets["data"].get_absolute_href()): item for item in items}
    assert set(by_href) == {os.path.realpath(tile.output) for tile in result.tiles}
    for href, item in by_href.items():
        validate_stac(item.to_dict())
        with rasterio.open(href) as cog:
            rows, columns = (np.flatnonzero((cog.dataset_mask() > 0).any(axis=axis)) for axis in (1, 0))
            valid = Window(columns[0], rows[0], np.ptp(columns) + 1, np.ptp(rows) + 1)
            assert item.bbox == pytest.approx(cog.window_bounds(valid), abs=1e-6), "of the pixels that are valid"
            assert item.bbox == pytest.approx(shapely.geometry.shape(item.geometry).bounds)
            assert item.assets["data"].extra_fields["proj:shape"] == list(cog.shape)
            assert item.assets["data"].extra_fields["file:size"] == os.path.getsize(href)
    with MosaicBackend(result.to_dict()["mosaicjson"]["url"]) as mosaic:
        for item in items:
            west, south, east, north = item.bbox
            assert len(mosaic.assets_for_point((west + east) / 2, (south + north) / 2)) >= 1
    collection = next(catalog.get_children())
    validate_stac(collection.to_dict())
    assert collection.extent.spatial.bboxes[0] == pytest.approx(result.to_dict()["mosaicjson"]["bounds"], abs=1e-6)


def test_a_tile_read_across_a_seam_equals_the_sources(bronze: Path) -> None:
    result = run(bronze, target_crs="EPSG:32642", output_container=bronze.parent / "same")
    for tile in result.tiles:
        with rasterio.open(tile.output) as cog, rasterio.open(bronze / tile.blob) as source:
            assert cog.transform == source.transform
            np.testing.assert_array_equal(cog.read(), source.read())
    step = SIZE - 16
    middle = (job_scenes.WEST + (step + 8) * PIXEL, job_scenes.NORTH - (step + 8) * PIXEL)
    box = (middle[0] - 600, middle[1] - 600, middle[0] + 600, middle[1] + 600)
    row, column = step + 8 - 60, step + 8 - 60
    truth = job_scenes.field(slice(row, row + 120), slice(column, column + 120))
    lonlat = transform_bounds("EPSG:32642", "EPSG:4326", *box)
    with MosaicBackend(result.to_dict()["mosaicjson"]["url"]) as mosaic:
        assets = mosaic.assets_for_bbox(*lonlat)
        assert len(assets) == 4
        read = np.ma.masked_all((3, 120, 120), dtype="uint8")
        for asset in assets:
            with Reader(asset) as reader:
                part = reader.part(box, bounds_crs="EPSG:32642", dst_crs="EPSG:32642", width=120, height=120).array
            read = np.ma.where(read.mask & ~part.mask, part, read)
    assert not read.mask.any()
    np.testing.assert_array_equal(read.filled(0), truth)


def test_the_same_request_returns_the_finished_job_without_opening_a_raster(bronze: Path) -> None:
    first = run(bronze)
    before = written(bronze.parent / "cogs")
    for name in NAMES:  # same size, same time stamp, no raster any more: opening one would fail
        path, info = bronze / name, (bronze / name).stat()
        path.write_bytes(b"x" * info.st_size)
        os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    again = run(bronze)
    assert again.reused
    assert again.to_dict() == first.to_dict()
    assert written(bronze.parent / "cogs") == before


def test_only_a_changed_a_new_or_a_lost_tile_is_done_again(bronze: Path) -> None:
    run(bronze)
    cogs = bronze.parent / "cogs" / "test"
    before = written(cogs)
    write_tile(bronze / "b.tif", 240, 0, nodata=None)
    (cogs / "sub_c_cog_analysis.tif").unlink()
    write_tile(bronze / "new.tif", 480, 0)
    result = run(bronze)
    assert result.status == "completed"
    assert len(result.tiles) == 5
    after = written(cogs)
    redone = {name for name in after if name.endswith("_cog_analysis.tif") and after[name] != before.get(name)}
    assert redone == {"b_cog_analysis.tif", "sub_c_cog_analysis.tif", "new_cog_analysis.tif"}
    catalog = pystac.Catalog.from_file(str(cogs.parent / "stac" / "catalog.json"))
    assert len(list(catalog.get_items(recursive=True))) == 5
    (bronze / "new.tif").unlink()
    assert len(run(bronze).tiles) == 4
    catalog = pystac.Catalog.from_file(str(cogs.parent / "stac" / "catalog.json"))
    assert len(list(catalog.get_items(recursive=True))) == 5


def spoil(bronze: Path) -> dict[str, str]:
    """Bad tiles beside the good ones, with the code each must be refused with."""
    (bronze / "empty.tif").write_bytes(b"")
    (bronze / "page.tif").write_text("<!DOCTYPE html><html><body>404 not found</body></html>")
    (bronze / "text.tif").write_text("this is no raster at all")
    whole = (bronze / "a.tif").read_bytes()
    (bronze / "cut.tif").write_bytes(whole[: len(whole) // 2])
    write_tile(bronze / "nocrs.tif", 0, 0, crs=None)
    (bronze / "folder.tif").mkdir()
    (bronze / "folder.tif" / "inside.txt").write_text("x")
    (bronze / "vrt.tif").write_text(
        f'<VRTDataset rasterXSize="1" rasterYSize="1"><SRS>EPSG:4326</SRS><GeoTransform>0,1,0,0,0,-1</GeoTransform>'
        f'<VRTRasterBand dataType="Byte" band="1"><SimpleSource><SourceFilename>{bronze / "a.tif"}</SourceFilename>'
        f"<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    damaged_block(bronze / "damaged.tif")
    return {
        "empty.tif": "FILE_EMPTY",
        "page.tif": "DRIVER_NOT_ALLOWED",
        "text.tif": "FILE_UNREADABLE",
        "cut.tif": "FILE_TRUNCATED",
        "nocrs.tif": "CRS_MISSING",
        "folder.tif": "FILE_IS_DIRECTORY",
        "vrt.tif": "DRIVER_NOT_ALLOWED",
        "damaged.tif": "FILE_UNREADABLE",
    }


def damaged_block(path: Path) -> None:
    """A tiled, compressed raster whose block in the middle does not decode."""
    write_tile(path, 0, 0, tiled=True, blockxsize=64, blockysize=64, compress="deflate", interleave="pixel")
    with rasterio.open(path) as tile:
        offset = int(tile.get_tag_item("BLOCK_OFFSET_2_2", "TIFF", bidx=1))
        size = int(tile.get_tag_item("BLOCK_SIZE_2_2", "TIFF", bidx=1))
    content = bytearray(path.read_bytes())
    content[offset : offset + size] = b"\xff" * size
    path.write_bytes(content)


def test_each_bad_tile_is_one_recorded_failure_and_the_rest_goes_on(bronze: Path) -> None:
    bad = spoil(bronze)
    result = run(bronze, blob_list=["**/*.tif", "folder.tif"], executor="thread")
    outcomes = {tile.blob: tile for tile in result.tiles}
    assert result.status == "completed_with_errors"
    assert {name: outcomes[name].code for name in bad} == bad
    assert all(outcomes[name].outcome == "cog" for name in NAMES)
    for name in bad:
        assert name in outcomes[name].reason
        assert outcomes[name].hint
    assert "input_crs" in outcomes["nocrs.tif"].hint
    summary = result.to_dict()
    assert summary["validation"]["validated"] == len(bad) + 4
    assert summary["cogs"]["successful"] == 4
    assert summary["stac"]["items_created"] == 4
    assert len(list((bronze.parent / "cogs" / "test").glob("*_cog_*.tif"))) == 4


def test_limits_and_crs_clashes_are_the_tiles_failures(bronze: Path) -> None:
    with pytest.raises(JobFailedError) as caught:
        run(bronze, max_pixels=SIZE * SIZE - 1)
    result = caught.value.result
    assert {tile.code for tile in result.tiles} == {"TOO_MANY_PIXELS"}
    assert all("max_pixels" in tile.hint for tile in result.tiles)
    with pytest.raises(JobFailedError) as caught:
        run(bronze, input_crs="EPSG:32641", collection_id="other")
    assert {tile.code for tile in caught.value.result.tiles} == {"CRS_MISMATCH"}
    for tile in caught.value.result.tiles:
        assert tile.blob in str(caught.value)


def test_policy_fail_ends_the_job_at_the_first_bad_tile(bronze: Path) -> None:
    (bronze / "aa.tif").write_bytes(b"")
    with pytest.raises(JobFailedError, match="FILE_EMPTY") as caught:
        run(bronze, on_tile_error="fail")
    assert caught.value.result.status == "failed"
    assert not (bronze.parent / "cogs" / "stac").exists() or not list((bronze.parent / "cogs/stac").rglob("*.json"))
    assert run(bronze).status == "completed_with_errors"


@pytest.mark.parametrize(("policy", "cogs"), [("continue", 5), ("majority", 4), ("fail", 0)])
def test_tiles_that_disagree_are_told_and_the_policy_decides(bronze: Path, policy: str, cogs: int) -> None:
    write_tile(bronze / "z.tif", 0, 0, dtype="uint16", nodata=None)
    if policy == "fail":
        with pytest.raises(JobFailedError, match="dtype"):
            run(bronze, on_mismatch=policy)
        return
    result = run(bronze, on_mismatch=policy)
    summary = result.to_dict()
    assert summary["cogs"]["successful"] == cogs
    aspects = {item["aspect"]: item["groups"] for item in summary["validation"]["disagreements"]}
    assert {"dtype", "nodata"} <= set(aspects)
    assert aspects["dtype"][1]["blobs"] == ["z.tif"]
    if policy == "majority":
        assert result.tiles[-1].blob == "z.tif"
        assert (result.tiles[-1].outcome, result.tiles[-1].code) == ("skipped", "TILES_DISAGREE")


def test_stages_can_be_turned_off(bronze: Path) -> None:
    result = run(bronze, create_mosaicjson=False)
    assert result.to_dict()["mosaicjson"] is None
    assert result.to_dict()["stac"]["items_created"] == 4
    result = run(bronze, create_stac_collection=False, output_container=bronze.parent / "two", output_folder="x/y")
    assert result.to_dict()["stac"] is None
    assert (bronze.parent / "two" / "x" / "y" / "test.json").exists()
    assert not (bronze.parent / "two" / "stac").exists()


def test_a_users_stage_between_validation_and_cogs(bronze: Path, tmp_path: Path) -> None:
    (tmp_path / "bright").mkdir()

    def plan(context: Any, previous: Any) -> Any:
        folder = str(tmp_path / "bright")
        return carry_over(context, previous, lambda result: {"validation": result.value, "folder": folder})

    request = CollectionRequest(container_name=bronze, blob_list=["a.tif"], collection_id="test")
    brighten = Stage(name="brighten", task_type="brighten", handler="job_scenes:pass_on", fan=FanOut(plan))
    workflow = collection_workflow(request).insert_after("validate_tiles", brighten)
    result = run(bronze, blob_list=["a.tif"], workflow=workflow, target_crs="EPSG:32642")
    with rasterio.open(result.tiles[0].output) as cog, rasterio.open(bronze / "a.tif") as source:
        dark, bright = source.read().astype(int), cog.read().astype(int)
    np.testing.assert_array_equal(bright, np.where(dark == 0, 0, np.minimum(dark + 20, 255)))
    assert result.to_dict()["stages_completed"] == 6


def test_a_tile_that_met_a_bug_is_tried_again_by_the_next_call(bronze: Path, tmp_path: Path) -> None:
    def plan(context: Any, previous: Any) -> Any:
        def parameters(result: Any) -> Any:
            mended = tmp_path / "mended" if result.task.tile == "b.tif" else bronze
            return {"validation": result.value, "mended": str(mended)}

        return carry_over(context, previous, parameters)

    request = CollectionRequest(container_name=bronze, blob_list=["**/*.tif"], collection_id="test")
    stage = Stage(name="careless", task_type="careless", handler="job_scenes:stumble", fan=FanOut(plan))
    workflow = collection_workflow(request).insert_after("validate_tiles", stage)
    first = run(bronze, workflow=workflow)
    assert {tile.blob: tile.code for tile in first.tiles if not tile.ok} == {"b.tif": "UNEXPECTED_ERROR"}
    (tmp_path / "mended").touch()
    assert run(bronze, workflow=workflow).status == "completed"


@pytest.mark.parametrize("handler", ["die_at_first", "always_die"])
def test_a_worker_that_is_killed_costs_its_task_an_attempt_not_the_job(bronze: Path, handler: str) -> None:
    def plan(context: Any, previous: Any) -> Any:
        def parameters(result: Any) -> Any:
            return {"validation": result.value, "dies": result.task.tile == "b.tif"}

        return carry_over(context, previous, parameters)

    request = CollectionRequest(container_name=bronze, blob_list=["**/*.tif"], collection_id="test")
    stage = Stage(name="risky", task_type="risky", handler=f"job_scenes:{handler}", fan=FanOut(plan))
    workflow = collection_workflow(request).insert_after("validate_tiles", stage)
    result = run(bronze, workflow=workflow, executor="process", max_workers=2)
    tiles = {tile.blob: tile for tile in result.tiles}
    assert all(tiles[name].ok for name in NAMES if name != "b.tif")
    if handler == "die_at_first":
        assert tiles["b.tif"].ok
        assert [notice.code for notice in tiles["b.tif"].notices].count("RETRIED") == 1
    else:
        assert (tiles["b.tif"].outcome, tiles["b.tif"].code) == ("failed", "QUARANTINED")


def test_cancelling_records_it_and_the_next_call_goes_on(bronze: Path) -> None:
    cancel = threading.Event()

    def after_two(event: Event) -> None:
        if isinstance(event, TaskEnded) and event.result.task.task_type == "create_cog":
            cancel.set()

    with pytest.raises(JobCancelledError) as caught:
        run(bronze, cancel=cancel, observers=[after_two])
    assert caught.value.result.status == "cancelled"
    made = written(bronze.parent / "cogs" / "test")
    assert status(caught.value.result.job_id, jobs=f"sqlite:///{bronze.parent / 'jobs.db'}").job.status == "cancelled"
    result = run(bronze)
    assert result.status == "completed"
    after = written(bronze.parent / "cogs" / "test")
    assert {name: after[name] for name in made} == made


def test_everything_in_memory(bronze: Path) -> None:
    import fsspec

    fs = fsspec.filesystem("memory")
    for name in NAMES:
        fs.pipe_file(f"/bronze/{name}", (bronze / name).read_bytes())
    try:
        result = run(bronze, container_name="memory://bronze", executor="thread", jobs="memory")
        assert result.status == "completed"
        cog = fs.cat_file(result.tiles[0].output.removeprefix("memory://"))
        with rasterio.MemoryFile(cog) as file, file.open() as dataset:
            assert dataset.crs.to_epsg() == 4326
        assert fs.exists("/cogs/stac/catalog.json")
        with pytest.raises(RequestError, match="serial or thread"):
            run(bronze, container_name="memory://bronze", executor="process", jobs="memory")
    finally:
        fs.rm("/bronze", recursive=True)
        fs.rm("/cogs", recursive=True)


def test_plan_submit_and_status(bronze: Path) -> None:
    arguments = {"container_name": bronze, "blob_list": ["**/*.tif"], "collection_id": "test"}
    plan = plan_collection(**arguments)
    assert plan.stages == {
        "validate_tiles": 4,
        "create_cogs": 4,
        "create_mosaicjson": 2,
        "create_stac_collection": 1,
        "check_published": 1,
    }
    assert not (bronze.parent / "cogs").exists()
    jobs = f"sqlite:///{bronze.parent / 'jobs.db'}"
    handle = submit(**arguments, jobs=jobs)
    assert handle.job_id == plan.job_id
    result = handle.result(120)
    assert result.status == "completed"
    report = status(plan.job_id[:12], jobs=jobs)
    assert report.tasks_by_status == {"completed": 12}
    assert json.loads(json.dumps(report.to_dict()))["metadata"]["tile_count"] == 4
    with pytest.raises(RequestError):
        submit(**{**arguments, "collection_id": "not ok"})
