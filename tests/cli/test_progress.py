"""The progress displays on scripted events, and on a terminal."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from rich.console import Console

from rastercollection.cli.progress import BarProgress, LineProgress, show_progress
from rastercollection.core.events import (
    Event,
    JobEnded,
    JobStarted,
    JobWaiting,
    StageEnded,
    StageStarted,
    TaskEnded,
    TaskRetried,
    TaskStarted,
)
from rastercollection.core.models import ErrorRecord, JobStatus, Notice, Task, TaskResult, TaskStatus

JOB = "0123456789abcdef"
HOSTILE = "a\x1b[2Jb\u202e.tif"


def _ended(number: int, tile: str, status: TaskStatus, error: ErrorRecord | None = None, at: float = 0) -> TaskEnded:
    task = Task(id=f"t{number}", stage=1, task_type="validate_raster", handler="m:f", tile=tile)
    return TaskEnded(job_id=JOB, at=at, stage=1, result=TaskResult(task=task, status=status, error=error))


def _script(tasks: int = 3, seconds_each: float = 1.0) -> Iterator[Event]:
    broken = ErrorRecord(code="FILE_TRUNCATED", message="Pixels are missing.", hint="Fetch it again.")
    lost = ErrorRecord(code="WORKER_DIED", message="The worker is gone.", retryable=True)
    notice = Notice(code="OUTPUT_BESIDE_SOURCE", message="COGs go beside the sources.")
    yield JobStarted(job_id=JOB, at=0, job_type="process_collection", total_stages=4, reused=2, notices=(notice,))
    yield StageStarted(job_id=JOB, at=0, stage=1, name="validate_tiles", expected=tasks)
    yield TaskStarted(job_id=JOB, at=0, stage=1, task_id="t0", task_type="validate_raster", tile="x.tif", attempt=1)
    yield TaskRetried(job_id=JOB, at=0, stage=1, task_id="t0", tile="x.tif", attempt=1, delay=0.5, error=lost)
    yield _ended(0, HOSTILE, TaskStatus.FAILED, broken)
    for number in range(1, tasks):
        yield _ended(number, f"tile{number}.tif", TaskStatus.COMPLETED, at=number * seconds_each)
    counts = {"completed": tasks - 1, "failed": 1}
    yield StageEnded(job_id=JOB, at=9, stage=1, name="validate_tiles", counts=counts, seconds=2.5)
    yield JobEnded(job_id=JOB, at=9, status=JobStatus.COMPLETED_WITH_ERRORS, seconds=9.25)


def _lines(tasks: int, seconds_each: float) -> list[str]:
    stream = io.StringIO()
    with LineProgress(stream, interval=5) as progress:
        for event in _script(tasks, seconds_each):
            progress(event)
    return stream.getvalue().splitlines()


def test_plain_lines_tell_stages_failures_and_retries() -> None:
    lines = _lines(tasks=3, seconds_each=1)
    assert lines[0] == "job 0123456789ab: 4 stages, 2 results of an earlier run"
    assert "stage 1/4 validate_tiles: 3 tasks" in lines
    (failure,) = [line for line in lines if "FILE_TRUNCATED" in line]
    assert "Pixels are missing" not in failure, "why is told once, with the result"
    assert any("x.tif: attempt 1 failed" in line and "WORKER_DIED" in line for line in lines)
    assert "stage 1/4 validate_tiles: 2 completed, 1 failed in 2.5 s" in lines
    assert lines[-1] == "job completed_with_errors in 9.2 s"


def test_many_tasks_do_not_make_many_lines() -> None:
    lines = _lines(tasks=1001, seconds_each=0.1)
    counting = [line for line in lines if "/1001 (" in line]
    assert 15 <= len(counting) <= 20
    assert len(lines) == len(_lines(tasks=3, seconds_each=0.1)) + len(counting)


def test_who_is_waited_for_is_shown() -> None:
    waiting = JobWaiting(job_id=JOB, at=0, owner="process 7 on there", age=2.6)
    stream, console = io.StringIO(), Console(file=io.StringIO(), width=120)
    LineProgress(stream)(waiting)
    BarProgress(console)(waiting)
    for shown in (stream.getvalue(), console.file.getvalue()):  # type: ignore[attr-defined]
        assert "waiting for process 7 on there, which runs this job (last heard of 3 s ago)" in shown


def test_names_cannot_steer_the_terminal() -> None:
    text = "\n".join(_lines(tasks=3, seconds_each=1))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert r"a\x1b[2Jb\u202e.tif failed" in text


def test_bars_end_complete_and_leave_the_failure_readable() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=120, color_system=None, legacy_windows=False, _environ={})
    with BarProgress(console) as progress:
        for event in _script():
            progress(event)
    final = stream.getvalue()
    assert "1/4 validate_tiles" in final
    assert "3/3" in final
    assert "1 failed" in final
    assert r"a\x1b[2Jb\u202e.tif failed: FILE_TRUNCATED" in final


def test_what_is_not_a_terminal_gets_lines() -> None:
    assert isinstance(show_progress(io.StringIO()), LineProgress)


def test_a_terminal_gets_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    assert isinstance(show_progress(Terminal()), BarProgress)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(show_progress(Terminal()), LineProgress)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr("rastercollection.cli.progress.find_spec", lambda name: None)
    assert isinstance(show_progress(Terminal()), LineProgress), "rich is an extra"
