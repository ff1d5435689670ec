"""Whether what a job will write fits where it goes, summed over all that lies on one disk. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, Self

import attrs

from rastercollection.core.disks import Disk

__all__ = ["Need", "Room", "Shortage", "Use"]

Use = Literal["output", "scratch", "state"]
_WORDS: Mapping[Use, str] = {"output": "COGs", "scratch": "temporary files", "state": "the record of the job"}


@attrs.frozen(kw_only=True)
class Need:
    """Bytes that will be written: at least, and if all is as usual."""

    least: int = 0
    likely: int = 0

    def __add__(self, other: Need) -> Self:
        return attrs.evolve(self, least=self.least + other.least, likely=self.likely + other.likely)


@attrs.frozen(kw_only=True)
class Shortage:
    """A disk on which there may be, or certainly is, too little room."""

    message: str
    is_certain: bool


@attrs.frozen(kw_only=True)
class Room:
    """What there is where a job writes, before it does.

    Attributes:
        disks: By what they are used for; without those of stores, and those that do not tell.
        there: Names in the output folder: what is made anew takes the place of what is there.
    """

    disks: Mapping[Use, Disk] = attrs.field(factory=dict)
    there: frozenset[str] = frozenset()

    def shortages(self, needs: Mapping[Use, Need]) -> Iterator[Shortage]:
        """Disks on which what is needed may not fit, with figures."""
        shared: dict[int, list[Use]] = {}
        for use, disk in self.disks.items():
            shared.setdefault(disk.device, []).append(use)
        for uses in shared.values():
            disk = self.disks[uses[0]]
            need = sum((needs.get(use, Need()) for use in uses), Need())
            if need.likely > disk.free:
                is_certain = need.least > disk.free
                size = f"at least {_mib(need.least)}" if is_certain else f"about {_mib(need.likely)}"
                what = ", ".join(_WORDS[use] for use in uses if needs.get(use))
                yield Shortage(
                    message=f"On the disk of {disk.path}, {_mib(disk.free)} are free; {what} will take {size}.",
                    is_certain=is_certain,
                )


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"
