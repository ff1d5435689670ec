"""What a plan predicts and what the run then takes; and the memory budget, watched from outside the process."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from job_scenes import make_tiles, write_tile
from rastercollection import plan_collection, process_collection
from rastercollection.backends.jobs.memory import MemoryJobStore
from rastercollection.core.records import from_dict
from rastercollection.model.cog import Cog


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("target", ["EPSG:4326", "EPSG:32642"])
def test_a_plan_tells_what_each_tile_takes_and_gives(tmp_path: Path, target: str, in_memory: bool) -> None:
    names = make_tiles(tmp_path / "in")
    (tmp_path / "in" / "broken.tif").write_bytes(b"II*\0 no raster")
    request: dict[str, Any] = {
        "container_name": tmp_path / "in",
        "blob_list": [*names, "broken.tif"],
        "collection_id": "plan",
        "output_container": tmp_path / "out",
        "target_crs": target,
        "in_memory": in_memory,
        "create_mosaicjson": False,
        "create_stac_collection": False,
    }
    plan = plan_collection(**request)
    assert not (tmp_path / "out").exists()
    forecasts = {tile.blob: tile for tile in plan.tiles}
    assert forecasts["broken.tif"].problem is not None
    store = MemoryJobStore()
    job = process_collection(jobs=store, executor="serial", **request)
    results = [result for result in store.results(job.job_id) if result.task.task_type == "create_cog"]
    cogs = {result.task.tile: from_dict(Cog, result.value) for result in results if result.value is not None}
    assert set(cogs) == set(names)
    for blob, cog in cogs.items():
        tile = forecasts[blob]
        assert tile.problem is None
        assert tile.shape == cog.file.shape
        assert tile.output_blob == cog.output_blob
        assert tile.resampled == cog.reprojected
        assert tile.in_memory == cog.in_memory == in_memory
        assert cog.file.size <= (tile.most_bytes_out or 0)
        assert 0.1 < cog.file.size / (tile.bytes_out or 1) < 3
        assert 0 < cog.temporary_disk_bytes <= (tile.temporary_disk or 0)
        held = cog.memory_bytes if in_memory else cog.temporary_disk_bytes - cog.file.size
        assert 0 < held <= (tile.peak_memory or 0) + (tile.temporary_disk or 0)
        assert (cog.memory_bytes > 0) == in_memory
    json.dumps(plan.to_dict())


def test_a_plan_can_leave_the_sources_closed(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"no raster")
    plan = plan_collection(container_name=tmp_path, blob_list="a.tif", collection_id="x", predict=False)
    assert plan.tiles == ()


def test_a_plan_knows_the_shared_grid(tmp_path: Path) -> None:
    write_tile(tmp_path / "fine.tif", 0, 0)
    write_tile(tmp_path / "off.tif", 256, 0, transform=from_origin(502_564, 4_500_003, 10, 10))
    plan = plan_collection(container_name=tmp_path, blob_list="*.tif", collection_id="x", target_crs="EPSG:32642")
    resampled = {tile.blob: tile.resampled for tile in plan.tiles}
    assert sorted(resampled.values()) == [False, True], "one of the two has to give way"


WITHIN = """
import json, resource, sys
from rastercollection import process_collection
from rastercollection.backends.jobs.memory import MemoryJobStore
folder, budget, store = sys.argv[1], int(sys.argv[2]), MemoryJobStore()
job = process_collection(
    container_name=folder, blob_list="large.tif", collection_id="x", output_container=f"{folder}/out",
    compression_level=1, raster_type="rgb", create_mosaicjson=False, create_stac_collection=False, jobs=store,
    executor="serial", memory_budget=budget, scratch=f"{folder}/scratch",
)
(cog,) = [result.value for result in store.results(job.job_id) if result.task.task_type == "create_cog"]
print(json.dumps({"cog": dict(cog)}))
"""


def watched(process: subprocess.Popen[str]) -> int:
    """The largest resident set of a process while it runs, as the kernel counts it."""
    peak = 0
    while process.poll() is None:
        with contextlib.suppress(OSError, StopIteration):
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            peak = max(peak, 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM:"))))
        time.sleep(0.02)
    return peak


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the kernel does not tell")
def test_a_memory_budget_holds_for_a_tile_that_does_not_fit(tmp_path: Path) -> None:
    """Watched from outside: the largest resident set of the process, over everything that it does."""
    size = 7000
    block = np.random.default_rng(0).integers(1, 255, (3, 64, 64), "uint8").repeat(8, 1).repeat(8, 2)
    with rasterio.open(
        tmp_path / "large.tif",
        "w",
        driver="GTiff",
        width=size,
        height=size,
        count=3,
        dtype="uint8",
        crs="EPSG:32642",
        transform=from_origin(500_000, 4_500_000, 1, 1),
        compress="deflate",
        zlevel=1,
        tiled=True,
        photometric="RGB",
    ) as tile:
        line = np.tile(block, (1, 1, -(-size // 512)))[:, :, :size]
        for top in range(0, size, 512):
            tile.write(line[:, : min(512, size - top)], window=((top, min(top + 512, size)), (0, size)))
    budget = 500_000_000
    uncompressed = 3 * size * size
    command = [sys.executable, "-c", WITHIN, str(tmp_path), str(budget)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        peak = watched(process)
        assert process.stdout is not None
        told = json.loads(process.stdout.read())["cog"]
    assert process.returncode == 0
    assert 100_000_000 < peak <= budget
    assert told["process_memory_bytes"] == pytest.approx(peak, rel=0.05)
    assert not told["in_memory"]
    assert told["temporary_disk_bytes"] > 2 * uncompressed
    assert list((tmp_path / "scratch").iterdir()) == []
