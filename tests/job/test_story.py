"""The story of a job in the log, at INFO: few lines, however many tiles."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from rastercollection import process_collection
from rastercollection.cli.demo import make_scene
from rastercollection.core.events import Event, TaskEnded


def _run(tmp_path: Path, **more: object) -> object:
    make_scene(tmp_path / "bronze", size=64)
    return process_collection(
        container_name=tmp_path / "bronze",
        blob_list="*.tif",
        collection_id="told",
        jobs=f"sqlite:///{tmp_path}/jobs.db",
        **more,  # type: ignore[arg-type]
    )


def test_ten_lines_tell_what_where_each_stage_and_the_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "rastercollection"):
        _run(tmp_path)
    lines = [record.getMessage() for record in caplog.records if record.name == "rastercollection"]
    assert 8 <= len(lines) <= 12, lines
    assert f"collection told of 5 rasters, 0.1 MB, from {tmp_path}/bronze to {tmp_path}/cogs/told" in lines[0]
    assert sum(": stage " in line for line in lines) == 5
    assert any("validate_tiles: 4 completed, 1 failed (1 × FILE_TRUNCATED)" in line for line in lines)
    assert "completed_with_errors in " in lines[-2]
    assert "4 of 5 tiles became COGs" in lines[-1]
    assert f"map {tmp_path}/cogs/told/told.html" in lines[-1]
    caplog.clear()
    with caplog.at_level(logging.INFO, "rastercollection"):
        _run(tmp_path)
    lines = [record.getMessage() for record in caplog.records if record.name == "rastercollection"]
    assert [line.partition("; ")[0].partition(": ")[2] for line in lines] == [
        "4 of 5 tiles became COGs, done before: nothing was done again"
    ]


def test_notices_are_counted_by_code(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "rastercollection"):
        _run(tmp_path, output_tier="archive", input_crs="EPSG:32642")
    told = [record.getMessage() for record in caplog.records if "notices of" in record.getMessage()]
    assert len(told) <= 5
    assert all(" × " in line for line in told)


@pytest.mark.parametrize("kind", [RuntimeError, asyncio.CancelledError])
def test_a_broken_observer_is_told_of_once_and_is_a_notice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: type[BaseException]
) -> None:
    """Also of what is no Exception: that the event loop it works with has ended."""
    told: list[Event] = []

    def broken(event: Event) -> None:
        told.append(event)
        raise kind("screen is gone")

    result = _run(tmp_path, observers=[broken])
    assert sum(isinstance(event, TaskEnded) for event in told) > 5, "it is told of the rest all the same"
    assert [record.levelname for record in caplog.records if record.getMessage().startswith("observer ")] == ["ERROR"]
    notices = [one for one in result.to_dict()["notices"] if one["code"] == "OBSERVER_FAILED"]  # type: ignore[attr-defined]
    assert len(notices) == 1
    assert "screen is gone" in notices[0]["message"]
