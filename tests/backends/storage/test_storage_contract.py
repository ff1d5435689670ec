"""The shipped contract over every place the bundled storage can write to."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.testing.storage_contract import StorageContract
from services.stores import Store


@contextlib.contextmanager
def failing(owner: object, *names: str) -> Iterator[None]:
    """While it lasts, these functions fail."""

    def fail(*args: object, **kwargs: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setattr(owner, name, fail)
        yield


class TestLocalPaths(StorageContract):
    def make_storage(self) -> FsspecStorage:
        return FsspecStorage()

    @pytest.fixture
    def container(self, tmp_path: Path) -> str:
        folder = tmp_path / "a folder #1 100%"
        folder.mkdir()
        return str(folder)

    def raw_write(self, url: str, data: bytes) -> None:
        Path(url).parent.mkdir(parents=True, exist_ok=True)
        Path(url).write_bytes(data)

    def raw_read(self, url: str) -> bytes:
        return Path(url).read_bytes()

    def left_behind(self, container: str) -> list[str]:
        return [str(path) for path in Path(container).rglob(".*.part")]

    def refusing(self) -> contextlib.AbstractContextManager[None]:
        return failing(os, "stat")


class TestFileUris(StorageContract):
    """``file://`` as other programs write it: percent-encoded."""

    def make_storage(self) -> FsspecStorage:
        return FsspecStorage()

    @pytest.fixture
    def container(self, tmp_path: Path) -> str:
        self.folder = tmp_path / "a folder #1 100%"
        self.folder.mkdir()
        return self.folder.as_uri()

    def _path(self, url: str) -> Path:
        by_uri = {path.as_uri(): path for path in self.folder.rglob("*")}
        return by_uri[url]

    def raw_write(self, url: str, data: bytes) -> None:
        path = Path(url.removeprefix(self.folder.as_uri()).lstrip("/").replace("%20", " "))
        assert "%" not in str(path)
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_bytes(data)

    def raw_read(self, url: str) -> bytes:
        return self._path(url).read_bytes()

    def left_behind(self, container: str) -> list[str]:
        return [str(path) for path in self.folder.rglob(".*.part")]

    def refusing(self) -> contextlib.AbstractContextManager[None]:
        return failing(os, "stat")


class TestMemory(StorageContract):
    def make_storage(self) -> FsspecStorage:
        return FsspecStorage()

    @pytest.fixture
    def container(self) -> str:
        return f"memory://bronze-{uuid.uuid4().hex}"

    def _key(self, url: str) -> str:
        return url.removeprefix("memory:/")

    def raw_write(self, url: str, data: bytes) -> None:
        MemoryFileSystem().pipe_file(self._key(url), data)

    def raw_read(self, url: str) -> bytes:
        return MemoryFileSystem.store[self._key(url)].getvalue()

    def refusing(self) -> contextlib.AbstractContextManager[None]:
        return failing(MemoryFileSystem, "info", "find", "cat_file")


@pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")  # of azure-storage-blob
class OnServer(StorageContract):
    """On a real server, through a proxy that can be told to forbid everything."""

    store: Store

    def make_storage(self) -> FsspecStorage:
        return FsspecStorage(self.store.options)

    @pytest.fixture
    def container(self) -> str:
        return self.store.new_container()

    def raw_write(self, url: str, data: bytes) -> None:
        self.store.put(url, data)

    def raw_read(self, url: str) -> bytes:
        return self.store.get(url)

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        self.store.proxy.fail("", "status", status=403)
        yield
        self.store.proxy.heal()


class TestS3(OnServer):
    @pytest.fixture(autouse=True)
    def server(self, s3_store: Store) -> None:
        self.store = s3_store

    def left_behind(self, container: str) -> list[str]:
        fs = fsspec.filesystem("s3", **self.store.options)
        return [upload["Key"] for upload in fs.list_multipart_uploads(container.removeprefix("s3://"))]


class TestAzure(OnServer):
    @pytest.fixture(autouse=True)
    def server(self, azure_store: Store) -> None:
        self.store = azure_store
