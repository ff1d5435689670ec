"""Static collections of more items than a document may link to: judged by pystac, which knows nothing of parts."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import attrs
import pystac
import pystac.validation
import pystac_client
import pystac_client.warnings
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from rastercollection.backends.catalogs.static.static_catalog import StaticCatalog
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.errors import BackendError
from rastercollection.job.upkeep.collection_listing import list_collections
from rastercollection.testing.catalog_contract import contract_collection, contract_item
from rastercollection.viewer.locate import read_json
from rastercollection.viewer.shown_items import load_items

MOST = 4
FEW_DAYS = ("2018-03-01", "2019-07-14", "2019-07-15", "2019-08-01")


def _catalog(folder: Path, storage: Any = None) -> StaticCatalog:
    return StaticCatalog(str(folder), storage, mirror=False, most_links=MOST)


def _item(name: str, day: str | None, **properties: Any) -> dict[str, Any]:
    item = contract_item("scene", name, 0, **properties)
    ends = {} if day else {"start_datetime": "0001-01-01T00:00:00Z", "end_datetime": "0001-01-01T00:00:00Z"}
    source = {} if day else {"rastercollection:datetime_source": "unknown"}
    moment = {"datetime": f"{day}T06:00:00Z" if day else None}
    return {**item, "properties": {**item["properties"], **moment, **ends, **source}}


def _items(days: dict[str, int]) -> list[dict[str, Any]]:
    return [_item(f"{day}-{number}", day) for day, count in days.items() for number in range(count)]


def _publish(folder: Path, items: list[dict[str, Any]], mode: Any = "upsert") -> None:
    found = _catalog(folder).publish(contract_collection("scene"), items, mode=mode)
    assert found.stored == len(items)
    assert _catalog(folder).is_current(found)
    assert _catalog(folder).faults("scene") == []


def _walked(folder: Path) -> set[str]:
    """Ids of all items, as pystac finds them; raises where one is found twice, or a document is not valid."""
    root = pystac.Catalog.from_file(str(folder / "catalog.json"))
    found = [item.id for item in root.get_items(recursive=True)]
    assert len(found) == len(set(found))
    return set(found)


def _parts(folder: Path) -> dict[str, bytes]:
    return {path.name.rpartition("-")[0]: path.read_bytes() for path in (folder / "scene" / "parts").glob("*.json")}


def _most_links(folder: Path) -> int:
    documents = [json.loads(path.read_text()) for path in (folder / "scene").rglob("*.json")]
    return max(sum(link["rel"] == "item" for link in document["links"]) for document in documents)


def test_what_a_document_can_hold_is_not_divided(tmp_path: Path) -> None:
    _publish(tmp_path, _items({"2019-07-14": MOST}))
    assert not (tmp_path / "scene" / "parts").exists()
    document = json.loads((tmp_path / "scene" / "collection.json").read_text())
    assert [link["rel"] for link in document["links"]] == ["root", "parent", *["item"] * MOST]
    assert not any("rastercollection:day" in link for link in document["links"])


def test_years_are_divided_into_months_these_into_days_and_days_by_hash(tmp_path: Path) -> None:
    _publish(tmp_path, _items({"2018-03-01": 3, "2019-07-14": 3, "2019-08-01": 20, "2019-09-01": 1, "2019-09-02": 1}))
    names = set(_parts(tmp_path))
    hashed = {name for name in names if name.startswith("2019-08-01-")}
    assert names - hashed == {"2018", "2019-07", "2019-09"}
    assert len(hashed) > 4
    assert _most_links(tmp_path) <= MOST
    assert len(_walked(tmp_path)) == 28


def test_parts_are_valid_and_lead_to_their_catalog(tmp_path: Path) -> None:
    _publish(tmp_path, [*_items({"2018-03-01": 3, "2019-07-14": 3}), _item("undated", None)])
    root = pystac.Catalog.from_file(str(tmp_path / "catalog.json"))
    collection = next(iter(root.get_children()))
    parts = list(collection.get_children())
    assert [part.title for part in parts] == ["2018", "2019", "undated"]
    for part in parts:
        pystac.validation.validate_dict({**part.to_dict(), "stac_extensions": []})
        assert (part.get_parent(), part.get_root()) == (collection, root)
        for item in part.get_items():
            assert item.validate()
            assert item.get_collection() is collection
    with pytest.warns(pystac_client.warnings.PystacClientWarning):  # noqa: PT031 - walking warns, too
        root_by_client = pystac_client.Client.open(str(tmp_path / "catalog.json"))
        assert {item.id for item in root_by_client.get_items(recursive=True)} == _walked(tmp_path)


def test_a_collection_that_grows_is_divided_and_its_items_stay_where_they_are(tmp_path: Path) -> None:
    _publish(tmp_path, _items({"2018-03-01": 3}))
    before = {path: path.read_bytes() for path in (tmp_path / "scene" / "items").iterdir()}
    _publish(tmp_path, _items({"2019-07-14": 3}))
    assert {path: path.read_bytes() for path in before} == before
    assert set(_parts(tmp_path)) == {"2018", "2019"}
    assert len(_walked(tmp_path)) == 6


def test_what_is_appended_changes_only_the_parts_that_it_concerns(tmp_path: Path) -> None:
    _publish(tmp_path, _items({"2018-03-01": 3, "2019-07-14": 3, "2019-08-01": 3}))
    before = _parts(tmp_path)
    _publish(tmp_path, _items({"2019-09-01": 2}))
    after = _parts(tmp_path)
    assert after.items() - before.items() == {("2019-09", after["2019-09"])}
    assert set(before) < set(after)


def test_a_collection_that_shrinks_is_one_document_again(tmp_path: Path) -> None:
    _publish(tmp_path, _items({"2018-03-01": 2}))
    flat = (tmp_path / "scene" / "collection.json").read_bytes()
    _publish(tmp_path, _items({"2019-07-14": 3}))
    _publish(tmp_path, _items({"2018-03-01": 2}), "replace")
    assert (tmp_path / "scene" / "collection.json").read_bytes() == flat
    assert _parts(tmp_path) == {}


@pytest.mark.parametrize("damage", ["gone", "no JSON"])
def test_a_damaged_part_costs_nobody_their_items(tmp_path: Path, damage: str) -> None:
    _publish(tmp_path, _items({"2018-03-01": 3, "2019-07-14": 3}))
    published = _catalog(tmp_path).publish(contract_collection("scene"), [])
    part = next((tmp_path / "scene" / "parts").glob("2018-*"))
    part.unlink() if damage == "gone" else part.write_text("{")
    assert not _catalog(tmp_path).is_current(published)
    code = "PART_MISSING" if damage == "gone" else "PART_ALTERED"
    assert code in {fault.code for fault in _catalog(tmp_path).faults("scene")}
    assert len(list(_catalog(tmp_path).items("scene"))) == 6
    _publish(tmp_path, _items({"2019-08-01": 1}))
    assert len(_walked(tmp_path)) == 7


def test_a_mirror_that_is_wanted_and_missing_is_missed(tmp_path: Path) -> None:
    published = _catalog(tmp_path).publish(contract_collection("scene"), _items({"2018-03-01": 3, "2019-07-14": 3}))
    assert not attrs.evolve(_catalog(tmp_path), mirror=True).is_current(published)


def test_items_that_others_added_to_a_part_stay(tmp_path: Path) -> None:
    _publish(tmp_path, _items({"2018-03-01": 3, "2019-07-14": 3}))
    part = next((tmp_path / "scene" / "parts").glob("2018-*"))
    document = json.loads(part.read_text())
    theirs = _item("theirs", "2018-03-01")
    (tmp_path / "theirs.json").write_text(json.dumps({**theirs, "links": []}))
    document["links"].append({"rel": "item", "href": "../../theirs.json"})
    part.write_text(json.dumps(document))
    _catalog(tmp_path).publish(contract_collection("scene"), _items({"2019-08-01": 1}))
    assert len(_walked(tmp_path)) == 8
    assert "theirs" in _walked(tmp_path)


def test_all_who_read_collections_read_parts(tmp_path: Path) -> None:
    items = _items({"2018-03-01": 3, "2019-07-14": 3})
    for item in items:
        item["assets"] = {"data": {"href": str(tmp_path / "x.tif"), "roles": ["data"]}}
    _publish(tmp_path, items)
    url = str(tmp_path / "scene" / "collection.json")
    (listed,) = list_collections(tmp_path)
    assert listed.items == 6
    storage = FsspecStorage()
    assert len(load_items(storage, read_json(storage, url), url).items) == 6


class _Breaking(FsspecStorage):
    """Fails before a change, once so many were made."""

    left = 0

    def write(self, url: str, data: bytes, **options: Any) -> Any:
        self._count()
        return super().write(url, data, **options)

    def delete(self, url: str) -> None:
        self._count()
        super().delete(url)

    def _count(self) -> None:
        if type(self).left == 0:
            raise BackendError("it broke off", "", "")
        type(self).left -= 1


def test_a_reader_sees_the_old_or_the_new_wherever_publishing_breaks_off(tmp_path: Path) -> None:
    _publish(tmp_path / "first", _items({"2018-03-01": 3, "2019-07-14": 3}))
    old, new = _walked(tmp_path / "first"), _items({"2019-07-15": 3})
    seen = []
    for changes in range(20):
        folder = tmp_path / str(changes)
        shutil.copytree(tmp_path / "first", folder)
        _Breaking.left = changes
        with contextlib.suppress(BackendError):
            _catalog(folder, _Breaking()).publish(contract_collection("scene"), new)
        seen.append(_walked(folder))
        _publish(folder, new)  # and whoever comes next mends it
        assert len(_walked(folder)) == 9
    assert all(found in (old, old | {item["id"] for item in new}) for found in seen)
    assert {len(found) for found in seen} == {6, 9}


class _Publishing(RuleBasedStateMachine):
    """Appending, replacing and removing in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.published: dict[str, str | None] = {}

    @rule(
        items=st.dictionaries(
            st.integers(0, 30).map(lambda number: f"tile-{number}"), st.sampled_from([*FEW_DAYS, None]), max_size=12
        ),
        mode=st.sampled_from(["upsert", "delsert", "insert_ignore", "replace"]),
    )
    def publish(self, items: dict[str, str | None], mode: Any) -> None:
        _publish(self.folder, [_item(name, day) for name, day in items.items()], mode)
        kept = {} if mode == "replace" else self.published
        self.published = {**items, **kept} if mode == "insert_ignore" else {**kept, **items}

    @rule(keep=st.integers(0, 5))
    def remove(self, keep: int) -> None:
        stay = dict(list(self.published.items())[:keep])
        _publish(self.folder, [_item(name, day) for name, day in stay.items()], "replace")
        self.published = stay

    @rule()
    def publish_again(self) -> None:
        _publish(self.folder, [])

    @invariant()
    def readers_find_what_was_published(self) -> None:
        if (self.folder / "catalog.json").exists():
            assert _walked(self.folder) == set(self.published)
            assert _most_links(self.folder) <= MOST
            found = {item["id"]: item["properties"]["datetime"] for item in _catalog(self.folder).items("scene")}
            assert found == {name: day and f"{day}T06:00:00Z" for name, day in self.published.items()}

    def teardown(self) -> None:
        shutil.rmtree(self.folder)


TestPublishing = _Publishing.TestCase
TestPublishing.settings = settings(max_examples=12, stateful_step_count=6, deadline=None)
