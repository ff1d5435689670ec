"""What a published collection's digest covers: all that this library wrote, and nothing that others add."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from rastercollection.stac.seal import is_sealed, sealed

DOCUMENT: dict[str, Any] = {
    "type": "Collection",
    "id": "scene",
    "description": "A scene",
    "extent": {"spatial": {"bbox": [[71.0, 41.0, 72.5, 42.0]]}, "temporal": {"interval": [[None, None]]}},
    "summaries": {"rastercollection:tier": ["analysis"]},
    "renders": {"visual": {"rescale": [[0.0, 1e22]]}},
    "item_assets": {"data": {"title": "COG"}},
    "links": [{"rel": "preview", "href": "https://tiles.example/map"}],
    "assets": {"mosaicjson": {"href": "/data/scene.json", "roles": ["index", "mosaic"]}},
}

ALTERATIONS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "description": lambda document: document.update(description="Another"),
    "extent": lambda document: document["extent"]["spatial"]["bbox"][0].__setitem__(0, 0),
    "a field that went": lambda document: document.pop("renders"),
    "an asset": lambda document: document["assets"]["mosaicjson"].update(href="/elsewhere.json"),
    "an asset that went": lambda document: document["assets"].clear(),
    "a link": lambda document: document["links"][0].update(href="https://elsewhere.example"),
    "no digest": lambda document: document.pop("rastercollection:digest"),
    "links that are none": lambda document: document.update(links=[1]),
}


@pytest.mark.parametrize("what", ALTERATIONS)
def test_what_was_altered_is_seen(what: str) -> None:
    document = copy.deepcopy(sealed(DOCUMENT))
    assert is_sealed(document)
    ALTERATIONS[what](document)
    assert not is_sealed(document)


def test_what_catalog_and_others_add_is_not() -> None:
    document = copy.deepcopy(sealed(DOCUMENT))
    document["links"] += [{"rel": "item", "href": "./a.json"}, {"rel": "license", "href": "https://example.com"}]
    document["assets"]["items"] = {"href": "./items.parquet", "roles": ["collection-mirror"]}
    document["their:field"] = 1
    assert is_sealed(document)


def test_how_numbers_are_written_does_not_matter() -> None:
    document = copy.deepcopy(sealed(DOCUMENT))
    document["extent"]["spatial"]["bbox"] = [[71, 41, 72.5, 42]]
    document["renders"]["visual"]["rescale"] = [[0, 10**22]]
    assert is_sealed(document)
