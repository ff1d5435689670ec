"""The tile server that shows the collection: which addresses it has for it, and whether they work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from rastercollection.geo.bounds import bounds_union, one_box
from rastercollection.geo.types import Bounds
from rastercollection.model.cog import Cog
from rastercollection.model.mosaic import Mosaic
from rastercollection.model.request import CollectionRequest
from rastercollection.ports.catalog import CatalogBackend, SearchableCatalog
from rastercollection.ports.storage import StorageBackend
from rastercollection.stac.terms import VISUAL
from rastercollection.stac.tile_servers import (
    MOSAICJSON_SERVER,
    PROFILES,
    TITILER_PGSTAC_3,
    UrlProfile,
    build_urls,
    methods_of,
    profile_of,
    registered_render,
    wmts_layer,
)
from rastercollection.stages.stac.probe import Readiness, offers, openapi_of, probe

__all__ = ["Service", "Shown", "plan_service", "try_service"]

WORLD: Bounds = (-180.0, -90.0, 180.0, 90.0)
ALL_ZOOMS = (0, 24)

Render = Mapping[str, Any]
Links = Mapping[str, str]


@attrs.frozen(kw_only=True)
class Shown:
    """What is to be shown.

    Attributes:
        cogs: All of the collection that readers can combine; those of items that other programs published may not be
            known.
        mosaic: Result of stage 3; None when it did not run.
        uncombined: Ids of items that readers cannot combine with the others.
        renders: By name; ``visual`` is what links show.
    """

    cogs: Sequence[Cog]
    mosaic: Mosaic | None
    renders: Mapping[str, Render]
    uncombined: Sequence[str] = ()

    @property
    def visual(self) -> Render:
        return self.renders.get(VISUAL, {})

    @property
    def bounds(self) -> Bounds:
        if self.mosaic:
            return self.mosaic.bounds
        return bounds_union(cog.file.bounds_4326 for cog in self.cogs) if self.cogs else WORLD

    @property
    def zooms(self) -> tuple[int, int]:
        """The smallest and the largest that make sense."""
        if self.mosaic:
            return (self.mosaic.minzoom, self.mosaic.maxzoom)
        zooms = [(cog.file.minzoom, cog.file.maxzoom) for cog in self.cogs] or [ALL_ZOOMS]
        return (min(low for low, _ in zooms), max(high for _, high in zooms))


@attrs.frozen(kw_only=True)
class Service:
    """Addresses that show the collection.

    Attributes:
        links: By name; empty without a server.
        document_links: Those for the collection's document.
        methods: The HTTP method of each of ``links`` that takes another than GET.
        layers: Of each of ``links`` that shows several layers, the one that is meant.
        search_id: Of the registered search; None where the catalog has none.
        problem: Why there are no addresses; empty where there are.
    """

    links: Links = attrs.field(factory=dict)
    document_links: Links = attrs.field(factory=dict)
    methods: Links = attrs.field(factory=dict)
    layers: Links = attrs.field(factory=dict)
    search_id: str | None = None
    problem: str = ""

    def without(self, name: str) -> Service:
        """The same without one of the addresses."""
        links, methods, layers = (
            {key: value for key, value in told.items() if key != name}
            for told in (self.links, self.methods, self.layers)
        )
        return attrs.evolve(self, links=links, methods=methods, layers=layers)


def plan_service(request: CollectionRequest, storage: StorageBackend, catalog: CatalogBackend, shown: Shown) -> Service:
    """The addresses, before anything is published; in a catalog with searches, one over the collection is registered.

    A search is a question, not an answer: that it is registered changes nothing for readers, and nothing is lost when
    publishing fails afterwards.
    """
    profile = _profile(request, catalog)
    search_id = None
    if isinstance(catalog, SearchableCatalog):
        described = _metadata(request, shown, profile)
        search_id = catalog.register_search(request.stac_item_id, described, without=shown.uncombined)
    problem = _problem(request, storage, profile, search_id, shown)
    if problem:
        return Service(search_id=search_id, problem=problem)
    return attrs.evolve(_found(request, profile, search_id, shown), search_id=search_id)


def try_service(service: Service, shown: Shown) -> tuple[Service, Readiness]:
    """Look at what was published; returns what the server has of the addresses, and whether it shows a picture."""
    if service.problem:
        return service, Readiness(False, service.problem)
    readiness = probe(service.links, shown.zooms, shown.cogs, shown.visual)
    if readiness.ready and offers(service.links["statistics"]):
        return service, readiness
    return service.without("statistics"), readiness


def _profile(request: CollectionRequest, catalog: CatalogBackend) -> UrlProfile:
    """As asked for; else what the server says it is; else the usual one for this catalog."""
    name, server = request.titiler_profile, request.titiler_url
    if name:
        return PROFILES[name]
    if not isinstance(catalog, SearchableCatalog):
        return MOSAICJSON_SERVER
    return (profile_of(openapi_of(server)) if server else None) or TITILER_PGSTAC_3


def _metadata(request: CollectionRequest, shown: Shown, profile: UrlProfile) -> dict[str, Any]:
    """What a tile server is to know of the search: its place, its zooms, its renders."""
    minzoom, maxzoom = shown.zooms
    return {
        "name": request.collection_id,
        "bounds": list(one_box(shown.bounds)),  # clients of a WMTS take west to be the smaller
        "minzoom": minzoom,
        "maxzoom": maxzoom,
        "assets": [request.asset_key],
        "defaults": {name: registered_render(render, profile) for name, render in shown.renders.items()},
    }


def _problem(
    request: CollectionRequest, storage: StorageBackend, profile: UrlProfile, search_id: str | None, shown: Shown
) -> str:
    if not request.titiler_url:
        return "no titiler_url was given"
    if shown.cogs and not shown.renders:
        return "the COGs hold complex numbers, of which tile servers make no pictures"
    if "search" in profile.roots:
        if search_id is None:
            return f"a server of the profile {profile.name} shows what is in pgSTAC, and the catalog is another"
        read = shown.cogs[0].file.href if shown.cogs else ""
    elif shown.mosaic is None:
        return "there is no mosaic to serve: `create_mosaicjson` is off"
    else:
        read = shown.mosaic.url
    return (
        f"no server can read {read}: it exists in this process only" if read and storage.is_process_local(read) else ""
    )


def _found(request: CollectionRequest, profile: UrlProfile, search_id: str | None, shown: Shown) -> Service:
    """Addresses for people, and for the collection's document, which outlive a search."""
    server, visual = request.titiler_url or "", shown.visual
    source: dict[str, str]
    if "search" not in profile.roots or search_id is None:
        assert shown.mosaic is not None
        source = {"url": shown.mosaic.url}
        document_links = None
    else:
        source = {"search": search_id}
        of_collection = {"collection": request.stac_item_id}
        document_links = build_urls(server, of_collection, visual, profile, shown.zooms)
    links = build_urls(server, source, visual, profile)
    layer = wmts_layer(source, VISUAL, profile)
    return Service(
        links=links,
        document_links=links if document_links is None else document_links,
        methods=methods_of(links, source),
        layers={"wmts": layer} if layer else {},
    )
