"""The tile server that shows the collection: which addresses it has for it, and whether they work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from rastercollection.geo.bounds import bounds_union
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
    profile_of,
    render_parameters,
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
        search_id: Of the registered search; None where the catalog has none.
        problem: Why there are no addresses; empty where there are.
    """

    links: Links = attrs.field(factory=dict)
    document_links: Links = attrs.field(factory=dict)
    search_id: str | None = None
    problem: str = ""


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
    links, document_links = _links(request, profile, search_id, shown)
    return Service(links=links, document_links=document_links, search_id=search_id)


def try_service(service: Service, shown: Shown) -> tuple[Links, Readiness]:
    """Look at what was published; returns the addresses that the server has, and whether it shows a picture."""
    if service.problem:
        return {}, Readiness(False, service.problem)
    readiness = probe(service.links, shown.zooms, shown.cogs, shown.visual)
    if readiness.ready and offers(service.links["statistics"]):
        return service.links, readiness
    return {name: link for name, link in service.links.items() if name != "statistics"}, readiness


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
        "bounds": list(shown.bounds),
        "minzoom": minzoom,
        "maxzoom": maxzoom,
        "assets": [request.asset_key],
        "defaults": {name: render_parameters(render, profile) for name, render in shown.renders.items()},
    }


def _problem(
    request: CollectionRequest, storage: StorageBackend, profile: UrlProfile, search_id: str | None, shown: Shown
) -> str:
    if not request.titiler_url:
        return "no titiler_url was given"
    if "search" in profile.roots:
        if search_id is None:
            return f"a server of the profile {profile.name} shows what is in pgSTAC, and the catalog is another"
        read = shown.cogs[0].file.href if shown.cogs else ""
    elif shown.mosaic is None:
        return "there is no mosaic to serve: create_mosaicjson is off"
    else:
        read = shown.mosaic.url
    return (
        f"no server can read {read}: it exists in this process only" if read and storage.is_process_local(read) else ""
    )


def _links(
    request: CollectionRequest, profile: UrlProfile, search_id: str | None, shown: Shown
) -> tuple[dict[str, str], dict[str, str]]:
    """Addresses for people, and for the collection's document, which outlive a search."""
    server, visual = request.titiler_url or "", shown.visual
    if "search" not in profile.roots or search_id is None:
        assert shown.mosaic is not None
        links = build_urls(server, {"url": shown.mosaic.url}, visual, profile)
        return links, links
    return (
        build_urls(server, {"search": search_id}, visual, profile),
        build_urls(server, {"collection": request.stac_item_id}, visual, profile, shown.zooms),
    )
