"""The driver of jobs: stages in order, fan-out and fan-in, retries, journal, events, cancellation.

It is the only place where these live, so that every executor and every job store behaves alike. It knows nothing of
what tasks are about.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from rastercollection.core.engine.journal import Journal, Lease, utc_now
from rastercollection.core.engine.planning import expected_tasks, planned_tasks
from rastercollection.core.engine.stage_run import RetryPolicy, StageRun
from rastercollection.core.events import Event, JobEnded, JobStarted, Observer, StageEnded, StageStarted
from rastercollection.core.executor import Executor
from rastercollection.core.job_store import JobStore
from rastercollection.core.models import ErrorRecord, JobRecord, JobStatus, Notice, Task, TaskResult, TaskStatus
from rastercollection.core.records import digest, jsonable
from rastercollection.core.shortage import shortages_told
from rastercollection.core.workflow import FanIn, FanOut, JobContext, PlanContext, Skip, Stage, Workflow
from rastercollection.disclosure.escaping import safe_text
from rastercollection.disclosure.logs import get_logger
from rastercollection.errors import BackendError, JobBusyError, RasterCollectionError

__all__ = ["Engine", "JobOutcome", "RetryPolicy"]

log = get_logger("rastercollection")


@attrs.frozen(kw_only=True)
class JobOutcome:
    """How a run ended: the record as stored, and the results of each stage in planned order."""

    job: JobRecord
    results: Mapping[str, tuple[TaskResult, ...]]
    executed: int


@attrs.frozen(kw_only=True)
class Engine:
    """Runs jobs.

    Attributes:
        executor: Where tasks run. Not closed by the engine.
        jobs: Where records and results are kept.
        resources: Handed to every handler, by name; must pickle where the executor needs it.
        observers: Told of every event.
        retry: When a failed attempt is tried again.
        window: Most tasks in flight; twice the executor's workers when None.
        still_holds: Whether an earlier run's completed result may be taken over, whatever its kind says.
        stop_on_error: The first task that fails ends the job (policy ``fail``) instead of being left out.
        cancel: Set it, from any thread, to cancel.
        lease_seconds: Term of the lease on the job.
    """

    executor: Executor
    jobs: JobStore
    resources: Mapping[str, Any] = attrs.field(factory=dict)
    observers: tuple[Observer, ...] = ()
    retry: RetryPolicy = attrs.field(factory=RetryPolicy)
    window: int | None = None
    still_holds: Callable[[TaskResult], bool] = lambda _: False
    stop_on_error: bool = False
    cancel: threading.Event = attrs.field(factory=threading.Event)
    lease_seconds: float = 15.0

    def run(
        self,
        workflow: Workflow,
        job: JobRecord,
        *,
        facts: Any = None,
        notices: Sequence[Notice] = (),
    ) -> JobOutcome:
        """Run a job to its end and record how it ended; a failed or cancelled one is returned, not raised.

        What an earlier run of the same job has completed is taken over where handler and parameters are the same and
        ``still_holds``.

        Args:
            workflow: What to do.
            job: The job; created in the store if it is not there.
            facts: For the plans: found out for this run, no part of the job's identity.
            notices: About the request; passed on with the first event, and to the finalizer.

        Raises:
            JobBusyError: Another process runs the same job.
        """
        job = self.jobs.create(attrs.evolve(job, created_at=utc_now(), updated_at=utc_now()))
        with Lease(self.jobs, job.id, seconds=self.lease_seconds) as lease:
            job = self.jobs.get(job.id)
            return _JobRun(self, workflow, job, facts, tuple(notices), lease).run()

    def holds(self, workflow: Workflow, result: TaskResult) -> bool:
        """Whether an earlier, completed result is as good as doing its task again."""
        kind = workflow.kind_of(result.task)
        try:
            return self.still_holds(result) and (kind is None or kind.holds(result, self.resources))
        except BackendError:  # it could not be asked
            raise
        except Exception:  # a mistake in what was asked, or in the record, is no reason to take anything over
            log.exception("whether %s still holds could not be told", result.task.id)
            return False

    def emit(self, event: Event) -> None:
        """Tell all observers; one that fails is logged and never fails the job."""
        for observer in self.observers:
            try:
                observer(event)
            except Exception:  # whatever it watches with, the job goes on
                log.exception("observer %r failed on %s", observer, type(event).__name__)


class _StageFailedError(Exception):
    """Ends the job; carries the reason."""

    def __init__(self, error: ErrorRecord) -> None:
        super().__init__(error)
        self.error = error


class _JobRun:
    """One run of one job."""

    def __init__(
        self,
        engine: Engine,
        workflow: Workflow,
        job: JobRecord,
        facts: Any,
        notices: tuple[Notice, ...],
        lease: Lease,
    ) -> None:
        self.engine, self.workflow, self.job = engine, workflow, job
        self.facts, self.notices, self.lease = facts, list(notices), lease
        self.journal = Journal(engine.jobs, job.id)
        self.results: dict[str, tuple[TaskResult, ...]] = {}
        self.stage_results: dict[str, Any] = {}
        self.essences: dict[str, str] = {}
        self.earlier = _reusable(engine.jobs.results(job.id))
        self.executed = 0
        self.began = time.perf_counter()

    def run(self) -> JobOutcome:
        self._update(status=JobStatus.PROCESSING, total_stages=len(self.workflow.stages), error=None, result=None)
        self._emit(
            JobStarted,
            job_type=self.workflow.name,
            total_stages=len(self.workflow.stages),
            reused=len(self.earlier),
            notices=tuple(self.notices),
        )
        status, error = self._run_stages()
        with contextlib.suppress(KeyboardInterrupt):
            self.journal.flush()
        self._forget_unplanned(status)
        result, error = self._summarise(error)
        if error is not None and status is not JobStatus.CANCELLED:
            status = JobStatus.FAILED
        self._update(status=status, error=error, result=result)
        self._emit(JobEnded, status=status, seconds=time.perf_counter() - self.began, error=error)
        return JobOutcome(job=self.job, results=self.results, executed=self.executed)

    def _run_stages(self) -> tuple[JobStatus, ErrorRecord | None]:
        try:
            for number, stage in enumerate(self.workflow.stages, start=1):
                with shortages_told():
                    self._run_stage(number, stage)
                if self._should_stop():
                    return JobStatus.CANCELLED, None
        except _StageFailedError as failure:
            return JobStatus.FAILED, failure.error
        except RasterCollectionError as failure:
            return JobStatus.FAILED, ErrorRecord.of(failure)
        except KeyboardInterrupt:
            return JobStatus.CANCELLED, None
        all_well = all(result.is_flawless for results in self.results.values() for result in results)
        return (JobStatus.COMPLETED if all_well else JobStatus.COMPLETED_WITH_ERRORS), None

    def _run_stage(self, number: int, stage: Stage) -> None:
        began = time.perf_counter()
        self._update(current_stage=number)
        context = PlanContext(**self._context_fields(), stage=stage, number=number, notice=self._notice)
        previous = self.results[self.workflow.stages[number - 2].name] if number > 1 else ()
        self._emit(StageStarted, stage=number, name=stage.name, expected=expected_tasks(stage, context, previous))
        run = self._stage_run(stage, self._plan(stage, context, previous))
        try:
            run.run()
        finally:
            results = self.results[stage.name] = run.results()
            self.executed += run.executed
        if run.interrupted:
            self.engine.cancel.set()
        counts = dict(Counter(str(result.status) for result in results))
        seconds = time.perf_counter() - began
        self.stage_results[stage.name] = {"tasks_by_status": counts, "seconds": round(seconds, 3)}
        self.journal.flush()
        self._update(stage_results=dict(self.stage_results))
        self._emit(StageEnded, stage=number, name=stage.name, counts=counts, seconds=seconds)
        if not self._should_stop():
            _require_success(stage, results, stop_on_error=self.engine.stop_on_error)

    def _plan(self, stage: Stage, context: PlanContext, previous: Sequence[TaskResult]) -> Iterable[Task | Skip]:
        if isinstance(stage.fan, FanOut):
            return planned_tasks(stage, context, previous)
        for name, results in context.results.items():
            if name not in self.essences:
                self.essences[name] = _essences(results)
        parameters = {"job": context.parameters, "inputs": digest(self.essences)}
        return context.fan_in(parameters)

    def _stage_run(self, stage: Stage, planned: Iterable[Task | Skip]) -> StageRun:
        executor = self.engine.executor
        return StageRun(
            job_id=self.job.id,
            planned=iter(planned),
            executor=executor,
            window=self.engine.window or 2 * executor.capabilities.max_workers,
            retry=self.engine.retry,
            resources=self.engine.resources,
            inputs=dict(self.results) if isinstance(stage.fan, FanIn) else {},
            emit=self.engine.emit,
            record=self.journal.add,
            flush=self.journal.flush_if_due,
            reuse=self._reuse,
            should_stop=self._should_stop,
            stop_on_error=self.engine.stop_on_error,
        )

    def _reuse(self, task: Task) -> TaskResult | None:
        if not self.earlier:
            return None
        earlier = self.earlier.get(_identity(task))
        if earlier is None or (earlier.ok and not self.engine.holds(self.workflow, attrs.evolve(earlier, task=task))):
            return None
        return earlier

    def _should_stop(self) -> bool:
        return self.engine.cancel.is_set() or self.lease.lost.is_set()

    def _forget_unplanned(self, status: JobStatus) -> None:
        """Drop results of tasks that a later run of the job no longer plans (a pattern that matches fewer files)."""
        if status not in (JobStatus.COMPLETED, JobStatus.COMPLETED_WITH_ERRORS) or not self.earlier:
            return
        planned = {result.task.id for results in self.results.values() for result in results}
        stale = {result.task.id for result in self.engine.jobs.results(self.job.id)} - planned
        self.engine.jobs.forget(self.job.id, stale)

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

    def _update(self, **changes: Any) -> None:
        if self.lease.lost.is_set():
            raise JobBusyError(f"Job {self.job.id} was taken over by another process while it ran here.")
        before = self.job.status
        self.job = attrs.evolve(self.job, updated_at=utc_now(), **changes)
        self.engine.jobs.update(self.job, expected=before)

    def _emit(self, kind: type[Event], **fields: Any) -> None:
        self.engine.emit(kind(job_id=self.job.id, at=time.time(), **fields))


def _essences(results: Iterable[TaskResult]) -> str:
    """SHA-256 of what a fan-in task depends on in these results."""
    total = hashlib.sha256()
    for result in results:
        # values went through JSON when their tasks ended: they need no other form, and thousands of copies take long
        text = json.dumps(_essence(result), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        total.update(text.encode() + b"\n")
    return total.hexdigest()


def _essence(result: TaskResult) -> list[Any]:
    """What a fan-in task depends on: not when, where or how fast a result came about."""
    return [result.task.tile, str(result.status), result.value, result.error and result.error.code]


def _identity(task: Task) -> str:
    return digest([task.handler, _plain(task.parameters)])


def _plain(value: Any) -> Any:
    """Parameters without the versions of the records among them, which say how they are written, not what they are."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items() if key != "schema_version"}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _reusable(results: Iterable[TaskResult]) -> dict[str, TaskResult]:
    """Earlier results by what was done: completed ones, and failures that would only repeat themselves."""
    final = [result for result in results if result.ok or _is_final(result)]
    return {_identity(result.task): result for result in final}


def _is_final(result: TaskResult) -> bool:
    return result.status is TaskStatus.FAILED and result.error is not None and result.error.settled


def _require_success(stage: Stage, results: Sequence[TaskResult], *, stop_on_error: bool) -> None:
    """Fail the job where the stage leaves nothing to go on with, or where the policy says so."""
    bad = [result for result in results if not result.ok]
    if isinstance(stage.fan, FanIn) and bad:
        raise _StageFailedError(_explain(f"Stage {stage.name!r} failed", bad))
    if stop_on_error and bad:
        raise _StageFailedError(_explain(f"Stage {stage.name!r} stopped at the first failure", bad))
    if isinstance(stage.fan, FanOut) and stage.fan.needs_one and len(bad) == len(results):
        what = "no task succeeded" if bad else "there was nothing to do"
        raise _StageFailedError(_explain(f"Stage {stage.name!r} has nothing to go on with: {what}", bad))


def _explain(what: str, bad: Sequence[TaskResult]) -> ErrorRecord:
    reasons = [
        {
            "tile": result.task.tile,
            "task_type": result.task.task_type,
            "code": result.error.code if result.error else str(result.status).upper(),
            "message": result.error.message if result.error else "",
            "hint": result.error.hint if result.error else "",
        }
        for result in bad
    ]
    lines = "\n".join(
        safe_text(f"  - {r['tile'] or r['task_type']}: [{r['code']}] {r['message']} {r['hint']}".rstrip())
        for r in reasons
    )
    return ErrorRecord(code="STAGE_FAILED", message=f"{what}.\n{lines}".rstrip(), details={"reasons": reasons})
