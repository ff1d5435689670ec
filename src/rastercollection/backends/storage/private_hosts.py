"""Web addresses that lead into this machine's own networks: refused unless the program allows them.

An address may come from a stranger, who can reach a service and not what the service can reach: its loopback interface,
its neighbours, the metadata server of its cloud, which hands out credentials.
"""

from __future__ import annotations

import functools
import ipaddress
import socket
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import urljoin, urlsplit

from rastercollection.errors import PrivateAddressError
from rastercollection.ports.addresses import HTTP_SCHEMES, public_form, split_scheme

__all__ = ["check_host", "check_public", "guarded_client", "is_private"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
_REMEMBERED_SECONDS = 60


def check_public(url: str) -> None:
    """That a web address does not lead to a host that only this machine, or its network, can reach.

    Raises:
        PrivateAddressError: It does.
    """
    if is_private(url):
        raise _refused(url)


def check_host(url: str, host: str) -> None:
    """Likewise, of the host in an address that is no web address; names that no host has lead nowhere.

    Raises:
        PrivateAddressError: It is in this machine's own networks.
    """
    if _leads_inside(host, int(time.time() / _REMEMBERED_SECONDS)):
        raise _refused(url)


def is_private(url: str) -> bool:
    """Whether any address of the host of a web address is no public one; False for all that is no web address."""
    if split_scheme(url)[0] not in HTTP_SCHEMES:
        return False
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:  # such as http://[::1
        return True
    return _leads_inside(host, int(time.time() / _REMEMBERED_SECONDS))


@functools.lru_cache(maxsize=256)
def _leads_inside(host: str, _: int) -> bool:
    """The system's resolver also reads numbers as it likes them: 2130706433, 0x7f.1 and 017700000001 are 127.0.0.1."""
    try:
        found = socket.getaddrinfo(host.rstrip("."), None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False  # nobody can connect to it from here; a proxy may
    return _any_private(str(info[4][0]) for info in found)


def _any_private(addresses: Iterable[str]) -> bool:
    return any(not _is_public(ipaddress.ip_address(address.partition("%")[0])) for address in addresses)


def _is_public(address: Address) -> bool:
    inner: Address | None = None
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _TRANSLATED:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return _is_public(inner) if inner else address.is_global and not address.is_multicast


def _refused(url: str) -> PrivateAddressError:
    shown = public_form(url)
    return PrivateAddressError(
        f"{shown} is on this machine, in its private network, or a cloud's metadata server.",
        "Set allow_private_hosts=True if the address is the program's own and not a stranger's.",
        shown,
    )


async def guarded_client(**options: Any) -> Any:
    """A client session of aiohttp, as fsspec takes it, that checks every host anew: redirected ones, too."""
    import aiohttp
    from aiohttp.resolver import ThreadedResolver

    class Resolver(ThreadedResolver):  # type: ignore[misc]
        async def resolve(self, host: str, *args: Any, **more: Any) -> Any:
            found = await super().resolve(host, *args, **more)
            if _any_private(str(entry["host"]) for entry in found):
                raise _refused(f"http://{host}")
            return found

    async def redirected(_: Any, __: Any, params: Any) -> None:
        check_public(urljoin(str(params.url), params.response.headers.get("Location", "")))

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(redirected)
    guarded = {"connector": aiohttp.TCPConnector(resolver=Resolver())} if "connector" not in options else {}
    return aiohttp.ClientSession(**{**options, **guarded, "trace_configs": [*options.get("trace_configs", ()), trace]})
