"""One stage under way: tasks pulled lazily, a bounded window in flight, taken as they complete, retried, collected."""

from __future__ import annotations

import heapq
import itertools
import queue
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import attrs

from rastercollection.core.engine.journal import utc_now
from rastercollection.core.engine.worker import Outcome, run_task
from rastercollection.core.events import Event, TaskEnded, TaskRetried, TaskStarted
from rastercollection.core.executor import Executor
from rastercollection.core.models import ErrorRecord, Notice, Task, TaskResult, TaskStatus
from rastercollection.core.workflow import Skip
from rastercollection.errors import ExecutorBrokenError, ExecutorError, WorkerDiedError

__all__ = ["RetryPolicy", "StageRun"]

POLL_SECONDS = 0.2


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """How often a task is tried, and the pause before the next try: ``base``, doubled each time, at most ``limit``."""

    attempts: int = 3
    base: float = 0.5
    limit: float = 30.0

    def delay(self, attempt: int) -> float:
        """Seconds to wait after attempt number ``attempt`` has failed."""
        return float(min(self.limit, self.base * 2 ** (attempt - 1)))


@attrs.frozen(kw_only=True)
class _Try:
    """An attempt: the task's place in the plan, and which try it is."""

    place: int
    task: Task
    attempt: int = 1
    notices: tuple[Notice, ...] = ()


@attrs.define(kw_only=True)
class StageRun:
    """Runs the tasks of one stage.

    Attributes:
        job_id: The job.
        planned: Yields tasks and skips.
        executor: Where tasks run.
        window: Most tasks in flight at once.
        retry: When a failed attempt is tried again.
        resources, inputs: Passed to handlers.
        emit: Tells the observers.
        record: Journals a result.
        reuse: An earlier run's result for the same task, if it still holds.
        should_stop: Asked often; once True, nothing more is planned and what runs is waited for.
        stop_on_error: A task that fails or is skipped stops the stage, too.
    """

    job_id: str
    planned: Iterator[Task | Skip]
    executor: Executor
    window: int
    retry: RetryPolicy
    resources: Mapping[str, Any]
    inputs: Mapping[str, Sequence[TaskResult]]
    emit: Callable[[Event], None]
    record: Callable[[TaskResult], None]
    flush: Callable[[], None]
    reuse: Callable[[Task], TaskResult | None]
    should_stop: Callable[[], bool]
    stop_on_error: bool = False

    executed: int = attrs.field(default=0, init=False)
    stopped: bool = attrs.field(default=False, init=False)
    interrupted: bool = attrs.field(default=False, init=False)
    _results: dict[int, TaskResult] = attrs.field(factory=dict, init=False)
    _in_flight: dict[Future[Outcome], _Try] = attrs.field(factory=dict, init=False)
    _waiting: list[tuple[float, int, _Try]] = attrs.field(factory=list, init=False)
    _done: queue.SimpleQueue[Future[Outcome]] = attrs.field(factory=queue.SimpleQueue, init=False)
    _places: Iterator[int] = attrs.field(factory=itertools.count, init=False)
    _plan_ended: bool = attrs.field(default=False, init=False)

    def run(self) -> None:
        """Run to the end, or until stopped or interrupted.

        Raises:
            ExecutorBrokenError: The executor can run nothing more.
            KeyboardInterrupt: Interrupted a second time, while waiting for running tasks.
        """
        try:
            while not self._is_done():
                self._fill()
                self._take_completed()
        except KeyboardInterrupt:
            self.stopped = self.interrupted = True
            self._drain()

    def results(self) -> tuple[TaskResult, ...]:
        """What has ended so far, in planned order."""
        return tuple(result for _, result in sorted(self._results.items()))

    def _is_done(self) -> bool:
        if not self.stopped and self.should_stop():
            self.stopped = True
        if self.stopped:
            self._drain()
            return True
        return self._plan_ended and not self._in_flight and not self._waiting

    def _fill(self) -> None:
        while len(self._in_flight) < self.window and not self.stopped:
            attempt = self._due_retry() or self._next_planned()
            if attempt is None:
                return
            self._submit(attempt)

    def _due_retry(self) -> _Try | None:
        if self._waiting and self._waiting[0][0] <= time.monotonic():
            return heapq.heappop(self._waiting)[2]
        return None

    def _next_planned(self) -> _Try | None:
        """The next task that really has to run; skips and reusable results are recorded on the way."""
        while not self._plan_ended and not self.stopped and len(self._waiting) < 10 * self.window:
            item = next(self.planned, None)
            if item is None:
                self._plan_ended = True
                return None
            place = next(self._places)
            if isinstance(item, Skip):
                self._end(place, TaskResult(task=item.task, status=TaskStatus.SKIPPED, error=item.reason))
                continue
            earlier = self.reuse(item)
            if earlier is None:
                return _Try(place=place, task=item)
            self._end(place, attrs.evolve(earlier, task=item), reused=True)
            if self.should_stop():
                self.stopped = True
        return None

    def _submit(self, attempt: _Try) -> None:
        task = attempt.task
        self.emit(
            TaskStarted(
                job_id=self.job_id,
                at=time.time(),
                stage=task.stage,
                task_id=task.id,
                task_type=task.task_type,
                tile=task.tile,
                attempt=attempt.attempt,
            )
        )
        future = self.executor.submit(run_task, self.job_id, task, attempt.attempt, self.resources, self.inputs)
        self._in_flight[future] = attempt
        self.executed += attempt.attempt == 1
        future.add_done_callback(self._done.put)

    def _take_completed(self) -> None:
        """Wait a moment for completions and take all that are there."""
        self.flush()
        pause = POLL_SECONDS
        if self._waiting:
            pause = min(pause, max(0.0, self._waiting[0][0] - time.monotonic()))
        if not self._in_flight and not self._waiting:
            return
        try:
            self._take(self._done.get(timeout=pause))
            while True:
                self._take(self._done.get_nowait())
        except queue.Empty:
            return

    def _take(self, future: Future[Outcome]) -> None:
        attempt = self._in_flight.pop(future, None)
        if attempt is None:
            return
        if future.cancelled():
            self._end(attempt.place, TaskResult(task=attempt.task, status=TaskStatus.CANCELLED))
            return
        outcome = _outcome_of(future)
        retry = outcome.error is not None and outcome.error.retryable and attempt.attempt < self.retry.attempts
        if retry and not self.stopped:
            self._retry_later(attempt, outcome)
        else:
            self._end(attempt.place, _result_of(attempt, outcome))

    def _retry_later(self, attempt: _Try, outcome: Outcome) -> None:
        assert outcome.error is not None
        delay = self.retry.delay(attempt.attempt)
        self.emit(
            TaskRetried(
                job_id=self.job_id,
                at=time.time(),
                stage=attempt.task.stage,
                task_id=attempt.task.id,
                tile=attempt.task.tile,
                attempt=attempt.attempt,
                delay=delay,
                error=outcome.error,
            )
        )
        note = Notice(
            code="RETRIED", message=f"Attempt {attempt.attempt}: [{outcome.error.code}] {outcome.error.message}"
        )
        again = attrs.evolve(attempt, attempt=attempt.attempt + 1, notices=(*attempt.notices, note))
        heapq.heappush(self._waiting, (time.monotonic() + delay, attempt.place, again))

    def _end(self, place: int, result: TaskResult, *, reused: bool = False) -> None:
        if not result.ended_at:
            result = attrs.evolve(result, ended_at=utc_now())
        self._results[place] = result
        self.record(result)
        self.emit(TaskEnded(job_id=self.job_id, at=time.time(), stage=result.task.stage, result=result, reused=reused))
        if self.stop_on_error and result.status in (TaskStatus.FAILED, TaskStatus.SKIPPED):
            self.stopped = True

    def _drain(self) -> None:
        """Cancel what has not started, wait for what runs, give up what waits for a retry."""
        for future in list(self._in_flight):
            future.cancel()
        while self._in_flight:
            finished = [future for future in self._in_flight if future.done()]
            for future in finished:
                self._take(future)
            if not finished:
                time.sleep(POLL_SECONDS / 10)
        for _, place, attempt in self._waiting:
            self._end(place, TaskResult(task=attempt.task, status=TaskStatus.CANCELLED, notices=attempt.notices))
        self._waiting.clear()


def _outcome_of(future: Future[Outcome]) -> Outcome:
    """The outcome, also of a task that never got to run or whose worker died.

    Raises:
        ExecutorBrokenError: The executor can run nothing more.
    """
    failure = future.exception()
    if failure is None:
        return future.result()
    if isinstance(failure, ExecutorBrokenError):
        raise failure
    if not isinstance(failure, WorkerDiedError | ExecutorError):
        failure = ExecutorError(f"The executor could not run the task: {type(failure).__name__}: {failure}")
    return Outcome(value=None, error=ErrorRecord.of(failure), notices=(), seconds=0.0)


def _result_of(attempt: _Try, outcome: Outcome) -> TaskResult:
    return TaskResult(
        task=attempt.task,
        status=TaskStatus.COMPLETED if outcome.error is None else TaskStatus.FAILED,
        attempts=attempt.attempt,
        value=outcome.value,
        error=outcome.error,
        notices=(*attempt.notices, *outcome.notices),
        faults=outcome.faults,
        seconds=outcome.seconds,
    )
