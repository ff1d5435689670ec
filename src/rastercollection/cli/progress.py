"""Observers that show how a job gets on: bars on a terminal, plain lines everywhere else.

::

    from rastercollection.cli.progress import show_progress

    with show_progress() as progress:
        process_collection(..., observers=[progress])
"""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol, Self, TextIO, cast

from rastercollection.cli.streams import StandardStream, can_draw
from rastercollection.cli.terminal import error_text, plural
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
from rastercollection.disclosure.escaping import safe_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

__all__ = ["BarProgress", "LineProgress", "ProgressDisplay", "show_progress"]


class ProgressDisplay(Protocol):
    """An observer that may hold the terminal; leaving it as a context manager gives the terminal back."""

    def __call__(self, event: Event) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


def show_progress(stream: TextIO | None = None) -> ProgressDisplay:
    """Bars where ``stream`` is a terminal and the extra ``terminal`` is installed (rich), plain lines otherwise.

    Args:
        stream: Standard error when None; nothing is shown where the program has none.
    """
    shown = stream or sys.stderr or cast(TextIO, StandardStream(None))
    if not can_draw(shown) or find_spec("rich") is None:
        return LineProgress(shown)
    from rich.console import Console

    return BarProgress(Console(file=shown, highlight=False))


def _waiting(event: JobWaiting) -> str:
    return safe_text(f"waiting for {event.owner}, which runs this job (last heard of {event.age:.0f} s ago)")


def _failure(event: TaskEnded) -> str | None:
    """A line about a task that failed, with the code: why is told once, with the result; None for all others."""
    result = event.result
    if result.status is not TaskStatus.FAILED or result.error is None:
        return None
    return f"{_subject(result.task.tile, result.task.task_type)} failed: {safe_text(result.error.code)}"


def _retry(event: TaskRetried) -> str:
    attempt = f"attempt {event.attempt} failed, next in {event.delay:.1f} s"
    return f"{_subject(event.tile, event.task_id)}: {attempt}: {error_text(event.error)}"


def _subject(tile: str | None, otherwise: str) -> str:
    return safe_text(tile if tile is not None else otherwise)


def _counts(counts: Counter[str]) -> str:
    """``3 completed, 1 failed``, in the order of the statuses, those of zero left out."""
    told = [f"{counts[status]} {status}" for status in TaskStatus if counts[status]]
    return ", ".join(told) or "no tasks"


class LineProgress:
    """Writes a line when a stage starts and ends, for each failure and retry, and now and then in between.

    Args:
        stream: Where the lines go.
        interval: Least seconds between two lines of "so many of so many".
    """

    def __init__(self, stream: TextIO, interval: float = 5.0) -> None:
        self.stream, self.interval = stream, interval
        self._total_stages = 0
        self._label = ""
        self._expected: int | None = None
        self._counts: Counter[str] = Counter()
        self._told_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        with contextlib.suppress(OSError, ValueError):  # nobody reads it any more: that is no failure of the job
            self.stream.flush()

    def __call__(self, event: Event) -> None:
        match event:
            case JobWaiting():
                self._write(_waiting(event))
            case JobStarted():
                self._job_started(event)
            case StageStarted():
                self._stage_started(event)
            case TaskRetried():
                self._write(f"  {_retry(event)}")
            case TaskEnded():
                self._task_ended(event)
            case StageEnded():
                self._write(f"{self._label}: {_counts(Counter(event.counts))} in {event.seconds:.1f} s")
            case JobEnded():
                self._write(f"job {event.status} in {event.seconds:.1f} s")

    def _job_started(self, event: JobStarted) -> None:
        self._total_stages = event.total_stages
        known = f", {plural(event.reused, 'result')} of an earlier run" if event.reused else ""
        self._write(f"job {event.job_id[:12]}: {plural(event.total_stages, 'stage')}{known}")
        for notice in event.notices:
            self._write(f"  {safe_text(f'[{notice.code}] {notice.message}')}")

    def _stage_started(self, event: StageStarted) -> None:
        self._label = f"stage {event.stage}/{self._total_stages} {event.name}"
        self._expected, self._counts, self._told_at = event.expected, Counter(), event.at
        tasks = "" if event.expected is None else f": {plural(event.expected, 'task')}"
        self._write(f"{self._label}{tasks}")

    def _task_ended(self, event: TaskEnded) -> None:
        self._counts[str(event.result.status)] += 1
        failure = _failure(event)
        if failure is not None:
            self._write(f"  {failure}")
        if event.at - self._told_at >= self.interval:
            self._told_at = event.at
            done = sum(self._counts.values())
            of = "" if self._expected is None else f"/{self._expected}"
            self._write(f"{self._label}: {done}{of} ({_counts(self._counts)})")

    def _write(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self.stream.write(f"{line}\n")
            self.stream.flush()


class BarProgress:
    """One bar a stage; failures and retries scroll by above the bars.

    Args:
        console: A console of rich that writes to a terminal.
    """

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        console.file = cast(TextIO, StandardStream(console.file))  # rich ends the program when nobody reads it
        self.console = console
        self._progress = Progress(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", markup=False, style="red"),
            console=console,
        )
        self._total_stages = 0
        self._bar: TaskID | None = None
        self._counts: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        match event:
            case JobWaiting():
                self._above(_waiting(event), "yellow")
            case JobStarted():
                self._job_started(event)
            case StageStarted():
                self._stage_started(event)
            case TaskRetried():
                self._above(_retry(event), "yellow")
            case TaskEnded():
                self._task_ended(event)
            case StageEnded():
                self._stage_ended()
            case JobEnded():
                self._progress.stop()

    def _job_started(self, event: JobStarted) -> None:
        self._total_stages = event.total_stages
        self._progress.start()
        for notice in event.notices:
            self._above(safe_text(f"[{notice.code}] {notice.message}"), "yellow")

    def _stage_started(self, event: StageStarted) -> None:
        self._counts = Counter()
        self._bar = self._progress.add_task(
            f"{event.stage}/{self._total_stages} {event.name}", total=event.expected, note=""
        )

    def _task_ended(self, event: TaskEnded) -> None:
        self._counts[str(event.result.status)] += 1
        failure = _failure(event)
        if failure is not None:
            self._above(failure, "red")
        if self._bar is not None:
            bad = Counter({status: n for status, n in self._counts.items() if status != TaskStatus.COMPLETED})
            self._progress.update(self._bar, advance=1, note=_counts(bad) if bad else "")

    def _stage_ended(self) -> None:
        if self._bar is not None:
            done = sum(self._counts.values())
            self._progress.update(self._bar, total=done, completed=done)
            self._progress.stop_task(self._bar)

    def _above(self, line: str, style: str) -> None:
        self._progress.console.print(line, style=style, markup=False)
