"""A folder in which jobs are run and hurt, always the same one, so that what they make can be compared byte by byte."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from chaos_points import VARIABLE, Fault
from chaos_program import LEASE_SECONDS
from job_scenes import write_tile
from rastercollection.core.models import TaskResult
from rastercollection.job.runtime import open_job_store

PLACES = ((0, 0), (240, 0), (0, 240))
MADE_AT = 1_700_000_000
PROGRAM = Path(__file__).with_name("chaos_program.py")
SECONDS = 150.0
NOT_OURS = ("pymp-", "dask-scratch-space", "snmpd")
"""Beginnings of names of temporary folders that Python and Dask make, and leave when they are killed."""

Tree = dict[str, str]
"""Digest of each file by its path."""


class Nursery:
    """A process that forks the programs that are to be hurt."""

    def __init__(self) -> None:
        path = os.pathsep.join([str(PROGRAM.parent), *filter(None, sys.path)])
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        self._told()

    def start(self, spec: dict[str, Any]) -> int:
        """The number of a new process, which leads a group."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(spec) + "\n")
        self._process.stdin.flush()
        return int(self._told())

    def _told(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the nursery has ended"
        return line

    def close(self) -> None:
        self._process.communicate()


@attrs.frozen
class Program:
    """A process that runs a job, and its workers."""

    group: int
    report: Path
    output: Path

    def lines(self) -> list[dict[str, Any]]:
        """What it has written down so far; not what its death cut off."""
        if not self.report.exists():
            return []
        return [json.loads(line) for line in self.report.read_bytes().split(b"\n")[:-1]]

    def outcomes(self) -> list[dict[str, Any]]:
        return [line["outcome"] for line in self.lines() if "outcome" in line]

    @property
    def outcome(self) -> dict[str, Any]:
        """How its one job ended."""
        found = self.outcomes()
        assert len(found) == 1, f"it said {found}: {self.output.read_text()[-2000:]}"
        return found[0]

    @property
    def trace(self) -> list[str]:
        """Places that it came by."""
        return _words(self.report.with_name("trace"))

    @property
    def was_hurt(self) -> bool:
        """Whether it came where it was to be hurt."""
        return bool(_words(self.report.with_name("happened")))

    def wait_until_stopped(self) -> bool:
        """Wait until it has stopped itself, or has ended; whether it has stopped."""
        wait_until(lambda: (self.was_hurt and set(self.states()) <= {"T"}) or not self.states())
        return bool(self.states())

    def ended_tasks(self) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line.get("event") == "TaskEnded"]

    def signal(self, number: signal.Signals, *, to_group: bool = True) -> None:
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if to_group else os.kill)(self.group, number)

    def states(self) -> str:
        """States of the processes of the group, as the system calls them; those that are gone do not count."""
        found = [state for state, group in map(_state_and_group, Path("/proc").glob("[0-9]*")) if group == self.group]
        return "".join(state for state in found if state not in "ZX")

    def wait(self, seconds: float = SECONDS) -> None:
        """Wait until all of its processes have ended."""
        wait_until(lambda: not self.states(), seconds, lambda: f"{self.states()} {self.output.read_text()[-2000:]}")

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.wait()


def _words(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def _state_and_group(process: Path) -> tuple[str, int]:
    try:
        fields = (process / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return "X", 0
    return fields[0], int(fields[2])


def wait_until(condition: Any, seconds: float = SECONDS, describe: Any = lambda: "") -> None:
    """Wait for something that the other processes do."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not happen in {seconds:.0f} s: {describe()}"
        time.sleep(0.01)


class Scene:
    """Sources, and the folders that jobs may write to.

    Args:
        root: The folder; what is in it is removed.
        control: A folder for what the tests themselves write.
        nursery: Where programs come from.
    """

    def __init__(self, root: Path, control: Path, nursery: Nursery) -> None:
        self.root, self.control, self._nursery, self._number = root, control, nursery, 0
        self._programs: list[Program] = []
        self.reset()

    def reset(self) -> None:
        """Make everything as it was before the first run."""
        shutil.rmtree(self.root, ignore_errors=True)
        for name in ("bronze", "out", "scratch", "state", "tmp"):
            (self.root / name).mkdir(parents=True)
        self.write_sources()

    def write_sources(self, version: int = 1, count: int = len(PLACES)) -> None:
        """Make the tiles, with other pixels in every version; the same version gives the same files."""
        for number, (column, row) in enumerate(PLACES[:count]):
            path = self.root / "bronze" / f"t{number}.tif"
            path.unlink(missing_ok=True)
            write_tile(path, column + 4000 * (version - 1), row, transform=_place(column, row))
            os.utime(path, (MADE_AT + version, MADE_AT + version))

    def job(self, executor: str, store: str, **changes: Any) -> dict[str, Any]:
        """Arguments of the job."""
        jobs = f"sqlite:///{self.root}/state/jobs.db" if store == "sqlite" else store
        return {
            "container_name": str(self.root / "bronze"),
            "blob_list": ["*.tif"],
            "collection_id": "chaos",
            "output_container": str(self.root / "out"),
            "scratch": str(self.root / "scratch"),
            "executor": executor,
            "max_workers": 1 if executor == "serial" else 2,
            "jobs": jobs,
            **changes,
        }

    def start(
        self, job: dict[str, Any], *, threads: int = 1, lease_seconds: float | None = None, **fault: Any
    ) -> Program:
        """A program that runs the job.

        Args:
            job: Its arguments.
            threads: How many at the same time.
            lease_seconds: Term of leases, where it is not to be the usual.
            fault: Fields of the fault that hurts it; ``trace=True`` for one that just tells where it comes by.
        """
        self._number += 1
        folder = self.control / f"{self._number}"
        folder.mkdir(parents=True)
        environment = {"TMPDIR": str(self.root / "tmp"), "RASTERCOLLECTION_STATE": str(self.root / "state")}
        if fault:
            fault.pop("trace", None)
            environment[VARIABLE] = Fault(folder=str(folder), **fault).text
        if lease_seconds is not None:
            environment[LEASE_SECONDS] = f"{lease_seconds}"
        spec = {
            "job": job,
            "threads": threads,
            "environment": environment,
            "report": str(folder / "report"),
            "output": str(folder / "output"),
        }
        (folder / "output").touch()
        program = Program(self._nursery.start(spec), folder / "report", folder / "output")
        self._programs.append(program)
        return program

    def run(self, job: dict[str, Any], **more: Any) -> Program:
        """A program that has run the job to its end."""
        program = self.start(job, **more)
        program.wait()
        return program

    def tree(self) -> Tree:
        """What there is in the folder for outputs."""
        return digests(self.root / "out")

    def leftovers(self) -> list[str]:
        """Files and folders, outside of the folder for outputs, that no undisturbed run leaves."""
        kept = {"state/jobs.db", "state/jobs.db-wal", "state/jobs.db-shm", "state/jobs.db-journal"}
        found = [path for name in ("scratch", "state", "tmp") for path in sorted((self.root / name).rglob("*"))]
        names = [str(path.relative_to(self.root)) for path in found]
        return [name for name in names if name not in kept and not name.split("/")[1].startswith(NOT_OURS)]

    def recorded(self, store: str) -> list[TaskResult]:
        """What the job store holds of the jobs."""
        address = self.job("serial", store)["jobs"]
        if store == "memory" or (store == "sqlite" and not (self.root / "state" / "jobs.db").exists()):
            return []
        with open_job_store(address) as jobs:
            return [result for job in jobs.list_jobs() for result in jobs.results(job.id)]

    def close(self) -> None:
        """End what is left of the programs, and remove everything."""
        for program in self._programs:
            program.kill()
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.rmtree(self.control, ignore_errors=True)


def _place(column: int, row: int) -> Any:
    from rasterio.transform import from_origin

    from job_scenes import NORTH, PIXEL, WEST

    return from_origin(WEST + column * PIXEL, NORTH - row * PIXEL, PIXEL, PIXEL)


def digests(folder: Path) -> Tree:
    """Of all files in a folder, at any depth."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in files}


def identities(folder: Path) -> dict[str, tuple[int, int, int]]:
    """By which a file is known that was written anew: inode, size and time of its last change."""
    stats = {str(path.relative_to(folder)): path.stat() for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: (info.st_ino, info.st_size, info.st_mtime_ns) for name, info in stats.items()}


@contextlib.contextmanager
def a_nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    try:
        yield nursery
    finally:
        nursery.close()
