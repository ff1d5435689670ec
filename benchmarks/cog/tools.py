"""The programs that are measured, each run as a process of its own: ``tools.py NAME JSON``, or a command made here."""

from __future__ import annotations

import json
import shutil
import sys
import time
import warnings
from pathlib import Path
from typing import Any

TARGET = "EPSG:4326"
BLOCK = 512


def ours(source: str | list[str], target: str, parameters: dict[str, Any]) -> None:
    """One tile through the public API, with everything that comes with it."""
    from rastercollection import process_collection

    defaults: dict[str, Any] = {
        "warp_resampling": "cubic",
        "overview_resampling": "cubic",
        "target_crs": TARGET,
        "grid": "own",
    }
    sources = source if isinstance(source, list) else [source]
    out = Path(target).with_suffix("")
    result = process_collection(
        container_name=Path(sources[0]).parent,
        blob_list=[Path(name).name for name in sources],
        collection_id="benchmark",
        output_container=out,
        create_mosaicjson=False,
        create_stac_collection=False,
        jobs="memory",
        **{"executor": "serial", **defaults, **parameters},
    )
    assert result.status == "completed", result
    if len(sources) == 1:
        (cog,) = out.rglob("*_cog*.tif")
        shutil.move(cog, target)


def profile(source: str, target: str, parameters: dict[str, Any]) -> None:
    """Where the time of :func:`ours` goes, printed as JSON."""
    from profile_parts import seconds_by_part

    print(json.dumps(seconds_by_part(lambda: ours(source, target, parameters))))


def rio_cogeo(source: str, target: str, codec: dict[str, Any]) -> None:
    """rio-cogeo over a WarpedVRT that marks what lies outside the source."""
    import rasterio
    from rasterio.enums import Resampling
    from rasterio.vrt import WarpedVRT
    from rio_cogeo.cogeo import cog_translate
    from rio_cogeo.profiles import cog_profiles

    config: dict[str, Any] = {
        "GDAL_NUM_THREADS": "1",
        "GDAL_TIFF_INTERNAL_MASK": True,
        "GDAL_TIFF_OVR_BLOCKSIZE": str(BLOCK),
    }
    how: dict[str, Any] = {"config": config, "overview_resampling": "cubic", "quiet": True, "in_memory": False}
    with rasterio.open(source) as dataset:
        profile = dict(cog_profiles.get(codec["COMPRESS"].lower()))
        profile |= {"BIGTIFF": "IF_SAFER"}
        if codec["COMPRESS"] == "DEFLATE":
            profile |= {"zlevel": codec["LEVEL"], "predictor": 3 if dataset.dtypes[0] == "float32" else 2}
        if codec["COMPRESS"] == "JPEG":
            profile |= {"JPEG_QUALITY": codec["QUALITY"]}
            config["JPEG_QUALITY_OVERVIEW"] = str(codec["QUALITY"])
        if dataset.crs.to_string() == TARGET:
            cog_translate(dataset, target, profile, **how)
            return
        is_float = dataset.dtypes[0] == "float32"
        mark = {"nodata": -9999.0} if is_float else {"add_alpha": True}
        with WarpedVRT(dataset, crs=TARGET, resampling=Resampling.cubic, **mark) as warped:
            picked = {} if is_float else {"indexes": list(range(1, dataset.count + 1)), "add_mask": True}
            cog_translate(warped, target, profile, **picked, **how)


def cog_driver(source: str, target: str, codec: dict[str, Any]) -> None:
    """GDAL's COG driver over the same WarpedVRT."""
    import rasterio
    from rasterio.enums import Resampling
    from rasterio.shutil import copy
    from rasterio.vrt import WarpedVRT

    options = {**_creation(codec), "OVERVIEW_RESAMPLING": "CUBIC", "NUM_THREADS": 1}
    with rasterio.Env(GDAL_NUM_THREADS="1"), rasterio.open(source) as dataset:
        if dataset.crs.to_string() == TARGET:
            copy(dataset, target, driver="COG", **options)
            return
        mark = {"nodata": -9999.0} if dataset.dtypes[0] == "float32" else {"add_alpha": True}
        with WarpedVRT(dataset, crs=TARGET, resampling=Resampling.cubic, **mark) as warped:
            copy(warped, target, driver="COG", **options)


def gdalwarp_command(source: str, target: str, codec: dict[str, Any]) -> list[str]:
    """``gdalwarp -of COG`` with large chunks and a large cache; ``gdal_translate`` where the CRS stays."""
    import rasterio

    with rasterio.open(source) as dataset:
        mark = ["-dstnodata", "-9999"] if dataset.dtypes[0] == "float32" else ["-dstalpha"]
        warp = ["-t_srs", TARGET, "-r", "cubic", "-wm", "1024", *mark]
        command = ["gdalwarp", "-q", "-overwrite", "-of", "COG", *warp]
        if dataset.crs.to_string() == TARGET:
            command = ["gdal_translate", "-q", "-of", "COG"]
    options = {**_creation(codec), "OVERVIEW_RESAMPLING": "CUBIC", "NUM_THREADS": 1}
    pairs = [word for key, value in options.items() for word in ("-co", f"{key}={value}")]
    config = ["--config", "GDAL_CACHEMAX", "1024", "--config", "GDAL_NUM_THREADS", "1"]
    return [*command, *config, *pairs, source, target]


def floor(source: str, target: str, codec: dict[str, Any], warps: bool) -> None:
    """Each necessary part alone, in CPU seconds, printed as JSON: decode, warp, overviews, encode."""
    import numpy as np
    import rasterio
    import rasterio.shutil
    from rasterio.enums import Resampling
    from rasterio.io import MemoryFile
    from rasterio.warp import calculate_default_transform, reproject

    spent: dict[str, float] = {}
    clock = time.process_time
    with rasterio.Env(GDAL_NUM_THREADS="1", GDAL_CACHEMAX=1024), rasterio.open(source) as dataset:
        start = clock()
        data = dataset.read()
        spent["decode"] = clock() - start
        place, shape = dataset.transform, data.shape
        if warps:
            place, width, height = calculate_default_transform(
                dataset.crs, TARGET, dataset.width, dataset.height, *dataset.bounds
            )
            shape = (data.shape[0], height, width)
            out = np.zeros(shape, data.dtype)
            start = clock()
            how = {"resampling": Resampling.cubic, "num_threads": 1, "warp_mem_limit": 4096, "XSCALE": 1, "YSCALE": 1}
            where = {"src_transform": dataset.transform, "src_crs": dataset.crs, "dst_transform": place}
            reproject(data, out, dst_crs=TARGET, src_nodata=dataset.nodata, **where, **how)
            spent["warp"] = clock() - start
            data = out
        photometric = "RGB" if data.dtype == np.uint8 else "MINISBLACK"
        profile = {"driver": "GTiff", "count": shape[0], "height": shape[1], "width": shape[2], "dtype": data.dtype}
        profile |= {"tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "BIGTIFF": "YES"}
        with MemoryFile(ext=".tif") as memory:
            buffer = {"crs": TARGET, "transform": place, "nodata": dataset.nodata, "photometric": photometric}
            with rasterio.open(memory.name, "w", **profile, **buffer) as image:
                image.write(data)
            levels = [2 ** (level + 1) for level in range(20) if max(shape[1:]) > BLOCK * 2**level]
            start = clock()
            with rasterio.open(memory.name, "r+") as image:
                image.build_overviews(levels, Resampling.cubic)
            spent["overviews"] = clock() - start
            start = clock()
            options = {**_creation(codec), "OVERVIEWS": "FORCE_USE_EXISTING", "NUM_THREADS": 1}
            rasterio.shutil.copy(memory.name, target, driver="COG", **options)
            spent["encode"] = clock() - start
    print(json.dumps(spent))


def copy_and_validate(source: str, target: str) -> None:
    """What it takes at least to take over a COG."""
    from rio_cogeo.cogeo import cog_validate

    shutil.copyfile(source, target)
    assert cog_validate(target, strict=True)[0]


def _creation(codec: dict[str, Any]) -> dict[str, Any]:
    predictor = {} if codec["COMPRESS"] == "JPEG" else {"PREDICTOR": "YES"}
    return {**codec, **predictor, "BLOCKSIZE": BLOCK, "BIGTIFF": "IF_SAFER"}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    name, arguments = sys.argv[1], json.loads(sys.argv[2])
    globals()[name](**arguments)
