"""Where grids lie on Earth, judged by transforming many of their points with PROJ, and by PROJ's own bounds."""

from __future__ import annotations

import math

import numpy as np
import pyproj
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from rastercollection.geo.bounds import unroll
from rastercollection.geo.geographic import geographic_bounds, grid_bounds, latitude_limit
from rastercollection.geo.types import Bounds, Transform

WGS84 = pyproj.CRS.from_epsg(4326)
FULL_DISK = pyproj.CRS("+proj=geos +h=35785831 +lon_0=140.7 +sweep=y +ellps=WGS84")


def points(
    crs: pyproj.CRS, transform: Transform, width: int, height: int, steps: int = 100
) -> tuple[np.ndarray, np.ndarray]:
    """Longitudes and latitudes of points all over a grid, edges included."""
    sides = (np.linspace(0, size, steps + 1) for size in (width, height))
    columns, rows = (axis.ravel() for axis in np.meshgrid(*sides))
    a, b, c, d, e, f = transform
    x, y = a * columns + b * rows + c, d * columns + e * rows + f
    longitudes, latitudes = pyproj.Transformer.from_crs(crs, WGS84, always_xy=True).transform(x, y)
    there = np.isfinite(longitudes) & np.isfinite(latitudes)
    return longitudes[there], latitudes[there]


def holds(bounds: Bounds, longitudes: np.ndarray, latitudes: np.ndarray, slack: float = 1e-3) -> bool:
    west, south, east, north = unroll(bounds)
    beyond = (longitudes - west + slack) % 360
    inside = (beyond <= east - west + 2 * slack) & (latitudes >= south - slack) & (latitudes <= north + slack)
    return bool(inside.all())


def found(crs: pyproj.CRS | str, transform: Transform, width: int, height: int) -> Bounds:
    bounds = geographic_bounds(pyproj.CRS(crs), transform, width, height)
    assert bounds is not None
    return bounds


@pytest.mark.parametrize(
    "transform", [(10, 0, 500_000, 0, -20, 4_000_000), (7, 3, -50, 2, -9, 80), (-4, -5, 6, -7, 8, 9)]
)
def test_a_grid_s_bounds_hold_its_four_corners(transform: Transform) -> None:
    place = Affine(*transform)
    xs, ys = zip(*(place @ corner for corner in ((0, 0), (30, 0), (0, 40), (30, 40))), strict=True)
    assert grid_bounds(transform, 30, 40) == (min(xs), min(ys), max(xs), max(ys))


def test_the_pole_s_latitude_is_in_the_unit_of_the_crs() -> None:
    assert latitude_limit(WGS84) == pytest.approx(90)
    assert latitude_limit(pyproj.CRS.from_epsg(4807)) == pytest.approx(100), "grads"


@settings(max_examples=60, deadline=None)
@given(
    zone=st.integers(1, 60),
    hemisphere=st.sampled_from([600, 700]),
    x=st.floats(200_000, 700_000),
    y=st.floats(500_000, 9_000_000),
    turn=st.floats(0, 360),
)
def test_away_from_poles_they_are_as_tight_as_proj_s_own(
    zone: int, hemisphere: int, x: float, y: float, turn: float
) -> None:
    crs = pyproj.CRS.from_epsg(32000 + hemisphere + zone)
    transform: Transform = tuple(Affine.translation(x, y) @ Affine.rotation(turn) @ Affine.scale(100, -100))[:6]
    bounds = found(crs, transform, 500, 400)
    longitudes, latitudes = points(crs, transform, 500, 400)
    assert holds(bounds, longitudes, latitudes)
    assert -180 <= bounds[0] <= 180
    assert -180 <= bounds[2] <= 180
    assert bounds[1] == pytest.approx(latitudes.min(), abs=1e-3)
    assert bounds[3] == pytest.approx(latitudes.max(), abs=1e-3)
    if turn == 0 or bounds[0] <= bounds[2]:
        assert bounds[0] == pytest.approx(longitudes.min(), abs=1e-3)
        assert bounds[2] == pytest.approx(longitudes.max(), abs=1e-3)
    else:
        assert bounds[0] == pytest.approx(longitudes[longitudes > 0].min(), abs=1e-3)
        assert bounds[2] == pytest.approx(longitudes[longitudes < 0].max(), abs=1e-3)


def test_an_upright_grid_agrees_with_proj() -> None:
    transform = (30.0, 0.0, 400_000.0, 0.0, -30.0, 5_000_000.0)
    bounds = found("EPSG:32642", transform, 7000, 7000)
    to_wgs84 = pyproj.Transformer.from_crs("EPSG:32642", WGS84, always_xy=True)
    proj = to_wgs84.transform_bounds(*grid_bounds(transform, 7000, 7000), densify_pts=31)
    assert bounds == pytest.approx(proj, abs=1e-4)


@pytest.mark.parametrize(
    ("west", "width", "expected"),
    [
        (60, 20, (60, 80)),
        (170, 20, (170, -170)),
        (190, 20, (-170, -150)),
        (-190, 20, (170, -170)),
        (175, 5, (175, 180)),
        (-180, 5, (-180, -175)),
        (-180, 360, (-180, 180)),
        (0, 360, (-180, 180)),
        (0, 400, (-180, 180)),
        (0, 359, (0, -1)),
        (540, 10, (-180, -170)),
    ],
)
def test_longitudes_come_back_into_the_usual_range(west: float, width: int, expected: tuple[float, float]) -> None:
    bounds = found(WGS84, (1, 0, west, 0, -1, 40), width, 10)
    assert bounds == pytest.approx((expected[0], 30, expected[1], 40))


@pytest.mark.parametrize(
    ("top", "height", "expected"), [(95, 20, (75, 90)), (-80, 30, (-90, -80)), (99, 198, (-90, 90))]
)
def test_what_lies_beyond_the_poles_does_not_count(top: float, height: int, expected: tuple[float, float]) -> None:
    assert found(WGS84, (1, 0, 10, 0, -1, top), 5, height) == pytest.approx((10, expected[0], 15, expected[1]))


def test_degrees_of_another_kind() -> None:
    """Grads from the meridian of Paris, longitudes and latitudes in that order in the file."""
    west, south, east, north = found("EPSG:4807", (0.1, 0, 1.0, 0, -0.1, 54), 10, 10)
    longitudes, latitudes = points(pyproj.CRS.from_epsg(4807), (0.1, 0, 1.0, 0, -0.1, 54), 10, 10)
    assert (west, east) == pytest.approx((longitudes.min(), longitudes.max()), abs=1e-6)
    assert (south, north) == pytest.approx((latitudes.min(), latitudes.max()), abs=1e-6)


@pytest.mark.parametrize(("code", "pole"), [(3413, 90), (3031, -90)])
class TestPoles:
    def test_one_inside_has_all_longitudes(self, code: int, pole: int) -> None:
        transform = (1000.0, 0.0, -300_000.0, 0.0, -1000.0, 700_000.0)
        west, south, east, north = found(f"EPSG:{code}", transform, 1000, 1000)
        assert (west, east) == (-180, 180)
        assert (north if pole > 0 else south) == pole
        _, latitudes = points(pyproj.CRS.from_epsg(code), transform, 1000, 1000)
        nearest, other = (latitudes.min(), south) if pole > 0 else (latitudes.max(), north)
        assert other == pytest.approx(nearest, abs=1e-3)

    @pytest.mark.parametrize("corner", [(-500, 500), (-1000, 500), (0, 500), (-500, 1000), (-500, 0)])
    def test_one_on_the_edge_counts(self, code: int, pole: int, corner: tuple[int, int]) -> None:
        left, top = corner
        west, south, east, north = found(f"EPSG:{code}", (1000, 0, left * 1000, 0, -1000, top * 1000), 1000, 1000)
        assert (west, east) == (-180, 180)
        assert (north if pole > 0 else south) == pole

    @pytest.mark.parametrize("corner", [(-1001, 500), (1, 500), (-500, 1001), (-500, -1)])
    def test_one_just_outside_does_not(self, code: int, pole: int, corner: tuple[int, int]) -> None:
        left, top = (1000 * side for side in corner)
        bounds = found(f"EPSG:{code}", (1000, 0, left, 0, -1000, top), 1000, 1000)
        longitudes, latitudes = points(pyproj.CRS.from_epsg(code), (1000, 0, left, 0, -1000, top), 1000, 1000)
        assert holds(bounds, longitudes, latitudes, slack=0.2)
        west, south, east, north = unroll(bounds)
        assert 150 < east - west < 200, "half the way round"
        assert pole not in (south, north)

    def test_one_inside_a_turned_grid(self, code: int, pole: int) -> None:
        place = Affine.translation(100_000, -50_000) @ Affine.rotation(33) @ Affine.scale(1000, -2000)
        centred = tuple(place @ Affine.translation(-200, -100))[:6]
        west, south, east, north = found(f"EPSG:{code}", centred, 500, 250)
        assert (west, east, north if pole > 0 else south) == (-180, 180, pole)
        beside = tuple(place @ Affine.translation(-700, -100))[:6]
        west, south, east, north = found(f"EPSG:{code}", beside, 500, 250)
        assert pole not in (south, north)


def test_a_crs_that_draws_the_pole_as_a_line_has_no_pole_inside() -> None:
    west, south, east, north = found("+proj=eqc +ellps=WGS84", (1000, 0, 1e6, 0, -1000, 1e7), 500, 3000)
    to_degrees = pyproj.Transformer.from_crs("+proj=eqc +ellps=WGS84", "EPSG:4326", always_xy=True)
    longitudes, latitudes = to_degrees.transform([1e6, 1.5e6], [7e6, 1e7])
    assert (west, east) == pytest.approx(longitudes, abs=0.01)
    assert (south, north) == pytest.approx(latitudes, abs=0.01), "PROJ 9.8 computes it on the ellipsoid, 9.5 did not"


def test_a_full_disk_is_as_wide_as_what_of_it_is_on_earth() -> None:
    """Its corners show space; it crosses the antimeridian."""
    side = 5_500_000.0
    transform = (side / 500, 0, -side, 0, -side / 500, side)
    bounds = found(FULL_DISK, transform, 1000, 1000)
    longitudes, latitudes = points(FULL_DISK, transform, 1000, 1000)
    assert holds(bounds, longitudes, latitudes, slack=0.6)
    west, south, east, north = unroll(bounds)
    assert bounds[0] > bounds[2], "across the antimeridian"
    assert (west + east) / 2 == pytest.approx(140.7, abs=0.5)
    # at the limb, a pixel spans degrees: what is seen of it depends on how densely one looks
    around = (points(FULL_DISK, transform, 1000, 1000, steps=384)[0] - 140.7 + 180) % 360
    assert east - west == pytest.approx(np.ptp(around), abs=0.3)
    assert south == pytest.approx(-north, abs=0.1)
    assert 77 < north < 82


def test_what_shows_nothing_of_earth_has_no_bounds() -> None:
    assert geographic_bounds(FULL_DISK, (1000, 0, 5_400_000, 0, -1000, 5_500_000), 100, 100) is None


def test_a_strip_right_around_the_world_in_a_cylindrical_crs() -> None:
    half = math.pi * 6378137
    west, south, east, north = found("EPSG:3857", (half / 500, 0, -half, 0, -half / 500, half), 1000, 1000)
    assert (west, east) == pytest.approx((-180, 180))
    assert (south, north) == pytest.approx((-85.0511, 85.0511), abs=1e-3)
