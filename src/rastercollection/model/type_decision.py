"""Raster types and kernels of all tiles of a collection, as ruled for the tiles of each structure. Pure, no GDAL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import attrs

from rastercollection.core.models import Notice
from rastercollection.model.request import CollectionRequest
from rastercollection.model.tiers import recommend, resamplings
from rastercollection.model.tile import Validation
from rastercollection.model.type_rulings import Ruling, rule_on_bands, rule_on_four, rule_on_one

__all__ = ["decide_types"]


def decide_types(
    request: CollectionRequest, validations: Sequence[Validation]
) -> tuple[tuple[Validation, ...], tuple[Notice, ...]]:
    """The tiles, in their order, with types and the settings that follow from them, and what to tell of it."""
    ruled: dict[str, Ruling] = {}
    notices: list[Notice] = []
    for ruling in _rulings(request, validations):
        for blob in ruling.blobs:
            before = ruled.get(blob, ruling)
            ruled[blob] = attrs.evolve(ruling, raster_type=ruling.raster_type or before.raster_type)
        if ruling.notice is not None and not (ruling.is_of_kernels and _orders_kernels(request)):
            notices.append(ruling.notice)
    settled = (_settled(request, tile, ruled.get(tile.source.blob)) for tile in validations)
    return tuple(settled), tuple(notices)


def _rulings(request: CollectionRequest, validations: Sequence[Validation]) -> Iterator[Ruling]:
    for tiles in _of_one_layout(validations):
        if request.raster_type == "auto":
            free = [tile for tile in tiles if tile.raster_type == tile.detection.raster_type]
            yield from rule_on_one(free)
            yield from rule_on_four(free)
        yield from rule_on_bands(tiles)


def _of_one_layout(validations: Sequence[Validation]) -> Iterable[Sequence[Validation]]:
    groups: dict[object, list[Validation]] = {}
    for tile in validations:
        groups.setdefault(tile.band_layout, []).append(tile)
    return groups.values()


def _orders_kernels(request: CollectionRequest) -> bool:
    return request.warp_resampling is not None and request.overview_resampling is not None


def _settled(request: CollectionRequest, tile: Validation, ruling: Ruling | None) -> Validation:
    """The tile with the type and the kernels that were ruled; other kernels than those of its own type are an order."""
    if ruling is None:
        return tile
    raster_type = ruling.raster_type or tile.raster_type
    own = resamplings(tile.raster_type, keeps_values=tile.detection.keeps_values(tile.raster_type))
    warp, overview = resamplings(raster_type, keeps_values=ruling.keeps_values)
    settings = tile.settings
    if request.warp_resampling is None and settings.warp_resampling == own[0]:
        settings = attrs.evolve(settings, warp_resampling=warp)
    if request.overview_resampling is None and settings.overview_resampling == own[1]:
        settings = attrs.evolve(settings, overview_resampling=overview)
    recommended = recommend(raster_type, request.jpeg_quality, keeps_values=ruling.keeps_values)
    return attrs.evolve(tile, raster_type=raster_type, settings=settings, recommended=recommended)
