"""Bounds in longitude and latitude, across the antimeridian too."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rastercollection.geo.bounds import (
    bounds_center,
    bounds_parts,
    bounds_union,
    crosses_antimeridian,
    geometry_bounds,
    one_box,
    unroll,
)
from rastercollection.geo.types import Bounds

EAST = (170.0, -10.0, 175.0, 5.0)
ACROSS = (175.0, -20.0, -175.0, 0.0)

longitudes = st.integers(-180, 180).map(float)
anywhere = st.tuples(longitudes, st.integers(-90, 0).map(float), longitudes, st.integers(0, 90).map(float))


def test_across_the_antimeridian() -> None:
    assert not crosses_antimeridian(EAST)
    assert crosses_antimeridian(ACROSS)
    assert not crosses_antimeridian((10.0, 50.0, 10.0, 60.0)), "a line"
    assert unroll(EAST) == EAST
    assert unroll(ACROSS) == (175, -20, 185, 0)
    assert unroll((10.0, 0.0, 10.0, 1.0)) == (10, 0, 10, 1)
    assert bounds_parts(EAST) == (EAST,)
    assert bounds_parts((10.0, 0.0, 10.0, 1.0)) == ((10, 0, 10, 1),)
    assert bounds_parts(ACROSS) == ((175, -20, 180, 0), (-180, -20, -175, 0))


@pytest.mark.parametrize(
    ("bounds", "center"),
    [
        (EAST, (172.5, -2.5)),
        ((175.0, -20.0, -177.0, 0.0), (179, -10)),
        ((177.0, 0.0, -175.0, 4.0), (-179, 2)),
        (ACROSS, (180, -10)),
        ((-180.0, -90.0, 180.0, 90.0), (0, 0)),
    ],
)
def test_the_center_lies_between(bounds: Bounds, center: tuple[float, float]) -> None:
    assert bounds_center(bounds) == center


@pytest.mark.parametrize(
    ("every", "union"),
    [
        ([EAST], EAST),
        ([ACROSS], ACROSS),
        ([EAST, ACROSS], (170, -20, -175, 5)),
        ([(150.0, 0.0, 160.0, 1.0), ACROSS, (-178.0, 0.0, -100.0, 1.0)], (150, -20, -100, 1)),
        ([(170.0, 0.0, 180.0, 1.0), (-180.0, 0.0, -170.0, 1.0)], (170, 0, -170, 1)),
        # some end at the antimeridian, but none begins there
        ([(170.0, 0.0, 180.0, 1.0), (-179.0, 0.0, -170.0, 1.0)], (-179, 0, 180, 1)),
        # more than half the globe, if it went across
        ([ACROSS, (0.0, 0.0, 1.0, 1.0)], (-180, -20, 180, 1)),
        ([(90.0, 0.0, -170.0, 1.0), (-170.0, 0.0, -90.0, 1.0)], (-180, 0, 180, 1)),
        ([(91.0, 0.0, -170.0, 1.0), (-170.0, 0.0, -90.0, 1.0)], (91, 0, -90, 1)),
        ([(-10.0, 0.0, 5.0, 1.0), (5.0, -3.0, 20.0, 7.0)], (-10, -3, 20, 7)),
        ([(-180.0, -90.0, 180.0, 90.0), EAST], (-180, -90, 180, 90)),
    ],
)
def test_unions(every: list[Bounds], union: Bounds) -> None:
    assert bounds_union(every) == union
    assert bounds_union(every[::-1]) == union


def test_one_box_goes_all_around_just_where_bounds_go_across() -> None:
    assert one_box(EAST) == EAST
    assert one_box(ACROSS) == (-180.0, -20.0, 180.0, 0.0)


def test_no_bounds_have_no_union() -> None:
    with pytest.raises(ValueError, match="no bounds"):
        bounds_union([])


@given(st.lists(anywhere, min_size=1, max_size=5))
def test_a_union_holds_all_and_goes_across_just_where_that_is_less_than_half_the_globe(every: list[Bounds]) -> None:
    west, south, _, north = union = bounds_union(every)
    assert south == min(bounds[1] for bounds in every)
    assert north == max(bounds[3] for bounds in every)
    if crosses_antimeridian(union):
        assert unroll(union)[2] - west < 180
    for bounds in every:
        for part in bounds_parts(bounds):
            assert any(own[0] <= part[0] and part[2] <= own[2] for own in bounds_parts(union))
    whole = bounds_union([*every, union])
    assert whole == union, "nothing is added by adding it"


def _polygons(*boxes: Bounds) -> dict[str, Any]:
    rings = [[[[w, s], [e, s], [e, n], [w, n], [w, s]]] for w, s, e, n in boxes]
    if len(rings) == 1:
        return {"type": "Polygon", "coordinates": rings[0]}
    return {"type": "MultiPolygon", "coordinates": rings}


@pytest.mark.parametrize(
    ("boxes", "bounds"),
    [
        ([EAST], EAST),
        ([(1.0, 2.0, 3.0, 4.0), (-5.0, 3.0, -4.0, 9.0)], (-5, 2, 3, 9)),
        ([(179.0, -18.0, 180.0, -16.0), (-180.0, -17.0, -179.0, -15.0)], (179, -18, -179, -15)),
        ([(179.0, -18.0, 180.0, -16.0), (-179.5, -17.0, -179.0, -15.0)], (-179.5, -18, 180, -15)),
        ([(-180.0, -90.0, 180.0, 90.0)], (-180, -90, 180, 90)),
        ([(-180.0, 10.0, -30.0, 70.0), (-10.0, -35.0, 180.0, 70.0)], (-180, -35, 180, 70)),
    ],
    ids=["box", "two", "across", "not quite across", "world", "world with a gap"],
)
def test_bounds_of_a_geometry_follow_it_across_the_antimeridian(boxes: list[Bounds], bounds: Bounds) -> None:
    assert geometry_bounds(_polygons(*boxes)) == bounds
    with_heights = [[[*point, 5.0] for point in ring] for ring in _polygons(EAST)["coordinates"]]
    assert geometry_bounds({"type": "Polygon", "coordinates": with_heights}) == EAST


def test_sides_that_end_less_than_a_pixel_before_the_antimeridian_are_beside_each_other() -> None:
    sides = [(179.5, 0.0, 180.0, 1.0), (-179.9997, 0.0, -179.0, 1.0)]
    assert bounds_union(sides) == (179.5, 0.0, -179.0, 1.0)
    assert bounds_union([(170.0, 0.0, 179.0, 1.0), (-179.0, 0.0, -170.0, 1.0)]) == (-179.0, 0.0, 179.0, 1.0)
