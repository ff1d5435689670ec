"""Several storage backends as one: each has the addresses of its scheme, and the bundled one has all others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import attrs

from rastercollection.core.guard import Guard
from rastercollection.core.lease import Mark
from rastercollection.core.temporaries import temporary_folder
from rastercollection.ports.addresses import SCHEMES, split_scheme
from rastercollection.ports.guarded import guarded_storage
from rastercollection.ports.registries import STORAGE
from rastercollection.ports.storage import GdalSource, ObjectInfo, StorageBackend, Sweepable

__all__ = ["BUNDLED", "RoutedStorage", "is_registered", "storage_for"]

BUNDLED = "fsspec"
"""The name of the bundled backend, which has all addresses that no other one has."""


def is_registered(scheme: str) -> bool:
    """Whether a package brings a storage backend for a scheme; those of the bundled one are nobody else's."""
    return bool(scheme) and scheme not in (*SCHEMES, BUNDLED) and scheme in STORAGE.names()


def storage_for(used: Iterable[str], make: Callable[[str], StorageBackend]) -> StorageBackend:
    """The bundled backend, and beside it those whose names are schemes of addresses that are used.

    Args:
        used: Addresses that it is going to be asked about.
        make: A backend by its name in the registry.
    """
    own = sorted(scheme for scheme in {split_scheme(url)[0] for url in used} if is_registered(scheme))
    usual = make(BUNDLED)
    return RoutedStorage(usual, {scheme: make(scheme) for scheme in own}) if own else usual


@attrs.frozen
class RoutedStorage:
    """What is asked of an address is asked of the backend that has its scheme.

    Attributes:
        usual: Of all addresses whose scheme none of the others has.
        others: By scheme.
    """

    usual: StorageBackend
    others: Mapping[str, StorageBackend] = attrs.field(hash=False)

    def guarded(self, guard: Guard) -> RoutedStorage:
        """A copy of which every backend asks the guard before its effects."""
        others = {scheme: guarded_storage(one, guard) for scheme, one in self.others.items()}
        return RoutedStorage(guarded_storage(self.usual, guard), others)

    def _of(self, url: str) -> StorageBackend:
        return self.others.get(split_scheme(url)[0], self.usual)

    def exists(self, url: str) -> bool:
        """Whether an object or a folder is there."""
        return self._of(url).exists(url)

    def stat(self, url: str) -> ObjectInfo:
        """Size and version without reading."""
        return self._of(url).stat(url)

    def list(self, url: str, *, deep: bool = True) -> Iterator[ObjectInfo]:
        """All objects below a folder, sorted by URL."""
        return self._of(url).list(url, deep=deep)

    def read(self, url: str, start: int = 0, end: int | None = None) -> bytes:
        """The bytes from ``start`` up to ``end``, not included."""
        return self._of(url).read(url, start, end)

    def write(self, url: str, data: bytes, *, overwrite: bool = True) -> ObjectInfo:
        """Write a whole object."""
        return self._of(url).write(url, data, overwrite=overwrite)

    def put(self, local_path: str, url: str, *, overwrite: bool = True) -> ObjectInfo:
        """Likewise, from a local file."""
        return self._of(url).put(local_path, url, overwrite=overwrite)

    def get(self, url: str, local_path: str) -> None:
        """Copy an object to a local file."""
        self._of(url).get(url, local_path)

    def copy(self, source_url: str, target_url: str) -> ObjectInfo:
        """Copy an object: by its backend, and between two of them through a temporary file of this machine."""
        source, target = self._of(source_url), self._of(target_url)
        if source is target:
            return source.copy(source_url, target_url)
        with temporary_folder(Mark()) as folder:
            passing = str(folder / "object")
            source.get(source_url, passing)
            return target.put(passing, target_url)

    def delete(self, url: str) -> None:
        """Remove an object; one that is not there is fine."""
        self._of(url).delete(url)

    def sweep(self, url: str, is_over: Callable[[Mark], bool], *, deep: bool = False) -> Sequence[str]:
        """Remove temporary files of owners that are gone, where the backend knows such."""
        backend = self._of(url)
        return backend.sweep(url, is_over, deep=deep) if isinstance(backend, Sweepable) else ()

    def public_url(self, url: str) -> str:
        """The address other programs read it by."""
        return self._of(url).public_url(url)

    def gdal_source(self, url: str) -> GdalSource | None:
        """How GDAL opens it in place; None where it is to be fetched."""
        return self._of(url).gdal_source(url)

    def is_process_local(self, url: str) -> bool:
        """Whether only this process sees the object."""
        return self._of(url).is_process_local(url)
