"""What the contracts of catalogs have in common: how a catalog is made and looked into, and small documents."""

from __future__ import annotations

import abc
import copy
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest

from rastercollection.ports.catalog import CatalogBackend
from rastercollection.stac.terms import COG_TYPE

__all__ = ["OTHERS_MAY_TAKE", "CatalogContractBase", "at_once", "contract_collection", "contract_item"]

OTHERS_MAY_TAKE = 1.0
"""Seconds in which whoever does not wait for its turn gets where it should not."""

Json = dict[str, Any]
T = TypeVar("T")


def contract_collection(collection_id: str, **changes: Any) -> Json:
    """A small valid STAC collection."""
    return {
        "type": "Collection",
        "id": collection_id,
        "stac_version": "1.1.0",
        "title": f"{collection_id} Collection",
        "description": "Made up",
        "license": "other",
        "extent": {
            "spatial": {"bbox": [[0.0, 0.0, 10.0, 1.0]]},
            "temporal": {"interval": [["2020-01-01T00:00:00Z", None]]},
        },
        "links": [],
        **changes,
    }


def contract_item(collection_id: str, item_id: str, number: int = 0, **properties: Any) -> Json:
    """A small valid STAC item, one degree square, ``number`` degrees east of Greenwich."""
    west, east = float(number % 179), float(number % 179 + 1)
    ring = [[west, 0.0], [east, 0.0], [east, 1.0], [west, 1.0], [west, 0.0]]
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": item_id,
        "collection": collection_id,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [west, 0.0, east, 1.0],
        "properties": {"datetime": "2020-01-01T00:00:00Z", **properties},
        "links": [],
        "assets": {
            "data": {"href": f"https://example.com/cogs/{number}.tif", "type": COG_TYPE, "roles": ["data"]},
        },
    }


class CatalogContractBase(abc.ABC):
    """Makes catalogs and looks into them; what must hold is in the contracts."""

    @abc.abstractmethod
    def make_catalog(self) -> CatalogBackend:
        """The backend under test; another one for the same catalog when called again within a test."""

    @abc.abstractmethod
    def raw_items(self, collection_id: str) -> Sequence[Mapping[str, Any]]:
        """The items that a reader finds in a collection; empty where there is no such collection."""

    @abc.abstractmethod
    def raw_collection(self, collection_id: str) -> Mapping[str, Any] | None:
        """The collection that a reader finds; None where there is none."""

    @pytest.fixture
    def catalog(self) -> CatalogBackend:
        return self.make_catalog()

    def _ids(self, collection_id: str) -> list[str]:
        return sorted(str(item["id"]) for item in self.raw_items(collection_id))

    def _state(self, collection_id: str) -> tuple[Any, list[Any]]:
        items = sorted(self.raw_items(collection_id), key=lambda item: str(item["id"]))
        return copy.deepcopy(self.raw_collection(collection_id)), copy.deepcopy(list(items))


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        start.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))
