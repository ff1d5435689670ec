"""Collections whose links to items are divided among child catalogs, the parts: the one place that reads them. Pure.

A part holds nothing but links to items, whose addresses do not depend on it; a collection's link to one tells how many.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rastercollection.stac.published import links_of
from rastercollection.stac.terms import PART_ITEMS

__all__ = ["PARTS", "item_count", "part_links", "whole"]

Json = Mapping[str, Any]

PARTS = "./parts/"
"""What the hrefs of parts begin with, in the collection's document."""


def part_links(collection: Json) -> list[dict[str, Any]]:
    """The links of a collection to its parts; none where it links to its items itself."""
    return [link for link in links_of(collection, "child") if _is_part(link)]


def _is_part(link: Json) -> bool:
    return isinstance(link.get(PART_ITEMS), int) and str(link.get("href", "")).startswith(PARTS)


def item_count(collection: Json) -> int:
    """How many items a collection links to, itself or by its parts, which need not be read for that."""
    return len(links_of(collection, "item")) + sum(int(link[PART_ITEMS]) for link in part_links(collection))


def whole(collection: Json, read: Callable[[str], Json | None]) -> dict[str, Any]:
    """The document as if all items were linked from it: with the links of its parts, besides those to the parts.

    Args:
        collection: The document.
        read: Reads a part, by its href from the collection; None is one that is left out.
    """
    hrefs = [str(link["href"]) for link in part_links(collection)]
    if not hrefs:
        return dict(collection)
    found = [link for href in hrefs for link in links_of(read(href) or {}, "item") if "href" in link]
    moved = [{**link, "href": _from_collection(str(link["href"]))} for link in found]
    return {**collection, "links": [*collection["links"], *moved]}


def _from_collection(href: str) -> str:
    """An href of a part, as seen from the collection's document, which lies one folder above."""
    if "://" in href or href.startswith("/"):
        return href
    return f"./{href[3:]}" if href.startswith("../") else f"{PARTS}{href.removeprefix('./')}"
