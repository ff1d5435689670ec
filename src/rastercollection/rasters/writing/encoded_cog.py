"""A COG that is encoded and planned, and can be written."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from rastercollection.rasters.writing.image_encoder import EncodedLevel
from rastercollection.rasters.writing.layout import Image, Level, Plan, framed
from rastercollection.rasters.writing.sinks import DigestingSink, Sink
from rastercollection.rasters.writing.template import Template

__all__ = ["EncodedCog"]


@attrs.frozen(kw_only=True, eq=False)
class EncodedCog:
    """All blocks of a COG, and where they come to lie.

    Attributes:
        plan: The layout, with header and directories.
        levels: From full resolution down.
    """

    plan: Plan
    levels: tuple[EncodedLevel, ...]

    @classmethod
    def of(cls, template: Template, levels: Sequence[EncodedLevel], *, big: bool | None = None) -> EncodedCog:
        """Lay out encoded levels.

        Args:
            template: What the directories say.
            levels: From full resolution down.
            big: Whether it is to be a BigTIFF; by default where it has to be.
        """
        planned = []
        for number, level in enumerate(levels):
            image, mask = template.of(number, level.width, level.height)
            masked = None
            if mask is not None and level.mask is not None:
                masked = Image(fields=mask, sizes=level.mask.sizes)
            planned.append(Level(image=Image(fields=image, sizes=level.image.sizes), mask=masked))
        return cls(plan=Plan.of(planned, big=big), levels=tuple(levels))

    @property
    def size(self) -> int:
        """Of the file, in bytes."""
        return self.plan.size

    def write_to(self, sink: Sink) -> str:
        """Write it, from the first byte to the last, once: blocks are given up as they are written.

        Returns:
            SHA2-256 of the file as a hexadecimal multihash.
        """
        digesting = DigestingSink(sink)
        digesting.write(self.plan.header)
        for level in reversed(self.levels):
            for block in level.take():
                for part in framed(block):
                    digesting.write(part)
        assert digesting.size == self.size
        return digesting.checksum
