"""Programs and libraries that read COGs, each asked for all pixels and masks of all levels of one."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import rasterio
import rasterio.errors
from numpy.typing import NDArray

from services.node import node

Array = NDArray[Any]


_LOOP = asyncio.new_event_loop()


@attrs.frozen
class Seen:
    """What a reader makes of a COG, full resolution first.

    Attributes:
        levels: ``(bands, rows, columns)`` each.
        masks: ``(rows, columns)`` each, true where valid; empty where the reader sees no mask.
    """

    levels: list[Array]
    masks: list[Array]


def by_gdal(path: Path) -> Seen:
    """GDAL, which the other readers are compared with."""
    levels, masks = [], []
    with rasterio.open(path) as cog:
        count, nodata = len(cog.overviews(1)), cog.nodata
    for level in (None, *range(count)):
        with rasterio.open(path, **({} if level is None else {"overview_level": level})) as image:
            data = image.read()
            levels.append(data)
            masks.append(_valid(data, nodata) & (image.dataset_mask() > 0))
    return Seen(levels, masks)


def _valid(data: Array, nodata: float | None) -> Array:
    """Where a band is neither NaN nor nodata, which GDAL forgets of overviews with 64 bits."""
    valid = ~np.isnan(data)
    if nodata is not None and not np.isnan(nodata):
        valid &= data != data.dtype.type(nodata)
    return np.asarray(valid.any(axis=0))


def by_tifffile(path: Path) -> Seen:
    """tifffile with the codecs of imagecodecs, every page as it stands."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        levels = [_bands_first(page.asarray()) for page in file.pages if page.subfiletype in (0, 1)]
    return Seen(levels, _masks(path))


def _masks(path: Path) -> list[Array]:
    """Masks as tifffile sees them."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        return [np.asarray(page.asarray()) > 0 for page in file.pages if page.subfiletype in (4, 5)]


def blocks_left_out(path: Path) -> int:
    """How many blocks have no bytes."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        return sum(page.databytecounts.count(0) for page in file.pages)


def _bands_first(data: Array) -> Array:
    return data[np.newaxis] if data.ndim == 2 else np.moveaxis(data, -1, 0)


def by_libtiff(path: Path) -> Seen:
    """libtiff's own programs: tiffinfo has nothing to complain of, and tiffcp writes a copy without a codec."""
    copy = path.with_name(f"{path.stem}-by-tiffcp.tif")
    for command in (["tiffinfo", str(path)], ["tiffcp", "-c", "none", str(path), str(copy)]):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        complaints = [line for line in done.stderr.splitlines() if "Unknown field with tag" not in line]
        assert (done.returncode, complaints) == (0, []), command
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        return Seen(by_gdal(copy).levels, _masks(copy))


def by_async_geotiff(path: Path) -> Seen:
    """async-geotiff, whose TIFF reader is written in Rust."""
    from async_geotiff import GeoTIFF
    from obstore.store import LocalStore

    async def read() -> list[Any]:
        file = await GeoTIFF.open(path.name, store=LocalStore(str(path.parent)))
        return [await level.read() for level in (file, *file.overviews)]

    # what still runs in Rust after an error looks for its loop: that stays open
    images = _LOOP.run_until_complete(read())
    masks = [image.mask for image in images if image.mask is not None]
    return Seen([image.data for image in images], [mask.reshape(mask.shape[-2:]) > 0 for mask in masks])


def by_rio_tiler(path: Path) -> Seen:
    """rio-tiler, asked for images as large as each level; its mask is where alpha goes."""
    from rio_tiler.io import Reader

    expected = by_gdal(path).levels
    levels, masks = [], []
    with warnings.catch_warnings(), Reader(str(path)) as reader:
        warnings.simplefilter("ignore")
        for level in expected:
            image = reader.read(height=level.shape[1], width=level.shape[2])
            levels.append(np.concatenate([image.array.data, level[len(image.array) :]]))
            # its own form of the mask is made of numbers of the image's type, which NumPy 2.5 refuses of uint64
            alpha = image.alpha_mask
            masks.append((~image.array.mask).any(axis=0) if alpha is None else alpha > 0)
    return Seen(levels, masks)


class Asked:
    """A program that answers a line of JSON with another, for as long as it is asked."""

    def __init__(self, command: list[str]) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen(command, text=True, encoding="utf-8", **pipes)

    def __call__(self, question: Any) -> Any:
        """The answer.

        Raises:
            ReaderError: It says that it cannot.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise ReaderError(answer["error"])
        return answer

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=20)


class ReaderError(Exception):
    """A program cannot read a file."""


def geotiff_js(module: Path) -> Iterator[Callable[[Path], Seen]]:
    """geotiff.js under Node, one process for all files."""
    program = Path(__file__).with_name("all_of_a_geotiff.mjs")
    asked = Asked([str(node()), str(program), module.as_uri()])

    def read(path: Path) -> Seen:
        answer = asked(str(path))
        return Seen([_array(each) for each in answer["levels"]], [_array(each)[0] > 0 for each in answer["masks"]])

    yield read
    asked.close()


def _array(answer: dict[str, Any]) -> Array:
    bands = [np.frombuffer(base64.b64decode(band), answer["type"]) for band in answer["bands"]]
    return np.stack(bands).reshape(-1, *answer["shape"])


def gdals_own_checks() -> Iterator[Callable[[Path], dict[str, Any]]]:
    """The system's GDAL, another version than rasterio's: its validator of COGs, and checksums of all it sees."""
    asked = Asked(["/usr/bin/python3", str(Path(__file__).with_name("gdals_own_checks.py"))])
    yield lambda path: asked(str(path))
    asked.close()


def has_gdal() -> bool:
    """Whether the system's interpreter has GDAL with its samples."""
    command = ["/usr/bin/python3", "-c", "import osgeo_utils.samples.validate_cloud_optimized_geotiff"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def has_libtiff() -> bool:
    return shutil.which("tiffinfo") is not None and shutil.which("tiffcp") is not None
