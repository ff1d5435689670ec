"""Bytes in, bytes out: codecs of small libraries, all of which let other threads of Python work meanwhile."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable

import deflate
from isal import igzip_lib
from zlib_ng import zlib_ng

from rastercollection.rasters.pixels.windows import Array

try:
    import lzma
except ModuleNotFoundError:  # Python may be built without it
    HAS_LZMA = False
else:
    HAS_LZMA = True

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["HAS_LZMA", "Compress", "huffman", "igzip", "libdeflate", "run_lengths", "xz", "zstandard"]

Compress = Callable[[Array], bytes]
"""From contiguous bytes, uint8 of any shape."""

_FARTHEST_DELTA = 256
_MEMORY = 9
"""zlib's memory level: the more of it, the more symbols share a table of codes."""


def libdeflate(level: int) -> Compress:
    """DEFLATE in zlib's format by libdeflate, as GDAL has it: 1 to 12."""

    def compress(data: Array) -> bytes:
        return bytes(deflate.zlib_compress(data, level))

    return compress


def igzip(level: int) -> Compress:
    """DEFLATE in zlib's format by ISA-L: 0 to 3."""
    return functools.partial(_igzip, level=level)


def _igzip(data: Array, level: int) -> bytes:
    return igzip_lib.compress(data, level, igzip_lib.COMP_ZLIB)


def huffman(data: Array) -> bytes:
    """DEFLATE in zlib's format, of which only the codes of single bytes are used: best where nothing repeats."""
    return _zlib_ng(data, zlib_ng.Z_HUFFMAN_ONLY)


def run_lengths(data: Array) -> bytes:
    """DEFLATE in zlib's format, in which only runs of one byte are found: best where all is flat or noise."""
    return _zlib_ng(data, zlib_ng.Z_RLE)


def _zlib_ng(data: Array, strategy: int) -> bytes:
    stream = zlib_ng.compressobj(1, zlib_ng.DEFLATED, zlib_ng.MAX_WBITS, _MEMORY, strategy)
    return stream.compress(data.data) + stream.flush()


def zstandard(level: int) -> Compress:
    """Zstandard, 1 to 22."""

    def compress(data: Array) -> bytes:
        return zstd.compress(data.data, level)

    return compress


def xz(level: int, pixel_bytes: int) -> Compress:
    """LZMA2 of the differences between neighbouring pixels, in an xz stream with a CRC32.

    libtiff takes differences of neighbouring samples, at best; those of whole pixels make files of several bands
    smaller, and readers are told the distance by the stream itself.

    Args:
        level: 0 to 9.
        pixel_bytes: Of all bands.
    """
    distance = pixel_bytes if pixel_bytes <= _FARTHEST_DELTA else 1
    filters = [{"id": lzma.FILTER_DELTA, "dist": distance}, {"id": lzma.FILTER_LZMA2, "preset": level}]

    def compress(data: Array) -> bytes:
        return lzma.compress(data.data, lzma.FORMAT_XZ, lzma.CHECK_CRC32, filters=filters)

    return compress
