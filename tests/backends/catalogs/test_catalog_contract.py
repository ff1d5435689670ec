"""The shipped contract over the static catalog, read by pystac and as JSON, and over pgSTAC, read by its search."""

from __future__ import annotations

import json
import posixpath
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import fsspec
import pystac
import pytest

from rastercollection.backends.catalogs.static.static_catalog import StaticCatalog
from rastercollection.ports.catalog import CatalogBackend
from rastercollection.testing.catalog_contract import CatalogContract


class TestStaticOnDisk(CatalogContract):
    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "new" / "my catalog"

    def make_catalog(self) -> StaticCatalog:
        return StaticCatalog(str(self.folder))

    def _child(self, collection_id: str) -> pystac.Collection | None:
        if not (self.folder / "catalog.json").exists():
            return None
        child = pystac.Catalog.from_file(str(self.folder / "catalog.json")).get_child(collection_id)
        return child if isinstance(child, pystac.Collection) else None

    def raw_items(self, collection_id: str) -> Sequence[Mapping[str, Any]]:
        child = self._child(collection_id)
        return [item.to_dict(include_self_link=False) for item in child.get_items()] if child else []

    def raw_collection(self, collection_id: str) -> Mapping[str, Any] | None:
        child = self._child(collection_id)
        return json.loads(Path(child.get_self_href()).read_text()) if child else None


class TestStaticInMemory(CatalogContract):
    @pytest.fixture(autouse=True)
    def place(self) -> None:
        self.root = f"/contract-{uuid.uuid4().hex}/stac"
        self.files = fsspec.filesystem("memory")

    def make_catalog(self) -> StaticCatalog:
        return StaticCatalog(f"memory:/{self.root}")

    def _json(self, path: str) -> dict[str, Any]:
        return json.loads(self.files.cat_file(path))

    def _linked(self, path: str, rel: str) -> list[dict[str, Any]]:
        """Documents that the one at ``path`` links to, by following relative links as a web server's reader would."""
        folder = posixpath.dirname(path)
        targets = [link["href"] for link in self._json(path)["links"] if link["rel"] == rel]
        return [
            {"path": target, **self._json(target)} for target in (posixpath.normpath(f"{folder}/{t}") for t in targets)
        ]

    def _child(self, collection_id: str) -> dict[str, Any] | None:
        root = f"{self.root}/catalog.json"
        found = self._linked(root, "child") if self.files.exists(root) else []
        return next((child for child in found if child["id"] == collection_id), None)

    def raw_items(self, collection_id: str) -> Sequence[Mapping[str, Any]]:
        child = self._child(collection_id)
        return self._linked(child["path"], "item") if child else []

    def raw_collection(self, collection_id: str) -> Mapping[str, Any] | None:
        return self._child(collection_id)


class TestPgstac(CatalogContract):
    @pytest.fixture(autouse=True)
    def place(self, pgstac_dsn: str) -> None:
        self.dsn = pgstac_dsn

    def make_catalog(self) -> CatalogBackend:
        from rastercollection.backends.catalogs.pgstac.pgstac_catalog import PgstacCatalog

        return PgstacCatalog(self.dsn)

    def _ask(self, query: str, *parameters: str) -> Any:
        import psycopg

        with psycopg.connect(self.dsn, options="-c search_path=pgstac,public") as connection:
            return (connection.execute(query.encode(), parameters).fetchone() or (None,))[0]

    def raw_items(self, collection_id: str) -> Sequence[Mapping[str, Any]]:
        found = self._ask("SELECT search(%s)", json.dumps({"collections": [collection_id], "limit": 10_000}))
        return found["features"]

    def raw_collection(self, collection_id: str) -> Mapping[str, Any] | None:
        return self._ask("SELECT get_collection(%s)", collection_id)
