"""Borders of one value around COGs: which are found, with which figures, and what is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.transform import from_bounds

from rastercollection.geo.types import Bounds
from rastercollection.model.cog import Collar
from rastercollection.stages.cog.collar import find_collar
from rastercollection.testing.sample_records import sample_cog

HERE: Bounds = (71.0, 41.0, 71.1, 41.1)
SIZE = 400
FRAME = np.s_[:, 100:300, 50:350]
"""Where the picture is: half of the rows, three quarters of the columns."""


def collar_of(folder: Path, pixels: np.ndarray, **profile: Any) -> Collar | None:
    path = folder / "x.tif"
    shape = {"count": len(pixels), "height": SIZE, "width": SIZE, "dtype": pixels.dtype}
    place = {"crs": "EPSG:4326", "transform": from_bounds(*HERE, SIZE, SIZE)}
    with rasterio.open(path, "w", **{"driver": "GTiff", **shape, **place, **profile}) as target:
        target.write(pixels)
    with rasterio.open(path) as cog:
        return find_collar(cog, sample_cog("x", HERE).file)


@pytest.mark.parametrize(
    "changes", [{"raster_type": "dem"}, {"raster_type": "categorical"}, {"color_table": {"0": (0, 0, 0, 255)}}]
)
def test_zero_is_a_value_like_any_other_in_terrain_and_among_classes(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert collar_of(tmp_path, framed(0, "uint8")[:1]) is not None
    with rasterio.open(tmp_path / "x.tif") as cog:
        assert find_collar(cog, attrs.evolve(sample_cog("x", HERE).file, **changes)) is None


def framed(value: int, dtype: str = "uint8", noise: int = 0) -> np.ndarray:
    random = np.random.default_rng(3)
    pixels = (value + random.integers(0, noise + 1, (3, SIZE, SIZE)) * (1 if value == 0 else -1)).astype(dtype)
    pixels[FRAME] = random.integers(50, 200, pixels[FRAME].shape)
    return pixels


@pytest.mark.parametrize(
    ("value", "dtype", "noise", "is_one"),
    [
        (0, "uint8", 0, True),
        (255, "uint8", 0, True),
        (0, "uint8", 4, True),
        (255, "uint8", 4, True),
        (0, "uint8", 40, False),
        (7, "uint8", 0, False),
        (0, "uint16", 0, True),
        (65535, "uint16", 0, True),
        (0, "uint16", 4, False),
        (0, "float32", 0, True),
    ],
)
def test_a_border_of_black_or_white(tmp_path: Path, value: int, dtype: str, noise: int, is_one: bool) -> None:
    found = collar_of(tmp_path, framed(value, dtype, noise))
    assert (found is not None) == is_one
    if found is not None:
        assert (found.value, found.edge_percent) == (value, 100.0)
        assert found.area_percent == pytest.approx(100 * (1 - 0.5 * 0.75), abs=1)
        inside = shapely.geometry.shape(found.inside)
        assert inside.bounds == pytest.approx((71.0125, 41.025, 71.0875, 41.075), abs=0.0005)


def test_what_nodata_marks_is_no_border_and_what_it_does_not_is_one(tmp_path: Path) -> None:
    assert collar_of(tmp_path, framed(0), nodata=0) is None
    assert collar_of(tmp_path, framed(0), nodata=255) is not None


def test_dark_places_within_and_dark_rasters_are_no_borders(tmp_path: Path) -> None:
    bright = framed(60)
    bright[:, 150:250, 150:250] = 0
    assert collar_of(tmp_path, bright) is None
    assert collar_of(tmp_path, np.zeros((3, SIZE, SIZE), "uint8")) is None
    corner = framed(60)
    corner[:, :12, :12] = 0
    assert collar_of(tmp_path, corner) is None


def test_a_border_is_one_in_all_bands(tmp_path: Path) -> None:
    pixels = framed(0)
    pixels[1] = 90
    assert collar_of(tmp_path, pixels) is None
