"""Images of many kinds, and blocks put into TIFFs whose tags GDAL writes, for other programs to read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import tifffile
from numpy.typing import NDArray
from rasterio.transform import from_origin

from rastercollection.model.cog import CogSettings
from rastercollection.rasters.encoding.encoders import BlockEncoder

TILE_OFFSETS, TILE_COUNTS = 324, 325


def settings(compression: str, level: Any = None, *, quality: int | None = None, block_size: int = 32) -> CogSettings:
    return CogSettings(
        tier="analysis",
        storage_class="hot",
        compression=compression,
        level=level,
        quality=quality,
        overview_resampling="nearest",
        warp_resampling="nearest",
        block_size=block_size,
    )


def blocks_of(image: NDArray[Any], side: int) -> list[NDArray[Any]]:
    """Views of ``(bands, rows, columns)``, row by row."""
    _, height, width = image.shape
    corners = [(top, left) for top in range(0, height, side) for left in range(0, width, side)]
    return [image[:, top : top + side, left : left + side] for top, left in corners]


def write_tiff(path: Path, image: NDArray[Any], encoder: BlockEncoder, side: int, **more: Any) -> Path:
    """A TIFF with GDAL's tags for the encoder's options, and the encoder's blocks."""
    bands, height, width = image.shape
    options: Mapping[str, Any] = {**encoder.creation_options, **more}
    with rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=bands, dtype=image.dtype.name,
        crs="EPSG:32633", transform=from_origin(500_000, 5_000_000, 1, 1),
        TILED="YES", BLOCKXSIZE=side, BLOCKYSIZE=side, SPARSE_OK="TRUE", **options,
    ):  # fmt: skip
        pass
    return fill_tiles(path, [encoder.encode(block) for block in blocks_of(image, side)])


def fill_tiles(path: Path, tiles: list[bytes], page: int = 0) -> Path:
    """Append tiles to a TIFF whose tables are there already."""
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        offsets, file = [], tiff.filehandle
        file.seek(0, 2)
        for tile in tiles:
            offsets.append(file.tell())
            file.write(tile)
        tags = tiff.pages[page].tags
        tags[TILE_OFFSETS].overwrite(offsets)
        tags[TILE_COUNTS].overwrite([len(tile) for tile in tiles])
    return path


def _fractal(side: int, seed: int, persistence: float = 0.7) -> NDArray[Any]:
    """From 0 to 1: noise on ever finer grids."""
    rng = np.random.default_rng(seed)
    found, weight = np.zeros((side, side), "float32"), 1.0
    for size in (4 << number for number in range(side.bit_length() - 2)):
        coarse = rng.standard_normal((size, size), "float32")
        found += weight * np.kron(coarse, np.ones((side // size, side // size), "float32"))
        weight *= persistence
    low, high = np.percentile(found, [0.1, 99.9])
    return ((found - low) / (high - low)).clip(0, 1)


def _picture() -> NDArray[Any]:
    return np.stack([20 + 200 * _fractal(SIDE, seed) for seed in range(3)]).astype("uint8")


def _patterns(bands: int) -> NDArray[Any]:
    """Patches that come again."""
    rng = np.random.default_rng(8)
    patches = rng.integers(0, 256, (12, bands, 16, 16), "uint8")
    drawn = rng.integers(0, 12, (SIDE // 16, SIDE // 16))
    return np.concatenate([np.concatenate([patches[one] for one in row], axis=2) for row in drawn], axis=1)


def _noise(bands: int) -> NDArray[Any]:
    return np.random.default_rng(2).integers(0, 256, (bands, SIDE, SIDE), "uint8")


def _with(part: NDArray[Any], left: int, image: NDArray[Any]) -> NDArray[Any]:
    mixed = image.copy()
    mixed[:, :, left:] = part[:, :, left:]
    return mixed


def _checkered(one: NDArray[Any], other: NDArray[Any], side: int) -> NDArray[Any]:
    """Blocks of two images in turn, so that evenly spread samples may well meet one of them only."""
    rows, columns = np.indices(one.shape[1:]) // side
    return np.where((rows + columns) % 2, one, other)


SIDE = 1024
IMAGES: Mapping[str, Callable[[], NDArray[Any]]] = {
    "picture": _picture,
    "repeating picture": lambda: _patterns(3),
    "elevation": lambda: (300 + 900 * _fractal(SIDE, 5))[np.newaxis],
    "rounded elevation": lambda: (300 + 900 * _fractal(SIDE, 5)).round(1)[np.newaxis],
    "spectra": lambda: np.stack([100 + 4000 * _fractal(SIDE, seed) for seed in range(4)]).astype("uint16"),
    "steps": lambda: (40 * _fractal(SIDE, 6, 0.5)).astype("int16")[np.newaxis],
    "classes": lambda: (9 * _fractal(SIDE, 7, 0.4)).astype("uint8")[np.newaxis],
    "shuffled palette": lambda: (
        np.random.default_rng(1)
        .permutation(256)
        .astype("uint8")[(255 * _fractal(SIDE, 9, 0.6)).astype("uint8")][np.newaxis]
    ),
    "noise": lambda: _noise(2),
    "flat": lambda: np.full((2, SIDE, SIDE), 7, "uint16"),
    "half flat": lambda: _with(np.zeros((3, SIDE, SIDE), "uint8"), 460, _picture()),
    "complex": lambda: (_fractal(SIDE, 3) + 1j * _fractal(SIDE, 4)).astype("complex64")[np.newaxis],
    "one block": lambda: _picture()[:, :200, :256],
}
MOSAICS: Mapping[str, Callable[[], NDArray[Any]]] = {
    "noise beside a picture": lambda: _with(
        np.random.default_rng(2).integers(0, 256, (3, SIDE, SIDE), "uint8"), 512, _picture()
    ),
    "patterns beside a picture": lambda: _with(_patterns(3), 512, _picture()),
    "patterns in a corner": lambda: _with(_patterns(3), 900, _picture()),
    "picture and patterns in turn": lambda: _checkered(_picture(), _patterns(3), 256),
    "picture and nothing in turn": lambda: _checkered(_picture(), np.zeros((3, SIDE, SIDE), "uint8"), 256),
    "classes beside elevation": lambda: _with(
        (900 * _fractal(SIDE, 1)).astype("int16")[np.newaxis], 512, IMAGES["steps"]()
    ),
}
