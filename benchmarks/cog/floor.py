"""What cannot be avoided: each part of a conversion alone, by the best way that is known for it."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.warp import calculate_default_transform, reproject
from rasterio.windows import Window

__all__ = ["seconds_of_parts"]

BLOCK = 512
Array = NDArray[Any]
Encoder = Callable[[bytes], bytes]

_SAMPLE = 12
_MOST = 1.01


def seconds_of_parts(source: str, target: str, crs: str, encoders: list[str], *, warps: bool) -> dict[str, Any]:
    """CPU seconds of decode, warp and overviews, and of encode for each of ``encoders``, with the choice made."""
    spent: dict[str, Any] = {}
    with rasterio.Env(GDAL_NUM_THREADS="1", GDAL_CACHEMAX=1024), rasterio.open(source) as dataset:
        start = time.process_time()
        data = dataset.read()
        spent["decode"] = time.process_time() - start
        profile = {"crs": crs, "transform": dataset.transform, "nodata": dataset.nodata}
        if warps:
            data, profile["transform"], spent["warp"] = _warped(dataset, data, crs)
        levels, spent["overviews"] = _reduced(data)
        spent["encode"] = {name: _encoded(name, levels, profile, Path(target)) for name in encoders}
    return spent


def _warped(dataset: Any, data: Array, crs: str) -> tuple[Array, Any, float]:
    """By GDAL in one piece, with the kernel for images that are not made smaller."""
    place, width, height = calculate_default_transform(dataset.crs, crs, dataset.width, dataset.height, *dataset.bounds)
    out = np.zeros((data.shape[0], height, width), data.dtype)
    how = {"resampling": Resampling.cubic, "num_threads": 1, "warp_mem_limit": 4096, "XSCALE": 1, "YSCALE": 1}
    where = {"src_transform": dataset.transform, "src_crs": dataset.crs, "dst_transform": place, "dst_crs": crs}
    start = time.process_time()
    reproject(data, out, src_nodata=dataset.nodata, **where, **how)
    return out, place, time.process_time() - start


def _reduced(data: Array) -> tuple[list[Array], float]:
    """The image and its overviews, cubic, by the reduction of this library, a piece that fits the cache at a time."""
    from rastercollection.rasters.pixels.reduction import PIECE, Reduction

    levels, spent = [data], 0.0
    while max(levels[-1].shape[1:]) > BLOCK:
        bands, height, width = levels[-1].shape
        start = time.process_time()
        half = np.empty((bands, -(-height // 2), -(-width // 2)), data.dtype)
        reduction = Reduction.of(height, width, Resampling.cubic)
        for window in _pieces(half.shape, *PIECE):
            around = reduction.around(window)
            rows, columns = around.toslices()
            out = half[:, window.toslices()[0], window.toslices()[1]]
            reduction.reduce(levels[-1][:, rows, columns], None, around, window, out)
        spent += time.process_time() - start
        levels.append(half)
    return levels, spent


def _pieces(shape: tuple[int, ...], rows: int, columns: int) -> Iterator[Window]:
    _, height, width = shape
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield Window(left, top, min(columns, width - left), min(rows, height - top))


def _encoded(name: str, levels: list[Array], profile: dict[str, Any], target: Path) -> dict[str, Any]:
    if name.startswith("JPEG"):
        return {"seconds": _by_gdal(int(name.split()[1]), levels, profile, target), "by": "libjpeg"}
    if name == "adaptive":
        one, other = _encoded(_choice(levels[0]), levels, profile, target), _by_this_library(levels, target)
        return min(one, other, key=lambda found: found["seconds"])
    chosen, encode, size = name, _ENCODERS[name], 0
    start = time.process_time()
    with target.open("wb") as out:
        for level in reversed(levels):
            for block in _blocks(level):
                size += out.write(encode(_predicted(block)))
    return {"seconds": time.process_time() - start, "by": chosen, "size": size}


def _by_this_library(levels: list[Array], target: Path) -> dict[str, Any]:
    """Adaptive DEFLATE, which may choose anew for every block."""
    from rastercollection.model.cog import CogSettings
    from rastercollection.rasters.encoding.choosing import choose
    from rastercollection.rasters.encoding.encoders import encoder_of
    from rastercollection.rasters.encoding.sampling import sample_windows

    told = {"tier": "analysis", "storage_class": "hot", "quality": None, "block_size": BLOCK}
    kernels = {"overview_resampling": "cubic", "warp_resampling": "cubic"}
    settings = CogSettings(compression="DEFLATE", level="auto", **told, **kernels)
    bands, height, width = levels[0].shape
    parts = [levels[0][(slice(None), *window.toslices())] for window in sample_windows(width, height, BLOCK, _SAMPLE)]
    choice = choose(parts, settings, levels[0].dtype)
    encode, size = encoder_of(settings, levels[0].dtype, bands, choice=choice).encode, 0
    start = time.process_time()
    with target.open("wb") as out:
        for level in reversed(levels):
            for window in _pieces(level.shape, BLOCK, BLOCK):
                size += out.write(encode(level[(slice(None), *window.toslices())]))
    return {"seconds": time.process_time() - start, "by": "adaptive DEFLATE", "size": size}


def _choice(image: Array) -> str:
    """The encoder that takes the least time for blocks of a sample, of those that come close to libdeflate 6."""
    blocks = list(_blocks(image))
    sample = [bytes(_predicted(block)) for block in blocks[:: max(1, len(blocks) // _SAMPLE)]]
    found = {}
    for name in ("DEFLATE 6", "Huffman only", "ISA-L 1", "ISA-L 3", "DEFLATE 1"):
        start = time.process_time()
        size = sum(len(_ENCODERS[name](block)) for block in sample)
        found[name] = time.process_time() - start, size
    most = _MOST * found["DEFLATE 6"][1]
    return min((spent, name) for name, (spent, size) in found.items() if size <= most)[1]


def _blocks(image: Array) -> Iterator[Array]:
    """``(rows, columns, bands)``, pixel by pixel, as they lie in the file."""
    for top in range(0, image.shape[1], BLOCK):
        for left in range(0, image.shape[2], BLOCK):
            part = image[:, top : top + BLOCK, left : left + BLOCK]
            block = np.zeros((BLOCK, BLOCK, image.shape[0]), image.dtype)
            block[: part.shape[1], : part.shape[2]] = part.transpose(1, 2, 0)
            yield block


def _predicted(block: Array) -> bytes:
    """TIFF's predictor 2, or 3 for floats."""
    rows, columns, bands = block.shape
    if block.dtype.kind == "f":
        size = block.dtype.itemsize
        planes = block.view(np.uint8).reshape(rows, columns * bands, size)[..., ::-1].transpose(0, 2, 1)
        block = np.ascontiguousarray(planes).reshape(rows, -1, bands)
    else:
        block = block.view(f"u{block.dtype.itemsize}")
    found = np.empty_like(block)
    found[:, 0] = block[:, 0]
    np.subtract(block[:, 1:], block[:, :-1], out=found[:, 1:])
    return found.data


def _huffman_only() -> Encoder:
    from zlib_ng import zlib_ng

    def encode(data: bytes) -> bytes:
        packer = zlib_ng.compressobj(1, zlib.DEFLATED, 15, 9, zlib_ng.Z_HUFFMAN_ONLY)
        return packer.compress(data) + packer.flush()

    return encode


def _isal(level: int) -> Encoder:
    from isal import isal_zlib

    return lambda data: isal_zlib.compress(data, level)


def _libdeflate(level: int) -> Encoder:
    import deflate

    return lambda data: deflate.zlib_compress(data, level)


def _zstandard(level: int) -> Encoder:
    from backports import zstd

    return lambda data: zstd.compress(data, level)


_ENCODERS: dict[str, Encoder] = {
    "DEFLATE 6": _libdeflate(6),
    "DEFLATE 1": _libdeflate(1),
    "Huffman only": _huffman_only(),
    "ISA-L 1": _isal(1),
    "ISA-L 3": _isal(3),
    "ZSTD 1": _zstandard(1),
}


def _by_gdal(quality: int, levels: list[Array], profile: dict[str, Any], target: Path) -> float:
    """Encode blocks as JPEG by libtiff, all levels."""
    spent = 0.0
    for level in levels:
        shape = dict(zip(("count", "height", "width"), level.shape, strict=True))
        options = {"compress": "JPEG", "JPEG_QUALITY": quality, "photometric": "YCBCR", "interleave": "pixel"}
        tiles = {"tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK}
        start = time.process_time()
        with rasterio.open(
            target, "w", driver="GTiff", dtype=level.dtype, **shape, **tiles, **options, **profile
        ) as image:
            image.write(level)
        spent += time.process_time() - start
        os.remove(target)
    return spent
