"""From an item back to its COG: nothing that mosaic, collection and pictures are made of is lost on the way."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import attrs
import jsonschema
import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin

from classification_schema import CLASSIFICATION, SCHEMA
from cog_scenes import make_cog, write_raster
from rastercollection.model.band import BandFacts, BandStatistics
from rastercollection.model.cog import Cog, CogFile
from rastercollection.model.mosaic import Overview
from rastercollection.mosaics.mosaicjson import build_mosaic
from rastercollection.stac.collections import collection_dict
from rastercollection.stac.items import is_dated, item_dict
from rastercollection.stac.looks import Looks
from rastercollection.stac.published import (
    PublishedOverview,
    cog_key,
    is_dated_item,
    is_own_collection,
    item_bounds,
    published_overview,
    published_tile,
    when_acquired,
)
from rastercollection.stac.published_cog import published_cog, whole_bands
from rastercollection.stac.renders import made_renders
from rastercollection.stac.terms import DATETIME_SOURCE, EARLIEST, LATEST
from rastercollection.stages.stac.preview.page import PreviewPlaces, preview_page
from rastercollection.testing.catalog_contract import contract_collection, contract_item
from rastercollection.testing.sample_records import sample_band, sample_cog, sample_request
from stac_scenes import CONIC, PALETTE, odd_cogs

NOT_KEPT = ("source_container", "source_crs", "output_blob", "output_container", "reprojected", "tags", "receipt")
CIRCUMSTANCES = ("file", "in_memory", "seconds", "outputs", "settings", "notices", "copied", "projjson")
PLACES = PreviewPlaces(page="/x/page.html", collection="/x/stac/c/collection.json")


def _read_back(cog: Cog, key: str = "data") -> Cog:
    item = json.loads(json.dumps(item_dict(cog, "collection", key), allow_nan=False))
    assert cog_key(item) == key
    assert is_dated_item(item) == is_dated(cog)
    assert item_bounds(item) == cog.file.bounds_4326
    again = published_cog(item)
    assert again is not None
    return again


def _same(value: Any) -> Any:
    """Comparable: not a number equals itself."""
    return "nan" if isinstance(value, float) and math.isnan(value) else value


def _band_facts(band: BandFacts) -> dict[str, Any]:
    return {name: _same(value) for name, value in attrs.asdict(band).items() if name != "description"}


def _names(kind: type[Any]) -> list[str]:
    return [field.name for field in attrs.fields(kind) if field.name not in (*NOT_KEPT, *CIRCUMSTANCES)]


def _assert_kept(cog: Cog, again: Cog) -> None:
    for name in _names(Cog):
        assert getattr(again, name) == getattr(cog, name), name
    for name in _names(CogFile):
        if name == "bands":
            assert list(map(_band_facts, again.file.bands)) == list(map(_band_facts, cog.file.bands))
        elif name == "target_crs" and cog.file.projjson:
            assert pyproj.CRS(again.file.target_crs).equals(pyproj.CRS(cog.file.target_crs))
        else:
            assert getattr(again.file, name) == getattr(cog.file, name), name
    assert again.file.settings.tier == cog.file.settings.tier
    assert made_renders([again.file], "data") == made_renders([cog.file], "data")
    assert preview_page("t", "d", [again], PLACES) == preview_page("t", "d", [cog], PLACES)


@pytest.mark.parametrize("name", odd_cogs())
def test_every_kind_of_tile_comes_back(name: str) -> None:
    cog = odd_cogs()[name]
    again = _read_back(cog, "image")
    _assert_kept(cog, again)
    if name != "pole":
        assert build_mosaic([again], sample_request()) == (build_mosaic([cog], sample_request())[0], [])


def test_an_item_tells_one_extent(tmp_path: Path) -> None:
    """Pixels that are not valid are no part of it; the grid, with them, is in the asset."""
    data = np.zeros((1, 100, 100), "uint8")
    data[:, 20:60, 30:70] = 7
    source = write_raster(
        tmp_path / "tile.tif", data, crs="EPSG:4326", transform=from_origin(70, 40, 0.01, 0.01), nodata=0
    )
    cog = make_cog(source, "EPSG:4326").cog
    item = item_dict(cog, "collection", "data")
    assert item["bbox"] == pytest.approx([70.3, 39.4, 70.7, 39.8])
    assert tuple(item["bbox"]) == shapely.geometry.shape(item["geometry"]).bounds == cog.file.bounds_4326
    assert item["assets"]["data"]["proj:bbox"] == pytest.approx([70, 39, 71, 40])
    before = {**item, "bbox": [70.0, 39.0, 71.0, 40.0]}
    again = published_cog(before)
    assert again is not None
    assert again.file.bounds_4326 == cog.file.bounds_4326, "read from the geometry, whatever the bbox says"


FINITE = st.integers(-(10**12), 10**12).map(lambda number: number / 8)
WHOLE_DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int64")
FLOATS = ("float32", "float64", "complex64", "complex_int16")


@st.composite
def statistics(draw: st.DrawFn) -> BandStatistics | None:
    if draw(st.booleans()):
        return None
    ends = sorted(draw(st.lists(FINITE, min_size=4, max_size=4)))
    low, second, last_but, high = [None] * 4 if draw(st.booleans()) else ends
    return BandStatistics(
        minimum=low,
        maximum=high,
        mean=second,
        stddev=draw(st.none() | st.floats(0, 1e9)),
        count=draw(st.integers(0, 10**12)),
        valid_percent=draw(st.floats(0, 100)),
        percentile_2=second,
        percentile_98=last_but,
    )


@st.composite
def bands(draw: st.DrawFn) -> tuple[BandFacts, ...]:
    count = draw(st.integers(1, 5))
    nodata = st.none() | st.integers(-(2**63), 2**63) | FINITE | st.sampled_from([math.inf, -math.inf, math.nan])
    return tuple(
        BandFacts(
            name=f"b{number}",
            description=draw(st.none() | st.text(min_size=1, max_size=10)),
            dtype=draw(st.sampled_from([*WHOLE_DTYPES, *FLOATS])),
            nodata=draw(nodata),
            unit=draw(st.none() | st.text(min_size=1, max_size=5)),
            scale=draw(st.sampled_from([1.0, 0.1, 2.5])),
            offset=draw(st.sampled_from([0.0, -273.15])),
            color_interpretation=draw(st.sampled_from(["gray", "red", "green", "blue", "alpha", "undefined"])),
            statistics=draw(statistics()),
        )
        for number in range(1, count + 1)
    )


MOMENTS = st.none() | st.sampled_from(["2019-07-14T06:00:00Z", "2021-12-31T23:59:59.500000Z", "1999-01-01T00:00:00Z"])


@st.composite
def cogs(draw: st.DrawFn) -> Cog:
    west, south = draw(st.floats(-179, 178)), draw(st.floats(-80, 79))
    interval = draw(MOMENTS), draw(MOMENTS)
    moment = None if any(interval) else draw(MOMENTS)
    dated = bool(moment or any(interval))
    placed: dict[str, Any] = draw(
        st.sampled_from([{}, {"target_crs": CONIC.to_wkt(), "projjson": CONIC.to_json_dict()}, {"thumbnail": None}])
    )
    return sample_cog(
        draw(st.text("abc-_", min_size=1, max_size=8)),
        (west, south, west + 1, south + 1),
        shape=(draw(st.integers(1, 5000)), draw(st.integers(1, 5000))),
        bands=draw(bands()),
        color_table=draw(st.none() | st.just(PALETTE)),
        raster_type=draw(st.sampled_from(["rgb", "dem", "categorical", "multispectral", "nir", "unknown"])),
        validity=draw(st.sampled_from(["none", "nodata", "mask", "alpha"])),
        overview_levels=draw(st.sampled_from([(), (2,), (2, 4, 8)])),
        datetime=moment,
        start_datetime=interval[0],
        end_datetime=interval[1],
        datetime_source=draw(st.sampled_from(["parameter", "tags"])) if dated else "unknown",
        **placed,
    )


@settings(deadline=None)
@given(cogs())
def test_whatever_a_tile_is_like_it_comes_back(cog: Cog) -> None:
    again = _read_back(cog)
    if cog.start_datetime or cog.end_datetime:  # an end that is not known is the other one, or that of the source
        again = attrs.evolve(again, start_datetime=cog.start_datetime, end_datetime=cog.end_datetime)
    _assert_kept(cog, again)


def test_items_of_others_have_no_cog() -> None:
    assert published_cog(contract_item("c", "a")) is None
    item = item_dict(sample_cog(), "c", "data")
    for name in ("proj:transform", "rastercollection:validity", "bands", "file:checksum"):
        asset = {key: value for key, value in item["assets"]["data"].items() if key != name}
        assert published_cog({**item, "assets": {"data": asset}}) is None
    odd = {**item["assets"]["data"], "proj:transform": "north"}
    assert published_cog({**item, "assets": {"data": odd}}) is None
    assert item_bounds({"bbox": [1, 2, 0, 3, 4, 9]}) == (1, 2, 3, 4)
    assert item_bounds({"geometry": None}) is None


@pytest.mark.parametrize("is_outdated", [False, True])
def test_the_overview_of_a_collection_comes_back(is_outdated: bool) -> None:
    tile, image = sample_cog(), sample_cog("whole", minzoom=0, maxzoom=9).file
    items = [item_dict(tile, "sample", "data")]
    overview = Overview(image=image, reason="")
    document = collection_dict(sample_request(), items, looks=Looks(), overview=overview, is_outdated=is_outdated)
    assert published_overview(json.loads(json.dumps(document))) == PublishedOverview(
        href=image.href,
        minzoom=0,
        maxzoom=9,
        size=image.size,
        is_outdated=is_outdated,
        thumbnail=image.thumbnail,
    )
    assert published_overview(collection_dict(sample_request(), items, looks=Looks())) is None


@pytest.mark.parametrize(
    "odd",
    [
        {"rastercollection:maxzoom": 9},
        {"href": "./o.tif"},
        *({"href": "./o.tif", "rastercollection:maxzoom": zoom} for zoom in (None, "north", [], float("inf"))),
    ],
)
def test_an_overview_that_is_not_understood_is_an_error(odd: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not understood"):
        published_overview({"assets": {"any": {"roles": ["overview"], **odd}}})


@pytest.mark.parametrize("assets", [None, [], "text", {"a": None, "b": {"roles": "overview"}, "c": {"roles": None}}])
def test_what_is_no_asset_has_no_role(assets: Any) -> None:
    assert published_overview({"assets": assets}) is None


def test_bands_of_an_asset_have_what_all_of_them_share() -> None:
    bands = tuple(attrs.evolve(sample_band(number), scale=0.5, unit="m") for number in (1, 2))
    asset = item_dict(sample_cog(bands=bands), "c", "data")["assets"]["data"]
    assert all("raster:scale" not in band for band in asset["bands"])
    assert [(band["name"], band["raster:scale"], band["unit"]) for band in whole_bands(asset)] == [
        ("b1", 0.5, "m"),
        ("b2", 0.5, "m"),
    ]


@pytest.mark.parametrize(
    ("times", "text"),
    [
        ({"datetime": "2019-07-14T06:00:00Z"}, "2019-07-14T06:00:00Z"),
        ({"start_datetime": "2019-07-14T00:00:00Z", "end_datetime": LATEST}, "2019-07-14T00:00:00Z/.."),
        ({"start_datetime": EARLIEST, "end_datetime": "2019-07-14T00:00:00Z"}, "../2019-07-14T00:00:00Z"),
        ({"start_datetime": EARLIEST, "end_datetime": EARLIEST, DATETIME_SOURCE: "unknown"}, ""),
        ({"start_datetime": "0001-01-01T00:00:00Z", "end_datetime": "2019-07-14T00:00:00Z"}, "../2019-07-14T00:00:00Z"),
        ({"start_datetime": "2019-07-14T00:00:00Z", "end_datetime": "9999-12-31T23:59:59Z"}, "2019-07-14T00:00:00Z/.."),
    ],
)
def test_open_ends_are_shown_as_such(times: dict[str, str], text: str) -> None:
    assert when_acquired(times) == text


def test_what_joins_it_has_to_know_of_an_item_is_read_from_any_item() -> None:
    cog = attrs.evolve(sample_cog(), profile={"band_count": "3", "dtype": "uint8"})
    tile = published_tile(json.loads(json.dumps(item_dict(cog, "c", "data"))))
    assert tile.profile == cog.profile
    assert tile.is_of(cog.source_container, cog.source_blob)
    assert not tile.is_of("/another", cog.source_blob)
    assert cog.file.href in tile.hrefs
    foreign = contract_item("c", "x", title="x.tif")
    foreign["assets"]["data"]["bands"] = [{"data_type": "uint8"}, {"data_type": "cfloat32"}]
    tile = published_tile(foreign)
    assert tile.profile == {"band_count": "2", "dtype": "uint8, complex64"}
    assert tile.is_of("/anywhere", "x.tif")
    assert not tile.is_of("/anywhere", "y.tif")
    assert published_tile(contract_item("c", "x")).profile == {}


def test_a_collection_of_this_library_is_known_by_its_summaries() -> None:
    assert not is_own_collection(contract_collection("c"), "c")
    own = contract_collection("c", summaries={"rastercollection:raster_type": ["rgb"]})
    assert is_own_collection(own, "c")
    assert not is_own_collection(own, "C")


def test_classes_are_as_the_extension_has_them() -> None:
    cogs = odd_cogs()
    item = item_dict(cogs["classes"], "collection", "data")
    jsonschema.validate(item, SCHEMA)
    jsonschema.validate(item_dict(cogs["classes of a band"], "collection", "data"), SCHEMA)
    assert item["assets"]["data"]["classification:classes"] == [
        {"value": 0, "name": "nothing", "title": "nothing", "nodata": True},
        {"value": 1, "name": "Wald_Forst", "title": "Wald & Forst", "color_hint": "0A641E"},
        {"value": 2, "name": "class_2", "title": "水", "color_hint": "FAC800"},
    ]
    collection = collection_dict(sample_request(), [item], looks=Looks())
    jsonschema.validate(collection, SCHEMA)
    assert collection["item_assets"]["data"]["classification:classes"]
    without = item_dict(cogs["palette"], "collection", "data")
    assert CLASSIFICATION not in without["stac_extensions"]


def test_a_crs_of_a_document_that_names_a_file_is_not_taken() -> None:
    """Whoever may write into a catalog cannot have readers open files of theirs."""
    item = item_dict(sample_cog(), "c", "data")
    assert published_cog(item) is not None
    bessel = pyproj.CRS("+proj=longlat +ellps=bessel +nadgrids=/tmp/grid +type=crs")
    for fields in (
        {"proj:code": "+proj=longlat +nadgrids=/tmp/grid"},
        {"proj:code": None, "proj:projjson": bessel.to_json_dict()},
    ):
        assets = {**item["assets"], "data": {**item["assets"]["data"], **fields}}
        assert published_cog({**item, "assets": assets}) is None
