"""A job whose process is killed, or interrupted, at any moment: nothing half-written, and the next call goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rio_cogeo import cog_validate

from job_scenes import write_tile
from rastercollection import process_collection, status

TILES = 8
PROGRAM = """
import sys
from rastercollection import process_collection
if __name__ == "__main__":
    process_collection(container_name=sys.argv[1], blob_list=["*.tif"], collection_id="crash",
                       executor=sys.argv[2], max_workers=2, jobs=sys.argv[3], scratch=sys.argv[4], in_memory=False)
"""


@pytest.fixture
def bronze(tmp_path: Path) -> Path:
    for number in range(TILES):
        write_tile(tmp_path / "bronze" / f"t{number}.tif", 250 * number, 0)
    (tmp_path / "program.py").write_text(PROGRAM)
    return tmp_path / "bronze"


@pytest.fixture
def started() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts processes in a session of their own, and kills what is left of each at the end."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def cogs(bronze: Path) -> dict[str, int]:
    folder = bronze.parent / "cogs"
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.glob("**/*_cog_*.tif")}


@pytest.mark.parametrize(("executor", "after"), [("serial", 2), ("thread", 0), ("thread", 3), ("process", 3)])
def test_sigkill_leaves_whole_files_only_and_the_job_resumes(
    bronze: Path, started: Callable[..., subprocess.Popen[bytes]], executor: str, after: int
) -> None:
    jobs, scratch = f"sqlite:///{bronze.parent / 'jobs.db'}", bronze.parent / "scratch"
    process = started(str(bronze.parent / "program.py"), str(bronze), executor, jobs, str(scratch))
    wait_until(lambda: len(cogs(bronze)) >= after and (after > 0 or (bronze.parent / "jobs.db").exists()))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for name in cogs(bronze):
        assert cog_validate(bronze.parent / "cogs" / name, strict=True) == (True, [], [])
    assert not (bronze.parent / "cogs" / "crash" / "crash.json").exists()
    time.sleep(0.2)
    result = process_collection(
        container_name=bronze,
        blob_list=["*.tif"],
        collection_id="crash",
        executor=executor,
        max_workers=2,
        jobs=jobs,
        scratch=str(scratch),
        in_memory=False,
    )
    assert result.status == "completed"
    assert len(cogs(bronze)) == TILES
    assert list((bronze.parent / "cogs").rglob(".*")) == []
    assert list(scratch.iterdir()) == []


def test_ctrl_c_on_the_command_line_drains_records_and_resumes(
    bronze: Path, started: Callable[..., subprocess.Popen[bytes]]
) -> None:
    jobs = f"sqlite:///{bronze.parent / 'jobs.db'}"
    arguments = ["-m", "rastercollection", "run", str(bronze), "--id", "stop", "--output", str(bronze.parent / "cogs")]
    arguments += ["--jobs", jobs, "--json"]
    process = started(*arguments)
    wait_until(lambda: len(cogs(bronze)) >= 1)
    os.killpg(process.pid, signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors.decode()
    job_id = json.loads(out)["job_id"]
    assert status(job_id, jobs=jobs).job.status == "cancelled"
    made = cogs(bronze)
    assert 1 <= len(made) < TILES
    again = started(*arguments)
    out, errors = again.communicate(timeout=120)
    assert again.returncode == 0, errors.decode()
    assert {name: cogs(bronze)[name] for name in made} == made
