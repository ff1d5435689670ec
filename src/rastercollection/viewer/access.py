"""What every request to the viewer passes: it must come for this server, and not from another site. Plain ASGI."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

from rastercollection.viewer.origins import Headers, guest_headers, guest_of, preflight_headers

__all__ = ["Guard", "accepted_hosts", "is_loopback", "pass_path"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        # notebooks show it in a frame
        "frame-ancestors 'self' http://localhost:* http://127.0.0.1:* vscode-webview:",
    )
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
VARY = (b"vary", b"Origin")


def accepted_hosts(host: str) -> frozenset[str]:
    """Names under which a server that listens on ``host`` is asked for; addresses in figures aside.

    Only names can be turned to another address by whoever owns them.
    """
    own = set() if is_loopback(host) else {socket.gethostname().lower(), socket.getfqdn().lower()}
    return frozenset({"localhost", host.lower(), *own})


def is_loopback(host: str) -> bool:
    """Whether a server that listens on ``host`` can be reached from its own machine alone."""
    if host.lower() == "localhost":
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


class Guard:
    """Refuses requests by a name that is not the server's (DNS rebinding) and what other sites embed; adds headers.

    Args:
        app: Where accepted requests go.
        host: What the server listens on.
        origins: Whose pages may read from the server, too.
        pass_word: Behind a proxy a server is asked for by the proxy's name: it answers where the path begins with
            ``/~`` and this, which no page of another site knows. Empty lets in its own names only.
    """

    def __init__(
        self,
        app: Callable[[Scope, Receive, Send], Awaitable[None]],
        host: str,
        origins: frozenset[str] = frozenset(),
        pass_word: str = "",
    ) -> None:
        self._app = app
        self._pass = pass_path(pass_word) if pass_word else ""
        self._origins = origins
        self._names = accepted_hosts(host)
        self._only_loopback = is_loopback(host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {bytes(name).lower(): bytes(value).decode("latin-1") for name, value in scope["headers"]}
        guest = guest_of(headers, self._origins)
        added = (*HEADERS, *((VARY,) if self._origins else ()), *(guest_headers(guest) if guest else ()))

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*_without(message.get("headers", ()), added), *added]
            await send(message)

        passed = _without_pass(scope, self._pass)
        if passed is None and not self._is_for_us(headers.get(b"host", "")):
            await _refuse(guarded, 421, "This server is not the one that the request names.")
        elif guest and scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await _answer(guarded, 204, preflight_headers(headers))
        elif not guest and _is_embedded(headers):
            await _refuse(guarded, 403, "Pages of other sites must not read from this server.")
        else:
            await self._app(passed or scope, receive, guarded)

    def _is_for_us(self, value: str) -> bool:
        name = _host_name(value)
        address = _address(name)
        if address is None:
            return name in self._names
        return address.is_loopback or not self._only_loopback


def pass_path(pass_word: str) -> str:
    """What paths begin with that come by way of a proxy; it ends with a slash."""
    return f"/~{pass_word}/"


def _without_pass(scope: Scope, expected: str) -> Scope | None:
    """The request as if it had come without the word; None where it did not bring it."""
    if not expected:
        return None
    path = str(scope["path"])
    if not hmac.compare_digest(path[: len(expected)].encode(), expected.encode()):
        return None
    raw = scope.get("raw_path")
    shortened = {} if raw is None else {"raw_path": b"/" + bytes(raw).split(b"/", 2)[-1]}
    return {**scope, "path": path[len(expected) - 1 :], **shortened}


def _is_embedded(headers: Mapping[bytes, str]) -> bool:
    """Whether a page of another site asks, for itself."""
    return headers.get(b"sec-fetch-site") == "cross-site" and headers.get(b"sec-fetch-mode") != "navigate"


def _host_name(value: str) -> str:
    """The name in a Host header, without port and brackets."""
    if value.startswith("["):
        return value[1:].partition("]")[0]
    return value.partition(":")[0].lower().rstrip(".")


def _without(
    headers: Iterable[tuple[bytes, bytes]], replaced: Iterable[tuple[bytes, bytes]]
) -> list[tuple[bytes, bytes]]:
    names = {name for name, _ in replaced}
    return [(name, value) for name, value in headers if name.lower() not in names]


async def _refuse(send: Send, status: int, reason: str) -> None:
    await _answer(send, status, ((b"content-type", b"text/plain; charset=utf-8"),), f"{reason}\n".encode())


async def _answer(send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})
