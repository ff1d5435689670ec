"""Addresses of containers and objects: pure functions, no I/O.

An address is a local path, taken as it is (``/data/a b#1.tif``), a ``file://`` URI, percent-encoded as RFC 8089 says
(``file:///data/a%20b%231.tif``), or ``scheme://container/key``, where the key is taken as it is. Which schemes there
are besides :data:`SCHEMES`, storage backends know: here, any name will do.

The functions that look for problems return the end of a sentence (``must not be empty``), or nothing.
"""

from __future__ import annotations

import os
import re
from urllib.parse import quote_from_bytes, unquote

from rastercollection.errors import BackendError

__all__ = [
    "SCHEMES",
    "accepted",
    "blob_problem",
    "container_problem",
    "is_local",
    "join",
    "local_path",
    "normalise",
    "public_form",
    "public_url",
    "relative",
    "sibling",
    "split_scheme",
    "unicode_problem",
    "url_problem",
]

AZURE_SCHEMES = ("az", "abfs", "abfss")
HTTP_SCHEMES = ("http", "https")
LOCAL_SCHEMES = ("", "file", "local")
SCHEMES = ("file", "local", "memory", "s3", "s3a", "gs", "gcs", *AZURE_SCHEMES, *HTTP_SCHEMES)
"""Schemes that the bundled storage knows by itself; an address without a scheme is a local path."""

WITH_REVISIONS = ("github",)
"""Schemes of ``owner:repository@revision``, which looks like a login and is none."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+._-]+)://(.*)", re.DOTALL)
_DRIVE = re.compile(r"[A-Za-z]:")
_IPV6 = re.compile(r"(?<=://)\[[0-9A-Fa-f:.]+\]")


def split_scheme(url: str) -> tuple[str, str]:
    """The scheme in lower case and what follows ``://``; the scheme of a plain path is empty."""
    match = _SCHEME.fullmatch(url)
    return (match[1].lower(), match[2]) if match else ("", url)


def is_local(url: str) -> bool:
    """Whether the address is a path on this machine."""
    return split_scheme(url)[0] in LOCAL_SCHEMES


def url_problem(url: str) -> str:
    """What is wrong with an address; empty when it is accepted."""
    if not url.strip():
        return "must not be empty"
    if "\0" in url:
        return "must not contain a NUL character"
    if "::" in _IPV6.sub("", url):
        return "must not chain file systems with '::'"
    scheme, rest = split_scheme(url)
    return _local_problem(scheme, rest) if scheme in LOCAL_SCHEMES else _remote_problem(scheme, rest)


def _local_problem(scheme: str, rest: str) -> str:
    if scheme and not rest.removeprefix("localhost").startswith("/"):
        return f"must have an absolute path: {scheme}:///folder"
    if ("/" + _path(scheme, rest).replace("\\", "/").lstrip("/")).lower().startswith("/vsi"):
        return "must not be one of GDAL's virtual file systems (/vsi…)"
    return ""


def _remote_problem(scheme: str, rest: str) -> str:
    host = rest.partition("/")[0]
    if scheme == "memory":
        return ""
    if not host:
        return f"must name a container or host: {scheme}://container"
    if _has_login(scheme, host):
        return "must not contain a password, or the name of a key: pass credentials in storage_options"
    if "?" in rest and scheme not in HTTP_SCHEMES:
        return "must not have a query string ('?'): pass credentials in storage_options"
    return ""


def _has_login(scheme: str, host: str) -> bool:
    """Whether a host has something before it that may be a secret; a mere user name is none."""
    login, at, _ = host.rpartition("@")
    if not at or scheme in WITH_REVISIONS:
        return False
    if scheme in AZURE_SCHEMES:
        return ":" in host
    return ":" in login or scheme in SCHEMES  # web servers take tokens as names, buckets have none but keys


def container_problem(url: str) -> str:
    """What is wrong with the address of a container; empty when it is accepted."""
    problem = url_problem(url) or unicode_problem(url)
    if not problem and split_scheme(url)[0] in HTTP_SCHEMES and ("?" in url or "#" in url):
        return "must not have a query string or fragment: names are joined to it"
    return problem


def blob_problem(name: str) -> str:
    """What is wrong with a name relative to a container: it could lead out of it, or cannot be written in JSON."""
    if not name.strip():
        return "must not be empty"
    if "\0" in name:
        return "must not contain a NUL character"
    if "\\" in name:
        return "must not contain a backslash: separate folders with '/'"
    if "::" in name or "://" in name:
        return "must be relative to the container, not a URL"
    if name.startswith("/") or _DRIVE.match(name):
        return "must be relative to the container, not an absolute path"
    if ".." in name.split("/"):
        return "must not lead out of the container with '..'"
    return unicode_problem(name)


def unicode_problem(text: str) -> str:
    """What is wrong with a text that no file, or no database, can hold.

    Bytes of another encoding, which Python keeps as surrogates, and NUL, which PostgreSQL has no way to store.
    """
    if "\0" in text:
        return "must not contain a NUL character"
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        return "must be valid Unicode: rename what it names, or run under the locale that it is written in"
    return ""


def accepted(url: str) -> tuple[str, str]:
    """Like :func:`split_scheme`, for an address that was checked.

    Raises:
        BackendError: :func:`url_problem` found something.
    """
    problem = url_problem(url)
    if problem:
        shown = public_form(url)
        raise BackendError(f"The address {shown!r} is not accepted: it {problem}.", "", shown)
    return split_scheme(url)


def _path(scheme: str, rest: str) -> str:
    if not scheme:
        return os.path.abspath(rest)
    path = unquote(rest.removeprefix("localhost"), errors="surrogateescape")
    return os.path.abspath(path[1:] if os.name == "nt" and _DRIVE.match(path[1:]) else path)


def local_path(url: str) -> str:
    """The absolute path of a local address.

    Raises:
        BackendError: It is not local, or not accepted at all.
    """
    scheme, rest = accepted(url)
    if scheme not in LOCAL_SCHEMES:
        raise BackendError(f"{public_form(url)} is not on this machine.", "", public_form(url))
    return _path(scheme, rest)


def normalise(url: str) -> str:
    """The one spelling of a container that jobs are recorded with; what is not accepted comes back as it is.

    Local paths become absolute (``~`` expanded) and ``file://`` URIs become plain paths, so that
    ``f"{container}/{blob}"`` is right for every name. Schemes are written in lower case, without a trailing slash.
    """
    if url_problem(url):
        return url
    scheme, rest = split_scheme(url)
    if scheme in LOCAL_SCHEMES:
        return _path(scheme, rest if scheme else os.path.expanduser(rest))
    return f"{scheme}://{rest.rstrip('/')}"


def join(container: str, *parts: str) -> str:
    """The address of an object: its raw name, given in parts, below the container.

    Below a ``file://`` container the name is percent-encoded; anywhere else it is kept as it is.
    """
    encode = _encode if split_scheme(container)[0] in ("file", "local") else str
    names = [encode(part.strip("/")) for part in parts if part.strip("/")]
    if not names:
        return container
    separator = "" if container.endswith("/") else "/"
    return container + separator + "/".join(names)


def _encode(name: str) -> str:
    return quote_from_bytes(os.fsencode(name))


def relative(container: str, url: str) -> str:
    """The raw name, with ``/``, of the object ``url`` below ``container``: the reverse of :func:`join`.

    Raises:
        BackendError: It is not below the container.
    """
    if is_local(container) and is_local(url):
        base, path = (local_path(address).replace(os.sep, "/") for address in (container, url))
    else:
        base, path = container, url
    base = base if base.endswith("/") else base + "/"
    if not path.startswith(base):
        shown = public_form(url)
        raise BackendError(f"{shown} is not below {public_form(container)}.", "", shown)
    return path[len(base) :]


def sibling(container: str, name: str) -> str:
    """The container called ``name`` beside ``container``.

    ``/data/bronze`` → ``/data/cogs``, ``s3://bucket/prefix`` → ``s3://bucket/cogs``, ``az://bronze`` → ``az://cogs``.

    Raises:
        BackendError: The address is not accepted.
    """
    scheme, rest = accepted(container)
    if not scheme:
        return os.path.join(os.path.dirname(os.path.abspath(rest)), name)
    parent, slash, last = rest.rstrip("/").rpartition("/")
    if scheme in LOCAL_SCHEMES:
        return f"{scheme}://{parent}/{_encode(name)}"
    if scheme in HTTP_SCHEMES and not slash:
        return f"{scheme}://{last}/{name}"
    account = last[last.index("@") :] if scheme in AZURE_SCHEMES and not slash and "@" in last else ""
    return f"{scheme}://{parent}{slash}{name}{account}"


def public_form(url: str) -> str:
    """The address without a login that may be secret, query string and fragment; local ones as they are."""
    scheme, rest = split_scheme(url)
    if scheme in (*LOCAL_SCHEMES, "memory"):
        return url
    host, slash, key = rest.partition("/")
    if _has_login(scheme, host):
        host = host.rpartition("@")[2]
    kept = f"{host}{slash}{key}".split("?", 1)[0]
    return f"{scheme}://{kept.split('#', 1)[0] if scheme in HTTP_SCHEMES else kept}"


def public_url(url: str) -> str:
    """The address other programs read an object by: an absolute path, or a URL without credentials and query.

    Raises:
        BackendError: The address is not accepted.
    """
    scheme, rest = accepted(url)
    return _path(scheme, rest) if scheme in LOCAL_SCHEMES else public_form(url)
