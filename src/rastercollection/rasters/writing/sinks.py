"""Where a COG's bytes can go, in order: any binary file, a store that takes numbered parts, a digest beside."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Protocol

from rastercollection.core.records import MULTIHASH_SHA256

__all__ = ["DigestingSink", "NumberedParts", "Sink"]


class Sink(Protocol):
    """Takes bytes in order: a binary file that is open for writing, of whatever storage, is one."""

    def write(self, data: bytes, /) -> object:
        """Take the next bytes."""


class DigestingSink:
    """Hands bytes on and digests them.

    Attributes:
        size: Bytes so far.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink, self._digest, self.size = sink, hashlib.sha256(), 0

    def write(self, data: bytes, /) -> None:
        self._sink.write(data)
        self._digest.update(data)
        self.size += len(data)

    @property
    def checksum(self) -> str:
        """SHA2-256 of all bytes as a hexadecimal multihash."""
        return MULTIHASH_SHA256 + self._digest.hexdigest()


class NumberedParts:
    """Cuts what is written into parts of equal size, as multipart uploads take them; the last one may be smaller.

    Args:
        put: Is given each part and its number, from 1; it may hand them on in any order.
        size: Of a part in bytes (S3 takes 5 MiB to 5 GiB, and 10,000 parts).
    """

    def __init__(self, put: Callable[[int, bytes], object], size: int) -> None:
        self._put, self._size, self._number, self._buffer = put, size, 0, bytearray()

    def write(self, data: bytes, /) -> None:
        self._buffer += data
        while len(self._buffer) >= self._size:
            self._part(bytes(self._buffer[: self._size]))
            del self._buffer[: self._size]

    def close(self) -> None:
        """Put what is left."""
        if self._buffer or not self._number:
            self._part(bytes(self._buffer))
            self._buffer.clear()

    def _part(self, data: bytes) -> None:
        self._number += 1
        self._put(self._number, data)
