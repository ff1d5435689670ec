"""Tiles and whole collections taken out of pgSTAC, as a real titiler-pgstac shows it."""

from __future__ import annotations

import json
import urllib.request
import uuid
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Any

import pytest

from job_scenes import make_tiles
from rastercollection import check_collection, process_collection, remove_collection
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.errors import ObjectNotFoundError
from rastercollection.job.upkeep import collection_clearing
from rastercollection.stac.published import cog_key
from rastercollection.testing.catalog_contract import contract_item

PgstacCatalog = pytest.importorskip("rastercollection.backends.catalogs.pgstac.pgstac_catalog").PgstacCatalog


@pytest.fixture
def published(tmp_path: Path, served_dsn: str) -> tuple[str, dict[str, Any]]:
    """Id and summary of a collection of the test's own."""
    make_tiles(tmp_path / "bronze")
    name = f"removed-{uuid.uuid4().hex[:8]}"
    result = process_collection(
        container_name=tmp_path / "bronze",
        blob_list=["**/*.tif"],
        collection_id=name,
        catalog=served_dsn,
        create_overview=False,
        executor="serial",
        jobs="memory",
        output_container=tmp_path / "out",
    )
    return name, result.summary


def test_tiles_and_then_all_are_served_no_more(
    published: tuple[str, dict[str, Any]], served_dsn: str, tmp_path: Path, titiler_pgstac: tuple[str, int]
) -> None:
    name, summary = published
    server, catalog = titiler_pgstac[0], PgstacCatalog(served_dsn)
    items = {item["id"]: item for item in catalog.items(name)}
    shown = _middles(items.values())
    search = f"{server}/searches/{summary['stac']['search_id']}/point"
    assert {item: _found(search, middle) for item, middle in shown.items()} == {item: [item] for item in items}

    removal = remove_collection(served_dsn, ["a"], collection_id=name, titiler_url=server)
    assert (removal.items, removal.left) == (("a",), len(items) - 1)
    assert {item: _found(search, middle) for item, middle in shown.items()} == {
        item: [item] if item != "a" else [] for item in items
    }
    assert check_collection(served_dsn, collection_id=name).findings == ()
    left = {PurePath(item["assets"][str(cog_key(item))]["href"]).name for item in items.values() if item["id"] != "a"}
    assert {path.name for path in (tmp_path / "out").glob("*_cog_*.tif")} == left

    plan = remove_collection(served_dsn, every_tile=True, collection_id=name, dry_run=True)
    assert catalog.collection(name) is not None
    gone = remove_collection(served_dsn, every_tile=True, collection_id=name)
    assert (gone.files, gone.left, gone.items) == (plan.files, 0, tuple(sorted(set(items) - {"a"})))
    assert (catalog.collection(name), catalog.has_search(summary["stac"]["search_id"])) == (None, False)
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []
    with pytest.raises(ObjectNotFoundError, match=name):
        remove_collection(served_dsn, every_tile=True, collection_id=name)


@pytest.mark.parametrize("tiles", [["a"], []], ids=["a tile", "all"])
def test_a_removal_that_died_is_ended_by_the_same_call(
    published: tuple[str, dict[str, Any]],
    served_dsn: str,
    tmp_path: Path,
    tiles: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name, _ = published
    every = {path.name for path in (tmp_path / "out").iterdir() if path.is_file()}
    remove, before = FsspecStorage.delete, PgstacCatalog(served_dsn).item_ids(name)

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FsspecStorage, "delete", die)
    with pytest.raises(KeyboardInterrupt):
        remove_collection(served_dsn, tiles, every_tile=not tiles, collection_id=name)
    assert PgstacCatalog(served_dsn).item_ids(name) == [item for item in before if tiles and item not in tiles]
    assert every <= {path.name for path in (tmp_path / "out").iterdir()}
    monkeypatch.setattr(FsspecStorage, "delete", remove)
    ended = remove_collection(served_dsn, tiles, every_tile=not tiles, collection_id=name)
    assert set(tiles or before) == set(ended.items)
    left = {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {cog for cog in left if cog.startswith("a_cog")} == set()
    if tiles:
        assert check_collection(served_dsn, collection_id=name).findings == ()
    else:
        assert (left, PgstacCatalog(served_dsn).collection(name)) == (set(), None)


def test_two_that_remove_all_both_end(
    published: tuple[str, dict[str, Any]], served_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, _ = published
    begin = collection_clearing.begin_removal

    def and_then(*args: Any) -> None:
        monkeypatch.setattr(collection_clearing, "begin_removal", begin)
        begin(*args)
        remove_collection(served_dsn, every_tile=True, collection_id=name)

    monkeypatch.setattr(collection_clearing, "begin_removal", and_then)
    remove_collection(served_dsn, every_tile=True, collection_id=name)
    assert PgstacCatalog(served_dsn).collection(name) is None
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


def test_what_others_publish_beside_a_removal_stays(
    published: tuple[str, dict[str, Any]], served_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, _ = published
    read, catalog = collection_clearing._meant, PgstacCatalog(served_dsn)

    def and_then(*args: Any) -> Any:
        found = read(*args)
        catalog.publish(catalog.collection(name), [contract_item(name, "of-others")])
        return found

    monkeypatch.setattr(collection_clearing, "_meant", and_then)
    before = catalog.item_ids(name)
    remove_collection(served_dsn, ["a"], collection_id=name)
    assert catalog.item_ids(name) == sorted({*before, "of-others"} - {"a"})


def _middles(items: Iterable[dict[str, Any]]) -> dict[str, tuple[float, float]]:
    boxes = {str(item["id"]): item["bbox"] for item in items}
    return {item: ((west + east) / 2, (south + north) / 2) for item, (west, south, east, north) in boxes.items()}


def _found(search: str, middle: tuple[float, float]) -> list[str]:
    """Ids of the items that the tile server finds at a place; longitude, then latitude."""
    with urllib.request.urlopen(f"{search}/{middle[0]},{middle[1]}/assets", timeout=30) as answer:
        return [str(item["id"]) for item in json.loads(answer.read())]
