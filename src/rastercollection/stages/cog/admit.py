"""What a job would join and overwrite, looked at before any work is done."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence, Set

import attrs

from rastercollection.core.contexts import StartContext
from rastercollection.core.records import from_dict
from rastercollection.disclosure.listing import listed
from rastercollection.errors import OtherSourceError, OutputTakenError, RequestProblem
from rastercollection.model.joining import Joining, PublishedTile
from rastercollection.model.names import TileName, item_ids
from rastercollection.model.output import Made
from rastercollection.model.request import CollectionRequest
from rastercollection.model.reservation import Reservation, reservations
from rastercollection.model.tile import Sources
from rastercollection.ports.addresses import join
from rastercollection.ports.catalog import CatalogBackend, CatalogInFiles, takes_any_source
from rastercollection.stac.published import asset_hrefs, is_own_collection, published_tile
from rastercollection.stages.cog.output_places import Found, OutputPlace
from rastercollection.stages.resources import Resources

__all__ = ["admit"]


def admit(context: StartContext) -> Sources:
    """The sources, with what is published of their collection; the names of what is to be written are reserved.

    Of a job that is planned only, nothing is reserved.

    Raises:
        OutputTakenError: What would be written belongs to another collection, or to somebody else.
        OtherSourceError: Tiles would take the place of tiles that were made of other sources.
        BackendError: The catalog, or a place of outputs, cannot be asked.
    """
    request = CollectionRequest.from_parameters(context.parameters)
    sources: Sources = context.facts
    every = sources.names
    names = {source.blob: every[source.blob] for source in sources.files}
    resources = Resources.of(context.resources)
    published, linked = _published(request, resources.catalog)
    written = functools.cache(lambda: _written(context))
    places = [_place(context, *each, linked, written) for each in reservations(request, names).items()]
    _refuse_catalog_documents(request, places, resources.catalog)
    found = [place.look() for place in places]
    _refuse(request, names, published, found)
    if not context.is_plan:
        _refuse(request, names, (), _reserved(places, found))
    joining = None
    if published and request.create_stac_collection:
        there = {tile.item_id for tile in published}
        made = {item for blob, name in names.items() for item in _items_made(name, blob, there)}
        joining = Joining.of(request.stac_item_id, published, made, request.mode)
    return attrs.evolve(sources, published=published, joining=joining)


def _items_made(name: TileName, blob: str, there: Set[str]) -> Sequence[str]:
    """Ids of a source's items: those of its sides where they are published, else that of the whole tile."""
    return [item for item in item_ids(name, blob) if item in there] or [name.item_id]


def _published(
    request: CollectionRequest, catalog: CatalogBackend | None
) -> tuple[tuple[PublishedTile, ...], frozenset[str]]:
    """The items of the collection, and all addresses that it links to.

    Raises:
        OutputTakenError: The collection is another program's, and publishing would write over its document.
    """
    if catalog is None or not (request.create_stac_collection or request.create_mosaicjson):
        return (), frozenset()
    name, document = request.stac_item_id, catalog.collection(request.stac_item_id)
    if document is not None and request.create_stac_collection and not is_own_collection(document, name):
        text = f"collection {document.get('id')!r} is in the catalog and was not made by this library: set another id"
        raise OutputTakenError([RequestProblem("stac_item_id", repr(name), text)])
    tiles = tuple(sorted(map(published_tile, catalog.items(name)), key=lambda tile: tile.item_id))
    linked = {href for tile in tiles for href in tile.hrefs}
    return tiles, frozenset(linked | set(asset_hrefs(document or {})))


def _written(context: StartContext) -> Mapping[str, str]:
    """Versions of the objects that an earlier run of the job has written, by address."""
    found = (from_dict(Made, result.value) for each in context.results.values() for result in each if result.value)
    return {output.url: output.version for made in found for output in made.outputs}


def _place(
    context: StartContext,
    where: tuple[str, str],
    wanted: Reservation,
    linked: frozenset[str],
    written: Callable[[], Mapping[str, str]],
) -> OutputPlace:
    request = CollectionRequest.from_parameters(context.parameters)
    container, folder = where
    return OutputPlace(
        storage=Resources.of(context.resources).storage,
        container=container,
        folder=folder,
        wanted=wanted,
        parameter="output_folder" if container == request.output_container else "mosaicjson_container",
        published=linked,
        written=written,
        is_replacing=takes_any_source(request.mode),
        job_id=context.job_id,
    )


def _reserved(places: Sequence[OutputPlace], found: Sequence[Found]) -> list[Found]:
    """Reserve all places, or none: what is found there then, up to the first that is refused."""
    after: list[Found] = []
    for place, before in zip(places, found, strict=True):
        after.append(place.reserve(before))
        if after[-1].is_refused:
            for earlier, known in zip(places[: len(after) - 1], found, strict=False):
                earlier.release(known)
            break
    return after


def _refuse_catalog_documents(
    request: CollectionRequest, places: Sequence[OutputPlace], catalog: CatalogBackend | None
) -> None:
    """Refuse names that are those of the catalog's own documents, and files of others under names of such.

    Raises:
        OutputTakenError: Naming them.
    """
    if not isinstance(catalog, CatalogInFiles):
        return
    urls = [join(place.container, place.folder, name) for place in places for name in place.wanted.names().values()]
    clashing = [url for url in urls if catalog.writes(url, request.stac_item_id)]
    if clashing:
        text = f"the catalog's own documents are there ({listed(clashing)}): set another folder, or another catalog"
        raise OutputTakenError([RequestProblem("output_folder", repr(request.output_folder), text)])
    strange = catalog.strangers(request.stac_item_id) if request.create_stac_collection else ()
    if strange:
        text = (
            f"{len(strange)} files in its place in the catalog would be overwritten or deleted, and are none of its "
            f"documents ({listed(strange)}): move them away, or set another id"
        )
        raise OutputTakenError([RequestProblem("stac_item_id", repr(request.stac_item_id), text)])


def _refuse(
    request: CollectionRequest,
    names: Mapping[str, TileName],
    published: Sequence[PublishedTile],
    found: Sequence[Found],
) -> None:
    taken = [problem for each in found for problem in each.taken]
    if taken:
        raise OutputTakenError(taken)
    reserved = {stem for each in found for stem in each.stems}
    blobs = [blob for blob, name in names.items() if name.stem in reserved]
    other = list(dict.fromkeys([*_of_other_items(request, names, published), *blobs]))
    if other:
        text = (
            f"{len(other)} of {len(names)} tiles would take the place of tiles of collection "
            f"{request.stac_item_id!r} that were made of other sources ({listed(other)}): give the sources distinct "
            "names, or the collection another id; 'delsert' replaces tiles whatever they were made of"
        )
        raise OtherSourceError([RequestProblem("mode", repr(request.mode), text)])


def _of_other_items(
    request: CollectionRequest, names: Mapping[str, TileName], published: Sequence[PublishedTile]
) -> Iterator[str]:
    """Sources whose items are there, made of others."""
    there = {tile.item_id: tile for tile in published}
    for blob, name in names.items() if not takes_any_source(request.mode) else ():
        item = there.get(name.item_id)
        if item is not None and not item.is_of(request.container_name, blob):
            yield blob
