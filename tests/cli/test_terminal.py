"""What people read of a result."""

from __future__ import annotations

import io

import attrs
import pytest

from rastercollection.checking.report import CollectionReport, Finding, FindingCode
from rastercollection.cli.terminal import print_report, print_result
from rastercollection.job.result import JobResult, TileOutcome


def test_addresses_are_printed_with_what_they_take() -> None:
    summary = {
        "share_url": "http://tiles/map",
        "stac": {"ready_for_titiler": True, "collection_url": "/stac/x/collection.json"}
        | {"items_stored": 1, "items_in_collection": 1},
        "titiler_urls": {"viewer": "http://tiles/map", "info": "http://tiles/i", "statistics": "http://tiles/s"}
        | {"wmts": "http://tiles/w"},
        "titiler_methods": {"statistics": "POST"},
        "titiler_layers": {"wmts": "visual"},
    }
    stream = io.StringIO()
    print_result(JobResult(job_id="1", status="completed", tiles=(), summary=summary), stream)
    lines = [line.split(maxsplit=1) for line in stream.getvalue().splitlines()]
    printed = {line[0]: line[1] for line in lines if len(line) == 2}
    assert printed["info"] == "http://tiles/i"
    assert printed["statistics"] == "http://tiles/s (POST of a GeoJSON feature)"
    assert printed["wmts"] == "http://tiles/w (layer visual)"
    assert "viewer" not in printed


def test_many_tiles_that_failed_for_one_reason_are_told_of_together() -> None:
    made = [TileOutcome(blob=f"t{number}.tif", outcome="cog", output="o") for number in range(60)]
    cut = [
        TileOutcome(
            blob=f"cut{number}.tif", outcome="failed", code="FILE_TRUNCATED", reason=f"{number}.", hint="Again."
        )
        for number in range(30)
    ]
    other = [TileOutcome(blob="odd.tif", outcome="failed", code="CRS_MISSING", reason="None.", hint="Set input_crs.")]
    stream = io.StringIO()
    print_result(JobResult(job_id="1", status="x", tiles=(*made, *cut, *other), summary={}), stream)
    assert stream.getvalue().splitlines()[:4] == [
        "failed   odd.tif: [CRS_MISSING] None. Set --input-crs.",
        "failed   30 tiles: [FILE_TRUNCATED] 0. Again.",
        "         " + ", ".join(f"cut{number}.tif" for number in range(10)) + " and 20 more",
        "",
    ]


def _found(code: FindingCode, remedy: str) -> Finding:
    return Finding(code=code, what="x", where="/x", reason="Wrong.", remedy=remedy)


def test_a_remedy_of_several_findings_is_told_once_and_a_sound_collection_is_said_to_be_so() -> None:
    found = (_found("COG_MISSING", "Run."), _found("COG_MISSING", "Run."), _found("MOSAIC_WRONG", "Use fix=True."))
    report = CollectionReport(collection_id="c", where="/c", items=1, cogs=2, verify="quick", findings=found)
    told, sound = io.StringIO(), io.StringIO()
    print_report(report, told)
    print_report(attrs.evolve(report, findings=()), sound)
    lines = [line.strip() for line in told.getvalue().splitlines()]
    assert lines[1:] == [
        "1 item, 2 COGs, quick",
        *["[COG_MISSING] x: Wrong. /x"] * 2,
        "Run.",
        "[MOSAIC_WRONG] x: Wrong. /x",
        "Use --fix.",
    ]
    assert sound.getvalue().endswith("quick\nnothing is wrong\n")


@pytest.mark.parametrize(
    ("is_terminal", "settings", "colours"),
    [(True, {}, True), (False, {}, False), (True, {"NO_COLOR": "1"}, False), (True, {"TERM": "dumb"}, False)],
)
def test_only_a_terminal_that_takes_colours_gets_them(
    is_terminal: bool, settings: dict[str, str], colours: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: is_terminal, raising=False)
    failed = TileOutcome(blob="a\x1b[31m.tif", outcome="failed", code="FILE_TRUNCATED", reason="Cut.", hint="")
    print_result(JobResult(job_id="1", status="failed", tiles=(failed,), summary={}), stream)
    assert r"a\x1b[31m.tif: [FILE_TRUNCATED] Cut." in stream.getvalue()
    assert ("\x1b" in stream.getvalue()) is colours
