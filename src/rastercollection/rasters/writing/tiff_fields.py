"""The fields of a TIFF's directories as bytes, little-endian: read from a file, changed, and laid out anew."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

import attrs
import numpy as np
from numpy.typing import NDArray

from rastercollection.rasters.source.tiff import TYPE_SIZES, Entry, EntryLayout, Reader, read_entries, read_header

__all__ = [
    "BLOCK_COUNTS",
    "BLOCK_LENGTH",
    "BLOCK_OFFSETS",
    "BLOCK_WIDTH",
    "LENGTH",
    "WIDTH",
    "Field",
    "Fields",
    "numbers",
    "read_directories",
]

WIDTH, LENGTH, BLOCK_WIDTH, BLOCK_LENGTH, BLOCK_OFFSETS, BLOCK_COUNTS = 256, 257, 322, 323, 324, 325
_LONG, _LONG8 = 4, 16


@attrs.frozen
class Field:
    """``count`` values of TIFF's type ``kind`` (TIFF 6.0, section 2; BigTIFF adds 16 to 18) as they are in a file."""

    kind: int
    count: int
    data: bytes = attrs.field(repr=False)


Fields = Mapping[int, Field]
"""Of one directory, by tag."""


def numbers(values: NDArray[np.uint64], *, big: bool) -> Field:
    """Unsigned integers of 64 bits where ``big``, else of 32."""
    kind, dtype = (_LONG8, "<u8") if big else (_LONG, "<u4")
    return Field(kind, len(values), values.astype(dtype).tobytes())


def read_directories(content: bytes) -> Iterator[dict[int, Field]]:
    """All directories of a small little-endian TIFF."""

    def read(start: int, end: int) -> bytes:
        return content[start:end]

    layout, start = read_header(read, len(content))
    assert layout.order == "<"
    while start:
        entries, start = read_entries(read, layout, start)
        yield {tag: _field(read, layout, entry) for tag, entry in entries.items()}


def _field(read: Reader, layout: EntryLayout, entry: Entry) -> Field:
    size = TYPE_SIZES[entry.kind] * entry.count
    if entry.position + size > layout.size:
        raise struct.error("a field lies beyond the end of the file")
    return Field(entry.kind, entry.count, read(entry.position, entry.position + size))
