"""Interpolated positions against projected ones."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window

from rastercollection.rasters.warping.lattice import MOST_ERROR, Lattice, Locate

SIZE = SOURCE = (2000, 1500)


def between(source: str, target: str, place: Affine, grid: Affine) -> Locate:
    projected = pyproj.Transformer.from_crs(target, source, always_xy=True)

    def locate(columns: NDArray[np.float64], rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        x, y = projected.transform(*(grid * (columns, rows)))
        return ~place * (np.asarray(x), np.asarray(y))

    return locate  # type: ignore[return-value]


PLACES = {
    "half a metre": ("EPSG:32642", Affine(0.5, 0, 6e5, 0, -0.5, 5.5e6), 71.0 / 1e7, 4.9e-6),
    "ten metres in the north": ("EPSG:32633", Affine(10, 0, 7e5, 0, -10, 7.6e6), 2.2e-4, 9e-5),
    "a country": ("EPSG:3035", Affine(300, 0, 4e6, 0, -300, 3.4e6), 4e-3, 2.7e-3),
}


@pytest.mark.parametrize("place", PLACES)
def test_positions_are_closer_than_promised(place: str) -> None:
    crs, source, across, down = PLACES[place]
    west, north = pyproj.Transformer.from_crs(crs, 4326, always_xy=True).transform(source.c, source.f)
    locate = between(crs, "EPSG:4326", source, Affine(across, 0, west, 0, -down, north))
    found = Lattice.of(locate, SIZE, SOURCE)
    assert found is not None
    rng = np.random.default_rng(3)
    columns, rows = rng.uniform(0, SIZE[0], 20_000), rng.uniform(0, SIZE[1], 20_000)
    exact = np.stack(locate(columns, rows))
    near = ((exact > 0) & (exact < np.array(SOURCE)[:, np.newaxis])).all(axis=0)
    assert near.sum() > 1000
    assert np.hypot(*(interpolated(found, columns, rows) - exact))[near].max() <= MOST_ERROR / 2


def interpolated(lattice: Lattice, columns: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    marks = [np.append(np.arange(0, length, lattice.step), length) for length in lattice.size]
    (left, right), (above, below) = (
        (np.searchsorted(mark, at, "right") - 1, at) for mark, at in zip(marks, (columns, rows), strict=True)
    )
    x = (right - marks[0][left]) / np.diff(marks[0])[left]
    y = (below - marks[1][above]) / np.diff(marks[1])[above]
    nodes = lattice.nodes
    upper = nodes[:, above, left] * (1 - x) + nodes[:, above, left + 1] * x
    lower = nodes[:, above + 1, left] * (1 - x) + nodes[:, above + 1, left + 1] * x
    return np.asarray(upper * (1 - y) + lower * y)


def test_the_coarsest_that_will_do_is_taken() -> None:
    straight = Lattice.of(lambda x, y: (x * 0.9, y * 1.1), SIZE, SOURCE)
    bent = Lattice.of(lambda x, y: (x + 1e-7 * x * x, y), SIZE, SOURCE)
    curved = Lattice.of(lambda x, y: (x + 1e-5 * x * x, y), SIZE, SOURCE)
    assert [found.step for found in (straight, bent, curved) if found] == [256, 128, 16]


@pytest.mark.parametrize(
    "locate",
    [
        pytest.param(lambda x, y: (x + 2e-3 * x * x, y), id="bent too much"),
        pytest.param(lambda x, y: (x, y + 2e-3 * y * y), id="down as well"),
        pytest.param(lambda x, y: (np.where(x < 777, x, x - 40_000), y), id="a leap along rows"),
        pytest.param(lambda x, y: (x, np.where(y < 777, y, y + 300)), id="a leap down columns"),
        pytest.param(lambda x, y: (np.where(x > 1990, np.inf, x), y), id="without a place"),
    ],
)
def test_where_positions_cannot_be_interpolated_there_is_no_lattice(locate: Locate) -> None:
    assert Lattice.of(locate, SIZE, SOURCE) is None


def test_a_narrow_dent_between_the_cells_that_are_looked_into_is_found() -> None:
    size = 256 * 200, 256

    def locate(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return x, y + 3 * np.exp(-(((x - 256 * 100) / 300) ** 2))

    found = Lattice.of(locate, size, size)
    assert found is None or found.step < 256


def test_what_bends_where_the_source_is_not_does_not_count() -> None:
    found = Lattice.of(lambda x, y: (x + np.where(x > 1200, 1e-4 * (x - 1200) ** 2, 0), y), SIZE, (500, 1500))
    assert found is not None
    assert found.step == 256


@pytest.mark.parametrize("window", [Window(0, 0, 2000, 1500), Window(700, 300, 100, 50), Window(1999, 1499, 1, 1)])
def test_all_that_kernels_reach_is_below_a_window(window: Window) -> None:
    turned = Affine.rotation(10) * Affine.translation(20, -150)
    found = Lattice.of(lambda x, y: turned * (x, y), SIZE, SOURCE)
    assert found is not None
    below = found.below(window, SOURCE)
    columns, rows = np.meshgrid(
        window.col_off + np.arange(window.width) + 0.5, window.row_off + np.arange(window.height) + 0.5
    )
    x, y = (np.floor(axis) for axis in turned * (columns, rows))
    inside = (x >= 0) & (x < SOURCE[0]) & (y >= 0) & (y < SOURCE[1])
    for at, start, size, end in (
        (x, below.col_off, below.width, SOURCE[0]),
        (y, below.row_off, below.height, SOURCE[1]),
    ):
        if inside.any():
            assert start <= max(at[inside].min() - 2, 0)
            assert start + size >= min(at[inside].max() + 3, end)
        assert 0 <= start < start + size <= end
