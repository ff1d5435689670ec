"""The driver of jobs: stages in order, fan-out and fan-in, retries, journal, events, cancellation.

It is the only place where these live, so that every executor and every job store behaves alike. It knows nothing of
what tasks are about.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from rastercollection.core.engine.attempts import RetryPolicy, TimeLimit
from rastercollection.core.engine.held_lease import LEASE_SECONDS, HeldLease, OnBusy
from rastercollection.core.engine.journal import Deaths, Journal, utc_now
from rastercollection.core.engine.planning import expected_tasks, planned_tasks
from rastercollection.core.engine.reuse import Earlier, Rerun, unreadable, versions
from rastercollection.core.engine.rounds import in_rounds, made_again
from rastercollection.core.engine.stage_outcome import StageFailedError, essences, require_success
from rastercollection.core.engine.stage_run import StageRun
from rastercollection.core.engine.window import Window
from rastercollection.core.events import Event, JobEnded, JobStarted, JobWaiting, StageEnded, StageStarted
from rastercollection.core.executor import Executor
from rastercollection.core.job_store import JobStore
from rastercollection.core.lease import Lease, Wish
from rastercollection.core.models import ErrorRecord, JobRecord, JobStatus, Notice, Task, TaskResult
from rastercollection.core.observers import Observers, together
from rastercollection.core.patience import Patience
from rastercollection.core.records import digest, jsonable
from rastercollection.core.shortage import shortages_told
from rastercollection.core.workflow import FanIn, FanOut, JobContext, PlanContext, Skip, Stage, Workflow
from rastercollection.disclosure.logs import get_logger
from rastercollection.errors import BackendError, LeaseLostError, RasterCollectionError, UnavailableError

__all__ = ["Engine", "JobOutcome", "RetryPolicy"]

log = get_logger("rastercollection")


@attrs.frozen(kw_only=True)
class JobOutcome:
    """How a run ended: the record as stored, and the results of each stage in planned order.

    Attributes:
        job: The record.
        results: By stage name.
        executed: Tasks that were run, rather than taken over.
        interrupted: It was ended by KeyboardInterrupt.
        handed_over: It was ended because another process wants to go on with it.
    """

    job: JobRecord
    results: Mapping[str, tuple[TaskResult, ...]]
    executed: int
    interrupted: bool = False
    handed_over: bool = False


def _no_limit(_: Task) -> None:
    return None


def _nothing(_task: Task, _result: TaskResult) -> bool:
    return False


@attrs.frozen(kw_only=True)
class Engine:
    """Runs jobs.

    Attributes:
        executor: Where tasks run. Not closed by the engine.
        jobs: Where records and results are kept.
        resources: Handed to every handler, by name; must pickle where the executor needs it.
        observers: Told of every event.
        retry: When a failed attempt is tried again.
        time_limit: How long an attempt may take.
        stop_seconds: How long running tasks are waited for once the job is stopped.
        patience: With calls of the job store, and of whatever else the driver asks, that fail for passing reasons.
        window: Most tasks in flight; when None twice the executor's workers, more of short tasks.
        still_holds: Whether an earlier run's completed result may be taken over, whatever its kind says.
        rerun: What of an earlier run is done again although it holds.
        worker_died: Called when a worker has died of a task.
        stop_on_error: The first task that fails ends the job (policy ``fail``) instead of being left out.
        cancel: Set it, from any thread, to cancel.
        lease_seconds: Term of the lease on the job.
        on_busy: What to do about a job that another process runs.
    """

    executor: Executor
    jobs: JobStore
    resources: Mapping[str, Any] = attrs.field(factory=dict)
    observers: Observers = attrs.field(factory=Observers, converter=together)
    retry: RetryPolicy = attrs.field(factory=RetryPolicy)
    time_limit: TimeLimit = _no_limit
    stop_seconds: float = 25.0
    patience: Patience = attrs.field(factory=Patience)
    window: int | None = None
    still_holds: Callable[[TaskResult], bool] = lambda _: False
    rerun: Rerun = _nothing
    worker_died: Callable[[], object] = lambda: None
    stop_on_error: bool = False
    cancel: threading.Event = attrs.field(factory=threading.Event)
    lease_seconds: float = LEASE_SECONDS
    on_busy: OnBusy = "wait"

    def lease(self, job_id: str) -> HeldLease:
        """The right to run a job, to be entered; observers are told who is waited for.

        Raises:
            JobBusyError: On entering, where ``on_busy`` says not to wait, or ``cancel`` was set while waiting.
        """

        def tell(held: Lease) -> None:
            self.emit(JobWaiting(job_id=job_id, at=time.time(), owner=str(held.owner), age=held.age))

        return HeldLease(
            self.jobs,
            job_id,
            seconds=self.lease_seconds,
            on_busy=self.on_busy,
            tell=tell,
            cancel=self.cancel,
            patience=self.patience,
        )

    def run(
        self,
        workflow: Workflow,
        job: JobRecord,
        *,
        facts: Any = None,
        notices: Sequence[Notice] = (),
        lease: HeldLease | None = None,
        renewed: Callable[[], Any] | None = None,
    ) -> JobOutcome:
        """Run a job to its end and record how it ended; a failed or cancelled one is returned, not raised.

        What an earlier run of the same job has completed is taken over where handler, its version, and parameters are
        the same and ``still_holds``.

        Args:
            workflow: What to do.
            job: The job; created in the store if it is not there. It is known by these facts once it has ended.
            facts: For the plans: found out for this run, no part of the job's identity.
            notices: About the request; passed on with the first event, and to the finalizer.
            lease: The right to run it; acquired for the run when None.
            renewed: Finds out the facts anew, where what the job had made was removed and is made again.

        Raises:
            JobBusyError: Another process runs the same job, and ``on_busy`` says not to wait.
            LeaseLostError: Another process took the job over while it ran here.
        """
        if lease is None:
            with self.lease(job.id) as lease:
                return self.run(workflow, job, facts=facts, notices=notices, lease=lease, renewed=renewed)
        jobs = self.patience.of(self.jobs)
        known = jobs.create(attrs.evolve(job, created_at=utc_now(), updated_at=utc_now()))
        fresh = attrs.evolve(
            job, created_at=known.created_at or utc_now(), status=known.status, submission=known.submission
        )
        return _JobRun(self, jobs, workflow, fresh, facts, tuple(notices), lease, renewed or (lambda: facts)).run()

    def holds(self, workflow: Workflow, result: TaskResult) -> bool:
        """Whether an earlier, completed result is as good as doing its task again."""
        try:
            return self.patience.call(lambda: self._holds(workflow, result), f"looking at {result.task.id}")
        except BackendError:  # it could not be asked
            raise
        except Exception:  # a mistake in what was asked, or in the record, is no reason to take anything over
            log.exception("whether %s still holds could not be told", result.task.id)
            return False

    def _holds(self, workflow: Workflow, result: TaskResult) -> bool:
        kind = workflow.kind_of(result.task)
        return self.still_holds(result) and (kind is None or kind.holds(result, self.resources))

    def emit(self, event: Event) -> None:
        """Tell all observers; one that fails is told of once and never fails the job."""
        self.observers.tell(event)


class _JobRun:
    """One run of one job, under its lease."""

    def __init__(
        self,
        engine: Engine,
        jobs: JobStore,
        workflow: Workflow,
        job: JobRecord,
        facts: Any,
        notices: tuple[Notice, ...],
        lease: HeldLease,
        renewed: Callable[[], Any],
    ) -> None:
        self.engine, self.jobs, self.workflow, self.job = engine, jobs, workflow, job
        self.facts, self.lease, self.renewed, self.interrupted = facts, lease, renewed, False
        self.journal = Journal(jobs, job.id, lease.token)
        self.deaths = Deaths(jobs, job.id, lease.token, shares_memory=engine.executor.capabilities.shares_memory)
        self.results: dict[str, tuple[TaskResult, ...]] = {}
        self.stage_results: dict[str, Any] = {}
        self.essences: dict[str, str] = {}
        self.versions = versions(workflow)
        self.recorded = jobs.results(job.id)
        self.told = (*notices, *unreadable(self.recorded))
        self.notices = list(self.told)
        self.earlier = Earlier.of(self.recorded, lambda result: engine.holds(workflow, result), engine.rerun)
        self.executed = 0
        self.began = time.perf_counter()

    def run(self) -> JobOutcome:
        total = len(self.workflow.stages)
        self._update(
            status=JobStatus.PROCESSING, total_stages=total, stage_results={}, current_stage=0, error=None, result=None
        )
        self._emit(
            JobStarted,
            job_type=self.workflow.name,
            total_stages=total,
            reused=len(self.earlier.results),
            notices=tuple(self.notices),
        )
        status, error = in_rounds(self._run_stages, self._begin_again)
        self.lease.check()
        self.notices.extend((*self.engine.patience.notices, *self.engine.observers.notices))
        result, error = self._summarise(error)
        if error is not None and status is not JobStatus.CANCELLED:
            status = JobStatus.FAILED
        handed_over = status is JobStatus.CANCELLED and self._is_asked_for()
        if handed_over:
            status = JobStatus.QUEUED
        self._update(forgotten=self._unplanned(status), status=status, error=error, result=result)
        self._emit(JobEnded, status=status, seconds=time.perf_counter() - self.began, error=error)
        return JobOutcome(
            job=self.job,
            results=self.results,
            executed=self.executed,
            interrupted=self.interrupted,
            handed_over=handed_over,
        )

    def _begin_again(self, error: ErrorRecord) -> None:
        """Forget what the stages have come to: what holds of it is taken over, and what is gone is made again."""
        self.journal.flush()
        self.recorded = self.jobs.results(self.job.id)
        self.earlier = Earlier.of(self.recorded, lambda result: self.engine.holds(self.workflow, result), _nothing)
        self.facts = self.renewed()
        self.results, self.stage_results, self.essences = {}, {}, {}
        self.told = (*self.told, made_again(error))
        self.notices = list(self.told)

    def _run_stages(self) -> tuple[JobStatus, ErrorRecord | None]:
        try:
            for number, stage in enumerate(self.workflow.stages, start=1):
                with shortages_told():
                    self._run_stage(number, stage)
                if self._should_stop():
                    return JobStatus.CANCELLED, None
        except StageFailedError as failure:
            return JobStatus.FAILED, failure.error
        except LeaseLostError:
            raise
        except RasterCollectionError as failure:
            return JobStatus.FAILED, ErrorRecord.of(failure)
        except KeyboardInterrupt:
            self.interrupted = True
            return JobStatus.CANCELLED, None
        all_well = all(result.is_flawless for results in self.results.values() for result in results)
        return (JobStatus.COMPLETED if all_well else JobStatus.COMPLETED_WITH_ERRORS), None

    def _run_stage(self, number: int, stage: Stage) -> None:
        began = time.perf_counter()
        fields = self._context_fields()
        context = PlanContext(**fields, stage=stage, number=number, notice=self._notice, versions=self.versions)
        previous = self.results[self.workflow.stages[number - 2].name] if number > 1 else ()
        expected = expected_tasks(stage, context, previous)
        self._begin(stage, number, expected)
        self._emit(StageStarted, stage=number, name=stage.name, expected=expected)
        run = self._stage_run(stage, self._plan(stage, context, previous))
        try:
            run.run()
        finally:
            results = self.results[stage.name] = run.results()
            self.executed += run.executed
            self.interrupted = self.interrupted or run.interrupted
        counts = dict(Counter(str(result.status) for result in results))
        seconds = time.perf_counter() - began
        self.stage_results[stage.name] = {"tasks_by_status": counts, "seconds": round(seconds, 3)}
        self._update(stage_results=dict(self.stage_results))
        self._emit(StageEnded, stage=number, name=stage.name, counts=counts, seconds=seconds)
        if not self._should_stop():
            require_success(stage, results, stop_on_error=self.engine.stop_on_error)

    def _begin(self, stage: Stage, number: int, expected: int | None) -> None:
        """Record what is under way, and what can be told of it meanwhile."""
        known = sum(result.task.stage == number for result in self.recorded)
        under_way = {"expected": expected, "began_at": utc_now(), "recorded": known}
        self._update(current_stage=number, stage_results={**self.stage_results, stage.name: under_way})

    def _plan(self, stage: Stage, context: PlanContext, previous: Sequence[TaskResult]) -> Iterable[Task | Skip]:
        if isinstance(stage.fan, FanOut):
            return planned_tasks(stage, context, previous)
        for name, results in context.results.items():
            if name not in self.essences:
                self.essences[name] = essences(results)
        parameters = {"job": context.parameters, "inputs": digest(self.essences)}
        return context.fan_in(parameters)

    def _stage_run(self, stage: Stage, planned: Iterable[Task | Skip]) -> StageRun:
        engine = self.engine
        return StageRun(
            job_id=self.job.id,
            planned=iter(planned),
            executor=engine.executor,
            window=Window(executor=engine.executor, fixed=engine.window),
            retry=engine.retry,
            time_limit=engine.time_limit,
            stop_seconds=engine.stop_seconds,
            resources=engine.resources,
            inputs=dict(self.results) if isinstance(stage.fan, FanIn) else {},
            emit=engine.emit,
            journal=self.journal,
            deaths=self.deaths,
            reuse=self.earlier.result,
            should_stop=self._should_stop,
            may_begin=self._may_begin,
            worker_died=engine.worker_died,
            stop_on_error=engine.stop_on_error,
        )

    def _should_stop(self) -> bool:
        self.lease.check()
        if self.lease.wish is Wish.CANCEL:
            self.engine.cancel.set()
        return self.interrupted or self.engine.cancel.is_set() or self._is_asked_for()

    def _is_asked_for(self) -> bool:
        is_cancelled = self.interrupted or self.engine.cancel.is_set()
        return self.lease.wish is Wish.HAND_OVER and not is_cancelled

    def _may_begin(self) -> bool:
        """Not while others may have the job, because the job store could not be told for so long that it runs here.

        Raises:
            LeaseLostError: Another process has it.
            UnavailableError: The store could not be told for longer than there is patience.
        """
        self.lease.check()
        if self.lease.overdue > self.engine.patience.seconds:
            raise UnavailableError(
                f"The job store could not be told for {self.lease.overdue:,.0f} s that job {self.job.id} runs here."
            )
        return self.lease.overdue <= 0

    def _unplanned(self, status: JobStatus) -> set[str]:
        """Results of tasks that a later run of the job no longer plans (a pattern that matches fewer files)."""
        if status not in (JobStatus.COMPLETED, JobStatus.COMPLETED_WITH_ERRORS):
            return set()
        planned = {result.task.id for results in self.results.values() for result in results}
        return {result.task.id for result in self.recorded} - planned

    def _summarise(self, error: ErrorRecord | None) -> tuple[Mapping[str, Any] | None, ErrorRecord | None]:
        try:
            summary = jsonable(self.workflow.finalizer(JobContext(**self._context_fields())))
            json.dumps(summary, allow_nan=False)  # what a store could not keep is told while the job's end can be
            return summary, error
        except Exception as failure:  # a finalizer's bug must not hide how the job ended
            log.exception("the finalizer of %s failed", self.workflow.name)
            return None, error or ErrorRecord.of(failure)

    def _context_fields(self) -> dict[str, Any]:
        return {
            "job_id": self.job.id,
            "workflow": self.workflow,
            "parameters": self.job.parameters,
            "facts": self.facts,
            "results": dict(self.results),
            "notices": tuple(self.notices),
        }

    def _notice(self, code: str, message: str) -> None:
        self.notices.append(Notice(code=code, message=message))

    def _update(self, forgotten: Iterable[str] = (), **changes: Any) -> None:
        """Record the job and, in the same step, all results that are not recorded yet."""
        self.lease.check()
        self.job = attrs.evolve(self.job, updated_at=utc_now(), **changes)
        self.journal.commit(self.job, forgotten)

    def _emit(self, kind: type[Event], **fields: Any) -> None:
        self.engine.emit(kind(job_id=self.job.id, at=time.time(), **fields))
