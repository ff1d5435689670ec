"""What stage 4 hands on: what is in the catalog, and which addresses serve it."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from rastercollection.model.mosaic import Mosaic, Overview
from rastercollection.model.output import Output

__all__ = [
    "CatalogEntry",
]


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
