from .api import (
    CollectionPlan as CollectionPlan,
    check_collection as check_collection,
    plan_collection as plan_collection,
    process_collection as process_collection,
)
from .checking.report import (
    CollectionReport as CollectionReport,
    Finding as Finding,
)
from .core.contexts import (
    JobContext as JobContext,
    PlanContext as PlanContext,
    StartContext as StartContext,
    TaskContext as TaskContext,
)
from .core.models import (
    ErrorRecord as ErrorRecord,
    JobStatus as JobStatus,
    Notice as Notice,
    Task as Task,
    TaskResult as TaskResult,
    TaskStatus as TaskStatus,
)
from .core.workflow import (
    Companion as Companion,
    FanIn as FanIn,
    FanOut as FanOut,
    Skip as Skip,
    Stage as Stage,
    Workflow as Workflow,
    carry_over as carry_over,
)
from .errors import (
    BackendError as BackendError,
    ExecutorBrokenError as ExecutorBrokenError,
    ExecutorError as ExecutorError,
    ForkedProcessError as ForkedProcessError,
    JobBusyError as JobBusyError,
    JobCancelledError as JobCancelledError,
    JobFailedError as JobFailedError,
    JobHandedOverError as JobHandedOverError,
    JobInterrupted as JobInterrupted,
    LeaseLostError as LeaseLostError,
    MachineError as MachineError,
    MainThreadError as MainThreadError,
    MissingExtraError as MissingExtraError,
    ObjectExistsError as ObjectExistsError,
    ObjectNotFoundError as ObjectNotFoundError,
    OtherSourceError as OtherSourceError,
    OutputTakenError as OutputTakenError,
    PermissionDeniedError as PermissionDeniedError,
    PreconditionError as PreconditionError,
    PrivateAddressError as PrivateAddressError,
    RasterCollectionError as RasterCollectionError,
    RequestError as RequestError,
    RequestProblem as RequestProblem,
    TaskError as TaskError,
    TileError as TileError,
    UnavailableError as UnavailableError,
    UnknownNameError as UnknownNameError,
    ViewError as ViewError,
    WorkerDiedError as WorkerDiedError,
    WorkflowDefinitionError as WorkflowDefinitionError,
)
from .job.upkeep.collection_listing import (
    PublishedCollection as PublishedCollection,
    list_collections as list_collections,
)
from .job.upkeep.collection_push import (
    Push as Push,
    push_collection as push_collection,
)
from .job.upkeep.collection_removal import (
    Removal as Removal,
    remove_collection as remove_collection,
)
from .job.collection_workflow import (
    collection_workflow as collection_workflow,
)
from .job.handle import (
    JobHandle as JobHandle,
)
from .job.managing import (
    cancel as cancel,
    list_jobs as list_jobs,
    prune as prune,
    status as status,
)
from .job.queueing import (
    rerun as rerun,
    retry_failed as retry_failed,
    run_worker as run_worker,
    submit as submit,
)
from .job.reporting import (
    JobReport as JobReport,
    StageReport as StageReport,
)
from .job.result import (
    JobResult as JobResult,
    TileOutcome as TileOutcome,
)
from .job.signals import (
    stopping_on_signals as stopping_on_signals,
)
from .model.render import (
    RenderDefinition as RenderDefinition,
    color_ramp as color_ramp,
)
from .model.request import (
    CollectionRequest as CollectionRequest,
)
from .viewer import (
    ViewServer as ViewServer,
    view_collection as view_collection,
)

__version__: str
