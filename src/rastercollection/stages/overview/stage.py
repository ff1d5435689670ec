"""What is made beside the mosaic, as the workflow sees it: one task over all COGs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rastercollection.core.contexts import JobContext, TaskContext
from rastercollection.core.models import TaskResult
from rastercollection.core.records import from_dict, to_dict
from rastercollection.core.workflow import Companion
from rastercollection.model.mosaic import OVERVIEW_FACTS, Overview
from rastercollection.model.render import RENDERS_ONLY
from rastercollection.stac.published import PublishedOverview, published_overview
from rastercollection.stac.terms import OUTDATED
from rastercollection.stages.fan_in import FanInParameters
from rastercollection.stages.resources import Resources
from rastercollection.stages.stage_names import CREATE_OVERVIEW
from rastercollection.stages.verifying import has_whole_overview

__all__ = ["STAGE", "create_overview"]


def create_overview(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """The handler: :class:`~rastercollection.stages.fan_in.FanInParameters` in, an Overview out."""
    from rastercollection.stages.overview.task import make_overview  # loads GDAL

    return to_dict(make_overview(from_dict(FanInParameters, parameters).job, context))


def _still_holds(result: TaskResult, resources: Mapping[str, Any]) -> bool:
    """Whether it shows all of the collection, or none is needed, as the collection's document has it now."""
    if _collection(result, resources).get(OUTDATED):
        return False
    published = _published(result, resources)
    return published is None or not published.is_outdated


def _successor(result: TaskResult, resources: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The overview that a later job has put in the place of this result's, if it shows all of the collection."""
    published = _published(result, resources)
    if published is None or published.is_outdated or not _is_whole(result, resources):
        return None
    told = {name: getattr(published, name) for name in OVERVIEW_FACTS}
    return {"overview": {**told, "reason": "a later job of the collection has made another one, of all tiles"}}


def _is_whole(result: TaskResult, resources: Mapping[str, Any]) -> bool:
    """Whether the overview that the collection links to now, and its thumbnail, are there as they were written."""
    return has_whole_overview(_collection(result, resources), Resources.of(resources))


def _published(result: TaskResult, resources: Mapping[str, Any]) -> PublishedOverview | None:
    """The overview that the collection links to now; None also where the job made none, as where the tiles are few."""
    if result.value is None or from_dict(Overview, result.value).image is None:
        return None
    try:
        return published_overview(_collection(result, resources))
    except ValueError:  # what another program has made of the document says nothing against the file
        return None


def _collection(result: TaskResult, resources: Mapping[str, Any]) -> Mapping[str, Any]:
    """The collection's document as it is published now; empty without one."""
    catalog = Resources.of(resources).catalog
    request = from_dict(FanInParameters, result.task.parameters).job
    return {} if catalog is None else catalog.collection(request.stac_item_id) or {}


def _summary(_: JobContext, results: Sequence[TaskResult]) -> Mapping[str, Any]:
    made = [from_dict(Overview, result.value) for result in results if result.value is not None]
    return {"overview": made[0].summary() if made else None}


STAGE = Companion(
    task_type=CREATE_OVERVIEW,
    handler="rastercollection.stages.overview:create_overview",
    version=2,
    record=Overview,
    ignores=RENDERS_ONLY,
    still_holds=_still_holds,
    successor=_successor,
    summary=_summary,
)
