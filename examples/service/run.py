"""The service by one command: the web server and a worker, both ended by Ctrl-C or SIGTERM; either starts again."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).parent
PAUSE = 0.2
PATIENCE = 40.0


def commands(host: str, port: int, workers: int, executor: str) -> dict[str, list[str]]:
    """What runs, by name."""
    server = [sys.executable, "-m", "uvicorn", "app:app", "--app-dir", str(HERE), "--host", host, "--port", str(port)]
    worker = [sys.executable, str(HERE / "worker.py"), "--executor", executor]
    return {"server": server, **{f"worker {number}": worker for number in range(1, workers + 1)}}


def main() -> None:
    """Keep server and workers running until a signal comes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--executor", default="process", help="where a worker's tasks run")
    given = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    wanted = commands(given.host, given.port, given.workers, given.executor)
    running = {name: start(name, command) for name, command in wanted.items()}
    while not stop.wait(PAUSE):
        for name, process in running.items():
            if process.poll() is not None:
                print(f"{name} ended with {process.returncode}: it is started again", file=sys.stderr, flush=True)
                time.sleep(PAUSE)
                running[name] = start(name, wanted[name])
    end(running)


def start(name: str, command: list[str]) -> subprocess.Popen[bytes]:
    """A process in a group of its own: Ctrl-C comes to this one alone, which passes it on."""
    process = subprocess.Popen(command, start_new_session=True)
    print(f"{name}: process {process.pid}", file=sys.stderr, flush=True)
    return process


def end(running: dict[str, subprocess.Popen[bytes]]) -> None:
    """Tell all to end; workers hand their jobs back."""
    for process in running.values():
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + PATIENCE
    for process in running.values():
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
