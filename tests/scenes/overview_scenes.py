"""Collections cut out of one picture, and their overviews."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.transform import from_origin
from rasterio.warp import reproject

from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.core.contexts import TaskContext
from rastercollection.core.models import Notice, Task
from rastercollection.core.records import from_dict
from rastercollection.model.cog import Cog, CogFile
from rastercollection.model.mosaic import Overview
from rastercollection.rasters.limits import Limits
from rastercollection.stages.overview import create_overview
from rastercollection.testing.sample_rasters import write_sample_cog
from rastercollection.testing.sample_records import fan_in_parameters, sample_results

Array = NDArray[Any]

UTM = "EPSG:32642"
PIXEL = 10.0
WEST, NORTH = 500_000.0, 4_500_000.0
TILE, STEP = 448, 432
"""Tiles overlap by 16 pixels, and have overviews of half their size."""
LEVELS = (2,)


def waves(bands: int, rows: int, columns: int) -> Array:
    """Smooth surfaces from 1 to 239, ``(bands, rows, columns)``."""
    y, x = np.mgrid[:rows, :columns].astype("float64")
    return np.stack([np.sin(x / 150 + band) * 60 + np.cos(y / (130 + 15 * band)) * 59 + 120 for band in range(bands)])


def gaps(rows: int, columns: int) -> Array:
    """Valid but for a lake in the middle and a corner."""
    y, x = np.mgrid[:rows, :columns]
    lake = np.hypot(y - 0.45 * rows, x - 0.55 * columns) < 0.15 * min(rows, columns)
    return ~(lake | (x + y < 0.2 * columns))


@attrs.frozen(kw_only=True)
class Scene:
    """A picture in UTM and the collection that was cut out of it.

    Attributes:
        pixels: ``(bands, rows, columns)``.
        valid: ``(rows, columns)``.
        cogs: Row by row.
    """

    pixels: Array
    valid: Array
    cogs: list[Cog]

    def seen_by(self, image: CogFile, resampling: Resampling = Resampling.average) -> Array:
        """The picture on the overview's grid, straight from full resolution; NaN where it covers nothing valid."""
        found = np.full((len(self.pixels), *image.shape), np.nan)
        source = np.where(self.valid, self.pixels.astype("float64"), np.nan)
        reproject(
            source,
            found,
            src_transform=from_origin(WEST, NORTH, PIXEL, PIXEL),
            src_crs=UTM,
            src_nodata=np.nan,
            dst_transform=rasterio.Affine(*image.transform),
            dst_crs=image.target_crs,
            dst_nodata=np.nan,
            resampling=resampling,
        )
        return found


def make_scene(
    folder: Path,
    pixels: Array,
    *,
    valid: Array | None = None,
    step: int = STEP,
    masked: bool = False,
    **settings: Any,
) -> Scene:
    """Cut a picture into COGs.

    Args:
        folder: Where they go.
        pixels: ``(bands, rows, columns)``; invalid ones have their nodata value already.
        valid: ``(rows, columns)``.
        step: From tile to tile, in pixels.
        masked: An internal mask says which pixels are valid.
        settings: For ``write_sample_cog``.
    """
    _, rows, columns = pixels.shape
    truth = np.ones((rows, columns), bool) if valid is None else valid
    cogs = []
    for top in range(0, rows - TILE + 1, step):
        for left in range(0, columns - TILE + 1, step):
            place = np.s_[top : top + TILE, left : left + TILE]
            west, north = WEST + left * PIXEL, NORTH - top * PIXEL
            bounds = (west, north - TILE * PIXEL, west + TILE * PIXEL, north)
            mask = {"valid": truth[place]} if masked else {}
            resampling = settings["settings"].overview_resampling if "settings" in settings else "average"
            given = {"crs": UTM, "overview_levels": LEVELS, "resampling": resampling, **mask, **settings}
            cogs.append(write_sample_cog(folder, f"t-{top:05}-{left:05}", pixels[:, *place], bounds, **given))
    return Scene(pixels=pixels, valid=truth, cogs=cogs)


def side(tiles: int, step: int = STEP) -> int:
    """Pixels along a square of so many tiles a side."""
    return (tiles - 1) * step + TILE


@attrs.frozen(kw_only=True)
class Outcome:
    """What the task returned, and what it let the user know."""

    overview: Overview
    notices: list[Notice]

    @property
    def image(self) -> CogFile:
        assert self.overview.image is not None
        return self.overview.image

    def read(self) -> tuple[Array, Array]:
        """All bands, and GDAL's masks of them as truth values."""
        with rasterio.open(self.image.href) as dataset:
            return dataset.read(), dataset.read_masks() > 0


def overview_of(
    cogs: list[Cog], folder: Path, *, storage: Any = None, limits: Limits | None = None, **job: Any
) -> Outcome:
    """Run the task."""
    context = TaskContext(
        job_id="job",
        task=Task(id="t", stage=3, task_type="create_overview", handler="a:b"),
        resources={"storage": storage or FsspecStorage(), "limits": limits or Limits(scratch=str(folder / "scratch"))},
        inputs={"create_cogs": sample_results(cogs)},
    )
    parameters: Mapping[str, Any] = fan_in_parameters(output_container=str(folder), **job)
    overview = from_dict(Overview, create_overview(parameters, context))
    return Outcome(overview=overview, notices=context.notices)


def inland(valid: Array, margin: int = 2) -> Array:
    """Where validity is the same for so many pixels around."""
    same = np.ones(valid.shape, bool)
    for down in range(-margin, margin + 1):
        for right in range(-margin, margin + 1):
            same &= np.roll(valid, (down, right), (0, 1)) == valid
    return same
