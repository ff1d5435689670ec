"""What stage 4 hands on: what is in the catalog, and which addresses serve it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import attrs

from rastercollection.model.mosaic import Mosaic, Overview
from rastercollection.model.output import Output

__all__ = ["CatalogEntry", "StacSummary"]


@attrs.frozen(kw_only=True)
class CatalogEntry:
    """Stage 4's answer: what is in the catalog and which addresses serve it, as checked.

    Attributes:
        collection_id: The STAC collection.
        catalog: Kind of catalog.
        collection_url: Where the collection document is.
        items_created: Items handed to the catalog.
        items_stored: How many of them were found in the catalog afterwards.
        items_in_collection: Items of the collection counted in the catalog afterwards, whoever published them.
        digest, item_ids, mode: Of the publication, to tell later whether it is still there.
        mosaic: The MosaicJSON over all items of the collection, as it is when they are published; None without one.
        overview: Another overview than the job's own, made since others had added to the collection; None without one.
        dropped_cogs: Addresses of COGs whose items the mode ``replace`` dropped. The files stay where they are.
        search_id: Of the registered search; None where the catalog has no searches.
        urls: viewer, tilejson, tiles, info, point, statistics, wmts, as far as there are; empty without a tile server.
        methods: The HTTP method of each of ``urls`` that takes another than GET; it is sent a GeoJSON feature.
        layers: Of each of ``urls`` that shows several layers, the identifier of the one that is meant.
        share_url: The viewer, or the collection's preview page.
        ready_for_titiler: A tilejson and a tile were fetched from the tile server and the tile showed something.
        ready_reason: Why not, or what was fetched.
        outputs: Objects written to storage by the stage itself.
        preview_url: Public address of the preview page.
    """

    collection_id: str
    catalog: str
    collection_url: str
    items_created: int
    items_stored: int
    items_in_collection: int
    digest: str
    item_ids: tuple[str, ...]
    mode: str
    mosaic: Mosaic | None
    dropped_cogs: tuple[str, ...]
    search_id: str | None
    urls: Mapping[str, str]
    share_url: str | None
    ready_for_titiler: bool
    ready_reason: str
    methods: Mapping[str, str] = attrs.field(factory=dict)
    layers: Mapping[str, str] = attrs.field(factory=dict)
    outputs: tuple[Output, ...] = ()
    overview: Overview | None = None
    preview_url: str = ""

    def summary(self) -> StacSummary:
        """What a job's summary says of it under ``stac``."""
        in_pgstac = self.catalog == "pgstac"
        return StacSummary(
            collection_id=self.collection_id,
            catalog=self.catalog,
            collection_url=self.collection_url,
            preview_url=self.preview_url,
            pgstac_id=self.collection_id if in_pgstac else None,
            search_id=self.search_id,
            items_created=self.items_created,
            items_stored=self.items_stored,
            items_in_collection=self.items_in_collection,
            dropped_cogs=self.dropped_cogs,
            inserted_to_pgstac=self.items_stored if in_pgstac else 0,
            ready_for_titiler=self.ready_for_titiler,
            ready_reason=self.ready_reason,
        )


@attrs.frozen(kw_only=True)
class StacSummary:
    """What a job's summary says of its collection, under ``stac``; what one of another release does not say is empty.

    Attributes:
        pgstac_id: Id of the collection in pgSTAC; None elsewhere.
        inserted_to_pgstac: Items of the job that are stored there.

    The others are as of a CatalogEntry.
    """

    collection_id: str = ""
    catalog: str = ""
    collection_url: str = ""
    preview_url: str = ""
    pgstac_id: str | None = None
    search_id: str | None = None
    items_created: int = 0
    items_stored: int = 0
    items_in_collection: int = 0
    dropped_cogs: tuple[str, ...] = ()
    inserted_to_pgstac: int = 0
    ready_for_titiler: bool = False
    ready_reason: str = ""

    @classmethod
    def of(cls, summary: Mapping[str, Any]) -> Self | None:
        """Out of a job's summary; None where it has published no collection."""
        told = summary.get("stac")
        names = attrs.fields_dict(cls)
        return cls(**{name: told[name] for name in names if told.get(name) is not None}) if told else None
