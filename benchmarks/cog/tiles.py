"""The tiles that are converted: fractal noise, which is about as hard to compress as busy imagery."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin
from rasterio.windows import Window

__all__ = ["fractal", "make_many", "make_tile", "make_wide", "pixels"]

_PLACE = from_origin(300_000, 4_500_000, 0.5, 0.5)
_IN_DEGREES = from_origin(66.7, 40.6, 5e-6, 5e-6)
_NODATA = -9999.0

Array = NDArray[Any]


def make_tile(kind: str, size: int, folder: Path) -> Path:
    """A square tile, made once: rgb, uint16, dem, dem_gaps (0.3% nodata) in UTM, or degrees (rgb in EPSG:4326)."""
    path = folder / f"{kind}_{size}.tif"
    if not path.exists():
        data, profile = _CONTENT[kind](size)
        _write(path, data, **profile)
    return path


def pixels(kind: str, size: int) -> Array:
    """Those of :func:`make_tile`, ``(bands, rows, columns)``."""
    return _CONTENT[kind](size)[0]


def make_many(count: int, size: int, folder: Path) -> list[Path]:
    """Pictures side by side."""
    paths = []
    for number in range(count):
        path = folder / f"part_{number}_{size}.tif"
        if not path.exists():
            _write(path, _picture(size, seed=10 * number), transform=_PLACE * _PLACE.translation(number * size, 0))
        paths.append(path)
    return paths


def make_wide(source: Path, size: int, folder: Path) -> Path:
    """A picture of ``size`` pixels along a side, pieced together from mirrored copies of a smaller one."""
    path = folder / f"wide_{size}.tif"
    if path.exists():
        return path
    with rasterio.open(source) as small:
        data, profile = small.read(), small.profile
    side = data.shape[1]
    profile |= {"width": size, "height": size, "BIGTIFF": "YES", "num_threads": "ALL_CPUS"}
    with rasterio.open(path, "w", **profile) as wide:
        for top in range(0, size, 512):
            rows = np.arange(top, min(top + 512, size)) % (2 * side)
            line = data[:, np.where(rows < side, rows, 2 * side - 1 - rows)]
            copies = [line if number % 2 == 0 else line[:, :, ::-1] for number in range(-(-size // side))]
            whole = np.concatenate(copies, axis=2)[:, :, :size]
            wide.write(whole, window=Window(0, top, size, whole.shape[1]))
    return path


def _write(path: Path, data: Array, **changes: Any) -> None:
    count, height, width = data.shape
    profile = {
        "driver": "GTiff",
        "count": count,
        "width": width,
        "height": height,
        "dtype": data.dtype,
        "crs": "EPSG:32642",
        "transform": _PLACE,
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "compress": "deflate",
        "zlevel": 1,
        "predictor": 3 if data.dtype.kind == "f" else 2,
        "photometric": "RGB" if data.dtype == np.uint8 else "MINISBLACK",
        **changes,
    }
    partial = path.with_suffix(".part")
    with rasterio.open(partial, "w", **profile) as tile:
        tile.write(data)
    partial.rename(path)


def _picture(size: int, seed: int = 0) -> Array:
    common = fractal(size, seed + 3)
    bands = [1 + (0.3 * fractal(size, seed + band) + 0.7 * common) * 254 for band in range(3)]
    return np.stack(bands).clip(1, 255).astype(np.uint8)


def _spectra(size: int) -> Array:
    common = fractal(size, 3)
    return np.stack([100 + 1500 * fractal(size, band) + 3000 * common for band in range(4)]).astype(np.uint16)


def _heights(size: int) -> Array:
    return (300 + 800 * fractal(size, 0))[np.newaxis].astype(np.float32)


def _heights_with_gaps(size: int) -> Array:
    heights = _heights(size)
    heights[np.random.default_rng(9).random(heights.shape, np.float32) < 0.003] = _NODATA
    return heights


_CONTENT: dict[str, Any] = {
    "rgb": lambda size: (_picture(size), {}),
    "uint16": lambda size: (_spectra(size), {}),
    "dem": lambda size: (_heights(size), {}),
    "dem_gaps": lambda size: (_heights_with_gaps(size), {"nodata": _NODATA}),
    "degrees": lambda size: (_picture(size), {"crs": "EPSG:4326", "transform": _IN_DEGREES}),
}


def fractal(size: int, seed: int, persistence: float = 0.72) -> Array:
    """``(size, size)`` of values from 0 to 1: noise on ever finer grids."""
    rng = np.random.default_rng(seed)
    image, amplitude = rng.standard_normal((8, 8), np.float32), 1.0
    while image.shape[0] < size:
        image = _doubled(_doubled(image).T).T
        amplitude *= persistence
        image = image + np.float32(amplitude) * rng.standard_normal(image.shape, np.float32)
    image = image[:size, :size]
    low, high = np.percentile(image[::16, ::16], [0.1, 99.9])
    return np.clip((image - low) / (high - low), 0, 1)


def _doubled(image: Array) -> Array:
    """Twice the rows, interpolated."""
    below = np.concatenate([image[1:], image[-1:]])
    found = np.empty((2 * image.shape[0], image.shape[1]), np.float32)
    found[0::2], found[1::2] = 0.75 * image + 0.25 * below, 0.25 * image + 0.75 * below
    return found
