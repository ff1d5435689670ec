"""What a run that is gone has left of its work: found by its mark, and removed before the next one begins."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rastercollection.core.lease import Lease, Mark
from rastercollection.core.models import Notice
from rastercollection.core.temporaries import sweep
from rastercollection.disclosure.listing import listed
from rastercollection.errors import BackendError, ObjectNotFoundError
from rastercollection.model.request import CollectionRequest
from rastercollection.ports.addresses import join
from rastercollection.ports.catalog import CatalogBackend, SweepableCatalog
from rastercollection.ports.storage import StorageBackend, Sweepable

if TYPE_CHECKING:
    from rastercollection.rasters.limits import Limits

__all__ = ["sweep_leftovers"]


IsOver = Callable[[Mark], bool]


def sweep_leftovers(
    request: CollectionRequest, storage: StorageBackend, catalog: CatalogBackend, limits: Limits, lease: Lease
) -> tuple[Notice, ...]:
    """Remove temporary files and folders whose owners are gone, where the job writes; tell of it if there were any.

    Gone are processes of this machine that have ended, and, wherever they are, earlier runs of the same job: who goes
    on with one of those hears that it has lost its lease. What bears no mark stays.

    Args:
        request: What the job writes, and where.
        storage, catalog: As they were given, not guarded.
        limits: The scratch folder.
        lease: That is held on the job.
    """

    def is_over(mark: Mark) -> bool:
        return mark.is_over(lease.job_id, lease.token)

    removed: list[str] = []
    problems: list[str] = []
    for part in _parts(request, storage, catalog, limits):
        try:
            removed += part(is_over)
        except ObjectNotFoundError:
            continue
        except BackendError as error:
            problems.append(error.message)
    return (*_told(removed), *(Notice(code="LEFTOVERS_NOT_LOOKED_FOR", message=problem) for problem in problems))


def _parts(
    request: CollectionRequest, storage: StorageBackend, catalog: CatalogBackend, limits: Limits
) -> Iterator[Callable[[IsOver], list[str]]]:
    """Functions that each clear up one place."""
    for folder in dict.fromkeys(filter(None, (limits.scratch, tempfile.gettempdir()))):
        yield lambda is_over, folder=folder: sweep(folder, is_over)  # type: ignore[misc]
    if isinstance(storage, Sweepable):
        below = request.output_folder or ""
        containers = dict.fromkeys((request.output_container, request.mosaicjson_container))
        for url in (join(container, below) for container in containers):
            yield lambda is_over, url=url: list(storage.sweep(url, is_over))  # type: ignore[misc]
    if request.create_stac_collection and isinstance(catalog, SweepableCatalog):
        yield lambda is_over: list(catalog.sweep(request.collection_id, is_over))


def _told(removed: list[str]) -> Iterator[Notice]:
    if removed:
        several = f"{len(removed)} temporary files or folders" if len(removed) > 1 else "a temporary file or folder"
        message = (
            f"An earlier run left {several}, removed now: {listed([each.rsplit('/', 1)[-1] for each in removed])}."
        )
        yield Notice(code="LEFTOVERS_REMOVED", message=message)
