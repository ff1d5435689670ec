"""Coordinates come out where GDAL, which warps the pixels, has them, whichever of the two is asked."""

from __future__ import annotations

import numpy as np
import pytest
from rasterio.crs import CRS
from rasterio.warp import transform

from rastercollection.rasters.grid import placement
from rastercollection.rasters.grid.placement import project

WGS84 = CRS.from_epsg(4326)
SAME_DATUM = [
    (4326, 32642, 69, 42),
    (4326, 3857, 10, 50),
    (3857, 32633, 15, 50),
    (4258, 3035, 10, 52),
    (4326, 3031, 0, -75),
]
OTHERS = [
    (4269, 32611, -117, 40),
    (27700, 4326, -2, 54),
    (31468, 4326, 12, 50),
    (28992, 4326, 5, 52),
    (25832, 3857, 9, 50),
]


@pytest.mark.parametrize(("source", "target", "longitude", "latitude"), [*SAME_DATUM, *OTHERS])
def test_projected_coordinates_are_those_of_gdal(source: int, target: int, longitude: float, latitude: float) -> None:
    one, other = CRS.from_epsg(source), CRS.from_epsg(target)
    offsets = np.random.default_rng(3).uniform(-1, 1, (2, 50))
    x, y = map(np.array, transform(WGS84, one, longitude + offsets[0], latitude + offsets[1]))
    # a tenth of a millimetre, or as many degrees
    tolerance = 1e-9 if other.is_geographic else 1e-4
    np.testing.assert_allclose(project(one, other, x, y), transform(one, other, x, y), rtol=0, atol=tolerance)


@pytest.mark.parametrize(("source", "target", "longitude", "latitude"), OTHERS)
def test_between_datums_gdal_is_asked(
    monkeypatch: pytest.MonkeyPatch, source: int, target: int, longitude: float, latitude: float
) -> None:
    one, other = CRS.from_epsg(source), CRS.from_epsg(target)
    x, y = map(np.array, transform(WGS84, one, [longitude], [latitude]))
    monkeypatch.setattr(placement, "transform", lambda *_: ([1.0], [2.0]))
    assert project(one, other, x, y) == ([1.0], [2.0])


def test_the_same_datum_by_another_ellipsoid_is_another() -> None:
    one = CRS.from_proj4("+proj=utm +zone=33 +ellps=bessel +towgs84=598,73,418,0,0,0,0 +units=m")
    x, y = np.array([5e5]), np.array([5.5e6])
    np.testing.assert_allclose(project(one, WGS84, x, y), transform(one, WGS84, x, y), rtol=0, atol=1e-9)
