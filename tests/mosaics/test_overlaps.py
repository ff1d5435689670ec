"""COGs that cover each other wholly, and borders of one value that hide what lies below them."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from shapely.geometry import box, mapping

from rastercollection.geo.types import Bounds
from rastercollection.model.cog import Cog, Collar
from rastercollection.mosaics.overlaps import hidden_by_collars, same_places
from rastercollection.testing.sample_records import sample_cog, sample_grid

HERE: Bounds = (71.0, 41.0, 71.1, 41.1)


def shifted(share: float) -> Bounds:
    """A box as large as ``HERE``, to the east by a share of its width."""
    west, south, east, north = HERE
    return (west + share * (east - west), south, east + share * (east - west), north)


def places(*cogs: Cog) -> list[list[str]]:
    return [[cog.item_id for cog in place.cogs] for place in same_places(cogs)]


def test_cogs_of_one_place_are_found_in_the_order_of_the_mosaic() -> None:
    grid = sample_grid(30)
    assert places(*grid) == []
    twins = [attrs.evolve(grid[index], item_id=f"twin-{index}") for index in (7, 3)]
    third = attrs.evolve(grid[7], item_id="third")
    assert places(*grid, *twins, third) == [["tile-000003", "twin-3"], ["tile-000007", "twin-7", "third"]]
    assert places(*twins, *grid)[0] == ["twin-7", "tile-000007"]


@pytest.mark.parametrize(("share", "is_one"), [(0.0, True), (0.02, True), (0.1, False), (0.5, False), (1.0, False)])
@pytest.mark.parametrize("origin", [0.0, 0.013, 0.025, 0.04])
def test_nearly_the_same_is_the_same(share: float, is_one: bool, origin: float) -> None:
    """Wherever the cells begin that middles are put into."""
    far = [sample_cog(f"far-{n}", (80.0 + n + origin, 41.0, 80.1 + n + origin, 41.1)) for n in range(3)]
    moved = tuple(value + (origin if at % 2 == 0 else 0) for at, value in enumerate(HERE))
    there = tuple(value + (origin if at % 2 == 0 else 0) for at, value in enumerate(shifted(share)))
    found = same_places([sample_cog("a", moved), *far, sample_cog("b", there)])
    assert [[cog.item_id for cog in place.cogs] for place in found] == ([["a", "b"]] if is_one else [])
    if is_one:
        assert found[0].shared == pytest.approx((1 - share) / (1 + share), abs=1e-6)


@pytest.mark.parametrize(("right", "up"), [(0.0, 0.0), (0.001, 0.0), (0.0, 0.001), (0.001, 0.001)])
def test_places_at_the_edges_of_cells(right: float, up: float) -> None:
    """Middles just to the left of and below an edge, and just beyond it."""
    west, south, east, north = (value - 0.0005 for value in HERE)
    one, other = (west, south, east, north), (west + right, south + up, east + right, north + up)
    assert places(sample_cog("a", one), sample_cog("b", other)) == [["a", "b"]]


def test_it_is_pixels_that_count_and_not_the_frame_around_them() -> None:
    """Two halves of a scene, in one frame each, do not cover each other."""
    west, south, east, north = HERE
    middle = (west + east) / 2
    halves = [
        sample_cog("left", HERE, footprint=mapping(box(west, south, middle, north))),
        sample_cog("right", HERE, footprint=mapping(box(middle, south, east, north))),
    ]
    assert places(*halves) == []


def test_the_antimeridian_is_no_obstacle() -> None:
    across: Bounds = (179.9, -18.0, -179.9, -17.8)
    assert places(sample_cog("a", across), sample_cog("b", across)) == [["a", "b"]]
    assert same_places([]) == same_places([sample_cog()]) == ()


def collared(item_id: str, bounds: Bounds, inside: Bounds | None) -> Cog:
    collar = Collar(value=0, edge_percent=90.0, area_percent=60.0, inside=mapping(box(*inside))) if inside else None
    changes: dict[str, Any] = {"collar": collar}
    return sample_cog(item_id, bounds, **changes)


def test_what_a_collar_hides_of_the_tile_below() -> None:
    west, south, _, north = HERE
    below = collared("below", shifted(0.5), None)
    above = collared("above", HERE, (west, south, west + 0.075, north))
    (found,) = hidden_by_collars([above, below])
    assert (found.above.item_id, found.below.item_id) == ("above", "below")
    assert found.share == pytest.approx(0.25)
    assert hidden_by_collars([below, above]) == ()
    assert hidden_by_collars([collared("above", HERE, None), below]) == ()
    assert hidden_by_collars([above, collared("beside", shifted(1.0), None)]) == ()


def test_a_collar_hides_no_collar() -> None:
    west, south, east, north = HERE
    above = collared("above", HERE, (west, south, west + 0.05, north))
    middle = west + 0.05
    below = collared("below", shifted(0.5), (east, south, middle + 0.1, north))
    assert hidden_by_collars([above, below]) == ()
