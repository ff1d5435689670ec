"""What is read of an output before it is taken over, and what is believed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.core.records import multihash
from rastercollection.errors import ObjectNotFoundError, UnavailableError
from rastercollection.model.output import SMALL, Output, Verify
from rastercollection.stages import verifying
from rastercollection.stages.verifying import checksum_of, is_as_written, is_file

STORAGE = FsspecStorage()


def written(path: Path, data: bytes, *, shared: bool = False) -> Output:
    info = STORAGE.write(str(path), data)
    return Output(url=info.url, size=info.size, version=info.version, checksum=multihash(data), shared=shared)


def rot(path: Path) -> None:
    """Another last byte, of the same size and time."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"!")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("verify", ["quick", "checksum"])
@pytest.mark.parametrize("size", [1, SMALL, SMALL + 1])
def test_content_is_compared_where_it_is_small_or_asked_for(tmp_path: Path, size: int, verify: Verify) -> None:
    output = written(tmp_path / "a", b"a" * size)
    assert is_as_written(output, STORAGE, verify)
    assert is_file(STORAGE, output.url, size=size, checksum=output.checksum, verify=verify)
    rot(tmp_path / "a")
    is_seen = size <= SMALL or verify == "checksum"
    assert is_as_written(output, STORAGE, verify) != is_seen
    assert is_file(STORAGE, output.url, size=size, checksum=output.checksum, verify=verify) != is_seen


def test_size_time_and_absence_are_seen_always(tmp_path: Path) -> None:
    output = written(tmp_path / "a", b"a" * (SMALL + 1))
    os.utime(tmp_path / "a", ns=(1, 1))
    assert not is_as_written(output, STORAGE, "quick")
    (tmp_path / "a").unlink()
    assert not is_as_written(output, STORAGE, "quick")
    assert not is_file(STORAGE, output.url, size=None, checksum="", verify="quick")


def test_what_others_write_too_need_only_be_there(tmp_path: Path) -> None:
    output = written(tmp_path / "a", b"a", shared=True)
    (tmp_path / "a").write_bytes(b"theirs")
    assert is_as_written(output, STORAGE, "checksum")
    (tmp_path / "a").unlink()
    assert not is_as_written(output, STORAGE, "checksum")


def test_a_store_that_cannot_be_asked_is_no_answer(tmp_path: Path) -> None:
    class Silent(FsspecStorage):
        def read(self, url: str, start: int = 0, end: int | None = None) -> bytes:
            raise UnavailableError("No answer.", "", f"{url} {start} {end}")

    output = written(tmp_path / "a", b"a")
    with pytest.raises(UnavailableError):
        is_as_written(output, Silent(), "quick")


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 16, 17])
def test_large_objects_are_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(verifying, "_AT_ONCE", 8)
    output = written(tmp_path / "a", os.urandom(size))
    assert checksum_of(STORAGE, output.url, size) == output.checksum
    (tmp_path / "a").unlink()
    with pytest.raises(ObjectNotFoundError):
        checksum_of(STORAGE, output.url, size)
