"""A job of very many tiles on very many cores, in virtual time: what the engine, the mosaic and the catalog add to it.

Tasks of stages 1 and 2 do nothing and return made-up results; how long they take is made up, too, by a fixed seed:
a log-normal distribution, by default a second for a validation and ten for a COG. The engine, its journal on disk, the
mosaic and the static catalog are the real ones, and their CPU time is measured. ``--cores`` workers are simulated: a
task begins when one of them is free, and ends when its time is over by the clock of the simulation, which waits for
nobody.

``python benchmarks/simulated_run.py --tiles 100000 --cores 64``; 100,000 tiles take some minutes and GB.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
import resource
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self

sys.path.insert(0, str(Path(__file__).parent))

import fan_in

from rastercollection.core.executor import ExecutorCapabilities

IDLE = 0.02
"""Share of the workers that may wait for the engine in real time: a simulation that waits for each takes hours."""

STAGES = ("validate_tiles", "create_cogs", "create_mosaicjson", "create_stac_collection")


class VirtualExecutor:
    """So many workers, whose time passes only when the engine has given them all that it has to give.

    Args:
        cores: How many.
        seconds: How long a task of a type takes, in virtual seconds; what is not among them takes its real time.
    """

    def __init__(self, cores: int, seconds: Mapping[str, float]) -> None:
        self.capabilities = ExecutorCapabilities(max_workers=cores, shares_memory=True, shares_filesystem=True)
        self._seconds, self._random = seconds, random.Random(42)
        self._waiting: deque[tuple[Future[Any], Callable[[], Any], float]] = deque()
        self._running: list[tuple[float, int, Future[Any], Callable[[], Any]]] = []
        self._changed = threading.Condition()
        self._number, self._closed = 0, False
        self.now, self.busy = 0.0, 0.0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """A future that ends when the simulation has come so far."""
        task, future = args[1], Future[Any]()
        usual = self._seconds.get(task.task_type, 0.0)
        seconds = usual * self._random.lognormvariate(-0.18, 0.6) if usual else 0.0
        with self._changed:
            self._waiting.append((future, lambda: fn(*args, **kwargs), seconds))
            self._changed.notify()
        return future

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._begin()
                # the engine may have more to give: wait until it has given work to nearly all, or stops giving
                idle = self.capabilities.max_workers - len(self._running)
                if idle > self.capabilities.max_workers * IDLE and self._changed.wait(0.02):
                    continue
                if self._closed:
                    return
                self._begin()
                if not self._running:
                    continue
                ends, _, future, call = heapq.heappop(self._running)
            self.now = max(self.now, ends)
            future.set_result(call())

    def _begin(self) -> None:
        while self._waiting and len(self._running) < self.capabilities.max_workers:
            future, call, seconds = self._waiting.popleft()
            if future.set_running_or_notify_cancel():
                self._number, self.busy = self._number + 1, self.busy + seconds
                heapq.heappush(self._running, (self.now + seconds, self._number, future, call))

    def shutdown(self, *, wait: bool = True, cancel_futures: bool = False) -> None:
        """End the simulation."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.shutdown()


def plan(context: Any, previous: object) -> Iterator[Any]:
    """A task a tile."""
    for index in range(context.parameters["count"]):
        parameters = {"index": index, "folder": context.parameters["output_container"]}
        yield context.task(index, parameters, tile=f"tile-{index:06d}.tif")


def validated(parameters: Mapping[str, Any], context: Any) -> Mapping[str, Any]:
    """About as much as a validation tells."""
    return {"index": parameters["index"], "padding": "x" * 3000}


def simulate(tiles: int, cores: int, folder: str, seconds: Mapping[str, float]) -> dict[str, Any]:
    """Run the job in this process, and tell virtual and CPU seconds of its stages."""
    from rastercollection.backends.catalogs.static.static_catalog import StaticCatalog
    from rastercollection.backends.jobs.sqlite import SqliteJobStore
    from rastercollection.backends.storage.fsspec import FsspecStorage
    from rastercollection.core.engine.engine import Engine
    from rastercollection.core.models import JobRecord
    from rastercollection.core.workflow import FanIn, FanOut, Stage, Workflow
    from rastercollection.ports.registries import HANDLERS

    handlers = {"validate_tiles": "simulated_run:validated", "create_cogs": "fan_in:made_up"}
    every = [
        Stage(name=name, task_type=name, handler=handlers.get(name) or HANDLERS.target(name), fan=fan)
        for name, fan in zip(STAGES, (FanOut(plan), FanOut(plan), FanIn(), FanIn()), strict=True)
    ]
    parameters = {**fan_in._job(folder), "count": tiles}
    job = JobRecord(id="0" * 64, job_type="simulated", parameters=parameters)
    store = SqliteJobStore(Path(folder) / "jobs.db")
    resources = {"storage": FsspecStorage(), "catalog": StaticCatalog(f"{folder}/stac", mirror=False)}
    told: dict[str, Any] = {}
    with VirtualExecutor(cores, seconds) as executor:

        def watch(event: Any) -> None:
            if type(event).__name__ == "StageEnded":
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
                told[event.name] = {"clock": time.process_time(), "virtual": executor.now, "gigabytes": peak}

        began = time.process_time()
        engine = Engine(executor=executor, jobs=store, resources=resources, observers=(watch,))
        outcome = engine.run(Workflow(name="simulated", stages=tuple(every), finalizer=lambda context: {}), job)
    assert outcome.job.status == "completed", outcome.job.error
    (entry,) = outcome.results["create_stac_collection"]
    assert entry.value is not None
    assert entry.value["items_stored"] == tiles
    store.close()
    return {
        "tiles": tiles,
        "cores": cores,
        "busy": executor.busy,
        "journal": Path(folder, "jobs.db").stat().st_size,
        "stages": _differences(told, began),
    }


def _differences(told: Mapping[str, Any], began: float) -> list[dict[str, Any]]:
    found, clock, virtual = [], began, 0.0
    for name in STAGES:
        at = told[name]
        real, simulated = at["clock"] - clock, at["virtual"] - virtual
        found.append({"stage": name, "real": real, "virtual": simulated, "gigabytes": at["gigabytes"]})
        clock, virtual = at["clock"], at["virtual"]
    return found


def main() -> None:
    """Simulate what was asked for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", default="10000", help="numbers of tiles, separated by commas")
    parser.add_argument("--cores", type=int, default=64)
    parser.add_argument("--validation-seconds", type=float, default=1.0)
    parser.add_argument("--cog-seconds", type=float, default=10.0)
    given, _ = parser.parse_known_args()  # other benchmarks have options of their own
    seconds = {"validate_tiles": given.validation_seconds, "create_cogs": given.cog_seconds}
    for tiles in map(int, given.tiles.split(",")):
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            found = simulate(tiles, given.cores, folder, seconds)
        ideal, journal = found["busy"] / given.cores, found["journal"] / 1e6
        print(f"{tiles:,} tiles on {given.cores} cores: {ideal:,.0f} s at best, journal {journal:.0f} MB")
        for stage in found["stages"]:
            print(
                f"  {stage['stage']:24}{stage['virtual']:10,.0f} s simulated{stage['real']:10,.1f} CPU s here"
                f"{1e6 * stage['real'] / tiles:9,.0f} µs a tile{stage['gigabytes']:7.2f} GB at most so far"
            )
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
