"""Tiles as a set: what has to agree, in which groups they do not, and who is outside the majority."""

from __future__ import annotations

import itertools

import attrs
import numpy as np
import pytest

from rastercollection.model.agreement import compare_tiles, outside_majority
from rastercollection.model.band import BandRole
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
