"""Which storage backend has which address of a job."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from rastercollection import CollectionRequest
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.backends.storage.routed import RoutedStorage
from rastercollection.core.guard import Guard
from rastercollection.errors import LeaseLostError, RequestError
from rastercollection.job.calls import told_apart
from rastercollection.job.runtime import open_catalog
from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.job.storages import containers_of, open_storage, unknown_schemes
from rastercollection.ports.registries import STORAGE
from rastercollection.testing.scripted import ScriptedGuard


@attrs.frozen
class Shelf(FsspecStorage):
    """A storage of another package, of which only the addresses matter here."""


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(STORAGE, "_targets", {**STORAGE._targets, "shelf": f"{__name__}:Shelf"})


def request_at(container: str, output: str) -> CollectionRequest:
    return CollectionRequest(container_name=container, blob_list=["a.tif"], collection_id="c", output_container=output)


def opened(container: str, output: str, **options: object) -> object:
    given = RuntimeOptions(**options)  # type: ignore[arg-type]
    return open_storage(given, containers_of(request_at(container, output), given))


def test_a_scheme_that_is_registered_is_looked_up_by_itself() -> None:
    storage = opened("shelf://bronze", "/data/out", storage_options={"shelf": "north"})
    assert isinstance(storage, RoutedStorage)
    assert isinstance(storage._of("shelf://bronze/a.tif"), Shelf)
    assert type(storage._of("/data/out/a.tif")) is type(storage._of("s3://b/a")) is FsspecStorage
    assert storage.others["shelf"].options == {"shelf": "north"}  # type: ignore[attr-defined]


def test_others_are_not_asked_where_they_are_not_meant() -> None:
    assert type(opened("/data", "s3://b/out")) is FsspecStorage
    assert type(opened("shelf://a", "/data", storage="fsspec")) is FsspecStorage
    given = FsspecStorage()
    assert opened("shelf://a", "/data", storage=given) is given


def test_all_containers_with_unknown_schemes_are_told_with_what_was_meant() -> None:
    arguments = {
        "container_name": "shelv://a",
        "blob_list": ["a.tif"],
        "collection_id": "c",
        "output_container": "qq://x",
    }
    with pytest.raises(RequestError) as caught:
        told_apart({**arguments, "output_container": "ipfs://x"})
    texts = {problem.parameter: problem.allowed for problem in caught.value.problems}
    assert "did you mean shelf?" in texts["container_name"]
    assert "ipfsspec" in texts["output_container"]
    assert unknown_schemes(request_at("shelf://a", "sftp://host/x"), RuntimeOptions()) == []
    assert told_apart({**arguments, "output_container": "q2://x", "storage": FsspecStorage()}), "it says so itself"


def test_the_catalog_of_such_a_container_is_in_the_container() -> None:
    for options in (RuntimeOptions(), RuntimeOptions(catalog="shelf://bronze/stac")):
        request = request_at("/data", "shelf://bronze")
        catalog = open_catalog(request, options, open_storage(options, containers_of(request, options)))
        assert catalog.url == "shelf://bronze/stac"  # type: ignore[attr-defined]


def test_a_guard_is_asked_by_each_of_them_and_copies_go_between(tmp_path: Path) -> None:
    storage = RoutedStorage(FsspecStorage(), {"memory": FsspecStorage()})
    source, target = str(tmp_path / "a"), f"memory://{tmp_path.name}/b"
    storage.write(source, b"content")
    assert storage.copy(source, target).size == 7
    assert storage.read(target) == b"content"
    assert storage.copy(target, target + "2").size == 7
    guard: Guard = ScriptedGuard()
    for url in (source, target):
        with pytest.raises(LeaseLostError):
            storage.guarded(guard).delete(url)
        assert storage.exists(url)
