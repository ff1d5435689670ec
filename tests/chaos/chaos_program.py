"""The program that is hurt: it runs one job, writes down every event and how it ended.

It waits for jobs on its standard input, one a line, and does each in a new process, which has loaded already what takes
seconds to load. Every job's process leads a group of its own.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib
import json
import os
import pkgutil
import signal
import sys
import threading
from typing import Any

import chaos_points

LEASE_SECONDS = "RASTERCOLLECTION_CHAOS_LEASE_SECONDS"
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER


def run(spec: dict[str, Any]) -> None:
    """Run the job as many times at once as is asked for, each in a thread."""
    os.environ.update(spec["environment"])
    chaos_points.install()
    _shorten()
    threads = [threading.Thread(target=_run_one, args=(spec, f"{number}")) for number in range(spec["threads"] - 1)]
    for thread in threads:
        thread.start()
    _run_one(spec, "main")
    for thread in threads:
        thread.join()


def _run_one(spec: dict[str, Any], name: str) -> None:
    from rastercollection import RasterCollectionError, process_collection

    outcome: dict[str, Any] = {"runner": name}
    try:
        result = process_collection(**spec["job"], observers=[functools.partial(_note, spec["report"])])
    except RasterCollectionError as error:
        outcome |= {"status": "error", "code": error.code, "message": str(error)}
        outcome |= _told(getattr(error, "result", None))
    else:
        outcome |= {"status": str(result.status), "reused": result.reused, **_told(result)}
    _write(spec["report"], {"outcome": outcome})


def _told(result: Any) -> dict[str, Any]:
    if result is None:
        return {}
    tiles = [(tile.blob, tile.outcome, tile.code) for tile in result.tiles]
    return {"job_error": None if result.error is None else result.error.code, "tiles": tiles}


def _note(report: str, event: Any) -> None:
    line = {"event": type(event).__name__, "at": event.at}
    if line["event"] == "TaskEnded":
        error = event.result.error
        line |= {"task": event.result.task.id, "status": str(event.result.status), "reused": event.reused}
        line |= {"type": event.result.task.task_type, "code": None if error is None else error.code}
    elif line["event"] == "TaskStarted":
        line |= {"task": event.task_id, "type": event.task_type}
    _write(report, line)


def _write(report: str, line: dict[str, Any]) -> None:
    with open(report, "ab", buffering=0) as file:
        file.write(json.dumps(line).encode() + b"\n")


def _shorten() -> None:
    """Have leases, and locks on collections, end as soon as the environment says, sooner than a test can wait."""
    if LEASE_SECONDS not in os.environ:
        return
    from rastercollection.backends.catalogs.static import locks
    from rastercollection.job import run as job_run

    seconds = float(os.environ[LEASE_SECONDS])
    job_run.Engine = functools.partial(job_run.Engine, lease_seconds=seconds)  # type: ignore[misc]
    locks.RENEWED_EVERY, locks.ABANDONED_AFTER = seconds / 5, seconds


def nursery() -> None:
    """Fork a process for every line of standard input, and tell its number once it leads a group."""
    _load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # what ends here is cleared away by the system
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)  # orphaned workers, too
    print("ready", flush=True)
    for line in iter(sys.stdin.readline, ""):
        ours, theirs = os.pipe()
        child = os.fork()
        if not child:
            _grow_up(theirs)
            _as_program(json.loads(line))
        os.close(theirs)
        os.read(ours, 1)
        os.close(ours)
        print(child, flush=True)


def _grow_up(told: int) -> None:
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.write(told, b"x")
    os.close(told)


def _as_program(spec: dict[str, Any]) -> None:
    output = os.open(spec["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    status = 1
    try:
        run(spec)
        status = 0
    finally:
        if status:
            sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        _leave(status)


def _leave(status: int) -> None:
    """End as a program does that comes to its last line, in a process that was forked inside a loop."""
    threading._shutdown()  # type: ignore[attr-defined]
    import atexit

    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _load() -> None:
    import rastercollection

    heavy = ("dask", "viewer", "cli", "testing", "pgstac", "postgresql", "__main__")
    for module in pkgutil.walk_packages(rastercollection.__path__, "rastercollection."):
        if not set(module.name.split(".")) & set(heavy):
            with contextlib.suppress(ImportError):
                importlib.import_module(module.name)
    for name in ("rio_tiler.io", "cogeo_mosaic.backends", "rio_cogeo", "rustac"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    assert threading.active_count() == 1, "threads do not survive a fork"


if __name__ == "__mp_main__":  # a worker, or the server that forks them
    _load()
    _shorten()
    chaos_points.install()

if __name__ == "__main__":
    nursery()
