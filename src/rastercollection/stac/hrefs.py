"""Links between published objects, relative where they lie together. Pure, no I/O."""

from __future__ import annotations

import functools
import os
import posixpath
import re
from urllib.parse import quote, urljoin

from rastercollection.errors import BackendError
from rastercollection.ports import addresses

__all__ = ["absolute_href", "followed_href", "page_href", "relative_href"]

_PAGE_SCHEMES = ("http", "https", "file", "s3", "gs", "az", "abfs", "abfss", "memory")


def relative_href(target: str, document: str) -> str | None:
    """How a JSON document links to ``target``: ``./x.tif``, ``../cogs/x.tif``; None where only the address will do.

    Both are absolute, as :func:`~rastercollection.ports.addresses.public_url` gives them. There is a relative path
    between two local files and between two objects of one container or host. A name with ``#``, ``?`` or ``%`` that is
    not part of a web address gets none: readers disagree on what it means in a relative link.
    """
    link = _relative(target, document)
    if link is None or (re.search(r"[#?%]", link) and not _is_web(target)):
        return None
    return link


def absolute_href(link: str, document: str) -> str:
    """The address that a JSON document at ``document`` links to: the reverse of :func:`relative_href`."""
    if addresses.split_scheme(link)[0] or _is_absolute_path(link):
        return link
    place, path = _place(document)
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), link))
    if place is None or place[0] == "file":
        return target
    scheme, host = place
    return f"{scheme}://{host}{target}"


def followed_href(link: str, document: str) -> str:
    """Like :func:`absolute_href`, for documents that anyone may have written: what it returns may be opened.

    Raises:
        BackendError: The link is empty or of a kind that is not accepted; it leads from a document elsewhere to a file
            of this machine, or to a kind of store that is neither common nor the document's own.
    """
    target = urljoin(document, link) if _is_web(document) else absolute_href(link, document)
    scheme = addresses.accepted(target)[0]
    if scheme and scheme not in (*addresses.SCHEMES, addresses.split_scheme(document)[0]):
        shown = addresses.public_form(document)
        raise BackendError(
            f"{shown} links to {target!r}, which is not followed: nobody asked for {scheme}://.", "", shown
        )
    if addresses.is_local(target) and not addresses.is_local(document):
        raise BackendError(
            f"{addresses.public_form(document)} links to {target!r}, a file of this machine.",
            "Documents that are read from elsewhere must not.",
            addresses.public_form(document),
        )
    return addresses.normalise(target)


def page_href(target: str, page: str) -> str:
    """How an HTML page links to ``target``, percent-encoded, relative where there is a relative path."""
    link = _relative(target, page)
    if link is not None:
        return link if _is_web(target) else quote(link)
    if _is_absolute_path(target):
        return "file://" + quote(addresses.local_path(target).replace(os.sep, "/"))
    return target if addresses.split_scheme(target)[0] in _PAGE_SCHEMES else ""


def _relative(target: str, document: str) -> str | None:
    place, path = _place(target)
    own_place, own_path = _place(document)
    if place is None or place != own_place:
        return None
    link = posixpath.relpath(path, posixpath.dirname(own_path))
    return link if link.startswith("../") else f"./{link}"


@functools.lru_cache(maxsize=64)
def _place(url: str) -> tuple[tuple[str, str] | None, str]:
    """Scheme and host, and the path from there; None as the place of something that has none."""
    if addresses.url_problem(url) or (addresses.split_scheme(url)[0] == "" and not _is_absolute_path(url)):
        return None, url
    if addresses.is_local(url):
        return ("file", ""), addresses.local_path(url).replace(os.sep, "/")
    scheme, rest = addresses.split_scheme(url)
    host, _, path = rest.partition("/")
    return (scheme, host), f"/{path}"


def _is_absolute_path(url: str) -> bool:
    return addresses.split_scheme(url)[0] == "" and os.path.isabs(url)


def _is_web(url: str) -> bool:
    return addresses.split_scheme(url)[0] in addresses.HTTP_SCHEMES
