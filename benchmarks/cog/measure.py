"""Running a program as a process of its own, and what it took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

__all__ = ["Run", "run", "run_command"]

_TOOLS = Path(__file__).with_name("tools.py")


@dataclass(frozen=True)
class Run:
    """What a process and its children took.

    Attributes:
        cpu, wall: Seconds; CPU is user and system.
        memory: Largest resident set of any one of the processes, in bytes. Linux lets a new program begin with the
            peak of the process that started it: that one has to stay small.
        size: Of the file it wrote; 0 without one.
        said: What it printed.
    """

    cpu: float
    wall: float
    memory: int
    size: int
    said: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def run(tool: str, arguments: dict[str, Any], *, pinned: bool = True, cache: int | None = None) -> Run:
    """Run one of the Python tools; see :func:`run_command`."""
    command = [sys.executable, str(_TOOLS), tool, json.dumps(arguments)]
    return run_command(command, arguments["target"], pinned=pinned, cache=cache)


def run_command(command: list[str], to: str, *, pinned: bool = True, cache: int | None = None) -> Run:
    """Run a program that writes the file ``to``; with ``pinned``, on one core.

    ``cache`` is the size of GDAL's block cache in MB, if it is not to be what GDAL makes of this machine.
    """
    target = Path(to)
    target.unlink(missing_ok=True)
    pin = partial(os.sched_setaffinity, 0, {max(os.sched_getaffinity(0))}) if pinned else None
    # the modules of an installed package are compiled once
    without = ("GDAL_CACHEMAX", "PYTHONDONTWRITEBYTECODE")
    settings = {name: value for name, value in os.environ.items() if name not in without}
    if cache is not None:
        settings["GDAL_CACHEMAX"] = str(cache)
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=pin, env=settings) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Run(
        cpu=usage.ru_utime + usage.ru_stime,
        wall=wall,
        memory=usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        size=target.stat().st_size if target.exists() else 0,
        said=said,
    )
