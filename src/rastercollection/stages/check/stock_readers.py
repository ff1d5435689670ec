"""What stock readers make of a COG at a place: rio-tiler alone, and cogeo-mosaic over the published document."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import rasterio
import rio_tiler
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.warp import transform
from rio_tiler.io import Reader
from rio_tiler.models import ImageData

from rastercollection.geo.webmercator import quadkey, tile_of
from rastercollection.stages.check.places import Place, place_around

__all__ = ["PublishedMosaic", "look_at", "look_at_pixels", "readers"]


@attrs.frozen(kw_only=True)
class PublishedMosaic:
    """A MosaicJSON as it was read.

    Attributes:
        document: All of it but its tiles, as cogeo-mosaic takes it.
        tiles: Assets as they stand there, by quadkey.
        prefix: What stands in front of each of them.
        zoom: Of the quadkeys.
        maxzoom: The deepest zoom that it is meant for.
    """

    document: Mapping[str, Any]
    tiles: Mapping[str, Sequence[str]] = attrs.field(repr=False)
    prefix: str
    zoom: int
    maxzoom: int

    def every_asset(self) -> frozenset[str]:
        """Whole addresses of all COGs."""
        return frozenset(self.prefix + asset for assets in self.tiles.values() for asset in assets)

    def assets(self, column: int, row: int, zoom: int) -> list[str]:
        """Whole addresses of the COGs of a tile at the zoom of the quadkeys, or deeper."""
        return [self.prefix + asset for asset in self.tiles.get(quadkey(column, row, zoom)[: self.zoom], ())]

    def read(self, column: int, row: int, zoom: int, **options: Any) -> tuple[ImageData, list[str]]:
        """Such a tile, and the addresses of the COGs that were read for it.

        cogeo-mosaic is given the one quadkey that it will look for: it hashes the whole document for every tile.
        """
        key = quadkey(column, row, zoom)[: self.zoom]
        part = {**self.document, "tiles": {key: list(self.tiles.get(key, ()))}}
        with _mosaic_backend()(":memory:", mosaic_def=part) as backend:
            image, assets = backend.tile(column, row, zoom, threads=1, **options)
            return image, assets


def readers() -> str:
    """The readers and their versions."""
    from importlib.metadata import version

    return f"rio-tiler {rio_tiler.__version__}, cogeo-mosaic {version('cogeo-mosaic')}"


def look_at_pixels(address: str, place: Place) -> str:
    """As :func:`look_at`, of a COG that cannot be drawn, as of complex numbers: its pixels are read as they are."""
    with rasterio.open(address) as dataset:
        found = _valid_place(dataset, place)
        if found is None:
            return "has no valid pixel in its overviews"
        x, y = (each[0] for each in transform("EPSG:4326", dataset.crs, [found.longitude], [found.latitude]))
        (pixel,) = dataset.sample([(x, y)], masked=True)
        return "" if not np.ma.getmaskarray(pixel).all() else f"has no valid pixel at {_named(found)}"


def look_at(address: str, place: Place, mosaic: PublishedMosaic | None, size: int) -> str:
    """Why readers do not show a COG at a place that is inside its data, in words that follow its name; else empty.

    Some pixel of it must be valid there, by itself; in the mosaic, every pixel that it has there must be, and be its
    own where it is on top.

    Args:
        address: Where readers find the COG.
        place: Where to look.
        mosaic: The mosaic that holds it; None where none does.
        size: Pixels along a map tile as it is drawn.

    Raises:
        Exception: Whatever readers raise.
    """
    mosaic = mosaic if place.is_on_map else None
    if mosaic is not None and address in mosaic.assets(*_tile(place)):
        image, used = mosaic.read(*_tile(place), tilesize=size)
        if used == [address] and _seen(image).any():
            return ""  # no other COG was looked for: it is on top, and fills the tile
    with Reader(address) as reader:
        own = _alone(reader, place, size)
        if not _seen(own).any():
            found = _valid_place(reader.dataset, place)
            if found is None:
                return f"shows nothing where its footprint is, at {_named(place)}, nor in its overviews"
            place, mosaic = found, mosaic if found.is_on_map else None
            own = _alone(reader, place, size)
    if not _seen(own).any():
        return f"shows nothing in the map tile around {_named(place)}"
    return "" if mosaic is None else _in_mosaic(address, own, place, size, mosaic)


def _in_mosaic(address: str, own: ImageData, place: Place, size: int, mosaic: PublishedMosaic) -> str:
    tile = _tile(place)
    if address not in mosaic.assets(*tile):
        return f"is not among the COGs that the mosaic names for {_named(place)}"
    image, used = mosaic.read(*tile, tilesize=size)
    seen = _seen(own)
    missing = seen & ~_seen(image)
    if missing.any():
        return f"shows {seen.sum()} pixels of the map tile around {_named(place)}, of which {missing.sum()} lack there"
    if used[0] == address and _differ(own, image).any():
        return f"is on top at {_named(place)}, and the mosaic shows other values"
    return ""


def _alone(reader: Reader, place: Place, size: int) -> ImageData:
    """A COG at a place: the map tile there, or the box around it where there is no map."""
    if place.is_on_map:
        return reader.tile(*_tile(place), tilesize=size)
    return reader.part(place.bounds, bounds_crs="EPSG:4326", dst_crs=reader.dataset.crs, max_size=size)


def _tile(place: Place) -> tuple[int, int, int]:
    return (*tile_of(place.longitude, place.latitude, place.zoom), place.zoom)


def _seen(image: ImageData) -> NDArray[np.bool_]:
    """Where any band is valid."""
    return np.asarray(~np.ma.getmaskarray(image.array).all(axis=0))


def _differ(own: ImageData, image: ImageData) -> NDArray[np.bool_]:
    """Where a band of one is valid and has another value in the other."""
    valid = ~np.ma.getmaskarray(own.array)
    one, other = own.array.data, image.array.data
    same = (one == other) | ((one != one) & (other != other))
    return np.asarray(valid & ~same)


def _valid_place(dataset: DatasetReader, place: Place) -> Place | None:
    """The middle one of the valid pixels of a COG's smallest overview; None where it has none."""
    factor = 2 ** len(dataset.overviews(1))
    # of just its size: of any other, what lies between the pixels that are taken would not be seen
    shape = -(-dataset.height // factor), -(-dataset.width // factor)
    rows, columns = np.nonzero(dataset.dataset_mask(out_shape=shape))
    if not len(rows):
        return None
    row, column = int(rows[len(rows) // 2]), int(columns[len(columns) // 2])
    down, across = dataset.height / shape[0], dataset.width / shape[1]
    corners = [dataset.transform @ (across * (column + dx), down * (row + dy)) for dx, dy in _CORNERS]
    longitudes, latitudes = transform(dataset.crs, "EPSG:4326", *zip(*corners, strict=True))
    bounds = (min(longitudes), min(latitudes), max(longitudes), max(latitudes))
    return place_around(longitudes[0], latitudes[0], bounds, place.zoom)


_CORNERS = ((0.5, 0.5), (0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
"""Of a pixel: its middle, then its corners."""


def _named(place: Place) -> str:
    return f"{place.longitude:.6f}, {place.latitude:.6f} (zoom {place.zoom})"


def _mosaic_backend() -> Any:
    # importing it sets the level of the root logger, which is the application's
    level = logging.root.level
    from cogeo_mosaic.backends import MosaicBackend

    logging.root.setLevel(level)
    return MosaicBackend
