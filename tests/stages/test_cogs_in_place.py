"""What is looked at of a job's COGs right before they are published, and what is believed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.core.records import multihash
from rastercollection.errors import TaskError
from rastercollection.model.cog import Cog
from rastercollection.model.output import Output
from rastercollection.ports.storage import ObjectInfo
from rastercollection.stages import cogs_in_place
from rastercollection.stages.cogs_in_place import CogsInPlace
from rastercollection.testing.sample_records import sample_cog

STORAGE = FsspecStorage()


def written(folder: Path, count: int) -> list[Cog]:
    return [_written(folder / f"{number:03d}.tif", b"a COG") for number in range(count)]


def _written(path: Path, data: bytes) -> Cog:
    info = STORAGE.write(str(path), data)
    output = Output(url=info.url, size=info.size, version=info.version, checksum=multihash(data))
    return sample_cog(path.stem, outputs=(output,))


@pytest.fixture(params=[2, cogs_in_place._FEW + 1], ids=["few", "many"])
def cogs(request: pytest.FixtureRequest, tmp_path: Path) -> list[Cog]:
    return written(tmp_path, request.param)


def test_what_is_there_as_it_was_is_confirmed(cogs: list[Cog]) -> None:
    CogsInPlace(cogs=cogs, storage=STORAGE).confirm()


@pytest.mark.parametrize("content", [None, b"A COG", b"a longer one"])
def test_what_is_gone_or_another_file_is_named(cogs: list[Cog], content: bytes | None) -> None:
    path = Path(cogs[1].outputs[0].url)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TaskError, match=r"1 COGs were removed, or written over.*: 001\.tif\."):
        CogsInPlace(cogs=cogs, storage=STORAGE).confirm()


def test_what_was_written_again_as_it_was_is_read_once(cogs: list[Cog], monkeypatch: pytest.MonkeyPatch) -> None:
    """Two machines that do the same job write the same files."""
    Path(cogs[1].outputs[0].url).unlink()
    _written(Path(cogs[1].outputs[0].url), b"a COG")
    in_place, read = CogsInPlace(cogs=cogs, storage=STORAGE), cogs_in_place.checksum_of
    looked: list[str] = []
    monkeypatch.setattr(cogs_in_place, "checksum_of", lambda *args: (looked.append(args[1]), read(*args))[1])
    in_place.confirm()
    in_place.confirm()
    assert looked == [cogs[1].outputs[0].url]
    Path(cogs[1].outputs[0].url).unlink()
    with pytest.raises(TaskError):
        in_place.confirm()


@attrs.frozen
class Forgetful(FsspecStorage):
    """A store whose listings are not up to date."""

    def list(self, url: str, *, deep: bool = True) -> Iterator[ObjectInfo]:
        return iter(list(super().list(url, deep=deep))[1:])


def test_a_listing_that_lacks_a_file_proves_nothing(cogs: list[Cog]) -> None:
    CogsInPlace(cogs=cogs, storage=Forgetful()).confirm()


def test_of_many_in_a_folder_none_is_asked_for_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cogs = written(tmp_path, cogs_in_place._FEW + 1)

    def ask(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(FsspecStorage, "stat", ask)
    CogsInPlace(cogs=cogs, storage=STORAGE).confirm()
