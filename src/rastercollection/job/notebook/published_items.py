"""The items that a job has published, read back from its catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rastercollection.errors import ObjectNotFoundError, ViewError
from rastercollection.job.result import JobResult
from rastercollection.job.runtime import open_named_catalog
from rastercollection.model.entry import StacSummary
from rastercollection.viewer.server import storage_of

if TYPE_CHECKING:
    import pystac

__all__ = ["published_documents", "published_items"]

Json = dict[str, Any]


def published_documents(result: JobResult) -> list[Json]:
    """The items of the collection, with absolute hrefs of assets, by id: those of other jobs are among them.

    Raises:
        ViewError: The job has published none, or where it did is not known here.
        ObjectNotFoundError: The collection is gone.
        BackendError: The catalog cannot be read.
    """
    published = StacSummary.of(result.summary)
    if published is None:
        hint = (
            "Run it with create_stac_collection=True."
            if result.status != "failed"
            else "Its tiles tell why: result.tiles."
        )
        raise ViewError("The job has published no collection.", hint)
    catalog = result.backends.catalog
    if catalog is None:
        address = published.collection_url
        if published.catalog != "static" or not address:
            raise ViewError(
                "The catalog that the job has published to is not known here.",
                "Call process_collection again with the same parameters, which recomputes nothing, and its catalog.",
            )
        folder = address.rpartition("/")[0].rpartition("/")[0]
        catalog = open_named_catalog(folder, storage_of(address, result.backends.storage, None))
    name = published.collection_id
    if catalog.collection(name) is None:
        raise ObjectNotFoundError(f"Collection {name} is no longer in its catalog.", "Run the job again.", name)
    return sorted(catalog.items(name), key=lambda item: str(item["id"]))


def published_items(result: JobResult) -> list[pystac.Item]:
    """The same for pystac.

    Raises:
        ViewError, BackendError: As of :func:`published_documents`.
    """
    import pystac

    return [pystac.Item.from_dict(item) for item in published_documents(result)]
