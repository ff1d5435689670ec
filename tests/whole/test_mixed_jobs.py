"""Jobs over tiles that readers cannot combine: what is left out of mosaic and overview, and how the job says so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import rasterio
from cogeo_mosaic.backends import MosaicBackend

from job_scenes import SIZE, write_tile
from rastercollection import JobResult, process_collection
from rastercollection.cli.main import main

CODE = "MOSAIC_TILE_OMITTED"


@pytest.fixture
def bronze(tmp_path: Path) -> Path:
    """Three pictures by three, one of them of a larger type, and two of one band among them."""
    folder = tmp_path / "bronze"
    for row in range(3):
        for column in range(3):
            grey, wide = (row, column) in ((1, 1), (2, 1)), (row, column) == (2, 2)
            changes = {"count": 1, "photometric": "MINISBLACK"} if grey else {"dtype": "uint16"} if wide else {}
            write_tile(folder / f"r{row}c{column}.tif", SIZE * column, SIZE * row, **changes)
    return folder


def run(bronze: Path, **parameters: Any) -> JobResult:
    given: Mapping[str, Any] = {
        "container_name": bronze,
        "blob_list": "*.tif",
        "collection_id": "mixed",
        "output_container": bronze.parent / "out",
        "executor": "serial",
        "jobs": "memory",
        "target_crs": "EPSG:32642",
    }
    return process_collection(**{**given, **parameters})


def test_mosaic_and_overview_leave_out_the_same_tiles_and_the_job_says_so(bronze: Path) -> None:
    result = run(bronze)
    assert result.status == "completed_with_errors"
    assert result.became == "9 of 9 tiles became COGs, of which maps do not show 2"
    unserved = {tile.blob: tile for tile in result.tiles if not tile.ok}
    assert unserved.keys() == {"r1c1.tif", "r2c1.tif"}
    assert {(tile.outcome, tile.code) for tile in unserved.values()} == {("unserved", CODE)}
    assert all(tile.output and Path(tile.output).exists() for tile in unserved.values())
    assert "1 band where the others have 3 bands" in unserved["r1c1.tif"].reason
    summary = result.to_dict()
    (told,) = [each["message"] for each in summary["notices"] if "OMITTED" in each["code"]]
    assert "2 of 9 tiles are left out of maps, of mosaic and overview" in told
    assert summary["mosaicjson"]["tile_count"] == 7
    assert summary["stac"]["items_created"] == 9
    with rasterio.open(summary["overview"]["href"]) as overview:
        assert (overview.count, overview.dtypes[0]) == (3, "uint16")
        assert overview.read_masks(1).any()


def test_stock_readers_read_every_tile_of_the_mosaic_without_being_told_of_bands(bronze: Path) -> None:
    mosaic = run(bronze).to_dict()["mosaicjson"]
    with MosaicBackend(mosaic["url"]) as backend:
        tiles = list(backend.tms.tiles(*mosaic["bounds"], mosaic["maxzoom"] - 1))
        images = [backend.tile(*tile)[0] for tile in tiles if backend.assets_for_tile(*tile)]
    assert len(images) > 4
    assert {image.count for image in images} == {3}


def test_the_command_line_says_which_and_why(bronze: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--id", "mixed", "--output", str(bronze.parent / "out"), "--executor", "serial", "--jobs", "memory"]
    assert main(["run", str(bronze), *arguments, "--quiet"]) == 3
    shown = capsys.readouterr().out
    assert f"unserved r1c1.tif: [{CODE}] It has 1 band where the others have 3 bands" in shown
    assert main(["run", str(bronze), *arguments, "--quiet", "--json"]) == 3
    outcomes = [tile["outcome"] for tile in json.loads(capsys.readouterr().out)["tiles"]]
    assert outcomes.count("unserved") == 2


def test_a_tile_that_was_published_before_is_told_of_and_is_nobodys_fault_now(bronze: Path, tmp_path: Path) -> None:
    first = run(bronze, blob_list=["r1c0.tif", "r1c1.tif", "r2c0.tif"], jobs=f"sqlite:///{tmp_path}/jobs.db")
    assert first.status == "completed_with_errors"
    again = run(bronze, blob_list=["r1c0.tif", "r1c1.tif", "r2c0.tif"], jobs=f"sqlite:///{tmp_path}/jobs.db")
    assert (again.reused, again.status) == (True, "completed_with_errors")
    second = run(bronze, blob_list="r0*.tif")
    assert second.status == "completed"
    assert [notice["code"] for notice in second.to_dict()["notices"]].count(CODE) == 1
