"""Telling pictures from blank tiles, on PNGs written by GDAL and byte by byte."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from rasterio.io import MemoryFile

from rastercollection.stages.stac.png import NotReadableError, what_is_shown

pytestmark = pytest.mark.filterwarnings("ignore:Dataset has no geotransform")


def _by_gdal(pixels: np.ndarray) -> bytes:
    count, rows, columns = pixels.shape
    with MemoryFile() as memory:
        with memory.open(driver="PNG", count=count, height=rows, width=columns, dtype=pixels.dtype) as target:
            target.write(pixels)
        return bytes(memory.getbuffer())


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([1, 2, 3, 4]).flatmap(
        lambda count: arrays.arrays(
            st.sampled_from(["uint8", "uint16"]),
            st.tuples(st.just(count), st.integers(1, 20), st.integers(1, 20)),
            elements=st.sampled_from([0, 1, 7, 200, 255]),
        )
    )
)
def test_it_agrees_with_the_pixels(pixels: np.ndarray) -> None:
    has_alpha = len(pixels) in (2, 4)
    colors = pixels[:-1] if has_alpha else pixels
    visible = colors[:, pixels[-1] > 0].T if has_alpha else colors.reshape(len(colors), -1).T
    kinds = len(np.unique(visible, axis=0)) if len(visible) else 0
    assert what_is_shown(_by_gdal(pixels)) == ("nothing", "one_color", "picture")[min(kinds, 2)]


def _chunk(name: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")


def _by_hand(rows: list[bytes], kind: int, step: int, depth: int = 8, extra: bytes = b"", interlace: int = 0) -> bytes:
    """A PNG of these filtered rows; each begins with the number of its filter."""
    header = ((len(rows[0]) - 1) // step).to_bytes(4, "big") + len(rows).to_bytes(4, "big")
    header += bytes([depth, kind, 0, 0, interlace])
    compressed = zlib.compress(b"".join(rows))
    parts = [compressed[:5], compressed[5:]]
    chunks = [_chunk(b"IHDR", header), extra, *(_chunk(b"IDAT", part) for part in parts), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("kind", [0, 1, 2, 3, 4])
def test_every_filter_is_undone(kind: int) -> None:
    """A grey picture all of 100, written with one filter: undone wrongly, it would have more colours."""
    rows, above = [], [0] * 6
    for _ in range(5):
        plain = [100] * 6
        filtered = []
        for index, value in enumerate(plain):
            left = plain[index - 1] if index else 0
            corner = above[index - 1] if index else 0
            up = above[index]
            guesses = [left, up, corner]
            estimate = left + up - corner
            nearest = min(guesses, key=lambda guess: (abs(estimate - guess), guesses.index(guess)))
            filtered.append((value - [0, left, up, (left + up) // 2, nearest][kind]) % 256)
        rows.append(bytes([kind, *filtered]))
        above = plain
    assert what_is_shown(_by_hand(rows, 0, 1)) == "one_color"


def test_palettes_and_transparent_colors() -> None:
    palette = _chunk(b"PLTE", bytes(range(9))) + _chunk(b"tRNS", bytes([0, 255]))
    assert what_is_shown(_by_hand([b"\0\0\0\0"] * 3, 3, 1, extra=palette)) == "nothing"
    assert what_is_shown(_by_hand([b"\0\0\1\0"] * 3, 3, 1, extra=palette)) == "one_color"
    assert what_is_shown(_by_hand([b"\0\0\1\2"] * 3, 3, 1, extra=palette)) == "picture"
    transparent_grey = _chunk(b"tRNS", b"\0\x09")
    assert what_is_shown(_by_hand([b"\0\x09\x09"] * 2, 0, 1, extra=transparent_grey)) == "nothing"
    assert what_is_shown(_by_hand([b"\0\x09\x08"] * 2, 0, 1, extra=transparent_grey)) == "one_color"


def test_damaged_files_are_refused() -> None:
    good = _by_gdal(np.arange(3 * 8 * 8, dtype="uint8").reshape(3, 8, 8) % 2)
    assert what_is_shown(good) == "picture"
    for data in (b"", b"<html>", good[:20], good[:50], good.replace(b"IDAT", b"JUNK")):
        with pytest.raises(NotReadableError):
            what_is_shown(data)
    with pytest.raises(NotReadableError):
        what_is_shown(_by_hand([b"\0\0", b"\7\0"], 0, 1))
    with pytest.raises(NotReadableError):
        what_is_shown(_by_hand([b"\0\1"], 9, 1))


@pytest.mark.parametrize("size", [8, 300])
def test_a_picture_that_is_cut_off_anywhere_is_refused(size: int) -> None:
    """Whatever GDAL's memory holds in place of the missing rows must not count."""
    good = _by_gdal(np.full((1, size, size), 100, "uint8"))
    for length in range(len(good) - 12):
        with pytest.raises(NotReadableError):
            what_is_shown(good[:length])


def test_interlaced_pictures_and_other_formats() -> None:
    assert what_is_shown(_by_hand([b"\0\1"], 0, 1, interlace=1)) == "one_color"
    with MemoryFile() as memory:
        with memory.open(driver="JPEG", count=3, height=8, width=8, dtype="uint8") as target:
            target.write(np.zeros((3, 8, 8), "uint8"))
        data = bytes(memory.getbuffer())
    with pytest.raises(NotReadableError, match="not a PNG"):
        what_is_shown(data)


def test_colors_that_differ_far_apart_are_a_picture() -> None:
    pixels = np.full((3, 600, 4), 9, "uint8")
    assert what_is_shown(_by_gdal(pixels)) == "one_color"
    pixels[2, 512:] = 8
    assert what_is_shown(_by_gdal(pixels)) == "picture"


@pytest.mark.parametrize(("side", "said"), [(4096, "damaged"), (4097, "4097")])
def test_a_bomb_is_not_unpacked(side: int, said: str) -> None:
    header = _chunk(b"IHDR", side.to_bytes(4, "big") * 2 + bytes([16, 6, 0, 0, 0]))
    data = b"\x89PNG\r\n\x1a\n" + header + _chunk(b"IDAT", zlib.compress(bytes(10))) + _chunk(b"IEND", b"")
    with pytest.raises(NotReadableError, match=said):
        what_is_shown(data)
