"""The digest by which a published collection's document is known to be as it was written, whoever wrote it. Pure.

It covers what this library writes and changes with no other publication than its own: not links to items and to the
catalog, which the catalog adds, nor what other programs add in fields, assets and links of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rastercollection.core.records import digest, jsonable
from rastercollection.stac import terms

__all__ = ["is_sealed", "sealed"]

_FIELDS = (
    "type",
    "stac_version",
    "id",
    "title",
    "description",
    "license",
    "keywords",
    "providers",
    "extent",
    "summaries",
    "item_assets",
    "renders",
    terms.DRAWN_AS,
    terms.RENDERS,
    terms.OUTDATED,
)
_ASSETS = {terms.MOSAIC, terms.OVERVIEW, terms.THUMBNAIL}
"""Roles."""
_LINKS = ("preview", "tilejson", "xyz")


def sealed(collection: Mapping[str, Any]) -> dict[str, Any]:
    """The collection, with absolute hrefs, with its digest."""
    return {**collection, terms.DIGEST: _digest(collection)}


def is_sealed(collection: Mapping[str, Any]) -> bool:
    """Whether a published collection, with absolute hrefs, is as :func:`sealed` made it; not without a digest."""
    try:
        return bool(collection.get(terms.DIGEST) == _digest(collection))
    except (AttributeError, TypeError, ValueError):
        return False


def _digest(collection: Mapping[str, Any]) -> str:
    assets = {key: asset for key, asset in (collection.get("assets") or {}).items() if _ASSETS & set(asset["roles"])}
    links = [link for link in collection.get("links") or () if link["rel"] in _LINKS]
    fields = {name: collection[name] for name in _FIELDS if name in collection}
    return digest(_plain(jsonable([fields, assets, links])))


def _plain(value: Any) -> Any:
    """With whole numbers as such: databases do not keep how a number was written."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
