"""A small scene to try the library on: four tiles like a satellite delivery, and a fifth that is broken.

The tiles lie in UTM zone 42N near Namangan, overlap, and have a slanting edge without data, as a swath has.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from rastercollection.errors import RequestError, RequestProblem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Scene", "demo_arguments", "make_scene"]

CRS = "EPSG:32642"
ORIGIN = (722_000.0, 4_552_000.0)
PIXEL = 10.0
OVERLAP = 0.1
ACQUIRED = "2019-07-14T06:12:31Z"
COLORS = (
    (0.00, (92, 112, 58)),
    (0.25, (128, 136, 74)),
    (0.45, (163, 145, 96)),
    (0.62, (141, 116, 84)),
    (0.78, (122, 108, 98)),
    (0.88, (222, 224, 226)),
    (1.00, (250, 251, 252)),
)
WATER = (46, 82, 110)


@attrs.frozen(kw_only=True)
class Scene:
    """What :func:`make_scene` wrote.

    Attributes:
        folder: Where the tiles are.
        tiles: The four good ones, GeoTIFF, 3 bands of uint8, nodata 0, EPSG:32642.
        broken: The fifth, cut off in the middle.
    """

    folder: Path
    tiles: tuple[Path, ...]
    broken: Path


def make_scene(folder: str | Path, size: int = 1024, seed: int = 42) -> Scene:
    """Write five GeoTIFFs of ``size`` × ``size`` pixels of 10 m; the same arguments give the same pixels.

    Args:
        folder: Made where it does not exist; files of the same names are replaced.
        size: Pixels along a tile's edge, at least 64.
        seed: Of the terrain.

    Raises:
        RequestError: ``size`` is too small.
    """
    if size < 64:
        raise RequestError([RequestProblem("size", repr(size), "at least 64 pixels")])
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    step = size - round(size * OVERLAP)
    image = _image((step + size, step + 2 * size), seed)
    tiles = []
    for row in range(2):
        for column in range(2):
            path = target / f"namangan_{'ab'[row]}{column + 1}.tif"
            _keep(path, _tile(image, (row * step, column * step), size))
            tiles.append(path)
    broken = target / "namangan_b3_broken.tif"
    content = _tile(image, (step, 2 * step), size)
    _keep(broken, content[: len(content) * 2 // 5])
    return Scene(folder=target, tiles=tuple(tiles), broken=broken)


def demo_arguments(folder: Path) -> dict[str, Any]:
    """Arguments of ``process_collection`` for the scene in ``sources`` below ``folder``, where all else goes, too."""
    return {
        "container_name": str(folder / "sources"),
        "blob_list": ["*.tif"],
        "collection_id": "namangan-demo",
        "output_container": str(folder / "output"),
        "collection_description": "A made-up scene in UTM zone 42N",
        "jobs": f"sqlite:///{folder / 'jobs.db'}",
    }


def _keep(path: Path, content: bytes) -> None:
    # a file rewritten with the same bytes would count as a changed source
    if not path.is_file() or path.read_bytes() != content:
        path.write_bytes(content)


def _tile(image: NDArray[np.uint8], offset: tuple[int, int], size: int) -> bytes:
    from rasterio.io import MemoryFile
    from rasterio.transform import Affine

    row, column = offset
    west, north = ORIGIN
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "width": size,
        "height": size,
        "count": 3,
        "dtype": "uint8",
        "crs": CRS,
        "nodata": 0,
        "transform": Affine(PIXEL, 0, west + column * PIXEL, 0, -PIXEL, north - row * PIXEL),
        "photometric": "RGB",
    }
    with MemoryFile() as memory:
        with memory.open(**profile) as target:
            target.update_tags(ACQUISITION_DATETIME=ACQUIRED)
            target.write(image[:, row : row + size, column : column + size])
        return bytes(memory.getbuffer())


def _image(shape: tuple[int, int], seed: int) -> NDArray[np.uint8]:
    """The whole scene, (3, rows, columns): 1–255 where there is data, 0 outside the swath."""
    import numpy as np

    height = _elevation(shape, seed)
    shade = 0.35 + 0.85 * _hillshade(height)
    grain = np.random.default_rng(seed + 2).normal(0, 1, shape).astype(np.float32)
    altitude = np.clip(height + 0.012 * grain, 0, 1)
    river = _river(shape)
    levels = [level for level, _ in COLORS]
    image = np.zeros((3, *shape), dtype=np.uint8)
    for band in range(3):
        plane = np.interp(altitude, levels, [color[band] for _, color in COLORS]) * shade + 4 * grain
        image[band] = np.clip(np.where(river, WATER[band] + 3 * grain, plane), 1, 255)
    image[:, _outside(shape)] = 0
    return image


def _outside(shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Beyond the slanting left and lower edges of the swath."""
    import numpy as np

    rows, columns = np.ogrid[: shape[0], : shape[1]]
    left = columns < 0.12 * shape[0] - 0.11 * rows
    bottom = rows > 0.97 * shape[0] - 0.04 * columns + 0.02 * shape[1]
    return np.asarray(left | bottom)


def _river(shape: tuple[int, int]) -> NDArray[np.bool_]:
    """A river that winds through the plain from east to west."""
    import numpy as np

    rows = np.arange(shape[0])[:, None]
    along = np.linspace(0, 4 * math.pi, shape[1])[None, :]
    middle = 0.84 + 0.025 * np.sin(1.3 * along) + 0.018 * np.sin(3.1 * along + 1) + 0.004 * np.sin(11 * along)
    width = 0.0035 + 0.0012 * np.sin(2.3 * along)
    return np.asarray(np.abs(rows - middle * shape[0]) < width * shape[0])


def _elevation(shape: tuple[int, int], seed: int) -> NDArray[np.float32]:
    """Terrain in 0–1 that rises from a plain in the south to mountains in the north."""
    import numpy as np

    ridges = 1 - np.abs(_noise(shape, seed, 3.7))
    rolling = _noise(shape, seed + 1, 3.4)
    rise = np.linspace(1, 0, shape[0], dtype=np.float32)[:, None] ** 1.5
    height = (0.06 + 0.94 * rise) * (0.35 * ridges + 0.12 * rolling) + 0.75 * rise + 0.02 * rolling
    low, high = np.percentile(height[::8, ::8], (0.5, 99.8))
    return np.asarray(np.clip((height - low) / (high - low), 0, 1), dtype=np.float32)


def _hillshade(height: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lambertian shading in 0–1, the sun in the north-west at 45°."""
    import numpy as np

    south, east = np.gradient(height * (0.2 * height.shape[0]))
    cosine = (0.5 * (east + south) + math.sqrt(0.5)) / np.sqrt(east**2 + south**2 + 1)
    return np.asarray(np.clip(cosine, 0, 1))


def _noise(shape: tuple[int, int], seed: int, roughness: float) -> NDArray[np.float32]:
    """Fractal noise, mean 0 and standard deviation 1: random phases under a power spectrum of f^-roughness."""
    import numpy as np

    rows, columns = (-(-length // 64) * 64 for length in shape)
    frequency = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)[None, :]).astype(np.float32)
    frequency[0, 0] = np.inf
    random = np.random.default_rng(seed)
    phase = random.standard_normal((2, *frequency.shape), dtype=np.float32)
    spectrum = (phase[0] + 1j * phase[1]) / frequency ** (roughness / 2)
    field = np.fft.irfft2(spectrum, s=(rows, columns))[: shape[0], : shape[1]].astype(np.float32)
    return np.asarray((field - field.mean()) / field.std())
