"""Several collections in one catalog: all of them are served, each by its own documents, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from rastercollection import ObjectNotFoundError, ViewError, ViewServer
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.viewer.locate import find_collection, find_collections
from rastercollection.viewer.shown_bands import bands_of_asset, bands_of_collection, statistics_of_asset
from viewer_scenes import CLASSES, OVERVIEW_VALUE, Answer, Collection, add_overview, hills

Get = Callable[..., Answer]
RING = [[71.0, 41.04], [71.05, 41.04], [71.05, 41.09], [71.0, 41.09], [71.0, 41.04]]
SHAPE = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [RING]}}


def _write_catalog(path: Path, *children: str, **fields: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    links = [{"rel": "child", "href": child} for child in children]
    path.write_text(json.dumps({"type": "Catalog", "id": "x", "links": links, **fields}))
    return path


class TestFinding:
    def test_catalogs_in_catalogs_once_each_and_in_order(self, tmp_path: Path) -> None:
        inner = _write_catalog(tmp_path / "inner" / "catalog.json", "./c/collection.json", "../catalog.json")
        plain = tmp_path / "plain" / "c"
        plain.mkdir(parents=True)
        (plain / "data.json").write_text(json.dumps({"type": "Collection", "title": "Plain"}))
        children = ("./a b/collection.json", "./inner/catalog.json", "./plain/c/data.json", "./a b/collection.json")
        _write_catalog(
            tmp_path / "catalog.json", *children, "./missing/catalog.json", "ftp://else.example/collection.json"
        )
        found = find_collections(FsspecStorage(), str(tmp_path))
        assert [(one.name, one.title) for one in found] == [("a-b", ""), ("c", ""), ("c", "Plain")]
        assert found[1].url == str(inner.parent / "c" / "collection.json")

    def test_who_wants_one_is_told_of_several(self, catalog: Collection) -> None:
        with pytest.raises(ViewError, match=r"holds 3 collections: .*fields/collection\.json, .*heights/coll"):
            find_collection(FsspecStorage(), str(catalog.output))

    def test_catalogs_without_end(self, tmp_path: Path) -> None:
        wide = [f"./{number}/catalog.json" for number in range(300)]
        for number in range(300):
            _write_catalog(tmp_path / str(number) / "catalog.json", f"./{number}/catalog.json")
            _write_catalog(tmp_path / str(number) / str(number) / "catalog.json", "./e/collection.json")
        _write_catalog(tmp_path / "catalog.json", *wide)
        assert 0 < len(find_collections(FsspecStorage(), str(tmp_path))) <= 100


class TestServing:
    def test_the_list_of_them(self, catalog_server: ViewServer, get: Get) -> None:
        assert get(catalog_server, "/api/collections").json["collections"] == [
            {"key": "fields", "title": "Fields, 14 July 2019", "base": ""},
            {"key": "heights", "title": "Heights, 14 July 2019", "base": "collections/heights/"},
            {"key": "cover", "title": "Cover, 14 July 2019", "base": "collections/cover/"},
        ]

    def test_the_one_that_is_asked_for_is_shown_at_first(
        self, catalog: Collection, serve: Callable[..., ViewServer], get: Get
    ) -> None:
        server = serve(catalog.output, collection_id="heights")
        assert get(server, "/api/collection").json["id"] == "heights"
        listed = get(server, "/api/collections").json["collections"]
        assert [one["base"] for one in listed] == ["collections/fields/", "", "collections/cover/"]
        assert get(server, "/collections/fields/api/collection").json["id"] == "fields"
        with pytest.raises(ViewError, match="did you mean heights"):
            serve(catalog.output, collection_id="heigths")

    def test_each_by_its_own_documents(self, catalog_server: ViewServer, get: Get) -> None:
        for key in ("fields", "heights", "cover"):
            assert get(catalog_server, f"/collections/{key}/api/collection").json["id"] == key
        document = get(catalog_server, "/collections/heights/mosaicjson/WebMercatorQuad/tilejson.json").json
        assert document["tiles"][0].startswith(f"{catalog_server}collections/heights/mosaicjson/tiles/WebMercatorQuad/")
        (item,) = get(catalog_server, "/collections/heights/api/point?lon=71.02&lat=41.07").json["items"]
        for link in ("item_href", "cog_href", "thumbnail"):
            assert item[link].startswith("collections/heights/api/")
            assert get(catalog_server, f"/{item[link]}").status == 200
        assert get(catalog_server, "/api/item?id=heights").status == 404

    def test_what_bands_are_and_where_their_values_lie(self, catalog_server: ViewServer, get: Get) -> None:
        (band,) = get(catalog_server, "/collections/heights/api/bands").json["bands"]
        assert (band["name"], band["description"], band["unit"]) == ("b1", "elevation", "m")
        spread = band["spread"]
        assert (spread["minimum"], spread["maximum"]) == pytest.approx((hills().min(), hills().max()), abs=0.1)
        (band,) = get(catalog_server, "/collections/cover/api/bands").json["bands"]
        assert [(one["value"], one["name"]) for one in band["classes"]] == [
            (v, name) for v, (name, _) in CLASSES.items()
        ]

    @pytest.mark.parametrize("key", ["nothing", "..", "%2e%2e", "fields%2f..%2fcover", "/etc"])
    def test_keys_that_it_does_not_have(self, catalog_server: ViewServer, get: Get, key: str) -> None:
        for path in ("api/collection", "api/bands", "api/cog?id=heights", "mosaicjson/info"):
            answer = get(catalog_server, f"/collections/{key}/{path}")
            assert answer.status == 404, answer.body

    def test_mosaics_of_others_are_not_opened(self, catalog_server: ViewServer, get: Get, catalog: Collection) -> None:
        for url in ("/etc/passwd", "http://169.254.169.254/", str(catalog.output / "fields.json"), ""):
            path = f"/collections/heights/mosaicjson/info?url={quote(url, safe='')}"
            assert get(catalog_server, path).status == 403
        own = quote(str(catalog.output / "heights.json"), safe="")
        assert get(catalog_server, f"/collections/heights/mosaicjson/info?url={own}").status == 200

    def test_one_that_is_broken_leaves_the_others(
        self, catalog: Collection, tmp_path: Path, serve: Callable[..., ViewServer], get: Get
    ) -> None:
        broken = catalog.copy(tmp_path / "scene")
        broken.document_path.write_text("{")
        server = serve(broken.output)
        assert get(server, "/api/collection").json["id"] == "heights", "the first that can be shown"
        assert [one["base"] for one in get(server, "/api/collections").json["collections"]][1] == ""
        assert get(server, "/collections/fields/api/collection").status == 502
        for path in (broken.output / "stac").glob("*/collection.json"):
            path.unlink()
        with pytest.raises(ObjectNotFoundError):
            serve(broken.output / "stac")

    def test_statistics_of_much_are_counted_in_the_overview(
        self, scene: Collection, serve: Callable[..., ViewServer], post: Callable[..., Answer]
    ) -> None:
        add_overview(scene)
        server = serve(scene.output)
        for size, from_overview in ((4, True), (512, False)):
            found = post(server, f"/mosaicjson/statistics?bidx=1&max_size={size}", SHAPE).json["properties"][
                "statistics"
            ]
            assert (found["b1"]["min"] == OVERVIEW_VALUE) == from_overview, size


def test_bands_of_documents_that_may_hold_anything() -> None:
    whole = {"minimum": 0, "maximum": 10, "mean": 5, "stddev": 1, "count": 100, "valid_percent": 100}
    bands = [
        {"name": 7, "unit": ["m"], "raster:scale": "much", "eo:center_wavelength": float("inf"), "statistics": "none"},
        {"name": "red", "statistics": {**whole, "count": "many"}, "classification:classes": [{"value": 1}]},
        {"name": "nir", "statistics": whole, "rastercollection:percentiles": [1, 9], "eo:center_wavelength": 0.8},
    ]
    asset = {"bands": bands}
    other = {"bands": [{"unit": "m"}, {}, {"statistics": {**whole, "maximum": 20}}]}
    found = bands_of_collection((bands_of_asset(one), statistics_of_asset(one)) for one in (asset, {"bands": 5}, other))
    assert [(band.number, band.name, band.unit, band.wavelength) for band in found] == [
        (1, "b1", "m", None),
        (2, "red", "", None),
        (3, "nir", "", 0.8),
    ]
    assert [band.spread and band.spread.maximum for band in found] == [None, None, 20]
    assert [band.percentiles for band in found] == [None] * 3, "none is told without a histogram"
    counted = {"statistics": whole, "raster:histogram": {"count": 10, "min": 0.5, "max": 9.5, "buckets": [10] * 10}}
    (band,) = bands_of_collection([(bands_of_asset(one), statistics_of_asset(one)) for one in [{"bands": [counted]}]])
    assert band.percentiles == pytest.approx((0.1, 0.5, 9.5, 9.9))
