"""What a job runs with: names and addresses turned into backends and an executor, and closed again."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor as FuturesExecutor
from typing import TYPE_CHECKING, Any, Literal, cast

import attrs
from attrs import field

from rastercollection.core.events import Observer
from rastercollection.core.executor import Executor
from rastercollection.core.job_store import JobStore
from rastercollection.core.models import Task
from rastercollection.core.registry import Registry
from rastercollection.core.workflow import Workflow
from rastercollection.disclosure.redaction import Hidden
from rastercollection.errors import ObjectNotFoundError, RequestError, RequestProblem, UnknownNameError
from rastercollection.job.runtime_checks import (
    DATABASE,
    SQLITE,
    folder_or_catalog,
    is_catalog,
    is_dask,
    is_event,
    is_executor,
    is_job_store,
    is_size,
    job_store,
)
from rastercollection.model import checks, converters
from rastercollection.model.parameters import documented, parameter
from rastercollection.model.request import CollectionRequest
from rastercollection.ports import addresses
from rastercollection.ports.catalog import CatalogBackend
from rastercollection.ports.registries import CATALOGS, EXECUTORS, JOBS, STORAGE
from rastercollection.ports.storage import StorageBackend

if TYPE_CHECKING:
    from rastercollection.rasters.limits import Limits

__all__ = [
    "Runtime",
    "RuntimeOptions",
    "open_catalog",
    "open_job_store",
    "open_runtime",
    "open_storage",
    "planned_limits",
    "time_limit",
    "unknown_names",
]

DEFAULT_EXECUTOR = "thread"
TASK_SECONDS = 1800.0
TASK_BYTES_A_SECOND = 250_000
_run = functools.partial(parameter, group="run")


@documented
@attrs.frozen(kw_only=True)
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
        converter=converters.path_or_none,
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
            "job store: `sqlite:///file.db`, or `memory`; in Python also an instance",
            is_job_store,
            otherwise="an SQLite file in your state folder, or in that of the variable `RASTERCOLLECTION_STATE`",
            metavar="STORE",
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
        converter=converters.whole_as_float,
        metadata=_run(
            "seconds that an attempt at a tile, or at another task, may take; then it is given up",
            checks.positive,
            otherwise="half an hour, and a second more for every 250 kB of uncompressed pixels",
            metavar="SECONDS",
        ),
    )
    stop_timeout: float = field(
        default=25.0,
        converter=converters.whole_as_float,
        metadata=_run(
            "seconds in which tasks that run may end when the job is stopped; then they are given up",
            checks.positive,
            metavar="SECONDS",
        ),
    )
    observers: Sequence[Observer] = field(
        default=(), metadata=_run("callables that are told of every event", checks.callables, option=None)
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


@attrs.frozen(kw_only=True)
class Runtime:
    """Everything with a side effect that a job needs, open and ready."""

    storage: StorageBackend
    catalog: CatalogBackend
    jobs: JobStore
    executor: Executor
    limits: Limits

    def resources(self) -> dict[str, Any]:
        """What handlers are given."""
        return {"storage": self.storage, "catalog": self.catalog, "limits": self.limits}


@contextlib.contextmanager
def open_runtime(
    request: CollectionRequest, options: RuntimeOptions, storage: StorageBackend, *, tiles: int
) -> Iterator[Runtime]:
    """Turn options into what they stand for; what was opened here is closed at the end, what was passed in is not.

    Args:
        request: For the default catalog, and for checking that workers can reach the data.
        options: As given by the user.
        storage: What they stand for, opened.
        tiles: Number of sources: no more workers are started than there are tiles.

    Raises:
        UnknownNameError, MissingExtraError: A name that nothing stands behind.
        RequestError: The executor's workers cannot see the storage.
        BackendError: The catalog or job store cannot be used.
    """
    with contextlib.ExitStack() as opened:
        catalog = open_catalog(request, options, storage)
        if request.create_stac_collection:
            catalog.check()
        jobs = opened.enter_context(open_job_store(options.jobs))
        executor = _open_executor(opened, options, tiles)
        _check_reach(request, storage, executor)
        yield Runtime(storage=storage, catalog=catalog, jobs=jobs, executor=executor, limits=_limits(executor, options))


def open_storage(options: RuntimeOptions) -> StorageBackend:
    """The storage backend: an instance as it is, a name from the registry with the storage options."""
    if options.storage is not None and not isinstance(options.storage, str):
        return options.storage
    made = STORAGE.load(options.storage or "fsspec")(options.storage_options)
    if options.allow_private_hosts and hasattr(made, "allow_private_hosts"):
        made = attrs.evolve(made, allow_private_hosts=True)
    return cast(StorageBackend, made)


def open_catalog(request: CollectionRequest, options: RuntimeOptions, storage: StorageBackend) -> CatalogBackend:
    """An instance as it is; a database address by its scheme; anything else is the folder of a static catalog."""
    if options.catalog is not None and not isinstance(options.catalog, str):
        return options.catalog
    address = Hidden(options.catalog or addresses.join(request.output_container, "stac"))
    name = _catalog_name(address.value)
    if name == "static":
        return cast(CatalogBackend, CATALOGS.load(name)(addresses.normalise(address.value), storage))
    return cast(CatalogBackend, CATALOGS.load(name)(address.value))


def _catalog_name(address: str) -> str:
    match = DATABASE.match(address)
    return match["scheme"] if match and match["scheme"] not in addresses.SCHEMES else "static"


@contextlib.contextmanager
def open_job_store(jobs: JobStore | str | None, *, make: bool = True) -> Iterator[JobStore]:
    """The job store: None is the default file, ``memory``, ``sqlite:///path``, a registered scheme, or an instance.

    Raises:
        ObjectNotFoundError: There is no such file, and none is to be made.
    """
    if jobs is not None and not isinstance(jobs, str):
        yield jobs
        return
    address = None if jobs is None else Hidden(jobs)
    del jobs  # what goes wrong from here on comes through this frame
    if not make:
        _check_file(address)
    store = _make_job_store(address)
    try:
        yield store
    finally:
        store.close()


def _make_job_store(address: Hidden | None) -> JobStore:
    if address is None:
        from rastercollection.backends.jobs.default import default_job_store

        return default_job_store()
    name = _job_store_name(address.value)
    if name == "sqlite":
        return cast(JobStore, JOBS.load(name).from_url(address.value))
    return cast(JobStore, JOBS.load(name)(address.value) if "://" in address.value else JOBS.load(name)())


def _job_store_name(address: str) -> str:
    return address.partition("://")[0]


def _check_file(address: Hidden | None) -> None:
    from rastercollection.backends.jobs.default import state_folder

    if address and not address.value.startswith(SQLITE):
        return
    path = os.path.expanduser(address.value.removeprefix(SQLITE)) if address else str(state_folder() / "jobs.db")
    if not os.path.exists(path):
        raise ObjectNotFoundError(f"There is no job store {path}.", "No job was recorded there: name another.", path)


def _open_executor(opened: contextlib.ExitStack, options: RuntimeOptions, tiles: int) -> Executor:
    given = options.executor
    if given is None or isinstance(given, str):
        return cast(Executor, opened.enter_context(_named_executor(given or DEFAULT_EXECUTOR, options, tiles)))
    if is_dask(given):
        return cast(Executor, opened.enter_context(EXECUTORS.load("dask")(given)))
    if isinstance(given, FuturesExecutor):
        from rastercollection.executors.pool import PoolExecutor

        return PoolExecutor(given, max_workers=options.max_workers)
    return given


def _named_executor(name: str, options: RuntimeOptions, tiles: int) -> Any:
    factory = EXECUTORS.load(_executor_name(name))
    if "://" in name:
        return factory(name)
    if name == "serial":
        return factory()
    from rastercollection.core.machine import available_cores

    limits = {"worker_memory": options.worker_memory} if name == "process" else {}
    return factory(max_workers=options.max_workers or max(1, min(available_cores(), tiles)), **limits)


def _executor_name(name: str) -> str:
    return "dask" if "://" in name else name


def unknown_names(options: RuntimeOptions, besides: Collection[str] = ()) -> dict[str, UnknownNameError]:
    """What nobody registered, by parameter, as the errors that opening it would raise; but for those ``besides``."""
    asked: tuple[tuple[str, Registry, Callable[[str], str]], ...] = (
        ("executor", EXECUTORS, _executor_name),
        ("storage", STORAGE, str),
        ("catalog", CATALOGS, _catalog_name),
        ("jobs", JOBS, _job_store_name),
    )
    found = {}
    for name, registry, meant in asked:
        if name in besides or not isinstance(getattr(options, name) or None, str):
            continue
        try:
            registry.target(meant(getattr(options, name)))  # may hold a password: it is no local variable here
        except UnknownNameError as error:
            found[name] = error
    return found


def time_limit(seconds: float | None) -> Callable[[Task], float]:
    """How many seconds an attempt at a task may take: as many as are given, or by how much there is to do."""
    return lambda task: TASK_SECONDS + task.size / TASK_BYTES_A_SECOND if seconds is None else seconds


def _check_reach(request: CollectionRequest, storage: StorageBackend, executor: Executor) -> None:
    """Workers elsewhere cannot see what only this process, or only this machine, can see."""
    able = executor.capabilities
    problems = []
    for name in ("container_name", "output_container", "mosaicjson_container"):
        url = getattr(request, name)
        if storage.is_process_local(url) and not able.shares_memory:
            problems.append(RequestProblem(name, repr(url), "needs an executor in this process: serial or thread"))
        elif addresses.is_local(url) and not (able.shares_memory or able.shares_filesystem):
            problems.append(
                RequestProblem(name, repr(url), "the executor's workers may not see this machine's files: use a store")
            )
    if problems:
        raise RequestError(problems)


def planned_limits(options: RuntimeOptions, tiles: int) -> Limits:
    """Limits of one task as :func:`open_runtime` would have them, without running anything."""
    with contextlib.ExitStack() as opened:
        return _limits(_open_executor(opened, options, tiles), options)


def _limits(executor: Executor, options: RuntimeOptions) -> Limits:
    from rastercollection.rasters.limits import plan_limits

    able = executor.capabilities
    return plan_limits(
        able.max_workers,
        shares_memory=able.shares_memory,
        memory_budget=options.memory_budget,
        scratch=options.scratch,
    )
