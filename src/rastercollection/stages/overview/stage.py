"""What is made beside the mosaic, as the workflow sees it: one task over all COGs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rastercollection.core.models import TaskResult
from rastercollection.core.records import from_dict, to_dict
from rastercollection.core.workflow import Companion, JobContext, TaskContext
from rastercollection.errors import BackendError
from rastercollection.model.mosaic import Overview
from rastercollection.stages.fan_in import FanInParameters
from rastercollection.stages.resources import Resources
from rastercollection.stages.stage_names import CREATE_OVERVIEW

__all__ = ["STAGE", "create_overview"]

OUTDATED = "rastercollection:outdated"
"""An overview's asset says so in a collection of which it does not show all."""


def create_overview(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """The handler: :class:`~rastercollection.stages.fan_in.FanInParameters` in, an Overview out."""
    from rastercollection.stages.overview.task import make_overview  # loads GDAL

    return to_dict(make_overview(from_dict(FanInParameters, parameters).job, context))


def _still_holds(result: TaskResult, resources: Mapping[str, Any]) -> bool:
    return not _published(result, resources).get(OUTDATED, False)


def _successor(result: TaskResult, resources: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The overview that a later job has put in the place of this result's, if it shows all of the collection."""
    asset = _published(result, resources)
    if asset.get(OUTDATED, False):
        return None
    try:
        is_whole = Resources.of(resources).storage.stat(asset["href"]).size == asset["file:size"]
        found = {"href": asset["href"], "maxzoom": asset["rastercollection:maxzoom"], "size": asset["file:size"]}
    except (BackendError, LookupError):
        return None
    reason = "a later job of the collection has made another one, of all tiles"
    return {"overview": {**found, "thumbnail": asset.get("thumbnail"), "reason": reason}} if is_whole else None


def _published(result: TaskResult, resources: Mapping[str, Any]) -> Mapping[str, Any]:
    """The asset by which the collection links to its overview now, with the thumbnail's address; may be empty."""
    catalog = Resources.of(resources).catalog
    if result.value is None or from_dict(Overview, result.value).image is None or catalog is None:
        return {}
    request = from_dict(FanInParameters, result.task.parameters).job
    assets = (catalog.collection(request.stac_item_id) or {}).get("assets") or {}
    asset: Mapping[str, Any] = assets.get("overview") or {}
    return {**asset, "thumbnail": assets.get("thumbnail", {}).get("href")} if asset else {}


def _summary(_: JobContext, results: Sequence[TaskResult]) -> Mapping[str, Any]:
    """The overview's address and zooms, or None for them with the reason why there is none."""
    made = [from_dict(Overview, result.value) for result in results if result.value is not None]
    if not made:
        return {"overview": None}
    told = ("href", "thumbnail", "maxzoom", "size")
    return {"overview": {**{name: getattr(made[0].image, name, None) for name in told}, "reason": made[0].reason}}


STAGE = Companion(
    task_type=CREATE_OVERVIEW,
    handler="rastercollection.stages.overview:create_overview",
    still_holds=_still_holds,
    successor=_successor,
    summary=_summary,
)
