"""A worker of the service, which ends with the process that started it."""

from __future__ import annotations

import os
import sys
import threading
import time

from app import jobs

from rastercollection import run_worker
from rastercollection.cli.worker_log import WorkerLog
from rastercollection.job.signals import signals_asking


def main() -> None:
    """Take jobs until a signal comes, or the parent is gone."""
    stop, parent = threading.Event(), os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        stop.set()

    threading.Thread(target=watch, daemon=True).start()
    executor = sys.argv[sys.argv.index("--executor") + 1] if "--executor" in sys.argv else "process"
    with signals_asking(stop):
        run_worker(jobs=jobs(), executor=executor, stop=stop, observers=[WorkerLog(sys.stderr)])


if __name__ == "__main__":
    main()
