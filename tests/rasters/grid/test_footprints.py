"""Outlines of valid pixels, judged by shapely."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from rastercollection.rasters.grid.footprint import footprint


def outline(
    crs: str, transform: Affine, size: tuple[int, int], valid: np.ndarray | None = None
) -> tuple[BaseGeometry, dict]:
    height, width = size
    extent = (transform.c, transform.f + transform.e * height, transform.c + transform.a * width, transform.f)
    geometry = footprint(valid, transform, extent, pyproj.CRS.from_user_input(crs))
    return shape(geometry), dict(geometry)


def test_a_full_raster_in_degrees_is_its_box() -> None:
    found, geometry = outline("EPSG:4326", from_origin(10, 50, 1, 1), (5, 5))
    assert found.equals(shapely.box(10, 45, 15, 50))
    assert geometry["type"] == "Polygon"
    assert found.exterior.is_ccw
    assert len(geometry["coordinates"][0]) == 5


def test_edges_are_bent_as_the_projection_bends_them() -> None:
    transform = from_origin(200_000, 6_700_000, 1000, 1000)
    found, _ = outline("EPSG:32642", transform, (600, 600))
    to_degrees = pyproj.Transformer.from_crs("EPSG:32642", "EPSG:4326", always_xy=True)
    edge = np.linspace(200_000, 800_000, 200)
    points = shapely.points(*to_degrees.transform(edge, np.full(200, 6_700_000)))
    assert shapely.distance(found.exterior, points).max() < 0.01
    straight = shapely.LineString([to_degrees.transform(x, 6_700_000) for x in (200_000, 800_000)])
    assert shapely.distance(straight, points).max() > 0.05


def test_a_hole_and_a_corner_are_left_out() -> None:
    valid = np.ones((200, 200), bool)
    valid[60:120, 60:120] = False
    valid[:40, :40] = False
    found, _ = outline("EPSG:4326", from_origin(10, 50, 0.01, 0.01), (200, 200), valid)
    assert found.area == pytest.approx(valid.mean() * 4, rel=0.02)
    assert not found.contains(shapely.Point(10.9, 49.1))
    assert not found.contains(shapely.Point(10.1, 49.9))


@pytest.mark.parametrize(
    ("crs", "transform", "size"),
    [
        ("EPSG:4326", from_origin(179, 10, 0.01, 0.01), (100, 200)),
        ("EPSG:4326", from_origin(-181, 10, 0.01, 0.01), (100, 200)),
        ("EPSG:4267", from_origin(179, 10, 0.01, 0.01), (100, 200)),
        ("EPSG:32660", from_origin(800_000, 1_800_000, 100, 100), (300, 800)),
        ("EPSG:3857", from_origin(19_950_000, 1_000_000, 100, 100), (300, 1800)),
    ],
)
def test_what_crosses_the_antimeridian_is_cut_there(crs: str, transform: Affine, size: tuple[int, int]) -> None:
    found, geometry = outline(crs, transform, size)
    assert geometry["type"] == "MultiPolygon"
    assert found.is_valid
    east, west = sorted(found.geoms, key=lambda part: -part.bounds[0])
    assert east.bounds[2] == 180
    assert west.bounds[0] == -180
    assert east.bounds[2] - east.bounds[0] < 5
    assert west.bounds[2] - west.bounds[0] < 5


def test_longitudes_beyond_180_come_back() -> None:
    found, _ = outline("EPSG:4326", from_origin(302, 10, 0.1, 0.1), (80, 60))
    assert found.bounds == pytest.approx((-58, 2, -52, 10))


def test_more_than_the_world_is_the_world() -> None:
    found, _ = outline("EPSG:4326", from_origin(-180.4, 90, 0.2, 0.2), (900, 1804))
    assert found.equals(shapely.box(-180, -90, 180, 90))


@pytest.mark.parametrize(("crs", "latitude"), [("EPSG:3413", 90), ("EPSG:3031", -90)])
def test_a_pole_inside_is_inside(crs: str, latitude: int) -> None:
    found, _ = outline(crs, from_origin(-5e5, 5e5, 10_000, 10_000), (100, 100))
    assert found.is_valid
    for longitude in (-179, -90, 0, 45, 179):
        assert found.contains(shapely.Point(longitude, latitude - np.sign(latitude)))
        assert not found.contains(shapely.Point(longitude, latitude - np.sign(latitude) * 10))


def test_noise_ends_soon_and_covers_all() -> None:
    valid = np.random.default_rng(0).random((1000, 1000)) < 0.5
    found, geometry = outline("EPSG:32642", from_origin(600_000, 4_600_000, 10, 10), (1000, 1000), valid)
    whole, _ = outline("EPSG:32642", from_origin(600_000, 4_600_000, 10, 10), (1000, 1000))
    assert found.area > 0.95 * whole.area
    assert len(str(geometry)) < 20_000


def test_nothing_valid_gives_the_whole_extent() -> None:
    found, _ = outline("EPSG:4326", from_origin(10, 50, 1, 1), (5, 5), np.zeros((5, 5), bool))
    assert found.equals(shapely.box(10, 45, 15, 50))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from(["EPSG:4326", "EPSG:32660", "EPSG:3413", "EPSG:3857"]),
)
def test_any_pattern_gives_a_valid_outline_that_holds_its_pixels(seed: int, height: int, width: int, crs: str) -> None:
    rng = np.random.default_rng(seed)
    valid = rng.random((height, width)) < rng.random()
    size = 0.3 if crs == "EPSG:4326" else 20_000
    corner = {"EPSG:4326": (175, 60), "EPSG:32660": (500_000, 5_000_000), "EPSG:3413": (-3e5, 3e5)}.get(crs, (2e7, 1e6))
    transform = from_origin(*corner, size, size)
    found, _ = outline(crs, transform, (height, width), valid)
    assert found.is_valid
    assert found.area > 0
    west, south, east, north = found.bounds
    assert -180 <= west <= east <= 180
    assert -90 <= south <= north <= 90
    if valid.any():
        rows, columns = np.nonzero(valid)
        x, y = transform * (columns + 0.5, rows + 0.5)
        longitudes, latitudes = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(x, y)
        points = shapely.points((np.asarray(longitudes) + 180) % 360 - 180, latitudes)
        inside = shapely.contains(found.buffer(1e-3), points)
        assert inside.mean() > 0.97


def test_a_small_island_far_away_is_inside() -> None:
    valid = np.zeros((200, 200), bool)
    valid[:80, :80], valid[190, 190] = True, True
    found, _ = outline("EPSG:4326", from_origin(10, 50, 0.1, 0.1), (200, 200), valid)
    assert found.contains(shapely.Point(29.05, 30.95))
    assert not found.contains(shapely.Point(25, 35))
