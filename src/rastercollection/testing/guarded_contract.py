"""What every storage backend must do with a guard; part of the storage contract. Needs pytest."""

from __future__ import annotations

import abc
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from rastercollection.errors import LeaseLostError
from rastercollection.ports.addresses import join
from rastercollection.ports.guarded import guarded_storage
from rastercollection.ports.storage import StorageBackend
from rastercollection.testing.scripted import ScriptedGuard

__all__ = ["GuardedStorageContract"]


class GuardedStorageContract(abc.ABC):
    """A guard that refuses is heard before anything can be seen, and what it says comes through as it is."""

    @abc.abstractmethod
    def raw_write(self, url: str, data: bytes) -> None:
        """Put an object there without the backend, making folders."""

    @abc.abstractmethod
    def raw_read(self, url: str) -> bytes:
        """Read an object without the backend."""

    def left_behind(self, container: str) -> Sequence[str]:  # noqa: ARG002
        """What there is in a container that listings do not show, if the store knows such: temporaries, parts."""
        return ()

    def test_a_guard_that_refuses_keeps_all_as_it_was(
        self, storage: StorageBackend, container: str, tmp_path: Path
    ) -> None:
        url, new = join(container, "object"), join(container, "new/object")
        self.raw_write(url, b"old")
        self.raw_write(join(container, "other"), b"other")
        before = list(storage.list(container))
        small, large = tmp_path / "small", tmp_path / "large"
        small.write_bytes(b"new")
        large.write_bytes(bytes(range(256)) * (17 * 4096))
        attempts: list[Callable[[StorageBackend], object]] = [
            lambda guarded: guarded.write(url, b"new"),
            lambda guarded: guarded.write(f"{new}-small", b"new", overwrite=False),
            lambda guarded: guarded.put(str(small), url),
            lambda guarded: guarded.put(str(large), url),
            lambda guarded: guarded.put(str(large), new, overwrite=False),
            lambda guarded: guarded.copy(join(container, "other"), url),
            lambda guarded: guarded.delete(url),
        ]
        for attempt in attempts:
            refused = pickle.loads(pickle.dumps(guarded_storage(storage, ScriptedGuard())))
            with pytest.raises(LeaseLostError) as caught:
                attempt(refused)
            assert caught.value.code == "LEASE_LOST"
        assert list(storage.list(container)) == before
        assert self.raw_read(url) == b"old"
        assert list(self.left_behind(container)) == []
        for attempt in attempts:
            attempt(guarded_storage(storage, ScriptedGuard(allowed=1)))
        assert self.raw_read(new) == large.read_bytes()
        assert not storage.exists(url)
        assert list(self.left_behind(container)) == []
