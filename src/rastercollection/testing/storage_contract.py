"""What every storage backend must do. Needs pytest.

Subclass it in a test module, under a name that pytest collects::

    class TestMyStorage(StorageContract):
        def make_storage(self):
            return MyStorage()

        @pytest.fixture
        def container(self, tmp_path):
            return f"mine://{tmp_path.name}"

        def raw_write(self, url, data): ...
        def raw_read(self, url): ...
        def refusing(self): ...

The raw helpers reach the objects without the backend, so that it is not judged by itself.
"""

from __future__ import annotations

import abc
import pickle
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar

import pytest

from rastercollection.errors import BackendError, ObjectExistsError, ObjectNotFoundError
from rastercollection.ports.addresses import blob_problem, join, relative
from rastercollection.ports.storage import StorageBackend
from rastercollection.testing.guarded_contract import GuardedStorageContract

__all__ = ["StorageContract"]


class StorageContract(GuardedStorageContract):
    """Tests of the meaning of :class:`~rastercollection.ports.storage.StorageBackend`.

    Attributes:
        names: Object names that must survive unchanged.
    """

    names: ClassVar[tuple[str, ...]] = (
        "plain.tif",
        "with space.tif",
        "100%.tif",
        "a%20b.tif",
        "hash#1.tif",
        "plus+and&.tif",
        "quote'\".tif",
        "O‘zbekiston/Наманган.tif",
        "nfc-\u00e9.tif",
        "nfd-e\u0301.tif",
        "emoji-🛰.tif",
        ".hidden.tif",
        "no_extension",
        "deep/er/and/deeper/x.tif",
    )

    @abc.abstractmethod
    def make_storage(self) -> StorageBackend:
        """The backend under test."""

    @abc.abstractmethod
    def refusing(self) -> AbstractContextManager[None]:
        """While it lasts, the store answers every question with an error: it forbids, or is overloaded, or away."""

    @pytest.fixture
    def storage(self) -> StorageBackend:
        return self.make_storage()

    def test_follows_the_protocol(self, storage: StorageBackend) -> None:
        assert isinstance(storage, StorageBackend)

    @pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 5000], ids=["empty", "byte", "megabyte"])
    def test_what_is_written_is_there(self, storage: StorageBackend, container: str, data: bytes) -> None:
        url = join(container, "new/folder/object.bin")
        written = storage.write(url, data)
        assert self.raw_read(url) == data
        assert storage.read(url) == data
        assert (written.url, written.size, written.is_folder) == (url, len(data), False)
        assert storage.stat(url) == written

    def test_every_name_survives(self, storage: StorageBackend, container: str) -> None:
        for name in self.names:
            assert not blob_problem(name)
            url = join(container, name)
            storage.write(url, name.encode())
            assert self.raw_read(url) == name.encode()
            assert storage.exists(url)
            assert storage.read(url) == name.encode()
        listed = [info.url for info in storage.list(container)]
        assert sorted(relative(container, url) for url in listed) == sorted(self.names)
        for url in listed:
            assert storage.read(url) == relative(container, url).encode()
            storage.delete(url)
            assert not storage.exists(url)

    def test_writing_replaces(self, storage: StorageBackend, container: str) -> None:
        url = join(container, "object")
        self.raw_write(url, b"old and longer")
        storage.write(url, b"new")
        assert self.raw_read(url) == b"new"

    def test_exclusive_writing_keeps_what_is_there(
        self, storage: StorageBackend, container: str, tmp_path: Path
    ) -> None:
        url = join(container, "object")
        (tmp_path / "local").write_bytes(b"new")
        storage.write(url, b"old", overwrite=False)
        with pytest.raises(ObjectExistsError):
            storage.write(url, b"new", overwrite=False)
        with pytest.raises(ObjectExistsError):
            storage.put(str(tmp_path / "local"), url, overwrite=False)
        assert self.raw_read(url) == b"old"
        assert [info.url for info in storage.list(container)] == [url]

    def test_one_of_many_exclusive_writers_wins(self, storage: StorageBackend, container: str) -> None:
        url = join(container, "claimed")
        start = threading.Barrier(8)

        def claim(number: int) -> int | None:
            start.wait()
            try:
                storage.write(url, b"%d" % number, overwrite=False)
            except ObjectExistsError:
                return None
            return number

        with ThreadPoolExecutor(8) as pool:
            winners = [number for number in pool.map(claim, range(8)) if number is not None]
        assert len(winners) == 1
        assert self.raw_read(url) == b"%d" % winners[0]

    @pytest.mark.parametrize(
        ("start", "end", "expected"),
        [
            (0, None, b"0123456789"),
            (3, None, b"3456789"),
            (0, 4, b"0123"),
            (3, 7, b"3456"),
            (8, 100, b"89"),
            (10, None, b""),
            (99, 100, b""),
            (5, 5, b""),
            (7, 3, b""),
        ],
    )
    def test_ranges(
        self, storage: StorageBackend, container: str, start: int, end: int | None, expected: bytes
    ) -> None:
        url = join(container, "digits")
        self.raw_write(url, b"0123456789")
        assert storage.read(url, start, end) == expected

    def test_exists(self, storage: StorageBackend, container: str) -> None:
        self.raw_write(join(container, "folder/object"), b"x")
        assert storage.exists(join(container, "folder/object"))
        assert storage.exists(join(container, "folder"))
        assert not storage.exists(join(container, "folder/obj"))
        assert not storage.exists(join(container, "elsewhere"))
        assert not storage.exists(join(container, "folder/object/below"))

    def test_stat_tells_folders_from_objects(self, storage: StorageBackend, container: str) -> None:
        self.raw_write(join(container, "folder/object"), b"x")
        folder = storage.stat(join(container, "folder"))
        assert (folder.is_folder, folder.size) == (True, 0)
        assert not storage.stat(join(container, "folder/object")).is_folder

    def test_list_is_recursive_and_sorted(self, storage: StorageBackend, container: str) -> None:
        names = ["b/2", "a.tif", "a/z", "a/b/c", "b.x", "a-b", "a b"]
        for name in names:
            self.raw_write(join(container, "in", name), name.encode())
        self.raw_write(join(container, "inside"), b"not below the folder")
        found = list(storage.list(join(container, "in")))
        assert [info.url for info in found] == sorted(join(container, "in", name) for name in names)
        for info in found:
            assert info == storage.stat(info.url)
            assert info.size == len(relative(join(container, "in"), info.url))

    def test_a_list_of_the_folder_itself_goes_no_deeper(self, storage: StorageBackend, container: str) -> None:
        for name in ("b", "a.tif", "deep/c", "deep/er/d", "a.d/e"):
            self.raw_write(join(container, "in", name), name.encode())
        found = list(storage.list(join(container, "in"), deep=False))
        assert found == [storage.stat(join(container, "in", name)) for name in ("a.tif", "b")]
        with pytest.raises(ObjectNotFoundError):
            list(storage.list(join(container, "absent"), deep=False))

    def test_a_trailing_slash_changes_nothing(self, storage: StorageBackend, container: str) -> None:
        self.raw_write(join(container, "folder/object"), b"x")
        folder = join(container, "folder")
        assert [info.url for info in storage.list(folder + "/")] == [info.url for info in storage.list(folder)]

    def test_what_is_missing_is_said_to_be_missing(
        self, storage: StorageBackend, container: str, tmp_path: Path
    ) -> None:
        url = join(container, "missing/object")
        attempts: list[Callable[[], object]] = [
            lambda: storage.stat(url),
            lambda: storage.read(url),
            lambda: storage.read(url, 5, 10),
            lambda: list(storage.list(url)),
            lambda: storage.get(url, str(tmp_path / "local")),
        ]
        for attempt in attempts:
            with pytest.raises(ObjectNotFoundError):
                attempt()
        assert not (tmp_path / "local").exists()
        with pytest.raises(ObjectNotFoundError):
            storage.put(str(tmp_path / "no such file"), url)
        assert not storage.exists(url)

    def test_what_cannot_be_asked_is_not_absent(self, storage: StorageBackend, container: str, tmp_path: Path) -> None:
        self.raw_write(join(container, "there"), b"x")
        attempts: list[Callable[[str], object]] = [
            storage.exists,
            storage.stat,
            storage.read,
            lambda url: storage.read(url, 5, 10),
            lambda url: list(storage.list(url)),
            lambda url: storage.get(url, str(tmp_path / "local")),
        ]
        with self.refusing():
            for url in (container, join(container, "there"), join(container, "missing/object")):
                for attempt in attempts:
                    with pytest.raises(BackendError) as caught:
                        attempt(url)
                    assert not isinstance(caught.value, ObjectNotFoundError)
        assert storage.exists(join(container, "there"))
        assert not storage.exists(join(container, "missing/object"))
        assert not (tmp_path / "local").exists()

    def test_what_has_been_looked_for_appears(self, storage: StorageBackend, container: str) -> None:
        """No listing or answer is remembered: other programs write there, too."""
        url = join(container, "folder/new")
        self.raw_write(join(container, "folder/old"), b"x")
        assert [info.url for info in storage.list(join(container, "folder"))] == [join(container, "folder/old")]
        assert not storage.exists(url)
        self.raw_write(url, b"new")
        assert storage.exists(url)
        assert storage.stat(url).size == 3
        assert url in [info.url for info in storage.list(join(container, "folder"))]

    def test_a_listed_object_is_no_folder(self, storage: StorageBackend, container: str) -> None:
        self.raw_write(join(container, "object"), b"x")
        with pytest.raises(ObjectNotFoundError):
            list(storage.list(join(container, "object")))

    def test_the_version_follows_the_content(self, storage: StorageBackend, container: str) -> None:
        url = join(container, "object")
        versions = [storage.write(url, b"%04d" % number).version for number in range(40)]
        assert len(set(versions)) == len(versions)
        assert storage.stat(url).version == versions[-1]
        assert storage.stat(url).version == versions[-1]
        self.raw_write(url, b"changed by another program")
        assert storage.stat(url).version not in versions

    def test_put_and_get(self, storage: StorageBackend, container: str, tmp_path: Path) -> None:
        data = bytes(range(256)) * 40_000
        source, target = tmp_path / "source", tmp_path / "new folder" / "target"
        source.write_bytes(data)
        url = join(container, "put/object")
        info = storage.put(str(source), url)
        assert source.read_bytes() == self.raw_read(url) == data
        assert info == storage.stat(url)
        storage.get(url, str(target))
        assert target.read_bytes() == data
        source.write_bytes(b"shorter")
        storage.put(str(source), url)
        storage.get(url, str(target))
        assert target.read_bytes() == self.raw_read(url) == b"shorter"

    @pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 5000], ids=["empty", "byte", "megabyte"])
    def test_a_copy_is_equal_and_leaves_its_source_alone(
        self, storage: StorageBackend, container: str, data: bytes
    ) -> None:
        source, target = join(container, "from/a b.tif"), join(container, "new/folder/c d.tif")
        self.raw_write(source, data)
        before = storage.stat(source)
        made = storage.copy(source, target)
        assert self.raw_read(target) == self.raw_read(source) == data
        assert (made.url, made.size, made.is_folder) == (target, len(data), False)
        assert storage.stat(target) == made
        assert storage.stat(source) == before
        assert sorted(info.url for info in storage.list(container)) == sorted([source, target])
        storage.delete(source)
        assert self.raw_read(target) == data

    def test_a_copy_replaces_and_has_a_version_of_its_own(self, storage: StorageBackend, container: str) -> None:
        url = join(container, "target")
        old = storage.write(url, b"old and longer")
        self.raw_write(join(container, "source"), b"new")
        made = storage.copy(join(container, "source"), url)
        assert self.raw_read(url) == b"new"
        assert made == storage.stat(url)
        assert made.version != old.version

    def test_copying_onto_itself_keeps_the_content(self, storage: StorageBackend, container: str) -> None:
        url = join(container, "object")
        self.raw_write(url, b"content")
        assert storage.copy(url, url).size == 7
        assert self.raw_read(url) == b"content"

    def test_what_cannot_be_copied_leaves_the_target_alone(self, storage: StorageBackend, container: str) -> None:
        url = join(container, "target")
        self.raw_write(url, b"old")
        self.raw_write(join(container, "folder/object"), b"x")
        with pytest.raises(ObjectNotFoundError):
            storage.copy(join(container, "missing/object"), url)
        with pytest.raises(BackendError):
            storage.copy(join(container, "folder"), url)
        assert self.raw_read(url) == b"old"
        with pytest.raises(ObjectNotFoundError):
            storage.copy(join(container, "missing/object"), join(container, "never/made"))
        assert not storage.exists(join(container, "never/made"))

    def test_delete_is_idempotent(self, storage: StorageBackend, container: str) -> None:
        url = join(container, "object")
        self.raw_write(url, b"x")
        storage.delete(url)
        storage.delete(url)
        storage.delete(join(container, "never/was"))
        assert not storage.exists(url)

    @pytest.mark.parametrize("by", ["write", "copy"])
    def test_readers_see_whole_objects_only(self, storage: StorageBackend, container: str, by: str) -> None:
        url = join(container, "busy")
        contents = [bytes([value]) * size for value, size in ((1, 300_000), (2, 100), (3, 150_000))]
        for number, content in enumerate(contents):
            storage.write(join(container, f"source-{number}"), content)
        storage.write(url, contents[0])
        done = threading.Event()

        def write() -> None:
            try:
                for turn in range(30):
                    if by == "copy":
                        storage.copy(join(container, f"source-{turn % 3}"), url)
                    else:
                        storage.write(url, contents[turn % 3])
            finally:
                done.set()

        def seen() -> Iterator[bytes]:
            while not done.is_set():
                yield storage.read(url)

        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(write)
            strange = [len(data) for data in seen() if data not in contents]
            writing.result()
        assert strange == []

    def test_survives_pickling(self, storage: StorageBackend, container: str) -> None:
        url = join(container, "object")
        storage.write(url, b"x")
        copy = pickle.loads(pickle.dumps(storage))
        if not storage.is_process_local(url):
            assert copy.read(url) == b"x"
        assert repr(copy) == repr(storage)

    def test_foreign_addresses_are_refused(self, storage: StorageBackend) -> None:
        for url in ("nosuchscheme://a/b", "simplecache::" + "https://127.0.0.1/x", "/vsicurl/http://127.0.0.1/x", ""):
            with pytest.raises(BackendError):
                storage.read(url)
            with pytest.raises(BackendError):
                storage.gdal_source(url)

    def test_public_addresses_carry_no_secrets(self, storage: StorageBackend, container: str) -> None:
        url = storage.public_url(join(container, "a b.tif"))
        assert not url.startswith("/vsi")
        assert "@" not in url.partition("://")[2].partition("/")[0]
        assert url.endswith("a b.tif")

    def test_folders_cannot_be_read(self, storage: StorageBackend, container: str, tmp_path: Path) -> None:
        self.raw_write(join(container, "folder/object"), b"x")
        with pytest.raises(BackendError):
            storage.read(join(container, "folder"))
        with pytest.raises(BackendError):
            storage.get(join(container, "folder"), str(tmp_path / "local"))
