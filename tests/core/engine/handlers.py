"""Task handlers of workflows that have nothing to do with rasters."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rastercollection import TaskContext, TaskError, TileError

RELEASED = threading.Event()
BOTH_ARE_THERE = threading.Barrier(2)


def count_words(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    text = parameters["text"]
    if not text:
        raise TileError("The text is empty.", "Write something.", code="TEXT_EMPTY", details={"length": 0})
    if text.isupper():
        context.notice("SHOUTING", "All capitals.")
    return {"words": len(text.split())}


def double(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    return {"words": 2 * parameters["words"]}


def total(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    stages = {name: [r.value["words"] for r in results if r.value] for name, results in context.inputs.items()}
    return {"total": sum(list(stages.values())[-1]), "stages": list(stages), "job": parameters["job"]["title"]}


def longest(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """The most words of any text; a job whose title says so has none."""
    if parameters["job"]["title"] == "no longest":
        raise TaskError("There is no longest text.", code="NO_LONGEST")
    return {"longest": max(r.value["words"] for r in context.inputs["count"] if r.value)}


def total_of_both(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    return {"words": {result.task.task_type: result.value for result in context.inputs["total"]}}


def meet(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """Ends only when another task is there at the same time."""
    BOTH_ARE_THERE.wait(20)
    return {}


def flaky(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """Fails in a retryable manner until its attempt reaches ``succeeds_at``."""
    if context.attempt < parameters["succeeds_at"]:
        raise TaskError(f"attempt {context.attempt}", code="BUSY", retryable=True)
    return {"attempt": context.attempt}


def log_run(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """Leaves a line for every run and writes one output."""
    folder = Path(context.resources["folder"])
    with (folder / "runs.log").open("a") as log:
        log.write(f"{parameters['name']}\n")
    output = folder / f"{parameters['name']}.out"
    output.write_text(str(parameters.get("version", "")))
    return {"output": str(output)}


def collect(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    folder = Path(context.resources["folder"])
    with (folder / "runs.log").open("a") as log:
        log.write("collect\n")
    return {"made": [result.value["output"] for results in context.inputs.values() for result in results]}


def wait_for_release(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    if parameters["slow"] and not RELEASED.wait(20):
        raise TaskError("never released")
    return {}


def misbehave(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    kind = parameters["kind"]
    if kind == "bug":
        raise ZeroDivisionError("a bug")
    if kind == "unpicklable":
        raise _StubbornError(lambda: None)
    if kind == "not json":
        return {"value": object()}
    if kind == "nan":
        return {"value": float("nan")}
    if kind == "memory":
        raise MemoryError("no more")
    if kind == "die":
        os._exit(9)
    if kind == "sleep":
        time.sleep(0.3)
    return {"kind": kind}


class _StubbornError(Exception):
    def __reduce__(self) -> Any:
        raise TypeError("cannot pickle this error")


def die_while_told(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """Ends this process at once, if its text says so and the file ``deadly`` is there."""
    if parameters["text"] == "deadly" and Path(parameters["deadly"]).exists():
        os._exit(9)
    return {"words": 1}


def hang(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """Takes as long as its text says; then writes, if its guard lets it."""
    time.sleep(parameters["seconds"])
    guard = context.resources.get("guard")
    if guard is not None:
        guard.check()
    context.resources["written"].append(parameters["seconds"]) if "written" in context.resources else None
    return {"seconds": parameters["seconds"]}


def write_file(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    Path(parameters["path"]).write_text("made")
    return {"path": parameters["path"]}


def count_files(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """Counts the files of the stage before; the second one is removed, as often as a file beside them says."""
    paths = [Path(result.value["path"]) for result in context.inputs["write"] if result.value]
    losses = int((paths[0].parent / "losses").read_text())
    (paths[0].parent / "losses").write_text(str(max(0, losses - 1)))
    if losses:
        paths[1].unlink()
        raise TaskError(f"{paths[1].name} is gone.", code="RESULTS_GONE")
    return {"files": len(paths)}
