"""How readers reach what was published: the addresses that stand in documents, with the credentials of the storage."""

from __future__ import annotations

import json

from rastercollection.model.cog import Cog
from rastercollection.model.mosaic import Mosaic
from rastercollection.mosaics.assets import assets_by_quadkey, prefix_of
from rastercollection.ports.addresses import join, split_scheme
from rastercollection.ports.storage import GdalSource, StorageBackend
from rastercollection.stages.check.stock_readers import PublishedMosaic

__all__ = ["gdal_source_of", "published_mosaic", "readable"]

_KNOWN = ("", "http", "https", "s3", "gs", "az")
"""Schemes of addresses that readers take as they are."""


def gdal_source_of(cog: Cog, storage: StorageBackend) -> GdalSource | None:
    """How GDAL reaches a COG; None where it cannot read it in place."""
    return storage.gdal_source(join(cog.output_container, cog.output_blob) if cog.output_blob else cog.file.href)


def readable(href: str, source: GdalSource | None) -> str:
    """The public address of a COG where readers take such, else GDAL's path of it."""
    return href if source is None or split_scheme(href)[0] in _KNOWN else source.path


def published_mosaic(mosaic: Mosaic, storage: StorageBackend) -> PublishedMosaic:
    """The document as it is now.

    Raises:
        BackendError: It cannot be read.
        ValueError, LookupError, TypeError, AttributeError: It is no MosaicJSON.
    """
    url = mosaic.outputs[0].url if mosaic.outputs else mosaic.url
    document = json.loads(storage.read(url))
    every = assets_by_quadkey(document)
    rest = {name: value for name, value in document.items() if name != "tiles"}
    zooms = {"zoom": int(document.get("quadkey_zoom") or document["minzoom"]), "maxzoom": int(document["maxzoom"])}
    if all(split_scheme(asset)[0] in _KNOWN for assets in every.values() for asset in assets):
        return PublishedMosaic(document=rest, tiles=document["tiles"], prefix=prefix_of(document), **zooms)
    tiles = {key: [readable(asset, storage.gdal_source(asset)) for asset in assets] for key, assets in every.items()}
    return PublishedMosaic(document={**rest, "asset_prefix": None}, tiles=tiles, prefix="", **zooms)
