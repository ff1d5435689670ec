"""Standard streams that are closed, full or read by nobody change nothing about how a job ends."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pytest

from cog_scenes import write_raster
from rastercollection import process_collection
from rastercollection.cli.progress import BarProgress, LineProgress, show_progress
from rastercollection.cli.streams import StandardStream
from rastercollection.core.events import JobStarted

pytestmark = pytest.mark.skipif(os.name != "posix", reason="redirects as a POSIX shell does")


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    write_raster(tmp_path / "in.tif", np.arange(4096, dtype="uint8").reshape(1, 64, 64))
    return tmp_path


def shell(scene: Path, command: str, redirects: str) -> tuple[int, str]:
    """Exit status of a command of the library in a shell, and what it says on standard error."""
    script = f'"$0" -m rastercollection {command} 2>err {redirects}'
    done = subprocess.run(
        ["sh", "-c", script, sys.executable], cwd=scene, timeout=120, check=False, stdin=subprocess.DEVNULL
    )
    return done.returncode, (scene / "err").read_text()


RUN = "run . --blob 'in.tif' --id c --jobs memory --executor serial --output-container out"


@pytest.mark.parametrize(
    ("redirects", "said"),
    [
        (">/dev/full", "No space left"),
        (">&- 2>&- <&-", ""),
    ],
)
def test_a_job_that_is_done_is_done_whoever_hears_of_it(scene: Path, redirects: str, said: str) -> None:
    status, errors = shell(scene, RUN, redirects)
    assert (status, said in errors) == (0, True)
    assert list((scene / "out").rglob("*.tif"))
    assert "Traceback" not in errors
    assert "Exception ignored" not in errors


@pytest.mark.parametrize("command", ["--version", "run --help"])
@pytest.mark.parametrize("redirects", [">/dev/full", ">&-"])
def test_a_command_that_only_tells_something_fails_where_it_cannot(scene: Path, command: str, redirects: str) -> None:
    status, errors = shell(scene, command, redirects)
    assert (status, "what was to be printed could not be" in errors) == (1, True)


class Gone(io.StringIO):
    """Its reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")

    def flush(self) -> None:
        raise BrokenPipeError(32, "Broken pipe")


def test_what_cannot_be_written_is_lost_and_why_is_kept() -> None:
    for stream, lost in ((Gone(), "[Errno 32] Broken pipe"), (None, "it is closed")):
        told = StandardStream(stream)
        assert told.write("text") == 4
        told.writelines(["more"])
        told.flush()
        assert (told.lost, told.isatty()) == (lost, False)
    closed = io.StringIO()
    closed.close()
    told = StandardStream(closed)
    assert told.isatty() is False
    told.write("text")
    assert told.lost


@pytest.mark.parametrize("stream", [None, Gone()])
def test_progress_that_nobody_sees(scene: Path, monkeypatch: pytest.MonkeyPatch, stream: TextIO | None) -> None:
    """In a service without standard streams, or after the reader has gone."""
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    arguments: dict[str, Any] = {"container_name": scene, "blob_list": ["in.tif"], "collection_id": "c"}
    with show_progress() as progress:
        assert isinstance(progress, LineProgress)
        result = process_collection(
            **arguments, jobs="memory", executor="thread", output_container=scene / "out", observers=[progress]
        )
    assert result.status == "completed"


def test_bars_on_a_terminal_that_is_gone() -> None:
    from rich.console import Console

    started = JobStarted(job_id="j", at=0.0, job_type="t", total_stages=1, reused=0)
    with BarProgress(Console(file=Gone(), force_terminal=True)) as bars:
        bars(started)
