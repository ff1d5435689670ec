"""A TIFF's own declarations, read without decoding anything: sizes, blocks, and whether the file is long enough."""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Callable, Iterator

import attrs
import numpy as np

__all__ = [
    "TYPE_SIZES",
    "Directory",
    "Entry",
    "EntryLayout",
    "MalformedTiffError",
    "Reader",
    "TruncatedTiffError",
    "block_range",
    "directories",
    "is_tiff",
    "missing_data",
    "read_entries",
    "read_header",
    "read_values",
]

Reader = Callable[[int, int], bytes]
"""``read(start, end)`` gives the bytes of the file from ``start`` up to ``end``; fewer at its end."""

TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGERS = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
_MOST_DIRECTORIES = 64
_MOST_ENTRIES = 4096
_ENTRIES_AT_ONCE = 2**20

SUBFILE, WIDTH, LENGTH, BITS, COMPRESSION, FILL_ORDER, STRIP_OFFSETS, SAMPLES = 254, 256, 257, 258, 259, 266, 273, 277
ROWS_PER_STRIP, STRIP_COUNTS, PLANAR, TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_COUNTS = (
    278, 279, 284, 322, 323, 324, 325,
)  # fmt: skip
_REDUCED, _MASK = 1, 4
_UNCOMPRESSED, _PLANES_APART, _OLD_JPEG = 1, 2, 6


class MalformedTiffError(ValueError):
    """The structure contradicts itself."""


class TruncatedTiffError(ValueError):
    """The structure points beyond the end of the file."""


def is_tiff(head: bytes) -> bool:
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@attrs.frozen(kw_only=True)
class Entry:
    """Where a directory's values of one tag are: ``count`` of TIFF's type ``kind``, from byte ``position`` on."""

    kind: int
    count: int
    position: int


@attrs.frozen(kw_only=True)
class Directory:
    """One image of a TIFF.

    Attributes:
        width, height, samples: As declared.
        bits: Of one sample, the widest.
        compression: TIFF's number.
        fill_order: TIFF's number: 2 where the bits of each byte are the other way round.
        subfile: TIFF's flags: 1 for a reduced copy, 4 for a mask.
        tiled: Whether blocks are tiles.
        block: ``(rows, columns)`` of a block, cut to the image for strips.
        planar: Whether each band has blocks of its own.
    """

    width: int
    height: int
    samples: int
    bits: int
    compression: int
    fill_order: int
    subfile: int
    tiled: bool
    block: tuple[int, int]
    planar: bool
    byte_order: str = attrs.field(repr=False)
    offsets: Entry | None = attrs.field(repr=False)
    counts: Entry | None = attrs.field(repr=False)

    @property
    def is_reduced(self) -> bool:
        """Whether it is an overview."""
        return bool(self.subfile & _REDUCED)

    @property
    def is_mask(self) -> bool:
        return bool(self.subfile & _MASK)

    @property
    def stored_block_bytes(self) -> int:
        """Size of one block without compression, as it is in the file."""
        rows, columns = self.block
        return math.ceil(columns * (1 if self.planar else self.samples) * self.bits / 8) * rows

    @property
    def block_bytes(self) -> int:
        """Size of one block as GDAL decodes it: samples of whole bytes."""
        rows, columns = self.block
        return columns * (1 if self.planar else self.samples) * math.ceil(self.bits / 8) * rows

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        rows, columns = self.block
        grid = math.ceil(self.height / rows) * math.ceil(self.width / columns)
        return grid * (self.samples if self.planar else 1)

    def place_of(self, block: int) -> tuple[int, int, int]:
        """Number of the band, from 1, and column and row of a block among those of its band."""
        rows, columns = self.block
        across, down = math.ceil(self.width / columns), math.ceil(self.height / rows)
        band, rest = divmod(block, across * down)
        return band + 1, rest % across, rest // across


@attrs.frozen
class EntryLayout:
    """How directories lie in a file: byte order as in ``struct``, 64-bit (BigTIFF) or not, length of the file."""

    order: str
    big: bool
    size: int

    @property
    def pointer(self) -> str:
        return self.order + ("Q" if self.big else "I")


def _exactly(read: Reader, start: int, length: int, size: int) -> bytes:
    if start + length > size:
        raise TruncatedTiffError(f"its structure needs {start + length:,} bytes, the file has {size:,}")
    data = read(start, start + length)
    if len(data) != length:
        raise TruncatedTiffError(f"only {len(data):,} of {length:,} bytes at {start:,} could be read")
    return data


def read_header(read: Reader, size: int) -> tuple[EntryLayout, int]:
    """How the file lays out its directories, and where the first is."""
    head = _exactly(read, 0, 8, size)
    order = "<" if head[:2] == b"II" else ">"
    if struct.unpack(order + "H", head[2:4])[0] == 42:
        return EntryLayout(order, False, size), struct.unpack(order + "I", head[4:8])[0]
    return EntryLayout(order, True, size), struct.unpack(order + "Q", _exactly(read, 8, 8, size))[0]


def read_entries(read: Reader, layout: EntryLayout, start: int) -> tuple[dict[int, Entry], int]:
    """The entries of the directory at ``start`` by tag, and where the next directory is."""
    count_size, entry_size, value_size = (8, 20, 8) if layout.big else (2, 12, 4)
    head = _exactly(read, start, count_size, layout.size)
    count = int.from_bytes(head, "little" if layout.order == "<" else "big")
    if not 0 < count <= _MOST_ENTRIES:
        raise MalformedTiffError(f"the directory at {start:,} claims {count:,} entries")
    first = start + count_size
    table = _exactly(read, first, count * entry_size + value_size, layout.size)
    shape = layout.order + ("HHQ" if layout.big else "HHI")
    entries: dict[int, Entry] = {}
    for index in range(count):
        tag, kind, values = struct.unpack_from(shape, table, index * entry_size)
        inline = first + index * entry_size + entry_size - value_size
        fits = TYPE_SIZES.get(kind, 1) * values <= value_size
        at = struct.unpack_from(layout.pointer, table, (index + 1) * entry_size - value_size)[0]
        entries.setdefault(tag, Entry(kind=kind, count=values, position=inline if fits else at))
    return entries, struct.unpack_from(layout.pointer, table, count * entry_size)[0]


def read_values(read: Reader, order: str, size: int, entry: Entry, start: int, count: int) -> np.ndarray:
    """``count`` of an entry's integers, from the one at ``start`` on.

    Raises:
        MalformedTiffError: They are no integers.
        TruncatedTiffError: They lie beyond the end of the file.
    """
    kind = _INTEGERS.get(entry.kind)
    if kind is None:
        raise MalformedTiffError(f"a table of integers has type {entry.kind}")
    dtype = np.dtype(order + kind)
    data = _exactly(read, entry.position + start * dtype.itemsize, count * dtype.itemsize, size)
    return np.frombuffer(data, dtype)


def _directory(read: Reader, layout: EntryLayout, entries: dict[int, Entry]) -> Directory:
    def number(tag: int, default: int | None = None) -> int:
        entry = entries.get(tag)
        if entry is None and default is None:
            raise MalformedTiffError(f"tag {tag} is missing")
        if entry is None or entry.count == 0:
            return int(default or 0)
        return int(read_values(read, layout.order, layout.size, entry, 0, min(entry.count, 512)).max())

    width, height, samples = number(WIDTH), number(LENGTH), number(SAMPLES, 1)
    tiled = TILE_WIDTH in entries or TILE_LENGTH in entries
    rows = number(TILE_LENGTH) if tiled else min(number(ROWS_PER_STRIP, height), height)
    columns = number(TILE_WIDTH) if tiled else width
    if min(width, height, samples, rows, columns) < 1:
        raise MalformedTiffError(f"an image of {width} × {height} with {samples} bands in blocks of {columns} × {rows}")
    return Directory(
        width=width,
        height=height,
        samples=samples,
        bits=max(1, number(BITS, 1)),
        compression=number(COMPRESSION, 1),
        fill_order=number(FILL_ORDER, 1),
        subfile=number(SUBFILE, 0),
        tiled=tiled,
        block=(rows, columns),
        planar=number(PLANAR, 1) == _PLANES_APART,
        byte_order=layout.order,
        offsets=entries.get(TILE_OFFSETS) or entries.get(STRIP_OFFSETS),
        counts=entries.get(TILE_COUNTS) or entries.get(STRIP_COUNTS),
    )


def directories(read: Reader, size: int) -> Iterator[Directory]:
    """The images of a TIFF: the first, then those of the chain, up to a loop or a bound; read as they are asked for.

    Args:
        read: Gives ranges of bytes.
        size: Length of the file.

    Raises:
        MalformedTiffError: Of the first image; the chain simply ends where a later one is not sound.
        TruncatedTiffError: Likewise.
    """
    layout, start = read_header(read, size)
    seen: set[int] = set()
    for number in itertools.count():
        if start == 0 or start in seen or number == _MOST_DIRECTORIES:
            if number == 0:
                raise MalformedTiffError("it has no image")
            return
        seen.add(start)
        try:
            entries, start = read_entries(read, layout, start)
            directory = _directory(read, layout, entries)
        except (MalformedTiffError, TruncatedTiffError):
            if number == 0:
                raise
            return
        yield directory


def block_range(read: Reader, size: int, directory: Directory, block: int) -> tuple[int, int]:
    """Where the bytes of a block begin and end, as its tables say; nothing of one that is declared empty.

    Raises:
        MalformedTiffError: The tables are missing or too short.
        TruncatedTiffError: The tables themselves lie beyond the end.
    """
    tables = directory.offsets, directory.counts
    if any(table is None or table.count <= block for table in tables):
        raise MalformedTiffError(f"the tables do not describe block {block + 1:,}")
    order = directory.byte_order
    start, length = (int(read_values(read, order, size, table, block, 1)[0]) for table in tables if table)
    return start, start + length


def missing_data(read: Reader, size: int, directory: Directory) -> str | None:
    """What of an image's data lies beyond the end of the file, in words; None when all of it can be there.

    Blocks that are declared empty (sparse files) are fine. Tables are read in bounded pieces.

    Raises:
        MalformedTiffError: The tables are missing or too short.
        TruncatedTiffError: The tables themselves lie beyond the end.
    """
    offsets, counts, blocks = directory.offsets, directory.counts, directory.blocks
    if directory.compression == _OLD_JPEG:
        return None
    if offsets is None:
        raise MalformedTiffError("the table of block offsets is missing")
    if offsets.count < blocks or (counts is not None and counts.count < blocks):
        raise MalformedTiffError(f"the tables describe fewer than the {blocks:,} blocks of the image")
    _fits(offsets, blocks, size)
    if counts is not None:
        _fits(counts, blocks, size)
    for start in range(0, blocks, _ENTRIES_AT_ONCE):
        number = min(_ENTRIES_AT_ONCE, blocks - start)
        begins = read_values(read, directory.byte_order, size, offsets, start, number).astype("f8")
        lengths = np.full(number, float(directory.stored_block_bytes if directory.compression == _UNCOMPRESSED else 1))
        if counts is not None:
            lengths = read_values(read, directory.byte_order, size, counts, start, number).astype("f8")
        if directory.compression == _UNCOMPRESSED:
            lengths = np.minimum(lengths, _needed(directory, start, number))
        beyond = (begins + lengths > size) & (lengths > 0)
        if beyond.any():
            return f"block {start + int(beyond.argmax()) + 1:,} of {blocks:,} ends beyond the file's {size:,} bytes"
    return None


def _fits(entry: Entry, blocks: int, size: int) -> None:
    end = entry.position + blocks * TYPE_SIZES.get(entry.kind, 1)
    if end > size:
        raise TruncatedTiffError(f"its table of {blocks:,} blocks ends at byte {end:,}, the file has {size:,}")


def _needed(directory: Directory, start: int, number: int) -> np.ndarray:
    """Bytes that uncompressed blocks hold: the last strip of a band may be shorter than declared."""
    full = np.full(number, float(directory.stored_block_bytes))
    if directory.tiled:
        return full
    rows = directory.block[0]
    strips = math.ceil(directory.height / rows)
    last = (np.arange(start, start + number) % strips) == strips - 1
    full[last] *= (directory.height - (strips - 1) * rows) / rows
    return full
