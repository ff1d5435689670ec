"""What a small tile costs: CPU of stages 1 and 2, and of what stage 2 is made of, in one warm process.

``python benchmarks/small_tiles.py --tiles 400`` converts pictures of 512 × 512 pixels into another CRS, and within
their own. Told are medians over the tiles, and the least: what a tile takes where nothing else disturbs.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from cog.tiles import make_many

from rastercollection import process_collection

CASES = {"UTM to EPSG:4326": "EPSG:4326", "same CRS": "EPSG:32642"}
GOAL = 40.0
"""Milliseconds of CPU in stage 2, of a tile of 512 × 512 pixels."""
SIZE = 512
WARM_UP = 3
STAGES = {"stage 1": "stages.validate:validate_raster", "stage 2": "stages.cog:create_cog"}
PARTS = {
    "checksums of the source": "stages.cog.task:check_blocks",
    "grid, layout, metadata": "stages.cog.task:prepare",
    "warp, with statistics": "stages.cog.convert:warp",
    "copy, with statistics": "stages.cog.convert:copy_pixels",
    "directories of the COG": "rasters.writing.finish:make_template",
    "encode, overviews": "rasters.writing.image_encoder:ImageEncoder.encode",
    "COG validator": "rasters.writing.finish:check_valid",
    "receipt": "stages.cog.convert:give_receipt",
    "footprint": "stages.cog.convert:footprint_of",
    "facts": "rasters.writing.finish:cog_file_of",
    "collar": "stages.cog.task:find_collar",
    "thumbnail": "stages.cog.task:draw_thumbnail",
    "publishing": "stages.cog.task:publish",
}
"""Functions, each by the name that it is called by; none calls another of them."""

Samples = dict[str, list[float]]


def main() -> None:
    """Measure both cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", type=int, default=100)
    parser.add_argument("--size", type=int, default=SIZE, help="pixels along a side")
    given, _ = parser.parse_known_args()
    samples: Samples = {}
    for part, name in {**STAGES, **PARTS}.items():
        _time_calls(name, samples.setdefault(part, []))
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        tiles = make_many(given.tiles, given.size, Path(folder))
        for case, crs in CASES.items():
            _convert(tiles[:WARM_UP], crs)
            for found in samples.values():
                found.clear()
            _convert(tiles, crs)
            print(f"{case}, milliseconds of CPU a tile of {given.size}², median (least)")
            _tell(samples, given.size)


def _tell(samples: Samples, size: int) -> None:
    for part in STAGES:
        goal = f", goal {GOAL:.0f}" if part == "stage 2" and size == SIZE else ""
        print(f"  {part}: {_figures(samples[part])}{goal}")
    for part in PARTS:
        if samples[part]:
            print(f"    {part}: {_figures(samples[part])}")
    known = sum(median(samples[part]) for part in PARTS if samples[part])
    print(f"    everything else: {1000 * (median(samples['stage 2']) - known):.1f}")


def _figures(seconds: list[float]) -> str:
    return f"{1000 * median(seconds):.1f} ({1000 * min(seconds):.1f})"


def _time_calls(name: str, samples: list[float]) -> None:
    """Have a function, or a method, add the CPU seconds of the process that each call takes."""
    module, _, path = name.partition(":")
    owner: Any = importlib.import_module(f"rastercollection.{module}")
    *classes, function = path.split(".")
    for part in classes:
        owner = getattr(owner, part)
    call: Callable[..., Any] = getattr(owner, function)

    def timed(*args: Any, **kwargs: Any) -> Any:
        began = time.process_time()
        try:
            return call(*args, **kwargs)
        finally:
            samples.append(time.process_time() - began)

    setattr(owner, function, timed)


def _convert(tiles: list[Path], crs: str) -> None:
    with tempfile.TemporaryDirectory(prefix="benchmark-") as out:
        result = process_collection(
            container_name=tiles[0].parent,
            blob_list=[tile.name for tile in tiles],
            collection_id="benchmark",
            output_container=out,
            create_mosaicjson=False,
            create_stac_collection=False,
            jobs="memory",
            executor="serial",
            target_crs=crs,
            grid="own",
            warp_resampling="cubic",
            overview_resampling="cubic",
        )
    assert result.status == "completed", result


if __name__ == "__main__":
    main()
