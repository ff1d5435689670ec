"""Several collections, several jobs, one place: whose files are whose, and that nothing of others is overwritten."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import fsspec
import numpy as np
import pystac
import pytest
import rasterio
from rasterio.io import MemoryFile

from job_scenes import write_tile
from rastercollection import JobResult, plan_collection, process_collection
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.cli.main import main
from rastercollection.errors import BackendError, OtherSourceError, OutputTakenError, RasterCollectionError
from rastercollection.ports.storage import ObjectInfo

YEARS = {"2019": 10, "2020": 200}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The folders 2019 and 2020, with two tiles each of the same names; all pixels of a year have one value."""
    for year, value in YEARS.items():
        for number in range(2):
            path = tmp_path / "data" / year / f"tile_{number}.tif"
            write_tile(path, 256 * (number + 1), 0)
            with rasterio.open(path, "r+") as tile:
                tile.write(np.full((3, tile.height, tile.width), value, "uint8"))
    return tmp_path / "data"


def job(data: Path, year: str, name: str, **parameters: Any) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        "container_name": str(data / year) if "://" not in year else year,
        "blob_list": ["*.tif"],
        "collection_id": name,
        "target_crs": "EPSG:32642",
        "executor": "serial",
        "jobs": "memory",
    }
    return {**defaults, **parameters}


def run(data: Path, year: str, name: str, **parameters: Any) -> JobResult:
    return process_collection(**job(data, year, name, **parameters))


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def values(folder: Path, name: str) -> set[int]:
    """All values of the pixels that the items of a collection lead to."""
    collection = pystac.Collection.from_file(str(folder / name / "collection.json"))
    found: set[int] = set()
    for item in collection.get_items():
        with rasterio.open(item.assets["data"].get_absolute_href()) as cog:
            found |= set(np.unique(cog.read()).tolist())
    return found


def refused(error: type[RasterCollectionError], data: Path, year: str, name: str, **parameters: Any) -> str:
    """What a job is refused with, which its plan says as well; nothing has been touched by either."""
    before = content(data)
    arguments = job(data, year, name, **parameters)
    with pytest.raises(error) as planned:
        plan_collection(**arguments)
    with pytest.raises(error) as told:
        process_collection(**arguments)
    assert str(planned.value) == str(told.value)
    assert content(data) == before
    return str(told.value)


def test_by_default_every_collection_has_a_place_of_its_own_in_one_catalog(data: Path) -> None:
    for year in YEARS:
        assert run(data, year, f"y{year}").status == "completed"
    catalog = pystac.Catalog.from_file(str(data / "cogs" / "stac" / "catalog.json"))
    assert sorted(child.id for child in catalog.get_children()) == ["y2019", "y2020"]
    for year, value in YEARS.items():
        assert values(data / "cogs" / "stac", f"y{year}") == {value}
    names = {path.parent.name for path in (data / "cogs").glob("*/*_cog_*.tif")}
    assert names == {"y2019", "y2020"}


def test_a_collection_called_as_the_catalogs_folder_has_its_place_beside_the_documents(data: Path) -> None:
    assert run(data, "2019", "stac").status == run(data, "2020", "y2020").status == "completed"
    assert values(data / "cogs" / "stac", "stac") == {10}
    assert values(data / "cogs" / "stac", "y2020") == {200}


def test_a_name_that_another_collection_has_is_refused_before_a_pixel_is_touched(data: Path) -> None:
    out = str(data / "out")
    run(data, "2019", "a", output_container=out)
    text = refused(OutputTakenError, data, "2020", "b", output_container=out)
    assert text.startswith("[OUTPUT_TAKEN] 1 problem with the request")
    assert "collection 'a'" in text
    assert "tile_0_cog_analysis.tif" in text
    assert "set another output_folder" in text
    assert run(data, "2020", "b", output_container=out, output_folder="b").status == "completed"
    assert values(data / "out" / "stac", "a") == {10}
    assert values(data / "out" / "stac", "b") == {200}


def test_collections_share_a_folder_on_purpose_while_their_names_differ(data: Path) -> None:
    out = str(data / "out")
    (data / "2020" / "tile_1.tif").rename(data / "2020" / "other.tif")
    run(data, "2019", "a", output_container=out)
    assert run(data, "2020", "b", output_container=out, blob_list=["other.tif"]).status == "completed"
    assert run(data, "2019", "c", output_container=out, output_tier="archive").status == "completed"
    assert (values(data / "out" / "stac", "a"), values(data / "out" / "stac", "b")) == ({10}, {200})
    # a tile that does not suit the tier would be written as another's: refused, since it may be one
    assert "TILE_0" not in refused(
        OutputTakenError, data, "2020", "d", output_container=out, output_tier="visualization"
    )


def test_names_that_differ_in_case_are_one_name_on_many_disks(data: Path) -> None:
    out = str(data / "out")
    run(data, "2019", "a", output_container=out)
    (data / "2020" / "tile_0.tif").rename(data / "2020" / "TILE_0.tif")
    text = refused(OutputTakenError, data, "2020", "b", output_container=out, blob_list=["TILE_0.tif"])
    assert "TILE_0_cog_analysis.tif" in text
    (data / "2020" / "TILE_0.tif").rename(data / "2020" / "else.tif")
    text = refused(OutputTakenError, data, "2020", "A", output_container=out, blob_list=["else.tif"])
    assert "A.json" in text


@pytest.mark.parametrize(
    "name", ["tile_0_cog_analysis.tif", "tile_1_cog_analysis_thumbnail.png", "c.json", "c.html"], ids=str
)
def test_a_file_that_no_collection_made_is_not_overwritten(data: Path, name: str) -> None:
    (data / "out").mkdir()
    (data / "out" / name).write_bytes(b"somebody's")
    text = refused(OutputTakenError, data, "2019", "c", output_container=str(data / "out"))
    assert name in text
    assert "did not make them" in text
    (data / "out" / name).unlink()
    assert run(data, "2019", "c", output_container=str(data / "out")).status == "completed"


def test_mosaics_that_lie_elsewhere_are_looked_at_there(data: Path) -> None:
    (data / "mosaics").mkdir()
    (data / "mosaics" / "c.json").write_bytes(b"{}")
    places = {"output_container": str(data / "out"), "mosaicjson_container": str(data / "mosaics")}
    text = refused(OutputTakenError, data, "2019", "c", **places)
    assert "mosaicjson_container" in text
    assert run(data, "2019", "c", create_mosaicjson=False, **places).status == "completed"
    assert (data / "mosaics" / "c.json").read_bytes() == b"{}"


def test_documents_of_the_catalog_are_no_place_for_others(data: Path) -> None:
    out = {"output_container": str(data / "out")}
    text = refused(OutputTakenError, data, "2019", "catalog", output_folder="stac", **out)
    assert "catalog.json" in text
    refused(OutputTakenError, data, "2019", "c", output_folder="stac/c/items", **out)
    refused(
        OutputTakenError,
        data,
        "2019",
        "collection",
        catalog=str(data),
        output_folder="collection",
        output_container=str(data),
    )


@pytest.mark.parametrize("name", ["items/notes.json", "items/tile_0.json", "items.parquet"])
def test_files_of_others_among_the_documents_of_a_collection_stay(data: Path, name: str) -> None:
    folder = data / "stac" / "c"
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_bytes(b'{"about": "something else"}')
    assert name in refused(OutputTakenError, data, "2019", "c", catalog=str(data / "stac"))
    (folder / name).unlink()
    assert run(data, "2019", "c", catalog=str(data / "stac")).status == "completed"
    # what a publisher that died has left is no stranger
    (folder / "items" / "tile_0.json").rename(folder / "items" / "old.json")
    assert run(data, "2019", "c", catalog=str(data / "stac")).status == "completed"
    assert len({*(folder / "items").iterdir()} - {folder / "items" / "old.json"}) == 2


def test_collections_of_one_name_with_ids_of_their_own_in_the_catalog_do_not_share_files(data: Path) -> None:
    run(data, "2019", "c", stac_item_id="c-1")
    text = refused(OutputTakenError, data, "2020", "c", stac_item_id="c-2")
    assert "collection 'c-1'" in text


def test_tiles_of_other_sources_do_not_slip_into_the_place_of_a_collections_own(data: Path) -> None:
    run(data, "2019", "c", output_container=str(data / "out"))
    text = refused(OtherSourceError, data, "2020", "c", output_container=str(data / "out"))
    assert text.startswith("[OTHER_SOURCE]")
    assert "tile_0.tif, tile_1.tif" in text
    elsewhere = {"output_container": str(data / "elsewhere"), "catalog": str(data / "out" / "stac")}
    refused(OtherSourceError, data, "2020", "c", **elsewhere)
    result = run(data, "2020", "c", output_container=str(data / "out"), mode="delsert")
    (told,) = [one["message"] for one in result.to_dict()["notices"] if one["code"] == "ITEM_OF_OTHER_SOURCE"]
    assert f"tile_0 (of tile_0.tif in another container, now of that in {data / '2020'})" in told
    assert values(data / "out" / "stac", "c") == {200}
    assert run(data, "2020", "c", output_container=str(data / "out")).status == "completed"
    refused(OtherSourceError, data, "2019", "c", output_container=str(data / "out"))
    assert len(list((data / "out").glob("*.reserved.json"))) == 1


def test_other_sources_are_told_without_a_catalog(data: Path) -> None:
    alone = {"output_container": str(data / "out"), "create_stac_collection": False, "create_mosaicjson": False}
    run(data, "2019", "c", **alone)
    refused(OtherSourceError, data, "2020", "c", **alone)


def test_what_was_published_is_the_collections_own_even_where_nothing_is_reserved(data: Path) -> None:
    run(data, "2019", "c", output_container=str(data / "out"))
    (document,) = (data / "out").glob("*.reserved.json")
    document.unlink()
    (data / "out" / "c.html").unlink()
    assert run(data, "2019", "c", output_container=str(data / "out"), jpeg_quality=70).status == "completed"
    assert document.name != next((data / "out").glob("*.reserved.json")).name


def test_a_reservation_that_cannot_be_read_may_be_anybodys(data: Path) -> None:
    (data / "out").mkdir()
    (data / "out" / "x.reserved.json").write_text('{"collection": "x", "til')
    assert "x.reserved.json" in refused(OutputTakenError, data, "2019", "c", output_container=str(data / "out"))


KILLED = """
import os, signal, sys
from rastercollection import process_collection
from rastercollection.core.events import TaskEnded
def die(event):
    if isinstance(event, TaskEnded) and event.stage == 2:
        os.kill(os.getpid(), signal.SIGKILL)
process_collection(container_name=sys.argv[1], blob_list=["*.tif"], collection_id="a", output_container=sys.argv[2],
                   target_crs="EPSG:32642", executor="serial", jobs="memory", observers=[die])
"""


def test_a_job_that_was_killed_goes_on_over_its_own_files_wherever_it_is_run_again(data: Path) -> None:
    out = data / "out"
    done = subprocess.run([sys.executable, "-c", KILLED, data / "2019", out], check=False, env=os.environ)
    assert done.returncode == -signal.SIGKILL
    assert list(out.glob("*_cog_analysis.tif"))
    assert not (out / "stac" / "catalog.json").exists()
    refused(OutputTakenError, data, "2020", "b", output_container=str(out))
    refused(OtherSourceError, data, "2020", "a", output_container=str(out))
    assert run(data, "2019", "a", output_container=str(out)).status == "completed"
    assert values(out / "stac", "a") == {10}


@attrs.frozen
class Together(FsspecStorage):
    """Two that look at what is in a folder at first do so at the same time."""

    barrier: Any = attrs.field(default=None, kw_only=True, eq=False)
    waited: set[int] = attrs.field(factory=set, kw_only=True, eq=False)

    def list(self, url: str, *, deep: bool = True) -> Iterator[ObjectInfo]:
        found = []
        try:
            found = [*super().list(url, deep=deep)]
        finally:
            if not deep and threading.get_ident() not in self.waited:
                self.waited.add(threading.get_ident())
                self.barrier.wait(timeout=60)
        return iter(found)


@pytest.mark.parametrize(("other", "error"), [("b", OutputTakenError), ("a", OtherSourceError)])
def test_of_two_that_start_at_the_same_time_one_is_refused_at_least(data: Path, other: str, error: type) -> None:
    storage = Together(barrier=threading.Barrier(2))
    out = {"output_container": str(data / "out"), "storage": storage}

    def one(year: str, name: str) -> JobResult | Exception:
        try:
            return run(data, year, name, **out)
        except RasterCollectionError as problem:
            return problem

    with ThreadPoolExecutor(2) as threads:
        ended = list(threads.map(one, YEARS, ("a", other)))
    refusals = [each for each in ended if not isinstance(each, JobResult)]
    assert refusals
    assert all(isinstance(each, error) for each in refusals)
    assert len(list((data / "out").glob("*.reserved.json"))) == 2 - len(refusals)
    for (year, value), name, each in zip(YEARS.items(), ("a", other), ended, strict=True):
        if isinstance(each, JobResult):
            assert values(data / "out" / "stac", name) == {value}, year


@attrs.frozen
class Overtaken(FsspecStorage):
    """While one place is reserved, another collection takes a name in the other."""

    mosaics: str = attrs.field(default="", kw_only=True)

    def write(self, url: str, data: bytes, *, overwrite: bool = True) -> ObjectInfo:
        if url.endswith(".reserved.json"):
            theirs = b'{"collection": "b", "documents": ["C.json"]}'
            super().write(f"{self.mosaics}/b-1.reserved.json", theirs)
        return super().write(url, data, overwrite=overwrite)


def test_of_two_places_both_are_reserved_or_none(data: Path) -> None:
    maps = str(data / "maps")
    places = {"output_container": str(data / "out"), "mosaicjson_container": maps}
    with pytest.raises(OutputTakenError, match="collection 'b'"):
        run(data, "2019", "c", storage=Overtaken(mosaics=maps), **places)
    assert not list((data / "out").glob("*.reserved.json"))
    assert [path.name for path in (data / "maps").iterdir()] == ["b-1.reserved.json"]


@attrs.frozen
class Mute(FsspecStorage):
    """A store that does not tell what is in it."""

    def list(self, url: str, *, deep: bool = True) -> Iterator[ObjectInfo]:
        if not deep:
            raise BackendError("no right to list", "", url)
        return super().list(url)


def test_a_place_that_cannot_be_asked_is_not_an_empty_one(data: Path) -> None:
    text = refused(BackendError, data, "2019", "c", output_container=str(data / "out"), storage=Mute())
    assert "no right to list" in text


def stored_value(storage: FsspecStorage, url: str) -> set[int]:
    with MemoryFile(io.BytesIO(storage.read(url)).getvalue()) as file, file.open() as cog:
        return set(np.unique(cog.read()).tolist())


@pytest.fixture(scope="module")
def s3() -> Iterator[Mapping[str, Any]]:
    """Storage options of an S3 server with the bucket ``outputs``."""
    server = pytest.importorskip("moto.server", reason="pip install 'moto[server]'")
    pytest.importorskip("s3fs", reason="pip install s3fs")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    running.start()
    host, port = running.get_host_and_port()
    options = {"key": "made-up", "secret": "made-up", "endpoint_url": f"http://{host}:{port}"}
    fsspec.filesystem("s3", **options).mkdir("outputs")
    yield options
    running.stop()


@pytest.mark.parametrize("place", ["memory://outputs/x", "s3://outputs/x"])
def test_places_in_stores_are_kept_apart_alike(data: Path, place: str, request: pytest.FixtureRequest) -> None:
    options = request.getfixturevalue("s3") if place.startswith("s3") else {}
    storage = FsspecStorage(options)
    out = {"output_container": place, "storage_options": options, "create_stac_collection": False}
    run(data, "2019", "a", **out)
    before = {info.url: info.version for info in storage.list(place)}
    assert "tile_0_cog_analysis.tif" in refused(OutputTakenError, data, "2020", "b", **out)
    assert {info.url: info.version for info in storage.list(place)} == before
    assert stored_value(storage, f"{place}/tile_0_cog_analysis.tif") == {10}
    storage.write(f"{place}/b/tile_1_cog_analysis.tif", b"somebody's")
    assert "tile_1_cog" in refused(OutputTakenError, data, "2020", "b", output_folder="b", **out)
    storage.delete(f"{place}/b/tile_1_cog_analysis.tif")
    run(data, "2020", "b", output_folder="b", **out)
    assert stored_value(storage, f"{place}/b/tile_0_cog_analysis.tif") == {200}


def test_the_command_line_refuses_with_what_to_set(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(data, "2019", "a", output_container=str(data / "out"))
    arguments = [str(data / "2020"), "--id", "b", "--output", str(data / "out"), "--target-crs", "EPSG:32642"]
    for command in ("plan", "run"):
        assert main([command, *arguments, "--jobs", "memory"]) == 2
        told = capsys.readouterr().err
        assert "OUTPUT_TAKEN" in told
        assert "--output-folder nothing: " in told


@pytest.mark.parametrize("pattern", ["*.tif", "**/*.tif"])
def test_what_a_job_made_among_its_sources_is_no_source_of_the_next(data: Path, pattern: str) -> None:
    """Theirs, called as ours are, are sources; ours are known whatever they are called."""
    write_tile(data / "2019" / "theirs_cog_analysis.tif", 0, 0)
    places = {"output_container": str(data / "2019"), "create_stac_collection": False}
    first = run(data, "2019", "one", blob_list=[pattern], **places)
    again = run(data, "2019", "two", blob_list=[pattern], output_folder="old", **places)
    blobs = ["theirs_cog_analysis.tif", "tile_0.tif", "tile_1.tif"]
    assert [tile.blob for tile in first.tiles] == blobs
    assert [tile.blob for tile in again.tiles] == blobs
    (told,) = (notice for notice in again.summary["notices"] if notice["code"] == "PATTERN_LEFT_OUT")
    assert "made by this library" in told["message"]
    assert "tile_0_cog_analysis.tif" in told["message"]


def test_the_command_line_takes_a_folder_that_outputs_lie_in(data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = str(data / "2019")
    for _ in range(2):
        assert main(["run", folder, "--id", "c", "--output", folder, "--jobs", "memory", "--executor", "serial"]) == 0
    assert capfd.readouterr().out.count("2 of 2 tiles") == 2


@pytest.mark.parametrize("damage", ["gone", "cut", "empty"])
def test_a_user_runs_his_own_job_again_whatever_became_of_the_reservation(data: Path, damage: str) -> None:
    assert run(data, "2019", "y2019").status == "completed"
    (document,) = (data / "cogs" / "y2019").glob("*.reserved.json")
    if damage == "gone":
        document.unlink()
    else:
        document.write_bytes(document.read_bytes()[:50] if damage == "cut" else b"")
    assert run(data, "2019", "y2019").status == "completed"
    assert len(list((data / "cogs" / "y2019").glob("*.reserved.json"))) == 1
