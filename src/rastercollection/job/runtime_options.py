"""How a job is run: what users may say of it that is no part of the job's identity."""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor as FuturesExecutor
from typing import Any, Literal

import attrs
from attrs import field

from rastercollection.core.events import Observer
from rastercollection.core.executor import Executor
from rastercollection.core.job_store import JobStore
from rastercollection.core.workflow import Workflow
from rastercollection.job.runtime_checks import (
    folder_or_catalog,
    is_catalog,
    is_event,
    is_executor,
    is_job_store,
    is_size,
    job_store,
    scratch_folder,
)
from rastercollection.model import checks, converters
from rastercollection.model.parameters import documented, parameter, with_plain_values
from rastercollection.ports.catalog import CatalogBackend
from rastercollection.ports.storage import StorageBackend

__all__ = ["RuntimeOptions"]

_run = functools.partial(parameter, group="run")


@documented
@attrs.frozen(kw_only=True, field_transformer=with_plain_values)
class RuntimeOptions:
    """How a job is run; no part of its identity."""

    executor: Executor | FuturesExecutor | str | Any = field(
        default=None,
        metadata=_run(
            "where tasks run: a name (`serial`, `thread`, `process`, `dask`, or a plug-in's), the address of a Dask "
            "scheduler; in Python also an executor, a `concurrent.futures` pool or a Dask client",
            checks.text_or(is_executor),
            otherwise="`thread`; on the command line `process`",
            metavar="NAME",
        ),
    )
    max_workers: int | None = field(
        default=None,
        metadata=_run(
            "tasks at the same time",
            checks.integer(1),
            otherwise="cores or tiles, whichever is less",
            option="--workers",
        ),
    )
    memory_budget: int | None = field(
        default=None,
        converter=converters.size,
        metadata=_run(
            "bytes of RAM that all workers may take together, or a text such as `500M`, `8G`",
            is_size,
            otherwise="the variable `RASTERCOLLECTION_MEMORY_BUDGET`, else half of what is available",
            metavar="SIZE",
        ),
    )
    worker_memory: int | None = field(
        default=None,
        converter=converters.size,
        metadata=_run(
            "bytes of RAM that a worker of the executor `process` may take before it is ended and its tile fails, or a "
            "text such as `500M`, `8G`",
            is_size,
            otherwise="nine tenths of what is available, for all workers together",
            metavar="SIZE",
        ),
    )
    scratch: str | None = field(
        default=None,
        converter=scratch_folder,
        metadata=_run("local folder for temporary files", checks.local_folder, otherwise="the system's", metavar="DIR"),
    )
    storage: StorageBackend | str | None = field(
        default=None,
        metadata=_run(
            "a storage backend, or the name of one",
            checks.text_or(checks.has_members_of(StorageBackend, "a storage backend, or the name of one")),
            otherwise="`fsspec`",
            option=None,
        ),
    )
    storage_options: Mapping[str, Any] | None = field(
        default=None,
        converter=converters.storage_options,
        repr=False,
        metadata=_run(
            "credentials and settings, as in fsspec; they stay out of records, logs and outputs",
            checks.is_a(Mapping, "a mapping of names to values"),
            option="--storage-option",
        ),
    )
    allow_private_hosts: bool = field(
        default=False,
        metadata=_run(
            "whether web addresses may lead to this machine, its private network or a cloud's metadata server; not for "
            "addresses that come from strangers"
        ),
    )
    catalog: CatalogBackend | str | None = field(
        default=None,
        converter=folder_or_catalog,
        repr=False,
        metadata=_run(
            "where STAC goes: a folder, or the address of a pgSTAC database (`postgresql://…`); in Python also a "
            "catalog backend",
            is_catalog,
            otherwise="the folder `stac` in the output container",
            metavar="CATALOG",
        ),
    )
    jobs: JobStore | str | None = field(
        default=None,
        converter=job_store,
        repr=False,
        metadata=_run(
            "job store: `sqlite:///file.db`, the address of a PostgreSQL database (`postgresql://…`), or `memory`; in "
            "Python also an instance",
            is_job_store,
            otherwise="an SQLite file in your state folder, or in that of the variable `RASTERCOLLECTION_STATE`",
            metavar="STORE",
        ),
    )
    verify: Literal["quick", "checksum"] = field(
        default="quick",
        metadata=_run(
            "what is compared of outputs of an earlier run before they are taken over: `quick` size and time, and the "
            "content of those up to 1 MiB and of all documents; `checksum` the content of all, for which every COG is "
            "read"
        ),
    )
    on_tile_error: Literal["continue", "fail"] = field(
        default="continue",
        metadata=_run("`continue` leaves a bad tile out, with its reason; `fail` ends the job at the first"),
    )
    on_busy: Literal["wait", "take_over", "fail"] = field(
        default="wait",
        metadata=_run(
            "where another process runs the same job: `wait` for it and return what it made, `take_over` the job, "
            "which it hands over as it would end on Ctrl-C, or `fail` at once"
        ),
    )
    rerun: tuple[str, ...] = field(
        default=(),
        converter=converters.rerun,
        metadata=_run(
            "what is done again although it was done before: `all`, `failed`, the name of a stage or of a tile; "
            "several in a list, in Python also `True` for all",
            checks.is_texts,
            metavar="WHAT",
        ),
    )
    task_timeout: float | None = field(
        default=None,
        converter=converters.seconds,
        metadata=_run(
            "seconds that an attempt at a tile, or at another task, may take; then it is given up",
            checks.positive,
            otherwise="half an hour, and a second more for every 250 kB of uncompressed pixels",
            metavar="SECONDS",
        ),
    )
    stop_timeout: float = field(
        default=25.0,
        converter=converters.seconds,
        metadata=_run(
            "seconds in which tasks that run may end when the job is stopped; then they are given up",
            checks.positive,
            metavar="SECONDS",
        ),
    )
    observers: Sequence[Observer] = field(
        default=(), metadata=_run("callables that are told of every event", checks.callables, option=None)
    )
    progress: bool | None = field(
        default=None,
        metadata=_run(
            "whether progress is shown: in a notebook as bars, elsewhere as lines on standard error",
            checks.boolean,
            otherwise="in notebooks only",
            option=None,
        ),
    )
    workflow: Workflow | None = field(
        default=None,
        metadata=_run(
            "a workflow of your own", checks.is_a(Workflow, "a Workflow"), otherwise="the five stages", option=None
        ),
    )
    cancel: threading.Event | None = field(
        default=None,
        metadata=_run(
            "an event that, once set, from any thread, cancels: what runs is waited for, nothing more is started",
            is_event,
            option=None,
        ),
    )
