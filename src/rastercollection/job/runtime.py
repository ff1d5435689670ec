"""What a job runs with: names and addresses turned into backends and an executor, and closed again."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor as FuturesExecutor
from typing import TYPE_CHECKING, Any, cast

import attrs

from rastercollection.core.executor import Executor
from rastercollection.core.job_store import JobStore
from rastercollection.errors import RequestError, RequestProblem, UnknownNameError
from rastercollection.model.request import CollectionRequest
from rastercollection.ports import addresses
from rastercollection.ports.catalog import CatalogBackend
from rastercollection.ports.registries import CATALOGS, EXECUTORS, JOBS, STORAGE
from rastercollection.ports.storage import StorageBackend

if TYPE_CHECKING:
    from rastercollection.rasters.limits import Limits

__all__ = ["Runtime", "RuntimeOptions", "open_job_store", "open_runtime", "open_storage", "planned_limits"]

DEFAULT_EXECUTOR = "thread"
_DATABASE = re.compile(r"(?P<scheme>[a-z][a-z0-9+]*)://")


@attrs.frozen(kw_only=True)
class RuntimeOptions:
    """How a job is run; no part of its identity. See :func:`~rastercollection.process_collection`."""

    storage: StorageBackend | str | None = None
    storage_options: Mapping[str, Any] | None = attrs.field(default=None, repr=False)
    catalog: CatalogBackend | str | None = attrs.field(default=None, repr=False)
    jobs: JobStore | str | None = attrs.field(default=None, repr=False)
    executor: Executor | FuturesExecutor | str | None = None
    max_workers: int | None = None
    memory_budget: int | None = None
    scratch: str | None = None


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
        catalog = _open_catalog(request, options, storage)
        if request.create_stac_collection:
            catalog.check()
        jobs = opened.enter_context(open_job_store(options.jobs))
        executor = _open_executor(opened, options, tiles)
        _check_reach(request, storage, executor)
        yield Runtime(storage=storage, catalog=catalog, jobs=jobs, executor=executor, limits=_limits(executor, options))


def open_storage(options: RuntimeOptions) -> StorageBackend:
    """The storage backend: an instance as it is, a name from the registry with the storage options."""
    if options.storage is None or isinstance(options.storage, str):
        return cast(StorageBackend, STORAGE.load(options.storage or "fsspec")(options.storage_options))
    return options.storage


def _open_catalog(request: CollectionRequest, options: RuntimeOptions, storage: StorageBackend) -> CatalogBackend:
    """An instance as it is; a database address by its scheme; anything else is the folder of a static catalog."""
    given = options.catalog
    if given is not None and not isinstance(given, str):
        return given
    address = given or addresses.join(request.output_container, "stac")
    match = _DATABASE.match(address)
    scheme = match["scheme"] if match else ""
    if scheme and scheme not in addresses.SCHEMES:
        if scheme not in CATALOGS.names():
            raise UnknownNameError("catalog backend", scheme, CATALOGS.names())
        return cast(CatalogBackend, CATALOGS.load(scheme)(address))
    return cast(CatalogBackend, CATALOGS.load("static")(addresses.normalise(address), storage))


@contextlib.contextmanager
def open_job_store(jobs: JobStore | str | None) -> Iterator[JobStore]:
    """The job store: None is the default file, ``memory``, ``sqlite:///path``, a registered scheme, or an instance."""
    if jobs is not None and not isinstance(jobs, str):
        yield jobs
        return
    store = _make_job_store(jobs)
    try:
        yield store
    finally:
        store.close()


def _make_job_store(address: str | None) -> JobStore:
    if address is None:
        from rastercollection.backends.jobs.default import default_job_store

        store: JobStore = default_job_store()
        return store
    scheme, separator, _ = address.partition("://")
    if scheme == "sqlite" and separator:
        return cast(JobStore, JOBS.load("sqlite").from_url(address))
    if separator:
        return cast(JobStore, JOBS.load(scheme)(address))
    return cast(JobStore, JOBS.load(address)())


def _open_executor(opened: contextlib.ExitStack, options: RuntimeOptions, tiles: int) -> Executor:
    given = options.executor
    if given is None or isinstance(given, str):
        return cast(Executor, opened.enter_context(_named_executor(given or DEFAULT_EXECUTOR, options, tiles)))
    if type(given).__module__.partition(".")[0] == "distributed":
        return cast(Executor, opened.enter_context(EXECUTORS.load("dask")(given)))
    if isinstance(given, FuturesExecutor):
        from rastercollection.executors.pool import PoolExecutor

        return PoolExecutor(given, max_workers=options.max_workers)
    return given


def _named_executor(name: str, options: RuntimeOptions, tiles: int) -> Any:
    if "://" in name:
        return EXECUTORS.load("dask")(name)
    factory = EXECUTORS.load(name)
    if name == "serial":
        return factory()
    from rastercollection.core.machine import available_cores

    return factory(max_workers=options.max_workers or max(1, min(available_cores(), tiles)))


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
