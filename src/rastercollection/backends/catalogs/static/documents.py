"""The documents of a static catalog: their names, links and bytes. Pure, no I/O."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from rastercollection.core.records import digest
from rastercollection.errors import BackendError
from rastercollection.stac.hrefs import absolute_href, relative_href
from rastercollection.stac.terms import FILE, FILE_CHECKSUM, FILE_SIZE, GEOJSON_TYPE, JSON_TYPE, MIRROR, PART_DAY

__all__ = [
    "ItemLink",
    "child_titles",
    "collection_document",
    "encode",
    "file_stems",
    "foreign_links",
    "item_document",
    "item_links",
    "items_digest",
    "mirror_of",
    "new_root",
    "placed",
    "sent_form",
    "with_children",
    "with_mirror",
]

Json = dict[str, Any]

STAC_VERSION = "1.1.0"
STRUCTURAL = frozenset({"root", "self", "parent", "child", "item", "items", "collection"})
MIRROR_KEY = "items"
ROOT_TITLE, COLLECTION_TITLE = "Catalog", "Collection"
"""Of links: whatever title the document that a link leads to has or will have."""

_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,119}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@attrs.frozen(kw_only=True)
class ItemLink:
    """A collection's link to an item's document, with what the document must be.

    ``day`` is when it was acquired, as far as it is known without reading the document.
    """

    item_id: str
    href: str
    checksum: str
    size: int
    day: str = ""

    def to_dict(self) -> Json:
        return {
            "rel": "item",
            "href": self.href,
            "type": GEOJSON_TYPE,
            "title": self.item_id,
            FILE_CHECKSUM: self.checksum,
            FILE_SIZE: self.size,
        }


def encode(document: Mapping[str, Any], target: str) -> bytes:
    """The JSON text of a document, laid out for reading: a line a field, three levels deep, and a line a link.

    Raises:
        BackendError: It holds a number that JSON does not have, or something that is no JSON at all.
    """
    try:
        return (_text(document, 3, "\n") + "\n").encode()
    except (TypeError, ValueError) as error:
        raise BackendError(f"{target} cannot be written as JSON: {error}.", "", target) from error


def _text(value: Any, levels: int, margin: str) -> str:
    # json's own indentation is slow, and gives every number of an outline a line
    inner = margin + "  "
    if levels and isinstance(value, Mapping) and value:
        fields = [f"{_text(str(key), 0, '')}: {_text(item, levels - 1, inner)}" for key, item in value.items()]
        return f"{{{inner}{f',{inner}'.join(fields)}{margin}}}"
    if levels and isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
        return f"[{inner}{f',{inner}'.join(_text(item, 0, '') for item in value)}{margin}]"
    return _JSON.encode(value)


def file_stems(ids: Iterable[str]) -> dict[str, str]:
    """File names, without extension, by id: the id itself where every file system takes it and tells it apart.

    Others get what can be kept of them and a hash.
    """
    every = list(ids)
    same = Counter(name.casefold() for name in every)
    return {name: name if _is_safe(name) and same[name.casefold()] == 1 else _hashed(name) for name in every}


def _is_safe(name: str) -> bool:
    return bool(_SAFE.fullmatch(name)) and not name.endswith(".") and not _RESERVED.fullmatch(name)


def _hashed(name: str) -> str:
    kept = re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:80]
    return f"{kept}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def item_document(item: Mapping[str, Any], url: str) -> Json:
    """The item as it is stored at ``url``: with links to its catalog, and hrefs relative where they can be."""
    links = [
        {"rel": "root", "href": "../../catalog.json", "type": JSON_TYPE, "title": ROOT_TITLE},
        {"rel": "parent", "href": "../collection.json", "type": JSON_TYPE, "title": COLLECTION_TITLE},
        {"rel": "collection", "href": "../collection.json", "type": JSON_TYPE, "title": COLLECTION_TITLE},
    ]
    return placed(item, url, links)


def sent_form(item: Mapping[str, Any], url: str) -> Json:
    """The reverse of :func:`item_document`: absolute hrefs, and no links to the catalog's own documents.

    Of collections, too, whose links to items go with the others.
    """
    links = [_absolute(link, url) for link in item.get("links", ()) if link.get("rel") not in STRUCTURAL]
    assets = {key: _absolute(asset, url) for key, asset in item.get("assets", {}).items()}
    return {**item, "links": links, "assets": assets}


def collection_document(
    collection: Mapping[str, Any],
    url: str,
    items: Sequence[ItemLink],
    foreign: Sequence[Mapping[str, Any]] = (),
    parts: Sequence[Mapping[str, Any]] = (),
) -> Json:
    """The collection as it is stored at ``url``, with links to its items, in an order that tells nothing of its past.

    Args:
        collection: The collection.
        url: Where it is stored.
        items: Links to our items.
        foreign: Links to items that other programs added, as they are.
        parts: Links to the parts that hold the links to our items, where it does not hold them itself.
    """
    links = [
        {"rel": "root", "href": "../catalog.json", "type": JSON_TYPE, "title": ROOT_TITLE},
        {"rel": "parent", "href": "../catalog.json", "type": JSON_TYPE, "title": ROOT_TITLE},
        *(map(dict, parts) if parts else (item.to_dict() for item in sorted(items, key=lambda item: item.item_id))),
        *(dict(link) for link in foreign),
    ]
    document = placed(collection, url, links)
    extensions = list(document.get("stac_extensions") or [])
    document["stac_extensions"] = [*extensions, *([FILE] if FILE not in extensions else [])]
    return document


def placed(document: Mapping[str, Any], url: str, structural: Sequence[Json]) -> Json:
    """The document as it is stored at ``url``: with these links to the catalog, hrefs relative where they can be."""
    kept = [_nearby(link, url) for link in document.get("links", ()) if link.get("rel") not in STRUCTURAL]
    placed = {**document, "links": [*structural, *kept]}
    if "assets" in document:
        placed["assets"] = {key: _nearby(asset, url) for key, asset in document["assets"].items()}
    return placed


def _nearby(thing: Mapping[str, Any], url: str) -> Json:
    return {**thing, "href": relative_href(thing["href"], url) or thing["href"]}


def _absolute(thing: Mapping[str, Any], url: str) -> Json:
    return {**thing, "href": absolute_href(thing["href"], url)}


def item_links(collection: Mapping[str, Any]) -> list[ItemLink]:
    """The links to items that :func:`collection_document` wrote; those of other programs are left out."""
    return [
        ItemLink(
            item_id=link["title"],
            href=link["href"],
            checksum=link[FILE_CHECKSUM],
            size=link[FILE_SIZE],
            day=str(link.get(PART_DAY, "")),
        )
        for link in collection.get("links", ())
        if _is_ours(link)
    ]


def foreign_links(collection: Mapping[str, Any]) -> list[Json]:
    """The links to items that other programs wrote."""
    links = collection.get("links", ())
    return [link for link in links if link.get("rel") == "item" and "href" in link and not _is_ours(link)]


def _is_ours(link: Mapping[str, Any]) -> bool:
    return link.get("rel") == "item" and {"title", "href", FILE_CHECKSUM, FILE_SIZE} <= link.keys()


def items_digest(checksums: Mapping[str, str]) -> str:
    """SHA-256 over items' checksums by id, whatever their files are called and in whatever order."""
    return digest(sorted(checksums.items()))


def with_mirror(collection: Mapping[str, Any], mirror: Mapping[str, Any] | None) -> Json:
    """The collection with this asset as the mirror of its items; None for no mirror."""
    document = _without_mirror(collection)
    return document if mirror is None else {**document, "assets": {**document.get("assets", {}), MIRROR_KEY: mirror}}


def _without_mirror(collection: Mapping[str, Any]) -> Json:
    if mirror_of(collection) is None:
        return dict(collection)
    others = {key: asset for key, asset in collection["assets"].items() if not _is_mirror(asset)}
    rest = {name: value for name, value in collection.items() if name != "assets"}
    return {**rest, "assets": others} if others else rest


def mirror_of(collection: Mapping[str, Any]) -> Json | None:
    """The asset of a stored collection that mirrors its items; None without one."""
    return next((dict(asset) for asset in collection.get("assets", {}).values() if _is_mirror(asset)), None)


def _is_mirror(asset: Mapping[str, Any]) -> bool:
    return MIRROR in asset.get("roles", ())


def new_root(name: str) -> Json:
    """An empty catalog."""
    return {
        "type": "Catalog",
        "id": name,
        "stac_version": STAC_VERSION,
        "description": "Raster collections",
        "links": [{"rel": "root", "href": "./catalog.json", "type": JSON_TYPE, "title": ROOT_TITLE}],
    }


def child_titles(root: Mapping[str, Any]) -> dict[str, str]:
    """Titles of the collections that a catalog links to, by href."""
    links = [link for link in root["links"] if link.get("rel") == "child"]
    return {link["href"]: link.get("title", "") for link in links if "href" in link}


def with_children(root: Mapping[str, Any], titles: Mapping[str, str]) -> Json:
    """The catalog with a child link, so titled, for every href in ``titles``; all else stays as it is."""
    links = [dict(link) for link in root.get("links", ())]
    ours = {link["href"]: link for link in links if link.get("rel") == "child" and link.get("href") in titles}
    for href, title in sorted(titles.items()):
        link = ours.get(href)
        if link is None:
            links.append({"rel": "child", "href": href, "type": JSON_TYPE, "title": title})
        else:
            link["title"] = title
    return {**root, "links": links}
