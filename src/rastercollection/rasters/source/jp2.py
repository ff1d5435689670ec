"""Whether the boxes of a JPEG 2000 file fit into each other and into the file: readers may loop where they do not.

The layout is that of ISO/IEC 15444-1, annex I.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

__all__ = ["BoxProblem", "box_problem", "is_jp2"]

Reader = Callable[[int, int], bytes]

_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
_NESTED = (b"jp2h", b"asoc", b"res ", b"uinf")
_MOST_BOXES = 10_000
_DEEPEST = 8


@attrs.frozen
class BoxProblem:
    """What is wrong, in words, and whether it is that the file ends too early."""

    text: str
    is_truncation: bool = False


def is_jp2(head: bytes) -> bool:
    """Whether it has boxes; a bare codestream has none."""
    return head.startswith(_SIGNATURE)


def box_problem(read: Reader, size: int) -> BoxProblem | None:
    """What is wrong with the boxes; None when nothing is.

    Args:
        read: Gives ranges of bytes.
        size: Length of the file.
    """
    found: list[bytes] = []
    problem = _walk(read, 0, size, found, 0)
    if problem is None and b"jp2c" not in found:
        return BoxProblem("it has no codestream")
    return problem


def _walk(read: Reader, start: int, end: int, found: list[bytes], depth: int) -> BoxProblem | None:
    while start < end:
        head = read(start, min(start + 16, end))
        if len(head) < 8:
            return BoxProblem(f"the box at byte {start:,} is cut off", depth == 0)
        length, kind, first = int.from_bytes(head[:4], "big"), head[4:8], 8
        if length == 1:
            length, first = int.from_bytes(head[8:16], "big"), 16
        elif length == 0 and depth == 0:
            length = end - start
        if length < first or start + length > end:
            text = f"the box at byte {start:,} claims {length:,} bytes, {end - start:,} are there"
            return BoxProblem(text, depth == 0 and length >= first)
        found.append(kind)
        if len(found) > _MOST_BOXES or depth > _DEEPEST:
            return BoxProblem("it has too many boxes")
        if kind in _NESTED:
            problem = _walk(read, start + first, start + length, found, depth + 1)
            if problem:
                return problem
        start += length
    return None
