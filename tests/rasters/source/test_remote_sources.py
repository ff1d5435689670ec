"""Sources on servers: read afresh, whole or not at all, and never taken for damaged because of the way there."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.env import get_gdal_config
from rasterio.io import MemoryFile
from rasterio.transform import from_origin

from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.errors import PermissionDeniedError, RasterCollectionError, TaskError, TileError, UnavailableError
from rastercollection.model.policy import SourcePolicy
from rastercollection.model.tile import SourceFile
from rastercollection.rasters.gdal_env import SAFE_OPTIONS, config_session, forget_cached
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.source.opening import open_source, reading
from rastercollection.rasters.source.source_dataset import SourceDataset
from services.stores import Store

pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")

PIXELS = np.random.default_rng(0).integers(1, 255, (1, 256, 256), dtype="uint8")
WEST, EAST = 400_000.0, 500_000.0


def raster(
    left: float = WEST, driver: str = "GTiff", tags: Mapping[str, str] | None = None, **options: object
) -> bytes:
    profile = {"crs": "EPSG:32633", "transform": from_origin(left, 5e6, 10, 10), **options}
    with MemoryFile() as file:
        with file.open(driver=driver, width=256, height=256, count=1, dtype="uint8", **profile) as target:
            target.write(PIXELS)
            target.update_tags(**(tags or {}))
        return bytes(file.read())


def source_at(storage: FsspecStorage, url: str) -> SourceFile:
    info = storage.stat(url)
    return SourceFile(blob=url.rsplit("/", 1)[-1], url=url, size=info.size, version=info.version)


@contextlib.contextmanager
def opened(
    storage: FsspecStorage, source: SourceFile, notices: list[str] | None = None, *, whole: bool = False
) -> Iterator[SourceDataset]:
    notify = None if notices is None else lambda code, message: notices.append(code)
    with open_source(storage, source, SourcePolicy(), Limits(), notify, whole=whole) as dataset:
        yield dataset


def read(storage: FsspecStorage, source: SourceFile, *, whole: bool = False) -> tuple[float, np.ndarray]:
    with opened(storage, source, whole=whole) as dataset:
        with reading(dataset):
            pixels = dataset.read()
        dataset.confirm()
        return dataset.transform.c, pixels


@pytest.fixture
def tile(remote_store: Store) -> tuple[Store, FsspecStorage, str]:
    url = f"{remote_store.new_container()}/tile.tif"
    remote_store.put(url, raster())
    return remote_store, FsspecStorage(remote_store.options, allow_private_hosts=True), url


Tile = tuple[Store, FsspecStorage, str]


def test_a_source_that_was_replaced_is_read_afresh(tile: Tile) -> None:
    """Also where another program part of this process has read it, through the same caches."""
    store, storage, url = tile
    place = storage.gdal_source(url)
    assert place is not None
    with rasterio.Env(session=config_session(place.config), **SAFE_OPTIONS), rasterio.open(place.path) as foreign:
        assert foreign.transform.c == WEST
    assert read(storage, source_at(storage, url))[0] == WEST
    store.put(url, raster(EAST))
    assert read(storage, source_at(storage, url))[0] == EAST
    store.put(url, raster(WEST))
    left, pixels = read(storage, source_at(storage, url))
    assert left == WEST
    assert (pixels == PIXELS).all()


def test_forgetting_asks_no_server_and_changes_no_option(tile: Tile, caplog: pytest.LogCaptureFixture) -> None:
    store, storage, url = tile
    place = storage.gdal_source(url)
    assert place is not None
    store.proxy.heal()
    seen: list[object] = []
    watched = threading.Event()
    thread = threading.Thread(target=lambda: (watched.wait(), seen.append(get_gdal_config("GDAL_HTTP_PROXY"))))
    thread.start()
    forget_cached(place.path, place.config)
    watched.set()
    thread.join()
    assert store.proxy.asked() == []
    assert caplog.records == []
    assert seen == [None]
    assert get_gdal_config("CPL_VSIL_CURL_NON_CACHED") is None


def test_a_source_that_another_has_replaced_before_or_meanwhile_is_not_used(tile: Tile) -> None:
    store, storage, url = tile
    found = source_at(storage, url)
    with opened(storage, found) as dataset:
        dataset.confirm()
        store.put(url, raster(EAST))
        with pytest.raises(TaskError) as caught:
            dataset.confirm()
    with pytest.raises(TaskError) as at_once, opened(storage, found):
        pass
    for error in (caught.value, at_once.value):
        assert (error.code, error.retryable) == ("SOURCE_CHANGED", True)
        assert "tile.tif" in error.message


def test_a_local_source_that_is_replaced_meanwhile_is_not_used(tmp_path: Path) -> None:
    path, storage = tmp_path / "tile.tif", FsspecStorage()
    path.write_bytes(raster())
    with opened(storage, source_at(storage, str(path))) as dataset:
        dataset.confirm()
        (tmp_path / "new").write_bytes(raster(EAST))
        (tmp_path / "new").replace(path)
        with pytest.raises(TaskError) as caught:
            dataset.confirm()
    assert caught.value.code == "SOURCE_CHANGED"


FAULTS = {
    "cut": {"size": 100},
    "short": {"size": 100},
    "forbidden": {"kind": "status", "status": 403},
    "absent": {"kind": "status", "status": 404},
}


@pytest.mark.parametrize("fault", list(FAULTS))
def test_what_a_network_does_is_not_taken_for_damage(tile: Tile, fault: str) -> None:
    """Bytes that did not come make the attempt fail, and the next one fetches the file and reads its copy."""
    store, storage, url = tile
    store.put(url, raster(tiled=True, blockxsize=64, blockysize=64, compress="deflate"))
    found = source_at(storage, url)
    with opened(storage, found) as dataset:
        store.proxy.fail(f"GET {store.request_path(url)}", **{"kind": fault, **FAULTS[fault]})
        with pytest.raises(TaskError) as caught, reading(dataset):
            dataset.read()
    assert (caught.value.code, caught.value.retryable) == ("SOURCE_UNAVAILABLE", True)
    store.proxy.heal()
    assert (read(storage, found, whole=True)[1] == PIXELS).all()


def test_a_damaged_file_is_told_from_a_damaged_way(tile: Tile) -> None:
    store, storage, url = tile
    good = raster(compress="deflate")
    store.put(url, good[: len(good) // 2] + bytes(4000) + good[len(good) // 2 + 4000 :])
    found = source_at(storage, url)
    with pytest.raises(TaskError) as caught:
        read(storage, found)
    assert caught.value.retryable
    with pytest.raises(TileError) as final:
        read(storage, found, whole=True)
    assert (final.value.code, final.value.retryable) == ("FILE_UNREADABLE", False)


@pytest.mark.parametrize("driver", ["PNG", "JPEG", "JP2OpenJPEG"])
def test_formats_whose_drivers_fill_up_what_is_missing_are_fetched_whole(website: Store, driver: str) -> None:
    """GDAL reads a PNG of which half did not come as zeros, and says nothing."""
    website.proxy.heal()
    storage, url = FsspecStorage(allow_private_hosts=True), f"{website.new_container()}/tile.{driver[:3].lower()}"
    website.put(url, raster(driver=driver, QUALITY=100, **({"REVERSIBLE": "YES"} if driver == "JP2OpenJPEG" else {})))
    found, notices = source_at(storage, url), list[str]()
    with opened(storage, found, notices) as dataset:
        website.proxy.fail("", "status", status=403)
        whole = dataset.read()
        website.proxy.heal()
    assert notices == ["FETCHED_TO_SCRATCH"]
    assert np.abs(whole.astype(int) - PIXELS).max() <= (8 if driver == "JPEG" else 0)
    for fault in ("cut", "short"):
        website.proxy.fail(f"GET {website.request_path(url)}", fault, size=len(website.get(url)) - 500, skip=1)
        with pytest.raises(UnavailableError):
            read(storage, found)
        website.proxy.heal()


@pytest.mark.parametrize("level", [logging.NOTSET, logging.CRITICAL])
def test_a_tag_that_did_not_come_is_not_taken_for_absent(website: Store, level: int) -> None:
    """GDAL warns of it and goes on; programs that want no warnings of rasterio's in their log miss nothing here."""
    website.proxy.heal()
    storage, url = FsspecStorage(allow_private_hosts=True), f"{website.new_container()}/tile.tif"
    website.put(url, raster(tags={"story": "x" * 40_000}, tiled=True, blockxsize=16, blockysize=16))
    found, rasterios = source_at(storage, url), logging.getLogger("rasterio")
    rasterios.setLevel(level)
    said = [_failure(website, storage, found, number) for number in range(7)]
    rasterios.setLevel(logging.NOTSET)
    assert any("tag ignored" in message for message in said)


def _failure(store: Store, storage: FsspecStorage, found: SourceFile, number: int) -> str:
    """Why the file could not be used where one of the requests for it was cut short; empty where all of it was read."""
    store.proxy.fail(f"GET {store.request_path(found.url)}$", "cut", size=100, times=1, skip=number)
    try:
        with opened(storage, found) as dataset:
            stories = dataset.tags().get("story", "")
            dataset.confirm()
    except (TaskError, UnavailableError) as error:
        return error.message if error.retryable else ""
    finally:
        store.proxy.heal()
    assert len(stories) == 40_000
    return ""


MASK = np.where(np.arange(256) < 128, 255, 0).astype("uint8")[np.newaxis].repeat(256, 0)


def mask() -> bytes:
    with MemoryFile() as file:
        with file.open(driver="GTiff", width=256, height=256, count=1, dtype="uint8") as target:
            target.write(MASK, 1)
            target.update_tags(INTERNAL_MASK_FLAGS_1="2")
        return bytes(file.read())


@pytest.fixture
def masked(tile: Tile) -> tuple[Store, FsspecStorage, SourceFile]:
    store, storage, url = tile
    store.put(f"{url}.msk", mask())
    return store, storage, source_at(storage, url)


Masked = tuple[Store, FsspecStorage, SourceFile]


def test_a_sidecar_is_found(masked: Masked) -> None:
    _, storage, found = masked
    with opened(storage, found) as dataset:
        assert (dataset.read_masks(1) == MASK).all()


@pytest.mark.parametrize("fault", [{"kind": "status", "status": 403}, {"kind": "short", "size": 2}])
def test_a_sidecar_that_cannot_be_asked_for_is_not_absent(masked: Masked, fault: dict[str, object]) -> None:
    """Half of the pixels would become valid."""
    store, storage, found = masked
    store.proxy.fail(r"\.msk", **fault)
    expected = PermissionDeniedError if fault["kind"] == "status" else UnavailableError
    with pytest.raises(expected) as caught, opened(storage, found):
        pass
    assert ".msk" in caught.value.target


@pytest.mark.parametrize("fault", [{"kind": "status", "status": 503}, {"kind": "reset"}])
def test_a_busy_server_is_asked_again_later(website: Store, fault: dict[str, object]) -> None:
    website.proxy.heal()
    storage, url = FsspecStorage(allow_private_hosts=True), f"{website.new_container()}/tile.tif"
    website.put(url, raster())
    website.put(f"{url}.msk", mask())
    website.proxy.fail(r"\.msk", **fault)
    with pytest.raises(RasterCollectionError) as caught, opened(storage, source_at(storage, url)):
        pass
    assert (caught.value.code, caught.value.retryable) == ("UNAVAILABLE", True)
    website.proxy.heal()


def test_a_store_that_forbids_whatever_is_absent_is_told_of(tile: Tile) -> None:
    """As S3 does for those who may read objects, but not list the bucket."""
    store, storage, url = tile
    found, notices = source_at(storage, url), list[str]()
    store.proxy.fail(rf"^\w+ (?!{store.request_path(url)}$)", "status", status=403)
    with opened(storage, found, notices) as dataset:
        assert dataset.transform.c == WEST
    assert notices == ["SIDECARS_UNKNOWN"]
