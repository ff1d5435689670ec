"""One render in several spellings: as addresses ask for it, as a search keeps it, as layers are called."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from rastercollection.stac.tile_servers import (
    MOSAICJSON_SERVER,
    PROFILES,
    build_urls,
    methods_of,
    registered_render,
    wmts_layer,
)

SEARCH = {"search": "0f1e"}
CLASSES = {"assets": ["data"], "bidx": [1], "colormap": {"1": (1, 2, 3, 255)}, "resampling": "nearest"}
PICTURE = {"assets": ["data"], "bidx": [3, 2, 1], "rescale": [[0, 5], [1, 6], [2, 7]], "reproject": "bilinear"}
INDEX = {"assets": ["data"], "expression": "(b4-b3)/(b4+b3)", "rescale": [[-1, 1]], "colormap_name": "rdylgn"}
PGSTAC = [profile for profile in PROFILES.values() if profile is not MOSAICJSON_SERVER]


@pytest.mark.parametrize("profile", PGSTAC, ids=lambda profile: profile.name)
@pytest.mark.parametrize("render", [CLASSES, PICTURE, INDEX])
def test_a_registered_render_asks_for_what_the_address_does(profile: Any, render: Any) -> None:
    registered = registered_render(render, profile)
    asked = parse_qs(urlsplit(build_urls("http://tiles", SEARCH, render, profile)["tilejson"]).query)
    assert {name: value if isinstance(value, list) else [value] for name, value in registered.items()} == asked


def test_what_may_be_there_once_is_registered_as_text() -> None:
    registered = registered_render(CLASSES, PROFILES["titiler-pgstac-3"])
    assert json.loads(str(registered["colormap"])) == {"1": "#010203ff"}
    assert registered["assets"] == ["data|bidx=1"]
    picture = registered_render(PICTURE, PROFILES["titiler-pgstac-2"])
    assert (picture["rescale"], picture["asset_bidx"]) == (["0,5", "1,6", "2,7"], ["data|3,2,1"])


def test_each_server_is_given_an_expression_as_it_takes_it() -> None:
    def asked(name: str) -> dict[str, list[str]]:
        return parse_qs(urlsplit(build_urls("http://tiles", {}, INDEX, PROFILES[name])["tiles"]).query)

    assert asked("mosaicjson")["expression"] == [INDEX["expression"]]
    assert "bidx" not in asked("mosaicjson")
    assert asked("mosaicjson")["rescale"] == ["-1,1"]
    three = registered_render(INDEX, PROFILES["titiler-pgstac-3"])
    assert three["assets"] == [f"data|expression={INDEX['expression']}"]
    two = registered_render(INDEX, PROFILES["titiler-pgstac-2"])
    assert (two["assets"], two["expression"]) == (["data"], "(data_b4-data_b3)/(data_b4+data_b3)")


@pytest.mark.parametrize("profile", PGSTAC, ids=lambda profile: profile.name)
def test_clients_can_split_no_wmts_address(profile: Any) -> None:
    for source in (SEARCH, {"collection": "a b"}, {"collection": "c", "item": "i"}):
        address = build_urls("http://tiles", source, CLASSES, profile)["wmts"]
        assert not set(address.partition("?")[2]) & set(",#:/{}")
    assert "?" not in build_urls("http://tiles", SEARCH, CLASSES, profile)["wmts"]


def test_layers_are_called_as_the_server_calls_them() -> None:
    assert wmts_layer(SEARCH, "visual", PROFILES["titiler-pgstac-3"]) == "0f1e_WebMercatorQuad_visual"
    assert wmts_layer(SEARCH, "visual", PROFILES["titiler-pgstac-1"]) == "visual"
    assert wmts_layer({"url": "m.json"}, "visual", MOSAICJSON_SERVER) is None


def test_statistics_of_a_mosaic_take_a_post_and_those_of_an_item_do_not() -> None:
    links = build_urls("http://tiles", SEARCH, PICTURE, PROFILES["titiler-pgstac-3"])
    assert methods_of(links, SEARCH) == {"statistics": "POST"}
    assert methods_of(links, {"collection": "c", "item": "i"}) == {}
    assert methods_of({"tiles": links["tiles"]}, SEARCH) == {}
