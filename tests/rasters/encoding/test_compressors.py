"""Plain DEFLATE and Zstandard, read by the standard library and by imagecodecs."""

from __future__ import annotations

import threading
import time
import zlib

import imagecodecs
import numpy as np
import pytest

from rastercollection.rasters.encoding import compressors
from rastercollection.rasters.encoding.compressors import Compress

DEFLATE = {
    "huffman": compressors.huffman,
    "run lengths": compressors.run_lengths,
    **{f"ISA-L {level}": compressors.igzip(level) for level in range(4)},
    **{f"libdeflate {level}": compressors.libdeflate(level) for level in (1, 6, 9)},
}
ZSTD = {f"zstd {level}": compressors.zstandard(level) for level in (1, 9, 22)}
CONTENTS = {
    "noise": np.random.default_rng(1).integers(0, 256, (40, 3000), "uint8"),
    "flat": np.zeros((300, 3000), "uint8"),
    "one byte": np.array([[7]], "uint8"),
}


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("name", [*DEFLATE, *ZSTD])
def test_what_goes_in_comes_out(name: str, content: str) -> None:
    data = CONTENTS[content]
    packed = {**DEFLATE, **ZSTD}[name](data)
    assert isinstance(packed, bytes)
    assert (zlib.decompress(packed) if name in DEFLATE else imagecodecs.zstd_decode(packed)) == data.tobytes()


def test_libdeflate_is_what_gdal_writes() -> None:
    """Level 6 is that of everyone's libdeflate."""
    data = CONTENTS["noise"] // 8
    assert compressors.libdeflate(6)(data) == imagecodecs.deflate_encode(data, 6)


def test_only_single_bytes_are_coded() -> None:
    """What repeats at a distance is not found by Huffman codes, nor is it by run lengths; runs are by the latter."""
    repeated = np.tile(np.random.default_rng(2).integers(0, 256, (1, 1000), "uint8"), (100, 1))
    assert min(len(compressors.huffman(repeated)), len(compressors.run_lengths(repeated))) > 0.9 * repeated.size
    assert len(compressors.huffman(CONTENTS["flat"])) > 20 * len(compressors.run_lengths(CONTENTS["flat"]))


@pytest.mark.parametrize("name", ["huffman", "run lengths", "ISA-L 1", "libdeflate 6", "zstd 1"])
def test_other_threads_go_on_meanwhile(name: str) -> None:
    """A thread that wants the interpreter every half millisecond has it while one call works."""
    compress: Compress = {**DEFLATE, **ZSTD}[name]
    data = np.tile(CONTENTS["noise"] // 8, (150, 1))
    assert max(_turns(compress, data) for _ in range(3)) >= 3  # others may want the machine at one time or another


def _turns(compress: Compress, data: np.ndarray) -> int:
    """How often another thread had the interpreter in the middle of one call."""
    span: list[float] = []

    def work() -> None:
        span.append(time.perf_counter())
        compress(data)
        span.append(time.perf_counter())

    thread, seen = threading.Thread(target=work), []
    thread.start()
    while thread.is_alive():
        seen.append(time.perf_counter())
        time.sleep(0.0005)
    start, end = span
    return sum(start + 0.1 * (end - start) < moment < end - 0.1 * (end - start) for moment in seen)
