"""Blocks filled up and interleaved in memory that is used again."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from rastercollection.rasters.encoding.interleaving import Padding, pad, pixel_interleaved, scratch


def test_pixels_lie_side_by_side_and_the_last_column_goes_on() -> None:
    block = np.arange(2 * 2 * 3, dtype="uint16").reshape(2, 2, 3)
    pixels = pixel_interleaved(block, 5)
    assert pixels.shape == (2, 5, 2)
    assert pixels[0, :, 0].tolist() == [0, 1, 2, 2, 2]
    assert pixels[1, :, 1].tolist() == [9, 10, 11, 11, 11]


@pytest.mark.parametrize(
    ("padding", "expected"),
    [
        (Padding.EDGES, [[1, 2, 2], [3, 4, 4], [3, 4, 4]]),
        (Padding.RUNS, [[1, 2, 2], [3, 4, 4], [0, 0, 0]]),
        (Padding.ZEROS, [[1, 2, 0], [3, 4, 0], [0, 0, 0]]),
    ],
)
def test_what_is_missing_is_filled_up(padding: Padding, expected: list[list[int]]) -> None:
    padded = pad(np.array([[[1, 2], [3, 4]]], "uint8"), 3, padding)
    assert padded[0].tolist() == expected


def test_a_whole_block_is_taken_as_it_is() -> None:
    block = np.ones((1, 4, 4), "uint8")
    assert pad(block, 4, Padding.EDGES) is block


def test_each_thread_has_arrays_of_its_own() -> None:
    """They are the same each time, and no thread is given another one's."""
    mine = scratch("test", (3, 3), np.dtype("u1"))
    theirs = []
    thread = threading.Thread(target=lambda: theirs.append(scratch("test", (3, 3), np.dtype("u1"))))
    thread.start()
    thread.join()
    assert np.shares_memory(scratch("test", (3, 2), np.dtype("u1")), mine)
    assert not np.shares_memory(theirs[0], mine)
    assert scratch("test", (3, 3), np.dtype("u2")).dtype == "u2"
