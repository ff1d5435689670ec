"""Rasters for the tests of stage 2, and a way to run stages 1 and 2 on them without an engine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.transform import from_origin

from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.core.contexts import TaskContext
from rastercollection.core.models import Notice, Task
from rastercollection.core.records import from_dict
from rastercollection.model.cog import Cog
from rastercollection.model.policy import SourcePolicy
from rastercollection.model.tile import Validation
from rastercollection.rasters.limits import Limits
from rastercollection.stages.cog import create_cog
from rastercollection.stages.validate import validate_raster
from validation_scenes import validation_parameters

UTM = "EPSG:32642"
PLACE = from_origin(600_000, 4_600_000, 10, 10)
KINDS = ("none", "nodata", "mask", "msk", "alpha", "nan")


@attrs.frozen
class Made:
    """What stages 1 and 2 returned, and where the COG is."""

    validation: Validation
    cog: Cog
    path: Path
    notices: tuple[Notice, ...]

    @property
    def codes(self) -> list[str]:
        return [notice.code for notice in self.notices]

    @property
    def paths(self) -> list[Path]:
        """The COGs, of both sides of the antimeridian."""
        return [self.path.parent / side.output_blob for side in self.cog.sides]


def context(task_type: str, limits: Limits) -> TaskContext:
    task = Task(id="1", stage=1, task_type=task_type, handler="tests:none")
    return TaskContext(job_id="job", task=task, resources={"storage": FsspecStorage(), "limits": limits})


def validate(path: Path, limits: Limits, **changes: Any) -> Mapping[str, Any]:
    info = FsspecStorage().stat(str(path))
    source = {"blob": path.name, "url": str(path), **{k: getattr(info, k) for k in ("size", "version", "modified")}}
    return validate_raster(validation_parameters(source, **changes), context("validate_raster", limits))


def make_cog(
    path: Path,
    target: str = "EPSG:4326",
    *,
    limits: Limits | None = None,
    block_size: int = 512,
    **changes: Any,
) -> Made:
    """Stages 1 and 2 on one file; ``changes`` go to the stage that knows the parameter."""
    limits = limits or Limits(memory_bytes=2**28)
    later = ("grid", "in_memory", "datetime", "datetime_pattern", "policy", "output_blob")
    second = {name: changes.pop(name) for name in later if name in changes}
    override = changes.pop("validation", {})
    validation = {**validate(path, limits, target_crs=target, **changes), **override}
    validation["settings"] = {**validation["settings"], "block_size": block_size}
    out = path.parent / "cogs"
    parameters = {
        "validation": validation,
        "source_container": str(path.parent),
        "output_container": str(out),
        "output_blob": f"{path.stem}_cog.tif",
        "item_id": path.stem,
        "target_crs": target,
        "in_memory": None,
        "datetime": None,
        "datetime_pattern": None,
        "policy": attrs.asdict(SourcePolicy()),
        **second,
    }
    given = context("create_cog", limits)
    cog = from_dict(Cog, create_cog(parameters, given))
    return Made(from_dict(Validation, validation), cog, out / cog.output_blob, tuple(given.notices))


def holes(height: int, width: int, seed: int = 3) -> NDArray[np.bool_]:
    """Valid pixels: all but a block, a corner and single pixels here and there."""
    valid = np.random.default_rng(seed).random((height, width)) > 0.004
    valid[height // 4 : height // 2, width // 3 : width // 2] = False
    rows, columns = np.ogrid[:height, :width]
    valid[rows + columns < min(height, width) // 4] = False
    return valid


def texture(bands: int, height: int, width: int, dtype: str, low: float = 30, high: float = 110) -> NDArray[Any]:
    """Smooth hills with some grain, different in each band."""
    rows, columns = np.mgrid[:height, :width]
    rng = np.random.default_rng(1)
    layers = []
    for band in range(bands):
        hills = np.sin(columns / (17 + 3 * band)) + np.cos(rows / (13 + 2 * band)) + 0.1 * rng.random((height, width))
        layers.append(low + (high - low) * (hills + 2) / 4.2)
    data = np.stack(layers)
    if np.dtype(dtype).kind == "c":
        return (data + 1j * data[::-1]).astype(dtype)
    return data.astype(dtype)


@contextlib.contextmanager
def writing_masks(internal: bool) -> Iterator[None]:
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK="YES" if internal else "NO"):
        yield


def write_raster(
    path: Path,
    data: NDArray[Any],
    *,
    valid: NDArray[np.bool_] | None = None,
    kind: str = "none",
    crs: str = UTM,
    transform: Affine = PLACE,
    nodata: float | None = None,
    **profile: Any,
) -> Path:
    """A GeoTIFF that tells its invalid pixels in one of :data:`KINDS`."""
    data = data.copy()
    count, height, width = data.shape
    dtype = data.dtype
    if valid is not None and kind == "nodata":
        nodata = (-9999.0 if dtype.kind == "f" else 0) if nodata is None else nodata
        data[:, ~valid] = nodata
    if valid is not None and kind == "nan":
        data[:, ~valid] = np.nan
    if valid is not None and kind == "alpha":
        opaque = np.iinfo(dtype).max if dtype.kind in "iu" else 1
        data = np.concatenate([data, np.where(valid, opaque, 0).astype(dtype)[np.newaxis]])
        count += 1
    profile = {"tiled": True, "blockxsize": 128, "blockysize": 128, "compress": "DEFLATE", **profile}
    with (
        writing_masks(kind == "mask"),
        rasterio.open(
            path,
            "w",
            driver="GTiff",
            width=width,
            height=height,
            count=count,
            dtype=dtype.name,
            crs=crs,
            transform=transform,
            nodata=nodata,
            **profile,
        ) as raster,
    ):
        if kind == "alpha":
            colors = [ColorInterp.red, ColorInterp.green, ColorInterp.blue][: count - 1]
            colors = colors if count == 4 else [ColorInterp.gray] + [ColorInterp.undefined] * (count - 2)
            raster.colorinterp = [*colors, ColorInterp.alpha]
        raster.write(data)
        if valid is not None and kind in ("mask", "msk"):
            raster.write_mask(valid)
    return path
