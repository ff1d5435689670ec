"""Windows cover a raster once, and coarse cells count what single pixels do."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.windows import Window

from rastercollection.rasters.pixels import windows as module
from rastercollection.rasters.pixels.windows import ValidityMap, cell_steps, iterate_windows, window_steps

sizes = st.integers(1, 40_000)


@given(width=sizes, height=sizes, most=st.integers(1, 2000))
def test_cells_are_powers_of_two_and_no_more_than_there_may_be(width: int, height: int, most: int) -> None:
    for size, step in zip((height, width), cell_steps(width, height, most), strict=True):
        assert step & (step - 1) == 0
        assert -(-size // step) <= most
        assert step == 1 or -(-size // (step // 2)) > most, "none is coarser than it has to be"


def test_cells_as_they_are_used() -> None:
    assert cell_steps(1024, 1025) == (2, 1)
    assert cell_steps(1, 1) == (1, 1)
    assert cell_steps(10_980, 10_980) == (16, 16)


@given(
    width=sizes,
    height=sizes,
    pixel_bytes=st.integers(1, 64),
    budget=st.integers(1, 2**28),
    block=st.sampled_from([(1, 1), (512, 512), (1, 7000), (1024, 256), (300, 700)]),
)
def test_windows_are_whole_units_within_their_budget(
    width: int, height: int, pixel_bytes: int, budget: int, block: tuple[int, int]
) -> None:
    rows, columns = window_steps(width, height, pixel_bytes, budget, block)
    assert rows % 512 == columns % 512 == 0
    cells = cell_steps(width, height)
    least = [512 * max(1, *(-(-size // 512) for size in pair)) for pair in zip(block, cells, strict=True)]
    assert rows >= least[0]
    assert columns >= least[1]
    assert columns == least[1] or rows * min(columns, width) * pixel_bytes <= budget
    if rows > least[0]:
        assert columns >= width, "down only once it is as wide as the raster"
    if columns < width:
        assert columns == least[1] * max(1, budget // (least[0] * least[1] * pixel_bytes))


@pytest.mark.parametrize(
    ("arguments", "steps"),
    [
        ((5000, 5000, 1, 512 * 512), (512, 512)),
        ((5000, 5000, 1, 512 * 1024), (512, 1024)),
        ((5000, 5000, 1, 512 * 1024 - 1), (512, 512)),
        ((5000, 5000, 2, 512 * 1024), (512, 512)),
        ((500, 5000, 1, 512 * 500 * 3), (1536, 512)),
        ((500, 5000, 1, 512 * 500 * 3 - 1), (1024, 512)),
        ((5000, 5000, 1, 1, (1024, 256)), (1024, 512)),
        ((5000, 5000, 1, 1, (256, 513)), (512, 1024)),
    ],
)
def test_steps_for_a_budget(arguments: Any, steps: tuple[int, int]) -> None:
    assert window_steps(*arguments) == steps


@given(width=st.integers(1, 60), height=st.integers(1, 60), steps=st.tuples(st.integers(1, 70), st.integers(1, 70)))
def test_every_pixel_is_in_one_window(width: int, height: int, steps: tuple[int, int]) -> None:
    seen = np.zeros((height, width), int)
    for window in iterate_windows(width, height, steps):
        assert 1 <= window.height <= steps[0]
        assert 1 <= window.width <= steps[1]
        seen[window.toslices()] += 1
    assert (seen == 1).all()


@st.composite
def maps(draw: st.DrawFn) -> tuple[np.ndarray, ValidityMap, int]:
    """Valid pixels, and the map of them by cells of several pixels, added window by window."""
    width, height = draw(st.integers(1, 70)), draw(st.integers(1, 70))
    seed, share = draw(st.integers(0, 99)), draw(st.sampled_from([0.0, 0.5, 0.97, 1.0]))
    valid = np.random.default_rng(seed).random((height, width)) < share
    most = draw(st.sampled_from([4, 16, 1024]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "cell_steps", lambda width, height: cell_steps(width, height, most))
        found = ValidityMap.of(width, height)
    steps = found.steps[0] * draw(st.integers(1, 3)), found.steps[1] * draw(st.integers(1, 3))
    for window in iterate_windows(width, height, steps):
        part = valid[window.toslices()]
        found.add(window, None if part.all() else part)
    return valid, found, most


def by_hand(valid: np.ndarray, steps: tuple[int, int]) -> np.ndarray:
    rows, columns = steps
    return np.array(
        [
            [valid[top : top + rows, left : left + columns].sum() for left in range(0, valid.shape[1], columns)]
            for top in range(0, valid.shape[0], rows)
        ]
    )


@settings(max_examples=150, deadline=None)
@given(maps(), st.tuples(*[st.floats(-20, 90)] * 4), st.sampled_from([1, 2, 4, 32]))
def test_cells_count_what_pixels_do(given: Any, box: tuple[float, ...], least: int) -> None:
    valid, cells, _ = given
    sizes = by_hand(np.ones_like(valid), cells.steps)
    assert (cells.counts == by_hand(valid, cells.steps)).all()
    assert cells.total == valid.sum()
    assert cells.is_full == valid.all()
    assert cells.full_share == pytest.approx((cells.counts == sizes).mean())
    np.testing.assert_allclose(cells.fractions(), cells.counts / sizes, rtol=1e-6)
    assert cells.fractions().dtype == np.float32
    coarser = cells.coarser(least)
    assert coarser.steps == tuple(max(step, least) for step in cells.steps)
    assert (coarser.counts == by_hand(valid, coarser.steps)).all()
    assert (coarser.width, coarser.height) == (cells.width, cells.height)
    left, right = sorted(box[:2])
    top, bottom = sorted(box[2:])
    rows = slice(max(0, math.floor(top)), max(0, math.ceil(bottom)))
    inside = valid[rows, max(0, math.floor(left)) : max(0, math.ceil(right))]
    if cells.is_full_in(left, top, right, bottom):
        assert inside.all(), "what is said to be full is"
    elif cells.steps == (1, 1):
        assert not inside.all(), "and with cells of one pixel, the other way round"
    assert cells.is_full_in(0, 0, valid.shape[1], valid.shape[0]) == valid.all()


def test_a_window_without_gaps_need_not_be_looked_at() -> None:
    cells = ValidityMap.of(3000, 2500)
    assert cells.steps == (4, 4)
    cells.add(Window(0, 0, 3000, 2500), None)
    assert cells.is_full
    assert cells.total == 3000 * 2500
    assert cells.is_full_in(0, 0, 3000, 2500)
    cells.counts[3, 5] -= 1
    assert not cells.is_full
    assert not cells.is_full_in(23.5, 15.5, 24, 16)
    assert not cells.is_full_in(20, 12, 20.5, 12.5)
    assert cells.is_full_in(24, 12, 3000, 2500)
    assert cells.is_full_in(0, 16, 3000, 2500)


@pytest.mark.parametrize(("side", "cell", "most_bytes"), [(8192, 8, 2**20), (9000, 16, 2**20), (2**18, 256, 2**22)])
def test_counts_take_no_more_than_they_need_and_a_full_cell_fits(side: int, cell: int, most_bytes: int) -> None:
    counted = ValidityMap.of(side, side)
    assert counted.steps == (cell, cell)
    assert counted.counts.nbytes <= most_bytes
    counted.add(Window(cell, 0, 512, 512), None)
    assert counted.total == 512 * 512
    assert counted.is_full_in(cell, 0, cell + 512, 512)
    assert not counted.is_full_in(0, 0, cell + 512, 512)
    assert counted.fractions()[0, :2].tolist() == [0, 1]
    assert counted.coarser(4 * cell).total == 512 * 512
