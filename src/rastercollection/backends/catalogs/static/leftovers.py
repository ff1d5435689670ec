"""What publishers that are gone have left beside the documents of a static catalog."""

from __future__ import annotations

from collections.abc import Callable

from rastercollection.backends.catalogs.static.collection_files import CollectionFiles
from rastercollection.core.lease import Mark
from rastercollection.core.temporaries import mark_of
from rastercollection.errors import ObjectNotFoundError
from rastercollection.ports.addresses import join
from rastercollection.ports.storage import StorageBackend, Sweepable

__all__ = ["leftovers"]


def leftovers(
    storage: StorageBackend, catalog: str, place: CollectionFiles, is_over: Callable[[Mark], bool]
) -> list[str]:
    """Remove it, and return its names: temporary files, and objects by which it was tried whether writing works.

    Args:
        storage: Where the catalog is.
        catalog: Its folder.
        place: Of the collection.
        is_over: Told the marks.
    """
    found = _probes(storage, catalog, is_over)
    if isinstance(storage, Sweepable):
        for folder in (catalog, place.folder, place.items, join(place.folder, "parts")):
            found += storage.sweep(folder, is_over)
    return found


def _probes(storage: StorageBackend, catalog: str, is_over: Callable[[Mark], bool]) -> list[str]:
    removed = []
    try:
        for info in list(storage.list(catalog, deep=False)):
            mark = mark_of(info.url.rsplit("/", 1)[-1])
            if mark is not None and is_over(mark):
                storage.delete(info.url)
                removed.append(info.url)
    except ObjectNotFoundError:
        return removed
    return removed
