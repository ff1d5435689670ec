"""The published collection that is looked at: its documents, what follows from them, and how to ask for more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import attrs

from rastercollection.model.names import in_folder, page_name
from rastercollection.model.request import CollectionRequest
from rastercollection.ports.addresses import join
from rastercollection.ports.catalog import CatalogBackend
from rastercollection.ports.storage import StorageBackend
from rastercollection.stac.collections import KEYWORDS
from rastercollection.stac.looks import Looks
from rastercollection.stac.published import asset_with_role, cog_key
from rastercollection.stac.published_cog import published_cog
from rastercollection.stac.terms import MAXZOOM, MOSAIC, NAME, OUTDATED, OVERVIEW
from rastercollection.stages.members import Members
from rastercollection.stages.resources import Resources

__all__ = ["Subject"]

Json = Mapping[str, Any]


@attrs.frozen(kw_only=True)
class Subject:
    """A collection as it is published now.

    Attributes:
        resources: With storage and catalog, and how closely to look.
        collection_id: Its id in the catalog.
        document: Its document, with absolute hrefs.
        items: Its items that can be read, with absolute hrefs.
        known: The request of a job that published it; None where no job store knows one.
        titiler_url: Of the tile server that shows it, if that is to be asked.
    """

    resources: Resources
    collection_id: str
    document: Json
    items: tuple[Json, ...]
    known: CollectionRequest | None = None
    titiler_url: str | None = None

    @classmethod
    def read(
        cls,
        resources: Resources,
        collection_id: str,
        known: CollectionRequest | None,
        titiler_url: str | None,
    ) -> Self | None:
        """The collection; None where the catalog has none, or where its document cannot be read.

        Raises:
            BackendError: The catalog cannot be asked.
        """
        catalog = resources.catalog
        assert catalog is not None
        document = catalog.collection(collection_id)
        if document is None:
            return None
        items = sorted(catalog.items(collection_id), key=lambda item: str(item["id"]))
        return cls(
            resources=resources,
            collection_id=collection_id,
            document=document,
            items=tuple(items),
            known=known,
            titiler_url=titiler_url,
        )

    def again(self) -> Self | None:
        """The same as it is now."""
        return type(self).read(self.resources, self.collection_id, self.known, self.titiler_url)

    @property
    def storage(self) -> StorageBackend:
        return self.resources.storage

    @property
    def catalog(self) -> CatalogBackend:
        assert self.resources.catalog is not None
        return self.resources.catalog

    @property
    def members(self) -> Members:
        """What the collection consists of; nothing of it is about to be published."""
        cogs = {str(item["id"]): published_cog(item) for item in self.items}
        return Members(
            made=(),
            kept=tuple(cog for cog in cogs.values() if cog is not None),
            items=self.items,
            foreign=tuple(name for name, cog in cogs.items() if cog is None),
            looks=Looks.of(self.document),
        )

    @property
    def asset_key(self) -> str:
        """Key of the COGs in the items."""
        return next((key for item in self.items if (key := cog_key(item))), "data")

    @property
    def folder(self) -> str | None:
        """Address of the folder that the COGs lie in; None where there are none, or where it is not one."""
        folders = {cog.file.href.rpartition("/")[0] for cog in self.members.kept}
        return folders.pop() if len(folders) == 1 else None

    @property
    def request(self) -> CollectionRequest | None:
        """What a job would ask for that publishes this very collection: of a job, or as the documents tell.

        Its renders are those that the document names, whichever that job has asked for.
        None where these do not tell where its files are.
        """
        if self.known is not None:
            return attrs.evolve(self.known, titiler_url=self.titiler_url or self.known.titiler_url, renders=None)
        folder, mosaic = self.folder, asset_with_role(self.document, MOSAIC)
        if folder is None:
            return None
        name = _collection_name(self.document, self.collection_id)
        return CollectionRequest(
            container_name=folder,
            blob_list="*.tif",
            collection_id=name,
            stac_item_id=self.collection_id,
            collection_title=self.document.get("title"),
            collection_description=self.document.get("description"),
            output_container=folder,
            mosaicjson_container=folder if mosaic is None else str(mosaic["href"]).rpartition("/")[0],
            asset_key=self.asset_key,
            maxzoom=None if mosaic is None else mosaic.get(MAXZOOM),
            license=str(self.document.get("license", "other")),
            providers=tuple(self.document.get("providers") or ()),
            keywords=tuple(word for word in self.document.get("keywords") or () if word not in KEYWORDS),
            create_mosaicjson=mosaic is not None,
            create_overview=self.has_overview,
            titiler_url=self.titiler_url,
        )

    @property
    def has_overview(self) -> bool:
        """Whether it has an overview, or is to have one."""
        return asset_with_role(self.document, OVERVIEW) is not None or bool(self.document.get(OUTDATED))

    @property
    def page(self) -> str | None:
        """Where the preview page is; None where that cannot be told."""
        request = self.request
        if request is None:
            return None
        return join(request.output_container, in_folder(page_name(request.collection_id), request.output_folder))


def _collection_name(document: Json, collection_id: str) -> str:
    """What the job called the collection; its id in the catalog may be another."""
    return str(document.get(NAME) or collection_id)
