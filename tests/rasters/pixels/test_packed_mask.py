"""A mask of bits tells what was written, wherever windows begin, and takes memory only where something is invalid."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from rasterio.windows import Window

from rastercollection.rasters.limits import Limits
from rastercollection.rasters.pixels.packed_mask import PackedMask
from rastercollection.rasters.pixels.windows import iterate_windows
from rastercollection.rasters.pixels.workspace import Workspace


@pytest.fixture(params=[True, False], ids=["memory", "disk"])
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(Limits(scratch=str(tmp_path)), in_memory=request.param, needed=1) as workspace:
        yield workspace


@pytest.mark.parametrize("width", [1, 7, 8, 9, 61])
def test_it_tells_what_was_written_bit_by_bit(workspace: Workspace, width: int) -> None:
    rng = np.random.default_rng(width)
    mask, expected = PackedMask(workspace, 20, width), np.ones((20, width), bool)
    for _ in range(60):
        left, top = (int(rng.integers(size)) for size in (width, 20))
        window = Window(left, top, int(rng.integers(1, width - left + 1)), int(rng.integers(1, 20 - top + 1)))
        part = rng.random((window.height, window.width)) < 0.7
        mask.write(window, part)
        expected[window.toslices()] = part
        assert (mask.read(window) == part).all()
    assert (mask.read(Window(0, 0, width, 20)) == expected).all()


def test_it_takes_an_eighth_of_a_byte_a_pixel_and_that_only_where_it_was_told(workspace: Workspace) -> None:
    mask = PackedMask(workspace, 64, 100)
    assert mask.read(Window(3, 5, 90, 50)).all()
    assert workspace.usage.memory == 0
    mask.write(Window(0, 0, 100, 16), np.zeros((16, 100), bool))
    if workspace.in_memory:
        assert workspace.usage.memory == 16 * 13
        mask.release(10)
        assert workspace.usage.memory == 6 * 13
    mask.discard()
    assert (workspace.usage.memory, workspace.usage.disk) == (0, 0)


def test_threads_write_windows_side_by_side() -> None:
    expected = np.random.default_rng(0).random((400, 400)) < 0.5
    with Workspace.open(Limits(), in_memory=True, needed=0) as workspace, ThreadPoolExecutor(4) as pool:
        mask = PackedMask(workspace, 400, 400)
        windows = list(iterate_windows(400, 400, (400, 3)))
        list(pool.map(lambda window: mask.write(window, expected[window.toslices()]), windows))
        assert (mask.read(Window(0, 0, 400, 400)) == expected).all()
