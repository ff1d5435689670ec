"""Which options of a job can be recorded for a worker, and what the others have to be given instead."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs

from rastercollection.core.models import Submission
from rastercollection.core.records import jsonable
from rastercollection.disclosure.redaction import holds_secret, redacted_values
from rastercollection.errors import RequestError, RequestProblem
from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.job.storages import containers_of, open_storage
from rastercollection.model.parameters import parameters, shown
from rastercollection.model.request import CollectionRequest

__all__ = ["check_recordable", "recorded_options", "with_submitted", "worker_options", "worker_problems"]

RECORDED = ("storage", "storage_options", "catalog", "verify", "on_tile_error", "task_timeout")
"""What a submission holds, where it was given."""

_WORKERS = (
    *("executor", "max_workers", "memory_budget", "worker_memory", "scratch", "allow_private_hosts"),
    *("on_busy", "stop_timeout"),
)
_INSTEAD = {
    "observers": "stays in this process: give it to run_worker, or ask status()",
    "progress": "is shown by the handle, in a notebook, or by status(): a worker shows none",
    "workflow": "cannot be recorded: register a workflow as process_collection where the workers run",
    "cancel": "is an event of this process: use the handle's cancel(), or rastercollection.cancel",
    **dict.fromkeys(_WORKERS, "is the worker's: give it to run_worker, or to 'rastercollection worker'"),
}
_BESIDES = ("jobs", "rerun")
"""What is no part of a submission, and nothing against one."""


def check_recordable(request: CollectionRequest, options: RuntimeOptions) -> None:
    """See that a worker could do the job from what is recorded of it.

    Raises:
        RequestError: It could not; the problems name all that does not fit into a record, and what to do with it.
    """
    found = [*_problems(options), *_places(request, options)]
    if found:
        raise RequestError(found)


def recorded_options(options: RuntimeOptions) -> dict[str, Any]:
    """What a submission holds of the options; they were checked."""
    given: dict[str, Any] = jsonable({name: getattr(options, name) for name in RECORDED if _is_given(options, name)})
    return given


def worker_options(own: RuntimeOptions, submission: Submission) -> RuntimeOptions:
    """How a worker runs a job: with its own options, and those of the submission that say how the job is to be done.

    What leads to credentials is the worker's where it has any: a submission does not tell where those are sent.
    """
    told = {name: value for name, value in submission.options.items() if name in RECORDED}
    kept = {name for name in ("storage", "storage_options") if own.storage or own.storage_options}
    return attrs.evolve(own, **{name: value for name, value in told.items() if name not in kept})


def with_submitted(given: RuntimeOptions, submission: Submission | None) -> RuntimeOptions:
    """Options of a call about a job that was submitted before, and of its submission what the call does not say."""
    told = submission.options if submission else {}
    kept = {name: value for name, value in told.items() if name in RECORDED and not _is_given(given, name)}
    return attrs.evolve(given, **kept)


def worker_problems(options: RuntimeOptions) -> list[RequestProblem]:
    """Which options are no worker's."""
    names = [name for name in ("workflow", "cancel", "rerun", "progress") if _is_given(options, name)]
    found = [RequestProblem(name, "…", "is of a single job, not of a worker") for name in names]
    if options.jobs == "memory":
        found.append(RequestProblem("jobs", "memory", "holds nothing that was submitted elsewhere"))
    return found


def _is_given(options: RuntimeOptions, name: str) -> bool:
    value, default = getattr(options, name), parameters(RuntimeOptions)[name].default
    return bool(value != default and (value or default))


def _problems(options: RuntimeOptions) -> list[RequestProblem]:
    found = []
    for name in parameters(RuntimeOptions):
        if name not in _BESIDES and _is_given(options, name):
            reason = _INSTEAD.get(name) or _unrecordable(name, getattr(options, name))
            if reason:
                found.append(RequestProblem(name, f"<{type(getattr(options, name)).__name__}>", reason))
    if options.jobs == "memory" or getattr(options.jobs, "reach", "") == "process":
        found.append(RequestProblem("jobs", "memory", "no worker can reach it: take sqlite:///… or postgresql://…"))
    return found


def _unrecordable(name: str, value: Any) -> str:
    """Why the value of an option that is recorded cannot be; empty where it can."""
    if name in ("storage", "catalog") and not isinstance(value, str):
        return "an instance cannot be recorded: give its name or address, or give it to run_worker"
    if name == "catalog" and holds_secret(value):
        return "holds a password, which is not recorded: leave it out, and set PGPASSWORD or ~/.pgpass for the worker"
    if name == "storage_options" and redacted_values(value) != value:
        return "holds secrets, which are not recorded: give it to the worker, or set its environment"
    if isinstance(value, Mapping):
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            return "holds what JSON cannot: give it to the worker"
    return ""


def _places(request: CollectionRequest, options: RuntimeOptions) -> list[RequestProblem]:
    """Containers that only this process can see."""
    if options.storage is not None and not isinstance(options.storage, str):
        return []
    storage = open_storage(options, containers_of(request, options))
    names = ("container_name", "output_container", "mosaicjson_container")
    hidden = [name for name in names if storage.is_process_local(getattr(request, name))]
    allowed = "is in the memory of this process, which no worker can see"
    return [RequestProblem(name, shown(getattr(request, name)), allowed) for name in hidden]
