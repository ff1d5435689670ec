"""Backends that cannot be guarded themselves: asked before, and what they are in all else."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import attrs
import pytest

from rastercollection.backends.catalogs.static.static_catalog import StaticCatalog
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.errors import LeaseLostError
from rastercollection.ports.catalog import CatalogBackend, CatalogInFiles, SearchableCatalog
from rastercollection.ports.guarded import guarded_catalog, guarded_storage
from rastercollection.ports.storage import ObjectInfo, StorageBackend, Sweepable
from rastercollection.testing.catalog_contract import contract_collection, contract_item
from rastercollection.testing.scripted import ScriptedGuard

REFUSING = ScriptedGuard()


class Handing:
    """Hands everything on, as a wrapper that counts or logs does."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.written = inner, 0

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)

    def write(self, url: str, data: bytes, *, overwrite: bool = True) -> ObjectInfo:
        self.written += 1
        written: ObjectInfo = self.inner.write(url, data, overwrite=overwrite)
        return written


class Searchable(CatalogBackend, SearchableCatalog):
    """A catalog of somebody's, with a search and no folder."""

    def publish(self, *_: Any, **__: Any) -> Any:
        return "published"

    def register_search(self, *_: Any, **__: Any) -> str:
        return "registered"


def test_a_storage_that_wraps_another_is_asked_for_and_not_passed_by(tmp_path: Path) -> None:
    wrapper: Any = Handing(FsspecStorage())
    url = str(tmp_path / "object")
    guarded_storage(wrapper, ScriptedGuard(allowed=1)).write(url, b"old")
    assert wrapper.written == 1
    refused = pickle.loads(pickle.dumps(guarded_storage(wrapper, REFUSING)))
    for attempt in (
        lambda: refused.write(url, b"new"),
        lambda: refused.put(url, f"{url}-2"),
        lambda: refused.copy(url, f"{url}-2"),
        lambda: refused.delete(url),
    ):
        with pytest.raises(LeaseLostError):
            attempt()
    assert [path.name for path in tmp_path.iterdir()] == ["object"]
    assert refused.read(url) == b"old"
    assert isinstance(refused, StorageBackend)
    assert isinstance(refused, Sweepable)


def test_a_guarded_catalog_offers_what_it_did_and_no_more(tmp_path: Path) -> None:
    theirs: Any = Searchable()
    guarded: Any = guarded_catalog(theirs, REFUSING)
    assert isinstance(guarded, CatalogBackend)
    assert isinstance(guarded, SearchableCatalog)
    assert not isinstance(guarded, CatalogInFiles)
    for attempt in (lambda: guarded.publish({}, []), lambda: guarded.register_search("c", {})):
        with pytest.raises(LeaseLostError):
            attempt()
    allowed: Any = guarded_catalog(theirs, ScriptedGuard(allowed=2))
    assert (allowed.publish({}, []), allowed.register_search("c", {})) == ("published", "registered")
    assert isinstance(guarded_catalog(StaticCatalog(str(tmp_path)), REFUSING), CatalogInFiles)


def test_a_static_catalog_on_a_storage_of_somebodys_is_guarded_too(tmp_path: Path) -> None:
    wrapper: Any = Handing(FsspecStorage())
    catalog = guarded_catalog(StaticCatalog(str(tmp_path / "stac"), wrapper), ScriptedGuard(allowed=1))
    with pytest.raises(LeaseLostError):
        catalog.publish(contract_collection("scene"), [])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@attrs.frozen
class Noting(FsspecStorage):
    """Notes what is written, and whether it was asked for."""

    noted: list[tuple[str, bool]] = attrs.field(factory=list, eq=False, kw_only=True)

    def _note(self, url: str) -> None:
        self.noted.append((url.rpartition("/")[2], self.guard is not None))

    def write(self, url: str, data: bytes, *, overwrite: bool = True) -> ObjectInfo:
        self._note(url)
        return super().write(url, data, overwrite=overwrite)

    def put(self, local_path: str, url: str, *, overwrite: bool = True) -> ObjectInfo:
        self._note(url)
        return super().put(local_path, url, overwrite=overwrite)

    def copy(self, source_url: str, target_url: str) -> ObjectInfo:
        self._note(target_url)
        return super().copy(source_url, target_url)

    def delete(self, url: str) -> None:
        self._note(url)
        super().delete(url)


def test_all_that_a_static_catalog_writes_is_asked_for_but_its_lock(tmp_path: Path) -> None:
    """The lock is given back by those, too, who lost their lease."""
    storage = Noting()
    catalog = guarded_catalog(StaticCatalog(str(tmp_path), storage), ScriptedGuard(allowed=10**6))
    for title, names in (("One", "ab"), ("Two", "b")):
        items = [contract_item("scene", name, platform=title) for name in names]
        catalog.publish(contract_collection("scene", title=title), items, mode="replace")
    written = dict(storage.noted)
    assert {"catalog.json", "collection.json", "a.json", "b.json", ".publishing"} <= written.keys()
    assert {name for name, asked in storage.noted if not asked} == {".publishing"}
