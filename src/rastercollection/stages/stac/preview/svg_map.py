"""The maps of a sheet as SVG: pictures in their places, footprints, graticule and scale bar. Pure."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rastercollection.geo.bounds import unroll
from rastercollection.geo.types import Bounds
from rastercollection.model.cog import Cog
from rastercollection.stac.items import is_dated
from rastercollection.stages.stac.preview.frame import METRES_PER_DEGREE, WIDTH, Frame, Point, tile_box
from rastercollection.stages.stac.preview.layer import Box, Layer
from rastercollection.stages.stac.preview.sheet import Sheet

__all__ = ["draw_map", "in_reading_order", "tile_day"]

MOST_OUTLINES, MOST_NUMBERS = 600, 60
LEAST = 5.0
"""Units of the smallest outline."""

HIDDEN = 24.0
"""Units of a tile below which a number on it would hide it."""

_STEPS = (1, 2, 5)


def draw_map(cogs: Sequence[Cog], sheet: Sheet, layers: Sequence[Layer]) -> str:
    """An ``<svg>`` element.

    Args:
        cogs: The tiles; the first is on top. The one of number ``n`` links to ``#tile-n``.
        sheet: Of them.
        layers: Pictures, the one at the bottom first.
    """
    numbers = {cog.item_id: number for number, cog in enumerate(in_reading_order(cogs), 1)}
    numbered = [(numbers[cog.item_id], cog, sheet.map_of(cog).placed) for cog in cogs]
    drawn = [
        *(part for one in sheet.maps for part in _graticule(one.placed, one.box)),
        '<g class="layers">',
        *map(_picture, layers),
        "</g>",
        *(_outline(frame, number, cog, len(cogs)) for number, cog, frame in reversed(numbered)),
        *(_number(frame, number, cog) for number, cog, frame in numbered if len(cogs) <= MOST_NUMBERS),
        *(part for one in sheet.maps for part in _scale_bar(one.placed, one.box)),
        *_marks(sheet),
    ]
    kind = "map many" if len(cogs) > MOST_NUMBERS else "map"
    box = f"0 0 {WIDTH:g} {sheet.height:.0f}"
    drawing = "".join(drawn)
    return f'<svg class="{kind}" viewBox="{box}" role="img" aria-label="Map of the tiles">{drawing}</svg>'


def in_reading_order(cogs: Sequence[Cog]) -> list[Cog]:
    """Tiles by the names of their sources, with numbers in these as people count: the order of their numbers."""

    def key(cog: Cog) -> tuple[list[tuple[int, str]], str]:
        parts = re.findall(r"\d+|\D+", cog.source_blob.casefold())
        return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], cog.item_id

    return sorted(cogs, key=key)


def _picture(layer: Layer) -> str:
    """The name by which others use the same picture is in ``id``."""
    left, top, width, height = layer.box
    return (
        f'<image id="{layer.name}" data-day="{html.escape(layer.day)}" href="{layer.source}" '
        f'x="{left:.2f}" y="{top:.2f}" width="{width:.2f}" height="{height:.2f}" preserveAspectRatio="none"/>'
    )


def tile_day(cog: Cog) -> str:
    """``YYYY-MM-DD`` of the day on which a tile was acquired; empty where that took longer, or is not known."""
    if not is_dated(cog):
        return ""
    first, last = ((cog.datetime or moment or "")[:10] for moment in (cog.start_datetime, cog.end_datetime))
    return first if first == last else ""


def _outline(frame: Frame, number: int, cog: Cog, count: int) -> str:
    path = _symbol(tile_box(frame, cog))
    if not path:
        rings = _rings(cog.footprint) if count <= MOST_OUTLINES else []
        path = "".join(_path(frame, ring) for ring in rings) or _path(frame, _box(cog.file.bounds_4326))
    title = html.escape(f"{number}. {cog.item_id}")
    day = html.escape(tile_day(cog))
    return f'<a href="#tile-{number}" class="tile" data-day="{day}"><path d="{path}"><title>{title}</title></path></a>'


def _symbol(box: Box) -> str:
    """What stands for a tile that is smaller than that; empty for all others."""
    left, top, width, height = box
    if max(width, height) >= LEAST:
        return ""
    x, y, half = left + width / 2, top + height / 2, LEAST / 2
    corners = ((x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half))
    return _closed(corners)


def _rings(geometry: Mapping[str, Any]) -> list[Sequence[Point]]:
    if geometry.get("type") == "Polygon":
        return list(geometry["coordinates"])
    if geometry.get("type") == "MultiPolygon":
        return [ring for polygon in geometry["coordinates"] for ring in polygon]
    return []


def _box(bounds: Bounds) -> list[Point]:
    west, south, east, north = unroll(bounds)
    return [(west, south), (east, south), (east, north), (west, north), (west, south)]


def _path(frame: Frame, ring: Sequence[Sequence[float]]) -> str:
    return _closed([frame.place(point[0], point[1]) for point in ring[:-1]])


def _closed(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points) + "Z" if points else ""


def _number(frame: Frame, number: int, cog: Cog) -> str:
    left, top, width, height = tile_box(frame, cog)
    y = top + height / 2 if max(width, height) >= HIDDEN else top - HIDDEN
    return f'<text class="number" x="{left + width / 2:.1f}" y="{y:.1f}">{number}</text>'


def _marks(sheet: Sheet) -> Iterator[str]:
    """Frames of insets and around what they show, with letters."""
    for one in sheet.maps[1:]:
        left, top, width, _ = one.box
        yield _frame(one.box) + _letter(one.letter, left + width - 20, top + 22)
    for letter, box in sheet.marks[:MOST_OUTLINES]:
        left, top, width, height = box
        x = left + width + 12 if left + width < WIDTH - 40 else left - 12
        yield _frame(box) + _letter(letter, x, top + height / 2)


def _letter(letter: str, x: float, y: float) -> str:
    return f'<text class="letter" x="{x:.1f}" y="{y:.1f}">{letter}</text>' if letter else ""


def _frame(box: Box) -> str:
    left, top, width, height = box
    return f'<path class="mark" d="M{left:.1f},{top:.1f}h{width:.1f}v{height:.1f}h-{width:.1f}z"/>'


def _graticule(frame: Frame, box: Box) -> Iterator[str]:
    left, top, width, height = box
    right, bottom = left + width, top + height
    for longitude in _ticks(frame.longitude(left), frame.longitude(right), 6 * width / WIDTH):
        x = frame.x(longitude)
        yield f'<path class="grid" d="M{x:.1f},{top:.1f}V{bottom:.1f}"/>'
        wrapped = (longitude + 180) % 360 - 180
        if left + 40 < x < right - 60:
            yield f'<text class="label" x="{x:.1f}" y="{top + 8:.1f}">{_degrees(wrapped, "E", "W")}</text>'
    for latitude in _ticks(max(-90.0, frame.latitude(bottom)), min(90.0, frame.latitude(top)), 4):
        y = frame.y(latitude)
        yield f'<path class="grid" d="M{left:.1f},{y:.1f}H{right:.1f}"/>'
        if top + 60 < y < bottom - 60:
            yield f'<text class="label side" x="{left + 8:.1f}" y="{y:.1f}">{_degrees(latitude, "N", "S")}</text>'


def _ticks(low: float, high: float, about: float) -> list[float]:
    """Round numbers between two values."""
    step = _round_step((high - low) / about)
    return [index * step for index in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _round_step(rough: float) -> float:
    """The smallest 1, 2 or 5 times a power of ten that is not below ``rough``."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next((step * power for step in _STEPS if step * power >= rough), 10 * power)


def _degrees(value: float, positive: str, negative: str) -> str:
    text = f"{abs(value):.6f}".rstrip("0").rstrip(".")
    return f"{text}°{'' if text in ('0', '180') else positive if value > 0 else negative}"


def _scale_bar(frame: Frame, box: Box) -> Iterator[str]:
    """A bar of a round length on the ground in the middle of the map, about a sixth of its width."""
    left, top, width, height = box
    middle = frame.latitude(top + height / 2)
    degrees = (frame.longitude(left + width) - frame.longitude(left)) / 6
    rough = degrees * METRES_PER_DEGREE * math.cos(math.radians(middle))
    if rough <= 0 or degrees > 30:
        return
    metres = _round_step(rough / 2)
    length = width / 6 * metres / rough
    text = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
    x, y = left + 20, top + height - 18
    yield f'<path class="bar" d="M{x:.1f},{y - 8:.1f}v8h{length:.1f}v-8"/>'
    yield f'<text class="label bar-text" x="{x + 10 + length:.1f}" y="{y:.1f}">{text}</text>'
