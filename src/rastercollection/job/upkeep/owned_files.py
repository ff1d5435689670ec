"""Which files in a folder are a collection's own, as documents there keep their names for it: these may be deleted.

What the collection's own documents link to may be anybody's: they may be damaged, or made by a stranger.
"""

from __future__ import annotations

from typing import Self

import attrs

from rastercollection.backends.catalogs.static.stored import read_bytes
from rastercollection.errors import ObjectNotFoundError
from rastercollection.model.names import folded, is_overview_name
from rastercollection.model.reservation import SUFFIX, reservation_in
from rastercollection.ports.addresses import relative
from rastercollection.ports.storage import StorageBackend

__all__ = ["OwnedFiles"]


@attrs.frozen(kw_only=True)
class OwnedFiles:
    """The files of one collection in one folder.

    Attributes:
        versions: Of each, by its public address.
        reservations: Public addresses of the documents that keep the names.
        overviews: Public addresses of its overviews and their thumbnails.
    """

    versions: dict[str, str]
    reservations: tuple[str, ...]
    overviews: tuple[str, ...]

    @classmethod
    def of(cls, storage: StorageBackend, folder: str, collection_id: str, name: str) -> Self:
        """Look at a folder; one that is not there holds nothing.

        Args:
            storage, folder: Where.
            collection_id: Id in the catalog.
            name: What the job calls it, after which overviews are named.

        Raises:
            BackendError: The folder cannot be listed, or a document there cannot be read.
        """
        try:
            found = {relative(folder, info.url): info for info in storage.list(folder, deep=False)}
        except ObjectNotFoundError:
            found = {}
        names: set[str] = set()
        documents = []
        for file in [file for file in found if file.endswith(SUFFIX)]:
            # one that cannot be read now says nothing: what it keeps is not to be taken for somebody else's
            reservation = reservation_in(read_bytes(storage, found[file].url))
            if reservation is not None and reservation.collection == collection_id:
                names |= reservation.names().keys()
                documents.append(file)
        overviews = [file for file in found if documents and is_overview_name(file, name)]
        own = [file for file in found if folded(file) in names]
        public = {file: storage.public_url(info.url) for file, info in found.items()}
        return cls(
            versions={public[file]: found[file].version for file in (*own, *overviews, *documents)},
            reservations=tuple(public[file] for file in documents),
            overviews=tuple(public[file] for file in overviews),
        )
