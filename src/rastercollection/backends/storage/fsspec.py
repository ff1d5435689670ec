"""Storage on local disks, in memory, in object stores and on web servers: one class for every address."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import attrs

from rastercollection.backends.storage.gdal import gdal_source
from rastercollection.backends.storage.local import LocalObject
from rastercollection.backends.storage.private_hosts import check_public, guarded_client
from rastercollection.backends.storage.protocols import check_protocol
from rastercollection.backends.storage.transfer import copied
from rastercollection.backends.storage.vendor import secrets_in, translated
from rastercollection.core.guard import Guard
from rastercollection.core.lease import Mark
from rastercollection.disclosure.redaction import Hidden
from rastercollection.ports.addresses import HTTP_SCHEMES, LOCAL_SCHEMES, public_url, split_scheme
from rastercollection.ports.storage import GdalSource, ObjectInfo

if TYPE_CHECKING:
    from rastercollection.backends.storage.remote import RemoteObject

__all__ = ["FsspecStorage"]


def _options(value: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return dict(value or {})


@attrs.frozen
class FsspecStorage:
    """Objects by address: a path, ``file://``, ``memory://``, an object store, or anything else that fsspec knows.

    Web servers can only be read. Objects are written whole: on local disks through a hidden temporary file in the same
    folder, in object stores with one upload. Of other protocols than
    :data:`~rastercollection.ports.addresses.SCHEMES` that holds as far as their file systems can rename; what the
    address tells of the place (host, port, organisation) need not be in ``options``.

    Attributes:
        options: fsspec's ``storage_options`` for addresses that are not local. They hold credentials and are shown
            nowhere: not in the representation, errors or public addresses.
        allow_private_hosts: Whether web addresses, and hosts in addresses of other protocols, may lead to this machine
            and its private network. Endpoints and hosts in ``options`` are the program's own and may in any case.
        guard: Asked before each change; see :meth:`guarded`.
    """

    options: Mapping[str, Any] = attrs.field(default=None, converter=_options, repr=False, hash=False)
    allow_private_hosts: bool = attrs.field(default=False, kw_only=True)
    guard: Guard | None = attrs.field(default=None, kw_only=True, repr=False, eq=False)

    def guarded(self, guard: Guard) -> Self:
        """A copy that asks the guard when one call, or one request, is left that makes a change visible."""
        return attrs.evolve(self, guard=guard)

    def _at(self, url: str) -> LocalObject | RemoteObject:
        scheme = self._checked(url)
        if scheme in LOCAL_SCHEMES:
            return LocalObject(url, self.guard)
        from rastercollection.backends.storage.remote import RemoteObject

        if scheme not in HTTP_SCHEMES or self.allow_private_hosts:
            return RemoteObject(url, self.options, self.guard)
        check_public(url)
        return RemoteObject(url, {"get_client": guarded_client, **self.options}, self.guard)

    def _checked(self, url: str) -> str:
        return check_protocol(url, allow_private_hosts=self.allow_private_hosts or "host" in self.options)

    @property
    def _secrets(self) -> Hidden:
        return Hidden(secrets_in(self.options))

    def exists(self, url: str) -> bool:
        """Whether an object or a folder is there."""
        with translated("look for", url, self._secrets):
            return self._at(url).exists()

    def stat(self, url: str) -> ObjectInfo:
        """Size and version without reading.

        Raises:
            ObjectNotFoundError: Nothing is there.
        """
        with translated("look at", url, self._secrets):
            return self._at(url).stat()

    def list(self, url: str, *, deep: bool = True) -> Iterator[ObjectInfo]:
        """All objects below a folder, sorted by URL; links to folders are not followed.

        Args:
            url: The folder.
            deep: At any depth; otherwise those that lie in the folder itself.

        Raises:
            ObjectNotFoundError: The folder is not there; raised by the call itself.
        """
        with translated("list", url, self._secrets):
            found = self._at(url).list(deep=deep)
        return self._listed(url, found)

    def _listed(self, url: str, found: Iterator[ObjectInfo]) -> Iterator[ObjectInfo]:
        with translated("list", url, self._secrets):
            yield from found

    def read(self, url: str, start: int = 0, end: int | None = None) -> bytes:
        """The bytes from ``start`` up to ``end``, not included; fewer where the object ends before.

        Raises:
            ObjectNotFoundError: Nothing is there.
        """
        with translated("read", url, self._secrets):
            return self._at(url).read(start, end)

    def write(self, url: str, data: bytes, *, overwrite: bool = True) -> ObjectInfo:
        """Write a whole object: readers see the old content or the new, never a part. Folders are made.

        Raises:
            ObjectExistsError: It exists and ``overwrite`` is False; of several such writers one wins.
            NoSpaceError: It does not fit; what was there before is unharmed.
        """
        with translated("write", url, self._secrets):
            return self._at(url).write(data, overwrite=overwrite)

    def put(self, local_path: str, url: str, *, overwrite: bool = True) -> ObjectInfo:
        """Like :meth:`write`, from a local file, which stays where it is."""
        with translated(f"copy {local_path} to", url, self._secrets):
            return self._at(url).put(local_path, overwrite=overwrite)

    def get(self, url: str, local_path: str) -> None:
        """Copy an object to a local file, which appears whole; its folders are made."""
        with translated("fetch", url, self._secrets):
            self._at(url).get(local_path)

    def copy(self, source_url: str, target_url: str) -> ObjectInfo:
        """Like :meth:`put`, from an object: inside the kernel or the store where both can, else through this machine.

        Between stores it is fetched to the system's folder for temporary files, never into memory.

        Raises:
            ObjectNotFoundError: There is no source.
            NoSpaceError: It does not fit, there or on the way; what the target held is unharmed.
        """
        source, target = self._at(source_url), self._at(target_url)
        with translated("copy", source_url, self._secrets):
            # a web server that does not tell what it has may still hand it out
            if split_scheme(source_url)[0] not in HTTP_SCHEMES and source.stat().is_folder:
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with translated(f"copy {public_url(source_url)} to", target_url, self._secrets):
            return copied(source, target)

    def delete(self, url: str) -> None:
        """Remove an object; one that is not there is fine. Folders are refused."""
        with translated("delete", url, self._secrets):
            self._at(url).delete()

    def sweep(self, url: str, is_over: Callable[[Mark], bool], *, deep: bool = False) -> Sequence[str]:
        """Remove temporary files of owners that are gone from a local folder; return their paths.

        Stores have none: what is left there of an upload is in no listing.
        """
        at = self._at(url)
        with translated("clear up in", url, self._secrets):
            return at.sweep(is_over, deep=deep) if isinstance(at, LocalObject) else ()

    def public_url(self, url: str) -> str:
        """The absolute path of a local object; for others the URL without credentials and query string."""
        self._checked(url)
        return public_url(url)

    def gdal_source(self, url: str) -> GdalSource | None:
        """How GDAL opens it in place, with credentials in ``config`` only.

        None for ``memory://``, and where GDAL has no counterpart to ``options``.
        """
        self._checked(url)
        if not self.allow_private_hosts:
            check_public(url)
        return gdal_source(url, self.options)

    def is_process_local(self, url: str) -> bool:
        """Whether only this process sees the object."""
        return split_scheme(url)[0] == "memory"
