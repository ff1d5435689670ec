"""Tile servers in processes of their own, on loopback."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from services.loopback import free_port

SECONDS_TO_START = 90


@contextlib.contextmanager
def running(python: str, dsn: str) -> Iterator[tuple[str, int]]:
    """titiler-pgstac, as that interpreter has it, over a database: its root address and its major version."""
    ask = "from importlib.metadata import version; print(version('titiler.pgstac'))"
    version = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout
    port = free_port()
    command = [python, "-m", "uvicorn", "titiler.pgstac.main:app", "--host", "127.0.0.1", "--port", str(port)]
    environment = {
        **os.environ,
        "DATABASE_URL": dsn,
        "TITILER_PGSTAC_CACHE_DISABLE": "TRUE",
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    }
    quiet = ["--log-level", "warning"]
    with subprocess.Popen([*command, *quiet], env=environment) as server:
        try:
            wait_until_up(f"http://127.0.0.1:{port}/healthz", server)
            yield f"http://127.0.0.1:{port}", int(version.split(".")[0])
        finally:
            server.kill()  # it would wait for its pool of connections for five seconds


def wait_until_up(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.1)
    raise RuntimeError(f"the tile server did not start: exit status {server.poll()}")


@contextlib.contextmanager
def serving(app: str, environment: Mapping[str, str] | None = None, page: str = "/openapi.json") -> Iterator[str]:
    """Root address of an application, ``module:name`` or its factory, in a process of its own with this interpreter."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", app, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--factory"] if app.endswith("create_app") else []
    folders = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    settings = {"PYTHONWARNINGS": "ignore", "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "PYTHONPATH": folders}
    process = {**os.environ, **settings, **(environment or {})}
    with subprocess.Popen([*command, "--log-level", "critical"], env=process) as server:
        try:
            wait_until_up(f"http://127.0.0.1:{port}{page}", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()
