"""What a job runs with: names and addresses turned into backends and an executor, and closed again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Executor as FuturesExecutor
from typing import TYPE_CHECKING, Any, cast

import attrs

from rastercollection.core.engine.held_lease import HeldLease
from rastercollection.core.executor import Executor, ExecutorCapabilities
from rastercollection.core.forks import check_not_forked
from rastercollection.core.job_store import JobStore
from rastercollection.core.models import Task
from rastercollection.core.patience import Patience
from rastercollection.core.registry import Registry
from rastercollection.disclosure.redaction import Hidden
from rastercollection.errors import ObjectNotFoundError, RequestError, RequestProblem, UnknownNameError
from rastercollection.job.runtime_checks import (
    DATABASE,
    SQLITE,
    is_dask,
)
from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.job.storages import is_storage_address
from rastercollection.model import checks
from rastercollection.model.output import Verify
from rastercollection.model.render import USUAL, RenderDefinition
from rastercollection.model.request import CollectionRequest
from rastercollection.ports import addresses
from rastercollection.ports.catalog import CatalogBackend
from rastercollection.ports.guarded import guarded_catalog, guarded_storage
from rastercollection.ports.registries import CATALOGS, EXECUTORS, JOBS, RENDERS, STORAGE
from rastercollection.ports.storage import StorageBackend

if TYPE_CHECKING:
    from rastercollection.rasters.limits import Limits

__all__ = [
    "AT_FIRST",
    "Runtime",
    "catalog_name",
    "lasting_job_store",
    "open_catalog",
    "open_job_store",
    "open_named_catalog",
    "open_runtime",
    "planned_limits",
    "time_limit",
    "unknown_names",
    "unknown_renders",
]

DEFAULT_EXECUTOR = "thread"
AT_FIRST = 10.0
"""Seconds of patience before a job has begun: a wrong address is told soon."""
UNSEEN = "the executor's workers may not see this machine's files: use a store"
TASK_SECONDS = 1800.0
TASK_BYTES_A_SECOND = 250_000


@attrs.frozen(kw_only=True)
class Runtime:
    """Everything with a side effect that a job needs, open and ready."""

    storage: StorageBackend
    catalog: CatalogBackend
    jobs: JobStore
    executor: Executor
    limits: Limits
    verify: Verify = "quick"

    def guarded(self, lease: HeldLease) -> Runtime:
        """The same, where nothing is written any more once the lease is lost.

        Workers that cannot reach the job store are not kept from it by themselves: there, this process ends them.
        """
        guard = lease.guard(reachable=_reaches(self.jobs, self.executor.capabilities))
        return attrs.evolve(
            self,
            storage=guarded_storage(self.storage, guard),
            catalog=guarded_catalog(self.catalog, guard),
            limits=attrs.evolve(self.limits, guard=guard),
        )

    def resources(self) -> dict[str, Any]:
        """What handlers are given."""
        return {
            "storage": self.storage,
            "catalog": self.catalog,
            "limits": self.limits,
            "verify": self.verify,
            "renders": RENDERS.registered(),
        }


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
        ForkedProcessError: The executor works in this process, and rasters cannot be opened here.
    """
    with contextlib.ExitStack() as opened:
        catalog = open_catalog(request, options, storage)
        if request.create_stac_collection:
            Patience(seconds=AT_FIRST).of(catalog).check()
        jobs = opened.enter_context(open_job_store(options.jobs))
        executor = _open_executor(opened, options, tiles)
        if executor.capabilities.shares_memory:
            check_not_forked()
        _check_reach(request, storage, executor)
        _check_pickles(executor, storage=storage, catalog=catalog, jobs=jobs)
        yield Runtime(
            storage=storage,
            catalog=catalog,
            jobs=jobs,
            executor=executor,
            limits=_limits(executor, options),
            verify=options.verify,
        )


def open_catalog(request: CollectionRequest, options: RuntimeOptions, storage: StorageBackend) -> CatalogBackend:
    """An instance as it is; a database address by its scheme; anything else is the folder of a static catalog."""
    if options.catalog is not None and not isinstance(options.catalog, str):
        return options.catalog
    if options.catalog is None or _is_beside(options.catalog, request.output_container):
        folder = options.catalog or addresses.join(request.output_container, "stac")
        return cast(CatalogBackend, CATALOGS.load("static")(addresses.normalise(folder), storage))
    return open_named_catalog(Hidden(options.catalog), storage)


def _is_beside(catalog: str, container: str) -> bool:
    """Whether a catalog's address has the scheme of a container: its storage backend may be one that was passed in."""
    scheme = addresses.split_scheme(container)[0]
    return bool(scheme) and scheme not in CATALOGS.names() and addresses.split_scheme(catalog)[0] == scheme


def open_named_catalog(named: Hidden | str, storage: StorageBackend) -> CatalogBackend:
    """A database by the scheme of its address; anything else is the folder of a static catalog."""
    address = named if isinstance(named, Hidden) else Hidden(named)
    name = catalog_name(address.value)
    if name == "static":
        return cast(CatalogBackend, CATALOGS.load(name)(addresses.normalise(address.value), storage))
    return cast(CatalogBackend, CATALOGS.load(name)(address.value))


def catalog_name(address: str) -> str:
    """The kind of catalog at an address: by the scheme of a database, else ``static``."""
    match = DATABASE.match(address)
    if match is None or match["scheme"] in addresses.SCHEMES:
        return "static"
    is_folder = match["scheme"] not in CATALOGS.names() and is_storage_address(address)
    return "static" if is_folder else match["scheme"]


@contextlib.contextmanager
def open_job_store(jobs: JobStore | str | None, *, make: bool = True) -> Iterator[JobStore]:
    """The job store: None is the default file, else ``memory``, an address with a registered scheme, or an instance.

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


def lasting_job_store(jobs: JobStore | str | None) -> JobStore | str:
    """What stands for the same job store whenever it is opened, wherever the process and its variables are by then.

    The default becomes the address of its file, the name of a store that lasts no longer than it is open an instance.
    """
    if jobs is None:
        from rastercollection.backends.jobs.default import default_address

        return default_address()
    if isinstance(jobs, str) and "://" not in jobs:
        return _make_job_store(Hidden(jobs))
    return jobs


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
        raise ObjectNotFoundError(
            f"There is no job store {path}.", "No job was recorded there: name another with `jobs`.", path
        )


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
        ("catalog", CATALOGS, catalog_name),
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


def unknown_renders(request: CollectionRequest) -> list[RequestProblem]:
    """Renders that nobody registered, and colours that nobody knows."""
    problems = ((one, _unknown(one)) for one in request.renders or ())
    return [
        RequestProblem("renders", repr(one if isinstance(one, str) else one.colormap_name), allowed)
        for one, allowed in problems
        if allowed
    ]


def _unknown(asked: str | RenderDefinition) -> str:
    """What is allowed in the place of a render, or its colours, that nobody knows."""
    if isinstance(asked, RenderDefinition):
        if asked.colormap_name is None:
            return ""
        from rastercollection.rasters.reduced.painting import has_ramp  # loads numpy

        return "" if has_ramp(asked.colormap_name) else "must be colours that rio-tiler knows by this name"
    if asked == USUAL or asked in RENDERS.registered() or asked in (known := (USUAL, *RENDERS.names())):
        return ""
    return f"must be one of {', '.join(known)}, or a definition{checks.close_to(asked, known)}"


def _reaches(jobs: JobStore, able: ExecutorCapabilities) -> bool:
    """Whether workers can use the job store, by what it pickles to."""
    nearby = able.shares_memory or (jobs.reach == "machine" and able.shares_filesystem)
    return nearby or jobs.reach == "network"


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
            problems.append(RequestProblem(name, repr(url), f"{UNSEEN}{_way_out(executor)}"))
    if problems:
        raise RequestError(problems)


def _check_pickles(executor: Executor, *, jobs: JobStore, **backends: object) -> None:
    """What workers are sent must pickle, of the job store what they can reach."""
    from rastercollection.executors.packing import unpicklable

    able = executor.capabilities
    if not able.requires_pickle:
        return
    sent = {**backends, "jobs": jobs} if _reaches(jobs, able) else backends
    reasons = {name: unpicklable(backend) for name, backend in sent.items()}
    if reasons["storage"]:
        reasons.pop("catalog")  # it may hold the same storage
    allowed = (
        "does not pickle, and is sent to the executor's workers ({}): pickle it without what it has open, or take "
    )
    problems = [
        RequestProblem(name, f"<{type(sent[name]).__name__}>", f"{allowed.format(reason)}executor='thread'")
        for name, reason in reasons.items()
        if reason
    ]
    if problems:
        raise RequestError(problems)


def _way_out(executor: Executor) -> str:
    """How to say that workers see this machine's files, where nobody but the program knows."""
    from rastercollection.executors.pool import PoolExecutor

    if isinstance(executor, PoolExecutor):
        call, place = "PoolExecutor(pool, shares_filesystem=True)", "rastercollection.executors.pool"
    elif type(executor).__name__ == "DaskExecutor":
        call, place = "DaskExecutor(client, shares_filesystem=True)", "rastercollection.executors.dask"
    else:
        return ", or have its capabilities say shares_filesystem=True if they do"
    return f", or pass executor={call} of {place} if they do"


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
