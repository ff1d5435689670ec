"""How a job gets on, as its events tell: from one to the next, and as HTML or a line. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Self

import attrs

from rastercollection.core.events import (
    Event,
    JobEnded,
    JobStarted,
    JobWaiting,
    StageEnded,
    StageStarted,
    TaskEnded,
    TaskRetried,
)
from rastercollection.core.models import TaskStatus
from rastercollection.disclosure import markup
from rastercollection.disclosure.escaping import safe_text
from rastercollection.job.notebook.result_view import notice_list, status_badge
from rastercollection.job.notebook.status_view import StageBar, bars_html, duration

__all__ = ["ProgressBoard"]

MOST_MESSAGES = 50


@attrs.frozen(kw_only=True)
class ProgressBoard:
    """What was heard of a job so far.

    Attributes:
        title: What it is called.
        status: As of a job; ``waiting`` for another process that runs it.
        total_stages: How many there are.
        stages: Those that have begun; the last one may be under way.
        began: Of that one, seconds since the epoch.
        reused: Tasks of it whose results were taken over.
        seconds: The job took; None while it goes on.
        messages: Failures and retries, the first ones.
        left_out: How many more there were.
    """

    title: str
    status: str = "processing"
    total_stages: int = 0
    stages: tuple[StageBar, ...] = ()
    began: float = 0.0
    reused: int = 0
    seconds: float | None = None
    messages: tuple[str, ...] = ()
    left_out: int = 0

    def after(self, event: Event) -> Self:
        """The same when one thing more is known."""
        match event:
            case JobWaiting():
                return attrs.evolve(self, status="waiting")._with(f"Waits for {event.owner}, which runs this job.")
            case JobStarted():
                return attrs.evolve(self, status="processing", total_stages=event.total_stages)
            case StageStarted():
                name = f"{event.stage}/{self.total_stages} {event.name}"
                bar = StageBar(name=name, counts={}, expected=event.expected)
                return attrs.evolve(self, stages=(*self.stages, bar), began=event.at, reused=0)
            case TaskRetried():
                attempt = f"attempt {event.attempt} failed, next in {event.delay:.1f} s: {event.error.message}"
                return self._with(f"{event.tile or event.task_id}: {attempt}")
            case TaskEnded():
                return self._after_task(event)
            case StageEnded():
                return self._with_bar(event.counts, event.seconds)
            case JobEnded():
                return attrs.evolve(self, status=str(event.status), seconds=event.seconds)
        return self

    def _after_task(self, event: TaskEnded) -> Self:
        if not self.stages:
            return self
        result = event.result
        counts = Counter(self.stages[-1].counts)
        counts[str(result.status)] += 1
        known = attrs.evolve(self._with_bar(counts), reused=self.reused + event.reused)
        if result.status is not TaskStatus.FAILED or result.error is None:
            return known
        return known._with(f"{result.task.tile or result.task.task_type}: {result.error.code}: {result.error.message}")

    def _with(self, message: str) -> Self:
        if message in self.messages:
            return self
        if len(self.messages) >= MOST_MESSAGES:
            return attrs.evolve(self, left_out=self.left_out + 1)
        return attrs.evolve(self, messages=(*self.messages, safe_text(message)))

    def _with_bar(self, counts: Mapping[str, int], seconds: float | None = None) -> Self:
        *before, last = self.stages
        return attrs.evolve(self, stages=(*before, attrs.evolve(last, counts=counts, seconds=seconds)))

    def at(self, now: float) -> tuple[StageBar, ...]:
        """The stages, with the time that the one under way takes yet if it goes on as so far.

        Args:
            now: Seconds since the epoch.
        """
        if not self.stages or self.stages[-1].seconds is not None:
            return self.stages
        *before, last = self.stages
        done = last.ended - self.reused
        if done <= 0 or last.expected is None:
            return self.stages
        left = (now - self.began) / done * max(0, last.expected - last.ended)
        return (*before, attrs.evolve(last, left=left))

    def html(self, now: float) -> str:
        """For a notebook."""
        time = markup.paragraph(markup.safe(f"{duration(self.seconds)} in all"), "soft") if self.seconds else ""
        more = [f"and {self.left_out:,} more"] if self.left_out else []
        told = notice_list([*self.messages, *more])
        return markup.card(self.title, [status_badge(self.status)], bars_html(self.at(now)), told, time)

    def line(self) -> str:
        """One line."""
        if not self.stages or self.seconds is not None:
            time = "" if self.seconds is None else f" in {duration(self.seconds)}"
            return safe_text(f"{self.title}: {self.status}{time}")
        last = self.stages[-1]
        of = "" if last.expected is None else f" of {last.expected:,}"
        return safe_text(f"{self.title}: {last.name}: {last.ended:,}{of} tasks, {last.time or self.status}")
