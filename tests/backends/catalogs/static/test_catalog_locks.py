"""Publishers of one static collection take turns: also when one dies, stands still, or never ends."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import attrs
import pystac
import pytest

from rastercollection.backends.catalogs.static import locks
from rastercollection.backends.catalogs.static.static_catalog import StaticCatalog
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.core.lease import Owner
from rastercollection.errors import LeaseLostError, UnavailableError
from rastercollection.ports.storage import ObjectInfo
from rastercollection.testing.catalog_contract import contract_collection, contract_item
from rastercollection.testing.scripted import ScriptedGuard

ELSEWHERE = {"owner": "0123456789abcdef", "process": f"{16 * '0'}.1.0", "n": 0}


def _ids(folder: Path) -> list[str]:
    return sorted(item.id for item in pystac.Catalog.from_file(str(folder / "catalog.json")).get_items(recursive=True))


def _append(folder: str, name: str, number: int, start: Any) -> None:
    start.wait()
    for lock in range(number):
        StaticCatalog(folder).publish(
            contract_collection("scene"), [contract_item("scene", f"{name}-{lock}-{part}", part) for part in range(3)]
        )


def test_processes_that_append_to_one_collection_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(3)
    processes = [context.Process(target=_append, args=(str(tmp_path), name, 6, start)) for name in "abc"]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert _ids(tmp_path) == sorted(f"{name}-{lock}-{part}" for name in "abc" for lock in range(6) for part in range(3))
    assert not (tmp_path / "scene" / ".publishing").exists()


@pytest.mark.parametrize("call", ["read", "delete"])
def test_a_lock_that_cannot_be_given_back_for_a_moment_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    works, failures = getattr(FsspecStorage, call), iter([UnavailableError("not now")])

    def fails_once(self: FsspecStorage, url: str, *arguments: Any) -> Any:
        for failure in failures:
            raise failure
        return works(self, url, *arguments)

    with locks.publishing_lock(FsspecStorage(), f"{tmp_path}/.publishing"):
        monkeypatch.setattr(FsspecStorage, call, fails_once)
    assert next(failures, None) is None
    assert list(tmp_path.iterdir()) == []


def _hold_and_die(folder: str) -> None:
    with locks.publishing_lock(FsspecStorage(), f"{folder}/scene/.publishing"):
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_publisher_that_was_killed_keeps_nobody_waiting(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_hold_and_die, args=(str(tmp_path),))
    process.start()
    process.join(60)
    assert (tmp_path / "scene" / ".publishing").exists()
    began = time.monotonic()
    StaticCatalog(str(tmp_path)).publish(contract_collection("scene"), [contract_item("scene", "a")])
    assert time.monotonic() - began < locks.ABANDONED_AFTER / 3
    assert not (tmp_path / "scene" / ".publishing").exists()


def test_a_publisher_whose_process_id_another_has_by_now_keeps_nobody_waiting(tmp_path: Path) -> None:
    """After a restart of the machine, or of a container, ids come again."""
    gone = attrs.evolve(Owner.current(), process=os.getppid(), started=1)
    lock = tmp_path / "scene" / ".publishing"
    lock.parent.mkdir()
    lock.write_text(json.dumps({**ELSEWHERE, "process": gone.text}))
    began = time.monotonic()
    StaticCatalog(str(tmp_path)).publish(contract_collection("scene"), [contract_item("scene", "a")])
    assert time.monotonic() - began < locks.ABANDONED_AFTER / 3


def test_who_lost_the_lease_on_the_job_gives_the_turn_back(tmp_path: Path) -> None:
    catalog = StaticCatalog(str(tmp_path)).guarded(ScriptedGuard(allowed=2))
    with pytest.raises(LeaseLostError):
        catalog.publish(contract_collection("scene"), [contract_item("scene", name) for name in "abc"])
    assert not (tmp_path / "scene" / ".publishing").exists()
    assert not (tmp_path / "scene" / "collection.json").exists()


def test_a_turn_of_another_machine_is_waited_for_while_it_is_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "ABANDONED_AFTER", 1.0)
    lock = tmp_path / "scene" / ".publishing"
    lock.parent.mkdir()
    lock.write_text(json.dumps(ELSEWHERE))
    published = threading.Event()

    def publish() -> None:
        StaticCatalog(str(tmp_path)).publish(contract_collection("scene"), [contract_item("scene", "a")])
        published.set()

    thread = threading.Thread(target=publish)
    thread.start()
    for number in range(1, 9):
        assert not published.wait(0.3)
        lock.write_text(json.dumps({**ELSEWHERE, "n": number}))
    assert published.wait(20)
    thread.join()
    assert _ids(tmp_path) == ["a"]


def test_patience_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0.3)
    (tmp_path / "scene").mkdir()
    (tmp_path / "scene" / ".publishing").write_text(json.dumps(ELSEWHERE))
    with pytest.raises(UnavailableError, match="all the time"):
        StaticCatalog(str(tmp_path)).publish(contract_collection("scene"), [])


class Standstill(FsspecStorage):
    """While it writes an item, another publisher takes its lock for abandoned."""

    def write(self, url: str, data: bytes, *, overwrite: bool = True) -> ObjectInfo:
        if "/items/" in url:
            Path(url.partition("/items/")[0], ".publishing").write_text(json.dumps(ELSEWHERE))
        return super().write(url, data, overwrite=overwrite)


def test_who_lost_the_turn_writes_nothing_more(tmp_path: Path) -> None:
    StaticCatalog(str(tmp_path)).publish(contract_collection("scene"), [contract_item("scene", "a")])
    before = (tmp_path / "scene" / "collection.json").read_bytes()
    with pytest.raises(UnavailableError, match="took over"):
        StaticCatalog(str(tmp_path), Standstill()).publish(contract_collection("scene"), [contract_item("scene", "b")])
    assert (tmp_path / "scene" / "collection.json").read_bytes() == before
    assert json.loads((tmp_path / "scene" / ".publishing").read_text()) == ELSEWHERE
