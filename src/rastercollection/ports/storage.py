"""Where objects are: the protocol of a storage backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

import attrs

from rastercollection.core.lease import Mark
from rastercollection.core.offering import Offering

__all__ = [
    "GdalSource",
    "ObjectInfo",
    "StorageBackend",
    "Sweepable",
]


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
class StorageBackend(Protocol, metaclass=Offering):
    """Objects by URL: local paths (``/data/x.tif``, ``file:///data/x.tif``) or ``scheme://container/key``.

    Backends pickle without open connections, so that workers can use them. Every vendor error is raised as a
    :class:`~rastercollection.errors.BackendError`; ObjectNotFoundError only where the store has said that nothing is
    there. What is not delivered in full is an error, too. No answer is remembered: others write there as well.
    """

    def exists(self, url: str) -> bool:
        """Whether an object or a folder is there; False only where the store has said so.

        Raises:
            PermissionDeniedError, UnavailableError: The store could not be asked.
        """
        ...

    def stat(self, url: str) -> ObjectInfo:
        """Size and version without reading.

        Raises:
            ObjectNotFoundError: Nothing is there.
        """
        ...

    def list(self, url: str, *, deep: bool = True) -> Iterator[ObjectInfo]:
        """All objects below the folder ``url``, sorted by URL; hidden temporaries are left out.

        Args:
            url: The folder.
            deep: At any depth; otherwise those that lie in the folder itself.

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


@runtime_checkable
class Sweepable(Protocol, metaclass=Offering):
    """What a storage can besides, where writers that die leave temporary files behind."""

    def sweep(self, url: str, is_over: Callable[[Mark], bool], *, deep: bool = False) -> Sequence[str]:
        """Remove what was left in a folder by those of whom ``is_over`` says so; what bears no mark stays.

        Args:
            url: The folder; one that is not there holds nothing.
            is_over: Told the marks of temporary files.
            deep: At any depth; otherwise just in the folder itself.

        Returns:
            Names of what was removed.
        """
        ...
