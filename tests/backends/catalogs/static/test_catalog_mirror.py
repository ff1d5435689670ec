"""``items.parquet`` beside a static collection: when it is written, and what readers see while it is replaced."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from test_catalog_static import FailingStorage

from rastercollection.backends.catalogs.static import locks
from rastercollection.backends.catalogs.static.static_catalog import StaticCatalog
from rastercollection.errors import BackendError, MissingExtraError, UnavailableError
from rastercollection.ports.catalog import PublishMode
from rastercollection.testing.catalog_contract import contract_collection, contract_item

HAS_RUSTAC = importlib.util.find_spec("rustac") is not None
needs_rustac = pytest.mark.skipif(not HAS_RUSTAC, reason="pip install 'rastercollection[geoparquet]'")


def _items(count: int, **properties: Any) -> list[dict[str, Any]]:
    return [contract_item("scene", f"tile-{number}", number, **properties) for number in range(count)]


def _mirrored(folder: Path) -> dict[str, dict[str, Any]] | None:
    """Properties by item, as the mirror that the collection links to holds them; None without one.

    It must be what the collection's document says of it.
    """
    import rustac

    document = json.loads((folder / "scene" / "collection.json").read_text())
    mirrors = [asset for asset in document.get("assets", {}).values() if "collection-mirror" in asset["roles"]]
    if not mirrors:
        return None
    (mirror,) = mirrors
    assert mirror["type"] == "application/vnd.apache.parquet"
    path = folder / "scene" / mirror["href"]
    data = path.read_bytes()
    assert mirror["file:size"] == len(data)
    assert mirror["file:checksum"] == "1220" + hashlib.sha256(data).hexdigest()
    return {item["id"]: item["properties"] for item in rustac.read_sync(str(path))["features"]}


def _linked(folder: Path) -> dict[str, dict[str, Any]]:
    """Properties by item, as the collection's links lead to them."""
    document = json.loads((folder / "scene" / "collection.json").read_text())
    paths = [folder / "scene" / link["href"] for link in document["links"] if link["rel"] == "item"]
    return {item["id"]: item["properties"] for item in (json.loads(path.read_text()) for path in paths)}


def _parquets(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.parquet"))


@needs_rustac
def test_it_holds_the_items_that_are_published_and_goes_along_with_them(tmp_path: Path) -> None:
    catalog = StaticCatalog(str(tmp_path))
    sent: tuple[tuple[list[dict[str, Any]], PublishMode, int], ...] = (
        (_items(3), "insert", 3),
        (_items(5, platform="new")[2:], "upsert", 5),
        (_items(6, platform="newer"), "insert_ignore", 6),
        (_items(6, platform="newest")[:1], "delsert", 6),
        (_items(2, platform="new"), "replace", 2),
    )
    for items, mode, count in sent:
        published = catalog.publish(contract_collection("scene"), items, mode=mode)
        assert catalog.is_current(published)
        assert _mirrored(tmp_path) == _linked(tmp_path)
        assert len(_linked(tmp_path)) == count
        assert _parquets(tmp_path) == ["items.parquet"]


@needs_rustac
def test_items_that_other_programs_added_are_in_it(tmp_path: Path) -> None:
    catalog = StaticCatalog(str(tmp_path))
    catalog.publish(contract_collection("scene"), _items(2))
    (tmp_path / "scene" / "theirs.json").write_text(json.dumps(contract_item("scene", "theirs", 7, platform="x")))
    path = tmp_path / "scene" / "collection.json"
    document = json.loads(path.read_text())
    document["links"].append({"rel": "item", "href": "./theirs.json"})
    path.write_text(json.dumps(document))
    catalog.publish(contract_collection("scene"), _items(3)[2:])
    assert _mirrored(tmp_path) == _linked(tmp_path)
    assert sorted(_linked(tmp_path)) == ["theirs", "tile-0", "tile-1", "tile-2"]


@needs_rustac
def test_the_same_again_leaves_it_alone(tmp_path: Path) -> None:
    catalog = StaticCatalog(str(tmp_path))
    first = catalog.publish(contract_collection("scene"), _items(3))
    mirror = tmp_path / "scene" / "items.parquet"
    before = (mirror.stat().st_mtime_ns, mirror.stat().st_ino)
    assert catalog.publish(contract_collection("scene"), _items(3)) == first
    assert (mirror.stat().st_mtime_ns, mirror.stat().st_ino) == before
    mirror.unlink()
    assert not catalog.is_current(first)
    assert catalog.publish(contract_collection("scene"), _items(3)) == first
    assert _mirrored(tmp_path) == _linked(tmp_path)


@needs_rustac
def test_readers_see_mirror_and_items_agree_wherever_publishing_breaks_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every n-th change fails in turn, until publishing succeeds; then all is tidied up."""
    # every later change fails as well: no moment comes in which the lock could be given back
    monkeypatch.setattr(locks, "GIVEN_BACK_WITHIN", 0.0)
    old, new = [*_items(3), contract_item("scene", "old", 9)], _items(4, platform="new")
    states = []
    for fail_at in range(100):
        folder = tmp_path / str(fail_at)
        StaticCatalog(str(folder)).publish(contract_collection("scene"), old)
        try:
            StaticCatalog(str(folder), FailingStorage(fail_at)).publish(contract_collection("scene"), new)  # type: ignore[arg-type]
            break
        except UnavailableError:
            assert _mirrored(folder) == _linked(folder)
            states.append(len(_linked(folder)))
            StaticCatalog(str(folder)).publish(contract_collection("scene"), new)
            assert _mirrored(folder) == _linked(folder)
            assert "new" in {properties.get("platform") for properties in _linked(folder).values()}
            assert _parquets(folder) == ["items.parquet"]
    else:
        pytest.fail("publishing never succeeded")
    assert len(states) >= 9


@needs_rustac
def test_where_rustac_has_gone_a_mirror_of_other_items_goes_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    StaticCatalog(str(tmp_path)).publish(contract_collection("scene"), _items(3))
    _without_rustac(monkeypatch)
    catalog = StaticCatalog(str(tmp_path))
    catalog.publish(contract_collection("scene"), _items(3))
    assert _parquets(tmp_path) == ["items.parquet"]
    published = catalog.publish(contract_collection("scene"), _items(2), mode="replace")
    assert _parquets(tmp_path) == []
    assert catalog.is_current(published)
    assert len(_linked(tmp_path)) == 2


def test_without_rustac_there_is_none_unless_it_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _without_rustac(monkeypatch)
    catalog = StaticCatalog(str(tmp_path))
    catalog.check()
    catalog.publish(contract_collection("scene"), _items(3))
    assert _parquets(tmp_path) == []
    with pytest.raises(MissingExtraError, match=r"rastercollection\[geoparquet\]"):
        StaticCatalog(str(tmp_path), mirror=True).check()


def test_it_can_be_turned_off(tmp_path: Path) -> None:
    catalog = StaticCatalog(str(tmp_path), mirror=False)
    published = catalog.publish(contract_collection("scene"), _items(3))
    assert _parquets(tmp_path) == []
    assert catalog.is_current(published)
    if HAS_RUSTAC:
        # equal items, equal digest: the mirror is not part of it
        assert StaticCatalog(str(tmp_path / "other")).publish(contract_collection("scene"), _items(3)).digest == (
            published.digest
        )
        assert not StaticCatalog(str(tmp_path), mirror=True).is_current(published)


@needs_rustac
def test_items_that_no_table_can_hold_are_published_all_the_same(tmp_path: Path) -> None:
    odd = _items(2)
    odd[0]["geometry"] = None  # STAC allows that, rustac's tables do not
    (notice,) = StaticCatalog(str(tmp_path)).publish(contract_collection("scene"), odd).notices
    assert len(_linked(tmp_path)) == 2
    assert _mirrored(tmp_path) is None
    assert notice.code == "MIRROR_SKIPPED"
    assert "items.parquet was written: rustac cannot write" in notice.message
    with pytest.raises(BackendError, match="rustac cannot write"):
        StaticCatalog(str(tmp_path), mirror=True).publish(contract_collection("scene"), odd)


def _without_rustac(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide it from the search for modules, as where it is not installed."""
    really = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "rustac" else really(name))
    monkeypatch.setitem(sys.modules, "rustac", None)
