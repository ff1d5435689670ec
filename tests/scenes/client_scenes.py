"""A small collection of each kind that programs of other people are given to read, and what each must find in it.

Sources have plateaus of known values, so that a reader finds exactly these, whatever the pixels were resampled to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import rasterio
from pyproj import Transformer
from rasterio.transform import Affine

from validation_scenes import terrain

SIDE = 640
"""Pixels along a tile: more than one block, so that there are overviews."""

MOMENT, DAY = "2024-05-06T10:30:00Z", "2024-05-06"
"""When data are of, unless a kind says otherwise; and a day, which is an interval."""

Values = tuple[float, ...]


@attrs.frozen(kw_only=True)
class Place:
    """Where a reader looks (degrees, WGS 84) and what it must find: the bands' values, or None where nothing is."""

    name: str
    lon: float
    lat: float
    values: Values | None


@attrs.frozen(kw_only=True)
class Tile:
    """A source to be written: its pixels (bands, rows, columns), where they lie and how GDAL is told of them."""

    name: str
    pixels: np.ndarray
    transform: Affine
    mask: np.ndarray | None = None
    profile: Mapping[str, Any] = attrs.field(factory=dict)
    descriptions: Sequence[str] = ()
    colors: Mapping[int, tuple[int, int, int, int]] = attrs.field(factory=dict)

    def write(self, folder: Path) -> Path:
        path = folder / f"{self.name}.tif"
        count, height, width = self.pixels.shape
        shape = {"count": count, "height": height, "width": width, "dtype": self.pixels.dtype}
        options = {"driver": "GTiff", "crs": UTM, "transform": self.transform, **shape, **self.profile}
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK="YES"), rasterio.open(path, "w", **options) as target:
            target.write(self.pixels)
            if self.descriptions:
                target.descriptions = tuple(self.descriptions)
            if self.colors:
                target.write_colormap(1, dict(self.colors))
            if self.mask is not None:
                target.write_mask(self.mask)
        return path


@attrs.frozen(kw_only=True)
class Kind:
    """A kind of collection.

    Attributes:
        name: Its column in the table.
        about: Its sources, in words.
        tiles: Makes the sources.
        places: Where readers look.
        bounds: Of all data together: west, south, east, north in degrees; west is larger where they cross 180°.
        crs: Of the COGs.
        parameters: Of the job.
        dtype: Of the bands.
        bands: Their names, where the sources name them, else as many empty ones.
        colors: Of classes.
        is_masked: Whether a mask tells what is valid; else every invalid pixel has the nodata value.
        cogs: How many there are.
        step: The size of a pixel, in degrees, roughly.
        usual: Makes the same sources as the usual tools take them, where these do not take what ``tiles`` makes.
    """

    name: str
    about: str
    tiles: Callable[[], list[Tile]]
    places: Sequence[Place]
    bounds: tuple[float, float, float, float]
    crs: str = "EPSG:4326"
    parameters: Mapping[str, Any] = attrs.field(factory=dict)
    dtype: str = "uint8"
    bands: tuple[str, ...] = ("",)
    colors: Mapping[int, tuple[int, int, int, int]] = attrs.field(factory=dict)
    is_masked: bool = False
    cogs: int = 2
    step: float = 0.0002
    usual: Callable[[], list[Tile]] | None = None

    def write(self, folder: Path, tiles: Callable[[], list[Tile]] | None = None) -> list[Path]:
        folder.mkdir(parents=True)
        return [tile.write(folder) for tile in (tiles or self.tiles)()]


UTM = "EPSG:32642"
PIXEL = 20.0
WEST, NORTH = 760_000.0, 4_540_000.0
"""Far from the zone's meridian: north of the grid is not north, so that warped tiles have an outside."""

QUARTERS = ((1, 1), (1, 3), (3, 1), (3, 3))
"""Rows and columns of plateaus, in quarters of a tile; the last is where the hole is."""


def _degrees(x: float, y: float) -> tuple[float, float]:
    return Transformer.from_crs(UTM, 4326, always_xy=True).transform(x, y)


def _utm_place(tile: int, quarter: tuple[int, int], name: str, values: Values | None) -> Place:
    x = WEST + PIXEL * SIDE * (tile + quarter[1] / 4)
    lon, lat = _degrees(x, NORTH - PIXEL * SIDE * quarter[0] / 4)
    return Place(name=name, lon=lon, lat=lat, values=values)


def _utm_bounds(tiles: int = 2, rows: float = SIDE, columns: float = SIDE) -> tuple[float, float, float, float]:
    edges = np.linspace(0, 1, 50)
    width, height = PIXEL * columns * tiles, PIXEL * rows
    ring = [(side, step) for step in edges for side in (0, 1)]
    points = [_degrees(WEST + x * width, NORTH - y * height) for x, y in (*ring, *(edge[::-1] for edge in ring))]
    lons, lats = zip(*points, strict=True)
    return (min(lons), min(lats), max(lons), max(lats))


def _outside() -> Place:
    """Near the corner of the bounds that the rotated tiles leave open, north-west."""
    west, _, _, north = _utm_bounds()
    return Place(name="outside", lon=west + 0.0010, lat=north - 0.0010, values=None)


def _with_plateaus(pixels: np.ndarray, values: Sequence[Values], hole: Values | None = None) -> np.ndarray:
    """The pixels with squares of one value each; ``hole`` is the value of the fourth."""
    _, height, width = pixels.shape
    half = min(height, width) // 16
    for (row, column), value in zip(QUARTERS, [*values, hole], strict=True):
        if value is not None:
            y, x = height * row // 4, width * column // 4
            pixels[:, y - half : y + half, x - half : x + half] = np.reshape(value, (-1, 1, 1))
    return pixels


def _hole_mask(height: int = SIDE, width: int = SIDE) -> np.ndarray:
    mask = np.full((1, height, width), 255, "uint8")
    return _with_plateaus(mask, [(255,)] * 3, (0,))[0]


def _relief(bands: int, low: float, high: float, dtype: str, seed: int, shape: tuple[int, int] = (SIDE, SIDE)) -> Any:
    fields = [terrain(*shape, seed=10 * seed + band) / 1000 for band in range(bands)]
    return (low + np.stack(fields) * (high - low)).astype(dtype)


def _utm_tiles(
    make: Callable[[int], np.ndarray], values: Sequence[Sequence[Values]], *, hole: Values | None = None, **fields: Any
) -> list[Tile]:
    """Two tiles side by side."""
    tiles = []
    for number, of_tile in enumerate(values):
        transform = Affine(PIXEL, 0, WEST + number * SIDE * PIXEL, 0, -PIXEL, NORTH)
        pixels = _with_plateaus(make(number), of_tile, hole)
        tiles.append(Tile(name=f"tile_{number}", pixels=pixels, transform=transform, **fields))
    return tiles


def _utm_places(values: Sequence[Sequence[Values]], *, hole: bool = True, outside: bool = True) -> list[Place]:
    names = ("north-west", "north-east", "south-west")
    places = [
        _utm_place(tile, quarter, f"{name} of tile {tile}", value)
        for tile, of_tile in enumerate(values)
        for quarter, name, value in zip(QUARTERS[:3], names, of_tile, strict=True)
    ]
    holes = [_utm_place(tile, QUARTERS[3], f"hole of tile {tile}", None) for tile in range(len(values))] if hole else []
    return [*places, *holes, *([_outside()] if outside else [])]


RGB = [[(200, 40, 30), (30, 180, 60), (20, 60, 220)], [(240, 240, 240), (250, 200, 20), (90, 30, 120)]]
HEIGHTS = [[(250.5,), (812.25,), (1500.0,)], [(-12.5,), (640.75,), (2000.125,)]]
REFLECTANCES = [
    [(400, 600, 500, 3000), (900, 1000, 1100, 1200), (300, 200, 100, 50)],
    [(2500, 2400, 2300, 2200), (700, 900, 400, 4100), (1500, 1600, 1700, 1800)],
]
CLASSES = [[(1,), (2,), (3,)], [(4,), (5,), (6,)]]
CLASS_COLORS = {
    1: (10, 100, 30, 255),
    2: (250, 200, 0, 255),
    3: (20, 60, 220, 255),
    4: (130, 130, 130, 255),
    5: (240, 20, 20, 255),
    6: (160, 82, 45, 255),
}
BITS = [[(1,), (0,), (1,)], [(0,), (1,), (0,)]]
SIGNED = [[(-40,), (120,), (900,)], [(0,), (333,), (-7,)]]
SPECTRUM = ("blue", "green", "red", "nir")


def _areas(values: Sequence[int], seed: int) -> np.ndarray:
    """Patches of 80 × 80 pixels."""
    picked = np.random.default_rng(seed).choice(values, size=(SIDE // 80, SIDE // 80))
    return np.kron(picked, np.ones((80, 80), dtype=int)).astype("uint8")[np.newaxis]


def _picture() -> list[Tile]:
    return _utm_tiles(lambda seed: _relief(3, 30, 230, "uint8", seed), RGB, hole=(120, 120, 120), mask=_hole_mask())


def _elevation() -> list[Tile]:
    profile = {"nodata": -9999.0}
    return _utm_tiles(lambda seed: _relief(1, 0, 1800, "float32", seed), HEIGHTS, hole=(-9999.0,), profile=profile)


def _spectral() -> list[Tile]:
    return _utm_tiles(
        lambda seed: _relief(4, 100, 4000, "uint16", seed),
        REFLECTANCES,
        hole=(0, 0, 0, 0),
        profile={"nodata": 0},
        descriptions=SPECTRUM,
    )


def _classes() -> list[Tile]:
    return _utm_tiles(
        lambda seed: _areas(range(1, 7), seed), CLASSES, hole=(0,), profile={"nodata": 0}, colors=CLASS_COLORS
    )


def _binary() -> list[Tile]:
    return _utm_tiles(lambda seed: _areas((0, 1), seed), BITS)


def _signed() -> list[Tile]:
    return _utm_tiles(lambda seed: _relief(1, -60, 1000, "int16", seed), SIGNED)


def _mercator() -> list[Tile]:
    return _utm_tiles(lambda seed: _relief(3, 30, 230, "uint8", seed), RGB, hole=(0, 0, 0), profile={"nodata": 0})


def _degrees_tile(name: str, west: float, north: float, pixel: float, shape: tuple[int, int], values: Any) -> Tile:
    pixels = _with_plateaus(_relief(1, 0, 30, "float32", 3, shape), values, (-9999.0,))
    transform = Affine(pixel, 0, west, 0, -pixel, north)
    return Tile(name=name, pixels=pixels, transform=transform, profile={"crs": "EPSG:4326", "nodata": -9999.0})


WARMTH = [(5.5,), (12.25,), (28.0,)]


def _antimeridian() -> list[Tile]:
    return [_degrees_tile("fiji", 175, -10, 10 / SIDE, (SIDE, SIDE), WARMTH)]


SEAM = 17.75


def _longitudes() -> list[Tile]:
    tile = _degrees_tile("globe", 0, 90, 0.5, (360, 720), WARMTH)
    tile.pixels[:, 160:200, 330:390] = SEAM
    return [tile]


def _rolled() -> list[Tile]:
    """The same from 180° west."""
    (tile,) = _longitudes()
    pixels = np.roll(tile.pixels, tile.pixels.shape[2] // 2, axis=2)
    return [attrs.evolve(tile, pixels=pixels, transform=Affine(0.5, 0, -180, 0, -0.5, 90))]


MANY_COLUMNS, MANY_ROWS, MANY_SIDE = 20, 10, 64


def _of_many(number: int) -> int:
    return 1000 + 3 * number


def _many() -> list[Tile]:
    relief = _relief(1, 100, 900, "int16", 7, (MANY_ROWS * MANY_SIDE, MANY_COLUMNS * MANY_SIDE))
    tiles = []
    for number in range(MANY_ROWS * MANY_COLUMNS):
        row, column = (MANY_SIDE * index for index in divmod(number, MANY_COLUMNS))
        pixels = relief[:, row : row + MANY_SIDE, column : column + MANY_SIDE].copy()
        pixels[:, 20:44, 20:44] = _of_many(number)
        transform = Affine(PIXEL, 0, WEST + column * PIXEL, 0, -PIXEL, NORTH - row * PIXEL)
        tiles.append(Tile(name=f"part_{number:03}", pixels=pixels, transform=transform, profile={"nodata": -32768}))
    return tiles


def _places_of_many() -> list[Place]:
    places = []
    for number in (0, 57, 130, 199):
        row, column = (MANY_SIDE * (index + 0.5) for index in divmod(number, MANY_COLUMNS))
        lon, lat = _degrees(WEST + column * PIXEL, NORTH - row * PIXEL)
        places.append(Place(name=f"part {number}", lon=lon, lat=lat, values=(_of_many(number),)))
    return places


def _place(name: str, lon: float, lat: float, *values: float) -> Place:
    return Place(name=name, lon=lon, lat=lat, values=values or None)


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            name="picture",
            about="RGB of uint8 with a mask",
            tiles=_picture,
            places=_utm_places(RGB),
            bounds=_utm_bounds(),
            bands=("", "", ""),
            is_masked=True,
        ),
        Kind(
            name="elevation",
            about="heights of float32 in UTM",
            tiles=_elevation,
            places=_utm_places(HEIGHTS, outside=False),
            bounds=_utm_bounds(),
            crs=UTM,
            parameters={"target_crs": UTM, "raster_type": "dem"},
            dtype="float32",
        ),
        Kind(
            name="spectral",
            about="4 × uint16 described as blue, green, red, nir",
            tiles=_spectral,
            places=_utm_places(REFLECTANCES),
            bounds=_utm_bounds(),
            dtype="uint16",
            bands=SPECTRUM,
        ),
        Kind(
            name="classes",
            about="classes of uint8 with colours",
            tiles=_classes,
            places=_utm_places(CLASSES),
            bounds=_utm_bounds(),
            colors=CLASS_COLORS,
        ),
        Kind(
            name="binary",
            about="0 and 1 of uint8",
            tiles=_binary,
            places=_utm_places(BITS, hole=False),
            bounds=_utm_bounds(),
        ),
        Kind(
            name="signed",
            about="one band of int16 without nodata",
            tiles=_signed,
            places=_utm_places(SIGNED, hole=False),
            bounds=_utm_bounds(),
            parameters={"raster_type": "dem"},
            dtype="int16",
        ),
        Kind(
            name="mercator",
            about="RGB of uint8 on the grid of WebMercatorQuad",
            tiles=_mercator,
            places=_utm_places(RGB, outside=False),
            bounds=_utm_bounds(),
            crs="EPSG:3857",
            parameters={"grid": "WebMercatorQuad"},
            bands=("", "", ""),
        ),
        Kind(
            name="antimeridian",
            about="float32 from 175° to 185°",
            tiles=_antimeridian,
            places=[
                _place("east of 175°", 177.5, -12.5, 5.5),
                _place("west of -175°", -177.5, -12.5, 12.25),
                _place("south", 177.5, -17.5, 28.0),
                _place("hole", -177.5, -17.5),
            ],
            bounds=(175, -20, -175, -10),
            dtype="float32",
            step=10 / SIDE,
        ),
        Kind(
            name="longitudes",
            about="float32 from 0° to 360°, all around",
            tiles=_longitudes,
            places=[
                _place("90° east", 90, 45, 5.5),
                _place("90° west", -90, 45, 12.25),
                _place("south", 90, -45, 28.0),
                _place("hole", -90, -45),
                _place("before 180°", 175, 0, SEAM),
                _place("after 180°", -175, 0, SEAM),
            ],
            bounds=(-180, -90, 180, 90),
            dtype="float32",
            cogs=1,
            step=0.5,
            usual=_rolled,
        ),
        Kind(
            name="many",
            about="200 tiles of int16 of a day, with an overview and a table of items",
            tiles=_many,
            places=_places_of_many(),
            bounds=_utm_bounds(1, MANY_ROWS * MANY_SIDE, MANY_COLUMNS * MANY_SIDE),
            parameters={"raster_type": "dem", "datetime": DAY},
            dtype="int16",
            cogs=MANY_ROWS * MANY_COLUMNS,
        ),
    )
}
"""By name, in the order of the table's columns."""
