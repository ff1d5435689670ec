"""Names of outputs, settled before a job begins: what a source is called in the collection, it goes on being called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from rastercollection.errors import ObjectNotFoundError, RasterCollectionError
from rastercollection.model.names import TileName, clashing_names, folded, kept_names, source_mark
from rastercollection.model.request import CollectionRequest
from rastercollection.model.reservation import SUFFIX, Reservation
from rastercollection.model.tile import Sources
from rastercollection.ports.addresses import join
from rastercollection.ports.catalog import takes_any_source
from rastercollection.ports.storage import StorageBackend
from rastercollection.stac.published import published_tile
from rastercollection.stages.resources import Resources

__all__ = ["settle_names"]


def settle_names(request: CollectionRequest, sources: Sources, resources: Mapping[str, Any]) -> Sources:
    """The sources with the names that they have already, by what is reserved where the job writes, or published.

    So a tile is called the same whichever others a job has beside it.

    Raises:
        BackendError: The catalog, or the place of outputs, cannot be asked.
    """
    given = Resources.of(resources)
    reserved = dict(_reserved(request, given.storage))

    def is_reserved(blob: str, name: TileName) -> bool:
        return reserved.get(folded(name.stem)) == source_mark(request.container_name, blob)

    kept = kept_names(sources.blobs, is_reserved)
    if given.catalog is not None and clashing_names(sources.blobs) - kept.keys():
        items = {tile.item_id: tile for tile in map(published_tile, given.catalog.items(request.stac_item_id))}

        def is_known(blob: str, name: TileName) -> bool:
            item = items.get(name.item_id)
            is_replaced = item is not None and takes_any_source(request.mode) and item.title == blob
            is_own = item is not None and item.is_of(request.container_name, blob)
            return is_reserved(blob, name) or is_own or is_replaced

        kept = kept_names(sources.blobs, is_known)
    return attrs.evolve(sources, kept=kept)


def _reserved(request: CollectionRequest, storage: StorageBackend) -> Iterator[tuple[str, str]]:
    """Marks of the sources that this collection has, by the beginning of their COGs' names."""
    try:
        found = list(storage.list(join(request.output_container, request.output_folder or ""), deep=False))
    except ObjectNotFoundError:
        return
    for info in found:
        name = info.url.rpartition("/")[2]
        if name.startswith(f"{request.stac_item_id}-") and name.endswith(SUFFIX):
            reservation = _read(info.url, storage)
            tiles = reservation.tiles if reservation and reservation.collection == request.stac_item_id else {}
            yield from ((folded(stem), mark) for stem, mark in tiles.items())


def _read(url: str, storage: StorageBackend) -> Reservation | None:
    """None where it has gone in the meantime, or cannot be understood: then the job is refused later."""
    try:
        data = storage.read(url)
    except ObjectNotFoundError:
        return None
    try:
        return Reservation.read(data)
    except (ValueError, RasterCollectionError):
        return None
