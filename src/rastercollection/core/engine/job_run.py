"""One run of one job: its stages in order, what is recorded of it and told, and how it ended."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from rastercollection.core.contexts import JobContext, PlanContext
from rastercollection.core.engine.held_lease import HeldLease
from rastercollection.core.engine.journal import Deaths, Journal, utc_now
from rastercollection.core.engine.planning import expected_tasks, planned_tasks
from rastercollection.core.engine.reuse import Earlier, nothing_again, unreadable, versions
from rastercollection.core.engine.rounds import in_rounds, made_again
from rastercollection.core.engine.stage_outcome import StageFailedError, essences, require_success
from rastercollection.core.engine.stage_run import StageRun
from rastercollection.core.engine.window import Window
from rastercollection.core.events import Event, JobEnded, JobStarted, StageEnded, StageStarted
from rastercollection.core.job_store import JobStore
from rastercollection.core.lease import Wish
from rastercollection.core.models import ErrorRecord, JobRecord, JobStatus, Notice, Task, TaskResult
from rastercollection.core.records import digest, jsonable
from rastercollection.core.shortage import shortages_told
from rastercollection.core.workflow import FanIn, FanOut, Skip, Stage, Workflow
from rastercollection.disclosure.logs import get_logger
from rastercollection.errors import LeaseLostError, RasterCollectionError, UnavailableError

if TYPE_CHECKING:
    from rastercollection.core.engine.engine import Engine

__all__ = ["JobOutcome", "JobRun"]

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


class JobRun:
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
        """Run the job to its end, which is recorded and told of."""
        self._begin_job()
        status, error = in_rounds(self._run_stages, self._begin_again)
        self.lease.check()
        self._end_job(status, error)
        return JobOutcome(
            job=self.job,
            results=self.results,
            executed=self.executed,
            interrupted=self.interrupted,
            handed_over=self.job.status is JobStatus.QUEUED,
        )

    def _begin_job(self) -> None:
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

    def _end_job(self, status: JobStatus, error: ErrorRecord | None) -> None:
        self.notices.extend((*self.engine.patience.notices, *self.engine.observers.notices))
        result, error = self._summarise(error)
        if error is not None and status is not JobStatus.CANCELLED:
            status = JobStatus.FAILED
        if status is JobStatus.CANCELLED and self._is_asked_for():
            status = JobStatus.QUEUED  # for the process that asked
        self._update(forgotten=self._unplanned(status), status=status, error=error, result=result)
        self._emit(JobEnded, status=status, seconds=time.perf_counter() - self.began, error=error)

    def _begin_again(self, error: ErrorRecord) -> None:
        """Forget what the stages have come to: what holds of it is taken over, and what is gone is made again."""
        self.journal.flush()
        self.recorded = self.jobs.results(self.job.id)
        self.earlier = Earlier.of(self.recorded, lambda result: self.engine.holds(self.workflow, result), nothing_again)
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
