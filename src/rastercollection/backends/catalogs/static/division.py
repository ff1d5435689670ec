"""How links to very many items are divided among documents of a static collection. Pure, no I/O.

By the day of acquisition: years, of which those with too many items are divided into months, these into days, and days
by a hash of the items' ids. So what a job appends of a month changes the parts of that month, what lies in one part was
acquired at about one time, and it follows from the items alone, not from the order in which they came, what is where.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from rastercollection.backends.catalogs.static.documents import (
    COLLECTION_TITLE,
    ROOT_TITLE,
    STAC_VERSION,
    ItemLink,
    encode,
)
from rastercollection.core.records import multihash
from rastercollection.stac.parts import PARTS
from rastercollection.stac.published import when_acquired
from rastercollection.stac.terms import FILE, FILE_CHECKSUM, FILE_SIZE, JSON_TYPE, PART_DAY, PART_ITEMS, PART_OF

__all__ = ["MOST_LINKS", "UNDATED", "Part", "day_of", "divided"]

MOST_LINKS = 1000
"""Links to items in one document."""
UNDATED = "undated"
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_DIGITS = (4, 7, 10)
"""Of a day, those that tell year, month and day."""


@attrs.frozen(kw_only=True)
class Part:
    """A document of links to items.

    Attributes:
        name: What the items have in common: ``2019``, ``2019-07``, ``2019-07-14``, ``2019-07-14-a``, ``undated``.
        data: The document.
        count: How many items it links to.
    """

    name: str
    data: bytes = attrs.field(repr=False)
    count: int

    @property
    def href(self) -> str:
        """From the collection. It depends on the content: no part that anybody may read is ever overwritten."""
        return f"{PARTS}{self.name}-{multihash(self.data)[-12:]}.json"

    @property
    def link(self) -> dict[str, Any]:
        """The collection's link to it."""
        return {
            "rel": "child",
            "href": self.href,
            "type": JSON_TYPE,
            "title": self.name,
            FILE_CHECKSUM: multihash(self.data),
            FILE_SIZE: len(self.data),
            PART_ITEMS: self.count,
        }


def day_of(item: Mapping[str, Any]) -> str:
    """The day on which an item was acquired, or began to be; ``undated`` where that is not known."""
    day = when_acquired(item["properties"])[:10]
    return day if _DAY.fullmatch(day) else UNDATED


def divided(links: Sequence[ItemLink], collection_id: str, most: int) -> list[Part]:
    """The parts that hold these links, ``most`` in each at the most; none where the collection can hold all itself.

    Args:
        links: To items whose days are known.
        collection_id: The collection.
        most: Links in a document.
    """
    if len(links) <= most:
        return []
    found = _groups(links, 0, most)
    return [_part(name, group, collection_id) for name, group in sorted(found)]


def _groups(links: Sequence[ItemLink], depth: int, most: int) -> Iterator[tuple[str, Sequence[ItemLink]]]:
    groups: dict[str, list[ItemLink]] = defaultdict(list)
    for link in links:
        groups[_name(link, depth)].append(link)
    for name, group in groups.items():
        if len(group) <= most:
            yield name, group
        else:
            yield from _groups(group, depth + 1, most)


def _name(link: ItemLink, depth: int) -> str:
    """Of the part that holds an item where parts are divided so many times."""
    day = link.day or UNDATED
    if depth < len(_DIGITS):
        return day if day == UNDATED else day[: _DIGITS[depth]]
    digits = depth + 1 - len(_DIGITS)
    return f"{day}-{hashlib.sha256(link.item_id.encode('utf-8', 'surrogatepass')).hexdigest()[:digits]}"


def _part(name: str, links: Sequence[ItemLink], collection_id: str) -> Part:
    ordered = sorted(links, key=lambda link: link.item_id)
    document = {
        "type": "Catalog",
        "id": f"{collection_id}-{name}",
        "stac_version": STAC_VERSION,
        "stac_extensions": [FILE],
        "title": name,
        "description": f"Items of the collection {collection_id}: {name}",
        PART_OF: collection_id,
        "links": [
            {"rel": "root", "href": "../../catalog.json", "type": JSON_TYPE, "title": ROOT_TITLE},
            {"rel": "parent", "href": "../collection.json", "type": JSON_TYPE, "title": COLLECTION_TITLE},
            *({**link.to_dict(), "href": f".{link.href}", PART_DAY: link.day} for link in ordered),
        ],
    }
    return Part(name=name, data=encode(document, name), count=len(links))
