"""A pile of rasters, served: validated, turned into COGs, mosaicked, catalogued in STAC, on a map.

Start with :func:`process_collection`.
"""

from rastercollection.api import (
    CollectionPlan,
    JobHandle,
    JobReport,
    plan_collection,
    process_collection,
    status,
    submit,
)
from rastercollection.collection import collection_workflow
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
    WorkerDiedError,
    WorkflowDefinitionError,
)
from rastercollection.models import JobStatus, TaskStatus
from rastercollection.request import CollectionRequest
from rastercollection.result import JobResult, TileOutcome
from rastercollection.workflow import FanIn, FanOut, Skip, Stage, TaskContext, Workflow, carry_over

__version__ = "0.1.0"

__all__ = [
    "BackendError",
    "CollectionPlan",
    "CollectionRequest",
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
    "WorkerDiedError",
    "Workflow",
    "WorkflowDefinitionError",
    "carry_over",
    "collection_workflow",
    "plan_collection",
    "process_collection",
    "status",
    "submit",
]
