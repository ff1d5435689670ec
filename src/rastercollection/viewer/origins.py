"""Which other sites' pages may read from the viewer, and what browsers are told of it (CORS). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from rastercollection.errors import ViewError

__all__ = ["allowed_origins", "guest_headers", "guest_of", "preflight_headers"]

Headers = tuple[tuple[bytes, bytes], ...]

_USUAL_PORTS = {"http": 80, "https": 443}
_SHOWN = b"Accept-Ranges, Content-Length, Content-Range, ETag"
_SECONDS = b"600"


def allowed_origins(given: Iterable[str]) -> frozenset[str]:
    """Origins as browsers send them: ``https://maps.example``, with a port where it is not the scheme's own.

    Raises:
        ViewError: One is no origin; ``*`` and ``null`` stand for anybody's, and are none.
    """
    found = {text: _origin(text) for text in given}
    wrong = [text for text, origin in found.items() if not origin or urlsplit(text).path not in ("", "/")]
    if wrong:
        raise ViewError(
            f"{wrong[0]!r} is not the origin of a site.", "Give scheme, host and port alone: https://maps.example:8443."
        )
    return frozenset(found.values())


def _origin(address: str) -> str:
    """The origin of an address; empty where it has none."""
    try:
        parts = urlsplit(address)
        name, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme not in _USUAL_PORTS or not name or "@" in parts.netloc or "*" in name:
        return ""
    shown = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{shown}" + ("" if port in (None, _USUAL_PORTS[parts.scheme]) else f":{port}")


def guest_of(headers: Mapping[bytes, str], allowed: frozenset[str]) -> str:
    """The allowed origin that a request comes from; empty for any other.

    Pictures that a page embeds as they are come without ``Origin``, but tell the page that asks. No page can have its
    browser tell another.
    """
    told = headers.get(b"origin")
    origin = _origin(headers.get(b"referer", "")) if told is None else told
    return origin if origin in allowed else ""


def guest_headers(origin: str) -> Headers:
    """What lets pages of an origin read an answer."""
    return (
        (b"access-control-allow-origin", origin.encode()),
        (b"access-control-expose-headers", _SHOWN),
        (b"cross-origin-resource-policy", b"cross-origin"),
    )


def preflight_headers(headers: Mapping[bytes, str]) -> Headers:
    """The answer to a browser that asks whether a page may send a request: one that reads, of a part, or a POST."""
    private = headers.get(b"access-control-request-private-network") == "true"
    return (
        (b"access-control-allow-methods", b"GET, HEAD, POST"),
        (b"access-control-allow-headers", b"Content-Type, If-Match, If-None-Match, Range"),
        (b"access-control-max-age", _SECONDS),
        *(((b"access-control-allow-private-network", b"true"),) if private else ()),
    )
