"""Scenes of every kind of data as pairs of COGs, and looking at what a tile server makes of them."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import morecantile
import numpy as np
from rasterio.io import MemoryFile

from rastercollection.model.band import BandRole
from rastercollection.model.cog import Cog
from rastercollection.testing.sample_rasters import write_sample_cog

TMS = morecantile.tms.get("WebMercatorQuad")
BOUNDS = [(71.0, 41.0, 71.05, 41.05), (71.05, 41.0, 71.1, 41.05)]
SIZE = 256
RGB = ("red", "green", "blue")
PALETTE = {0: (0, 0, 0, 0), 1: (200, 30, 40, 255), 2: (10, 120, 60, 255), 3: (20, 60, 220, 255)}

Scene = Callable[[np.ndarray], tuple[np.ndarray, dict[str, Any]]]


def terrain(seed: int) -> np.ndarray:
    """Smooth values between 0 and 1, (SIZE, SIZE)."""
    steps = np.linspace(0, 3, SIZE)
    x, y = np.meshgrid(steps + seed, steps)
    return (np.sin(x * 2.1) * np.cos(y * 1.7) + 1) / 2


def _bands(terrain: np.ndarray, count: int, low: float, high: float, dtype: str) -> np.ndarray:
    return np.stack([low + (high - low) * terrain ** (1 + 0.3 * band) for band in range(count)]).astype(dtype)


def _with_hole(pixels: np.ndarray, value: float) -> np.ndarray:
    pixels[:, :40, :40] = value
    return pixels


def _rgba(terrain: np.ndarray) -> np.ndarray:
    alpha = np.full((1, SIZE, SIZE), 255, dtype="uint8")
    return np.concatenate([_bands(terrain, 3, 0, 255, "uint8"), _with_hole(alpha, 0)])


SCENES: dict[str, Scene] = {
    "elevation": lambda t: (
        _with_hole(_bands(t, 1, 310.5, 2890.25, "float32"), np.nan),
        {"raster_type": "dem", "nodata": float("nan")},
    ),
    "elevation-int16": lambda t: (
        _with_hole(_bands(t, 1, -40, 900, "int16"), -9999),
        {"raster_type": "dem", "nodata": -9999},
    ),
    "rgb": lambda t: (_bands(t, 3, 5, 250, "uint8"), {"raster_type": "rgb", "colors": RGB}),
    "rgb-dark": lambda t: (_bands(t, 3, 1, 20, "uint8"), {"raster_type": "rgb", "colors": RGB}),
    "rgba": lambda t: (_rgba(t), {"raster_type": "rgba", "colors": (*RGB, "alpha"), "validity": "alpha"}),
    "four-uint16": lambda t: (_with_hole(_bands(t, 4, 200, 4000, "uint16"), 0), {"raster_type": "nir", "nodata": 0}),
    "twelve": lambda t: (_bands(t, 12, 500, 9000, "uint16"), {"raster_type": "multispectral"}),
    "classes": lambda t: (
        np.clip((t * 4).astype("uint8"), 0, 3)[None],
        {"raster_type": "categorical", "colors": ("palette",), "color_table": PALETTE},
    ),
    "classes-plain": lambda t: ((t * 7).astype("uint8")[None] + 3, {"raster_type": "categorical"}),
    "two-bands": lambda t: (_bands(t, 2, 0.001, 0.02, "float64"), {"raster_type": "unknown"}),
}


NAMES = {
    "four-uint16": ("red", "green", "blue", "nir"),
    "twelve": (
        *("coastal", "blue", "green", "red", "rededge071", "rededge075", "rededge078"),
        *("nir", "nir08", "nir09", "swir16", "swir22"),
    ),
}
"""Common names of the bands of scenes whose colours tell nothing."""


def _named(cog: Cog, names: tuple[str, ...]) -> Cog:
    known = zip(cog.file.bands, names, strict=True)
    bands = tuple(attrs.evolve(band, role=BandRole(common_name=name, source="description")) for band, name in known)
    return attrs.evolve(cog, file=attrs.evolve(cog.file, bands=bands))


def make_scene(name: str, folder: Path) -> list[Cog]:
    cogs = []
    for number, bounds in enumerate(BOUNDS):
        pixels, facts = SCENES[name](terrain(number * 3))
        cog = write_sample_cog(folder / "cögs & more", f"{name}-{number}", pixels, bounds, **facts)
        cogs.append(_named(cog, NAMES[name]) if name in NAMES else cog)
    return cogs


def get(address: str, data: bytes | None = None) -> bytes:
    headers = {"Content-Type": "application/json"} if data else {}
    with urllib.request.urlopen(urllib.request.Request(address, data, headers), timeout=30) as answer:
        content: bytes = answer.read()
        return content


def fetch_tile(template: str, longitude: float, latitude: float, zoom: int) -> np.ndarray:
    """(4, rows, columns) of the map tile around a place."""
    tile = TMS.tile(longitude, latitude, zoom)
    address = template.replace("{z}", str(zoom)).replace("{x}", str(tile.x)).replace("{y}", str(tile.y))
    with MemoryFile(get(address)) as memory, memory.open() as picture:
        bands = picture.read()
        if picture.count in (1, 3):
            bands = np.concatenate([bands, np.full((1, *bands.shape[1:]), 255, dtype=bands.dtype)])
        return np.concatenate([bands[:1], bands[:1], bands]) if len(bands) == 2 else bands


def alpha_at(done: Any, longitude: float, latitude: float) -> int:
    """0 where the map that ``done`` links to is transparent, 255 where it shows something."""
    return int(pixel_at(done.entry.urls["tiles"], longitude, latitude, done.mosaic.maxzoom)[3])


def pixel_at(template: str, longitude: float, latitude: float, zoom: int) -> list[int]:
    """Red, green, blue and alpha of the map at a place."""
    picture = fetch_tile(template, longitude, latitude, zoom)
    row, column = index_in_tile(TMS.tile(longitude, latitude, zoom), longitude, latitude, *picture.shape[1:])
    return [int(value) for value in picture[:, row, column]]


def index_in_tile(
    tile: morecantile.Tile, longitude: float, latitude: float, rows: int, columns: int
) -> tuple[int, int]:
    """Row and column of a place in a map tile of so many."""
    bounds, (x, y) = TMS.xy_bounds(tile), TMS.xy(longitude, latitude)
    row = int((bounds.top - y) / (bounds.top - bounds.bottom) * rows)
    return row, int((x - bounds.left) / (bounds.right - bounds.left) * columns)
