"""The check of COGs that are in S3 and Azure Blob, with the credentials of the job; and stores that do not answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from rastercollection import JobResult, process_collection
from rastercollection.core.events import Event, StageStarted, TaskEnded
from services.stores import Store

pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")


@pytest.fixture(params=["s3_store", "azure_store"])
def store(request: pytest.FixtureRequest) -> Any:
    found = request.getfixturevalue(request.param)
    found.proxy.heal()
    yield found
    found.proxy.heal()


@pytest.fixture
def bronze(tmp_path: Path) -> Path:
    folder = tmp_path / "bronze"
    folder.mkdir()
    for number in range(2):
        place = from_origin(1_000_000 + 2000 * number, 6_000_000, 10, 10)
        kind = {"driver": "GTiff", "width": 200, "height": 200, "count": 1, "dtype": "float32", "crs": "EPSG:3857"}
        with rasterio.open(folder / f"größe {number}.tif", "w", transform=place, nodata=-9999, **kind) as tile:
            tile.write(np.random.default_rng(number).normal(500, 100, (1, 200, 200)).astype("float32"))
    return folder


def run(store: Store, bronze: Path, output: str, **parameters: Any) -> JobResult:
    given: dict[str, Any] = {
        "container_name": str(bronze),
        "blob_list": ["*.tif"],
        "collection_id": "tiles",
        "output_container": output,
        "target_crs": "EPSG:3857",
        "raster_type": "dem",
        "storage_options": dict(store.options),
        "executor": "serial",
        "jobs": f"sqlite:///{bronze.parent}/jobs.db",
    }
    return process_collection(**{**given, **parameters})


def test_cogs_in_a_store_are_read_through_the_mosaic_there(store: Store, bronze: Path) -> None:
    check = run(store, bronze, store.new_container()).to_dict()["check"]
    assert (check["cogs"], check["served"], check["through_mosaic"]) == (2, 2, 2), check


def test_a_store_that_does_not_answer_says_nothing_of_cogs(store: Store, bronze: Path) -> None:
    output = store.new_container()

    def cut_off(event: Event) -> None:
        if isinstance(event, StageStarted) and event.name == "check_published":
            store.proxy.fail(r"GET /\S+_cog_\S+tif", "status", status=503)

    first = run(store, bronze, output, observers=[cut_off])
    assert first.status == "completed"
    assert len(first.to_dict()["check"]["unasked"]) == 2
    assert "CHECK_INCOMPLETE" in {notice["code"] for notice in first.to_dict()["notices"]}
    store.proxy.heal()
    done: list[str] = []

    def note(event: Event) -> None:
        if isinstance(event, TaskEnded) and not event.reused:
            done.append(event.result.task.task_type)

    second = run(store, bronze, output, observers=[note])
    assert (second.status, second.to_dict()["check"]["served"]) == ("completed", 2)
    assert done == ["check_published"]
    assert run(store, bronze, output).reused
