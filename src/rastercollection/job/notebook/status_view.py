"""How a job stands, as a notebook shows it: a bar a stage, with counts and the time that is left. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import attrs

from rastercollection.core.models import ErrorRecord, TaskStatus
from rastercollection.disclosure import markup
from rastercollection.job.notebook.result_view import MOST_TEXT, link_or_path, status_badge

if TYPE_CHECKING:
    from rastercollection.job.reporting import JobReport, StageReport

__all__ = ["StageBar", "bars_html", "duration", "status_html"]


@attrs.frozen(kw_only=True)
class StageBar:
    """One line of the progress.

    Attributes:
        name: Of the stage.
        counts: Ended tasks by status.
        expected: Tasks in all; None where that is not known.
        seconds: It took; None while it goes on.
        left: Seconds until it will have ended; None where that is not known.
    """

    name: str
    counts: Mapping[str, int]
    expected: int | None = None
    seconds: float | None = None
    left: float | None = None

    @property
    def ended(self) -> int:
        """How many tasks have ended."""
        return sum(self.counts.values())

    @property
    def share(self) -> float:
        """How much of it is done, 0 to 1."""
        if self.seconds is not None:
            return 1.0
        return min(1.0, self.ended / self.expected) if self.expected else 0.0

    @property
    def time(self) -> str:
        """How long it took, or takes yet, in words; empty where that is not known."""
        if self.seconds is not None:
            return duration(self.seconds)
        return "" if self.left is None else f"{duration(self.left)} left"


def bars_html(bars: Iterable[StageBar]) -> str:
    """A table with a bar a stage."""
    return markup.table(("Stage", "", "Tasks", "", "Time"), map(_bar, bars), kinds=("", "bar", "n", "", ""))


def _bar(bar: StageBar) -> tuple[str, str, str, str, str]:
    of = "" if bar.expected is None else f" of {bar.expected:,}"
    bad = [f"{bar.counts[status]:,} {status}" for status in TaskStatus if _is_told(status) and bar.counts.get(status)]
    kind = ("fair" if bad else "good") if bar.seconds is not None else ""
    filled = f'<span><span class="{kind}" style="width:{100 * bar.share:.1f}%"></span></span>'
    worst = markup.badge(", ".join(bad), "bad" if bar.counts.get(TaskStatus.FAILED) else "fair") if bad else ""
    return markup.safe(bar.name), filled, f"{bar.ended:,}{of}", worst, markup.safe(bar.time)


def _is_told(status: TaskStatus) -> bool:
    return status is not TaskStatus.COMPLETED


def duration(seconds: float) -> str:
    """A time in words: ``3.2 s``, ``4 min 10 s``, ``2 h 5 min``."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60:,} h {minutes % 60} min"


def status_html(report: JobReport) -> str:
    """The HTML of how a job stands."""
    job = report.job
    waits = [markup.badge("waits for a worker")] if report.is_waiting and not report.lost else []
    lost = [markup.badge("lost", "bad")] if report.lost else []
    result = job.result or {}
    heard = "" if report.heartbeat is None else f", heard of {report.heartbeat:.0f} s ago"
    return markup.card(
        str(job.metadata.get("collection_id", job.job_type)),
        [status_badge(str(job.status)), *waits, *lost],
        bars_html(_of_stage(stage, report) for stage in report.stages) if report.stages else "",
        _failure(job.error),
        markup.facts(
            {
                "Runner": markup.safe(f"{report.owner}{heard}" if report.owner else ""),
                "What to do": markup.safe(report.advice),
                "Map": link_or_path(str(result["share_url"]), "Open the map") if result.get("share_url") else "",
                "Created": markup.safe(job.created_at),
                "Updated": markup.safe(job.updated_at),
                "Job": markup.code(job.id),
            }
        ),
    )


def _failure(error: ErrorRecord | None) -> str:
    if error is None:
        return ""
    text = markup.safe(f"{error.message} {error.hint}", most=2 * MOST_TEXT)
    return f'<div class="note bad"><span>{markup.code(error.code)} {text}</span></div>'


def _of_stage(stage: StageReport, report: JobReport) -> StageBar:
    is_under_way = stage.number == report.job.current_stage and stage.seconds is None
    return StageBar(
        name=f"{stage.number} {stage.name}" if stage.name else f"{stage.number} of an earlier run",
        counts=stage.tasks_by_status,
        expected=stage.expected,
        seconds=stage.seconds,
        left=report.time_left if is_under_way else None,
    )
