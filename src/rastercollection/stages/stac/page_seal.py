"""The last line of a preview page, by which it is known to be as it was written, whichever job wrote it. Pure."""

from __future__ import annotations

import hashlib

__all__ = ["is_sealed_page", "sealed_page"]

_BEFORE, _BEHIND = b"<!-- sha256 of collection and page: ", b" -->\n"


def sealed_page(text: str, collection: str) -> bytes:
    """A page with one line more, which tells its digest together with that of the collection that it shows."""
    page = text.encode()
    return page + _seal(page, collection)


def is_sealed_page(page: bytes, collection: str) -> bool:
    """Whether a page is as :func:`sealed_page` made it, of the collection of this digest."""
    above, before, rest = page.rpartition(_BEFORE)
    return before + rest == _seal(above, collection)


def _seal(page: bytes, collection: str) -> bytes:
    return _BEFORE + hashlib.sha256(collection.encode() + page).hexdigest().encode() + _BEHIND
