"""File systems that fsspec knows beside those of the bundled storage: which there are, and how one is opened."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from rastercollection.backends.storage.private_hosts import check_host
from rastercollection.errors import BackendError
from rastercollection.ports.addresses import SCHEMES, accepted, public_form, split_scheme

__all__ = ["check_protocol", "file_system", "is_protocol", "unknown_protocol"]

_WITHOUT_ADDRESSES = frozenset(
    (
        "async_wrapper",
        "asynclocal",
        "asyncwrapper",
        "blockcache",
        "cached",
        "data",
        "filecache",
        "generic",
        "simplecache",
    )
)
"""They stand before other file systems, or this machine's: there is nothing that one has to reach through them."""

_BROUGHT_BY = {"ipfs": "ipfsspec", "ipns": "ipfsspec"}
"""Packages of well-known protocols that fsspec itself has no word of."""


def is_protocol(scheme: str) -> bool:
    """Whether addresses may have this scheme: a bundled one, or a protocol in fsspec's registry, installed or not."""
    if scheme in SCHEMES or not scheme:
        return True
    from fsspec.registry import known_implementations, registry

    return scheme not in _WITHOUT_ADDRESSES and (scheme in known_implementations or scheme in registry)


def unknown_protocol(scheme: str) -> str:
    """Why addresses with a scheme lead nowhere, and the way out, after "must"."""
    if scheme in _BROUGHT_BY:
        return f"have a scheme that fsspec knows: {scheme} is brought by a package, pip install {_BROUGHT_BY[scheme]}"
    return f"be a local path, or have a scheme that fsspec, or a storage backend of one's own, knows: {scheme} is none"


def check_protocol(url: str, *, allow_private_hosts: bool) -> str:
    """The scheme of an address that the bundled storage can be asked about.

    Raises:
        BackendError: It is not accepted, or fsspec knows no such protocol.
        PrivateAddressError: Its host is in a private network.
    """
    scheme = accepted(url)[0]
    if scheme in SCHEMES or not scheme:
        return scheme
    if not is_protocol(scheme):
        shown = public_form(url)
        raise BackendError(f"The address {shown!r} is not accepted: it must {unknown_protocol(scheme)}.", "", shown)
    if not allow_private_hosts:
        _check_host(url, scheme)
    return scheme


def _check_host(url: str, scheme: str) -> None:
    import fsspec

    with contextlib.suppress(ImportError):  # told of when it is opened
        host = fsspec.get_filesystem_class(scheme)._get_kwargs_from_urls(url).get("host")
        if host:
            check_host(url, host)


def file_system(url: str, options: Mapping[str, Any]) -> Any:
    """The file system of an address with such a protocol; what it takes from the address, such as a host, is told it.

    Raises:
        BackendError: A package is missing; it is named as fsspec names it.
    """
    import fsspec

    scheme = split_scheme(url)[0]
    try:
        kind = fsspec.get_filesystem_class(scheme)
        return kind(**{**kind._get_kwargs_from_urls(url), **options})
    except ImportError as error:
        raise BackendError(
            f"Storage at {scheme}:// needs a package that is not installed: {error}.",
            "Install the package that this names.",
            public_form(url),
        ) from error
