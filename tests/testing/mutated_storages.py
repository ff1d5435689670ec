"""Storage backends that break one promise each; see ``test_mutants``."""

from __future__ import annotations

import contextlib
import os
import random
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.errors import BackendError, ObjectExistsError, ObjectNotFoundError
from rastercollection.testing.storage_contract import StorageContract


class Sound(FsspecStorage):
    """Objects on the local disk."""


class WritesInPieces(Sound):
    def write(self, url: str, data: bytes, *, overwrite: bool = True) -> Any:
        with open(url, "wb") as file:
            for start in range(0, len(data), 20_000):
                file.write(data[start : start + 20_000])
                file.flush()
                time.sleep(0.0005)
        return self.stat(url)


class TakesTroubleForAbsence(Sound):
    def exists(self, url: str) -> bool:
        try:
            return super().exists(url)
        except BackendError:
            return False


_SEEN: dict[str, bool] = {}


class Remembers(Sound):
    def exists(self, url: str) -> bool:
        return _SEEN.setdefault(url, super().exists(url))


class GoesBySize(Sound):
    def stat(self, url: str) -> Any:
        info = super().stat(url)
        return attrs.evolve(info, version=str(info.size))

    def write(self, url: str, data: bytes, *, overwrite: bool = True) -> Any:
        super().write(url, data, overwrite=overwrite)
        return self.stat(url)


class AlwaysOverwrites(Sound):
    def write(self, url: str, data: bytes, *, overwrite: bool = True) -> Any:
        return super().write(url, data)


class LooksAndThenWrites(Sound):
    def write(self, url: str, data: bytes, *, overwrite: bool = True) -> Any:
        if not overwrite and self.exists(url):
            raise ObjectExistsError(f"{url} exists.", "", url)
        time.sleep(0.02)
        return super().write(url, data)


class ListsInAnyOrder(Sound):
    def list(self, url: str, *, deep: bool = True) -> Any:
        found = list(super().list(url, deep=deep))
        random.Random(1).shuffle(found)
        return iter(found)


class ListsNoFolders(Sound):
    def list(self, url: str, *, deep: bool = True) -> Any:
        return super().list(url, deep=False)


class ListsEverything(Sound):
    def list(self, url: str, *, deep: bool = True) -> Any:
        return super().list(url)


class ReadsToTheEnd(Sound):
    def read(self, url: str, start: int = 0, end: int | None = None) -> bytes:
        return super().read(url, start)


class ReadsNothingWhereNothingIs(Sound):
    def read(self, url: str, start: int = 0, end: int | None = None) -> bytes:
        try:
            return super().read(url, start, end)
        except ObjectNotFoundError:
            return b""


class ReadsAnything(Sound):
    def read(self, url: str, start: int = 0, end: int | None = None) -> bytes:
        try:
            return super().read(url, start, end)
        except BackendError:
            return b""


class QuotesNames(Sound):
    def write(self, url: str, data: bytes, *, overwrite: bool = True) -> Any:
        return super().write(urllib.parse.quote(url), data, overwrite=overwrite)


class MissesWhatItDeletes(Sound):
    def delete(self, url: str) -> None:
        self.stat(url)
        super().delete(url)


class MovesFiles(Sound):
    def put(self, local_path: str, url: str, *, overwrite: bool = True) -> Any:
        info = super().put(local_path, url, overwrite=overwrite)
        os.remove(local_path)
        return info


class MovesObjects(Sound):
    def copy(self, source_url: str, target_url: str) -> Any:
        info = super().copy(source_url, target_url)
        os.remove(source_url)
        return info


class ShowsHowGdalReads(Sound):
    def public_url(self, url: str) -> str:
        return "/vsicurl/" + super().public_url(url)


class AsksNobody(Sound):
    def guarded(self, guard: Any) -> Any:
        return self


class HoldsAConnection(Sound):
    def __getstate__(self) -> Any:
        raise TypeError("cannot pickle a connection")


class TakesAnyAddress(Sound):
    def gdal_source(self, url: str) -> Any:
        return None


MUTANTS: dict[type[Any], str] = {
    WritesInPieces: "test_readers_see_whole_objects_only[write]",
    TakesTroubleForAbsence: "test_what_cannot_be_asked_is_not_absent",
    Remembers: "test_what_has_been_looked_for_appears",
    GoesBySize: "test_the_version_follows_the_content",
    AlwaysOverwrites: "test_exclusive_writing_keeps_what_is_there",
    LooksAndThenWrites: "test_one_of_many_exclusive_writers_wins",
    ListsInAnyOrder: "test_list_is_recursive_and_sorted",
    ListsNoFolders: "test_list_is_recursive_and_sorted",
    ListsEverything: "test_a_list_of_the_folder_itself_goes_no_deeper",
    ReadsToTheEnd: "test_ranges[3-7-3456]",
    ReadsNothingWhereNothingIs: "test_what_is_missing_is_said_to_be_missing",
    ReadsAnything: "test_folders_cannot_be_read",
    QuotesNames: "test_every_name_survives",
    MissesWhatItDeletes: "test_delete_is_idempotent",
    MovesFiles: "test_put_and_get",
    MovesObjects: "test_a_copy_is_equal_and_leaves_its_source_alone[byte]",
    ShowsHowGdalReads: "test_public_addresses_carry_no_secrets",
    AsksNobody: "test_a_guard_that_refuses_keeps_all_as_it_was",
    HoldsAConnection: "test_survives_pickling",
    TakesAnyAddress: "test_foreign_addresses_are_refused",
}


class OnDisk(StorageContract):
    @pytest.fixture
    def container(self, tmp_path: Path) -> str:
        (tmp_path / "bronze").mkdir()
        return str(tmp_path / "bronze")

    def raw_write(self, url: str, data: bytes) -> None:
        Path(url).parent.mkdir(parents=True, exist_ok=True)
        Path(url).write_bytes(data)

    def raw_read(self, url: str) -> bytes:
        return Path(url).read_bytes()

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        def fail(*args: object, **kwargs: object) -> None:
            raise PermissionError(13, "Permission denied")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "stat", fail)
            yield


def suite(kind: type[Any]) -> type[StorageContract]:
    return type(kind.__name__, (OnDisk,), {"make_storage": lambda self: kind(), "__module__": __name__})


globals().update({f"Suite{kind.__name__}": suite(kind) for kind in (Sound, *MUTANTS)})
