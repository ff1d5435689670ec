"""When a guard is asked: all of the content is there, and one step is left that makes it visible."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import fsspec
import pytest

from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.core.lease import Mark
from rastercollection.core.temporaries import mark_of, part_name
from rastercollection.errors import LeaseLostError
from rastercollection.testing.scripted import ScriptedGuard
from services.stores import Store

LARGE = bytes(range(256)) * (17 * 4096)
MARK = Mark(job="0123456789ab", token=7)


@attrs.frozen
class Looking:
    """A guard that looks at what there is when it is asked."""

    look: Callable[[], Any]
    seen: list[Any] = attrs.field(factory=list)
    mark: Mark = MARK

    def check(self) -> None:
        self.seen.append(self.look())


def sizes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.iterdir()}


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_file_is_complete_when_the_guard_is_asked_and_not_there_yet(tmp_path: Path, overwrite: bool) -> None:
    source, target = tmp_path / "source", tmp_path / "out" / "tile.tif"
    source.write_bytes(LARGE)
    target.parent.mkdir()
    guard = Looking(lambda: sizes(target.parent))
    FsspecStorage().guarded(guard).put(str(source), str(target), overwrite=overwrite)
    [seen] = guard.seen
    [(name, size)] = seen.items()
    assert size == len(LARGE)
    assert mark_of(name) == MARK
    assert sizes(target.parent) == {"tile.tif": len(LARGE)}


def test_who_was_swept_meanwhile_hears_of_the_lost_lease(tmp_path: Path) -> None:
    """Another runner sweeps between the question and the step that would have made old pixels visible."""
    target = tmp_path / "tile.tif"
    target.write_bytes(b"of another runner")

    @attrs.frozen
    class Overtaken(ScriptedGuard):
        def check(self) -> None:
            super().check()
            FsspecStorage().sweep(str(tmp_path), lambda mark: mark.is_over("0123456789abcdef", 8))

    with pytest.raises(LeaseLostError):
        FsspecStorage().guarded(Overtaken(allowed=1)).write(str(target), b"old")
    assert target.read_bytes() == b"of another runner"
    assert sizes(tmp_path) == {"tile.tif": 17}


@pytest.mark.parametrize("name", ["x" * 255, "ж" * 127, "🛰" * 63, ".", "a"], ids=["x", "two", "four", "dot", "a"])
def test_temporary_names_tell_their_owner_and_fit(tmp_path: Path, name: str) -> None:
    mark = attrs.evolve(MARK, token=2**62, owner=attrs.evolve(MARK.owner, process=4_194_304, started=2**62))
    made = part_name(name, mark)
    assert len(os.fsencode(made)) <= 255
    assert mark_of(made) == mark
    (tmp_path / made).write_bytes(b"")
    assert list(FsspecStorage().list(str(tmp_path))) == []


def uploads(store: Store, container: str) -> list[tuple[str, str]]:
    fs = fsspec.filesystem("s3", **store.options)
    found = fs.list_multipart_uploads(container.removeprefix("s3://"))
    return [(upload["Key"], upload["UploadId"]) for upload in found]


def test_all_parts_are_at_s3_when_the_guard_is_asked(s3_store: Store, tmp_path: Path) -> None:
    container = s3_store.new_container()
    url, fs = f"{container}/tile.tif", fsspec.filesystem("s3", **s3_store.options)
    (tmp_path / "tile.tif").write_bytes(LARGE)

    def look() -> int:
        assert not fs.exists(url)
        [(key, upload)] = uploads(s3_store, container)
        bucket = container.removeprefix("s3://")
        return sum(part["Size"] for part in fs.call_s3("list_parts", Bucket=bucket, Key=key, UploadId=upload)["Parts"])

    guard = Looking(look)
    FsspecStorage(s3_store.options).guarded(guard).put(str(tmp_path / "tile.tif"), url)
    assert guard.seen == [len(LARGE)]
    assert s3_store.get(url) == LARGE
    assert fs.info(url, refresh=True)["ContentType"] == "image/tiff"
    assert uploads(s3_store, container) == []


def test_what_a_killed_upload_left_at_s3_is_gone_with_the_next_of_the_same_object(s3_store: Store) -> None:
    container = s3_store.new_container()
    bucket, fs = container.removeprefix("s3://"), fsspec.filesystem("s3", **s3_store.options)
    for key in ("tile.tif", "tile.tif.other"):
        fs.call_s3("create_multipart_upload", Bucket=bucket, Key=key)
    storage = FsspecStorage(s3_store.options)
    storage.write(f"{container}/tile.tif", LARGE)
    assert [key for key, _ in uploads(s3_store, container)] == ["tile.tif", "tile.tif.other"]
    storage.guarded(ScriptedGuard(allowed=1)).write(f"{container}/tile.tif", LARGE)
    assert [key for key, _ in uploads(s3_store, container)] == ["tile.tif.other"]
    assert storage.read(f"{container}/tile.tif") == LARGE


def test_a_part_that_fails_leaves_nothing_at_s3(s3_store: Store) -> None:
    container = s3_store.new_container()
    s3_store.proxy.fail("partNumber=2", "status", status=403)
    try:
        with pytest.raises(Exception, match=r"tile\.tif"):
            FsspecStorage(s3_store.options).write(f"{container}/tile.tif", LARGE)
    finally:
        s3_store.proxy.heal()
    assert uploads(s3_store, container) == []
    assert not FsspecStorage(s3_store.options).exists(f"{container}/tile.tif")


@pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")  # of azure-storage-blob
def test_blocks_that_were_refused_never_become_a_blob(azure_store: Store) -> None:
    url, storage = f"{azure_store.new_container()}/tile.tif", FsspecStorage(azure_store.options)
    with pytest.raises(LeaseLostError):
        storage.guarded(ScriptedGuard()).write(url, LARGE)
    gc.collect()
    assert not storage.exists(url)
    storage.write(url, LARGE)
    assert azure_store.get(url) == LARGE
