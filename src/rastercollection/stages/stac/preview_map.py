"""A map of the tiles as SVG: thumbnails in their places, footprints, graticule and scale bar. Pure."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from rastercollection.geo.bounds import bounds_union, crosses_antimeridian, unroll
from rastercollection.geo.crs import parse_crs
from rastercollection.geo.geographic import geographic_bounds
from rastercollection.geo.types import Bounds
from rastercollection.geo.webmercator import isometric_latitude, latitude_at
from rastercollection.model.cog import Cog, CogFile
from rastercollection.stac.fields import to_wgs84

__all__ = ["draw_map"]

WIDTH = 1000.0
FLATTEST, TALLEST = 0.42, 0.66
PADDING = 0.06
MOST_PICTURES, MOST_OUTLINES, MOST_NUMBERS = 400, 600, 60
LARGEST_SKEW = 0.05
METRES_PER_DEGREE = 111_195.0
_STEPS = (1, 2, 5)

Point = tuple[float, float]
Href = Callable[[str], str]


@attrs.frozen
class _Frame:
    """From longitude and latitude to the drawing, 1000 units wide.

    Attributes:
        west, north: Upper left corner, in projected degrees.
        scale: Units a projected degree.
        height: Of the drawing, in units.
        squeeze: Width of a degree of longitude to that of one of latitude.
        is_mercator: Web Mercator, else longitude and latitude.
        left: Westernmost longitude of the data: places further west lie beyond the antimeridian.
        right: Easternmost, not wrapped.
    """

    west: float
    north: float
    scale: float
    height: float
    squeeze: float
    is_mercator: bool
    left: float
    right: float

    @property
    def turn(self) -> float:
        """Width of 360° of longitude."""
        return 360 * self.squeeze * self.scale

    def place(self, longitude: float, latitude: float) -> Point:
        """x to the right and y down, in units."""
        if longitude < self.left - 1e-6:
            longitude += 360
        x = (longitude * self.squeeze - self.west) * self.scale
        return x, (self.north - _upwards(latitude, self.is_mercator)) * self.scale

    def latitude(self, y: float) -> float:
        """The latitude at ``y`` units from the top."""
        upwards = self.north - y / self.scale
        return latitude_at(math.radians(upwards)) if self.is_mercator else upwards

    def longitude(self, x: float) -> float:
        """The longitude, not wrapped, at ``x`` units from the left."""
        return (x / self.scale + self.west) / self.squeeze


def _upwards(latitude: float, is_mercator: bool) -> float:
    return math.degrees(isometric_latitude(latitude)) if is_mercator else latitude


def draw_map(cogs: Sequence[Cog], href: Href) -> str:
    """An ``<svg>`` element.

    Args:
        cogs: The tiles; the first is on top. Number ``n`` of them, from 1, links to ``#tile-n``.
        href: How the page links to an address; empty where a browser cannot follow it.
    """
    frame = _frame(cogs)
    numbered = list(enumerate(cogs, 1))
    layers = [
        *_graticule(frame),
        *_pictures(frame, list(reversed(cogs[:MOST_PICTURES])), href),
        *(_outline(frame, number, cog, len(cogs)) for number, cog in reversed(numbered)),
        *(_number(frame, number, cog) for number, cog in numbered if len(cogs) <= MOST_NUMBERS),
        *_scale_bar(frame),
    ]
    kind = "map many" if len(cogs) > MOST_NUMBERS else "map"
    box = f"0 0 {WIDTH:g} {frame.height:.0f}"
    drawing = "".join(layers)
    return f'<svg class="{kind}" viewBox="{box}" role="img" aria-label="Map of the tiles">{drawing}</svg>'


def _frame(cogs: Sequence[Cog]) -> _Frame:
    pictures = filter(None, (_picture_bounds(cog.file) for cog in cogs[:MOST_PICTURES]))
    bounds = unroll(bounds_union([*(cog.file.bounds_4326 for cog in cogs), *pictures]))
    is_mercator = all(cog.file.target_crs == "EPSG:3857" for cog in cogs)
    squeeze = 1.0 if is_mercator else max(0.15, math.cos(math.radians((bounds[1] + bounds[3]) / 2)))
    west, east = bounds[0] * squeeze, bounds[2] * squeeze
    south, north = _upwards(bounds[1], is_mercator), _upwards(bounds[3], is_mercator)
    width, height = max(east - west, 1e-6) * (1 + 2 * PADDING), max(north - south, 1e-6) * (1 + 2 * PADDING)
    width = max(width, height / TALLEST)
    height = max(height, width * FLATTEST)
    middle_x, middle_y = (west + east) / 2, (south + north) / 2
    scale = WIDTH / width
    return _Frame(
        west=middle_x - width / 2,
        north=middle_y + height / 2,
        scale=scale,
        height=height * scale,
        squeeze=squeeze,
        is_mercator=is_mercator,
        left=bounds[0],
        right=bounds[2],
    )


def _picture_bounds(cog: CogFile) -> Bounds | None:
    """Of all pixels of a COG, valid or not, as its thumbnail shows them; None where it cannot be placed."""
    if not cog.thumbnail or _located(cog) is None:
        return None
    (rows, columns), (left, bottom, right, top) = cog.shape, cog.bounds
    pixels = ((right - left) / columns, 0.0, left, 0.0, (bottom - top) / rows, top)
    return geographic_bounds(parse_crs(cog.target_crs), pixels, columns, rows)


def _pictures(frame: _Frame, cogs: Sequence[Cog], href: Href) -> Iterator[str]:
    """All thumbnails. Where the map goes around the world, those across its edge are drawn on both sides."""
    x, _ = frame.place(frame.left, 0)
    width = (frame.right - frame.left) * frame.squeeze * frame.scale
    yield f'<clipPath id="data"><rect x="{x:.1f}" y="0" width="{width:.1f}" height="{frame.height:.1f}"/></clipPath>'
    yield '<g clip-path="url(#data)">'
    for cog in cogs:
        picture = _picture(frame, cog.file, href)
        yield picture
        whole = _picture_bounds(cog.file) if picture else None
        if whole and crosses_antimeridian(whole) and frame.right - frame.left >= 360:
            yield f'<g transform="translate({-frame.turn:.1f})">{picture}</g>'
    yield "</g>"


def _picture(frame: _Frame, cog: CogFile, href: Href) -> str:
    """The thumbnail in the place of the COG's bounds; nothing where a parallelogram would be the wrong shape."""
    source = href(cog.thumbnail) if cog.thumbnail else ""
    corners = _corners(frame, cog)
    if not source or corners is None:
        return ""
    (x, y), right, below, opposite = corners
    a, b, c, d = right[0] - x, right[1] - y, below[0] - x, below[1] - y
    if math.dist(opposite, (x + a + c, y + b + d)) > LARGEST_SKEW * math.hypot(a, b):
        return ""
    matrix = " ".join(f"{value:.4f}" for value in (a, b, c, d, x, y))
    return (
        f'<image href="{html.escape(source)}" width="1" height="1" preserveAspectRatio="none" '
        f'transform="matrix({matrix})"/>'
    )


def _corners(frame: _Frame, cog: CogFile) -> list[Point] | None:
    """Upper left, upper right, lower left, lower right of a COG on the map."""
    located = _located(cog)
    return [frame.place(*place) for place in located] if located else None


def _located(cog: CogFile) -> list[Point] | None:
    """Longitudes and latitudes of the same corners; None where one has none."""
    left, bottom, right, top = cog.bounds
    xs, ys = [left, right, left, right], [top, top, bottom, bottom]
    longitudes, latitudes = to_wgs84(cog.target_crs).transform(xs, ys)
    if not all(map(math.isfinite, [*longitudes, *latitudes])):
        return None
    return list(zip(longitudes, latitudes, strict=True))


def _outline(frame: _Frame, number: int, cog: Cog, count: int) -> str:
    rings = _rings(cog.footprint) if count <= MOST_OUTLINES else []
    path = "".join(_path(frame, ring) for ring in rings) or _path(frame, _box(cog.file.bounds_4326))
    title = html.escape(f"{number}. {cog.item_id}")
    return f'<a href="#tile-{number}" class="tile"><path d="{path}"><title>{title}</title></path></a>'


def _rings(geometry: Mapping[str, Any]) -> list[Sequence[Point]]:
    if geometry.get("type") == "Polygon":
        return list(geometry["coordinates"])
    if geometry.get("type") == "MultiPolygon":
        return [ring for polygon in geometry["coordinates"] for ring in polygon]
    return []


def _box(bounds: Bounds) -> list[Point]:
    west, south, east, north = unroll(bounds)
    return [(west, south), (east, south), (east, north), (west, north), (west, south)]


def _path(frame: _Frame, ring: Sequence[Sequence[float]]) -> str:
    points = [frame.place(point[0], point[1]) for point in ring[:-1]]
    return "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points) + "Z" if points else ""


def _number(frame: _Frame, number: int, cog: Cog) -> str:
    west, south, east, north = unroll(cog.file.bounds_4326)
    x, y = frame.place((west + east) / 2, (south + north) / 2)
    return f'<text class="number" x="{x:.1f}" y="{y:.1f}">{number}</text>'


def _graticule(frame: _Frame) -> Iterator[str]:
    bottom, right = frame.latitude(frame.height), frame.longitude(WIDTH)
    for longitude in _ticks(frame.longitude(0), right, 6):
        x = (longitude * frame.squeeze - frame.west) * frame.scale
        yield f'<path class="grid" d="M{x:.1f},0V{frame.height:.1f}"/>'
        wrapped = (longitude + 180) % 360 - 180
        if 40 < x < WIDTH - 40:
            yield f'<text class="label" x="{x:.1f}" y="8">{_degrees(wrapped, "E", "W")}</text>'
    for latitude in _ticks(max(-90.0, bottom), min(90.0, frame.latitude(0)), 4):
        _, y = frame.place(frame.left, latitude)
        yield f'<path class="grid" d="M0,{y:.1f}H{WIDTH:g}"/>'
        if 60 < y < frame.height - 60:
            yield f'<text class="label side" x="8" y="{y:.1f}">{_degrees(latitude, "N", "S")}</text>'


def _ticks(low: float, high: float, about: int) -> list[float]:
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


def _scale_bar(frame: _Frame) -> Iterator[str]:
    """A bar of a round length on the ground in the middle of the map, about a sixth of its width."""
    middle = frame.latitude(frame.height / 2)
    degrees = (frame.longitude(WIDTH) - frame.longitude(0)) / 6
    rough = degrees * METRES_PER_DEGREE * math.cos(math.radians(middle))
    if rough <= 0 or degrees > 30:
        return
    metres = _round_step(rough / 2)
    length = WIDTH / 6 * metres / rough
    text = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
    y = frame.height - 18
    yield f'<path class="bar" d="M20,{y - 8:.1f}v8h{length:.1f}v-8"/>'
    yield f'<text class="label bar-text" x="{30 + length:.1f}" y="{y:.1f}">{text}</text>'
