"""What a task costs on a Dask cluster, by the engine and by ``Client.submit`` alone, in turns: the ratio counts.

``python benchmarks/dask_overhead.py [TASKS]``: a cluster of two processes on this machine, tasks that do nothing.
"""

from __future__ import annotations

import logging
import os
import statistics
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import engine_overhead  # noqa: E402

from rastercollection import FanOut, Stage, Workflow  # noqa: E402
from rastercollection.backends.jobs.memory import MemoryJobStore  # noqa: E402
from rastercollection.core.engine.engine import Engine  # noqa: E402
from rastercollection.core.models import JobRecord  # noqa: E402
from rastercollection.executors.dask import DaskExecutor  # noqa: E402

GOAL = 2.0
ROUNDS = 5


def same(index: int) -> dict[str, int]:
    """What a task of the engine's returns, too."""
    return {"index": index}


def by_engine(client: object, tasks: int, number: int) -> float:
    """Seconds a task of a job of one stage, its journal in memory."""
    stage = Stage(
        name="nothing", task_type="nothing", handler="engine_overhead:nothing", fan=FanOut(engine_overhead.plan)
    )
    workflow = Workflow(name="overhead", stages=(stage,), finalizer=lambda context: {})
    job = JobRecord(id=f"{number:064x}", job_type="overhead", parameters={"tasks": tasks})
    with DaskExecutor(client) as executor:  # type: ignore[arg-type]
        began = time.perf_counter()
        outcome = Engine(executor=executor, jobs=MemoryJobStore()).run(workflow, job)
    assert len(outcome.results["nothing"]) == tasks
    return (time.perf_counter() - began) / tasks


def by_dask(client: object, tasks: int) -> float:
    """Seconds a task of as many calls of ``Client.submit`` and one of ``gather``."""
    began = time.perf_counter()
    futures = [client.submit(same, index, pure=False) for index in range(tasks)]  # type: ignore[attr-defined]
    assert len(client.gather(futures)) == tasks  # type: ignore[attr-defined]
    return (time.perf_counter() - began) / tasks


def main(tasks: int) -> None:
    """Measure in turns, and print the medians and their ratio."""
    import distributed

    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(HERE), os.environ.get("PYTHONPATH"))))
    quiet = {"dashboard_address": None, "silence_logs": logging.CRITICAL}
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, **quiet) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        by_engine(client, 50, 999), by_dask(client, 50)
        rounds = [(by_engine(client, tasks, number), by_dask(client, tasks)) for number in range(ROUNDS)]
    ratio = statistics.median(engine / direct for engine, direct in rounds)
    engine, direct = (1000 * statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"{tasks} tasks, {ROUNDS} rounds: engine {engine:.1f} ms, Client.submit {direct:.1f} ms a task")
    print(f"ratio {ratio:.2f} (≤ {GOAL}{'' if ratio <= GOAL else ', not met'})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdecimal() else 1000)
