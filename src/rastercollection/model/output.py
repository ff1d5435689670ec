"""An object that a task wrote, and how closely later runs look whether it is still the same."""

from __future__ import annotations

from typing import Literal, Self

import attrs

from rastercollection.core.records import multihash

__all__ = ["SMALL", "Made", "Output", "Verify"]

Verify = Literal["quick", "checksum"]
"""What is compared of an output before it is taken over: size and version, of small ones the content, too; or the
content of all."""

SMALL = 2**20
"""Bytes up to which an output's content is compared always."""


@attrs.frozen(kw_only=True)
class Output:
    """An object a task wrote, with what is needed to tell later that it is still the same.

    Attributes:
        url, size, version: Of the object, as storage tells them.
        checksum: SHA2-256 of the bytes that were written, as a hexadecimal multihash; empty where nobody told.
        shared: Other jobs of the collection write it, too: for this one it need only be there, and its stage looks what
            it holds.
    """

    url: str
    size: int
    version: str
    checksum: str = ""
    shared: bool = False

    @classmethod
    def shared_document(cls, data: bytes, url: str, version: str) -> Self:
        """One that all jobs of a collection write, of its bytes."""
        return cls(url=url, size=len(data), version=version, checksum=multihash(data), shared=True)

    def is_read(self, verify: Verify) -> bool:
        """Whether its content is compared, besides what storage tells."""
        return bool(self.checksum) and not self.shared and (verify == "checksum" or self.size <= SMALL)


@attrs.frozen(kw_only=True)
class Made:
    """Of what any handler may return, what it wrote: this is looked at before the result is taken over.

    Attributes:
        outputs: Every object.
    """

    outputs: tuple[Output, ...] = ()
