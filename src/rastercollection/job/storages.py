"""Which storage backend has the addresses of a job: the bundled one, one by name, or those that have their schemes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import attrs

from rastercollection.backends.storage.protocols import is_protocol, unknown_protocol
from rastercollection.backends.storage.routed import BUNDLED, is_registered, storage_for
from rastercollection.errors import RequestProblem
from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.model import checks
from rastercollection.model.request import CollectionRequest
from rastercollection.ports import addresses
from rastercollection.ports.registries import STORAGE
from rastercollection.ports.storage import StorageBackend

__all__ = ["containers_of", "is_storage_address", "open_storage", "unknown_schemes"]

CONTAINERS = ("container_name", "output_container", "mosaicjson_container")


def open_storage(options: RuntimeOptions, used: Iterable[str] = ()) -> StorageBackend:
    """The storage backend: an instance as it is, a name from the registry with the storage options.

    Where none is named, addresses among ``used`` whose scheme is the name of a registered backend are that one's.
    """
    if options.storage is not None and not isinstance(options.storage, str):
        return options.storage
    if options.storage is not None:
        return _made(options.storage, options)
    return storage_for(used, lambda name: _made(name, options))


def _made(name: str, options: RuntimeOptions) -> StorageBackend:
    made = STORAGE.load(name)(options.storage_options)
    if options.allow_private_hosts and hasattr(made, "allow_private_hosts"):
        made = attrs.evolve(made, allow_private_hosts=True)
    return cast(StorageBackend, made)


def containers_of(request: CollectionRequest, options: RuntimeOptions) -> list[str]:
    """All addresses that a job's storage is asked about; of the catalog's, which may hold a password, the scheme."""
    containers = [getattr(request, name) for name in CONTAINERS]
    if not isinstance(options.catalog, str):
        return containers
    return [*containers, f"{addresses.split_scheme(options.catalog)[0]}://"]


def is_storage_address(address: str) -> bool:
    """Whether an address has no scheme, or one that some storage backend knows."""
    scheme = addresses.split_scheme(address)[0]
    return is_registered(scheme) or is_protocol(scheme)


def unknown_schemes(request: CollectionRequest, options: RuntimeOptions) -> Sequence[RequestProblem]:
    """Containers with a scheme that nobody knows; a storage backend that was passed in, or named, is not judged."""
    if options.storage not in (None, BUNDLED):
        return []
    found = []
    for name in CONTAINERS:
        url = getattr(request, name)
        if not is_storage_address(url):
            scheme, known = addresses.split_scheme(url)[0], (*addresses.SCHEMES, *STORAGE.names())
            allowed = f"must {unknown_protocol(scheme)}{checks.close_to(scheme, known)}"
            found.append(RequestProblem(name, repr(url), allowed))
    return found
