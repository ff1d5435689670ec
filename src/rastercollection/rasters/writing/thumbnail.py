"""A small picture of a COG."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.io import DatasetReader

from rastercollection.model.band import BandStatistics
from rastercollection.model.band_views import views_of
from rastercollection.model.cog import CogFile
from rastercollection.model.look import Look
from rastercollection.rasters.pixels.validity import Validity, any_band
from rastercollection.rasters.pixels.windows import Array
from rastercollection.rasters.reduced.painting import paint
from rastercollection.rasters.writing.png_encoder import encode_png

__all__ = ["draw"]

_LONGEST_SIDE = 512
_SHADE = 0.4


def draw(cog: DatasetReader, file: CogFile) -> bytes | None:
    """A PNG of at most 512 pixels along a side, transparent where the COG is invalid; None when all of it is.

    Args:
        cog: Open.
        file: What is known of it. Shown are the bands of the first of its views. A dem is shaded; pictures of 8 bits in
            colour are shown as they are, all else from the 2nd to the 98th percentile. Values that are to be kept in
            overviews are kept here.
    """
    raster_type, colors = file.raster_type, file.color_table
    bands = views_of(file.bands, raster_type)[0].bands
    keeps = file.holds_codes or file.settings.keeps_values
    data, valid = _read(cog, bands, Resampling.nearest if keeps else Resampling.average)
    as_is = cog.dtypes[0] == "uint8" and len(bands) == 3
    if valid is not None and not valid.any():
        return None
    look = Look(
        bands=bands,
        ranges=tuple(
            None if as_is or colors is not None else _range(file.bands[band - 1].statistics) for band in bands
        ),
        colors=None if colors is None else {int(value): color for value, color in colors.items()},
    )
    picture = paint(data, valid, look)
    if raster_type == "dem" and len(bands) == 1 and colors is None:
        picture[:3] = _shaded(picture[0], data[0], valid)
    return encode_png(picture[:3] if valid is None and colors is None else picture)


def _range(statistics: BandStatistics | None) -> tuple[float, float] | None:
    """From the 2nd to the 98th percentile, or between the extremes where those are equal."""
    if statistics is None:
        return None
    ends = ((statistics.percentile_2, statistics.percentile_98), (statistics.minimum, statistics.maximum))
    return next(((low, high) for low, high in ends if low is not None and high is not None and high > low), None)


def _read(
    dataset: DatasetReader, bands: Sequence[int], resampling: Resampling
) -> tuple[Array, NDArray[np.bool_] | None]:
    height, width = _shape(dataset)
    if np.dtype(dataset.dtypes[0]).kind == "c":
        resampling = Resampling.nearest
    data = dataset.read(out_shape=(dataset.count, height, width), resampling=resampling)
    validity, mask = Validity.of(dataset), None
    if validity.kind == "mask":
        mask = dataset.read_masks(1, out_shape=(height, width), resampling=Resampling.nearest)[np.newaxis] > 0
    valid = validity.judge(data, mask)
    if valid is not None and valid.shape[0] > 1:
        valid = valid[[band - 1 for band in bands]]
    picked = data[[band - 1 for band in bands]]
    return np.abs(picked) if picked.dtype.kind == "c" else picked, any_band(valid)


def _shape(dataset: DatasetReader) -> tuple[int, int]:
    """Rows and columns: those of the largest overview that is small enough, so that it is shown as it is."""
    factors = [1, *dataset.overviews(1)]
    fitting = [factor for factor in factors if max(dataset.shape) <= factor * _LONGEST_SIDE]
    shrink = fitting[0] if fitting else max(dataset.shape) / _LONGEST_SIDE
    return max(1, math.ceil(dataset.height / shrink)), max(1, math.ceil(dataset.width / shrink))


def _shaded(grey: NDArray[np.uint8], heights: Array, valid: NDArray[np.bool_] | None) -> NDArray[np.uint8]:
    """Heights in grey, lit from the north-west."""
    if min(heights.shape) < 2:
        return grey
    surface = heights.astype(np.float64)
    here = np.isfinite(surface) if valid is None else valid & np.isfinite(surface)
    if not here.any():
        return grey
    surface[~here] = surface[here].mean()
    slope = np.sum(np.gradient(surface), axis=0)
    typical = float(slope[here].std()) or 1.0
    light = 0.5 - 0.5 * np.tanh(slope / (2 * typical))
    return np.asarray((1 - _SHADE) * grey + _SHADE * 255 * (1 - light), np.uint8)
