"""Bytes in, bytes out: codecs of small libraries, all of which let other threads of Python work meanwhile."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable

import deflate
from isal import igzip_lib
from zlib_ng import zlib_ng

from rastercollection.rasters.pixels.windows import Array

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["Compress", "huffman", "igzip", "libdeflate", "run_lengths", "zstandard"]

Compress = Callable[[Array], bytes]
"""From contiguous bytes, uint8 of any shape."""

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
