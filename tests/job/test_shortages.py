"""Where a machine runs short of memory or threads, the job says so: never that there is a bug, and never for good."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from cog_scenes import write_raster
from rastercollection import (
    CollectionRequest,
    JobFailedError,
    RasterCollectionError,
    collection_workflow,
    process_collection,
    status,
    submit,
)


@pytest.fixture
def parameters(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "in").mkdir()
    picture = np.arange(4096, dtype="uint8").reshape(1, 64, 64)
    write_raster(tmp_path / "in" / "a.tif", picture, blockxsize=32, blockysize=32)  # threads read several blocks
    return {
        "container_name": tmp_path / "in",
        "blob_list": ["a.tif"],
        "collection_id": "c",
        "output_container": tmp_path / "out",
        "jobs": f"sqlite:///{tmp_path}/jobs.db",
        "executor": "serial",
    }


def told(parameters: Mapping[str, Any], call: Callable[..., Any] = process_collection) -> set[str]:
    """Codes of how the job ended, of why, and of its tiles."""
    try:
        result = call(**parameters)
    except JobFailedError as error:
        failure = error.result.error
        reasons = {reason["code"] for reason in failure.details.get("reasons", ())}
        return {failure.code, *reasons, *(tile.code for tile in error.result.tiles)} - {""}
    except RasterCollectionError as error:
        return {error.code}
    return {tile.code for tile in result.tiles} - {""}


@pytest.mark.parametrize(
    ("name", "executor"),
    [
        ("ThreadExecutor", "thread"),
        ("ProcessExecutor", "process"),
        ("rastercollection-checksums", "serial"),
        ("rastercollection-lock", "serial"),
        ("rastercollection-lease", "serial"),
    ],
)
def test_threads_that_do_not_start(
    parameters: dict[str, Any], monkeypatch: pytest.MonkeyPatch, name: str, executor: str
) -> None:
    """In the executor, in a tile, in publishing, in the driver; the next call finishes the job."""
    start = threading.Thread.start

    def start_or_not(thread: threading.Thread) -> None:
        if thread.name.startswith(name):
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as short:
        short.setattr(threading.Thread, "start", start_or_not)
        codes = told({**parameters, "executor": executor})
    assert "NO_THREADS" in codes
    assert not codes & {"UNEXPECTED_ERROR", "EXECUTOR_BROKEN"}
    assert told({**parameters, "executor": executor}) == set()


def no_memory(*_: Any) -> Any:
    raise MemoryError("Unable to allocate 3 GiB")


@pytest.mark.parametrize("call", [process_collection, lambda **arguments: submit(**arguments).result(60)])
def test_no_memory_in_the_driver(parameters: dict[str, Any], call: Callable[..., Any]) -> None:
    """In a plan, and in the finalizer, of which the record tells."""
    workflow = collection_workflow(CollectionRequest(**parameters_of_request(parameters)))
    first = workflow.stages[0]
    in_plan = attrs.evolve(first, fan=attrs.evolve(first.fan, plan=no_memory))
    for short in (
        attrs.evolve(workflow, stages=(in_plan, *workflow.stages[1:])),
        attrs.evolve(workflow, finalizer=no_memory),
    ):
        assert told({**parameters, "workflow": short}, call) - {"NOT_RUN"} == {"OUT_OF_MEMORY"}
        record = status(CollectionRequest(**parameters_of_request(parameters)).job_id, jobs=parameters["jobs"]).job
        assert record.error is not None
        assert (record.status, record.error.code, record.error.settled) == ("failed", "OUT_OF_MEMORY", False)
    assert told(parameters, call) == set()


def parameters_of_request(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name not in ("jobs", "executor")}


def test_no_memory_before_the_job_begins(parameters: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rastercollection.job.run.find_sources", no_memory)
    assert told(parameters) == {"OUT_OF_MEMORY"}
