"""Rasters for whole jobs, and stages that users might insert."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import from_origin

from rastercollection import TaskContext

SIZE = 256
PIXEL = 10.0
WEST, NORTH = 500_000.0, 4_500_000.0
NAMES = ("a.tif", "b.tif", "sub/c.tif", "sub/d ü.tif")


def field(rows: slice, columns: slice) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Three bands of a smooth picture of the whole area; 0 is left for nodata."""
    y, x = np.mgrid[rows, columns].astype("float64")
    bands = [np.sin(x / 40 + band) * 50 + np.cos(y / (30 + 5 * band)) * 50 + 120 for band in range(3)]
    return np.clip(np.stack(bands), 1, 255).astype("uint8")


def write_tile(path: Path, column: int, row: int, **changes: Any) -> None:
    """A tile of SIZE² pixels whose upper left pixel is at ``column``, ``row`` of the area; a corner is nodata."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = field(slice(row, row + SIZE), slice(column, column + SIZE))
    if (column, row) == (0, 0):
        data[:, :40, :40] = 0
    transform = from_origin(WEST + column * PIXEL, NORTH - row * PIXEL, PIXEL, PIXEL)
    profile = {
        "driver": "GTiff",
        "width": SIZE,
        "height": SIZE,
        "count": 3,
        "dtype": "uint8",
        "crs": "EPSG:32642",
        "transform": transform,
        "nodata": 0,
        "photometric": "RGB",
    }
    with rasterio.open(path, "w", **{**profile, **changes}) as tile:
        tile.write(data.astype(tile.dtypes[0])[: tile.count])


def make_tiles(folder: Path) -> tuple[str, ...]:
    """Four tiles in a square, overlapping by 16 pixels."""
    step = SIZE - 16
    for name, (column, row) in zip(NAMES, [(0, 0), (step, 0), (0, step), (step, step)], strict=True):
        write_tile(folder / name, column, row)
    return NAMES


def pass_on(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """Brightens a tile into the folder of the parameters and hands the validation on with the new source."""
    validation = dict(parameters["validation"])
    source = dict(validation["source"])
    target = Path(parameters["folder"]) / Path(source["blob"]).name
    with rasterio.open(source["url"]) as tile:
        data, profile = tile.read(), tile.profile
    with rasterio.open(target, "w", **profile) as tile:
        tile.write(np.where(data == 0, 0, np.minimum(data.astype("int16") + 20, 255)).astype("uint8"))
    info = context.resources["storage"].stat(str(target))
    return {**validation, "source": {**source, "url": str(target), "size": info.size, "version": info.version}}


def die_at_first(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """The first attempt at the tile named in the parameters kills its own process."""
    if parameters["dies"] and context.attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return dict(parameters["validation"])


def always_die(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """A poisoned task: whoever runs it dies."""
    if parameters["dies"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return dict(parameters["validation"])


def stumble(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """Has a bug until the file named in the parameters is there."""
    if not Path(parameters["mended"]).exists():
        raise ZeroDivisionError("a bug")
    return dict(parameters["validation"])
