"""From the address of a published collection to its catalog, and to what it consists of."""

from __future__ import annotations

from rastercollection.checking.subject import Subject
from rastercollection.errors import ObjectNotFoundError, RequestError, RequestProblem
from rastercollection.job.runtime import catalog_name, open_named_catalog
from rastercollection.ports.catalog import CatalogBackend
from rastercollection.ports.storage import StorageBackend
from rastercollection.rasters.limits import Limits
from rastercollection.stages.resources import Resources
from rastercollection.viewer.locate import find_collection, read_json

__all__ = ["found_collection", "is_static", "read_collection", "subject_of"]

STATIC = "static"


def found_collection(
    collection: str, collection_id: str | None, storage: StorageBackend
) -> tuple[CatalogBackend, str, str]:
    """The catalog, the id of the collection in it, and its public address."""
    if not is_static(collection):
        if collection_id is None:
            raise RequestError(
                [RequestProblem("collection_id", "nothing", "is required where the catalog is a database")]
            )
        catalog = open_named_catalog(collection, storage)
        catalog.check()
        return catalog, collection_id, str(getattr(catalog, "url", "the database"))
    url = find_collection(storage, collection, collection_id, to_view=False)
    found = str(read_json(storage, url).get("id", ""))
    folder = url.rpartition("/")[0].rpartition("/")[0]
    return open_named_catalog(folder, storage), found, storage.public_url(url)


def is_static(collection: str) -> bool:
    """Whether the address is that of a catalog in files, or of something in it."""
    return catalog_name(collection) == STATIC


def subject_of(
    storage: StorageBackend,
    catalog: CatalogBackend,
    name: str,
    *,
    titiler_url: str | None = None,
) -> Subject:
    """A published collection as it is now.

    Raises:
        ObjectNotFoundError: The catalog has none of this id that can be read.
        BackendError: It cannot be asked.
    """
    resources = Resources(storage=storage, catalog=catalog, limits=Limits())
    subject = Subject.read(resources, name, None, titiler_url)
    if subject is None:
        raise ObjectNotFoundError(f"There is no collection {name} that can be read.", "Have it checked: check.", name)
    return subject


def read_collection(
    collection: str, collection_id: str | None, storage: StorageBackend, *, titiler_url: str | None = None
) -> tuple[Subject, str]:
    """A published collection by its address, and where it is, as other programs know it; raises as of both others."""
    catalog, name, where = found_collection(collection, collection_id, storage)
    return subject_of(storage, catalog, name, titiler_url=titiler_url), where
