"""One call of ``process_collection``: from a checked request to a result, or to the finished job of an earlier call."""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

import attrs

from rastercollection.core.engine.engine import Engine
from rastercollection.core.engine.held_lease import HeldLease
from rastercollection.core.engine.reuse import versions
from rastercollection.core.events import Observer
from rastercollection.core.lease import Lease, Owner
from rastercollection.core.models import JobRecord, Notice, TaskResult
from rastercollection.core.observers import Observers
from rastercollection.core.patience import Patience
from rastercollection.core.records import digest
from rastercollection.core.workflow import Workflow
from rastercollection.errors import (
    ExecutorBrokenError,
    JobBusyError,
    JobCancelledError,
    ObjectNotFoundError,
    PrivateAddressError,
    RequestError,
    RequestProblem,
)
from rastercollection.job.admitting import admitted, are_there
from rastercollection.job.collection_workflow import default_workflow
from rastercollection.job.disk_space import find_room
from rastercollection.job.ended_job import result_of_run
from rastercollection.job.finished import finished_before
from rastercollection.job.forecast import JobForecast, forecast_job
from rastercollection.job.given_backends import GivenBackends
from rastercollection.job.nothing_new import ended_at_once
from rastercollection.job.rerun import rerun_rule
from rastercollection.job.result import JobResult
from rastercollection.job.runtime import (
    AT_FIRST,
    Runtime,
    open_catalog,
    open_job_store,
    open_runtime,
    planned_limits,
    time_limit,
)
from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.job.source_parts import every_part, rasters_inside
from rastercollection.job.sources import find_sources, fingerprints
from rastercollection.job.storages import containers_of, open_storage
from rastercollection.job.story import JobStory
from rastercollection.job.sweeping import sweep_leftovers
from rastercollection.job.tracing import Tracing, tracing_of_program
from rastercollection.model.request import CollectionRequest
from rastercollection.model.room import Room
from rastercollection.model.source_names import TILES
from rastercollection.model.tile import Sources
from rastercollection.ports.storage import StorageBackend

if TYPE_CHECKING:
    from rastercollection.rasters.limits import Limits

__all__ = ["CollectionRun"]


@attrs.frozen(kw_only=True)
class CollectionRun:
    """A request whose sources were found, and how it is to be run.

    Attributes:
        request: What to make of which rasters.
        options: As given.
        workflow: What is done.
        storage: Where sources and outputs are.
        sources: What was found.
        patience: With storage, catalog and job store, while a job is under way.
        tracing: Makes spans of the job below what was current where the run was prepared.
    """

    request: CollectionRequest
    options: RuntimeOptions
    workflow: Workflow
    storage: StorageBackend
    sources: Sources
    patience: Patience = attrs.field(factory=Patience)
    tracing: Tracing | None = attrs.field(factory=tracing_of_program)

    @classmethod
    def prepare(cls, request: CollectionRequest, options: RuntimeOptions) -> Self:
        """Find the sources; nothing is done yet.

        Raises:
            ExecutorBrokenError: This process is a worker that is still starting: the program has no guard.
            RequestError: Sources are not there; all of them are listed. Or they lie in a private network.
        """
        _refuse_to_be_imported()
        storage = open_storage(options, containers_of(request, options))
        try:
            sources = find_sources(request, Patience(seconds=AT_FIRST).of(storage))
        except PrivateAddressError as error:
            problem = f"{error.code}: {error.message} {error.hint}"
            raise RequestError([RequestProblem("container_name", repr(request.container_name), problem)]) from error
        if request.subdatasets == TILES:
            policy, scratch = request.source_policy, options.scratch
            sources = every_part(sources, lambda file: rasters_inside(file, storage, policy, scratch))
        return cls(
            request=request,
            options=options,
            workflow=options.workflow or default_workflow(request),
            storage=storage,
            sources=sources,
        )

    def result(self, lease: HeldLease | None = None) -> JobResult:
        """Run the job, or find that there is nothing to do; raises as ``process_collection`` does.

        Args:
            lease: The right to run it, where that is held already.
        """
        catalog = open_catalog(self.request, self.options, self.storage)
        try:
            result = self._found_or_made(lease)
        finally:
            if self.tracing is not None:
                self.tracing.close()
        JobStory(self.request, self.sources).result(result)
        return attrs.evolve(result, backends=GivenBackends(storage=self.storage, catalog=catalog))

    def _found_or_made(self, lease: HeldLease | None) -> JobResult:
        with open_runtime(self.request, self.options, self.storage, tiles=len(self.sources.files)) as runtime:
            engine, job = self._engine(runtime), self.new_job()
            done = self._finished(engine, job)
            if done is not None:
                self._swept(runtime, Lease(job_id=job.id, token=0, owner=Owner.current()))
                return JobResult.from_job(done, reused=True)
            if lease is not None:
                return self._run(runtime, engine, job, lease)
            try:
                with engine.lease(job.id) as held:
                    done = self._finished(engine, job) if held.has_waited else done
                    if done is not None:
                        return JobResult.from_job(done, reused=True)
                    return self._run(runtime, engine, job, held)
            except JobBusyError as error:
                if engine.cancel.is_set() and type(error) is JobBusyError:
                    message = f"Job {job.id} was cancelled while another process was running it, which goes on."
                    raise JobCancelledError(message, error.hint, JobResult.from_job(job)) from error
                raise

    def _run(self, runtime: Runtime, engine: Engine, job: JobRecord, lease: HeldLease) -> JobResult:
        """Run the job under its lease, of which everything is asked that writes."""

        def sweep() -> tuple[Notice, ...]:
            return self._swept(runtime, lease.lease)

        engine = attrs.evolve(engine, resources=runtime.guarded(lease).resources(), worker_died=sweep)
        found = sweep()
        admitted = self._admitted(engine, job)
        room = find_room(self.request, runtime.limits, runtime.jobs)
        admitted = attrs.evolve(admitted, notices=(*found, *admitted.notices), room=room)
        if self.sources.files and not admitted.files:
            notices = (*admitted.notices, *self._not_rerun())
            ended = ended_at_once(engine, self.workflow, job, lease, facts=admitted, notices=notices)
            return JobResult.from_job(ended)

        def renewed() -> Sources:
            return attrs.evolve(self._admitted(engine, job), room=room)

        outcome = engine.run(self.workflow, job, facts=admitted, notices=admitted.notices, lease=lease, renewed=renewed)
        return result_of_run(outcome)

    def _swept(self, runtime: Runtime, lease: Lease) -> tuple[Notice, ...]:
        """Remove what processes that have ended, and runs under older leases than this, have left."""
        return sweep_leftovers(self.request, runtime.storage, runtime.catalog, runtime.limits, lease)

    def _finished(self, engine: Engine, job: JobRecord) -> JobRecord | None:
        """The record of the job, if it was done before and nothing speaks against it."""
        return None if self.options.rerun else finished_before(engine, self.workflow, job)

    def forecast(self, *, predict: bool = True) -> JobForecast:
        """What the job will join, take and give, found out without making anything.

        Args:
            predict: Look at every source; otherwise just at what the job joins and overwrites.

        Raises:
            RasterCollectionError: The job would be refused before anything is done.
        """
        limits = planned_limits(self.options, len(self.sources.files))
        resources = {"storage": self.storage, "limits": limits}
        catalog = open_catalog(self.request, self.options, self.storage)
        sources = admitted(
            self.request,
            self.workflow,
            self.sources,
            resources={**resources, "catalog": catalog},
            earlier=self._earlier(),
            still_holds=lambda result: are_there(result, self.storage, self.options.verify),
            is_plan=True,
        )
        sources = attrs.evolve(sources, room=self._room(limits))
        if not predict:
            return JobForecast(notices=sources.notices, joining=sources.joining)
        return forecast_job(self.request, self.workflow, sources, resources)

    def _engine(self, runtime: Runtime) -> Engine:
        return Engine(
            executor=runtime.executor,
            jobs=runtime.jobs,
            patience=self.patience,
            resources=runtime.resources(),
            observers=Observers((*self._own_observers(), *self.options.observers)),
            still_holds=lambda result: are_there(result, self.storage, self.options.verify),
            rerun=rerun_rule(self.options.rerun, self.workflow, self.sources.blobs),
            time_limit=time_limit(self.options.task_timeout),
            stop_seconds=self.options.stop_timeout,
            stop_on_error=self.options.on_tile_error == "fail",
            cancel=self.options.cancel or threading.Event(),
            on_busy=self.options.on_busy,
        )

    def _own_observers(self) -> Iterator[Observer]:
        yield JobStory(self.request, self.sources)
        if self.tracing is not None:
            yield self.tracing

    def new_job(self) -> JobRecord:
        """The record of a job that nobody has begun."""
        request, workflow = self.request, self.workflow
        code, parameters = versions(workflow), request.to_parameters()
        stages = [
            [stage.name, *((kind.handler, code[kind.task_type]) for kind in stage.kinds)] for stage in workflow.stages
        ]
        return JobRecord(
            id=request.job_id,
            job_type=workflow.name,
            parameters=parameters,
            metadata={
                "description": request.collection_description,
                "collection_id": request.collection_id,
                "tile_count": len(self.sources.files),
                "output_tier": request.output_tier,
                "inputs": digest([fingerprints(self.sources.files), stages, parameters["renders"]]),
            },
        )

    def _admitted(self, engine: Engine, job: JobRecord) -> Sources:
        asked = {name: self.patience.of(engine.resources[name]) for name in ("storage", "catalog")}
        return admitted(
            self.request,
            self.workflow,
            self.sources,
            resources={**engine.resources, **asked},
            earlier=self.patience.of(engine.jobs).results(job.id),
            still_holds=lambda result: engine.holds(self.workflow, result),
            is_plan=False,
        )

    def _not_rerun(self) -> Iterator[Notice]:
        if self.options.rerun:
            mode = f"mode={self.request.mode!r}"
            yield Notice(code="RERUN_LEFT_OUT", message=f"{mode} leaves what is published: nothing is done again.")

    def finished(self) -> JobResult | None:
        """What there is of the job where it was done before and nothing speaks against it.

        Raises:
            BackendError: That could not be found out.
        """
        with open_runtime(self.request, self.options, self.storage, tiles=len(self.sources.files)) as runtime:
            done = self._finished(self._engine(runtime), self.new_job())
        return None if done is None else JobResult.from_job(done, reused=True)

    def _room(self, limits: Limits) -> Room:
        """What there is on the disks; a job store is not made."""
        with contextlib.suppress(ObjectNotFoundError), open_job_store(self.options.jobs, make=False) as jobs:
            return find_room(self.request, limits, jobs)
        return find_room(self.request, limits, None)

    def _earlier(self) -> list[TaskResult]:
        """Results of an earlier run of the job; none where there is no job store, which is not made."""
        try:
            with open_job_store(self.options.jobs, make=False) as jobs:
                return list(jobs.results(self.request.job_id))
        except ObjectNotFoundError:
            return []


def _refuse_to_be_imported() -> None:
    """Raise where a worker process runs the whole program once more as it starts: it would wait for its parent."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise ExecutorBrokenError(
            "This process is a worker that runs the script once more, while it starts.",
            "In a script, start jobs under `if __name__ == '__main__':`.",
        )
