"""What every catalog backend must do. Needs pytest.

Subclass it in a test module, under a name that pytest collects::

    class TestMyCatalog(CatalogContract):
        def make_catalog(self):
            return MyCatalog(...)

        def raw_items(self, collection_id): ...
        def raw_collection(self, collection_id): ...

The raw helpers look into the catalog without the backend, so that it is not judged by itself.
"""

from __future__ import annotations

import copy
import functools
import pickle
import threading

import attrs
import pytest

from rastercollection.errors import BackendError, LeaseLostError, ObjectExistsError, TaskError
from rastercollection.ports.catalog import CatalogBackend, Publication, PublishMode
from rastercollection.ports.guarded import guarded_catalog
from rastercollection.stac.terms import COG_TYPE
from rastercollection.testing.catalog_base import OTHERS_MAY_TAKE, at_once, contract_collection, contract_item
from rastercollection.testing.catalog_removal_contract import CatalogRemovalContract
from rastercollection.testing.scripted import ScriptedGuard

__all__ = ["CatalogContract", "contract_collection", "contract_item"]


class CatalogContract(CatalogRemovalContract):
    """Tests of the meaning of :class:`~rastercollection.ports.catalog.CatalogBackend`."""

    def test_follows_the_protocol(self, catalog: CatalogBackend) -> None:
        assert isinstance(catalog, CatalogBackend)
        catalog.check()
        catalog.check()

    def test_what_is_published_is_there(self, catalog: CatalogBackend) -> None:
        items = [contract_item("scene", f"tile-{number}", number, platform="drone") for number in range(3)]
        published = catalog.publish(contract_collection("scene"), items)
        assert (published.collection_id, published.items, published.stored) == ("scene", 3, 3)
        assert published.digest
        collection = self.raw_collection("scene")
        assert collection is not None
        for name in ("id", "title", "description", "license", "extent"):
            assert collection[name] == contract_collection("scene")[name]
        found = {item["id"]: item for item in self.raw_items("scene")}
        assert sorted(found) == ["tile-0", "tile-1", "tile-2"]
        for item in items:
            for name in ("geometry", "bbox", "properties", "collection"):
                assert found[item["id"]][name] == item[name]
            assert found[item["id"]]["assets"]["data"]["type"] == COG_TYPE

    def test_arguments_are_left_alone(self, catalog: CatalogBackend) -> None:
        collection, items = contract_collection("scene"), [contract_item("scene", "a")]
        before = copy.deepcopy((collection, items))
        catalog.publish(collection, items)
        assert (collection, items) == before

    def test_publishing_again_changes_nothing(self, catalog: CatalogBackend) -> None:
        items = [contract_item("scene", f"tile-{number}", number) for number in range(3)]
        first = catalog.publish(contract_collection("scene"), items)
        state = self._state("scene")
        assert self.make_catalog().publish(contract_collection("scene"), items) == first
        assert self._state("scene") == state

    def test_after_replacing_there_are_these_items_and_no_others(self, catalog: CatalogBackend) -> None:
        for ids in (["a", "b", "c"], ["b"], ["b", "d"], ["a", "b", "c", "d", "e"]):
            items = [contract_item("scene", name) for name in ids]
            published = catalog.publish(contract_collection("scene"), items, mode="replace")
            assert self._ids("scene") == ids
            assert (published.items, published.stored) == (len(ids), len(ids))

    @pytest.mark.parametrize("mode", ["upsert", "delsert"])
    def test_items_that_were_not_sent_stay(self, catalog: CatalogBackend, mode: PublishMode) -> None:
        first = [contract_item("scene", name, number) for number, name in enumerate("abc")]
        second = [contract_item("scene", "b", 1, platform="new"), contract_item("scene", "d", 3)]
        catalog.publish(contract_collection("scene"), first)
        published = catalog.publish(contract_collection("scene", title="New"), second, mode=mode)
        assert (published.items, published.stored, published.item_ids) == (4, 2, ("b", "d"))
        assert self._ids("scene") == ["a", "b", "c", "d"]
        found = {item["id"]: item["properties"].get("platform") for item in self.raw_items("scene")}
        assert found == {"a": None, "b": "new", "c": None, "d": None}
        collection = self.raw_collection("scene")
        assert collection is not None
        assert collection["title"] == "New"

    def test_inserting_what_is_there_is_refused_and_changes_nothing(self, catalog: CatalogBackend) -> None:
        first = catalog.publish(contract_collection("scene"), [contract_item("scene", "a")], mode="insert")
        assert (first.items, first.stored) == (1, 1)
        state = self._state("scene")
        items = [contract_item("scene", "new", 1), contract_item("scene", "a", platform="new")]
        with pytest.raises(ObjectExistsError, match=r"\ba\b"):
            catalog.publish(contract_collection("scene", title="New"), items, mode="insert")
        assert self._state("scene") == state
        assert catalog.publish(contract_collection("scene"), items[:1], mode="insert").items == 2
        assert self._ids("scene") == ["a", "new"]

    def test_insert_ignore_leaves_what_is_there(self, catalog: CatalogBackend) -> None:
        catalog.publish(contract_collection("scene"), [contract_item("scene", "a"), contract_item("scene", "b", 1)])
        items = [contract_item("scene", "new", 2, platform="new"), contract_item("scene", "a", platform="new")]
        published = catalog.publish(contract_collection("scene"), items, mode="insert_ignore")
        assert (published.items, published.stored) == (3, 2)
        found = {item["id"]: item["properties"].get("platform") for item in self.raw_items("scene")}
        assert found == {"a": None, "b": None, "new": "new"}
        assert catalog.is_current(published)

    def test_without_items_just_the_document_is_published(self, catalog: CatalogBackend) -> None:
        items = [contract_item("scene", "a"), contract_item("scene", "b", 1)]
        first = catalog.publish(contract_collection("scene"), items)
        second = catalog.publish(contract_collection("scene", title="New"), [])
        assert (second.items, second.stored) == (2, 0)
        collection = self.raw_collection("scene")
        assert collection is not None
        assert collection["title"] == "New"
        assert self._ids("scene") == ["a", "b"]
        assert catalog.is_current(first)

    def test_items_come_back_as_they_were_sent(self, catalog: CatalogBackend) -> None:
        assert list(catalog.items("scene")) == []
        items = [contract_item("scene", f"tile-{number}", number, platform="drone") for number in range(3)]
        catalog.publish(contract_collection("scene"), items[:2])
        catalog.publish(contract_collection("scene"), items[2:])
        found = {item["id"]: item for item in self.make_catalog().items("scene")}
        assert list(catalog.items("another")) == []
        assert sorted(found) == ["tile-0", "tile-1", "tile-2"]
        for item in items:
            for name in ("type", "geometry", "bbox", "properties", "collection", "assets"):
                assert found[item["id"]][name] == item[name]

    def test_a_changed_item_replaces_the_old_one(self, catalog: CatalogBackend) -> None:
        moments = ("2020-01-01T00:00:00Z", "2021-06-01T12:00:00Z", "2019-01-01T00:00:00Z", "2021-06-01T12:00:00Z")
        digests = []
        for moment in moments:  # some catalogs keep items by their time
            items = [contract_item("scene", "a", datetime=moment), contract_item("scene", "b", 1)]
            digests.append(catalog.publish(contract_collection("scene"), items).digest)
            found = {item["id"]: item["properties"]["datetime"] for item in self.raw_items("scene")}
            assert found == {"a": moment, "b": "2020-01-01T00:00:00Z"}
            assert len(self.raw_items("scene")) == 2
        assert len(set(digests)) == 3
        assert digests[1] == digests[3]

    def test_the_collection_comes_back_as_it_is_published_now(self, catalog: CatalogBackend) -> None:
        assert catalog.collection("scene") is None
        asset = {"href": "/data/cogs/scene_overview.tif", "type": COG_TYPE, "roles": ["overview"]}
        for title in ("Old", "New"):
            sent = contract_collection("scene", title=title, assets={"overview": asset})
            catalog.publish(sent, [contract_item("scene", "a")])
            found = self.make_catalog().collection("scene")
            assert found is not None
            for name in ("id", "title", "description", "license", "extent"):
                assert found[name] == sent[name]
            assert found["assets"]["overview"] == asset

    def test_a_changed_collection_replaces_the_old_one(self, catalog: CatalogBackend) -> None:
        item = contract_item("scene", "a")
        catalog.publish(contract_collection("scene"), [item])
        catalog.publish(contract_collection("scene", description="New", title="New title"), [item])
        collection = self.raw_collection("scene")
        assert collection is not None
        assert (collection["description"], collection["title"]) == ("New", "New title")

    def test_collections_do_not_disturb_each_other(self, catalog: CatalogBackend) -> None:
        for name in ("one", "two"):
            catalog.publish(contract_collection(name), [contract_item(name, "same"), contract_item(name, name, 1)])
        catalog.publish(contract_collection("one"), [contract_item("one", "same")], mode="replace")
        assert self._ids("one") == ["same"]
        assert self._ids("two") == ["same", "two"]
        assert {item["collection"] for item in self.raw_items("two")} == {"two"}

    def test_is_current_while_what_was_sent_is_there_unchanged(self, catalog: CatalogBackend) -> None:
        items = [contract_item("scene", "a"), contract_item("scene", "b", 1)]
        published = catalog.publish(contract_collection("scene"), items)
        assert self.make_catalog().is_current(published)
        assert not catalog.is_current(attrs.evolve(published, digest="0" * 64))
        assert not catalog.is_current(attrs.evolve(published, collection_id="another"))
        assert not catalog.is_current(attrs.evolve(published, item_ids=("a", "b", "c"), stored=3))
        catalog.publish(contract_collection("other"), [contract_item("other", "a")])
        catalog.publish(contract_collection("scene", title="Appended"), [contract_item("scene", "c", 2)])
        assert catalog.is_current(published)
        catalog.publish(contract_collection("scene"), [contract_item("scene", "b", 1, platform="new")])
        assert not catalog.is_current(published)
        catalog.publish(contract_collection("scene"), items)
        assert catalog.is_current(published)
        catalog.publish(contract_collection("scene"), items[:1], mode="replace")
        assert not catalog.is_current(published)

    def test_after_replacing_what_others_append_is_not_current(self, catalog: CatalogBackend) -> None:
        published = catalog.publish(contract_collection("scene"), [contract_item("scene", "a")], mode="replace")
        assert catalog.is_current(published)
        catalog.publish(contract_collection("scene"), [contract_item("scene", "b", 1)])
        assert not catalog.is_current(published)

    def test_nothing_is_published_when_an_item_cannot_be(self, catalog: CatalogBackend) -> None:
        items = [contract_item("scene", f"tile-{number}", number) for number in range(3)]
        published = catalog.publish(contract_collection("scene"), items)
        state = self._state("scene")
        changed = [contract_item("scene", f"tile-{number}", number, platform="new") for number in range(3)]
        for poison in (object(), float("nan")):
            broken = contract_item("scene", "broken", broken=poison)
            with pytest.raises(BackendError):
                catalog.publish(contract_collection("scene", description="New"), [*changed, broken])
            assert self._state("scene") == state
            assert catalog.is_current(published)
            with pytest.raises(BackendError):
                catalog.publish(contract_collection("fresh"), [contract_item("fresh", "a"), broken])
            assert self.raw_collection("fresh") is None

    def test_what_is_not_confirmed_is_not_published(self, catalog: CatalogBackend) -> None:
        catalog.publish(contract_collection("scene"), [contract_item("scene", "a")])
        state, items = self._state("scene"), [contract_item("scene", "a", platform="new"), contract_item("scene", "b")]

        def refuse() -> None:
            assert [item["id"] for item in catalog.items("scene")] == ["a"]
            raise TaskError("No.", code="REFUSED")

        for name in ("scene", "fresh"):
            with pytest.raises(TaskError, match="No"):
                catalog.publish(contract_collection(name, title="New"), items, mode="replace", confirm=refuse)
        assert (self._state("scene"), self.raw_collection("fresh")) == (state, None)
        assert catalog.publish(contract_collection("scene"), items, confirm=lambda: None).items == 2

    def test_nobody_publishes_between_what_is_confirmed_and_what_is_published(self, catalog: CatalogBackend) -> None:
        catalog.publish(contract_collection("scene"), [contract_item("scene", "a")])
        other = threading.Thread(
            target=lambda: self.make_catalog().publish(contract_collection("scene"), [contract_item("scene", "b")]),
            daemon=True,
        )

        def confirm() -> None:
            if other.ident is None:
                other.start()
            other.join(OTHERS_MAY_TAKE)

        catalog.publish(contract_collection("scene"), [contract_item("scene", "c")], mode="replace", confirm=confirm)
        other.join(60)
        assert self._ids("scene") == ["b", "c"]

    @pytest.mark.parametrize(
        "ids",
        [
            ["with space", "ünïcode-Наманган", "a/b", "a\\b", "..", "con", "trailing.", "100%", "#1?"],
            ["Same", "same", "SAME"],
            ["x" * 200, "x" * 199 + "y"],
        ],
        ids=["odd", "case", "long"],
    )
    def test_every_id_is_kept(self, catalog: CatalogBackend, ids: list[str]) -> None:
        items = [contract_item("scene", name, number) for number, name in enumerate(ids)]
        assert catalog.publish(contract_collection("scene"), items).items == len(ids)
        assert self._ids("scene") == sorted(ids)

    def test_a_guard_that_refuses_keeps_all_as_it_was(self, catalog: CatalogBackend) -> None:
        """However late it refuses: as long as something can still be seen to change, it is asked."""
        catalog.publish(contract_collection("scene"), [contract_item("scene", name) for name in "ab"])
        state = self._state("scene")
        items = [contract_item("scene", "a", platform="new"), contract_item("scene", "c", 2)]
        for name in ("scene", "fresh"):
            refused = pickle.loads(pickle.dumps(guarded_catalog(catalog, ScriptedGuard())))
            with pytest.raises(LeaseLostError) as caught:
                refused.publish(contract_collection(name, title="New"), items[:0], mode="replace")
            assert caught.value.code == "LEASE_LOST"
        for allowed in range(50):
            guarded = guarded_catalog(catalog, ScriptedGuard(allowed=allowed))
            try:
                published = guarded.publish(contract_collection("scene", title="New"), items)
            except LeaseLostError:
                found = self._state("scene")
                assert found == state or sorted(item["id"] for item in found[1]) == ["a", "b", "c"]
            else:
                break
        assert (published.items, published.stored) == (3, 2)
        assert self.raw_collection("fresh") is None
        assert catalog.is_current(published)

    def test_backends_pickle(self, catalog: CatalogBackend) -> None:
        again = pickle.loads(pickle.dumps(catalog))
        published = again.publish(contract_collection("scene"), [contract_item("scene", "a")])
        assert catalog.is_current(published)

    def test_several_publishers_at_once_lose_nothing(self) -> None:
        names = [f"scene-{number}" for number in range(6)]

        def publish(name: str) -> Publication:
            items = [contract_item(name, f"{name}-{number}", number) for number in range(4)]
            return self.make_catalog().publish(contract_collection(name), items)

        published = at_once([functools.partial(publish, name) for name in names])
        assert [publication.items for publication in published] == [4] * len(names)
        for name, publication in zip(names, published, strict=True):
            assert len(self.raw_items(name)) == 4
            assert self.make_catalog().is_current(publication)

    def test_several_that_append_to_one_collection_at_once_lose_nothing(self) -> None:
        names = [f"part-{number}" for number in range(6)]

        def publish(name: str) -> Publication:
            items = [contract_item("scene", f"{name}-{number}", number) for number in range(5)]
            return self.make_catalog().publish(contract_collection("scene", title=name), items)

        published = at_once([functools.partial(publish, name) for name in names])
        assert self._ids("scene") == sorted(f"{name}-{number}" for name in names for number in range(5))
        assert all(publication.stored == 5 for publication in published)
        assert max(publication.items for publication in published) == 30
        assert all(self.make_catalog().is_current(publication) for publication in published)

    def test_the_same_collection_from_two_at_once_is_complete(self) -> None:
        items = [contract_item("scene", f"tile-{number}", number) for number in range(20)]
        publish = [lambda: self.make_catalog().publish(contract_collection("scene"), items)] * 2
        first, second = at_once(publish)
        assert first == second
        assert len(self.raw_items("scene")) == 20

    def test_hundreds_of_items(self, catalog: CatalogBackend) -> None:
        items = [contract_item("scene", f"tile-{number:04d}", number) for number in range(500)]
        assert catalog.publish(contract_collection("scene"), items).items == 500
        assert self._ids("scene") == [item["id"] for item in items]
