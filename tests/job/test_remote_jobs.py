"""Jobs whose rasters, or outputs, are on servers: nothing stale, nothing mixed, nothing taken for absent or damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.io import MemoryFile
from rasterio.transform import from_origin

from rastercollection import JobFailedError, JobResult, RequestError, process_collection
from rastercollection.core.events import Event, StageEnded
from rastercollection.errors import BackendError
from services.loopback import free_port
from services.stores import ON_LOOPBACK, Store

pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")

PIXELS = np.random.default_rng(0).normal(500, 100, (1, 200, 200)).astype("float32")
WEST, EAST = 1_000_000.0, 1_100_000.0


def raster(left: float = WEST, driver: str = "GTiff") -> bytes:
    profile = {"crs": "EPSG:3857", "transform": from_origin(left, 6e6, 10, 10), "tiled": True, "compress": "deflate"}
    shape = {"width": 200, "height": 200, "count": 1, "dtype": "float32", "blockxsize": 64, "blockysize": 64}
    with MemoryFile() as file:
        with file.open(driver=driver, **shape, **profile) as target:
            target.write(PIXELS)
        return bytes(file.read())


@pytest.fixture
def container(remote_store: Store) -> str:
    address = remote_store.new_container()
    remote_store.put(f"{address}/tile.tif", raster())
    return address


def run(store: Store, container: str, output: Path | str, **parameters: Any) -> JobResult:
    given = {
        "container_name": container,
        "blob_list": ["tile.tif"],
        "collection_id": "tiles",
        "output_container": str(output),
        "target_crs": "EPSG:3857",
        "raster_type": "dem",
        "storage_options": dict(store.options) or None,
        "executor": "serial",
        "create_mosaicjson": False,
        "create_stac_collection": False,
        **(ON_LOOPBACK if container.startswith("http") else {}),
        **parameters,
    }
    return process_collection(**given)


def cogs(output: Path) -> list[Path]:
    return [path for path in output.rglob("*.tif") if "tile" in path.name]


def left_of(output: Path) -> float:
    (cog,) = cogs(output)
    with rasterio.open(cog) as dataset:
        np.testing.assert_array_equal(dataset.read(), PIXELS)
        return float(dataset.transform.c)


def notices(result: JobResult) -> set[str]:
    return {notice.code for tile in result.tiles for notice in tile.notices}


def test_a_source_replaced_between_two_calls_is_read_afresh(
    remote_store: Store, container: str, tmp_path: Path
) -> None:
    run(remote_store, container, tmp_path)
    assert left_of(tmp_path) == WEST
    remote_store.put(f"{container}/tile.tif", raster(EAST))
    result = run(remote_store, container, tmp_path)
    assert left_of(tmp_path) == EAST
    assert result.status == "completed"


def test_a_source_replaced_between_two_stages_is_not_published(
    remote_store: Store, container: str, tmp_path: Path
) -> None:
    def replace(event: Event) -> None:
        if isinstance(event, StageEnded):
            remote_store.put(f"{container}/tile.tif", raster(EAST))

    with pytest.raises(JobFailedError) as caught:
        run(remote_store, container, tmp_path, observers=[replace])
    assert caught.value.result.tiles[0].code == "SOURCE_CHANGED"
    assert cogs(tmp_path) == []
    run(remote_store, container, tmp_path)
    assert left_of(tmp_path) == EAST


def test_a_source_replaced_while_it_is_converted_is_not_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even a local one, of which the converter may have read the old header and the new pixels."""
    from rastercollection.stages.cog import task

    source, output, convert = tmp_path / "in" / "tile.tif", tmp_path / "out", task.convert
    source.parent.mkdir()
    source.write_bytes(raster())

    def convert_and_replace(*arguments: Any) -> Any:
        made = convert(*arguments)
        source.write_bytes(raster(EAST))
        return made

    monkeypatch.setattr(task, "convert", convert_and_replace)
    local = {"container_name": str(source.parent), "output_container": str(output), "executor": "serial"}
    with pytest.raises(JobFailedError) as caught:
        process_collection(blob_list=["tile.tif"], collection_id="tiles", raster_type="dem", **local)
    assert caught.value.result.tiles[0].code == "SOURCE_CHANGED"
    assert not output.exists() or cogs(output) == []


@pytest.mark.parametrize("number", [2, 3, 5])
def test_a_fault_on_the_way_costs_an_attempt_and_nothing_else(website: Store, tmp_path: Path, number: int) -> None:
    """Whichever of the requests for the raster it meets."""
    website.proxy.heal()
    container = website.new_container()
    website.put(f"{container}/tile.tif", raster())
    website.proxy.fail(r"GET /\S+/tile\.tif$", "cut", size=300, times=1, skip=number)
    result = run(website, container, tmp_path)
    assert left_of(tmp_path) == WEST
    assert result.status == "completed"
    assert "RETRIED" in notices(result)
    website.proxy.heal()


def test_damage_is_told_as_damage(remote_store: Store, container: str, tmp_path: Path) -> None:
    """Once a whole copy has shown it."""
    good = raster()
    remote_store.put(f"{container}/bad.tif", good[:2000] + bytes(20_000) + good[22_000:])
    result = run(remote_store, container, tmp_path, blob_list=["tile.tif", "bad.tif"])
    assert {tile.blob: tile.code for tile in result.tiles} == {"tile.tif": "", "bad.tif": "FILE_UNREADABLE"}


def test_a_container_that_is_absent_and_one_that_cannot_be_asked(s3_store: Store, tmp_path: Path) -> None:
    s3_store.proxy.heal()
    container = s3_store.new_container()
    s3_store.put(f"{container}/tile.tif", raster())
    with pytest.raises(RequestError, match="CONTAINER_NOT_FOUND"):
        run(s3_store, "s3://never-made", tmp_path)
    with pytest.raises(RequestError, match="FILE_NOT_FOUND"):
        run(s3_store, container, tmp_path, blob_list=["tyle.tif"])
    # who may read objects, but not list the bucket
    s3_store.proxy.fail(r"^\w+ (?!/bronze-\w+/tile\.tif$)", "status", status=403)
    with pytest.raises(BackendError) as caught:
        run(s3_store, container, tmp_path, blob_list=["*.tif"])
    assert caught.value.code == "PERMISSION_DENIED"
    assert "storage_options" in caught.value.hint
    assert "SIDECARS_UNKNOWN" in notices(run(s3_store, container, tmp_path))
    s3_store.proxy.heal()


def test_a_server_that_is_away(azure_store: Store, website: Store, tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/tiles"
    with pytest.raises(BackendError) as caught:
        run(website, nobody, tmp_path)
    assert (caught.value.code, caught.value.retryable) == ("UNAVAILABLE", True)
    assert caught.value.hint
    azure_store.proxy.heal()
    container = azure_store.new_container()
    azure_store.proxy.fail("", "status", status=403)
    with pytest.raises(BackendError) as refused:
        run(azure_store, container, tmp_path)
    assert refused.value.code == "PERMISSION_DENIED"
    azure_store.proxy.heal()


def test_outputs_that_cannot_be_asked_for_are_not_made_again(s3_store: Store, tmp_path: Path) -> None:
    s3_store.proxy.heal()
    output = s3_store.new_container()
    (tmp_path / "tile.tif").write_bytes(raster())
    first = run(s3_store, str(tmp_path), output)
    s3_store.proxy.heal()
    s3_store.proxy.fail(r"HEAD /bronze-\w+/\S+tif", "status", status=403)
    with pytest.raises(BackendError) as caught:
        run(s3_store, str(tmp_path), output)
    assert caught.value.code == "PERMISSION_DENIED"
    assert s3_store.proxy.asked("PUT") == []
    s3_store.proxy.heal()
    assert run(s3_store, str(tmp_path), output).job_id == first.job_id


def test_a_catalog_that_cannot_be_read_is_not_overwritten(s3_store: Store, tmp_path: Path) -> None:
    s3_store.proxy.heal()
    output = s3_store.new_container()
    (tmp_path / "tile.tif").write_bytes(raster())
    run(s3_store, str(tmp_path), output, create_stac_collection=True)
    other = {"collection_id": "others", "output_folder": "others", "create_stac_collection": True}
    catalog = s3_store.get(f"{output}/stac/catalog.json")
    s3_store.proxy.fail(r"GET /\S+catalog\.json", "status", status=403)
    with pytest.raises(BackendError, match="PERMISSION_DENIED"):
        run(s3_store, str(tmp_path), output, **other)
    s3_store.proxy.heal()
    assert s3_store.get(f"{output}/stac/catalog.json") == catalog
    run(s3_store, str(tmp_path), output, **other)
    assert b"others" in s3_store.get(f"{output}/stac/catalog.json")
