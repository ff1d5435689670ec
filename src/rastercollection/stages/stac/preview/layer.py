"""A picture on the preview page's map. Pure."""

from __future__ import annotations

import base64

import attrs

__all__ = ["WIDTH", "Box", "Layer"]

WIDTH = 1000.0
"""Units across a map."""

Box = tuple[float, float, float, float]
"""Left, top, width and height, in units of the map."""


@attrs.frozen(kw_only=True)
class Layer:
    """One picture, with nothing where it shows no tile.

    Attributes:
        number: From 0, the one at the bottom first.
        day: ``YYYY-MM-DD`` that all of it was acquired on; empty where it shows tiles of any day.
        box: Left, top, width and height on the map, in its units.
        media_type, picture: Of the image.
    """

    number: int
    day: str
    box: Box
    media_type: str
    picture: bytes

    def placed(self, number: int, box: Box) -> Layer:
        """The same on one of several maps, which lies in a box of their sheet; a number of its own there."""
        left, top, width, _ = box
        part = width / WIDTH
        here = (left + self.box[0] * part, top + self.box[1] * part, self.box[2] * part, self.box[3] * part)
        return attrs.evolve(self, number=number, box=here)

    @property
    def name(self) -> str:
        """Its id in the page."""
        return f"layer-{self.number}"

    @property
    def source(self) -> str:
        """The picture as an address that holds it."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.picture).decode()}"
