"""Which COGs a map tile needs, from the MosaicJSON document. Pure, no I/O."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from rastercollection.errors import ViewError
from rastercollection.geo.types import Bounds
from rastercollection.geo.webmercator import quadkey, tile_number, tile_of
from rastercollection.mosaics.assets import assets_by_quadkey, prefix_of

__all__ = ["MosaicIndex", "read_mosaic"]

ALL_DIGITS = "4"
"""Sorts behind every quadkey that begins with the same digits."""


@attrs.frozen(kw_only=True)
class MosaicIndex:
    """A MosaicJSON on the WebMercatorQuad grid.

    Attributes:
        bounds: EPSG:4326; west > east where it crosses the antimeridian.
        minzoom, maxzoom: Of the data, for tiles of 256 pixels.
        zoom: Of the quadkeys.
        quadkeys: Sorted.
        assets: Addresses of the COGs of each quadkey; the first is on top.
        prefix: With which all of them begin: the folder that they lie in; empty where the document names none.
    """

    bounds: Bounds
    minzoom: int
    maxzoom: int
    zoom: int
    quadkeys: tuple[str, ...] = attrs.field(repr=False)
    assets: tuple[tuple[str, ...], ...] = attrs.field(repr=False)
    prefix: str = ""

    def in_tile(self, x: int, y: int, z: int) -> list[str]:
        """COGs that a tile may show: those of its quadkey, of the one it lies in, or of all that lie in it."""
        key = quadkey(x, y, z)
        if z < self.zoom:
            first, last = bisect_left(self.quadkeys, key), bisect_left(self.quadkeys, key + ALL_DIGITS)
            return _distinct(self.assets[first:last])
        key = key[: self.zoom]
        place = bisect_left(self.quadkeys, key)
        found = place < len(self.quadkeys) and self.quadkeys[place] == key
        return list(self.assets[place]) if found else []

    def in_point(self, longitude: float, latitude: float) -> list[str]:
        """COGs of the quadkey that a place lies in."""
        return self.in_tile(*tile_of(longitude, latitude, self.zoom), self.zoom)

    def in_box(self, bounds: Bounds) -> list[str]:
        """COGs of all quadkeys that bounds, of which west ≤ east, reach into."""
        west, south, east, north = bounds
        left, top = tile_of(west, north, self.zoom)
        right, bottom = tile_of(east, south, self.zoom)
        places = map(tile_number, self.quadkeys)
        inside = [left <= column <= right and top <= row <= bottom for column, row in places]
        return _distinct(assets for assets, is_inside in zip(self.assets, inside, strict=True) if is_inside)

    def most_in_tile(self, z: int) -> int:
        """The greatest number of COGs that a tile of a zoom may show."""
        groups: dict[str, set[str]] = {}
        for key, assets in zip(self.quadkeys, self.assets, strict=True):
            groups.setdefault(key[:z], set()).update(assets)
        return max(map(len, groups.values()), default=0)

    def columns(self) -> tuple[Bounds, ...]:
        """Boxes around the quadkeys, one for each column of them, as high as the mosaic."""
        width, (_, south, _, north) = 360 / 2**self.zoom, self.bounds
        numbers = sorted({tile_number(key)[0] for key in self.quadkeys})
        return tuple((number * width - 180, south, (number + 1) * width - 180, north) for number in numbers)

    def every_asset(self) -> list[str]:
        """Addresses of all COGs."""
        return _distinct(self.assets)

    def renamed(self, names: Mapping[str, str]) -> MosaicIndex:
        """The same with other addresses; COGs that are not in ``names`` are left out."""
        renamed = (tuple(names[asset] for asset in assets if asset in names) for assets in self.assets)
        return attrs.evolve(self, assets=tuple(renamed))


def read_mosaic(document: Mapping[str, Any], place: str) -> MosaicIndex:
    """The index of a document.

    Args:
        document: MosaicJSON, any version.
        place: Its address, for errors.

    Raises:
        ViewError: It is no MosaicJSON, or is on another grid.
    """
    if document.get("tilematrixset"):
        raise ViewError(f"The mosaic {place} is not on the WebMercatorQuad grid.", "Publish the collection again.")
    try:
        west, south, east, north = map(float, document["bounds"])
        tiles = assets_by_quadkey(document)
        minzoom, maxzoom = int(document["minzoom"]), int(document["maxzoom"])
        zoom = int(document.get("quadkey_zoom") or minzoom)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise ViewError(f"{place} is no MosaicJSON.", "Publish the collection again.") from error
    if not all(map(math.isfinite, (west, south, east, north))) or not 0 <= minzoom <= maxzoom <= 30:
        raise ViewError(f"Bounds or zooms of the mosaic {place} make no sense.", "Publish the collection again.")
    quadkeys = tuple(sorted(key for key in tiles if len(key) == zoom and set(key) <= set("0123")))
    return MosaicIndex(
        bounds=(west, south, east, north),
        minzoom=minzoom,
        maxzoom=maxzoom,
        zoom=zoom,
        quadkeys=quadkeys,
        assets=tuple(tiles[key] for key in quadkeys),
        prefix=prefix_of(document),
    )


def _distinct(groups: Iterable[tuple[str, ...]]) -> list[str]:
    return list(dict.fromkeys(asset for group in groups for asset in group))
