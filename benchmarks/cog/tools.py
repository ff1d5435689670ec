"""The programs that are measured, each run as a process of its own: ``tools.py NAME JSON``, or a command made here."""

from __future__ import annotations

import json
import math
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

TARGET = "EPSG:4326"
BLOCK = 512


def ours(source: str | list[str], target: str, parameters: dict[str, Any], fast: bool = False) -> None:
    """One tile through the public API, with everything that comes with it; as if numba were not there unless fast."""
    if not fast:
        sys.modules["numba"] = None  # type: ignore[assignment]
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


def profile(source: str, target: str, parameters: dict[str, Any], fast: bool = False) -> None:
    """Where the time of :func:`ours` goes, printed as JSON."""
    if not fast:
        sys.modules["numba"] = None  # type: ignore[assignment]
    from profile_parts import seconds_by_part

    print(json.dumps(seconds_by_part(lambda: ours(source, target, parameters, fast))))


def rio_cogeo(source: str, target: str, codec: dict[str, Any], plain_kernel: bool = False) -> None:
    """rio-cogeo over a WarpedVRT that marks what lies outside the source.

    With ``plain_kernel``, it warps by the kernel for images that are not made smaller, and makes as many overviews as
    GDAL's COG driver.
    """
    import rasterio
    from rasterio.enums import Resampling
    from rasterio.vrt import WarpedVRT
    from rio_cogeo.cogeo import cog_translate

    with rasterio.open(source) as dataset:
        is_float = dataset.dtypes[0] == "float32"
        profile, how = _of_rio_cogeo(codec, is_float)
        if dataset.crs.to_string() == TARGET:
            cog_translate(dataset, target, profile, overview_level=_levels(dataset) if plain_kernel else None, **how)
            return
        mark: dict[str, Any] = {"nodata": -9999.0} if is_float else {"add_alpha": True}
        kernel = {"XSCALE": "1", "YSCALE": "1"} if plain_kernel else {}
        with WarpedVRT(dataset, crs=TARGET, resampling=Resampling.cubic, **mark, **kernel) as warped:
            picked = {} if is_float else {"indexes": list(range(1, dataset.count + 1)), "add_mask": True}
            picked |= {"overview_level": _levels(warped)} if plain_kernel else {}
            cog_translate(warped, target, profile, **picked, **how)


def _of_rio_cogeo(codec: dict[str, Any], is_float: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Its profile of the codec, and further arguments."""
    from rio_cogeo.profiles import cog_profiles

    config: dict[str, Any] = {
        "GDAL_NUM_THREADS": "1",
        "GDAL_TIFF_INTERNAL_MASK": True,
        "GDAL_TIFF_OVR_BLOCKSIZE": str(BLOCK),
    }
    profile = {**cog_profiles.get(codec["COMPRESS"].lower()), "BIGTIFF": "IF_SAFER"}
    if codec["COMPRESS"] == "DEFLATE":
        profile |= {"zlevel": codec["LEVEL"], "predictor": 3 if is_float else 2}
    if codec["COMPRESS"] == "JPEG":
        profile |= {"JPEG_QUALITY": codec["QUALITY"]}
        config["JPEG_QUALITY_OVERVIEW"] = str(codec["QUALITY"])
    return profile, {"config": config, "overview_resampling": "cubic", "quiet": True, "in_memory": False}


def _levels(dataset: Any) -> int:
    """Overviews, down to one that fits into a block."""
    return max(0, math.ceil(math.log2(max(dataset.shape) / BLOCK)))


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


def gdalwarp_command(source: str, target: str, codec: dict[str, Any], cache: int = 1024) -> list[str]:
    """``gdalwarp -of COG`` with large chunks and a large cache, in MB; ``gdal_translate`` where the CRS stays."""
    import rasterio

    with rasterio.open(source) as dataset:
        mark = ["-dstnodata", "-9999"] if dataset.dtypes[0] == "float32" else ["-dstalpha"]
        warp = ["-t_srs", TARGET, "-r", "cubic", "-wm", "1024", *mark]
        command = ["gdalwarp", "-q", "-overwrite", "-of", "COG", *warp]
        if dataset.crs.to_string() == TARGET:
            command = ["gdal_translate", "-q", "-of", "COG"]
    options = {**_creation(codec), "OVERVIEW_RESAMPLING": "CUBIC", "NUM_THREADS": 1}
    pairs = [word for key, value in options.items() for word in ("-co", f"{key}={value}")]
    config = ["--config", "GDAL_CACHEMAX", str(cache), "--config", "GDAL_NUM_THREADS", "1"]
    return [*command, *config, *pairs, source, target]


def floor(source: str, target: str, encoders: list[str], warps: bool) -> None:
    """Each necessary part alone, in CPU seconds, printed as JSON."""
    from floor import seconds_of_parts

    print(json.dumps(seconds_of_parts(source, target, TARGET, encoders, warps=warps)))


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
