"""What is worth its cost."""

from __future__ import annotations

import pytest

from rastercollection.rasters.encoding.candidates import DEFLATE, HUFFMAN, QUICK, RUNS, SLOWER, USUAL, pick, weighed


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({USUAL: 1000}, USUAL),
        ({USUAL: 1000, QUICK: 1000}, QUICK),
        ({USUAL: 1000, QUICK: 1004}, QUICK),
        ({USUAL: 1000, QUICK: 1006}, USUAL),
        ({USUAL: 1000, HUFFMAN: 1002}, HUFFMAN),
        ({USUAL: 1000, HUFFMAN: 1003}, USUAL),
        ({USUAL: 1000, QUICK: 1050, HUFFMAN: 1000, SLOWER: 990}, HUFFMAN),
        ({USUAL: 1000, QUICK: 1000, RUNS: 990}, RUNS),
        ({USUAL: 1000, QUICK: 1000, RUNS: 993}, QUICK),
        ({USUAL: 900, QUICK: 1000}, USUAL),
        ({USUAL: 1000, QUICK: 960}, QUICK),
    ],
)
def test_the_pick(sizes: dict[str, int], expected: str) -> None:
    assert pick(sizes, 1000) == expected


def test_no_limit_leaves_a_file_one_per_cent_larger() -> None:
    assert all(one.limit < 1.01 for name, one in DEFLATE.items() if name != USUAL)
    assert DEFLATE[USUAL].cost == 1 == max(one.cost for one in DEFLATE.values())


def test_a_little_size_is_not_worth_much_time() -> None:
    assert weighed(1.0, 0.2) < weighed(0.99, 1.0) < weighed(1.04, 0.2)
