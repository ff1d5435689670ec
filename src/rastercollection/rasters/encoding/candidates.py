"""Encoders to choose among, what each costs, and what is worth its cost. Sizes decide, never clocks."""

from __future__ import annotations

import math
from collections.abc import Mapping

import attrs

from rastercollection.rasters.encoding.compressors import Compress, huffman, igzip, libdeflate, run_lengths

__all__ = ["DEFLATE", "HUFFMAN", "QUICK", "RUNS", "SLOWER", "USUAL", "Candidate", "pick", "weighed"]

QUICK, HUFFMAN, RUNS, SLOWER, USUAL = "ISA-L 1", "Huffman codes", "run lengths", "libdeflate 1", "libdeflate 6"

_WORTH = 0.056
"""Share of the usual size that all of the usual encoder's CPU is worth."""


@attrs.frozen(kw_only=True)
class Candidate:
    """One encoder.

    Attributes:
        name: As in results.
        cost: CPU as a share of the usual encoder's, measured once on pictures and elevation: a constant.
        limit: So many times the usual encoder's size may its size be on a sample: less than 1.01 by what samples hide
            at most of what longer matches gain, or a longer block.
        compress: Makes DEFLATE in zlib's format.
    """

    name: str
    cost: float
    limit: float
    compress: Compress


DEFLATE: Mapping[str, Candidate] = {
    one.name: one
    for one in (
        Candidate(name=QUICK, cost=0.19, limit=1.005, compress=igzip(1)),
        Candidate(name="ISA-L 2", cost=0.21, limit=1.005, compress=igzip(2)),
        Candidate(name="ISA-L 3", cost=0.27, limit=1.005, compress=igzip(3)),
        Candidate(name=HUFFMAN, cost=0.30, limit=1.002, compress=huffman),
        Candidate(name=RUNS, cost=0.33, limit=1.002, compress=run_lengths),
        Candidate(name=SLOWER, cost=0.57, limit=1.006, compress=libdeflate(1)),
        Candidate(name=USUAL, cost=1.0, limit=math.inf, compress=libdeflate(6)),
    )
}


def pick(sizes: Mapping[str, int], usual: int) -> str:
    """The encoder of DEFLATE whose size and cost together are least, of those within their limits.

    Args:
        sizes: Bytes by name, :data:`USUAL` among them.
        usual: Bytes that others are measured by: those of :data:`USUAL`, with the usual predictor.
    """
    small = [name for name, size in sizes.items() if size <= DEFLATE[name].limit * usual]
    return min(small, key=lambda name: weighed(sizes[name] / usual, DEFLATE[name].cost))


def weighed(size: float, cost: float) -> float:
    """What size and CPU, as shares of the usual encoder's, amount to together."""
    return size + _WORTH * cost
