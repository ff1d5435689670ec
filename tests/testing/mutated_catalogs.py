"""Catalogs that break one promise each; see ``test_mutants``."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from rastercollection.backends.catalogs.static.static_catalog import StaticCatalog
from rastercollection.errors import BackendError
from rastercollection.testing.catalog_contract import CatalogContract


class Sound(StaticCatalog):
    """A static catalog in a folder, without a mirror of its items."""


class AddsWhereItReplaces(Sound):
    def publish(self, collection: Any, items: Any, *, mode: Any = "upsert") -> Any:
        return super().publish(collection, items, mode="upsert" if mode == "replace" else mode)


class ReplacesWhereItAdds(Sound):
    def publish(self, collection: Any, items: Any, *, mode: Any = "upsert") -> Any:
        return super().publish(collection, items, mode="replace" if mode == "upsert" else mode)


class InsertsWhatIsThere(Sound):
    def publish(self, collection: Any, items: Any, *, mode: Any = "upsert") -> Any:
        return super().publish(collection, items, mode="upsert" if mode == "insert" else mode)


class IgnoresNothing(Sound):
    def publish(self, collection: Any, items: Any, *, mode: Any = "upsert") -> Any:
        return super().publish(collection, items, mode="upsert" if mode == "insert_ignore" else mode)


class CountsWhatWasSent(Sound):
    def publish(self, collection: Any, items: Any, *, mode: Any = "upsert") -> Any:
        return attrs.evolve(super().publish(collection, items, mode=mode), items=len(items))


class PublishesOneByOne(Sound):
    def publish(self, collection: Any, items: Any, *, mode: Any = "upsert") -> Any:
        for item in items:
            super().publish(collection, [item], mode="upsert")
        return super().publish(collection, items, mode=mode)


class LeavesOutWhatItCannotStore(Sound):
    def publish(self, collection: Any, items: Any, *, mode: Any = "upsert") -> Any:
        try:
            return super().publish(collection, items, mode=mode)
        except BackendError:
            return super().publish(collection, items[:-1], mode=mode)


class MergesWithoutALock(Sound):
    def publish(self, collection: Any, items: Any, *, mode: Any = "upsert") -> Any:
        every = {item["id"]: item for item in [*self.items(collection["id"]), *items]}
        time.sleep(0.05)
        return super().publish(collection, list(every.values()), mode="replace")


class ChangesItsArguments(Sound):
    def publish(self, collection: Any, items: Any, *, mode: Any = "upsert") -> Any:
        for item in items:
            item["links"] = [{"rel": "collection", "href": "./collection.json"}]
        return super().publish(collection, items, mode=mode)


class IgnoresCase(Sound):
    def publish(self, collection: Any, items: Any, *, mode: Any = "upsert") -> Any:
        every = list({item["id"].lower(): item for item in items}.values())
        return super().publish(collection, every, mode=mode)


class KeepsTheFirstCollection(Sound):
    def publish(self, collection: Any, items: Any, *, mode: Any = "upsert") -> Any:
        return super().publish(self.collection(collection["id"]) or collection, items, mode=mode)


class DigestsIdsOnly(Sound):
    def publish(self, collection: Any, items: Any, *, mode: Any = "upsert") -> Any:
        published = super().publish(collection, items, mode=mode)
        return attrs.evolve(published, digest=json.dumps(sorted(published.item_ids)))


class IsAlwaysCurrent(Sound):
    def is_current(self, publication: Any) -> bool:
        return True


class IsNeverCurrent(Sound):
    def is_current(self, publication: Any) -> bool:
        return False


class FindsNoItems(Sound):
    def items(self, collection_id: str) -> Any:
        return iter(())


class FindsNoCollection(Sound):
    def collection(self, collection_id: str) -> Any:
        return None


class HoldsAConnection(Sound):
    def __getstate__(self) -> Any:
        raise TypeError("cannot pickle a connection")


class AsksNobody(Sound):
    def guarded(self, guard: Any) -> Any:
        return self


class RemovesAllOfIt(Sound):
    def remove_items(self, collection_id: str, item_ids: Any) -> None:
        self.remove(collection_id)


class EmptiesWhatItIsToRemove(Sound):
    def remove(self, collection_id: str) -> None:
        super().publish(self.collection(collection_id) or {}, [], mode="replace")


class RemovesUnguarded(Sound):
    def remove(self, collection_id: str) -> None:
        StaticCatalog(self.url, self.storage).remove(collection_id)


class ConfirmsNothing(Sound):
    def publish(self, collection: Any, items: Any, *, mode: Any = "upsert", confirm: Any = None) -> Any:
        return super().publish(collection, items, mode=mode)


class ConfirmsBeforeItsTurn(Sound):
    def publish(self, collection: Any, items: Any, *, mode: Any = "upsert", confirm: Any = None) -> Any:
        if confirm is not None:
            confirm()
        return super().publish(collection, items, mode=mode)


class LetsOthersDisturb(Sound):
    def undisturbed(self, collection_id: str, work: Any) -> Any:
        return work(lambda: None)


MUTANTS: dict[type[Any], str] = {
    ConfirmsNothing: "test_what_is_not_confirmed_is_not_published",
    ConfirmsBeforeItsTurn: "test_nobody_publishes_between_what_is_confirmed_and_what_is_published",
    LetsOthersDisturb: "test_nobody_publishes_or_removes_where_it_is_to_be_undisturbed",
    RemovesAllOfIt: "test_items_that_are_removed_are_gone_and_no_others",
    EmptiesWhatItIsToRemove: "test_what_is_removed_is_gone_and_nothing_else",
    RemovesUnguarded: "test_a_guard_that_refuses_removes_nothing",
    AddsWhereItReplaces: "test_after_replacing_there_are_these_items_and_no_others",
    ReplacesWhereItAdds: "test_items_that_were_not_sent_stay[upsert]",
    InsertsWhatIsThere: "test_inserting_what_is_there_is_refused_and_changes_nothing",
    IgnoresNothing: "test_insert_ignore_leaves_what_is_there",
    CountsWhatWasSent: "test_items_that_were_not_sent_stay[upsert]",
    PublishesOneByOne: "test_nothing_is_published_when_an_item_cannot_be",
    LeavesOutWhatItCannotStore: "test_nothing_is_published_when_an_item_cannot_be",
    MergesWithoutALock: "test_several_that_append_to_one_collection_at_once_lose_nothing",
    ChangesItsArguments: "test_arguments_are_left_alone",
    IgnoresCase: "test_every_id_is_kept[case]",
    KeepsTheFirstCollection: "test_a_changed_collection_replaces_the_old_one",
    DigestsIdsOnly: "test_a_changed_item_replaces_the_old_one",
    IsAlwaysCurrent: "test_is_current_while_what_was_sent_is_there_unchanged",
    IsNeverCurrent: "test_is_current_while_what_was_sent_is_there_unchanged",
    FindsNoItems: "test_items_come_back_as_they_were_sent",
    FindsNoCollection: "test_the_collection_comes_back_as_it_is_published_now",
    HoldsAConnection: "test_backends_pickle",
    AsksNobody: "test_a_guard_that_refuses_keeps_all_as_it_was",
}


class InAFolder(CatalogContract):
    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def raw_items(self, collection_id: str) -> Sequence[Mapping[str, Any]]:
        return [item for item in self._documents() if item.get("collection") == collection_id]

    def raw_collection(self, collection_id: str) -> Mapping[str, Any] | None:
        found = [each for each in self._documents() if each["type"] == "Collection" and each["id"] == collection_id]
        return found[0] if found else None

    def _documents(self) -> list[dict[str, Any]]:
        found = []
        for path in self.folder.glob("*/collection.json"):
            document = json.loads(path.read_text())
            linked = [link["href"] for link in document["links"] if link["rel"] == "item"]
            found += [document, *(json.loads((path.parent / href).read_text()) for href in linked)]
        return found


def suite(kind: type[Any]) -> type[CatalogContract]:
    named = {"make_catalog": lambda self: kind(str(self.folder), mirror=False), "__module__": __name__}
    return type(kind.__name__, (InAFolder,), named)


globals().update({f"Suite{kind.__name__}": suite(kind) for kind in (Sound, *MUTANTS)})
