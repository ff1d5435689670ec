"""What is passed in: executor, storage, catalog, job store, observers. Anything with these methods will do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

import attrs

from rastercollection.events import Event
from rastercollection.models import JobRecord, JobStatus, TaskResult

__all__ = [
    "PUBLISH_MODES",
    "CatalogBackend",
    "Executor",
    "ExecutorCapabilities",
    "GdalSource",
    "JobStore",
    "ObjectInfo",
    "Observer",
    "Publication",
    "PublishMode",
    "SearchableCatalog",
    "StorageBackend",
]

T = TypeVar("T")

Observer = Callable[[Event], None]
"""A callable that is told of every event, in the thread of the engine. One that raises is logged and ignored."""


@attrs.frozen(kw_only=True)
class ExecutorCapabilities:
    """What may be assumed of an executor. The defaults assume nothing.

    Attributes:
        max_workers: Tasks that run at the same time.
        shares_memory: Tasks run in this process.
        shares_filesystem: Tasks see this machine's files.
        requires_pickle: Function, arguments and results must pickle.
        can_cancel_running: ``Future.cancel`` stops a task that already runs.
    """

    max_workers: int = 1
    shares_memory: bool = False
    shares_filesystem: bool = False
    requires_pickle: bool = True
    can_cancel_running: bool = False


@runtime_checkable
class Executor(Protocol):
    """Where tasks run: the part of :class:`concurrent.futures.Executor` that the engine needs.

    An executor is a context manager; leaving it shuts it down and waits. Whoever constructs it closes it.
    """

    @property
    def capabilities(self) -> ExecutorCapabilities: ...

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Schedule ``fn(*args, **kwargs)`` and return its standard future.

        A worker that dies fails the futures of the tasks it ran, and only those, with
        :class:`~rastercollection.errors.WorkerDiedError`; the executor goes on with the rest.

        Raises:
            ExecutorError: After ``shutdown``.
            ExecutorBrokenError: Nothing can be run any more.
        """
        ...

    def shutdown(self, *, wait: bool = True, cancel_futures: bool = False) -> None:
        """Take no more tasks; idempotent.

        Args:
            wait: Return once all submitted tasks have ended and resources are freed.
            cancel_futures: Cancel the futures that have not started.
        """
        ...

    def __enter__(self) -> Executor: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool | None: ...


@attrs.frozen(kw_only=True)
class ObjectInfo:
    """What a store knows of an object without reading it.

    Attributes:
        url: The object.
        size: Bytes; 0 for a folder.
        version: Changes whenever the content may have changed (etag, or modification time in nanoseconds).
        modified: Last modification, RFC 3339, UTC; empty where the store does not say.
        is_folder: A folder, not an object.
    """

    url: str
    size: int
    version: str
    modified: str = ""
    is_folder: bool = False


@attrs.frozen(kw_only=True)
class GdalSource:
    """How GDAL opens an object: a path, and configuration options that hold for this one open.

    Credentials live in ``config`` only and are left out of the representation.
    """

    path: str
    config: Mapping[str, str] = attrs.field(factory=dict, repr=False)


@runtime_checkable
class StorageBackend(Protocol):
    """Objects by URL: local paths (``/data/x.tif``, ``file:///data/x.tif``) or ``scheme://container/key``.

    Backends pickle without open connections, so that workers can use them. Every vendor error is raised as a
    :class:`~rastercollection.errors.BackendError`.
    """

    def exists(self, url: str) -> bool:
        """Whether an object or a folder is there."""
        ...

    def stat(self, url: str) -> ObjectInfo:
        """Size and version without reading.

        Raises:
            ObjectNotFoundError: Nothing is there.
        """
        ...

    def list(self, url: str) -> Iterator[ObjectInfo]:
        """All objects below the folder ``url``, at any depth, sorted by URL; hidden temporaries are left out.

        Raises:
            ObjectNotFoundError: The folder is not there.
        """
        ...

    def read(self, url: str, start: int = 0, end: int | None = None) -> bytes:
        """The bytes from ``start`` up to ``end``, not included.

        Raises:
            ObjectNotFoundError: Nothing is there.
        """
        ...

    def write(self, url: str, data: bytes, *, overwrite: bool = True) -> ObjectInfo:
        """Write a whole object: readers see the old content or the new, never a part. Folders are made.

        Raises:
            ObjectExistsError: It exists and ``overwrite`` is False.
        """
        ...

    def put(self, local_path: str, url: str, *, overwrite: bool = True) -> ObjectInfo:
        """Like :meth:`write`, from a local file, which stays where it is."""
        ...

    def get(self, url: str, local_path: str) -> None:
        """Copy an object to a local file."""
        ...

    def copy(self, source_url: str, target_url: str) -> ObjectInfo:
        """Like :meth:`put`, from an object of this backend, inside the store where the store can.

        A target that is there is replaced; readers see it as it was until all of the source is there.

        Raises:
            ObjectNotFoundError: There is no source.
        """
        ...

    def delete(self, url: str) -> None:
        """Remove an object; one that is not there is fine."""
        ...

    def public_url(self, url: str) -> str:
        """The address other programs read it by: no credentials, no query string, no ``/vsi`` prefix."""
        ...

    def gdal_source(self, url: str) -> GdalSource | None:
        """How GDAL opens it in place; None when it cannot and the object has to be fetched with :meth:`get`."""
        ...

    def is_process_local(self, url: str) -> bool:
        """Whether only this process sees the object (``memory://``)."""
        ...


PublishMode = Literal["insert", "insert_ignore", "upsert", "delsert", "replace"]
"""What becomes of items that a collection holds already; see :meth:`CatalogBackend.publish`."""

PUBLISH_MODES: tuple[str, ...] = ("insert", "insert_ignore", "upsert", "delsert", "replace")


@attrs.frozen(kw_only=True)
class Publication:
    """What a catalog holds after :meth:`CatalogBackend.publish`, read back from it.

    Attributes:
        catalog: Kind of catalog (``static``, ``pgstac``).
        collection_id: The STAC collection.
        items: Items of the collection, counted in the catalog after publishing, whoever published them.
        stored: How many of the items sent are there: equal to what was sent or, with ``insert_ignore``, there before.
        collection_url: Where the collection document is; empty where it has no address.
        digest: Of the items with the ids that were sent, as the catalog holds them: equal items give an equal digest.
        item_ids: Ids of the items sent, in their order.
        mode: The mode of publishing.
    """

    catalog: str
    collection_id: str
    items: int
    stored: int
    collection_url: str
    digest: str
    item_ids: tuple[str, ...] = attrs.field(repr=False)
    mode: PublishMode = "upsert"


@runtime_checkable
class CatalogBackend(Protocol):
    """Where STAC collections and items are published. Backends pickle."""

    def check(self) -> None:
        """Raise a BackendError now if publishing could not work later (unreachable, wrong version)."""
        ...

    def publish(
        self, collection: Mapping[str, Any], items: Sequence[Mapping[str, Any]], *, mode: PublishMode = "upsert"
    ) -> Publication:
        """Publish a collection with items, in one step: readers see it as it was until all is there.

        The collection's document replaces the one before, whatever the mode. Its other items stay, unless ``mode`` is
        ``replace``. Several publishers may append to one collection at the same time; nothing is lost. Without items,
        just the document is published.

        Args:
            collection: A STAC Collection, without links to its items.
            items: STAC Items of it with different ids, with absolute asset hrefs.
            mode: What becomes of items with these ids that are there already: ``upsert`` replaces them, whatever has
                changed in them, and so does ``delsert``; ``insert_ignore`` leaves them as they are; ``insert`` refuses.
                ``replace``: afterwards the collection holds the items sent and no others.

        Raises:
            ObjectExistsError: With ``insert``; names the items that are there. Nothing is changed.
            BackendError: Something cannot be stored. Nothing is changed.
        """
        ...

    def collection(self, collection_id: str) -> dict[str, Any] | None:
        """The collection that is published now, with absolute asset hrefs; None where there is none.

        Links to items and to the catalog's own documents may be missing.
        """
        ...

    def items(self, collection_id: str) -> Iterator[dict[str, Any]]:
        """The items that are published now, in the form in which they were sent; none without such a collection.

        Items that other programs added are among them. Links to the catalog's own documents may be.
        """
        ...

    def is_current(self, publication: Publication) -> bool:
        """Whether the catalog still holds what was sent, unchanged; after ``replace``, also nothing else.

        Items that others appended in the meantime, and what they made of the collection's document, do not matter.
        """
        ...


@runtime_checkable
class SearchableCatalog(Protocol):
    """What a catalog can besides, where a tile server shows the results of searches in it (pgSTAC)."""

    def register_search(self, collection_id: str, metadata: Mapping[str, Any]) -> str:
        """Register a search over all items of a collection, those of later publications included.

        Idempotent: the same collection with the same metadata gives the same id.

        Args:
            collection_id: The STAC collection; it need not be there yet.
            metadata: For the tile server: ``name``, ``bounds`` (EPSG:4326), ``minzoom``, ``maxzoom``, ``assets``,
                ``defaults`` (query parameters by name of a render).

        Returns:
            The id that the catalog gives the search.
        """
        ...


@runtime_checkable
class JobStore(Protocol):
    """Job records and the journal of their task results. Safe to use from several threads and processes."""

    def create(self, job: JobRecord) -> JobRecord:
        """Insert the job, or return the one that is already there under this id."""
        ...

    def get(self, job_id: str) -> JobRecord:
        """The record.

        Raises:
            ObjectNotFoundError: There is none.
        """
        ...

    def list_jobs(self) -> list[JobRecord]:
        """All records, the latest update first."""
        ...

    def update(self, job: JobRecord, *, expected: JobStatus) -> None:
        """Replace the record if its status is still ``expected``.

        Raises:
            PreconditionError: The status is another by now.
            ObjectNotFoundError: There is no such job.
        """
        ...

    def append(self, job_id: str, results: Sequence[TaskResult]) -> None:
        """Add results to the journal, in one durable step; a later result replaces one of the same task."""
        ...

    def results(self, job_id: str) -> list[TaskResult]:
        """The journal, one result a task, ordered by stage and task id."""
        ...

    def forget(self, job_id: str, task_ids: Iterable[str]) -> None:
        """Remove results from the journal; unknown ids are fine."""
        ...

    def claim(self, job_id: str, owner: str, seconds: float) -> bool:
        """Take or renew the lease on a job: True if ``owner`` holds it for ``seconds`` from now.

        False when another owner's lease has not expired. Compare-and-set, by the store's clock.
        """
        ...

    def release(self, job_id: str, owner: str) -> None:
        """Give the lease back; one that ``owner`` does not hold is left alone."""
        ...

    def close(self) -> None:
        """Free what the store holds open; idempotent."""
        ...
