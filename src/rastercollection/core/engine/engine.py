"""The driver of jobs: where their tasks run, where they are recorded, who is told, and what ends them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from rastercollection.core.engine.attempts import RetryPolicy, TimeLimit
from rastercollection.core.engine.held_lease import LEASE_SECONDS, HeldLease, OnBusy
from rastercollection.core.engine.job_run import JobOutcome, JobRun
from rastercollection.core.engine.journal import utc_now
from rastercollection.core.engine.reuse import Rerun, nothing_again
from rastercollection.core.events import Event, JobWaiting
from rastercollection.core.executor import Executor
from rastercollection.core.job_store import JobStore
from rastercollection.core.lease import Lease
from rastercollection.core.models import JobRecord, Notice, Task, TaskResult
from rastercollection.core.observers import Observers, together
from rastercollection.core.patience import Patience
from rastercollection.core.workflow import Workflow
from rastercollection.disclosure.logs import get_logger
from rastercollection.errors import BackendError

__all__ = ["Engine"]

log = get_logger("rastercollection")


def _no_limit(_: Task) -> None:
    return None


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
    rerun: Rerun = nothing_again
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
        return JobRun(self, jobs, workflow, fresh, facts, tuple(notices), lease, renewed or (lambda: facts)).run()

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
