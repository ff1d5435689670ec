"""Where everything of a COG lies, also in files that are too large to be written in a test."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from rastercollection.rasters.source.tiff import read_entries, read_header, read_values
from rastercollection.rasters.writing.layout import FRAME, Image, Level, Plan, framed
from rastercollection.rasters.writing.tiff_fields import BLOCK_COUNTS, BLOCK_OFFSETS, LENGTH, WIDTH, Field


def image(sizes: list[int]) -> Image:
    fields = {WIDTH: Field(4, 1, struct.pack("<I", 100)), LENGTH: Field(4, 1, struct.pack("<I", 100))}
    return Image(fields=fields, sizes=np.array(sizes, np.uint64))


def tables(plan: Plan) -> list[tuple[list[int], list[int]]]:
    """Offsets and sizes of every directory, as the header says."""

    def read(start: int, end: int) -> bytes:
        return plan.header[start:end]

    layout, start = read_header(read, plan.size)
    found = []
    while start:
        entries, start = read_entries(read, layout, start)
        pair = [
            read_values(read, "<", plan.size, entries[tag], 0, entries[tag].count).tolist()
            for tag in (BLOCK_OFFSETS, BLOCK_COUNTS)
        ]
        found.append((pair[0], pair[1]))
    return found


def test_blocks_follow_each_other_from_the_smallest_level_on() -> None:
    plan = Plan.of([Level(image=image([50, 60, 70])), Level(image=image([40]))])
    (full, _), (small, sizes) = tables(plan)
    assert small == [len(plan.header) + FRAME // 2]
    assert sizes == [40]
    assert full[0] == small[0] + 40 + FRAME
    assert np.diff(full).tolist() == [50 + FRAME, 60 + FRAME]
    assert plan.size == full[-1] + 70 + FRAME // 2


def test_a_mask_follows_its_image_block_by_block() -> None:
    plan = Plan.of([Level(image=image([50, 60]), mask=image([5, 6]))])
    (full, _), (mask, _) = tables(plan)
    assert mask[0] == full[0] + 50 + FRAME
    assert full[1] == mask[0] + 5 + FRAME
    assert b"MASK_INTERLEAVED_WITH_IMAGERY=YES" in plan.header


def test_a_block_that_is_left_out_takes_no_room() -> None:
    plan = Plan.of([Level(image=image([50, 0, 70]))])
    ((full, sizes),) = tables(plan)
    assert (full[1], sizes[1]) == (0, 0)
    assert full[2] == full[0] + 50 + FRAME
    assert list(framed(b"")) == []


@pytest.mark.parametrize(("more", "big"), [(0, False), (1, True)])
def test_four_gigabytes_and_more_are_a_bigtiff(more: int, big: bool) -> None:
    blocks = [2**30] * 3
    header = len(Plan.of([Level(image=image([*blocks, 1]))]).header)
    last = 2**32 - 1 - header - 3 * 2**30 - 4 * FRAME + more
    plan = Plan.of([Level(image=image([*blocks, last]))])
    assert plan.big is big
    ((offsets, sizes),) = tables(plan)
    assert sizes == [*blocks, last]
    assert offsets[-1] + last + FRAME // 2 == plan.size
    assert plan.size == 2**32 - 1 + (0 if not big else more + len(plan.header) - header)


def test_a_block_is_framed_by_its_size_and_its_end() -> None:
    assert b"".join(framed(b"abcdefgh")) == struct.pack("<I", 8) + b"abcdefgh" + b"efgh"
