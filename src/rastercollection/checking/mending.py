"""What of a collection can be mended without its sources: all documents, search, preview page and overview."""

from __future__ import annotations

import attrs

from rastercollection.checking.subject import Subject
from rastercollection.checking.unlinked import delete_leftovers
from rastercollection.core.contexts import TaskContext
from rastercollection.core.models import Task, TaskResult, TaskStatus
from rastercollection.core.records import to_dict
from rastercollection.model.request import CollectionRequest
from rastercollection.stages import mosaic, overview
from rastercollection.stages.fan_in import FanInParameters
from rastercollection.stages.stac.task import publish_again
from rastercollection.stages.stage_names import CREATE_MOSAICJSON, CREATE_OVERVIEW

__all__ = ["mend", "why_not"]


def why_not(subject: Subject) -> str:
    """Why nothing can be published of what there is; empty where it can."""
    request = subject.request
    if request is None or not subject.members.kept:
        return "what it should be follows from no document: run a job of the collection again"
    if request.titiler_url is None and any(link["rel"] in ("tilejson", "xyz") for link in subject.document["links"]):
        return "its links lead to a tile server: name that with titiler_url"
    return ""


def mend(subject: Subject) -> None:
    """Publish the collection again as it follows from its items, by the stages of a job, and delete what is left over.

    Raises:
        RasterCollectionError: A stage fails, or storage or catalog.
    """
    delete_leftovers(subject)
    request = subject.request
    assert request is not None
    request = attrs.evolve(request, mode="upsert")
    made = tuple(_made(kind, subject, request) for kind in _wanted(request))
    publish_again(request, attrs.evolve(_context(subject), inputs={CREATE_MOSAICJSON: made}))


def _wanted(request: CollectionRequest) -> list[str]:
    if not request.create_mosaicjson:
        return []
    return [CREATE_MOSAICJSON, *([CREATE_OVERVIEW] if request.create_overview else [])]


def _made(kind: str, subject: Subject, request: CollectionRequest) -> TaskResult:
    """What the task of a stage makes where no COG is a job's own."""
    handler = {CREATE_MOSAICJSON: mosaic.create_mosaicjson, CREATE_OVERVIEW: overview.create_overview}[kind]
    stage = {CREATE_MOSAICJSON: mosaic.STAGE, CREATE_OVERVIEW: overview.STAGE}[kind]
    parameters = to_dict(FanInParameters(job=request))
    task = Task(id=kind, stage=1, task_type=kind, handler=stage.handler, parameters=parameters)
    return TaskResult(task=task, status=TaskStatus.COMPLETED, value=handler(parameters, _context(subject)))


def _context(subject: Subject) -> TaskContext:
    resources = attrs.asdict(subject.resources, recurse=False)
    return TaskContext(
        job_id="", task=Task(id="check", stage=0, task_type="check", handler=mosaic.STAGE.handler), resources=resources
    )
