"""What people have in single bands, imitated: arrays of 256 × 256 pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rastercollection.model.decisions import Decisions, decide
from rastercollection.model.request import CollectionRequest
from validation_scenes import terrain, validate, write

SIDE = 256
CUBIC = ("cubic", "cubic")
SMOOTH = ("bilinear", "average")
CLASSES = ("nearest", "mode")
KEPT = ("nearest", "nearest")
"""Kernels of warps and of overviews."""

LAND_COVER = (10, 20, 30, 40, 50, 60, 80, 90)
LANDSAT_QA = (21824, 21952, 22080, 22280, 23888, 30048, 54596, 55052)


def texture(power: float, seed: int = 0) -> np.ndarray:
    """A random field between 0 and 1, the smoother the larger the power: at 1.2 like a landscape from above."""
    random = np.random.default_rng(seed)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE))) + 1e-3
    field = np.real(np.fft.ifft2(np.fft.fft2(random.normal(size=(SIDE, SIDE))) / frequency**power))
    return (field - field.min()) / np.ptp(field)


def areas(seed: int = 0, values: Sequence[int] = LAND_COVER, power: float = 2.0) -> np.ndarray:
    """Areas with ragged edges, each of one value; the smaller the power, the smaller the areas."""
    fields = [texture(power, 100 * seed + number) for number in range(len(values))]
    return np.asarray(values)[np.argmax(fields, axis=0)]


def photograph(seed: int = 0, low: float = 30, high: float = 220) -> np.ndarray:
    return low + (high - low) * texture(1.2, seed)


def stretched(seed: int = 0) -> np.ndarray:
    """A photograph of 60 levels, spread to 8 bits."""
    return photograph(seed, 0, 60).round() * 4.2


def water(seed: int = 0) -> np.ndarray:
    """The darkest part of a photograph."""
    return 10 + 6 * texture(2.2, seed)


def collared(seed: int = 0) -> np.ndarray:
    """A photograph's corner, black around it."""
    return np.where(np.add.outer(np.arange(SIDE), np.arange(SIDE)) > 440, photograph(seed), 0)


def enlarged(seed: int = 0) -> np.ndarray:
    """A photograph of which every pixel was repeated."""
    return np.kron(photograph(seed)[: SIDE // 2, : SIDE // 2], np.ones((2, 2)))


def radar(seed: int = 0) -> np.ndarray:
    """Amplitudes with speckle."""
    return 200 * (0.5 + texture(1.5, seed)) * np.random.default_rng(seed).rayleigh(size=(SIDE, SIDE))


def relief(seed: int = 0) -> np.ndarray:
    return terrain(SIDE, SIDE, seed=seed)


def coast(seed: int = 0, highest: float = 6) -> np.ndarray:
    """Sea of height 0, and land that hardly rises from it."""
    return np.maximum(0, (texture(2.2, seed) - 0.6) * highest / 0.4)


def constant(seed: int = 0, value: float = 0) -> np.ndarray:
    return np.full((SIDE, SIDE), value)


def hillshade(seed: int = 0) -> np.ndarray:
    slope = np.sum(np.gradient(relief(seed)), axis=0)
    return 180 - 70 * np.tanh(slope / (2 * slope.std()))


def flags(seed: int = 0, bits: int = 12) -> np.ndarray:
    """Every bit in areas of its own: as many different numbers as a picture has."""
    fields = (texture(2.0, 50 * seed + bit) > 0.5 for bit in range(bits))
    return sum(field.astype("int64") << bit for bit, field in enumerate(fields))


def scattered_flags(seed: int = 0) -> np.ndarray:
    """Rare bits, pixel by pixel."""
    random = np.random.default_rng(seed)
    return sum((random.random((SIDE, SIDE)) < 0.15).astype("int64") << bit for bit in range(15))


def population(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(40 * texture(1.5, seed) ** 2)


def vegetation(seed: int = 0) -> np.ndarray:
    """An index from -0.8 to 1, in ten thousandths."""
    return texture(1.3, seed) * 18000 - 8000


def probability(seed: int = 0) -> np.ndarray:
    """In percent."""
    return 100 / (1 + np.exp(-14 * (texture(1.6, seed) - 0.5)))


def distance(seed: int = 0) -> np.ndarray:
    """To the nearest of six places, in pixels."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    places = np.random.default_rng(seed).integers(0, SIDE, (6, 2))
    return np.minimum.reduce([np.hypot(y - row, x - column) for row, column in places]).clip(0, 255)


def rain(seed: int = 0) -> np.ndarray:
    return np.maximum(0, texture(2.0, seed) - 0.4) * 80


def tiles_of(make: Callable[..., np.ndarray], dtype: str, *, count: int = 2, **options: Any) -> list[np.ndarray]:
    """Some tiles of one sort."""
    return [np.asarray(make(seed=seed, **options)).astype(dtype) for seed in range(count)]


def decided(
    folder: Path,
    tiles: Mapping[str, np.ndarray] | Sequence[np.ndarray],
    name: str = "tile",
    *,
    order: Any = None,
    **options: Any,
) -> Decisions:
    """What is decided on tiles, by name or numbered; ``order`` are parameters of the request, ``options`` of GDAL."""
    named = tiles if isinstance(tiles, Mapping) else {f"{name}_{number}": tile for number, tile in enumerate(tiles)}
    request = CollectionRequest(container_name="in", blob_list=["*.tif"], collection_id="c", **(order or {}))
    paths = [write(folder / f"{each}.tif", tile, **options) for each, tile in named.items()]
    return decide(request, [validate(path, **(order or {})) for path in paths])


def facts(found: Decisions) -> tuple[set[str], set[tuple[str, str]], list[str]]:
    """Types, kernels, and codes of notices on them; the settings are the recommended ones, but for the codec."""
    tiles = found.validations.values()
    kernels = {(tile.settings.warp_resampling, tile.settings.overview_resampling) for tile in tiles}
    assert kernels == {(tile.recommended.warp_resampling, tile.recommended.overview_resampling) for tile in tiles}
    told = [notice.code for notice in found.notices if not notice.code.startswith("BANDS_")]
    return {tile.raster_type for tile in tiles}, kernels, told
