"""Stage 3 as the workflow sees it: one task over all COGs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rastercollection.core.models import TaskResult
from rastercollection.core.records import from_dict, to_dict
from rastercollection.core.workflow import FanIn, JobContext, Stage, TaskContext
from rastercollection.errors import ObjectNotFoundError
from rastercollection.model.mosaic import Mosaic
from rastercollection.mosaics.assets import every_asset
from rastercollection.stages.fan_in import FanInParameters
from rastercollection.stages.resources import Resources
from rastercollection.stages.stage_names import CREATE_MOSAICJSON

__all__ = ["STAGE", "create_mosaicjson"]


def create_mosaicjson(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """The handler: :class:`~rastercollection.stages.fan_in.FanInParameters` in, a Mosaic out."""
    from rastercollection.stages.mosaic.task import make_mosaic  # loads numpy and shapely

    return to_dict(make_mosaic(from_dict(FanInParameters, parameters).job, context))


def _still_holds(result: TaskResult, resources: Mapping[str, Any]) -> bool:
    """Whether the document leads to all COGs of this job that it was made with, whoever has written it since."""
    assert result.value is not None
    mosaic = from_dict(Mosaic, result.value)
    if not mosaic.assets:
        return True
    try:
        document = json.loads(Resources.of(resources).storage.read(mosaic.outputs[0].url))
        return set(mosaic.assets) <= every_asset(document)
    except (ObjectNotFoundError, ValueError, LookupError, TypeError, AttributeError):
        return False


def _summary(_: JobContext, results: Sequence[TaskResult]) -> Mapping[str, Any]:
    made = [from_dict(Mosaic, result.value) for result in results if result.value is not None]
    return {"mosaicjson": made[0].summary() if made else None}


STAGE = Stage(
    name=CREATE_MOSAICJSON,
    task_type=CREATE_MOSAICJSON,
    handler="rastercollection.stages.mosaic:create_mosaicjson",
    version=1,
    record=Mosaic,
    fan=FanIn(),
    still_holds=_still_holds,
    summary=_summary,
)
