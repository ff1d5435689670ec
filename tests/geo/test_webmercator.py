"""Web Mercator's limits, zooms, tiles and quadkeys, as morecantile and PROJ have them."""

from __future__ import annotations

import math

import morecantile
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from rasterio.warp import transform_bounds

from rastercollection.geo.mercator_tiles import on_world_map, tile_boxes, tile_count, tiles_of, typical_zoom
from rastercollection.geo.webmercator import (
    HALF_WORLD,
    MERCATOR_LATITUDE,
    exact_zoom,
    from_mercator,
    isometric_latitude,
    latitude_at,
    pixel_size,
    quadkey,
    tile_number,
    tile_of,
    within_map,
    world_pixels,
)

TMS = morecantile.tms.get("WebMercatorQuad")
LONGITUDES = st.floats(-180, 180)
LATITUDES = st.floats(-85.05, 85.05)
ZOOMS = st.integers(0, 24)


@st.composite
def tiles(draw: st.DrawFn) -> morecantile.Tile:
    zoom = draw(ZOOMS)
    numbers = st.integers(0, 2**zoom - 1)
    return morecantile.Tile(draw(numbers), draw(numbers), zoom)


def near_an_edge(longitude: float, latitude: float, zoom: int) -> bool:
    """Whether rounding decides which tile a place is in."""
    x, y = (1 + np.array(TMS.xy(longitude, latitude)) / HALF_WORLD) / 2 * 2**zoom
    return bool(min(abs(x - round(x)), abs(y - round(y))) < 1e-6)


@given(LONGITUDES, LATITUDES, ZOOMS)
def test_the_tile_around_a_place(longitude: float, latitude: float, zoom: int) -> None:
    assume(not near_an_edge(longitude, latitude, zoom))
    assert tile_of(longitude, latitude, zoom) == TMS.tile(longitude, latitude, zoom)[:2]


@pytest.mark.parametrize("longitude", [-200.0, -180.0, 180.0, 200.0])
@pytest.mark.parametrize("latitude", [-90.0, -MERCATOR_LATITUDE, MERCATOR_LATITUDE, 90.0])
def test_places_at_and_beyond_the_edges_are_in_the_tiles_there(longitude: float, latitude: float) -> None:
    assert tile_of(longitude, latitude, 3) == (7 if longitude > 0 else 0, 0 if latitude > 0 else 7)


@given(tiles())
def test_quadkeys(tile: morecantile.Tile) -> None:
    key = quadkey(tile.x, tile.y, tile.z)
    assert key == TMS.quadkey(tile)
    assert tile_number(key) == (tile.x, tile.y)


@given(tiles())
def test_boxes_of_tiles(tile: morecantile.Tile) -> None:
    box = tile_boxes(np.array([tile.x]), np.array([tile.y]), tile.z)[0]
    assert box.bounds == pytest.approx(TMS.bounds(tile), abs=1e-9)


@given(LONGITUDES, LATITUDES, st.floats(1e-3, 30), st.floats(1e-3, 30), st.integers(0, 8))
def test_the_tiles_that_bounds_reach_into(west: float, south: float, width: float, height: float, zoom: int) -> None:
    east, north = min(180.0, west + width), min(85.0, south + height)
    assume(east > west and north > south)
    assume(not near_an_edge(west, south, zoom) and not near_an_edge(east, north, zoom))
    part, columns, rows = tiles_of(np.array([(west, south, east, north)]), zoom)
    assert set(part.tolist()) == {0}
    theirs = {(tile.x, tile.y) for tile in TMS.tiles(west, south, east, north, [zoom])}
    assert set(zip(columns.tolist(), rows.tolist(), strict=True)) == theirs


@given(tiles())
@example(morecantile.Tile(3, 1020, 11))
def test_bounds_that_only_touch_a_tile_do_not_reach_into_it(tile: morecantile.Tile) -> None:
    part, columns, rows = tiles_of(np.array([TMS.bounds(tile)]), tile.z)
    assert (part.tolist(), columns.tolist(), rows.tolist()) == ([0], [tile.x], [tile.y])


@given(st.integers(0, 24))
def test_zooms_are_sizes_of_pixels(zoom: int) -> None:
    matrix = TMS.matrix(zoom)
    assert pixel_size(zoom) == pytest.approx(matrix.cellSize, rel=1e-9)
    assert world_pixels(zoom) == matrix.matrixWidth * matrix.tileWidth
    assert exact_zoom(matrix.cellSize) == pytest.approx(zoom, abs=1e-9)
    assert exact_zoom(matrix.cellSize * math.sqrt(2)) == pytest.approx(zoom - 0.5, abs=1e-9)


@given(LATITUDES)
def test_latitudes_come_back(latitude: float) -> None:
    assert latitude_at(isometric_latitude(latitude)) == pytest.approx(latitude, abs=1e-9)
    assert isometric_latitude(latitude) == pytest.approx(TMS.xy(0, latitude)[1] / HALF_WORLD * math.pi, abs=1e-12)


def test_the_map_is_a_square() -> None:
    assert isometric_latitude(90) == isometric_latitude(MERCATOR_LATITUDE) == pytest.approx(math.pi, abs=1e-12)
    assert within_map((-10, -90, 10, 90)) == (-10, -MERCATOR_LATITUDE, 10, MERCATOR_LATITUDE)
    assert TMS.xy_bbox == pytest.approx((-HALF_WORLD, -HALF_WORLD, HALF_WORLD, HALF_WORLD), rel=1e-9)
    whole = on_world_map(np.array([(-180.0, -MERCATOR_LATITUDE, 180.0, MERCATOR_LATITUDE)]))
    assert whole[0] == pytest.approx((0, 0, 1, 1), abs=1e-12)


@given(st.tuples(*[st.floats(-HALF_WORLD, HALF_WORLD)] * 4))
def test_bounds_in_degrees_are_those_of_proj(corners: tuple[float, float, float, float]) -> None:
    (left, right), (bottom, top) = sorted(corners[::2]), sorted(corners[1::2])
    theirs = transform_bounds("EPSG:3857", "EPSG:4326", left, bottom, right, top)
    assert from_mercator((left, bottom, right, top)) == pytest.approx(theirs, abs=1e-7)


@pytest.mark.parametrize(("side", "zoom"), [(1.0, 0), (0.75, 1), (0.5, 1), (0.3, 2), (0.2, 3), (0.0, 30)])
def test_tiles_of_the_typical_zoom_are_up_to_twice_as_small_as_most_boxes(side: float, zoom: int) -> None:
    boxes = np.array([(0.0, 0.0, side, side / 3), (0.0, 0.0, side, side), (0.0, 0.0, 0.9, 0.9)])
    assert typical_zoom(boxes) == zoom


def test_tiles_are_counted_generously() -> None:
    boxes = np.array([(0.0, 0.0, 0.5, 0.25), (0.0, 0.0, 0.0, 0.0)])
    assert tile_count(boxes, 3) == 5 * 3 + 1
