"""The story of a job in the log: what and where, each stage's end, what was noticed, how it ended; a line for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rastercollection.core.events import Event, JobEnded, JobStarted, JobWaiting, StageEnded, TaskEnded
from rastercollection.core.models import Notice, TaskStatus
from rastercollection.disclosure.logs import get_logger
from rastercollection.job.result import JobResult
from rastercollection.model.entry import StacSummary
from rastercollection.model.request import CollectionRequest
from rastercollection.model.tile import Sources

__all__ = ["JobStory"]

log = get_logger("rastercollection")


class JobStory:
    """An observer that writes a job's story to the logger ``rastercollection``, at the level INFO.

    A job of any size has about ten lines: what is noticed, and what fails, is counted by code.

    Args:
        request: What the job is about.
        sources: Its rasters.
    """

    def __init__(self, request: CollectionRequest, sources: Sources) -> None:
        self._request, self._sources = request, sources
        self._name = f"job {request.job_id[:12]}"
        self._stages, self._waits = 0, False
        self._codes: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()

    def __call__(self, event: Event) -> None:
        match event:
            case JobWaiting() if not self._waits:
                self._waits = True
                log.info("%s waits for %s, which runs it", self._name, event.owner)
            case JobStarted():
                self._started(event)
            case TaskEnded():
                self._task_ended(event)
            case StageEnded():
                self._stage_ended(event)
            case JobEnded():
                reason = f": [{event.error.code}] {event.error.message}" if event.error else ""
                log.info("%s %s in %.1f s%s", self._name, event.status, event.seconds, reason)

    def result(self, result: JobResult) -> None:
        """Tell what has become of the tiles, and where it can be seen."""
        published = StacSummary.of(result.summary)
        place = (published.collection_url if published else "") or self._output()
        shown = f", map {result.share_url}" if result.share_url else ""
        before = ", done before: nothing was done again" if result.reused else ""
        log.info("%s: %s%s; %s%s", self._name, result.became, before, place, shown)

    def _started(self, event: JobStarted) -> None:
        self._stages = event.total_stages
        files, request = self._sources.files, self._request
        size = sum(file.size for file in files) / 1e6
        what = f"collection {request.collection_id} of {len(files)} rasters, {size:,.1f} MB"
        reused = f", {event.reused} results of an earlier run" if event.reused else ""
        log.info("%s: %s, from %s to %s%s", self._name, what, request.container_name, self._output(), reused)
        self._tell_codes("of the request", _codes(event.notices))

    def _task_ended(self, event: TaskEnded) -> None:
        self._codes.update(_codes(event.result.notices))
        self._failures.update(fault.code for fault in event.result.faults)
        if event.result.status is TaskStatus.FAILED and event.result.error is not None:
            self._failures[event.result.error.code] += 1

    def _stage_ended(self, event: StageEnded) -> None:
        counts = ", ".join(f"{count} {status}" for status, count in event.counts.items()) or "no tasks"
        failures = f" ({_counted(self._failures)})" if self._failures else ""
        stage = f"stage {event.stage}/{self._stages} {event.name}"
        log.info("%s: %s: %s%s in %.1f s", self._name, stage, counts, failures, event.seconds)
        self._tell_codes(f"of {event.name}", self._codes)
        self._codes, self._failures = Counter(), Counter()

    def _tell_codes(self, subject: str, codes: Counter[str]) -> None:
        if codes:
            log.info("%s: notices %s: %s", self._name, subject, _counted(codes))

    def _output(self) -> str:
        return "/".join(filter(None, (self._request.output_container, self._request.output_folder)))


def _codes(notices: Iterable[Notice]) -> Counter[str]:
    return Counter(notice.code for notice in notices)


def _counted(codes: Counter[str]) -> str:
    return ", ".join(f"{count} × {code}" for code, count in sorted(codes.items()))
