"""Copies between stores: equal, whole, and through a file of this machine, never through memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.errors import NoSpaceError, PermissionDeniedError
from rastercollection.ports.addresses import join

DATA = bytes(range(256)) * 4000

LARGE_COPY = """
import resource, sys
from rastercollection.backends.storage.fsspec import FsspecStorage
storage = FsspecStorage()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
info = storage.copy(sys.argv[1], sys.argv[2])
print(info.size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.fixture
def places(tmp_path: Path) -> Iterator[dict[str, str]]:
    yield {"local": str(tmp_path / "disk"), "memory": f"memory://copies-{uuid.uuid4().hex}"}
    MemoryFileSystem.store.clear()


@pytest.mark.parametrize(("start", "end"), [("local", "memory"), ("memory", "local")])
def test_between_stores(places: dict[str, str], start: str, end: str) -> None:
    storage = FsspecStorage()
    source, target = join(places[start], "from/a b.tif"), join(places[end], "to/c.tif")
    storage.write(source, DATA)
    storage.write(target, b"old")
    made = storage.copy(source, target)
    assert storage.read(target) == storage.read(source) == DATA
    assert made == storage.stat(target)
    assert [info.url for info in storage.list(places[end])] == [target]


def test_what_fails_on_the_way_leaves_the_target_and_no_files(
    places: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = FsspecStorage()
    source, target = join(places["memory"], "source"), join(places["local"], "target")
    storage.write(source, DATA)
    storage.write(target, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NoSpaceError) as caught:
        storage.copy(source, target)
    assert (source in str(caught.value), target in str(caught.value)) == (True, True)
    assert Path(target).read_bytes() == b"old"
    assert os.listdir(places["local"]) == ["target"]


def test_a_store_that_copies_in_the_background_is_not_asked_to(
    places: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Azure: the object passes through a temporary file, which is gone afterwards."""
    monkeypatch.setattr("rastercollection.backends.storage.remote._COPY_AT_ONCE", ())
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    storage = FsspecStorage()
    source, target = join(places["memory"], "source"), join(places["memory"], "target")
    storage.write(source, DATA)

    def refuse(*args: object) -> None:
        raise PermissionError

    monkeypatch.setattr(MemoryFileSystem, "cp_file", refuse)
    assert storage.copy(source, target).size == len(DATA)
    assert storage.read(target) == DATA
    assert os.listdir(tmp_path) == []
    monkeypatch.undo()
    monkeypatch.setattr(MemoryFileSystem, "cp_file", refuse)
    with pytest.raises(PermissionDeniedError):
        storage.copy(source, target)


def test_large_objects_are_copied_in_little_memory(tmp_path: Path) -> None:
    source, target = tmp_path / "large", tmp_path / "copy"
    with source.open("wb") as file:
        file.truncate(300 * 2**20)
        file.write(b"begin")
    command = [sys.executable, "-c", LARGE_COPY, str(source), str(target)]
    size, kilobytes = map(int, subprocess.run(command, capture_output=True, check=True, text=True).stdout.split())
    assert size == source.stat().st_size == target.stat().st_size
    assert target.read_bytes()[:5] == b"begin"
    assert kilobytes < 50 * 1024
