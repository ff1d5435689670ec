"""Removing from collections beside others, and after a removal that died: nothing is lost, nothing dangles."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rastercollection import (
    RequestError,
    check_collection,
    list_collections,
    process_collection,
    push_collection,
    remove_collection,
)
from rastercollection.backends.catalogs.static.static_catalog import StaticCatalog
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.cli.demo import make_scene
from rastercollection.core.records import multihash
from rastercollection.errors import UnavailableError
from rastercollection.job.upkeep import collection_clearing

_DYING = """
import os, signal, sys
from rastercollection import remove_collection
from rastercollection.backends.storage.fsspec import FsspecStorage

left = int(sys.argv[1])

def dying(call):
    def called(*args, **kwargs):
        global left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*args, **kwargs)
    return called

for name in ("write", "put", "delete"):
    setattr(FsspecStorage, name, dying(getattr(FsspecStorage, name)))
remove_collection(sys.argv[2], sys.argv[3:], every_tile=not sys.argv[3:])
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    make_scene(folder / "bronze", size=96)
    shutil.copy(folder / "bronze/namangan_b2.tif", folder / "bronze/namangan_c1.tif")
    process_collection(
        container_name=folder / "bronze",
        blob_list="*_[ab][12].tif",
        collection_id="fields",
        output_container=folder / "out",
        mosaicjson_container=folder / "mosaics",
        jobs="memory",
    )
    return folder


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    for name in ("out", "mosaics"):
        shutil.copytree(finished / name, tmp_path / name)
    return tmp_path / "out"


def _items(out: Path) -> list[str]:
    document = json.loads((out / "stac/fields/collection.json").read_text())
    return sorted(Path(link["href"]).stem for link in document["links"] if link["rel"] == "item")


def _findings(out: Path) -> tuple[Any, ...]:
    return check_collection(out, verify="checksum", jobs="memory").findings


def _after_reading(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Have something happen between a removal's look at the collection and its changes."""
    read = collection_clearing._meant

    def then(*args: Any) -> Any:
        found = read(*args)
        monkeypatch.setattr(collection_clearing, "_meant", read)
        act()
        return found

    monkeypatch.setattr(collection_clearing, "_meant", then)


def test_of_two_at_once_both_are_removed(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _after_reading(monkeypatch, lambda: remove_collection(out, "namangan_a1"))
    remove_collection(out, "namangan_b1")
    assert _items(out) == ["namangan_a2", "namangan_b2"]
    assert _findings(out) == ()


def test_what_a_job_adds_meanwhile_stays(finished: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = {"container_name": finished / "bronze", "collection_id": "fields", "output_container": out, "jobs": "memory"}
    folders = {"mosaicjson_container": out.parent / "mosaics"}
    _after_reading(monkeypatch, lambda: process_collection(**job, **folders, blob_list="*_c1.tif"))
    remove_collection(out, "namangan_b1")
    assert _items(out) == ["namangan_a1", "namangan_a2", "namangan_b2", "namangan_c1"]
    assert _findings(out) == ()


def test_what_a_job_makes_again_meanwhile_is_not_deleted(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cog = next(out.glob("*_b1_cog_*.tif"))
    publish = StaticCatalog.publish

    def made_again(*args: Any, **kwargs: Any) -> Any:
        cog.write_bytes(cog.read_bytes())
        return publish(*args, **kwargs)

    monkeypatch.setattr(StaticCatalog, "publish", made_again)
    remove_collection(out, "namangan_b1")
    assert cog.exists()


@pytest.mark.parametrize("step", [2, 4, 8, 16, 18])
def test_a_removal_of_tiles_that_was_killed_is_ended_by_the_same_call(out: Path, step: int) -> None:
    assert _killed(step, out, "namangan_a1", "namangan_b1")
    removal = remove_collection(out, ["namangan_a1", "namangan_b1"])
    assert removal.items == ("namangan_a1", "namangan_b1")
    assert _items(out) == ["namangan_a2", "namangan_b2"]
    assert not [path for path in out.rglob("*") if "_a1" in path.name or "_b1" in path.name or "removing" in path.name]
    assert _findings(out) == ()


@pytest.mark.parametrize("step", [3, 5, 12, 20, 22])
def test_a_removal_of_all_that_was_killed_is_ended_by_the_same_call(out: Path, step: int) -> None:
    assert _killed(step, out)
    remove_collection(out, every_tile=True)
    left = [path.relative_to(out.parent).as_posix() for path in out.parent.rglob("*") if path.is_file()]
    assert left == ["out/stac/catalog.json"]


def _killed(step: int, *arguments: object) -> bool:
    command = [sys.executable, "-c", _DYING, str(step), *map(str, arguments)]
    return subprocess.run(command, env=os.environ, check=False, timeout=60).returncode == -signal.SIGKILL


def test_files_that_are_no_collections_own_are_never_deleted(out: Path) -> None:
    """Documents may say anything: a stranger's item may link to a file of ours."""
    diary = out.parent / "diary" / "namangan_b1.txt"
    diary.parent.mkdir()
    diary.write_text("mine")
    beside = out / "notes.txt"
    beside.write_text("mine")
    item = out / "stac/fields/items/namangan_b1.json"
    document = json.loads(item.read_text())
    document["assets"] |= {"diary": {"href": str(diary)}, "notes": {"href": "../../../notes.txt"}}
    item.write_text(json.dumps(document))
    collection = out / "stac/fields/collection.json"
    published = json.loads(collection.read_text())
    for link in published["links"]:
        if link["href"].endswith("namangan_b1.json"):
            link |= {"file:checksum": multihash(item.read_bytes()), "file:size": item.stat().st_size}
    collection.write_text(json.dumps(published))
    removal = remove_collection(out, "namangan_b1")
    assert set(removal.spared) == {str(diary), str(beside)}
    assert (diary.read_text(), beside.read_text()) == ("mine", "mine")


@pytest.mark.parametrize("tiles", [["namangan_a1"], []], ids=["a tile", "all"])
def test_what_keeps_the_names_and_cannot_be_read_is_not_taken_for_missing(
    out: Path, tiles: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the items would go, and nothing would tell any more that the files are the collection's."""
    before, read = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}, FsspecStorage.read

    def failing(self: FsspecStorage, url: str, *range: Any) -> bytes:
        if url.endswith(".reserved.json"):
            raise UnavailableError("Not now.")
        return read(self, url, *range)

    monkeypatch.setattr(FsspecStorage, "read", failing)
    with pytest.raises(UnavailableError):
        remove_collection(out, tiles, every_tile=not tiles)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("tiles", [(), [], iter(())])
def test_no_tile_is_not_every_tile(out: Path, tiles: Any) -> None:
    before = sorted(out.rglob("*"))
    with pytest.raises(RequestError, match="every_tile=True"):
        remove_collection(out, tiles)
    assert sorted(out.rglob("*")) == before


def test_where_gdal_reads_nothing_in_place_as_anywhere(out: Path) -> None:
    place = "memory://clearing/fields"
    assert push_collection(out, place).findings == ()
    assert remove_collection(place, "namangan_b1").left == 3
    assert check_collection(place, jobs="memory").is_sound
    remove_collection(place, every_tile=True)
    assert list_collections(place) == ()
