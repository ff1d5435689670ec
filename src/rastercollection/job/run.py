"""One call of ``process_collection``: from a checked request to a result, or to the finished job of an earlier call."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Self

import attrs

from rastercollection.core.engine.engine import Engine
from rastercollection.core.models import JobRecord, JobStatus, Notice, TaskResult, TaskStatus
from rastercollection.core.records import digest, from_dict
from rastercollection.core.workflow import StartContext, TaskKind, Workflow
from rastercollection.errors import (
    BackendError,
    JobCancelledError,
    JobFailedError,
    ObjectNotFoundError,
    RasterCollectionError,
    TileError,
    WorkflowDefinitionError,
)
from rastercollection.job.collection_workflow import default_workflow
from rastercollection.job.forecast import JobForecast, forecast_job
from rastercollection.job.result import JobResult
from rastercollection.job.runtime import Runtime, RuntimeOptions, open_runtime, open_storage, planned_limits
from rastercollection.job.sources import every_part, find_sources, versions
from rastercollection.model.output import Made, Output
from rastercollection.model.policy import SourcePolicy
from rastercollection.model.request import CollectionRequest
from rastercollection.model.source_names import TILES
from rastercollection.model.tile import SourceFile, Sources
from rastercollection.ports.storage import StorageBackend

__all__ = ["CollectionRun"]

log = logging.getLogger("rastercollection")


@attrs.frozen(kw_only=True)
class CollectionRun:
    """A request whose sources were found, and how it is to be run.

    Attributes:
        request: What to make of which rasters.
        options: As given.
        workflow: What is done.
        storage: Where sources and outputs are.
        sources: What was found.
    """

    request: CollectionRequest
    options: RuntimeOptions
    workflow: Workflow
    storage: StorageBackend
    sources: Sources

    @classmethod
    def prepare(cls, request: CollectionRequest, options: RuntimeOptions) -> Self:
        """Find the sources; nothing is done yet.

        Raises:
            RequestError: Sources are not there; all of them are listed.
        """
        storage = open_storage(options)
        sources = find_sources(request, storage)
        if request.subdatasets == TILES:
            sources = every_part(sources, lambda file: _inside(file, storage, request.source_policy, options.scratch))
        return cls(
            request=request,
            options=options,
            workflow=options.workflow or default_workflow(request),
            storage=storage,
            sources=sources,
        )

    def result(self) -> JobResult:
        """Run the job, or find that there is nothing to do; raises as ``process_collection`` does."""
        with open_runtime(self.request, self.options, self.storage, tiles=len(self.sources.files)) as runtime:
            engine, job = self._engine(runtime), self._new_job()
            done = _finished(engine, self.workflow, job)
            if done is not None:
                return JobResult.from_job(done, reused=True)
            admitted = self._admitted(engine, job)
            outcome = engine.run(self.workflow, job, facts=admitted, notices=admitted.notices)
            return _result_or_raise(outcome.job)

    def forecast(self) -> JobForecast:
        """What the job will take and give, found out without making anything."""
        limits = planned_limits(self.options, len(self.sources.files))
        resources = {"storage": self.storage, "limits": limits}
        return forecast_job(self.request, self.workflow, self.sources, resources)

    def _engine(self, runtime: Runtime) -> Engine:
        return Engine(
            executor=runtime.executor,
            jobs=runtime.jobs,
            resources=runtime.resources(),
            observers=tuple(self.options.observers),
            still_holds=lambda result: _are_there(result, self.storage),
            stop_on_error=self.options.on_tile_error == "fail",
            cancel=self.options.cancel or threading.Event(),
        )

    def _new_job(self) -> JobRecord:
        request, workflow = self.request, self.workflow
        stages = [[stage.name, *(kind.handler for kind in stage.kinds)] for stage in workflow.stages]
        return JobRecord(
            id=request.job_id,
            job_type=workflow.name,
            parameters=request.to_parameters(),
            metadata={
                "description": request.collection_description,
                "collection_id": request.collection_id,
                "tile_count": len(self.sources.files),
                "output_tier": request.output_tier,
                "inputs": digest([versions(self.sources.files), stages]),
            },
        )

    def _admitted(self, engine: Engine, job: JobRecord) -> Sources:
        """The sources that every stage lets in."""
        sources, earlier = self.sources, _by_stage(self.workflow, engine.jobs.results(job.id))
        notices = list(sources.notices)
        for stage in self.workflow.stages:
            if stage.admit is None:
                continue
            context = StartContext(
                job_id=job.id,
                workflow=self.workflow,
                parameters=job.parameters,
                facts=sources,
                results=earlier,
                resources=engine.resources,
                still_holds=lambda result: engine.holds(self.workflow, result),
                notice=lambda code, message: notices.append(Notice(code=code, message=message)),
            )
            admitted = stage.admit(context)
            if not isinstance(admitted, Sources):
                raise WorkflowDefinitionError(
                    f"Stage {stage.name!r}: its admit returned {admitted!r}, no Sources.", "Return context.facts."
                )
            sources = admitted
        return attrs.evolve(sources, notices=tuple(notices))


def _inside(file: SourceFile, storage: StorageBackend, policy: SourcePolicy, scratch: str | None) -> Sequence[str]:
    """Names of the rasters in a file that holds several; why a file cannot be opened is told by the first stage."""
    from rastercollection.rasters.limits import Limits
    from rastercollection.rasters.source.opening import list_subdatasets  # loads GDAL

    try:
        return list_subdatasets(storage, file, policy, Limits(scratch=scratch))
    except TileError:
        return ()


def _are_there(result: TaskResult, storage: StorageBackend) -> bool:
    """Whether what any handler says it wrote is as it was; what it says in words of its own cannot be looked at."""
    try:
        outputs = from_dict(Made, result.value or {}).outputs
    except RasterCollectionError:
        return False
    return all(_is_there(output, storage) for output in outputs)


def _is_there(output: Output, storage: StorageBackend) -> bool:
    """Whether an object is as it was; documents that all jobs of a collection write need only be there."""
    try:
        info = storage.stat(output.url)
    except ObjectNotFoundError:
        return False
    return output.shared or (info.size, info.version) == (output.size, output.version)


def _by_stage(workflow: Workflow, results: Sequence[TaskResult]) -> Mapping[str, Sequence[TaskResult]]:
    """Results of an earlier run by the stages that make such now, wherever they stood in the workflow then."""
    names = {kind.task_type: stage.name for stage in workflow.stages for kind in stage.kinds}
    found: dict[str, list[TaskResult]] = defaultdict(list)
    for result in results:
        if result.task.task_type in names:
            found[names[result.task.task_type]].append(result)
    return found


def _finished(engine: Engine, workflow: Workflow, job: JobRecord) -> JobRecord | None:
    """The record of this job if it was done before, from the same sources, and nothing of it is lost.

    What it made may have given way to what a later job has made, of which it then tells.
    """
    try:
        known = engine.jobs.get(job.id)
    except ObjectNotFoundError:
        return None
    if known.status not in (JobStatus.COMPLETED, JobStatus.COMPLETED_WITH_ERRORS):
        return None
    if known.metadata.get("inputs") != job.metadata["inputs"]:
        return None
    results = engine.jobs.results(job.id)
    failed = [result for result in results if result.status is TaskStatus.FAILED and result.error]
    might_work_now = any(result.error and not result.error.settled for result in failed)
    if might_work_now:
        return None
    for result in results:
        if result.ok and not engine.holds(workflow, result):
            kind = workflow.kind_of(result.task)
            successor = _successor(kind, result, engine) if kind and kind.successor else None
            if successor is None:
                return None
            known = attrs.evolve(known, result={**(known.result or {}), **successor})
    return known


def _successor(kind: TaskKind, result: TaskResult, engine: Engine) -> Mapping[str, Any] | None:
    assert kind.successor is not None
    try:
        return kind.successor(result, engine.resources)
    except BackendError:
        raise
    except Exception:  # what cannot be told of is made again
        log.exception("what took the place of %s could not be told", result.task.id)
        return None


def _result_or_raise(job: JobRecord) -> JobResult:
    result = JobResult.from_job(job)
    if job.status is JobStatus.CANCELLED:
        raise JobCancelledError(
            f"Job {job.id} was cancelled.", "Call again with the same parameters to go on where it stopped.", result
        )
    if job.status is JobStatus.FAILED:
        error = job.error
        message = f"[{error.code}] {error.message}" if error else "no reason was recorded"
        raise JobFailedError(f"Job {job.id} failed: {message}", error.hint if error else "", result)
    return result
