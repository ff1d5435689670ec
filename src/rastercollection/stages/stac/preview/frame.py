"""Where places lie on the preview page's map. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs

from rastercollection.geo.bounds import bounds_union, unroll
from rastercollection.geo.webmercator import isometric_latitude, latitude_at
from rastercollection.model.cog import Cog
from rastercollection.stages.stac.preview.layer import WIDTH, Box

__all__ = ["METRES_PER_DEGREE", "WIDTH", "Frame", "Point", "frame_of", "tile_box"]

METRES_PER_DEGREE = 111_195.0

_FLATTEST, _TALLEST = 0.42, 0.66
_PADDING = 0.06
_SCALE_BAR = 48.0
"""Units below the tiles, at least: what the scale bar and its text take on a phone."""

Point = tuple[float, float]


@attrs.frozen
class Frame:
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

    def reduced(self, left: float, top: float, part: float) -> Frame:
        """The same within a larger drawing: from ``left`` and ``top`` on, as a ``part`` of its width."""
        scale = self.scale * part
        west, north = self.west - left / scale, self.north + top / scale
        return attrs.evolve(self, west=west, north=north, scale=scale, height=self.height * part)

    def place(self, longitude: float, latitude: float) -> Point:
        """x to the right and y down, in units."""
        return self.x(longitude + 360 if longitude < self.left - 1e-6 else longitude), self.y(latitude)

    def x(self, longitude: float) -> float:
        """Units from the left of a longitude that is not wrapped."""
        return (longitude * self.squeeze - self.west) * self.scale

    def y(self, latitude: float) -> float:
        """Units from the top."""
        return (self.north - _upwards(latitude, self.is_mercator)) * self.scale

    def latitude(self, y: float) -> float:
        """The latitude at ``y`` units from the top."""
        upwards = self.north - y / self.scale
        return latitude_at(math.radians(upwards)) if self.is_mercator else upwards

    def longitude(self, x: float) -> float:
        """The longitude, not wrapped, at ``x`` units from the left."""
        return (x / self.scale + self.west) / self.squeeze


def _upwards(latitude: float, is_mercator: bool) -> float:
    return math.degrees(isometric_latitude(latitude)) if is_mercator else latitude


def frame_of(cogs: Sequence[Cog]) -> Frame:
    """The frame around all tiles: in Web Mercator where all COGs are, else along longitude and latitude."""
    bounds = unroll(bounds_union([cog.file.bounds_4326 for cog in cogs], is_picture=True))
    is_mercator = all(cog.file.target_crs == "EPSG:3857" for cog in cogs)
    squeeze = 1.0 if is_mercator else max(0.15, math.cos(math.radians((bounds[1] + bounds[3]) / 2)))
    west, east = bounds[0] * squeeze, bounds[2] * squeeze
    south, north = _upwards(bounds[1], is_mercator), _upwards(bounds[3], is_mercator)
    width, height = max(east - west, 1e-6) * (1 + 2 * _PADDING), max(north - south, 1e-6) * (1 + 2 * _PADDING)
    width = max(width, height / _TALLEST)
    height = max(height, width * _FLATTEST)
    middle_x, middle_y = (west + east) / 2, (south + north) / 2
    scale = WIDTH / width
    return Frame(
        west=middle_x - width / 2,
        north=middle_y + height / 2,
        scale=scale,
        height=max(height * scale, (middle_y + height / 2 - south) * scale + _SCALE_BAR),
        squeeze=squeeze,
        is_mercator=is_mercator,
        left=bounds[0],
        right=bounds[2],
    )


def tile_box(frame: Frame, cog: Cog) -> Box:
    """Left, top, width and height of a tile on the map."""
    west, south, east, north = unroll(cog.file.bounds_4326)
    left, top = frame.place(west, north)
    return left, top, (east - west) * frame.squeeze * frame.scale, frame.y(south) - top
