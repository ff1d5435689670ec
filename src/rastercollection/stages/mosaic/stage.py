"""Stage 3 as the workflow sees it: one task over all COGs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rastercollection.core.contexts import JobContext, TaskContext
from rastercollection.core.models import TaskResult
from rastercollection.core.records import from_dict, multihash, to_dict
from rastercollection.core.workflow import FanIn, Stage
from rastercollection.errors import ObjectNotFoundError
from rastercollection.model.mosaic import Mosaic
from rastercollection.model.render import RENDERS_ONLY
from rastercollection.model.request import CollectionRequest
from rastercollection.mosaics.assets import every_asset
from rastercollection.stac.published import asset_with_role
from rastercollection.stac.terms import CHECKSUM, MOSAIC
from rastercollection.stages.fan_in import FanInParameters
from rastercollection.stages.resources import Resources
from rastercollection.stages.stage_names import CREATE_MOSAICJSON

__all__ = ["STAGE", "create_mosaicjson"]


def create_mosaicjson(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """The handler: :class:`~rastercollection.stages.fan_in.FanInParameters` in, a Mosaic out."""
    from rastercollection.stages.mosaic.task import make_mosaic  # loads numpy and shapely

    return to_dict(make_mosaic(from_dict(FanInParameters, parameters).job, context))


def _still_holds(result: TaskResult, resources: Mapping[str, Any]) -> bool:
    """Whether the document leads to all COGs of this job that it was made with, and is as somebody wrote it.

    That is whoever has published the collection last: its document tells of what bytes.
    """
    assert result.value is not None
    mosaic = from_dict(Mosaic, result.value)
    if not mosaic.assets:
        return True
    try:
        data = Resources.of(resources).storage.read(mosaic.outputs[0].url)
        if multihash(data) not in _meant(mosaic, from_dict(FanInParameters, result.task.parameters).job, resources):
            return False
        return set(mosaic.assets) <= every_asset(json.loads(data))
    except (ObjectNotFoundError, ValueError, LookupError, TypeError, AttributeError):
        return False


def _meant(mosaic: Mosaic, request: CollectionRequest, resources: Mapping[str, Any]) -> set[str]:
    """Checksums that the document may have."""
    catalog, own = Resources.of(resources).catalog, mosaic.outputs[0].checksum
    asset = asset_with_role(catalog.collection(request.stac_item_id) or {}, MOSAIC) if catalog is not None else None
    if asset is None or CHECKSUM not in asset or asset.get("href") != mosaic.url:
        return {own}
    return {asset[CHECKSUM]} if request.create_stac_collection else {asset[CHECKSUM], own}


def _summary(_: JobContext, results: Sequence[TaskResult]) -> Mapping[str, Any]:
    made = [from_dict(Mosaic, result.value) for result in results if result.value is not None]
    return {"mosaicjson": made[0].summary() if made else None}


STAGE = Stage(
    name=CREATE_MOSAICJSON,
    task_type=CREATE_MOSAICJSON,
    handler="rastercollection.stages.mosaic:create_mosaicjson",
    version=1,
    record=Mosaic,
    ignores=RENDERS_ONLY,
    fan=FanIn(),
    still_holds=_still_holds,
    summary=_summary,
)
