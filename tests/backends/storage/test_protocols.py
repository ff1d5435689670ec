"""Protocols that only fsspec knows: which are accepted, what is told where a package is missing, and the contract."""

from __future__ import annotations

import contextlib
import sys
import zipfile
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem
from fsspec.registry import _registry
from test_storage_contract import failing

from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.backends.storage.protocols import is_protocol
from rastercollection.errors import BackendError, PrivateAddressError
from rastercollection.testing.storage_contract import StorageContract


class ShelfFileSystem(DirFileSystem):
    """A file system that this test alone knows: a folder of this machine, whose path is an option."""

    protocol = "shelf"

    def __init__(self, folder: str) -> None:
        super().__init__(path=folder, fs=LocalFileSystem())


class CopyingFileSystem(ShelfFileSystem):
    """Cannot rename."""

    protocol = "copying"
    mv = fsspec.AbstractFileSystem.mv


class OvertakenFileSystem(ShelfFileSystem):
    """Looks whether a folder is there and then makes it, as that of SFTP does; somebody else is always in between."""

    protocol = "overtaken"

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        super().makedirs(path, exist_ok=True)
        raise OSError("File exists")


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (ShelfFileSystem, CopyingFileSystem, OvertakenFileSystem):
        monkeypatch.setitem(_registry, kind.protocol, kind)


@pytest.mark.usefixtures("shelf")
class TestAProtocolThatWasRegistered(StorageContract):
    """The whole contract holds where the file system can rename."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "shelf"
        (self.folder / "bronze").mkdir(parents=True)

    def make_storage(self) -> FsspecStorage:
        return FsspecStorage({"folder": str(self.folder)})

    @pytest.fixture
    def container(self) -> str:
        return "shelf://bronze"

    def _path(self, url: str) -> Path:
        return self.folder / url.removeprefix("shelf://")

    def raw_write(self, url: str, data: bytes) -> None:
        self._path(url).parent.mkdir(parents=True, exist_ok=True)
        self._path(url).write_bytes(data)

    def raw_read(self, url: str) -> bytes:
        return self._path(url).read_bytes()

    def left_behind(self, container: str) -> list[str]:
        return [str(path) for path in self.folder.rglob(".*.part")]

    def refusing(self) -> contextlib.AbstractContextManager[None]:
        return failing(LocalFileSystem, "info", "ls", "find", "cat_file", "open")


@pytest.mark.usefixtures("shelf")
def test_without_renaming_objects_are_written_all_the_same(tmp_path: Path) -> None:
    storage = FsspecStorage({"folder": str(tmp_path)})
    assert storage.write("copying://a/b.tif", b"x").size == 1
    assert storage.write("copying://a/b.tif", b"yy").size == 2
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.tif"]


def test_an_archive_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bronze.zip", "w") as archive:
        archive.writestr("scene/a.tif", b"content")
    storage = FsspecStorage({"fo": str(tmp_path / "bronze.zip")})
    (found,) = storage.list("zip://scene")
    assert found.url == "zip://scene/a.tif"
    assert found.version
    assert storage.read("zip://scene/a.tif", 3, 5) == b"te"
    storage.get("zip://scene/a.tif", str(tmp_path / "a.tif"))
    assert (tmp_path / "a.tif").read_bytes() == b"content"


@pytest.mark.parametrize("scheme", ["sftp", "hdfs", "github", "smb", "ftp", "webdav", "s3", "file", ""])
def test_what_fsspec_knows_is_a_protocol(scheme: str) -> None:
    assert is_protocol(scheme)


@pytest.mark.parametrize("scheme", ["nosuch", "simplecache", "asynclocal", "generic", "data"])
def test_what_nobody_knows_and_what_leads_elsewhere_is_none(scheme: str) -> None:
    assert not is_protocol(scheme)
    storage = FsspecStorage()
    for attempt in (storage.exists, storage.read, storage.gdal_source, storage.public_url):
        with pytest.raises(BackendError, match=f"{scheme} is none"):
            attempt(f"{scheme}://host/etc/passwd")


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paramiko", None)
    with pytest.raises(BackendError, match="paramiko"):
        FsspecStorage().exists("sftp://host.example/data/a.tif")
    with pytest.raises(BackendError, match="pip install ipfsspec"):
        FsspecStorage().exists("ipfs://QmNothing/a.tif")


def test_hosts_in_private_networks_are_not_for_strangers() -> None:
    with pytest.raises(PrivateAddressError, match="allow_private_hosts"):
        FsspecStorage().exists("ftp://127.0.0.1/a.tif")
    for allowed in (FsspecStorage(allow_private_hosts=True), FsspecStorage({"host": "127.0.0.1", "port": 9})):
        with pytest.raises(BackendError) as caught:
            allowed.exists("ftp://127.0.0.1:9/a.tif")
        assert not isinstance(caught.value, PrivateAddressError)


@pytest.mark.usefixtures("shelf")
def test_a_folder_that_somebody_else_makes_meanwhile_is_there(tmp_path: Path) -> None:
    FsspecStorage({"folder": str(tmp_path)}).write("overtaken://new/folder/a", b"whole")
    assert (tmp_path / "new/folder/a").read_bytes() == b"whole"
