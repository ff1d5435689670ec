"""Spans of a job, as OpenTelemetry's own SDK exports them."""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from types import ModuleType

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from rastercollection import JobFailedError, process_collection, submit
from rastercollection.cli.demo import make_scene
from rastercollection.job.tracing import tracing_of_program


@pytest.fixture(scope="module")
def provider() -> TracerProvider:
    made = TracerProvider()
    trace.set_tracer_provider(made)
    return made


@pytest.fixture
def spans(provider: TracerProvider) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


def _request(tmp_path: Path, blobs: str = "*.tif") -> dict[str, object]:
    make_scene(tmp_path / "bronze", size=64)
    return {
        "container_name": tmp_path / "bronze",
        "blob_list": blobs,
        "collection_id": "traced",
        "jobs": f"sqlite:///{tmp_path}/jobs.db",
    }


def _named(spans: InMemorySpanExporter) -> dict[str, list[ReadableSpan]]:
    found: dict[str, list[ReadableSpan]] = defaultdict(list)
    for span in spans.get_finished_spans():
        found[span.name].append(span)
    return found


def _is_below(span: ReadableSpan, other: ReadableSpan) -> bool:
    return span.parent is not None and span.parent.span_id == other.context.span_id


def test_attempts_lie_below_their_stage_below_the_job_below_the_callers_span(
    spans: InMemorySpanExporter, tmp_path: Path
) -> None:
    with trace.get_tracer("caller").start_as_current_span("request"):
        handle = submit(**_request(tmp_path))  # type: ignore[arg-type]
    handle.result()
    found = _named(spans)
    (request,), (job,) = found["request"], found["process_collection"]
    assert _is_below(job, request)
    for stage, task, count in (("validate_tiles", "validate_raster", 5), ("create_cogs", "create_cog", 4)):
        assert _is_below(found[stage][0], job)
        assert len(found[task]) == count
        assert all(_is_below(span, found[stage][0]) for span in found[task])
    assert all(span.start_time <= span.end_time for span in spans.get_finished_spans())
    (broken,) = [span for span in found["validate_raster"] if span.status.status_code is StatusCode.ERROR]
    assert broken.attributes["rastercollection.tile"] == "namangan_b3_broken.tif"
    assert broken.attributes["error.type"] == "FILE_TRUNCATED"
    assert [event.name for event in broken.events] == ["exception"]
    assert job.status.status_code is StatusCode.UNSET
    assert job.attributes["rastercollection.status"] == "completed_with_errors"


def test_a_job_that_fails_is_an_error_and_leaves_no_span_open(spans: InMemorySpanExporter, tmp_path: Path) -> None:
    with pytest.raises(JobFailedError):
        process_collection(**_request(tmp_path, "*broken.tif"))  # type: ignore[arg-type]
    found = _named(spans)
    (job,) = found["process_collection"]
    assert job.status.status_code is StatusCode.ERROR
    assert job.attributes["error.type"] in job.status.description
    assert {"process_collection", "validate_tiles", "validate_raster"} == set(found)


def test_a_program_without_it_has_no_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tracing_of_program() is not None
    monkeypatch.delitem(sys.modules, "opentelemetry.trace")
    assert tracing_of_program() is None


def test_half_an_installation_is_told_and_fails_no_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", ModuleType("opentelemetry.trace"))
    result = process_collection(**_request(tmp_path, "*_a1.tif"))  # type: ignore[arg-type]
    assert result.status == "completed"
    assert [notice["code"] for notice in result.summary["notices"]] == ["OBSERVER_FAILED"]
