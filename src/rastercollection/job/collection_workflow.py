"""The workflow of a collection: its five stages, and what is made beside the third."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import attrs

from rastercollection.core.contexts import JobContext
from rastercollection.core.workflow import FanIn, Stage, TaskKind, Workflow
from rastercollection.job.result import Summary, summarise
from rastercollection.model.request import CollectionRequest
from rastercollection.ports.registries import HANDLERS, WORKFLOWS
from rastercollection.stages import check, cog, mosaic, overview, stac, validate

__all__ = ["JOB_TYPE", "collection_workflow", "default_workflow"]

JOB_TYPE = "process_collection"
KINDS: tuple[TaskKind, ...] = (validate.STAGE, cog.STAGE, mosaic.STAGE, overview.STAGE, stac.STAGE, check.STAGE)
"""All that a collection's workflow may have."""

Kind = TypeVar("Kind", bound=TaskKind)


def default_workflow(request: CollectionRequest) -> Workflow:
    """The workflow registered for collections, for this request."""
    made: Workflow = WORKFLOWS.load(JOB_TYPE)(request)
    return made


def collection_workflow(request: CollectionRequest) -> Workflow:
    """Validate tiles, create COGs, the MosaicJSON with an overview beside it, the STAC collection; check all of it.

    Mosaic and STAC collection can be turned off in the request. Insert stages of your own with
    :meth:`~rastercollection.Workflow.insert_before` and ``insert_after``: a stage between validation and COGs passes
    validations on, with ``source`` or anything else changed.
    """
    return Workflow(name=JOB_TYPE, stages=tuple(_stages(request)), finalizer=_summary)


def _stages(request: CollectionRequest) -> Iterator[Stage]:
    yield _registered(validate.STAGE)
    yield _registered(cog.STAGE)
    if request.create_mosaicjson:
        beside = (_registered(overview.STAGE),) if request.create_overview else ()
        yield attrs.evolve(_registered(mosaic.STAGE), fan=FanIn(beside=beside))
    if request.create_stac_collection:
        yield _registered(stac.STAGE)
    yield _registered(check.STAGE)


def _registered(kind: Kind) -> Kind:
    """With the handler that is registered for its tasks; what version a plug-in's is, its own code tells."""
    handler = HANDLERS.target(kind.task_type)
    return attrs.evolve(kind, handler=handler, version=kind.version if handler == kind.handler else None)


def _summary(context: JobContext) -> Summary:
    return summarise(context, KINDS)
