"""Which names in a folder are a collection's, as a document in that folder tells everybody. Pure, no I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

import attrs

from rastercollection.core.records import from_dict, to_dict
from rastercollection.errors import RasterCollectionError
from rastercollection.model.names import (
    SIDES,
    TileName,
    folded,
    mosaic_name,
    page_name,
    side_blob,
    source_mark,
    thumbnail_name,
)
from rastercollection.model.request import CollectionRequest
from rastercollection.model.tiers import FALLBACK_TIER, may_fall_back

__all__ = ["SUFFIX", "Reservation", "reservation_in", "reservations"]

SUFFIX = ".reserved.json"
"""What the file names of the documents end in. Ids of collections have no dot: no mosaic is called so."""

_ABOUT = (
    "Names in this folder that belong to one collection, so that no other writes there. Delete this document together "
    "with the collection's files."
)


@attrs.frozen(kw_only=True)
class Reservation:
    """Names in one folder.

    Attributes:
        collection: Id of the STAC collection that they belong to.
        tiers: Which its COGs may be written for.
        tiles: Of each tile, by the beginning of its COG's name, the mark of its source.
        documents: Names of mosaics and preview pages.
    """

    collection: str
    tiers: tuple[str, ...] = ()
    tiles: Mapping[str, str] = attrs.field(factory=dict)
    documents: tuple[str, ...] = ()

    def names(self) -> Mapping[str, str]:
        """Every name, by the form in which it is compared."""
        return {folded(name): name for name in self._names()}

    def _names(self) -> Iterator[str]:
        yield from self.documents
        for stem in self.tiles:
            for tier in self.tiers:
                whole = TileName(stem=stem, item_id="").output_blob(tier, None)
                for cog in (side_blob(whole, side) for side in ("", *SIDES)):
                    yield from (cog, thumbnail_name(cog))

    def holds(self, other: Reservation) -> bool:
        """Whether it says of all that another one says the same."""
        return other.over([self]) == self

    def over(self, others: Sequence[Reservation]) -> Reservation:
        """Together with others of the same collection; where they differ, this one is right."""
        earlier: dict[str, tuple[str, str]] = {}
        for one in (*others, self):
            earlier |= {folded(stem): (stem, mark) for stem, mark in one.tiles.items()}
        every = (*others, self)
        return attrs.evolve(
            self,
            tiers=tuple(sorted({tier for one in every for tier in one.tiers})),
            tiles=dict(sorted(earlier.values())),
            documents=tuple(sorted({name for one in every for name in one.documents})),
        )

    def document(self) -> bytes:
        """The document; equal reservations have equal ones."""
        return (json.dumps({"about": _ABOUT, **to_dict(self)}, ensure_ascii=False, indent=1) + "\n").encode(
            errors="surrogateescape"
        )

    @classmethod
    def read(cls, data: bytes) -> Reservation:
        """From its document.

        Raises:
            ValueError, RasterCollectionError: It is none.
        """
        document = json.loads(data.decode(errors="surrogateescape"))
        if not isinstance(document, dict) or "collection" not in document:
            raise ValueError("it names no collection")
        return from_dict(cls, document)


def reservation_in(data: bytes | None) -> Reservation | None:
    """The reservation that a document holds; None where it holds none, or there is no document."""
    try:
        return None if data is None else Reservation.read(data)
    except (ValueError, RasterCollectionError):
        return None


def reservations(request: CollectionRequest, names: Mapping[str, TileName]) -> Mapping[tuple[str, str], Reservation]:
    """What a job needs, by container and folder (empty for none).

    Args:
        request: What was asked for.
        names: Of the tiles to be made, by source path.
    """
    folder = request.output_folder or ""
    tiers = {request.output_tier, *([FALLBACK_TIER] if may_fall_back(request.tier) else [])}
    page = (page_name(request.collection_id),) if request.create_stac_collection else ()
    mosaic = (mosaic_name(request.collection_id),) if request.create_mosaicjson else ()
    cogs = Reservation(
        collection=request.stac_item_id,
        tiers=tuple(sorted(tiers)),
        tiles={name.stem: source_mark(request.container_name, blob) for blob, name in sorted(names.items())},
        documents=page,
    )
    if request.mosaicjson_container == request.output_container:
        return {(request.output_container, folder): attrs.evolve(cogs, documents=(*page, *mosaic))}
    places = {(request.output_container, folder): cogs}
    if mosaic:
        places[request.mosaicjson_container, folder] = Reservation(collection=request.stac_item_id, documents=mosaic)
    return places
