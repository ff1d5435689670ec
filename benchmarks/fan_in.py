"""Stages 3 and 4 on made-up results of stage 2: seconds and memory, and whether both grow with the number of items.

Each measurement is a process of its own. The COGs do not exist: a stage that opened one would fail, and what is opened
through rasterio is counted besides. ``python benchmarks/fan_in.py --help`` tells what can be chosen.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from cog.measure import run_command

SECONDS, MEMORY, PGSTAC_SECONDS = 60, 1_000_000_000, 90
"""Goals for 10,000 items; that for memory is one for the static catalog."""

GROWTH = 1.3
"""From the fewest to the most items, the time of one may grow by this much: it is linear."""

MARKS = ("<!-- fan-in -->", "<!-- /fan-in -->")
HEAD = ("case", "items", "stage 3", "stage 4", "in all", "a item", "before", "peak RSS", "rasters opened")
CASES = {
    "static": "static catalog",
    "geoparquet": "static catalog with items.parquet",
    "engine": "whole job by the engine, with items.parquet",
    "pgstac": "pgSTAC",
}


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", default="1000,10000", help="numbers of items, separated by commas")
    parser.add_argument("--large", action="store_true", help="40,000 items, too: takes some minutes and 3 GB")
    parser.add_argument("--fan-in-cases", default=",".join(CASES), help=f"of {', '.join(CASES)}")
    parser.add_argument("--database", default=os.environ.get("RASTERCOLLECTION_TEST_DATABASE_URL"), help="for pgstac")
    parser.add_argument("--output", type=Path, default=Path("benchmark-results"), help="folder for fan_in.json")
    parser.add_argument("--page", type=Path, help="put the results into this page, too")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given, _ = parser.parse_known_args()  # other benchmarks have options of their own
    if given.one:
        print(json.dumps(measure(**json.loads(given.one))))
        return
    counts = [int(count) for count in given.items.split(",")] + ([40_000] if given.large else [])
    cases = [case for case in given.fan_in_cases.split(",") if _can_run(case, given.database)]
    every = [_apart(case, count, given.database) for case in cases for count in counts]
    results = [result for result in every if result is not None]
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / "fan_in.json").write_text(json.dumps(results, indent=1))
    print(*lines(results), sep="\n")
    if given.page:
        put_into(given.page, results)


def _can_run(case: str, database: str | None) -> bool:
    from importlib.util import find_spec

    if case == "pgstac" and not database:
        print("pgstac: left out, because no --database is given and RASTERCOLLECTION_TEST_DATABASE_URL is not set")
        return False
    if case == "pgstac" and not _knows_pgstac():
        print("pgstac: left out, because this version of the library has no such catalog")
        return False
    if case == "geoparquet" and find_spec("rustac") is None:
        print("geoparquet: left out; pip install 'rastercollection[geoparquet]'")
        return False
    return True


def _knows_pgstac() -> bool:
    from rastercollection.errors import RasterCollectionError
    from rastercollection.ports.registries import CATALOGS

    try:
        CATALOGS.target("postgresql")
    except RasterCollectionError:
        return False
    return True


def _apart(case: str, count: int, database: str | None) -> dict[str, Any] | None:
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        asked = {"case": case, "count": count, "folder": folder, "database": database}
        command = [sys.executable, str(Path(__file__)), "--one", json.dumps(asked)]
        done = run_command(command, f"{folder}/none", pinned=False)
    told = json.loads(done.said)
    if "refused" in told:
        print(f"{case}: left out: {told['refused']}")
        return None
    result = {"case": case, "items": count, "memory": done.memory, "cpu": done.cpu, **told}
    print(f"{case}, {count} items: {result['stage_3'] + result['stage_4']:.1f} s", file=sys.stderr, flush=True)
    return result


def measure(case: str, count: int, folder: str, database: str | None) -> dict[str, Any]:
    """Run both stages in this process.

    Returns:
        Seconds of each stage, bytes of memory that the process had taken before, rasters opened; or why the catalog
        cannot be used.
    """
    from rastercollection.errors import BackendError

    opened = _count_openings()
    run = _by_the_engine if case == "engine" else _by_themselves
    catalog = _catalog(case, folder, database)
    try:
        catalog.check()
    except BackendError as error:
        return {"refused": str(error)}
    try:
        return {**run(count, folder, catalog), "opened": len(opened)}
    finally:
        if case == "pgstac":
            _clean(database)


def _count_openings() -> list[Any]:
    import rasterio

    opened: list[Any] = []
    really = rasterio.open

    def counted(*arguments: Any, **options: Any) -> Any:
        opened.append(arguments)
        return really(*arguments, **options)

    rasterio.open = counted
    return opened


def _catalog(case: str, folder: str, database: str | None) -> Any:
    from rastercollection.ports.registries import CATALOGS

    if case == "pgstac":
        return CATALOGS.load("postgresql")(database)
    return CATALOGS.load("static")(f"{folder}/stac", mirror=None if case == "engine" else case == "geoparquet")


def _cog(index: int, folder: str) -> Any:
    from rastercollection.testing.sample_records import as_detailed, sample_cog

    row, column = divmod(index, 200)
    west, north = 60 + column * 0.02, 50 - row * 0.02
    bounds = (west, north - 0.02, west + 0.02, north)
    return as_detailed(sample_cog(f"tile-{index:06d}", bounds, container=f"{folder}/cogs"))


def _clean(database: str | None) -> None:
    import psycopg

    with psycopg.connect(database or "", options="-c search_path=pgstac,public") as connection:
        connection.execute("SELECT delete_collection(%s)", [_name()])


def _name() -> str:
    return f"bench-{os.getpid()}"


def _job(folder: str) -> dict[str, Any]:
    from rastercollection.testing.sample_records import sample_request

    return sample_request(collection_id=_name(), output_container=folder).to_parameters()


def _by_themselves(count: int, folder: str, catalog: Any) -> dict[str, Any]:
    """Both handlers, called as a worker calls them."""
    from rastercollection.backends.storage.fsspec import FsspecStorage
    from rastercollection.core.contexts import TaskContext
    from rastercollection.core.models import Task
    from rastercollection.core.records import from_dict
    from rastercollection.model.mosaic import Mosaic
    from rastercollection.stages.mosaic import create_mosaicjson
    from rastercollection.stages.stac import create_stac_collection
    from rastercollection.testing.sample_records import sample_results

    context = TaskContext(
        job_id="bench",
        task=Task(id="bench", stage=3, task_type="bench", handler="a:b"),
        resources={"storage": FsspecStorage(), "catalog": catalog},
        inputs={"create_cogs": sample_results(_cog(index, folder) for index in range(count))},
    )
    parameters, before = {"job": _job(folder)}, _peak()
    mosaic, third = _timed(create_mosaicjson, parameters, context)
    context.inputs = {**context.inputs, "create_mosaicjson": sample_results([from_dict(Mosaic, mosaic)], 3)}
    entry, fourth = _timed(create_stac_collection, parameters, context)
    assert entry["items_stored"] == count
    return {"stage_3": third, "stage_4": fourth, "before": before}


def _timed(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    began = time.perf_counter()
    return function(*arguments), time.perf_counter() - began


def _by_the_engine(count: int, folder: str, catalog: Any) -> dict[str, Any]:
    """A job whose second stage returns made-up results; its journal is on disk."""
    from rastercollection.backends.jobs.sqlite import SqliteJobStore
    from rastercollection.backends.storage.fsspec import FsspecStorage
    from rastercollection.core.engine.engine import Engine
    from rastercollection.core.models import JobRecord
    from rastercollection.core.workflow import FanIn, FanOut, Stage, Workflow
    from rastercollection.executors.serial import SerialExecutor
    from rastercollection.ports.registries import HANDLERS

    fan_ins = [
        Stage(name=name, task_type=name, handler=HANDLERS.target(name), fan=FanIn())
        for name in ("create_mosaicjson", "create_stac_collection")
    ]
    second = Stage(name="create_cogs", task_type="create_cog", handler="__main__:made_up", fan=FanOut(_plan))
    workflow = Workflow(name="fan_in", stages=(second, *fan_ins), finalizer=lambda context: {})
    job = JobRecord(id="0" * 64, job_type="fan_in", parameters={**_job(folder), "count": count})
    store = SqliteJobStore(Path(folder) / "jobs.db")
    resources = {"storage": FsspecStorage(), "catalog": catalog}
    before: list[int] = []

    def watch(event: Any) -> None:
        if type(event).__name__ == "StageEnded" and event.name == "create_cogs":
            before.append(_peak())

    engine = Engine(executor=SerialExecutor(), jobs=store, resources=resources, observers=(watch,))
    outcome = engine.run(workflow, job)
    store.close()
    assert outcome.job.status == "completed", outcome.job.error
    (entry,) = outcome.results["create_stac_collection"]
    assert entry.value is not None
    assert entry.value["items_stored"] == count
    seconds = {name: facts["seconds"] for name, facts in outcome.job.stage_results.items()}
    third, fourth = (seconds[stage.name] for stage in fan_ins)
    return {"stage_3": third, "stage_4": fourth, "before": before[0]}


def _plan(context: Any, previous: object) -> Iterator[Any]:
    for index in range(context.parameters["count"]):
        folder = context.parameters["output_container"]
        yield context.task(index, {"index": index, "folder": folder}, tile=f"tile-{index:06d}.tif")


def made_up(parameters: Mapping[str, Any], context: Any) -> Mapping[str, Any]:
    """The valid_pixels of a COG that does not exist."""
    from rastercollection.core.records import to_dict

    return to_dict(_cog(parameters["index"], parameters["folder"]))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _rows(results: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    rows = []
    for result in results:
        seconds = result["stage_3"] + result["stage_4"]
        goal = PGSTAC_SECONDS if result["case"] == "pgstac" else SECONDS
        is_judged = result["items"] == 10_000
        is_static = result["case"] != "pgstac"
        rows.append(
            (
                CASES[result["case"]],
                f"{result['items']:,}",
                f"{result['stage_3']:.1f} s",
                f"{result['stage_4']:.1f} s",
                f"{seconds:.1f} s" + _judged(seconds, goal, f"< {goal} s") * is_judged,
                f"{1000 * seconds / result['items']:.2f} ms",
                f"{result['before'] / 1e6:.0f} MB",
                f"{result['memory'] / 1e6:.0f} MB"
                + _judged(result["memory"], MEMORY, "< 1 GB") * (is_judged and is_static),
                str(result["opened"]),
            )
        )
    return rows


def _judged(value: float, most: float, goal: str) -> str:
    return f" ({goal}{'' if value < most else ', not met'})"


def _growth(results: list[dict[str, Any]]) -> list[str]:
    """How much longer one item takes among the most than among 10,000, or among the fewest that were measured."""
    told = []
    for case in dict.fromkeys(result["case"] for result in results):
        runs = sorted((result for result in results if result["case"] == case), key=lambda result: result["items"])
        several = [result for result in runs if result["items"] >= 1000]
        if len(several) > 1:
            few, many = several[0], several[-1]
            each = [(run["stage_3"] + run["stage_4"]) / run["items"] for run in (few, many)]
            ratio = each[1] / each[0]
            goal = _judged(ratio, GROWTH, f"≤ {GROWTH}")
            told.append(
                f"{CASES[case]}: an item among {many['items']:,} takes {ratio:.2f}× as long as among "
                f"{few['items']:,}{goal}"
            )
    return told


def lines(results: list[dict[str, Any]]) -> list[str]:
    """For a terminal."""
    rows = [HEAD, *_rows(results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [*table, *_growth(results)]


def put_into(page: Path, results: list[dict[str, Any]]) -> None:
    """Replace the results on a page."""
    table = ["| " + " | ".join(HEAD) + " |", "|---" * len(HEAD) + "|"]
    table += ["| " + " | ".join(row) + " |" for row in _rows(results)]
    new = "\n".join([*table, "", *(f"- {text}" for text in _growth(results))])
    text = page.read_text("utf-8")
    before, _, rest = text.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    page.write_text(f"{before}{MARKS[0]}\n{new}\n{MARKS[1]}{after}", "utf-8")


if __name__ == "__main__":
    main()
