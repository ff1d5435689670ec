"""Tiles as a set: what has to agree, in which groups they do not, and who is outside the majority."""

from __future__ import annotations

import itertools

import attrs
import numpy as np
import pytest

from rastercollection.model.agreement import compare_tiles, differing_heights, outside_majority, profile, staying
from rastercollection.model.band import BandRole
from rastercollection.model.joining import PublishedTile
from rastercollection.model.tile import Sources
from validation_scenes import terrain, validate, write


@pytest.fixture(scope="module")
def tile(tmp_path_factory):
    path = write(tmp_path_factory.mktemp("tiles") / "x.tif", terrain().astype("float32"), nodata=np.nan)
    return validate(path)


def named(tile, blob, **changes):
    return attrs.evolve(tile, source=attrs.evolve(tile.source, blob=blob), **changes)


def summary(disagreements):
    return {item.aspect: {group.value: group.blobs for group in item.groups} for item in disagreements}


def test_alike_tiles_agree(tile):
    assert compare_tiles([]) == ()
    assert compare_tiles([tile]) == ()
    assert compare_tiles([named(tile, "a"), named(tile, "b", width=7, crs="EPSG:3857")]) == ()


@pytest.mark.parametrize(
    ("aspect", "changes"),
    [
        ("band_count", {"band_count": 3}),
        ("bands", {"roles": (BandRole(common_name="red", source="parameter"),)}),
        ("dtype", {"dtypes": ("uint16",)}),
        ("raster_type", {"raster_type": "categorical"}),
        ("nodata", {"nodata": 0}),
        ("nodata", {"nodata": None}),
        ("heights", {"heights": "EPSG:7837"}),
        ("color_table", {"color_table": "ab" * 32}),
    ],
)
def test_every_aspect_is_looked_at(tile, aspect, changes):
    tiles = [named(tile, "a"), named(tile, "odd", **changes), named(tile, "b")]
    (found,) = compare_tiles(tiles)
    assert found.aspect == aspect
    assert [group.blobs for group in found.groups] == [("a", "b"), ("odd",)]
    assert outside_majority([found]) == {"odd"}


def test_nodata_is_compared_as_a_number(tile):
    assert compare_tiles([named(tile, "a", nodata=0), named(tile, "b", nodata=0.0)]) == ()
    assert compare_tiles([named(tile, "a", nodata=float("nan")), named(tile, "b", nodata=float("nan"))]) == ()


def test_the_majority_agrees_in_everything(tile):
    """Taken aspect by aspect, only "c" would be left."""
    tiles = [
        named(tile, "a", nodata=0),
        named(tile, "b", nodata=0),
        named(tile, "c"),
        named(tile, "d", band_count=3),
        named(tile, "e", band_count=3),
        named(tile, "f", band_count=3),
    ]
    found = compare_tiles(tiles)
    assert summary(found) == {
        "band_count": {"3": ("d", "e", "f"), "1": ("a", "b", "c")},
        "nodata": {"nan": ("c", "d", "e", "f"), "0": ("a", "b")},
    }
    kept = {"a", "b", "c", "d", "e", "f"} - outside_majority(found)
    assert kept == {"d", "e", "f"}


def test_a_tie_goes_to_the_first_tile_and_order_decides_nothing_else(tile):
    tiles = [
        named(tile, "a", nodata=1),
        named(tile, "b", nodata=2),
        named(tile, "c", nodata=2),
        named(tile, "d", nodata=1),
    ]
    assert outside_majority(compare_tiles(tiles)) == {"b", "c"}
    assert outside_majority(compare_tiles(tiles[1:] + tiles[:1])) == {"a", "d"}
    three = [named(tile, "a"), named(tile, "b"), named(tile, "c", nodata=5)]
    assert {outside_majority(compare_tiles(order)) for order in itertools.permutations(three)} == {frozenset({"c"})}


def test_published_tiles_count_and_are_first_in_a_tie(tile):
    new = [named(tile, "a", band_count=3), named(tile, "b", band_count=3)]
    old = [PublishedTile(item_id=str(number), profile=profile(named(tile, "x"))) for number in range(2)]
    (found,) = compare_tiles(new, old)
    assert [(group.value, group.blobs, group.published) for group in found.groups] == [
        ("1", (), ("0", "1")),
        ("3", ("a", "b"), ()),
    ]
    assert outside_majority([found]) == {"a", "b"}
    assert outside_majority(compare_tiles(new, old[:1])) == frozenset()
    assert compare_tiles([], old) == ()


def test_what_is_not_known_of_a_published_tile_differs_from_nothing(tile):
    new = [named(tile, "a"), named(tile, "b", band_count=3)]
    partly = PublishedTile(item_id="x", profile={"band_count": "3"})
    (found,) = compare_tiles(new, [partly, PublishedTile(item_id="y")])
    assert [(group.value, group.blobs, group.published) for group in found.groups] == [
        ("3", ("b",), ("x",)),
        ("1", ("a",), ()),
    ]
    assert compare_tiles(new[:1], [PublishedTile(item_id="y")]) == ()


def test_what_a_job_replaces_does_not_stay(tile):
    old = tuple(PublishedTile(item_id=name) for name in ("a", "b", "c"))
    sources = Sources(files=(), blobs=("a.tif", "c.tif"), published=old)
    left = staying(sources, [named(tile, "a.tif")], "upsert")
    assert [tile.item_id for tile in left] == ["b", "c"]  # c.tif is not valid, and its item of before stays
    assert staying(sources, [named(tile, "a.tif")], "replace") == ()


def test_heights_that_refer_to_different_things_are_told(tile):
    dem = [named(tile, blob, heights="EPSG:7837", raster_type="dem") for blob in ("a", "b")]
    assert differing_heights(dem) == ()
    assert differing_heights([named(tile, "a", raster_type="dem")]) == ()
    (notice,) = differing_heights([*dem, named(tile, "odd", raster_type="dem")])
    assert notice.code == "HEIGHTS_DIFFER"
    for part in ("to EPSG:7837 (DHHN2016 height): a, b", "to nothing that is known: odd", "input_crs"):
        assert part in notice.message
    (notice,) = differing_heights([*dem, named(tile, "odd", heights="EPSG:5783", raster_type="dem")])
    assert "to EPSG:5783 (DHHN92 height): odd" in notice.message


def test_what_a_picture_s_crs_says_of_heights_is_no_disagreement(tile):
    pictures = [named(tile, "a", raster_type="rgb"), named(tile, "b", raster_type="rgb", heights="EPSG:5773")]
    assert compare_tiles(pictures) == ()
    assert differing_heights(pictures) == ()
