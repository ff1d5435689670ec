"""Jobs that are seen while they run: in one output of a notebook, which nothing that goes wrong there can end."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from notebook_scene import Screen, run_scene
from rastercollection import JobFailedError, RequestError, submit
from rastercollection.cli.demo import make_scene
from rastercollection.core.events import JobEnded, JobStarted, StageEnded, StageStarted, TaskEnded
from rastercollection.core.models import ErrorRecord, JobStatus, Task, TaskResult, TaskStatus
from rastercollection.job.notebook.progress_board import ProgressBoard

STAGES = ("validate_tiles", "create_cogs", "create_mosaicjson", "create_stac_collection", "check_published")

QUICK: dict[str, Any] = {"create_mosaicjson": False, "create_stac_collection": False}
"""Without the later stages."""


@pytest.fixture
def bronze(tmp_path: Path) -> Path:
    make_scene(tmp_path / "bronze", size=96)
    return tmp_path


def _widths(html: str) -> list[float]:
    return [float(width) for width in re.findall(r'style="width:([\d.]+)%"', html)]


def test_one_output_of_a_notebook_shows_a_bar_a_stage_up_to_the_end(bronze: Path, notebook: Screen) -> None:
    result = run_scene(bronze)
    (output,) = notebook.outputs
    assert notebook.shown > 1
    shown = output["text/html"]
    assert [stage in shown for stage in STAGES] == [True] * 5
    assert _widths(shown) == [100.0] * 5
    assert "1 failed" in shown
    assert "FILE_TRUNCATED" in shown
    assert "completed with errors" in shown
    assert output["text/plain"].startswith("namangan: completed_with_errors in ")
    assert result.status == "completed_with_errors"


def test_nothing_is_shown_of_a_job_that_was_done_before_or_where_that_is_not_wished(
    bronze: Path, notebook: Screen
) -> None:
    store = f"sqlite:///{bronze}/jobs.db"
    run_scene(bronze, jobs=store, progress=False, **QUICK)
    assert notebook.outputs == []
    assert run_scene(bronze, jobs=store, **QUICK).reused
    assert notebook.outputs == []


def test_the_end_of_a_job_that_fails_is_shown(bronze: Path, notebook: Screen) -> None:
    with pytest.raises(JobFailedError):
        run_scene(bronze, on_tile_error="fail", **QUICK)
    assert "failed" in notebook.outputs[0]["text/plain"]


def test_a_broken_front_end_does_not_touch_the_job(bronze: Path, notebook: Screen) -> None:
    notebook.is_broken = True
    assert run_scene(bronze, **QUICK).became == "4 of 5 tiles became COGs"
    assert notebook.shown == 1  # it is not asked again


def test_a_submitted_job_is_shown_until_it_has_ended(bronze: Path, notebook: Screen) -> None:
    handle = submit(
        container_name=str(bronze / "bronze"),
        blob_list=["*.tif"],
        collection_id="namangan",
        jobs=f"sqlite:///{bronze}/jobs.db",
        executor="serial",
        **QUICK,
    )
    handle._ipython_display_()
    assert len(notebook.outputs) == 1
    handle.result(60)
    deadline = time.monotonic() + 20
    while "completed with errors" not in notebook.outputs[0]["text/html"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert set(_widths(notebook.outputs[0]["text/html"])) == {100.0}
    assert "handle.cancel()" not in handle._repr_html_()
    assert "1 failed" in handle.status()._repr_html_()


def test_outside_of_notebooks_nothing_is_shown_and_nothing_of_theirs_imported(bronze: Path) -> None:
    code = """
import json, sys
import rio_tiler.io  # which imports xarray where it is
known = set(sys.modules)
from rastercollection import process_collection
process_collection(container_name="bronze", blob_list=["namangan_a1.tif"], collection_id="a", jobs="memory",
                   executor="serial", create_mosaicjson=False, create_stac_collection=False)
names = ("IPython", "ipywidgets", "rich", "pandas", "geopandas", "xarray", "odc")
print(json.dumps([name for name in names if name in sys.modules and name not in known]))
"""
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, cwd=bronze, capture_output=True, text=True, check=True)
    assert (json.loads(done.stdout), done.stderr) == ([], "")


def test_lines_tell_of_it_elsewhere_if_that_is_wished(bronze: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_scene(bronze, progress=True, **QUICK)
    out, lines = capsys.readouterr()
    assert out == ""
    *told, last = lines.splitlines()
    assert sum("1/" in line for line in told) == 2  # its beginning and its end
    assert any("5 of 5 tasks" in line for line in told)
    assert last.startswith("namangan: completed_with_errors in ")


def test_of_a_submitted_job_too(bronze: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = {"container_name": str(bronze / "bronze"), "blob_list": ["*a1.tif"], "collection_id": "one", **QUICK}
    store = f"sqlite:///{bronze}/jobs.db"
    submit(**where, jobs=store, executor="serial", progress=True).result(60)
    assert capsys.readouterr().err.splitlines()[-1].startswith("one: completed in ")
    with pytest.raises(RequestError, match="a worker shows none"):
        submit(**where, jobs=store, run="worker", progress=True)


def _ended(number: int, at: float, error: ErrorRecord | None = None, *, reused: bool = False) -> TaskEnded:
    task = Task(id=f"t{number}", stage=1, task_type="convert", handler="m:f", parameters={}, tile="a.tif")
    status = TaskStatus.FAILED if error else TaskStatus.COMPLETED
    return TaskEnded(
        job_id="j", at=at, stage=1, result=TaskResult(task=task, status=status, error=error), reused=reused
    )


def test_time_left_follows_from_what_was_done_and_not_from_what_was_taken_over() -> None:
    events: list[Any] = [
        JobStarted(job_id="j", at=0, job_type="t", total_stages=1),
        StageStarted(job_id="j", at=100, stage=1, name="convert", expected=10),
        *(_ended(number, 100, reused=True) for number in range(4)),
        _ended(4, 110),
        _ended(5, 120, ErrorRecord(code="BROKEN", message="it <is>")),
    ]
    board = ProgressBoard(title="x")
    for event in events:
        board = board.after(event)
    (bar,) = board.at(120)
    assert (bar.ended, bar.expected, bar.left, bar.share) == (6, 10, 40.0, 0.6)  # 2 in 20 s, and 4 are left
    shown = board.html(120)
    assert "40.0 s left<" in shown
    assert "6 of 10" in shown
    assert "a.tif: BROKEN: it &lt;is&gt;" in shown
    board = board.after(StageEnded(job_id="j", at=130, stage=1, name="convert", counts={"completed": 10}, seconds=30))
    board = board.after(JobEnded(job_id="j", at=130, status=JobStatus.COMPLETED, seconds=130))
    assert "2 min 10 s in all" in board.html(999)
    assert " left<" not in board.html(999)
