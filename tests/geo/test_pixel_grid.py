"""Where tiles come to lie on a collection's grid, for any set of tiles; zooms and blocks are judged by morecantile."""

from __future__ import annotations

import itertools
import json
import math

import attrs
import morecantile
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from rastercollection.core.records import from_dict, to_dict
from rastercollection.geo.pixel_grid import CollectionGrid, GridExtent, GridRule, choose_grid
from rastercollection.geo.types import Bounds, NaturalGrid

DEGREES = (-180.0, -90.0, 180.0, 90.0)
MERCATOR = math.pi * 6378137.0
QUAD = morecantile.tms.get("WebMercatorQuad")


def natural(
    left: float, top: float, size: tuple[float, float], shape: tuple[int, int], **changes: object
) -> NaturalGrid:
    bounds = (left, top - shape[0] * size[1], left + shape[1] * size[0], top)
    return attrs.evolve(NaturalGrid(bounds=bounds, resolution=size, is_upright=False, world=None), **changes)


def placed(grid: CollectionGrid, tile: NaturalGrid) -> tuple[GridExtent, bool]:
    """Where the COG lies, and whether the tile's own pixels were kept."""
    rule = grid.rule_for(tile)
    assert from_dict(GridRule, json.loads(json.dumps(to_dict(rule)))) == rule
    if not rule.keeps(tile):
        return rule.place(tile), False
    left, bottom, right, top = tile.bounds
    across, down = tile.resolution
    shape = round((top - bottom) / down), round((right - left) / across)
    return GridExtent(origin=(left, top), resolution=tile.resolution, shape=shape), True


def bounds_of(place: GridExtent) -> Bounds:
    (left, top), (across, down), (rows, columns) = place.origin, place.resolution, place.shape
    return (left, top - rows * down, left + columns * across, top)


def from_whole(value: float) -> float:
    return abs(value - round(value))


@st.composite
def collections(draw: st.DrawFn) -> list[NaturalGrid]:
    """Tiles side by side from anywhere, of any size of pixels, some upright in the target CRS and some not."""
    size = draw(st.floats(1e-9, 1e4))
    x, y = draw(st.floats(-1e7, 1e7)) * size, draw(st.floats(-1e7, 1e7)) * size
    on_one_grid = draw(st.booleans())
    tiles = []
    for _ in range(draw(st.integers(1, 6))):
        factor = draw(st.sampled_from([1.0, 1.0, 2.0, 3.0, 8.0]) if on_one_grid else st.floats(1, 300))
        pixel = (size * factor, size * factor * (1.0 if on_one_grid else draw(st.sampled_from([1.0, 1.0, 0.5, 2.1]))))
        shape = draw(st.integers(1, 3000)), draw(st.integers(1, 3000))
        tiles.append(natural(x, y, pixel, shape, is_upright=draw(st.booleans())))
        x = tiles[-1].bounds[2]
    return tiles


@given(collections(), st.randoms(use_true_random=False))
def test_all_cogs_are_whole_pixels_apart_and_hold_their_tiles(tiles: list[NaturalGrid], random: object) -> None:
    grid = choose_grid(tiles, grid="shared")
    step = grid.rule.resolution
    assert step is not None
    found = [placed(grid, tile) for tile in tiles]
    for (one, one_kept), (other, other_kept) in itertools.combinations(found, 2):
        allowed = 0.01 * (one_kept + other_kept) + 1e-5
        for mine, yours, axis in zip(bounds_of(one), bounds_of(other), (0, 1, 0, 1), strict=True):
            assert from_whole((mine - yours) / step[axis]) <= allowed
    for tile, (place, kept) in zip(tiles, found, strict=True):
        assert kept <= tile.is_upright
        assert min(place.shape) >= 1
        outside = [
            sign * (own - new) / place.resolution[axis]
            for own, new, axis, sign in zip(tile.bounds, bounds_of(place), (0, 1, 0, 1), (1, 1, -1, -1), strict=True)
        ]
        assert all(-1e-5 <= excess < 1 + 1e-5 for excess in outside)
    random.shuffle(tiles)  # type: ignore[attr-defined]
    assert choose_grid(tiles, grid="shared") == grid


@given(collections())
def test_no_tile_is_blown_up_and_none_loses_detail(tiles: list[NaturalGrid]) -> None:
    tiles = [attrs.evolve(tile, resolution=(tile.resolution[0],) * 2) for tile in tiles]
    grid = choose_grid(tiles, grid="shared")
    for tile in tiles:
        place, _ = placed(grid, tile)
        assert tile.resolution[0] / 2.03 < place.resolution[0] < 1.101 * tile.resolution[0]


@given(st.floats(1e-9, 1e4), st.floats(-1e6, 1e6), st.lists(st.integers(-10_000, 10_000), min_size=2, max_size=5))
def test_tiles_on_one_grid_keep_it_beside_strays(size: float, phase: float, corners: list[int]) -> None:
    kept = [natural((phase + x) * size, (x - phase) * size, (size, size), (50, 90), is_upright=True) for x in corners]
    stray = natural((phase + 0.3) * size, 0.0, (size, size), (50, 90), is_upright=True)
    turned = natural(phase * size, 0.4 * size, (1.02 * size, 1.02 * size), (70, 70))
    grid = choose_grid([stray, *kept, turned], grid="shared")
    for tile in kept:
        place, is_kept = placed(grid, tile)
        assert is_kept
        assert (place.origin, place.resolution) == ((tile.bounds[0], tile.bounds[3]), (size, size))
    assert not placed(grid, stray)[1]
    assert grid.rule_for(stray).surprises(stray)
    assert not grid.rule_for(turned).surprises(turned)
    assert placed(grid, turned)[0].resolution == pytest.approx((size, size), rel=1e-9)


@example(16.0, 0.0, 48.0, 16.0, 16.0)
@given(st.floats(1e-7, 20), st.floats(-180, 180), st.floats(-90, 90), st.floats(0, 360), st.floats(0, 180))
def test_no_pixel_lies_beyond_the_limits_of_the_crs(
    size: float, left: float, bottom: float, width: float, height: float
) -> None:
    bounds = (left, bottom, min(180.0, left + width), min(90.0, bottom + height))
    assume(bounds[2] - left >= size)
    assume(bounds[3] - bottom >= size)
    tile = NaturalGrid(bounds=bounds, resolution=(size, size), is_upright=False, world=DEGREES)
    for resolution in (None, 0.7 * size, 3 * size):
        place, _ = placed(choose_grid([tile], grid="shared", resolution=resolution), tile)
        found = bounds_of(place)
        if place.resolution[0] <= size:
            assert all(-180 - 1e-9 <= x <= 180 + 1e-9 for x in found[0::2])
            assert all(-90 - 1e-9 <= y <= 90 + 1e-9 for y in found[1::2])
        # it is somewhere on the tile
        assert found[0] < bounds[2]
        assert bounds[0] < found[2]
        assert found[1] < bounds[3]
        assert bounds[1] < found[3]
        # what the limits cut off is less than a pixel
        pixel = place.resolution[0] * (1 + 1e-6)
        assert all(abs(own - new) < pixel for own, new in zip(bounds, found, strict=True))


@given(st.floats(1e-5, 20), st.floats(-80, 80))
def test_around_the_world_and_at_the_pole_nothing_is_cut_off(size: float, bottom: float) -> None:
    ring = NaturalGrid(bounds=(-180.0, bottom, 180.0, 90.0), resolution=(size, size), is_upright=False, world=DEGREES)
    crossing = natural(179.5, 10.0, (size, size), (40, 40), world=DEGREES)
    grid = choose_grid([crossing, ring], grid="shared")
    found = bounds_of(placed(grid, ring)[0])
    assert (found[0], found[2], found[3]) == pytest.approx((-180, 180, 90), abs=1e-9)
    assert found[1] <= bottom + 1e-5 * size
    step = grid.rule.resolution
    assert step is not None
    # so a tile over the antimeridian fits its neighbours on both sides
    assert from_whole(360 / step[0]) < 1e-6
    over = bounds_of(placed(grid, crossing)[0])
    assert 179.5 - size * (1 + 1e-6) < over[0] <= 179.5 + 1e-5 * size
    assert over[2] >= crossing.bounds[2] - 1e-5 * size


@pytest.mark.parametrize("bounds", [(170.0, 10.0, 180.0, 20.0), (-180.0, 10.0, -170.0, 20.0), (5.0, -90.0, 6.0, -80.0)])
def test_a_tile_at_one_limit_is_not_cut_off_there(bounds: Bounds) -> None:
    tile = NaturalGrid(bounds=bounds, resolution=(0.007, 0.007), is_upright=False, world=DEGREES)
    found = bounds_of(placed(choose_grid([tile], grid="shared"), tile)[0])
    for own, new, limit in zip(bounds, found, DEGREES, strict=True):
        assert own != limit or new == pytest.approx(limit, abs=1e-9)


def test_a_tile_much_smaller_than_a_pixel_gets_one() -> None:
    speck = natural(-1e-6, 1e-6, (1e-6, 1e-6), (2, 2))
    place, _ = placed(choose_grid([speck], grid="shared", resolution=100.0), speck)
    assert place.shape == (1, 1)


def test_only_pixels_that_give_way_for_their_place_alone_are_a_surprise() -> None:
    on, off, other = (natural(x, 0.0, (size, size), (9, 9), is_upright=True) for x, size in ((0, 5), (47, 5), (90, 4)))
    fixed = choose_grid([on, on, off, other], grid="shared", resolution=5.0)
    assert [fixed.rule_for(tile).surprises(tile) for tile in (on, off, other)] == [False, True, False]
    chosen = choose_grid([on, on, off, natural(0.0, 0.0, (12.0, 12.0), (9, 9))], grid="shared")
    assert [chosen.rule_for(tile).surprises(tile) for tile in (on, off)] == [False, True]


def test_pixels_of_twice_the_size_on_the_same_corners_are_kept_too() -> None:
    fine = natural(500_000.0, 4_000_000.0, (0.5, 0.5), (100, 100), is_upright=True)
    coarse = natural(500_050.0, 4_000_000.0, (1.5, 1.5), (100, 100), is_upright=True)
    off = natural(500_200.25, 4_000_000.0, (2.0, 2.0), (100, 100), is_upright=True)
    grid = choose_grid([fine, coarse, off], grid="shared")
    assert [placed(grid, tile)[1] for tile in (fine, coarse, off)] == [True, True, False]
    assert placed(grid, off)[0] == GridExtent(origin=(500_200.0, 4_000_000.0), resolution=(2.0, 2.0), shape=(100, 101))


def test_pixel_sizes_that_are_estimates_move_no_tile_that_is_in_the_target_crs() -> None:
    kept = natural(0.0, 0.0, (1e-4, 1e-4), (100, 100), is_upright=True)
    finer = natural(0.01, 0.0, (0.95e-4, 0.95e-4), (100, 100))
    half = natural(0.02, 0.0, (1.9e-4, 1.9e-4), (100, 100))
    grid = choose_grid([kept, finer, half], grid="shared")
    assert placed(grid, kept)[1]
    assert placed(grid, finer)[0].resolution == pytest.approx((1e-4, 1e-4))
    assert placed(grid, half)[0].resolution == pytest.approx((2e-4, 2e-4))


def test_a_grid_that_drifts_away_within_the_tile_is_not_the_same_grid() -> None:
    exact = natural(0.0, 0.0, (10.0, 10.0), (10_000, 10_000), is_upright=True)
    # both ends are on corners of the grid: it has slipped by one pixel on the way
    nearly = natural(0.0, 0.0, (10.0 * (1 + 1e-4), 10.0), (10_000, 10_000), is_upright=True)
    close = natural(0.0, 0.0, (10.0 * (1 + 1e-7), 10.0), (10_000, 10_000), is_upright=True)
    grid = choose_grid([exact, exact, nearly, close], grid="shared")
    assert [placed(grid, tile)[1] for tile in (exact, nearly, close)] == [True, False, True]


def test_a_tile_that_joins_later_seldom_changes_the_grid() -> None:
    first = natural(70.0, 40.0, (9.2371e-5, 9.2371e-5), (100, 100))
    later = natural(70.1, 40.0, (9.2368e-5, 9.2368e-5), (100, 100))
    grid = choose_grid([first], grid="shared")
    assert grid.rule.resolution == (9.23e-5, 9.23e-5)
    assert choose_grid([first, later, None], grid="shared") == grid


@given(collections(), st.floats(0.5, 40))
def test_a_given_resolution_holds_for_all(tiles: list[NaturalGrid], factor: float) -> None:
    size = factor * tiles[0].resolution[0]
    for mode in ("shared", "own"):
        grid = choose_grid(tiles, grid=mode, resolution=size)
        for tile in tiles:
            place, kept = placed(grid, tile)
            assert place.resolution == pytest.approx((size, size), rel=0.01)
            if mode == "own":
                corner = (tile.bounds[0], tile.bounds[3])
                assert place.origin == pytest.approx(corner, abs=1e-5 * size)
            assert not kept or tile.is_upright


def test_each_its_own_says_nothing() -> None:
    tile = natural(1.0, 2.0, (0.3, 0.3), (3, 3))
    grid = choose_grid([tile], grid="own")
    assert grid.rule_for(tile).keeps(tile)
    assert not grid.rule_for(tile).surprises(tile)


@given(
    st.floats(0.02, 2e5),
    st.floats(-0.99, 0.99),
    st.floats(-0.99, 0.99),
    st.integers(1, 2000),
    st.sampled_from(["auto", "lower", "upper"]),
)
def test_web_mercator_tiles_are_those_of_the_scheme(size: float, x: float, y: float, side: int, strategy: str) -> None:
    world = (-MERCATOR, -MERCATOR, MERCATOR, MERCATOR)
    tile = natural(x * MERCATOR, y * MERCATOR, (size, size), (side, side), world=world)
    assume(tile.bounds[2] <= MERCATOR and tile.bounds[1] >= -MERCATOR)
    grid = choose_grid([tile], grid="WebMercatorQuad", zoom_strategy=strategy)
    place, _ = placed(grid, tile)
    zoom = round(math.log2(2 * MERCATOR / 256 / place.resolution[0]))
    assert zoom == QUAD.zoom_for_res(size, zoom_level_strategy=strategy)
    assert place.resolution == pytest.approx((QUAD.matrix(zoom).cellSize,) * 2, rel=1e-12)
    left, bottom, right, top = bounds_of(place)
    # a block of 512 pixels is a tile of the zoom below; the world of zoom 0 is smaller than one
    assert zoom == 0 or [side % 512 for side in place.shape] == [0, 0]
    scheme, nudge = max(0, zoom - 1), 0.01 * place.resolution[0]
    first = QUAD.xy_bounds(QUAD._tile(tile.bounds[0] + nudge, tile.bounds[3] - nudge, scheme))
    last = QUAD.xy_bounds(QUAD._tile(tile.bounds[2] - nudge, tile.bounds[1] + nudge, scheme))
    assert (left, top) == pytest.approx((first.left, first.top), abs=1e-6)
    assert (right, bottom) == pytest.approx((last.right, last.bottom), abs=1e-6)


def test_coarser_tiles_get_a_lower_zoom_and_equal_ones_the_same() -> None:
    size = 1.38 * QUAD.matrix(14).cellSize
    fine, alike, coarse = (natural(1e6, 1e6, (f * size, f * size), (300, 300)) for f in (1, 1.6, 10))
    grid = choose_grid([fine, alike, coarse], grid="WebMercatorQuad")
    sizes = [placed(grid, tile)[0].resolution[0] for tile in (fine, alike, coarse)]
    assert sizes == pytest.approx([QUAD.matrix(zoom).cellSize for zoom in (14, 14, 11)])


@pytest.mark.parametrize("strategy", ["auto", "lower", "upper"])
def test_pixels_of_a_zoom_have_that_zoom_by_every_strategy(strategy: str) -> None:
    for zoom, noise in itertools.product(range(25), (-1e-10, 0, 1e-10)):
        size = QUAD.matrix(zoom).cellSize * (1 + noise)
        grid = choose_grid([natural(0.0, 0.0, (size, size), (9, 9))], grid="WebMercatorQuad", zoom_strategy=strategy)
        assert grid.rule.resolution == pytest.approx((size, size))


def test_only_whole_tiles_of_the_scheme_are_kept() -> None:
    size = QUAD.matrix(10).cellSize
    whole, cut = (natural(0.0, 1024 * size, (size, size), (side, side), is_upright=True) for side in (1024, 900))
    grid = choose_grid([whole, cut], grid="WebMercatorQuad")
    assert placed(grid, whole)[1]
    place, kept = placed(grid, cut)
    assert not kept
    assert place.shape == (1024, 1024)


def test_nothing_is_coarser_than_zoom_0() -> None:
    world = (-MERCATOR, -MERCATOR, MERCATOR, MERCATOR)
    fine = natural(0.0, 0.0, (1.0, 1.0), (9, 9), world=world)
    coarse = natural(-MERCATOR, MERCATOR, (MERCATOR / 5,) * 2, (10, 10), world=world)
    place, _ = placed(choose_grid([fine, coarse], grid="WebMercatorQuad"), coarse)
    assert place.shape == (256, 256)
    assert bounds_of(place) == pytest.approx(world)


def test_a_place_a_hair_below_a_whole_pixel_is_that_of_the_whole_one() -> None:
    lefts = [0.0, 10 - 1e-9, 20 - 1e-9, 5.0, 25.0]
    tiles = [natural(left, 100.0, (10.0, 10.0), (10, 10), is_upright=True) for left in lefts]
    assert choose_grid(tiles, grid="shared").rule.origin == (0, 0)


def test_pixels_are_alike_if_they_are_so_over_the_whole_tile_wherever_it_lies() -> None:
    far = natural(1_000_003.0, 2_000_007.0, (10.00001, 10.00001), (100, 100), is_upright=True)
    origin = choose_grid([far], grid="shared", resolution=10.0).rule.origin
    assert origin is not None
    assert origin == pytest.approx((3, 7), abs=1e-4)
    turned = attrs.evolve(far, is_upright=False)
    assert choose_grid([turned], grid="shared", resolution=10.0).rule.origin == (0, 0)
    wide = natural(1_000_003.0, 2_000_007.0, (10.001, 10.001), (100, 1000), is_upright=True)
    assert choose_grid([wide], grid="shared", resolution=10.0).rule.origin == (0, 0)


def test_a_coarser_tile_need_not_lie_on_whole_coarser_pixels() -> None:
    rule = GridRule(resolution=(10.0, 10.0), origin=(0.0, 0.0), cell=2)
    tile = natural(10.0, 30.0, (20.0, 20.0), (5, 5), is_upright=True)
    assert rule.keeps(tile)
    assert not attrs.evolve(rule, block=2).keeps(tile), "but on whole blocks where there are any"


def test_that_blocks_move_a_tile_is_no_surprise() -> None:
    tile = natural(3.0, 3.0, (10.0, 10.0), (5, 5), is_upright=True)
    rule = GridRule(resolution=(10.0, 10.0), origin=(0.0, 0.0))
    assert rule.surprises(tile)
    assert not attrs.evolve(rule, block=256).surprises(tile)
    assert not GridRule().surprises(tile)
