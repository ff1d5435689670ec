"""Just enough of PNG to tell whether a map tile shows something, without a raster library.

Follows the PNG specification (ISO/IEC 15948): 8 and 16 bits a sample, not interlaced, with or without a palette.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

__all__ = ["NotReadableError", "what_is_shown"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LARGEST_SIDE = 4096
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}


class NotReadableError(ValueError):
    """The bytes are no PNG, or one of a kind that tile servers do not send."""


def what_is_shown(data: bytes) -> str:
    """``nothing`` if every pixel is transparent, ``one_color`` if all others look the same, else ``picture``.

    Raises:
        NotReadableError: See there.
    """
    try:
        return _look(data)
    except (struct.error, zlib.error, IndexError, KeyError) as error:
        raise NotReadableError(f"damaged PNG: {error}") from error


def _look(data: bytes) -> str:
    chunks = list(_chunks(data))
    if not chunks or chunks[0][0] != b"IHDR":
        raise NotReadableError("not a PNG")
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    if depth not in (8, 16) or interlaced or not 0 < width <= LARGEST_SIDE or not 0 < height <= LARGEST_SIDE:
        raise NotReadableError(f"PNG of {width}×{height}, {depth} bits, interlace {interlaced}")
    step = CHANNELS[kind] * depth // 8
    limit = height * (1 + width * step)
    pixels = zlib.decompressobj().decompress(b"".join(body for name, body in chunks if name == b"IDAT"), limit)
    alphas = next((body for name, body in chunks if name == b"tRNS"), b"")
    seen: set[bytes] = set()
    for row in _rows(pixels, width * step, height, step):
        seen.update(_visible(row, step, kind, depth // 8, alphas))
        if len(seen) > 1:
            return "picture"
    return "one_color" if seen else "nothing"


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not data.startswith(SIGNATURE):
        return
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        yield name, data[at + 8 : at + 8 + length]
        at += 12 + length


def _rows(pixels: bytes, width: int, height: int, step: int) -> Iterator[bytearray]:
    """Rows of samples with the filters undone; ``width`` and ``step`` (a pixel) in bytes."""
    above = bytearray(width)
    for number in range(height):
        start = number * (width + 1)
        row = bytearray(pixels[start + 1 : start + 1 + width])
        if len(row) < width:
            raise NotReadableError("PNG cut off")
        _unfilter(pixels[start], row, above, step)
        yield row
        above = row


def _unfilter(kind: int, row: bytearray, above: bytearray, step: int) -> None:
    if kind > 4:
        raise NotReadableError(f"PNG filter {kind}")
    for at in range(len(row) if kind else 0):
        left = row[at - step] if at >= step else 0
        corner = above[at - step] if at >= step else 0
        plain = (0, left, above[at], (left + above[at]) // 2)
        predicted = plain[kind] if kind < 4 else _paeth(left, above[at], corner)
        row[at] = (row[at] + predicted) & 0xFF


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    nearest = min(abs(guess - left), abs(guess - up), abs(guess - corner))
    if abs(guess - left) == nearest:
        return left
    return up if abs(guess - up) == nearest else corner


def _visible(row: bytearray, step: int, kind: int, sample: int, alphas: bytes) -> set[bytes]:
    """The different pixels of a row that are not transparent."""
    pixels = {bytes(row[at : at + step]) for at in range(0, len(row), step)}
    if kind in (GREY_ALPHA, RGBA):
        return {pixel[:-sample] for pixel in pixels if any(pixel[-sample:])}
    if kind == PALETTE:
        return {pixel for pixel in pixels if pixel[0] >= len(alphas) or alphas[pixel[0]]}
    return {pixel for pixel in pixels if not alphas or alphas != _as_transparent(pixel, sample)}


def _as_transparent(pixel: bytes, sample: int) -> bytes:
    """A grey or RGB pixel as a tRNS chunk writes it: two bytes a sample."""
    return pixel if sample == 2 else b"".join(b"\0" + bytes([value]) for value in pixel)
