"""How the preview page's map is laid out: a map of all tiles, and insets of groups that are too small on it. Pure."""

from __future__ import annotations

import string
from collections import defaultdict
from collections.abc import Mapping, Sequence

import attrs

from rastercollection.model.cog import Cog
from rastercollection.stages.stac.preview.frame import WIDTH, Frame, frame_of, tile_box
from rastercollection.stages.stac.preview.layer import Box

__all__ = ["Sheet", "SheetMap", "sheet_of"]

SMALL = 60.0
"""Units that a group of tiles takes on the map of all, at most, to have an inset."""

MOST_INSETS = len(string.ascii_uppercase)

_NEAR = 24.0
"""Units: tiles that are nearer to each other are one group."""

_MARK = 20.0
"""Units along an edge of the smallest mark."""

_GAP = 14.0


@attrs.frozen(kw_only=True)
class SheetMap:
    """A map on the sheet: that of all tiles, or an inset.

    Attributes:
        letter: Of an inset; empty for the map of all.
        frame: As of a map that is alone.
        box: Where it is on the sheet, in its units.
        items: Whose pictures are on it, by id.
    """

    letter: str
    frame: Frame
    box: Box
    items: frozenset[str]

    @property
    def placed(self) -> Frame:
        """The frame in units of the sheet."""
        left, top, width, _ = self.box
        return self.frame.reduced(left, top, width / WIDTH)


@attrs.frozen(kw_only=True)
class Sheet:
    """All that the page's map consists of.

    Attributes:
        maps: That of all tiles, then the insets.
        marks: Boxes on the map of all, around what would hardly be seen there, each with the letter of its inset; with
            none where there are too many for insets.
        height: In units, of all maps together.
    """

    maps: tuple[SheetMap, ...]
    marks: tuple[tuple[str, Box], ...] = ()
    height: float
    _insets: Mapping[str, SheetMap] = attrs.field(repr=False, alias="insets")

    def map_of(self, cog: Cog) -> SheetMap:
        """The map that a tile is drawn on."""
        return self._insets.get(cog.item_id, self.maps[0])


def sheet_of(cogs: Sequence[Cog]) -> Sheet:
    """The sheet of all tiles: a map of all, and insets where groups are so far apart that they are dots on it."""
    frame = frame_of(cogs)
    groups = _groups(frame, cogs)
    small = [(group, box) for group, box in groups if max(box[2:]) < SMALL and len(groups) > 1]
    small.sort(key=lambda each: each[1][:2])
    has_insets = len(small) <= MOST_INSETS
    insets = _insets([group for group, _ in small], frame.height) if has_insets else ()
    letters = [inset.letter for inset in insets] or [""] * len(small)
    marks = [(letter, _mark(box)) for letter, (_, box) in zip(letters, small, strict=True) if letter or _is_dot(box)]
    by_item = {item: inset for inset in insets for item in inset.items}
    rest = frozenset(cog.item_id for cog in cogs if cog.item_id not in by_item)
    every = SheetMap(letter="", frame=frame, box=(0.0, 0.0, WIDTH, frame.height), items=rest)
    bottom = max((inset.box[1] + inset.box[3] + _GAP for inset in insets), default=frame.height)
    return Sheet(maps=(every, *insets), marks=tuple(marks), height=bottom, insets=by_item)


def _insets(groups: Sequence[Sequence[Cog]], top: float) -> tuple[SheetMap, ...]:
    """Maps in rows, from ``top`` downwards."""
    across = 2 if len(groups) <= 4 else 3 if len(groups) <= 12 else 4
    width = (WIDTH - _GAP * (across + 1)) / across
    made: list[SheetMap] = []
    for number, group in enumerate(groups):
        column = number % across
        if column == 0:
            top = max((one.box[1] + one.box[3] for one in made), default=top) + _GAP
        frame = frame_of(group)
        box = (_GAP + column * (width + _GAP), top, width, frame.height * width / WIDTH)
        items = frozenset(cog.item_id for cog in group)
        made.append(SheetMap(letter=string.ascii_uppercase[number], frame=frame, box=box, items=items))
    return tuple(made)


def _groups(frame: Frame, cogs: Sequence[Cog]) -> list[tuple[list[Cog], Box]]:
    """Tiles that are near each other on a map, with the boxes around them."""
    boxes = [tile_box(frame, cog) for cog in cogs]
    taken: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, (left, top, width, height) in enumerate(boxes):
        for column in range(int(left // _NEAR), int((left + width) // _NEAR) + 1):
            for row in range(int(top // _NEAR), int((top + height) // _NEAR) + 1):
                taken[column, row].append(number)
    groups = []
    while taken:
        found: set[int] = set()
        waiting = [next(iter(taken))]
        while waiting:
            column, row = waiting.pop()
            if (column, row) in taken:
                found.update(taken.pop((column, row)))
                waiting += [(column + x, row + y) for x in (-1, 0, 1) for y in (-1, 0, 1)]
        members = sorted(found)
        groups.append(([cogs[number] for number in members], _around([boxes[number] for number in members])))
    return groups


def _around(boxes: Sequence[Box]) -> Box:
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[0] + box[2] for box in boxes), max(box[1] + box[3] for box in boxes)
    return left, top, right - left, bottom - top


def _is_dot(box: Box) -> bool:
    return max(box[2:]) < _MARK


def _mark(box: Box) -> Box:
    """A box around another one, large enough to be seen."""
    left, top, width, height = box
    wide, high = max(_MARK, width + 8), max(_MARK, height + 8)
    return left + (width - wide) / 2, top + (height - high) / 2, wide, high
