"""The static catalog: links, foreign content, failures in the middle, other processes."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pystac
import pystac.validation
import pystac_client
import pystac_client.warnings
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rastercollection.backends.catalogs.static import locks
from rastercollection.backends.catalogs.static.documents import file_stems
from rastercollection.backends.catalogs.static.static_catalog import StaticCatalog
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.errors import BackendError, ObjectExistsError, UnavailableError
from rastercollection.ports.storage import GdalSource, ObjectInfo
from rastercollection.stac.hrefs import page_href, relative_href
from rastercollection.testing.catalog_contract import contract_collection, contract_item


def _items(collection_id: str, count: int, **properties: Any) -> list[dict[str, Any]]:
    return [contract_item(collection_id, f"tile-{number}", number, **properties) for number in range(count)]


def _documents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _seen_by_a_reader(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Items by collection, as a walk from the root finds them; raises where a link leads nowhere."""
    root = pystac.Catalog.from_file(str(folder / "catalog.json"))
    return {
        child.id: [item.to_dict(include_self_link=False) for item in child.get_items()] for child in root.get_children()
    }


def test_it_is_valid_and_walkable(tmp_path: Path) -> None:
    catalog = StaticCatalog(str(tmp_path / "stac"))
    catalog.publish(contract_collection("one"), _items("one", 3))
    catalog.publish(contract_collection("two"), _items("two", 2))
    root = pystac.Catalog.from_file(str(tmp_path / "stac" / "catalog.json"))
    core = {"https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/item.json"}
    root.validate()
    for child in root.get_children():
        # without extensions, whose schemas pystac does not bring along
        pystac.validation.validate_dict({**child.to_dict(), "stac_extensions": []})
        for item in child.get_items():
            assert core <= set(item.validate() or ())
            assert item.get_collection().id == child.id
            assert item.get_root().id == root.id
    assert [item.id for item in root.get_items(recursive=True)] == ["tile-0", "tile-1", "tile-2", "tile-0", "tile-1"]
    for document in (tmp_path / "stac").rglob("*.json"):
        links = json.loads(document.read_text())["links"]
        assert [link["rel"] for link in links if not link.get("title")] == [], "browsers list links by their titles"
    client = pystac_client.Client.from_file(str(tmp_path / "stac" / "catalog.json"))
    with pytest.warns(pystac_client.warnings.FallbackToPystac):
        assert {child.id for child in client.get_collections()} == {"one", "two"}


def test_it_can_be_moved_together_with_its_data(tmp_path: Path) -> None:
    home = tmp_path / "delivery"
    (home / "cogs").mkdir(parents=True)
    item = contract_item("scene", "tile")
    for name in ("a b.tif", "odd#1?.tif"):
        (home / "cogs" / name).write_bytes(b"pixels")
        item["assets"][name] = {"href": str(home / "cogs" / name)}
    item["assets"]["elsewhere"] = {"href": "https://example.com/x.tif"}
    collection = contract_collection("scene", assets={"mosaicjson": {"href": str(home / "cogs" / "a b.tif")}})
    StaticCatalog(str(home / "stac")).publish(collection, [item])
    shutil.move(home, tmp_path / "elsewhere")
    root = pystac.Catalog.from_file(str(tmp_path / "elsewhere" / "stac" / "catalog.json"))
    found = next(root.get_items(recursive=True))
    assert Path(found.assets["a b.tif"].get_absolute_href()).read_bytes() == b"pixels"
    assert found.assets["elsewhere"].href == "https://example.com/x.tif"
    assert Path(root.get_child("scene").assets["mosaicjson"].get_absolute_href()).read_bytes() == b"pixels"
    assert found.assets["odd#1?.tif"].href == str(home / "cogs" / "odd#1?.tif")
    assert str(tmp_path / "delivery") not in (tmp_path / "elsewhere/stac/catalog.json").read_text()


def test_an_address_need_not_be_spelled_one_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spellings = ("stac", "./stac/", str(tmp_path / "stac"), f"file://{tmp_path}/stac")
    published = {StaticCatalog(url).publish(contract_collection("c"), _items("c", 2)) for url in spellings}
    assert len(published) == 1
    monkeypatch.chdir("/")
    assert [Path(publication.collection_url).exists() for publication in published] == [True]


def test_what_others_wrote_stays(tmp_path: Path) -> None:
    folder = tmp_path / "stac"
    root = pystac.Catalog(id="mine", description="My own", title="Ours", extra_fields={"x:note": [1, 2]})
    other = pystac.Collection.from_dict(contract_collection("theirs"))
    other.add_item(pystac.Item.from_dict(contract_item("theirs", "a")))
    root.add_child(other)
    root.add_link(pystac.Link("license", "https://example.com/license"))
    root.normalize_and_save(str(folder), pystac.CatalogType.SELF_CONTAINED)
    (folder / "notes.txt").write_text("keep")
    theirs = _documents(folder)
    catalog = StaticCatalog(str(folder))
    catalog.publish(contract_collection("ours"), _items("ours", 2))
    catalog.publish(contract_collection("ours"), _items("ours", 1), mode="replace")
    now = _documents(folder)
    assert {name: data for name, data in theirs.items() if name != "catalog.json"}.items() <= now.items()
    document = json.loads(now["catalog.json"])
    assert (document["id"], document["title"], document["x:note"]) == ("mine", "Ours", [1, 2])
    assert [link["href"] for link in document["links"] if link["rel"] == "license"] == ["https://example.com/license"]
    assert {name: len(items) for name, items in _seen_by_a_reader(folder).items()} == {"theirs": 1, "ours": 1}


def test_items_that_others_added_to_a_collection_stay(tmp_path: Path) -> None:
    catalog = StaticCatalog(str(tmp_path))
    first = catalog.publish(contract_collection("scene"), _items("scene", 2))
    document = tmp_path / "scene" / "collection.json"
    (tmp_path / "scene" / "theirs").mkdir()
    theirs = {**contract_item("scene", "theirs", 7), "assets": {"data": {"href": "./pixels.tif"}}}
    (tmp_path / "scene" / "theirs" / "theirs.json").write_text(json.dumps(theirs))
    fields = json.loads(document.read_text())
    fields["links"] += [
        {"rel": "item", "href": href} for href in ("./theirs/theirs.json", "https://example.com/x.json")
    ]
    document.write_text(json.dumps(fields))
    assert catalog.is_current(first)
    second = catalog.publish(contract_collection("scene"), [contract_item("scene", "new", 3)])
    assert (second.items, second.stored) == (4, 1)
    found = {item["id"]: item for item in catalog.items("scene")}
    assert sorted(found) == ["new", "theirs", "tile-0", "tile-1"]
    assert found["theirs"]["assets"]["data"]["href"] == str(tmp_path / "scene" / "theirs" / "pixels.tif")
    hrefs = [link["href"] for link in json.loads(document.read_text())["links"] if link["rel"] == "item"]
    assert hrefs[-2:] == ["./theirs/theirs.json", "https://example.com/x.json"]
    with pytest.raises(ObjectExistsError, match="theirs"):
        catalog.publish(contract_collection("scene"), [contract_item("scene", "theirs")], mode="insert")
    assert catalog.publish(contract_collection("scene"), [contract_item("scene", "theirs")]).items == 4
    assert catalog.publish(contract_collection("scene"), _items("scene", 1), mode="replace").items == 1
    assert (tmp_path / "scene" / "theirs" / "theirs.json").exists()


def test_an_item_that_another_publisher_moves_meanwhile_is_still_found(tmp_path: Path) -> None:
    catalog = StaticCatalog(str(tmp_path))
    catalog.publish(contract_collection("scene"), _items("scene", 300))
    found = catalog.items("scene")
    first = next(found)
    catalog.publish(contract_collection("scene"), _items("scene", 299, platform="new"), mode="replace")
    ids = [first["id"], *(item["id"] for item in found)]
    assert {f"tile-{number}" for number in range(299)} <= set(ids)
    assert len(ids) == len(set(ids))


def test_documents_do_not_tell_in_which_order_items_came(tmp_path: Path) -> None:
    first, second = contract_item("scene", "a", 1), contract_item("scene", "b", 2)
    for folder, batches in (("one", [[first, second]]), ("two", [[second], [first]])):
        for batch in batches:
            StaticCatalog(str(tmp_path / folder / "stac")).publish(contract_collection("scene"), batch)
    for name in ("collection.json", "items.parquet"):
        one, two = ((tmp_path / folder / "stac/scene" / name).read_bytes() for folder in ("one", "two"))
        assert one == two, name


@pytest.mark.parametrize("content", ["[]", "not json", '{"type": "FeatureCollection"}', '{"type": "Catalog"}'])
def test_a_foreign_catalog_json_is_not_overwritten(tmp_path: Path, content: str) -> None:
    (tmp_path / "catalog.json").write_text(content)
    catalog = StaticCatalog(str(tmp_path))
    for attempt in (catalog.check, lambda: catalog.publish(contract_collection("a"), [])):
        with pytest.raises(BackendError, match="no STAC catalog"):
            attempt()
    assert _documents(tmp_path) == {"catalog.json": content.encode()}


def test_check_finds_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BackendError):
        StaticCatalog(str(tmp_path / "file" / "stac")).check()
    with pytest.raises(BackendError):
        StaticCatalog("https://example.com/stac").check()


def test_check_leaves_nothing_behind(tmp_path: Path) -> None:
    StaticCatalog(str(tmp_path)).check()
    assert _documents(tmp_path) == {}


def test_two_items_of_one_id_are_refused(tmp_path: Path) -> None:
    items = [contract_item("scene", "a", 1), contract_item("scene", "a", 2)]
    with pytest.raises(BackendError, match="'a'"):
        StaticCatalog(str(tmp_path)).publish(contract_collection("scene"), items)
    assert _documents(tmp_path) == {}


@pytest.mark.parametrize("path", ["scene/items/tile-1.json", "scene/collection.json", "catalog.json"])
@pytest.mark.parametrize("damage", ["gone", "cut", "altered"])
def test_damage_is_noticed_and_mended(tmp_path: Path, path: str, damage: str) -> None:
    catalog = StaticCatalog(str(tmp_path))
    published = catalog.publish(contract_collection("scene"), _items("scene", 3))
    before = _documents(tmp_path)
    if damage == "gone":
        (tmp_path / path).unlink()
    elif path == "catalog.json":
        document = json.loads((tmp_path / path).read_text())
        (tmp_path / path).write_text(json.dumps({**document, "links": []}))
    elif damage == "altered" and path.endswith("tile-1.json"):
        (tmp_path / path).write_bytes(before[path].replace(b"Feature", b"Fuature"))
    else:
        (tmp_path / path).write_bytes(before[path][:100])
    assert not catalog.is_current(published)
    assert catalog.publish(contract_collection("scene"), _items("scene", 3)) == published
    assert _seen_by_a_reader(tmp_path).keys() == {"scene"}
    assert catalog.is_current(published)


@pytest.mark.parametrize("mode", ["upsert", "replace"])
def test_items_that_were_lost_are_told_unless_they_are_published_again(tmp_path: Path, mode: Any) -> None:
    catalog = StaticCatalog(str(tmp_path), mirror=False)
    catalog.publish(contract_collection("scene"), _items("scene", 4))
    (tmp_path / "scene/items/tile-1.json").unlink()
    (tmp_path / "scene/items/tile-3.json").write_bytes(b"{")
    (notice,) = catalog.publish(contract_collection("scene"), _items("scene", 3)[1:], mode=mode).notices
    assert notice.code == "ITEMS_LOST"
    assert "tile-3" in notice.message
    assert "tile-1" not in notice.message, "it is published again"
    assert "tile-0" not in notice.message, "it stays, or goes on purpose"
    assert catalog.publish(contract_collection("scene"), _items("scene", 3)[1:], mode=mode).notices == ()


def test_a_damaged_collection_document_costs_nobody_their_items(tmp_path: Path) -> None:
    catalog = StaticCatalog(str(tmp_path))
    theirs = catalog.publish(contract_collection("scene"), _items("scene", 3))
    document = tmp_path / "scene" / "collection.json"
    document.write_bytes(document.read_bytes()[:100])
    assert len(list(catalog.items("scene"))) == 3
    assert catalog.publish(contract_collection("scene"), [contract_item("scene", "new", 3)]).items == 4
    assert catalog.is_current(theirs)


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        StaticCatalog(str(tmp_path / folder / "stac"), mirror=False).publish(
            contract_collection("scene"), _items("scene", 5)
        )
    assert _documents(tmp_path / "a") == _documents(tmp_path / "b")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "a").rglob("*.json")}
    StaticCatalog(str(tmp_path / "a" / "stac"), mirror=False).publish(contract_collection("scene"), _items("scene", 5))
    assert {path: path.stat().st_mtime_ns for path in times} == times


@attrs.define
class FailingStorage:
    """A storage whose ``fail_at``-th change fails, and every later one, as when a disk fills or a machine dies."""

    fail_at: int
    changes: int = 0
    inner: FsspecStorage = attrs.field(factory=FsspecStorage)

    def _count(self) -> None:
        self.changes += 1
        if self.changes > self.fail_at:
            raise UnavailableError("The plug was pulled.", "", "storage")

    def write(self, url: str, data: bytes, *, overwrite: bool = True) -> ObjectInfo:
        self._count()
        return self.inner.write(url, data, overwrite=overwrite)

    def delete(self, url: str) -> None:
        self._count()
        self.inner.delete(url)

    def put(self, local_path: str, url: str, *, overwrite: bool = True) -> ObjectInfo:
        self._count()
        return self.inner.put(local_path, url, overwrite=overwrite)

    def copy(self, source_url: str, target_url: str) -> ObjectInfo:
        self._count()
        return self.inner.copy(source_url, target_url)

    def exists(self, url: str) -> bool:
        return self.inner.exists(url)

    def stat(self, url: str) -> ObjectInfo:
        return self.inner.stat(url)

    def list(self, url: str, *, deep: bool = True) -> Iterator[ObjectInfo]:
        return self.inner.list(url, deep=deep)

    def read(self, url: str, start: int = 0, end: int | None = None) -> bytes:
        return self.inner.read(url, start, end)

    def get(self, url: str, local_path: str) -> None:
        self.inner.get(url, local_path)

    def public_url(self, url: str) -> str:
        return self.inner.public_url(url)

    def gdal_source(self, url: str) -> GdalSource | None:
        return self.inner.gdal_source(url)

    def is_process_local(self, url: str) -> bool:
        return self.inner.is_process_local(url)


@pytest.fixture
def pulled_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every later change fails too, no moment comes in which the lock could be given back: none is waited for."""
    monkeypatch.setattr(locks, "GIVEN_BACK_WITHIN", 0.0)


@pytest.mark.usefixtures("pulled_for_good")
def test_a_reader_sees_the_old_or_the_new_wherever_publishing_breaks_off(tmp_path: Path) -> None:
    """Every n-th change fails in turn, until publishing succeeds."""
    old = [*_items("scene", 3), contract_item("scene", "old", 9)]
    new = [
        contract_item("scene", "tile-0", 0),
        *_items("scene", 3, platform="new")[1:],
        contract_item("scene", "new", 8),
    ]
    outcomes = []
    for fail_at in range(100):
        folder = tmp_path / str(fail_at)
        StaticCatalog(str(folder)).publish(contract_collection("scene"), old)
        as_it_was = _seen_by_a_reader(folder)
        catalog = StaticCatalog(str(folder), FailingStorage(fail_at))
        try:
            catalog.publish(contract_collection("scene", title="New"), new, mode="replace")
        except UnavailableError:
            outcomes.append(_seen_by_a_reader(folder) == as_it_was)
        else:
            break
        healed = StaticCatalog(str(folder)).publish(contract_collection("scene", title="New"), new, mode="replace")
        assert healed.items == 4
        assert [item["id"] for item in _seen_by_a_reader(folder)["scene"]] == ["new", "tile-0", "tile-1", "tile-2"]
        assert len(list((folder / "scene" / "items").iterdir())) == 4
    assert outcomes == sorted(outcomes, reverse=True)
    assert {True, False} == set(outcomes)
    assert catalog.is_current(healed)


@pytest.mark.usefixtures("pulled_for_good")
def test_a_first_publication_that_breaks_off_shows_nothing(tmp_path: Path) -> None:
    for fail_at in range(100):
        folder = tmp_path / str(fail_at)
        catalog = StaticCatalog(str(folder), FailingStorage(fail_at))
        try:
            catalog.publish(contract_collection("scene"), _items("scene", 3))
        except UnavailableError:
            assert not (folder / "catalog.json").exists()
        else:
            assert fail_at > 3
            return
    pytest.fail("it never succeeded")


def _publish(folder: str, names: list[str], start: Any) -> None:
    start.wait()
    for name in names:
        StaticCatalog(folder).publish(contract_collection(name), _items(name, 2))


def test_processes_that_publish_at_once_lose_no_link(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(3)
    names = [[f"scene-{process}-{number}" for number in range(12)] for process in range(3)]
    processes = [context.Process(target=_publish, args=(str(tmp_path), part, start)) for part in names]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    seen = _seen_by_a_reader(tmp_path)
    assert sorted(seen) == sorted(name for part in names for name in part)
    assert {len(items) for items in seen.values()} == {2}


@given(st.lists(st.text(min_size=1, max_size=30), unique=True, max_size=20))
def test_file_names_are_safe_and_different(ids: list[str]) -> None:
    stems = file_stems(ids)
    assert len({stem.casefold() for stem in stems.values()}) == len(ids)
    for stem in stems.values():
        assert stem.isascii()
        assert not set(stem) & set('/\\:*?"<>| \0')
        assert stem.strip(".") == stem
        assert len(stem) < 200


@pytest.mark.parametrize(
    ("target", "document", "json_href", "html_href"),
    [
        ("/a/cogs/x.tif", "/a/stac/c/items/i.json", "../../../cogs/x.tif", "../../../cogs/x.tif"),
        ("/a/x y.tif", "/a/page.html", "./x y.tif", "./x%20y.tif"),
        ("/a/x#1.tif", "/a/page.html", None, "./x%231.tif"),
        ("/a/c:d.tif", "/a/page.html", "./c:d.tif", "./c%3Ad.tif"),
        ("s3://b/cogs/x.tif", "s3://b/stac/c.json", "../cogs/x.tif", "../cogs/x.tif"),
        ("s3://b/x.tif", "s3://other/c.json", None, "s3://b/x.tif"),
        ("https://h/a%20b.tif", "https://h/c/i.json", "../a%20b.tif", "../a%20b.tif"),
        ("/data/x y.tif", "s3://b/page.html", None, "file:///data/x%20y.tif"),
        ("javascript://x/alert(1)", "/a/page.html", None, ""),
    ],
)
def test_links(target: str, document: str, json_href: str | None, html_href: str) -> None:
    assert relative_href(target, document) == json_href
    assert page_href(target, document) == html_href


def test_options_reach_no_representation(tmp_path: Path) -> None:
    catalog = StaticCatalog("s3://bucket/stac", options={"secret": "hunter2"})
    assert "hunter2" not in repr(catalog)


def test_a_listing_that_lacks_what_is_there_costs_nobody_their_items(tmp_path: Path) -> None:
    class Forgetful(FsspecStorage):
        def list(self, url: str, *, deep: bool = True) -> Iterator[ObjectInfo]:
            return (info for info in super().list(url, deep=deep) if not info.url.endswith("/items/tile-1.json"))

    catalog = StaticCatalog(str(tmp_path / "stac"))
    catalog.publish(contract_collection("c"), _items("c", 3))
    publication = StaticCatalog(str(tmp_path / "stac"), Forgetful()).publish(
        contract_collection("c"), [contract_item("c", "tile-9", 9)]
    )
    assert (publication.items, publication.notices) == (4, ())
    assert catalog.item_ids("c") == ["tile-0", "tile-1", "tile-2", "tile-9"]
