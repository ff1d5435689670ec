"""Whether there is room is looked at before the work: on real disks that are small."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from job_scenes import write_tile
from rastercollection import plan_collection, process_collection
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.errors import JobFailedError, NoSpaceError
from services.small_disk import small_disk

TILES = 4


@pytest.fixture
def bronze(tmp_path: Path) -> Path:
    for number in range(TILES):
        write_tile(tmp_path / "bronze" / f"t{number}.tif", 250 * number, 0)
    return tmp_path / "bronze"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", mebibytes=1) as folder:
        yield folder


def job(bronze: Path, output: Path, **changes: Any) -> dict[str, Any]:
    places = {"output_container": output, "jobs": f"sqlite:///{bronze.parent / 'jobs.db'}"}
    return {"container_name": bronze, "blob_list": ["*.tif"], "collection_id": "c", **places, **changes}


def fill(disk: Path, left: int) -> None:
    """Leave this many bytes."""
    (disk / "filler").write_bytes(bytes(2**20 - left))


def codes(notices: Any) -> set[str]:
    return {notice["code"] if isinstance(notice, dict) else notice.code for notice in notices}


def test_what_certainly_does_not_fit_is_refused_before_anything_is_made(bronze: Path, disk: Path) -> None:
    """Of four tiles of 192 KiB, uncompressed, 700 KiB; the plan says the same, and once there is room the job runs."""
    arguments = job(bronze, disk / "cogs", compression="NONE", target_crs="EPSG:32642")
    fill(disk, 500 * 1024)
    plan = plan_collection(**arguments)
    assert {tile.problem.code for tile in plan.tiles if tile.problem} == {"NO_SPACE"}
    with pytest.raises(JobFailedError, match="at least 1 MiB") as caught:
        process_collection(**arguments)
    assert caught.value.result.error.code == "NO_SPACE"
    assert str(disk) in caught.value.result.error.message
    assert list(disk.rglob("*.tif")) == []
    (disk / "filler").unlink()
    arguments["output_container"] = bronze.parent / "elsewhere"
    assert process_collection(**arguments).status == "completed"


def test_what_may_not_fit_is_told(bronze: Path, disk: Path, tmp_path: Path) -> None:
    fill(disk, 200 * 1024)
    arguments = job(bronze, disk / "cogs", compression="DEFLATE")
    assert "SPACE_MAY_RUN_OUT" in codes(plan_collection(**arguments).notices)
    arguments = job(bronze, tmp_path / "cogs", compression="DEFLATE")
    assert "SPACE_MAY_RUN_OUT" not in codes(plan_collection(**arguments).notices)
    result = process_collection(**arguments)
    assert result.status == "completed"
    assert "SPACE_MAY_RUN_OUT" not in codes(result.summary["notices"])


def test_a_file_that_does_not_fit_is_not_begun(disk: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(600 * 1024))
    fill(disk, 400 * 1024)
    with pytest.raises(NoSpaceError, match=r"takes 0\.6 MiB, and 0\.4 MiB are free"):
        FsspecStorage().put(str(source), str(disk / "target"))
    assert [path.name for path in disk.iterdir()] == ["filler"]
