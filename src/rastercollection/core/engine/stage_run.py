"""One stage under way: tasks pulled lazily, a bounded window in flight, taken as they complete, retried, collected."""

from __future__ import annotations

import heapq
import itertools
import queue
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import attrs

from rastercollection.core.engine.attempts import (
    Attempt,
    RetryPolicy,
    TimeLimit,
    end_call,
    is_death,
    outcome_of,
    quarantined,
    result_of,
    timed_out,
)
from rastercollection.core.engine.journal import Deaths, Journal, utc_now
from rastercollection.core.engine.window import Window
from rastercollection.core.engine.worker import Outcome, run_task
from rastercollection.core.events import Event, TaskEnded, TaskRetried, TaskStarted
from rastercollection.core.executor import Executor
from rastercollection.core.models import ErrorRecord, Notice, Task, TaskResult, TaskStatus
from rastercollection.core.workflow import Skip
from rastercollection.errors import TaskError

__all__ = ["StageRun"]

POLL_SECONDS = 0.2


@attrs.define(kw_only=True)
class StageRun:
    """Runs the tasks of one stage.

    Attributes:
        job_id: The job.
        planned: Yields tasks and skips.
        executor: Where tasks run.
        window: How many tasks are in flight at once.
        retry: When a failed attempt is tried again.
        time_limit: How long an attempt may take.
        stop_seconds: How long running tasks are waited for once the stage is stopped; then they are given up.
        resources, inputs: Passed to handlers.
        emit: Tells the observers.
        journal: Where results are recorded.
        deaths: How often tasks have ended the process that ran them. Suspects run one by one, when all others have
            ended, so that no other task is blamed; those that did it too often do not run at all.
        reuse: An earlier run's result for the same task, if it still holds.
        should_stop: Asked often; once True, nothing more is planned and what runs is waited for.
        may_begin: Asked before anything is begun; while it is False, nothing is.
        worker_died: Called when a worker has died of a task.
        stop_on_error: A task that fails or is skipped stops the stage, too.
    """

    job_id: str
    planned: Iterator[Task | Skip]
    executor: Executor
    window: Window
    retry: RetryPolicy
    time_limit: TimeLimit
    stop_seconds: float
    resources: Mapping[str, Any]
    inputs: Mapping[str, Sequence[TaskResult]]
    emit: Callable[[Event], None]
    journal: Journal
    deaths: Deaths
    reuse: Callable[[Task], TaskResult | None]
    should_stop: Callable[[], bool]
    may_begin: Callable[[], bool]
    worker_died: Callable[[], object]
    stop_on_error: bool = False

    executed: int = attrs.field(default=0, init=False)
    stopped: bool = attrs.field(default=False, init=False)
    interrupted: bool = attrs.field(default=False, init=False)
    _results: dict[int, TaskResult] = attrs.field(factory=dict, init=False)
    _in_flight: dict[Future[Outcome], Attempt] = attrs.field(factory=dict, init=False)
    _waiting: list[tuple[float, int, Attempt]] = attrs.field(factory=list, init=False)
    _suspects: deque[Attempt] = attrs.field(factory=deque, init=False)
    _done: queue.SimpleQueue[Future[Outcome]] = attrs.field(factory=queue.SimpleQueue, init=False)
    _places: Iterator[int] = attrs.field(factory=itertools.count, init=False)
    _plan_ended: bool = attrs.field(default=False, init=False)

    def run(self) -> None:
        """Run to the end, or until stopped or interrupted.

        Raises:
            ExecutorBrokenError: The executor can run nothing more.
            LeaseLostError: Another process runs the job; what runs here is given up.
            KeyboardInterrupt: Interrupted a second time, while waiting for running tasks.
        """
        try:
            while not self._is_done():
                self._fill()
                self._take_completed()
        except KeyboardInterrupt:
            self.stopped = self.interrupted = True
            self._drain()
        except BaseException:
            self._give_up("The job ended before it did.")
            raise

    def results(self) -> tuple[TaskResult, ...]:
        """What has ended so far, in planned order."""
        return tuple(result for _, result in sorted(self._results.items()))

    def _is_done(self) -> bool:
        if not self.stopped and self.should_stop():
            self.stopped = True
        if self.stopped:
            self._drain()
            return True
        return self._plan_ended and not self._in_flight and not self._waiting and not self._suspects

    def _fill(self) -> None:
        while len(self._in_flight) < self.window.size() and not self.stopped and self.may_begin():
            attempt = self._due_retry() or self._next_planned() or self._next_suspect()
            if attempt is None:
                return
            self._submit(attempt)

    def _due_retry(self) -> Attempt | None:
        if self._waiting and self._waiting[0][0] <= time.monotonic():
            return heapq.heappop(self._waiting)[2]
        return None

    def _next_planned(self) -> Attempt | None:
        """The next task that really has to run; skips and reusable results are recorded on the way."""
        while not self._plan_ended and not self.stopped and len(self._waiting) < 10 * self.window.size():
            item = next(self.planned, None)
            if item is None:
                self._plan_ended = True
                return None
            attempt = self._to_be_run(next(self._places), item)
            if attempt is not None:
                return attempt
        return None

    def _to_be_run(self, place: int, item: Task | Skip) -> Attempt | None:
        if isinstance(item, Skip):
            self._end(place, TaskResult(task=item.task, status=TaskStatus.SKIPPED, error=item.reason))
            return None
        earlier = self.reuse(item)
        if earlier is not None:
            self._end(place, attrs.evolve(earlier, task=item), reused=True)
            self.stopped = self.stopped or self.should_stop()
            return None
        attempt, deaths = Attempt(place=place, task=item), self.deaths.of(item.id)
        if deaths >= Deaths.LIMIT:
            self._end(place, TaskResult(task=item, status=TaskStatus.FAILED, error=quarantined(item, deaths)))
        elif deaths:
            self._suspects.append(attempt)
        else:
            return attempt
        return None

    def _next_suspect(self) -> Attempt | None:
        is_alone = self._plan_ended and not self._in_flight and not self._waiting
        return self._suspects.popleft() if self._suspects and is_alone else None

    def _submit(self, attempt: Attempt) -> None:
        task = attempt.task
        self.deaths.begins(task.id)
        self.emit(
            TaskStarted(
                job_id=self.job_id,
                at=time.time(),
                stage=task.stage,
                task_id=task.id,
                task_type=task.task_type,
                tile=task.tile,
                attempt=attempt.number,
            )
        )
        call = (self.job_id, task, attempt.number, self.resources, self.inputs, attempt.key)
        try:
            future = self.executor.submit(run_task, *call)
        except KeyboardInterrupt:  # of a task that runs in this very thread
            self._end(attempt.place, TaskResult(task=task, status=TaskStatus.CANCELLED, notices=attempt.notices))
            raise
        self._in_flight[future] = attempt
        self.executed += attempt.number == 1
        future.add_done_callback(self._done.put)

    def _take_completed(self) -> None:
        """Wait a moment for completions and take all that are there."""
        self.journal.flush_if_due()
        pause = POLL_SECONDS
        if self._waiting:
            pause = min(pause, max(0.0, self._waiting[0][0] - time.monotonic()))
        if not self._in_flight and not self._waiting:
            if not self.may_begin():
                time.sleep(POLL_SECONDS)
            return
        try:
            self._take(self._done.get(timeout=pause))
            while True:
                self._take(self._done.get_nowait())
        except queue.Empty:
            self._end_overdue()

    def _end_overdue(self) -> None:
        for future, attempt in list(self._in_flight.items()):
            limit = self.time_limit(attempt.task)
            if limit is not None and attempt.seconds(future) > limit and not future.done():
                reason = timed_out(attempt, limit)
                end_call(self.executor, future, attempt, reason)
                del self._in_flight[future]
                self._settle(attempt, Outcome(value=None, error=ErrorRecord.of(reason), notices=(), seconds=limit))

    def _take(self, future: Future[Outcome]) -> None:
        attempt = self._in_flight.pop(future, None)
        if attempt is None:
            return
        if future.cancelled():
            self._end(attempt.place, TaskResult(task=attempt.task, status=TaskStatus.CANCELLED))
            return
        self._settle(attempt, outcome_of(future))

    def _settle(self, attempt: Attempt, outcome: Outcome) -> None:
        self.window.ended(outcome.seconds)
        if is_death(outcome):
            outcome = self._blamed(attempt, outcome)
        retry = outcome.error is not None and outcome.error.retryable and attempt.number < self.retry.attempts
        if retry and not self.stopped:
            self._retry_later(attempt, outcome)
        else:
            self._end(attempt.place, result_of(attempt, outcome))

    def _blamed(self, attempt: Attempt, outcome: Outcome) -> Outcome:
        """The outcome of an attempt whose worker died: at the third death, the task is not tried any more."""
        assert outcome.error is not None
        self.worker_died()
        deaths = self.deaths.add(attempt.task.id)
        if deaths < Deaths.LIMIT:
            return outcome
        return attrs.evolve(outcome, error=quarantined(attempt.task, deaths, outcome.error.message))

    def _retry_later(self, attempt: Attempt, outcome: Outcome) -> None:
        assert outcome.error is not None
        delay = self.retry.delay(attempt.number)
        self.emit(
            TaskRetried(
                job_id=self.job_id,
                at=time.time(),
                stage=attempt.task.stage,
                task_id=attempt.task.id,
                tile=attempt.task.tile,
                attempt=attempt.number,
                delay=delay,
                error=outcome.error,
            )
        )
        note = Notice(
            code="RETRIED", message=f"Attempt {attempt.number}: [{outcome.error.code}] {outcome.error.message}"
        )
        heapq.heappush(self._waiting, (time.monotonic() + delay, attempt.place, attempt.next(note)))

    def _end(self, place: int, result: TaskResult, *, reused: bool = False) -> None:
        if not result.ended_at:
            result = attrs.evolve(result, ended_at=utc_now())
        self._results[place] = result
        self.journal.add(result)
        self.emit(TaskEnded(job_id=self.job_id, at=time.time(), stage=result.task.stage, result=result, reused=reused))
        if self.stop_on_error and result.status in (TaskStatus.FAILED, TaskStatus.SKIPPED):
            self.stopped = True

    def _drain(self) -> None:
        """Cancel what has not started, wait for what runs, give up what waits for a retry, or takes too long."""
        for future in list(self._in_flight):
            future.cancel()
        deadline = time.monotonic() + self.stop_seconds
        while self._in_flight and time.monotonic() < deadline:
            finished = [future for future in self._in_flight if future.done()]
            for future in finished:
                self._take(future)
            if not finished:
                time.sleep(POLL_SECONDS / 10)
        given_up = list(self._in_flight.values())
        self._give_up(f"It was still running {self.stop_seconds:,.0f} s after the job was stopped.")
        for attempt in (*given_up, *(attempt for _, _, attempt in self._waiting), *self._suspects):
            self._end(
                attempt.place, TaskResult(task=attempt.task, status=TaskStatus.CANCELLED, notices=attempt.notices)
            )
        self._waiting.clear()
        self._suspects.clear()

    def _give_up(self, why: str) -> None:
        """End what runs; nothing of it is waited for or recorded."""
        reason = TaskError(why, "Run the job again: it goes on with this.", "TASK_ABANDONED", retryable=False)
        for future, attempt in self._in_flight.items():
            if not future.cancel():
                end_call(self.executor, future, attempt, reason)
        self._in_flight.clear()
