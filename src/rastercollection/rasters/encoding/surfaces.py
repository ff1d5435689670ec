"""LERC's tiles, which are the same whenever the same pixels are encoded.

After the codes of 8-bit pixels, the LERC library leaves four bytes as it found them in memory, for decoders to look
ahead into, and counts them in its checksum. Here they are zero.
"""

from __future__ import annotations

import struct

import numpy as np

__all__ = ["settled"]

_CHECKSUM, _COUNTED_FROM = 10, 14
_BANDS, _KIND, _MASK_BYTES, _END = 22, 38, 66, 70
_EIGHT_BITS = (0, 1)
_TILED, _HUFFMAN = 0, (1, 2)
_AHEAD = 4
_MODULUS = 0xFFFF


def settled(blob: bytes) -> bytes:
    """A tile with zeros where its library wrote whatever was there.

    Args:
        blob: One image in LERC 2, version 4.
    """
    if not _looks_ahead(blob):
        return blob
    counted = blob[_COUNTED_FROM:-_AHEAD] + bytes(_AHEAD)
    return blob[:_CHECKSUM] + struct.pack("<I", _fletcher(counted)) + counted


def _looks_ahead(blob: bytes) -> bool:
    """Whether it has codes of Huffman's, which only 8-bit pixels have."""
    kind, mask_bytes = (struct.unpack_from("<i", blob, place)[0] for place in (_KIND, _MASK_BYTES))
    if kind not in _EIGHT_BITS or len(blob) == _END + mask_bytes:
        return False
    ranges = 2 * struct.unpack_from("<i", blob, _BANDS)[0]
    how = blob[_END + mask_bytes + ranges :][:2]
    return len(how) == 2 and how[0] == _TILED and how[1] in _HUFFMAN


def _fletcher(data: bytes) -> int:
    """Fletcher's checksum of big-endian words, whose sums begin with all bits set and are never zero."""
    words = np.frombuffer(data + bytes(len(data) % 2), ">u2").astype(np.uint64)
    first = int(words.sum()) % _MODULUS
    second = int((words * np.arange(len(words), 0, -1, dtype=np.uint64)).sum()) % _MODULUS
    return (second or _MODULUS) << 16 | (first or _MODULUS)
