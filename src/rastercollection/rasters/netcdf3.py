"""How long a classic netCDF file has to be by its own header, so that a cut one is noticed: its reader fills up.

The layout is that of the NetCDF Classic Format Specification (versions 1, 2 and 5).
"""

from __future__ import annotations

import math
import struct

__all__ = ["needed_bytes"]

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8, 7: 1, 8: 2, 9: 4, 10: 8, 11: 8}
_STREAMED = (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)


class _Cursor:
    def __init__(self, head: bytes) -> None:
        self._head = head
        self._at = 4
        version = head[3]
        self._count = ">Q" if version == 5 else ">I"
        self._offset = ">I" if version == 1 else ">Q"

    def _next(self, shape: str) -> int:
        value: int = struct.unpack_from(shape, self._head, self._at)[0]
        self._at += struct.calcsize(shape)
        return value

    def count(self) -> int:
        return self._next(self._count)

    def offset(self) -> int:
        return self._next(self._offset)

    def tag(self) -> int:
        return self._next(">I")

    def skip(self, length: int) -> None:
        self._at += (length + 3) // 4 * 4

    def name(self) -> None:
        self.skip(self.count())

    def attributes(self) -> None:
        self.tag()
        for _ in range(self.count()):
            self.name()
            self.skip(_SIZES[self.tag()] * self.count())


def needed_bytes(head: bytes) -> int | None:
    """Length of the file that starts with ``head``, at least; None when ``head`` does not hold the whole header."""
    cursor = _Cursor(head)
    try:
        records = cursor.count()
        cursor.tag()
        lengths = []
        for _ in range(cursor.count()):
            cursor.name()
            lengths.append(cursor.count())
        cursor.attributes()
        cursor.tag()
        variables = [_variable(cursor, lengths) for _ in range(cursor.count())]
    except (struct.error, KeyError, IndexError):
        return None
    grows = [(begin, size) for begin, size, is_record in variables if is_record]
    ends = [begin + size for begin, size, is_record in variables if not is_record]
    if grows and records not in (0, *_STREAMED):
        step = grows[0][1] if len(grows) == 1 else sum((size + 3) // 4 * 4 for _, size in grows)
        ends += [begin + (records - 1) * step + size for begin, size in grows]
    return max(ends, default=0)


def _variable(cursor: _Cursor, lengths: list[int]) -> tuple[int, int, bool]:
    """Where its data begins, its size (of one record, for a record variable), and whether it is one."""
    cursor.name()
    shape = [lengths[cursor.count()] for _ in range(cursor.count())]
    cursor.attributes()
    kind = cursor.tag()
    cursor.count()
    is_record = bool(shape) and shape[0] == 0
    return cursor.offset(), _SIZES[kind] * math.prod(shape[1:] if is_record else shape), is_record
