"""How long a classic netCDF file has to be by its own header, so that a cut one is noticed: its reader fills up.

The layout is that of the NetCDF Classic Format Specification (versions 1, 2 and 5).
"""

from __future__ import annotations

import math
import struct

__all__ = ["MalformedNetcdfError", "needed_bytes"]

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8, 7: 1, 8: 2, 9: 4, 10: 8, 11: 8}
_STREAMED = (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
_ABSENT, _DIMENSIONS, _VARIABLES, _ATTRIBUTES = 0, 10, 11, 12
_MOST_ENTRIES = 100_000


class MalformedNetcdfError(ValueError):
    """The header contradicts the format."""


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

    def kind(self) -> int:
        kind = self._next(">I")
        if kind not in _SIZES:
            raise MalformedNetcdfError(f"data type {kind} does not exist")
        return kind

    def entries(self, tag: int) -> range:
        """The length of a list of dimensions, attributes or variables, as a range to go through."""
        found, count = self._next(">I"), self.count()
        if found not in (_ABSENT, tag) or (found == _ABSENT and count) or count > _MOST_ENTRIES:
            raise MalformedNetcdfError(f"a list has tag {found} and {count:,} entries")
        return range(count)

    def skip(self, length: int) -> None:
        self._at += (length + 3) // 4 * 4
        if self._at > len(self._head):
            raise struct.error

    def name(self) -> None:
        length = self.count()
        text = self._head[self._at : self._at + length]
        self.skip(length)
        if not text or b"\0" in text:
            raise MalformedNetcdfError("a name is empty or has a zero byte")

    def attributes(self) -> None:
        for _ in self.entries(_ATTRIBUTES):
            self.name()
            self.skip(_SIZES[self.kind()] * self.count())


def needed_bytes(head: bytes, *, is_whole_file: bool) -> int | None:
    """Length of the file that starts with ``head``, at least; None when its header is longer than ``head``.

    Args:
        head: The first bytes.
        is_whole_file: There are no others.

    Raises:
        MalformedNetcdfError: It is no header, and its reader might crash on it.
    """
    cursor = _Cursor(head)
    try:
        records = cursor.count()
        lengths = []
        for _ in cursor.entries(_DIMENSIONS):
            cursor.name()
            lengths.append(cursor.count())
        cursor.attributes()
        variables = [_variable(cursor, lengths) for _ in cursor.entries(_VARIABLES)]
    except struct.error as error:
        if is_whole_file:
            raise MalformedNetcdfError("the header goes on beyond the end of the file") from error
        return None
    if lengths.count(0) > 1:
        raise MalformedNetcdfError("several dimensions are unlimited")
    grows = [(begin, size) for begin, size, is_record in variables if is_record]
    ends = [begin + size for begin, size, is_record in variables if not is_record]
    if grows and records not in (0, *_STREAMED):
        step = grows[0][1] if len(grows) == 1 else sum((size + 3) // 4 * 4 for _, size in grows)
        ends += [begin + (records - 1) * step + size for begin, size in grows]
    return max(ends, default=0)


def _variable(cursor: _Cursor, lengths: list[int]) -> tuple[int, int, bool]:
    """Where its data begins, its size (of one record, for a record variable), and whether it is one."""
    cursor.name()
    dimensions = [cursor.count() for _ in _rank(cursor)]
    if any(dimension >= len(lengths) for dimension in dimensions):
        raise MalformedNetcdfError("a variable has a dimension that does not exist")
    shape = [lengths[dimension] for dimension in dimensions]
    if 0 in shape[1:]:
        raise MalformedNetcdfError("the unlimited dimension is not the first")
    cursor.attributes()
    kind = cursor.kind()
    cursor.count()
    is_record = bool(shape) and shape[0] == 0
    return cursor.offset(), _SIZES[kind] * math.prod(shape[1:] if is_record else shape), is_record


def _rank(cursor: _Cursor) -> range:
    rank = cursor.count()
    if rank > _MOST_ENTRIES:
        raise MalformedNetcdfError(f"a variable has {rank:,} dimensions")
    return range(rank)
