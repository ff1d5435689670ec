"""What fan-in stages receive: their parameters, and the results of the stages before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from rastercollection.core.contexts import TaskContext
from rastercollection.core.models import TaskResult
from rastercollection.core.packed import Packed
from rastercollection.core.records import from_dict
from rastercollection.model.cog import Cog
from rastercollection.model.entry import CatalogEntry
from rastercollection.model.mosaic import Mosaic, Overview
from rastercollection.model.request import CollectionRequest
from rastercollection.model.tile import SourceFile
from rastercollection.stages.stage_names import (
    CREATE_COGS,
    CREATE_MOSAICJSON,
    CREATE_OVERVIEW,
    CREATE_STAC_COLLECTION,
)

__all__ = [
    "FanInParameters",
    "MadeCogs",
    "made_cogs",
    "made_mosaic",
    "made_overview",
    "overview_result",
    "published_entry",
    "validated_sources",
]


@attrs.frozen(kw_only=True)
class FanInParameters:
    """Parameters of a fan-in task, as the engine makes them.

    Attributes:
        job: What was asked for.
        inputs: Digest of the results of all stages before.
    """

    job: CollectionRequest
    inputs: str = ""


@attrs.frozen
class MadeCogs:
    """The COGs of stage 2.

    Attributes:
        cogs: In the order of the request, failed tiles left out; of both sides of a tile that has two. Without what is
            in their items and concerns nothing else: receipt, choice of the encoding, histograms. Of 10⁵ tiles that
            would take more than a GB.
    """

    cogs: tuple[Cog, ...]
    _results: Mapping[str, Mapping[str, Any]]

    def whole(self, cog: Cog) -> Cog:
        """One of them with all that stage 2 tells of it."""
        tile = from_dict(Cog, self._results[cog.item_id])
        return next(side for side in tile.sides if side.item_id == cog.item_id)


def made_cogs(context: TaskContext) -> MadeCogs:
    """What stage 2 has made."""
    cogs: list[Cog] = []
    results: dict[str, Mapping[str, Any]] = {}
    for result in sorted(context.inputs.get(CREATE_COGS, ()), key=_position):
        if result.value is not None:
            sides = from_dict(Cog, _without_details(result.value)).sides
            cogs += sides
            results |= {side.item_id: result.value for side in sides}
    return MadeCogs(tuple(cogs), results)


def _without_details(tile: Mapping[str, Any]) -> dict[str, Any]:
    """What a record of a COG tells but for that, and its outline in little memory; another record stays what it is."""
    try:
        bands = [{**band, "statistics": _without_histogram(band["statistics"])} for band in tile["bands"]]
        others = [_without_details(other) for other in tile.get("others", ())]
        light = {"bands": bands, "others": others, "footprint": Packed.of(tile["footprint"])}
    except (LookupError, TypeError, ValueError):
        return dict(tile)
    return dict(tile.items()) | light | {"receipt": None, "encoding_choice": None}


def _without_histogram(statistics: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return None if statistics is None else {**statistics, "histogram": None}


def _position(result: TaskResult) -> tuple[int, str]:
    # ids end in the tile's number: as text, 1000000 would sort before 999999
    return (len(result.task.id), result.task.id)


def made_mosaic(context: TaskContext) -> Mosaic | None:
    """The mosaic of stage 3; None when that stage is turned off."""
    value = _value_of(context, CREATE_MOSAICJSON)
    return from_dict(Mosaic, value) if value is not None else None


def made_overview(context: TaskContext) -> Overview | None:
    """What became of the overview beside the mosaic; None where it is turned off."""
    result = overview_result(context)
    return from_dict(Overview, result.value) if result is not None and result.value is not None else None


def overview_result(context: TaskContext) -> TaskResult | None:
    """The result of the task that made the overview beside the mosaic; None where it is turned off."""
    return _result_of(context, CREATE_OVERVIEW)


def published_entry(context: TaskContext) -> CatalogEntry | None:
    """What stage 4 published; None where it is turned off."""
    value = _value_of(context, CREATE_STAC_COLLECTION, CREATE_STAC_COLLECTION)
    return from_dict(CatalogEntry, value) if value is not None else None


def _value_of(context: TaskContext, task_type: str, stage: str = CREATE_MOSAICJSON) -> Mapping[str, Any] | None:
    """What one of the tasks of a fan-in stage returned."""
    result = _result_of(context, task_type, stage)
    return None if result is None else result.value


def _result_of(context: TaskContext, task_type: str, stage: str = CREATE_MOSAICJSON) -> TaskResult | None:
    results = context.inputs.get(stage, ())
    return next((result for result in results if result.task.task_type == task_type), None)


@attrs.frozen
class _Validated:
    """Of a validation, the source alone."""

    source: SourceFile


def validated_sources(results: Sequence[TaskResult]) -> tuple[SourceFile, ...]:
    """The sources of stage 1's results that are valid."""
    return tuple(from_dict(_Validated, result.value).source for result in results if result.value is not None)
