"""A published collection of the tiles of ``make_tiles``, in a catalog of either kind, to be taken from and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from rastercollection import check_collection, remove_collection
from rastercollection.backends.catalogs.static.static_catalog import StaticCatalog

ALL = ("a", "b", "sub_c", "sub_d-ca6e64bf")
OTHERS_MAY_TAKE = 2.0
"""Seconds in which whoever does not wait for its turn gets where it should not."""


@attrs.frozen
class PublishedScene:
    """The collection, and who holds it.

    Attributes:
        folder: Where all of it is.
        name: Of the collection.
        catalog: Address of the catalog.
    """

    folder: Path
    name: str
    catalog: str

    def remove(self, *tiles: str) -> Any:
        return remove_collection(self.catalog, tiles, every_tile=not tiles, collection_id=self.name)

    def items(self) -> list[str]:
        return sorted(str(item["id"]) for item in self.backend().items(self.name))

    def backend(self) -> Any:
        if "://" not in self.catalog:
            return StaticCatalog(self.catalog)
        from rastercollection.backends.catalogs.pgstac.pgstac_catalog import PgstacCatalog

        return PgstacCatalog(self.catalog)

    def check_tiles(self, *tiles: str) -> None:
        """These are there, each with its COG, and nothing else is."""
        found = check_collection(self.catalog, collection_id=self.name, verify="checksum", jobs="memory")
        assert found.findings == ()
        assert self.items() == sorted(tiles)
