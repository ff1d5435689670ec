"""Where everything of a COG lies: header, ghost area and directories first, then blocks, the smallest level's first.

The layout is that of GDAL's COG driver (https://gdal.org/drivers/raster/cog.html, "Header ghost area"): blocks in rows,
each between its size, as 32 bits, and its last four bytes again; a mask's block follows the image's. Readers that know
it find a block's end without asking for the table of sizes. Pure arithmetic.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from rastercollection.rasters.writing.tiff_fields import BLOCK_COUNTS, BLOCK_OFFSETS, Fields, numbers

__all__ = ["FRAME", "Image", "Level", "Plan", "framed"]

FRAME = 8
"""Bytes around a block: its size before it, its last four bytes after it."""
_STRUCTURE = (
    "LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n"
    "BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n "
)
_WITH_MASKS = "MASK_INTERLEAVED_WITH_IMAGERY=YES\n"
_MOST_CLASSIC = 2**32 - 1


@attrs.frozen(kw_only=True, eq=False)
class Image:
    """One image of a COG, a level or its mask.

    Attributes:
        fields: Of its directory, but for those that say where its blocks are.
        sizes: Bytes of its encoded blocks, row by row; 0 of a block that is left out.
    """

    fields: Fields
    sizes: NDArray[np.uint64]


@attrs.frozen(kw_only=True, eq=False)
class Level:
    """One resolution: its image, and its mask if it has one."""

    image: Image
    mask: Image | None = None

    @property
    def images(self) -> tuple[Image, ...]:
        return (self.image,) if self.mask is None else (self.image, self.mask)


@attrs.frozen(kw_only=True, eq=False)
class Plan:
    """A COG's layout.

    Attributes:
        header: All that comes before the first block.
        size: Of the whole file, in bytes.
        big: Whether it is a BigTIFF.
    """

    header: bytes
    size: int
    big: bool

    @classmethod
    def of(cls, levels: Sequence[Level], *, big: bool | None = None) -> Plan:
        """The layout of a COG.

        Args:
            levels: From full resolution down.
            big: Whether it is to be a BigTIFF; by default where it would be of 4 GiB or more else.
        """
        plan = cls._sized(levels, big=bool(big))
        return cls._sized(levels, big=True) if big is None and plan.size > _MOST_CLASSIC else plan

    @classmethod
    def _sized(cls, levels: Sequence[Level], *, big: bool) -> Plan:
        writer = _Directories(big=big, masks=levels[0].mask is not None)
        images = [image for level in levels for image in level.images]
        starts = list(itertools.accumulate([writer.size_of(image) for image in images], initial=writer.first))
        offsets, size = _block_offsets(levels, starts[-1])
        if not big and size > _MOST_CLASSIC:
            return cls(header=b"", size=size, big=False)
        parts = [writer.head]
        for number, (image, start) in enumerate(zip(images, starts, strict=False)):
            following = starts[number + 1] if number + 1 < len(images) else 0
            parts.append(writer.directory(image, offsets[id(image)], start, following))
        return cls(header=b"".join(parts), size=size, big=big)


def framed(block: bytes) -> Iterator[bytes]:
    """The bytes of a block with what GDAL writes around it; nothing of one that is left out."""
    if block:
        yield struct.pack("<I", len(block))
        yield block
        yield block[-4:]


def _block_offsets(levels: Sequence[Level], start: int) -> tuple[dict[int, NDArray[np.uint64]], int]:
    """Where the blocks of each image begin, by its identity, and where the last one ends."""
    found: dict[int, NDArray[np.uint64]] = {}
    for level in reversed(levels):
        sizes = np.stack([image.sizes for image in level.images], axis=1).astype(np.uint64)
        taken = np.where(sizes > 0, sizes + np.uint64(FRAME), np.uint64(0))
        ends = np.cumsum(taken.ravel(), dtype=np.uint64).reshape(taken.shape) + np.uint64(start)
        begins = np.where(sizes > 0, ends - taken + np.uint64(FRAME // 2), np.uint64(0))
        found |= {id(image): begins[:, place] for place, image in enumerate(level.images)}
        start = int(ends[-1, -1])
    return found, start


@attrs.frozen(kw_only=True)
class _Directories:
    """Writes header and directories.

    Attributes:
        big: As BigTIFF.
        masks: Whether levels have masks.
    """

    big: bool
    masks: bool

    @property
    def head(self) -> bytes:
        """The file's header and the ghost area."""
        structure = _STRUCTURE + (_WITH_MASKS if self.masks else "")
        ghost = f"GDAL_STRUCTURAL_METADATA_SIZE={len(structure):06d} bytes\n{structure}".encode()
        first = (16 if self.big else 8) + len(ghost)
        first += first % 2
        shape = struct.pack("<2sHHHQ", b"II", 43, 8, 0, first) if self.big else struct.pack("<2sHI", b"II", 42, first)
        return (shape + ghost).ljust(first, b"\0")

    @property
    def first(self) -> int:
        """Where the first directory is."""
        return len(self.head)

    def size_of(self, image: Image) -> int:
        """Bytes of a directory with its values."""
        return len(self.directory(image, np.zeros(len(image.sizes), np.uint64), 0, 0))

    def directory(self, image: Image, offsets: NDArray[np.uint64], start: int, following: int) -> bytes:
        """A directory that lies at byte ``start``, and its values behind it."""
        tables = {
            BLOCK_OFFSETS: numbers(offsets, big=self.big),
            BLOCK_COUNTS: numbers(image.sizes, big=False),
        }
        fields = sorted({**image.fields, **tables}.items())
        pointer, inline, number = ("<Q", 8, "<Q") if self.big else ("<I", 4, "<H")
        table = struct.calcsize(number) + len(fields) * (4 + 2 * inline) + inline
        entries, values, place = [struct.pack(number, len(fields))], [], start + table
        for tag, field in fields:
            shape = struct.pack("<HH", tag, field.kind) + struct.pack(pointer, field.count)
            if len(field.data) <= inline:
                entries.append(shape + field.data.ljust(inline, b"\0"))
                continue
            entries.append(shape + struct.pack(pointer, place))
            values.append(field.data + b"\0" * (len(field.data) % 2))
            place += len(values[-1])
        content = b"".join([*entries, struct.pack(pointer, following), *values])
        return content + b"\0" * (len(content) % 2)
