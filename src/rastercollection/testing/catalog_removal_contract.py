"""What a catalog must do out of which whole collections can be taken; part of the contract of catalogs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import cast

import pytest

from rastercollection.errors import LeaseLostError
from rastercollection.ports.catalog import CatalogBackend, RemovableCatalog, SearchableCatalog
from rastercollection.ports.guarded import guarded_catalog
from rastercollection.testing.catalog_base import (
    OTHERS_MAY_TAKE,
    CatalogContractBase,
    at_once,
    contract_collection,
    contract_item,
)
from rastercollection.testing.scripted import ScriptedGuard

__all__ = ["CatalogRemovalContract"]


class CatalogRemovalContract(CatalogContractBase):
    """Tests of the meaning of :class:`~rastercollection.ports.catalog.RemovableCatalog`; of no other catalog."""

    @pytest.fixture
    def removable(self, catalog: CatalogBackend) -> RemovableCatalog:
        if not isinstance(catalog, RemovableCatalog):
            pytest.skip("whole collections cannot be removed from it")
        return catalog

    def test_what_is_removed_is_gone_and_nothing_else(
        self, catalog: CatalogBackend, removable: RemovableCatalog
    ) -> None:
        items = [contract_item("scene", "a"), contract_item("scene", "b", 1, datetime="2021-06-01T12:00:00Z")]
        published = catalog.publish(contract_collection("scene"), items)
        catalog.publish(contract_collection("scene-2"), [contract_item("scene-2", "a")])
        state = self._state("scene-2")
        removable.remove("scene")
        assert (self.raw_collection("scene"), self._ids("scene")) == (None, [])
        assert (catalog.collection("scene"), list(catalog.items("scene"))) == (None, [])
        assert not catalog.is_current(published)
        assert self._state("scene-2") == state
        removable.remove("scene")
        assert self.make_catalog().publish(contract_collection("scene"), items[:1]).items == 1
        assert self._ids("scene") == ["a"]

    def test_items_that_are_removed_are_gone_and_no_others(
        self, catalog: CatalogBackend, removable: RemovableCatalog
    ) -> None:
        published = catalog.publish(contract_collection("scene"), [contract_item("scene", name) for name in "abc"])
        catalog.publish(contract_collection("scene-2"), [contract_item("scene-2", "a")])
        state, document = self._state("scene-2"), self.raw_collection("scene")
        removable.remove_items("scene", ["a", "c", "never there"])
        assert self._ids("scene") == ["b"]
        assert document is not None
        assert (self.raw_collection("scene") or {}).get("title") == document["title"]
        assert not catalog.is_current(published)
        removable.remove_items("scene", ["a"])
        removable.remove_items("never there", ["a"])
        assert (self._ids("scene"), self._state("scene-2")) == (["b"], state)

    def test_searches_go_with_what_is_removed(self, catalog: CatalogBackend, removable: RemovableCatalog) -> None:
        if not isinstance(catalog, SearchableCatalog):
            pytest.skip("it is not searched")
        for name in ("scene", "scene-2"):
            catalog.publish(contract_collection(name), [contract_item(name, "a")])
            catalog.register_search(name, {"name": name})
        removable.remove("scene")
        assert (len(catalog.searches("scene")), len(catalog.searches("scene-2"))) == (0, 1)

    @pytest.mark.usefixtures("removable")
    def test_a_guard_that_refuses_removes_nothing(self, catalog: CatalogBackend) -> None:
        catalog.publish(contract_collection("scene"), [contract_item("scene", "a")])
        state = self._state("scene")
        with pytest.raises(LeaseLostError):
            cast(RemovableCatalog, guarded_catalog(catalog, ScriptedGuard())).remove("scene")
        with pytest.raises(LeaseLostError):
            cast(RemovableCatalog, guarded_catalog(catalog, ScriptedGuard())).remove_items("scene", ["a"])
        assert self._state("scene") == state

    def test_removing_beside_a_publisher_leaves_what_it_sent_or_nothing(
        self, catalog: CatalogBackend, removable: RemovableCatalog
    ) -> None:
        items = [contract_item("scene", f"tile-{number}", number) for number in range(20)]
        catalog.publish(contract_collection("scene"), items[:10])

        def publish() -> None:
            self.make_catalog().publish(contract_collection("scene"), items[10:])

        at_once([publish, lambda: removable.remove("scene")])
        assert self._ids("scene") in ([], sorted(item["id"] for item in items[10:]))
        assert (self.raw_collection("scene") is None) == (not self._ids("scene"))

    def test_nobody_publishes_or_removes_where_it_is_to_be_undisturbed(
        self, catalog: CatalogBackend, removable: RemovableCatalog
    ) -> None:
        items = [contract_item("scene", name) for name in "ab"]
        catalog.publish(contract_collection("scene"), items[:1])
        calls: list[Callable[[], object]] = [
            lambda: self.make_catalog().publish(contract_collection("scene"), items[1:]),
            lambda: cast(RemovableCatalog, self.make_catalog()).remove_items("scene", ["a"]),
        ]
        others = [threading.Thread(target=call, daemon=True) for call in calls]

        def work(check: Callable[[], object]) -> list[str]:
            for other in others:
                other.start()
            others[0].join(OTHERS_MAY_TAKE)
            check()
            return [str(item["id"]) for item in catalog.items("scene")]

        assert removable.undisturbed("scene", work) == ["a"]
        for other in others:
            other.join(60)
        assert self._ids("scene") == ["b"]
        assert removable.undisturbed("never there", lambda _: "done") == "done"
