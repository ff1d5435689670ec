"""Processes that are forked from one that has run a job, as by gunicorn's --preload: an error at once, or it works."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from rastercollection.cli.demo import make_scene

TIMEOUT = 240.0

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")

PROGRAM = """
import os, sys, threading, time
from pathlib import Path
from rastercollection import RasterCollectionError, process_collection
from rastercollection.backends.jobs.memory import MemoryJobStore
from rastercollection.backends.jobs.sqlite import SqliteJobStore

folder = Path(sys.argv[1])
SECONDS = 120.0

def run(name, executor, **options):
    options.setdefault("jobs", f"sqlite:///{folder}/jobs.db")
    result = process_collection(
        container_name=str(folder / "scene"), blob_list=["*a1.tif"], collection_id=name, executor=executor,
        max_workers=2, output_container=str(folder / name), create_stac_collection=False, **options,
    )
    return sum(tile.ok for tile in result.tiles)

def in_a_fork(work, *arguments, **options):
    "Do it in a child that leaves as programs do; a child that hangs is killed."
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        began = time.monotonic()
        try:
            print(work(*arguments, **options), flush=True)
        except RasterCollectionError as error:
            code = "FORKED_PROCESS" if "FORKED_PROCESS" in str(error) else str(error)
            print(code, "late" if time.monotonic() - began > 10 else "at once", flush=True)
        sys.exit(0)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            if status:
                print("the child ended with", status)
            return
        time.sleep(0.02)
    os.kill(child, 9)
    os.waitpid(child, 0)
    print("the child hung")

if __name__ == "__main__":
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_scene(tmp_path / "scene", size=96)
    return tmp_path


def output(folder: Path, code: str) -> list[str]:
    """What a program printed that had nothing to complain of."""
    script = folder / "script.py"
    script.write_text(PROGRAM + textwrap.indent(textwrap.dedent(code), "    "))
    done = subprocess.run(
        [sys.executable, "-W", "ignore:This process:DeprecationWarning", str(script), str(folder)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_after_a_job_in_this_process_a_fork_is_told_at_once_and_may_use_processes(folder: Path) -> None:
    code = """
    print(run("parent", "serial"))
    for executor in ("serial", "thread", "process"):
        in_a_fork(run, executor, executor)
    print(run("again", "serial"))
    """
    assert output(folder, code) == ["1", "FORKED_PROCESS at once", "FORKED_PROCESS at once", "1", "1"]


def test_after_a_job_in_processes_a_fork_works_whatever_it_inherits(folder: Path) -> None:
    code = """
    from rastercollection.executors.process import ProcessExecutor
    from rastercollection.executors.thread import ThreadExecutor

    store, memory = SqliteJobStore(folder / "own.db"), MemoryJobStore()
    with ProcessExecutor(2) as processes, ThreadExecutor(2) as threads:
        print(run("parent", processes, jobs=store), threads.submit(abs, -1).result())
        in_a_fork(run, "inherited", processes)
        in_a_fork(run, "inherited", threads)
        in_a_fork(run, "thread", "thread", jobs=store)
        in_a_fork(run, "process", "process", jobs=memory)
    """
    expected = ["1 1", "FORKED_PROCESS at once", "FORKED_PROCESS at once", "1", "1"]
    assert output(folder, code) == expected


def test_a_fork_in_the_middle_of_a_job_disturbs_nobody(folder: Path) -> None:
    code = """
    store, middle = MemoryJobStore(), threading.Event()
    watch = lambda event: middle.set() if type(event).__name__ == "TaskEnded" else None
    job = threading.Thread(
        target=lambda: print("parent", run("parent", "thread", jobs=store, observers=[watch]), flush=True)
    )
    job.start()
    middle.wait()
    for number in range(5):
        in_a_fork(run, f"serial{number}", "serial", jobs=store)
    in_a_fork(run, "process", "process")
    job.join()
    """
    lines = output(folder, code)
    assert sorted(lines) == sorted([*["FORKED_PROCESS at once"] * 5, "1", "parent 1"])


def test_a_fork_before_the_first_job_is_under_no_restriction(folder: Path) -> None:
    code = """
    import rasterio
    import rastercollection.rasters.gdal_env, rastercollection.executors.process

    in_a_fork(run, "thread", "thread")
    print(run("parent", "serial"))
    """
    assert output(folder, code) == ["1", "1"]


def test_workers_of_multiprocessing_are_told_at_once(folder: Path) -> None:
    code = """
    import multiprocessing

    def code_of(name):
        try:
            return run(name, "serial")
        except RasterCollectionError as error:
            return error.code

    print(run("parent", "serial"))
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(*pool.map(code_of, ["a", "b"]))
    """
    assert output(folder, code) == ["1", "FORKED_PROCESS FORKED_PROCESS"]
