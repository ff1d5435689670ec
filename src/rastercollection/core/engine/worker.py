"""The part of the engine that runs where the executor runs: one attempt at one task."""

from __future__ import annotations

import importlib
import json
import time
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, cast

import attrs

from rastercollection.core.contexts import TaskContext
from rastercollection.core.guard import attempting
from rastercollection.core.models import ErrorRecord, Fault, Notice, Task, TaskResult
from rastercollection.core.packed import Packed
from rastercollection.core.records import jsonable
from rastercollection.core.shortage import of_shortage
from rastercollection.core.workflow import Handler
from rastercollection.disclosure.logs import get_logger
from rastercollection.disclosure.others_warnings import bear_with_others
from rastercollection.errors import RasterCollectionError, TaskError, WorkflowDefinitionError

__all__ = ["Outcome", "load_handler", "run_task"]

log = get_logger("rastercollection")


@attrs.frozen(kw_only=True)
class Outcome:
    """How an attempt ended: ``value`` or ``error``, never both. It always pickles, whatever the handler raised."""

    value: Mapping[str, Any] | None
    error: ErrorRecord | None
    notices: tuple[Notice, ...]
    seconds: float
    faults: tuple[Fault, ...] = ()


def load_handler(name: str) -> Handler:
    """Import the function named ``module:qualname``.

    Raises:
        WorkflowDefinitionError: There is no such function.
    """
    module_name, _, qualname = name.partition(":")
    try:
        target: Any = importlib.import_module(module_name)
        for part in qualname.split("."):
            target = getattr(target, part)
    except (ImportError, AttributeError) as error:
        raise WorkflowDefinitionError(
            f"Handler {name!r} cannot be imported: {error}.",
            "It must be a function that the workers, too, can import.",
        ) from error
    return cast(Handler, target)


def run_task(
    job_id: str,
    task: Task,
    attempt: int,
    resources: Mapping[str, Any],
    inputs: Mapping[str, Sequence[TaskResult]],
    key: str = "",
) -> Outcome:
    """Run the task's handler once and return how it ended. Only interrupts get through as exceptions.

    Args:
        job_id, task, attempt, resources, inputs: As in :class:`~rastercollection.core.workflow.TaskContext`.
        key: Tells this attempt from any other.
    """
    context = TaskContext(job_id=job_id, task=task, attempt=attempt, resources=resources, inputs=inputs)
    began = time.perf_counter()
    bear_with_others()
    value, error = None, None
    try:
        with attempting(key):
            value = _made(task, context)
    except RasterCollectionError as failure:
        error = ErrorRecord.of(failure)
    except Exception as failure:  # the boundary: a handler's bug is its task's failure, nobody else's
        error = ErrorRecord.of(failure)
        if of_shortage(failure) is None:
            log.exception("handler %s failed", task.handler)
            error = attrs.evolve(error, details={"traceback": traceback.format_exc(limit=-8)})
    if inputs and error is not None:  # what a stage makes of all results is no input that could be at fault
        error = attrs.evolve(error, settled=False)
    return Outcome(
        value=value,
        error=error,
        notices=tuple(context.notices),
        seconds=time.perf_counter() - began,
        faults=tuple(context.faults) if error is None else (),
    )


def _made(task: Task, context: TaskContext) -> Mapping[str, Any]:
    """What the task's handler makes of it."""
    return _json_value(task, load_handler(task.handler)(task.parameters, context))


def _json_value(task: Task, value: object) -> Mapping[str, Any]:
    plain = jsonable(value)
    try:
        json.dumps(plain, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise _not_json(task, str(error)) from error
    if not isinstance(plain, dict):
        raise _not_json(task, f"it is a {type(value).__name__}")
    return Packed.of(plain)


def _not_json(task: Task, why: str) -> TaskError:
    return TaskError(
        f"Handler {task.handler!r} did not return a JSON-able mapping: {why}.",
        "Return a dict of numbers, text, lists and dicts.",
        code="RESULT_NOT_JSON",
    )
