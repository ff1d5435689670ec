"""Whole jobs with an overview: what is published, what a second run does, what the parameters turn off."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from rasterio.warp import reproject
from rio_cogeo import cog_validate

from overview_scenes import NORTH, PIXEL, UTM, WEST, inland, waves
from rastercollection import JobFailedError, JobResult, check_collection, process_collection
from rastercollection.backends.catalogs.static.static_catalog import StaticCatalog
from rastercollection.errors import BackendError, TaskError
from rastercollection.ports.catalog import Publication

SIZE = 540
"""Just larger than a block, so that COGs have an overview."""


def write_tiles(folder: Path, rows: range, columns: int) -> np.ndarray[Any, Any]:
    """RGB tiles side by side; the picture that they are cut out of."""
    folder.mkdir(parents=True, exist_ok=True)
    picture = waves(3, rows.stop * SIZE, columns * SIZE).astype("uint8")
    for row in rows:
        for column in range(columns):
            top, left = row * SIZE, column * SIZE
            with rasterio.open(
                folder / f"r{row}c{column}.tif",
                "w",
                driver="GTiff",
                width=SIZE,
                height=SIZE,
                count=3,
                dtype="uint8",
                crs=UTM,
                transform=from_origin(WEST + left * PIXEL, NORTH - top * PIXEL, PIXEL, PIXEL),
                photometric="RGB",
            ) as tile:
                tile.write(picture[:, top : top + SIZE, left : left + SIZE])
    return picture


def run(folder: Path, **parameters: Any) -> JobResult:
    settings: dict[str, Any] = {
        "container_name": folder / "bronze",
        "blob_list": "*.tif",
        "collection_id": "squares",
        "output_container": folder / "cogs",
        "compression_level": 1,
        "jobs": f"sqlite:///{folder}/jobs.db",
        "executor": "thread",
        **parameters,
    }
    return process_collection(**settings)


def collection_of(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "cogs/stac/squares/collection.json").read_text())
    return document


def overview_of(folder: Path) -> Path:
    """Where the published collection says that it is."""
    return (folder / "cogs/stac/squares" / collection_of(folder)["assets"]["overview"]["href"]).resolve()


def assert_true(folder: Path) -> None:
    """What the collection says of its overview is so."""
    asset, data = collection_of(folder)["assets"]["overview"], overview_of(folder).read_bytes()
    assert asset["file:size"] == len(data)
    assert asset["file:checksum"] == "1220" + hashlib.sha256(data).hexdigest()


def test_a_collection_of_30_tiles_is_published_with_an_overview(
    tmp_path: Path, validate_stac: Callable[[dict[str, Any]], None]
) -> None:
    picture = write_tiles(tmp_path / "bronze", range(5), 6)
    result = run(tmp_path)
    assert result.status == "completed"
    told = result.summary["overview"]
    assert told["reason"].startswith("a tile opens more than 4 COGs up to zoom ")
    opened = result.summary["mosaicjson"]["cogs_per_tile"]
    assert result.summary["mosaicjson"]["minzoom"] <= told["maxzoom"] + 1
    assert all(count <= 4 for zoom, count in opened.items() if int(zoom) > told["maxzoom"])

    document = collection_of(tmp_path)
    validate_stac(document)
    overview, thumbnail = document["assets"]["overview"], document["assets"]["thumbnail"]
    path = overview_of(tmp_path)
    assert re.fullmatch(r"squares_overview-[0-9a-f]{12}\.tif", path.name)
    assert overview["roles"] == ["overview"]
    assert overview["type"] == "image/tiff; application=geotiff; profile=cloud-optimized"
    assert (overview["rastercollection:minzoom"], overview["rastercollection:maxzoom"]) == (0, told["maxzoom"])
    assert overview["proj:code"] == "EPSG:3857"
    assert overview["file:size"] == path.stat().st_size
    assert [band["description"] for band in overview["bands"]] == ["red", "green", "blue"]
    assert thumbnail["type"] == "image/png"
    assert (tmp_path / "cogs/stac/squares" / thumbnail["href"]).exists()

    assert cog_validate(path, strict=True, quiet=True) == (True, [], [])
    _agrees(path, picture)


def _agrees(path: Path, picture: np.ndarray[Any, Any]) -> None:
    with rasterio.open(path) as dataset:
        pixels, masks = dataset.read(), dataset.read_masks() > 0
        truth = np.full(pixels.shape, np.nan)
        reproject(
            picture.astype("float64"),
            truth,
            src_transform=from_origin(WEST, NORTH, PIXEL, PIXEL),
            src_crs=UTM,
            src_nodata=np.nan,
            dst_transform=dataset.transform,
            dst_crs=dataset.crs,
            dst_nodata=np.nan,
            resampling=rasterio.enums.Resampling.average,
        )
    there = ~np.isnan(truth)
    # the COGs were resampled to degrees before, so the outermost pixels may differ; inside there is no gap
    sure = inland(there[0])
    assert sure.mean() > 0.9
    assert (masks == there)[:, sure].all()
    off = np.abs(pixels - truth)[there & masks]
    assert off.mean() < 1
    assert off.max() < 8


def test_more_tiles_make_a_larger_overview_and_nothing_new_makes_none(tmp_path: Path) -> None:
    write_tiles(tmp_path / "bronze", range(3), 3)
    run(tmp_path)
    with rasterio.open(overview_of(tmp_path)) as dataset:
        before = dataset.bounds
    assert run(tmp_path).reused
    picture = write_tiles(tmp_path / "bronze", range(3, 4), 3)
    again = run(tmp_path)
    assert not again.reused
    with rasterio.open(overview_of(tmp_path)) as dataset:
        assert dataset.bounds.bottom < before.bottom
    _agrees(overview_of(tmp_path), picture)
    overview_of(tmp_path).unlink()
    assert not run(tmp_path).reused
    _agrees(overview_of(tmp_path), picture)
    assert len(list((tmp_path / "cogs").glob("squares_*"))) == 2


def test_it_shows_what_was_published_before_too(tmp_path: Path) -> None:
    write_tiles(tmp_path / "bronze", range(2), 3)
    assert run(tmp_path, blob_list="r[01]*.tif").summary["overview"]["href"]
    picture = write_tiles(tmp_path / "bronze", range(2, 3), 3)
    appended = run(tmp_path, blob_list="r2*.tif")
    assert appended.summary["stac"]["items_created"] == 3
    assert [notice["code"] for notice in appended.summary["notices"] if "OVERVIEW" in notice["code"]] == []
    _agrees(overview_of(tmp_path), picture)
    alone = run(tmp_path, blob_list="r2*.tif", mode="replace")
    assert alone.summary["overview"]["href"] is None
    assert "overview" not in collection_of(tmp_path)["assets"]
    assert not list((tmp_path / "cogs").glob("squares_*"))


def test_a_cog_that_got_lost_keeps_nobody_from_appending(tmp_path: Path) -> None:
    picture = write_tiles(tmp_path / "bronze", range(3), 3)
    run(tmp_path, blob_list="r[01]*.tif")
    (tmp_path / "cogs/r0c1_cog_analysis.tif").unlink()
    (tmp_path / "cogs/r1c1_cog_analysis.tif").write_bytes(b"damaged")
    result = run(tmp_path, blob_list="r2*.tif")
    (notice,) = [notice for notice in result.summary["notices"] if "OVERVIEW" in notice["code"]]
    assert notice["code"] == "OVERVIEW_TILES_UNREADABLE"
    assert "r0c1.tif: " in notice["message"]
    assert "r1c1.tif: " in notice["message"]
    with rasterio.open(overview_of(tmp_path)) as dataset:
        valid = dataset.read_masks(1) > 0
    rows, columns = (np.flatnonzero(valid.any(axis=axis)) for axis in (1, 0))
    shown = valid[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert shown.mean() == pytest.approx(7 / 9, abs=0.02)
    # what the notice says has to be done
    assert not run(tmp_path, blob_list="r[01]*.tif").reused
    _agrees(overview_of(tmp_path), picture)
    assert all(run(tmp_path, blob_list=blobs).reused for blobs in ("r[01]*.tif", "r2*.tif"))


def test_the_overview_of_a_later_job_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    write_tiles(tmp_path / "bronze", range(3), 3)
    first, second = (run(tmp_path, blob_list=blobs) for blobs in ("r[01]*.tif", "r2*.tif"))
    assert not Path(first.summary["overview"]["href"]).exists()
    for blobs in ("r[01]*.tif", "r2*.tif"):
        again = run(tmp_path, blob_list=blobs)
        assert again.reused
        told = {**again.summary["overview"], "reason": None}
        assert told == {**second.summary["overview"], "reason": None}
    overview_of(tmp_path).write_bytes(b"damaged")
    assert not run(tmp_path, blob_list="r[01]*.tif").reused
    assert_true(tmp_path)


@attrs.frozen
class Refusing(StaticCatalog):
    """A catalog that can be read, and publishes nothing."""

    def publish(self, *_: Any, **__: Any) -> Publication:
        raise BackendError("No more today.")


@pytest.mark.parametrize("mode", ["upsert", "replace"])
def test_when_publishing_fails_the_collection_keeps_the_overview_that_it_had(mode: str, tmp_path: Path) -> None:
    picture = write_tiles(tmp_path / "bronze", range(2), 3)
    run(tmp_path, blob_list="r[01]*.tif")
    before = collection_of(tmp_path)
    write_tiles(tmp_path / "bronze", range(2, 4), 3)
    with pytest.raises(JobFailedError, match="No more today"):
        run(tmp_path, blob_list="r[23]*.tif", mode=mode, catalog=Refusing(str(tmp_path / "cogs/stac")))
    assert collection_of(tmp_path) == before
    assert_true(tmp_path)
    _agrees(overview_of(tmp_path), picture)
    run(tmp_path, blob_list="r[23]*.tif", mode=mode)
    assert_true(tmp_path)
    assert len(list((tmp_path / "cogs").glob("squares_*"))) == 2


@attrs.frozen
class Overtaken(StaticCatalog):
    """A catalog on which another job runs while the first is about to publish, once."""

    meanwhile: list[Callable[[], Any]] = attrs.field(factory=list, eq=False)

    def publish(self, *arguments: Any, **options: Any) -> Publication:
        while self.meanwhile:
            self.meanwhile.pop()()
        return super().publish(*arguments, **options)


def overviews_told(result: JobResult) -> list[str]:
    return [notice["code"] for notice in result.summary["notices"] if "OVERVIEW" in notice["code"]]


@pytest.mark.parametrize("catalog", ["static", "pgstac"])
@pytest.mark.parametrize(
    ("rows", "first", "second"),
    [
        pytest.param(4, "r[01]*.tif", "r[23]*.tif", marks=pytest.mark.slow),
        (2, "r0*.tif", "r1*.tif"),
    ],
)
def test_the_last_to_publish_makes_the_overview_of_all(
    tmp_path: Path, rows: int, first: str, second: str, catalog: str, request: pytest.FixtureRequest
) -> None:
    """Also where the tiles of neither need one."""
    picture = write_tiles(tmp_path / "bronze", range(rows), 3)
    where: dict[str, Any] = {}
    kind: Any = Overtaken
    address = str(tmp_path / "cogs/stac")
    if catalog == "pgstac":
        address, kind = request.getfixturevalue("pgstac_dsn"), _overtaken_pgstac()
        where = {"catalog": address}
    both = [{"blob_list": blobs, **where} for blobs in (first, second)]
    overtaken = kind(address, meanwhile=[lambda: run(tmp_path, **both[1])])
    result = run(tmp_path, blob_list=first, catalog=overtaken)
    assert overviews_told(result) == []
    href = result.summary["overview"]["href"]
    document = kind(address).collection("squares")
    assert document["assets"]["overview"]["href"] == href
    assert "rastercollection:outdated" not in {**document, **document["assets"]["overview"]}
    _agrees(Path(href), picture)
    assert all(run(tmp_path, **parameters).reused for parameters in both)


def _overtaken_pgstac() -> Any:
    from rastercollection.backends.catalogs.pgstac.pgstac_catalog import PgstacCatalog

    @attrs.frozen
    class OvertakenPgstac(PgstacCatalog):
        meanwhile: list[Callable[[], Any]] = attrs.field(factory=list, eq=False)

        def publish(self, *arguments: Any, **options: Any) -> Publication:
            while self.meanwhile:
                self.meanwhile.pop()()
            return super().publish(*arguments, **options)

    return OvertakenPgstac


@pytest.mark.parametrize("again", ["r0*.tif", "r1*.tif"])
def test_where_the_last_could_not_make_it_running_again_does(
    tmp_path: Path, again: str, monkeypatch: pytest.MonkeyPatch, validate_stac: Callable[[dict[str, Any]], None]
) -> None:
    picture = write_tiles(tmp_path / "bronze", range(2), 3)
    overtaken = Overtaken(str(tmp_path / "cogs/stac"), meanwhile=[lambda: run(tmp_path, blob_list="r1*.tif")])

    def fail(*_: Any) -> Any:
        raise TaskError("No luck.", code="OVERVIEW_FAILED")

    with monkeypatch.context() as patched:
        patched.setattr("rastercollection.stages.stac.late_overview.load_handler", lambda _: fail)
        result = run(tmp_path, blob_list="r0*.tif", catalog=overtaken)
    (notice,) = [notice for notice in result.summary["notices"] if notice["code"] == "OVERVIEW_OUTDATED"]
    assert "No luck." in notice["message"]
    assert collection_of(tmp_path)["rastercollection:outdated"] is True
    validate_stac(collection_of(tmp_path))
    assert "overview" not in collection_of(tmp_path)["assets"]

    none = f"sqlite:///{tmp_path}/none.db"
    assert [found.code for found in check_collection(tmp_path / "cogs/stac", jobs=none).findings] == [
        "OVERVIEW_MISSING"
    ]
    mended = run(tmp_path, blob_list=again)
    assert not mended.reused
    assert overviews_told(mended) == []
    assert "rastercollection:outdated" not in collection_of(tmp_path)
    _agrees(overview_of(tmp_path), picture)
    assert all(run(tmp_path, blob_list=blobs).reused for blobs in ("r0*.tif", "r1*.tif"))


def test_jobs_that_publish_at_the_same_time_leave_the_overview_of_all(tmp_path: Path) -> None:
    picture = write_tiles(tmp_path / "bronze", range(3), 3)
    blobs = [f"r{row}*.tif" for row in range(3)]
    all_are_made = threading.Barrier(3)

    def one(which: str) -> JobResult:
        catalog = Overtaken(str(tmp_path / "cogs/stac"), meanwhile=[lambda: all_are_made.wait(120)])
        return run(tmp_path, blob_list=which, catalog=catalog)

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(one, blobs))
    _agrees(overview_of(tmp_path), picture)
    assert_true(tmp_path)
    assert "rastercollection:outdated" not in collection_of(tmp_path)["assets"]["overview"]
    results = [run(tmp_path, blob_list=which) for which in blobs]
    assert all(run(tmp_path, blob_list=which).reused for which in blobs), [result.reused for result in results]
    _agrees(overview_of(tmp_path), picture)


def test_a_check_finds_what_is_wrong_with_an_overview_and_has_it_made(tmp_path: Path) -> None:
    picture = write_tiles(tmp_path / "bronze", range(3), 3)
    run(tmp_path)
    none: dict[str, Any] = {"jobs": f"sqlite:///{tmp_path}/none.db"}
    assert check_collection(tmp_path / "cogs/stac", **none).findings == ()
    overview_of(tmp_path).write_bytes(b"damaged")
    assert [found.code for found in check_collection(tmp_path / "cogs/stac", **none).findings] == ["OVERVIEW_DAMAGED"]
    assert check_collection(tmp_path / "cogs/stac", fix=True, **none).is_sound
    _agrees(overview_of(tmp_path), picture)
    assert len(list((tmp_path / "cogs").glob("squares_*"))) == 2
    overview_of(tmp_path).unlink()
    assert [found.code for found in check_collection(tmp_path / "cogs/stac", **none).findings] == ["OVERVIEW_MISSING"]
    assert check_collection(tmp_path / "cogs/stac", fix=True, **none).is_sound
    _agrees(overview_of(tmp_path), picture)
    run(tmp_path)
    assert run(tmp_path).reused
    assert check_collection(tmp_path / "cogs/stac", **none).findings == ()


def test_where_none_is_needed_none_is_outdated(tmp_path: Path) -> None:
    write_tiles(tmp_path / "bronze", range(2), 1)
    overtaken = Overtaken(str(tmp_path / "cogs/stac"), meanwhile=[lambda: run(tmp_path, blob_list="r1*.tif")])
    result = run(tmp_path, blob_list="r0*.tif", catalog=overtaken)
    assert result.summary["stac"]["items_in_collection"] == 2
    assert "OVERVIEW_OUTDATED" not in [notice["code"] for notice in result.summary["notices"]]


def test_it_can_be_turned_off_and_needs_a_mosaic(tmp_path: Path) -> None:
    write_tiles(tmp_path / "bronze", range(3), 2)
    for name, off in (("a", {"create_overview": False}), ("b", {"create_mosaicjson": False})):
        (tmp_path / name).mkdir()
        (tmp_path / name / "bronze").symlink_to(tmp_path / "bronze")
        result = run(tmp_path / name, collection_id="squares", **off)
        assert result.summary["overview"] is None
        assert not {"overview", "thumbnail"} & collection_of(tmp_path / name).get("assets", {}).keys()
        assert not list((tmp_path / name / "cogs").glob("squares_*"))


def test_few_tiles_have_none_and_the_summary_says_why(tmp_path: Path) -> None:
    write_tiles(tmp_path / "bronze", range(1), 1)
    result = run(tmp_path)
    assert result.summary["overview"] == {
        "href": None,
        "thumbnail": None,
        "maxzoom": None,
        "size": None,
        "reason": "no tile opens more than 4 COGs at any zoom",
    }
    assert not {"overview", "thumbnail"} & set(collection_of(tmp_path)["assets"])


@pytest.mark.parametrize("executor", ["process", "serial"])
def test_it_is_the_same_wherever_it_runs(executor: str, tmp_path: Path) -> None:
    write_tiles(tmp_path / "bronze", range(3), 2)
    run(tmp_path, executor=executor)
    _agrees(overview_of(tmp_path), waves(3, 3 * SIZE, 2 * SIZE).astype("uint8"))
