"""Whether an HDF5 file (netCDF-4 among them) reads other files: external links, external data, virtual datasets.

The HDF5 library follows such references when data is read, to any file of this machine. They are found by their
structure, as the HDF5 File Format Specification, version 3, lays it out (sections III.D, IV.A.2.g, IV.A.2.h and
IV.A.2.i), wherever in the file they are: metadata is never compressed. What has the structure by chance in the middle
of pixels is refused, too; the checks make that as good as impossible.
"""

from __future__ import annotations

import mmap
import re
from pathlib import Path
from typing import BinaryIO

__all__ = ["reference_outside"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_EXTERNAL_LINK = re.compile(rb"\x01[\x08-\x1f]\x40")
_HEAP = re.compile(rb"HEAP\x00")
_VIRTUAL_LAYOUTS = (b"\x04\x03", b"\x05\x03")
_LARGEST_USER_BLOCK = 2**20
_LONGEST_NAME = 4096

Content = bytes | mmap.mmap


def reference_outside(path: Path) -> str | None:
    """What kind of reference to other files an HDF5 file holds, in words; None without one, or if it is not HDF5."""
    with path.open("rb") as file:
        if file.read(len(_SIGNATURE)) != _SIGNATURE:
            return "a block of other data in front of the file proper" if _has_user_block(file) else None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _find(content)


def _find(content: Content) -> str | None:
    width = _offset_width(content)
    if any(_is_external_link(content, match.start()) for match in _EXTERNAL_LINK.finditer(content)):
        return "an external link"
    if any(_has_external_list(content, match.start(), width) for match in _HEAP.finditer(content)):
        return "data in an external file"
    if content.find(b"GCOL") >= 0 and _has_virtual_dataset(content, width):
        return "a virtual dataset"
    return None


def _has_user_block(file: BinaryIO) -> bool:
    """Whether the file proper starts at byte 512, 1024, 2048 …; addresses would then count from there."""
    at = 512
    while at <= _LARGEST_USER_BLOCK:
        file.seek(at)
        if file.read(len(_SIGNATURE)) == _SIGNATURE:
            return True
        at *= 2
    return False


def _offset_width(content: Content) -> int:
    """Bytes of an address: of the superblock's versions 0 and 1 at byte 13, of 2 and 3 at byte 9."""
    width = content[13] if content[8] < 2 else content[9]
    return width if width in (2, 4, 8) else 8


def _is_external_link(content: Content, start: int) -> bool:
    """A link message: version 1, flags, type 64, [creation order], [character set], name, then two file-like texts."""
    flags = content[start + 1]
    at = start + 3 + (8 if flags & 4 else 0) + (1 if flags & 16 else 0)
    width = 1 << (flags & 3)
    name = int.from_bytes(content[at : at + width], "little")
    at += width + name
    if not 0 < name <= _LONGEST_NAME or at + 2 > len(content):
        return False
    length = int.from_bytes(content[at : at + 2], "little")
    value = content[at + 2 : at + 2 + length]
    return len(value) == length >= 4 and value[0] == 0 and value[-1] == 0 and value[1:].count(0) == 2


def _has_external_list(content: Content, heap: int, width: int) -> bool:
    """An external file list that keeps its names in the local heap at ``heap``: version 1, slots, then the address."""
    address = heap.to_bytes(width, "little")
    found = content.find(address)
    while found >= 0:
        if found >= 8 and content[found - 8 : found - 4] == b"\x01\0\0\0":
            allocated = int.from_bytes(content[found - 4 : found - 2], "little")
            used = int.from_bytes(content[found - 2 : found], "little")
            if 0 < used <= allocated:
                return True
        found = content.find(address, found + 1)
    return False


def _has_virtual_dataset(content: Content, width: int) -> bool:
    """A data layout message of version 4 or 5 and class 3, whose mappings are in a global heap."""
    for layout in _VIRTUAL_LAYOUTS:
        found = content.find(layout)
        while found >= 0:
            address = int.from_bytes(content[found + 2 : found + 2 + width], "little")
            if address and content[address : address + 4] == b"GCOL":
                return True
            found = content.find(layout, found + 1)
    return False
