"""A pile of rasters, served: validated, turned into COGs, mosaicked, catalogued in STAC, on a map.

Start with :func:`process_collection`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rastercollection.api import (
        CollectionPlan,
        JobHandle,
        JobReport,
        plan_collection,
        process_collection,
        status,
        submit,
    )
    from rastercollection.core.models import JobStatus, TaskStatus
    from rastercollection.core.workflow import (
        Companion,
        FanIn,
        FanOut,
        Skip,
        Stage,
        TaskContext,
        Workflow,
        carry_over,
    )
    from rastercollection.errors import (
        BackendError,
        ExecutorBrokenError,
        ExecutorError,
        JobBusyError,
        JobCancelledError,
        JobFailedError,
        MissingExtraError,
        ObjectExistsError,
        ObjectNotFoundError,
        PermissionDeniedError,
        PreconditionError,
        RasterCollectionError,
        RequestError,
        RequestProblem,
        TaskError,
        TileError,
        UnavailableError,
        UnknownNameError,
        ViewError,
        WorkerDiedError,
        WorkflowDefinitionError,
    )
    from rastercollection.job.collection_workflow import collection_workflow
    from rastercollection.job.result import JobResult, TileOutcome
    from rastercollection.model.request import CollectionRequest
    from rastercollection.viewer import ViewServer, view_collection

__version__ = "0.1.0"

__all__ = [
    "BackendError",
    "CollectionPlan",
    "CollectionRequest",
    "Companion",
    "ExecutorBrokenError",
    "ExecutorError",
    "FanIn",
    "FanOut",
    "JobBusyError",
    "JobCancelledError",
    "JobFailedError",
    "JobHandle",
    "JobReport",
    "JobResult",
    "JobStatus",
    "MissingExtraError",
    "ObjectExistsError",
    "ObjectNotFoundError",
    "PermissionDeniedError",
    "PreconditionError",
    "RasterCollectionError",
    "RequestError",
    "RequestProblem",
    "Skip",
    "Stage",
    "TaskContext",
    "TaskError",
    "TaskStatus",
    "TileError",
    "TileOutcome",
    "UnavailableError",
    "UnknownNameError",
    "ViewError",
    "ViewServer",
    "WorkerDiedError",
    "Workflow",
    "WorkflowDefinitionError",
    "carry_over",
    "collection_workflow",
    "plan_collection",
    "process_collection",
    "status",
    "submit",
    "view_collection",
]

_NAMES = {
    "api": (
        "CollectionPlan",
        "JobHandle",
        "JobReport",
        "plan_collection",
        "process_collection",
        "status",
        "submit",
    ),
    "job.collection_workflow": ("collection_workflow",),
    "errors": (
        "BackendError",
        "ExecutorBrokenError",
        "ExecutorError",
        "JobBusyError",
        "JobCancelledError",
        "JobFailedError",
        "MissingExtraError",
        "ObjectExistsError",
        "ObjectNotFoundError",
        "PermissionDeniedError",
        "PreconditionError",
        "RasterCollectionError",
        "RequestError",
        "RequestProblem",
        "TaskError",
        "TileError",
        "UnavailableError",
        "UnknownNameError",
        "ViewError",
        "WorkerDiedError",
        "WorkflowDefinitionError",
    ),
    "core.models": (
        "JobStatus",
        "TaskStatus",
    ),
    "model.request": ("CollectionRequest",),
    "job.result": (
        "JobResult",
        "TileOutcome",
    ),
    "viewer": (
        "ViewServer",
        "view_collection",
    ),
    "core.workflow": (
        "Companion",
        "FanIn",
        "FanOut",
        "Skip",
        "Stage",
        "TaskContext",
        "Workflow",
        "carry_over",
    ),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load the module behind a public name when the name is first used: importing the package costs next to nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
