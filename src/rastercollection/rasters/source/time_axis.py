"""The times of a dataset's bands, as netCDF and GRIB files have them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from rastercollection.model.times.cf_time import TimeAxis
from rastercollection.rasters.gdal_errors import unheard_warnings
from rastercollection.rasters.source.reader import VettedReader
from rastercollection.rasters.source.source_dataset import SourceDataset

__all__ = ["AxisReading", "read_time_axis"]

_MOST_VALUES = 2**20
_OF_NETCDF = ("netCDF", "VRT")
"""The latter for all variables as bands."""
_GRIB_TIME = "GRIB_VALID_TIME"
_OPTIONS: Mapping[str, Any] = {"driver": "netCDF", "sharing": False}


@attrs.frozen(kw_only=True)
class AxisReading:
    """What was read.

    Attributes:
        axis: The times of the bands; None for a dataset without such.
        problem: Why the bounds of its cells, which the file has, are not in it, in words; empty where all is there.
    """

    axis: TimeAxis | None = None
    problem: str = ""


def read_time_axis(dataset: SourceDataset) -> AxisReading:
    """The time axis of a netCDF's variable, with the bounds of its cells where it has any; of GRIB, its valid times.

    A time that is no dimension of the variable is not among what GDAL tells.
    """
    if dataset.driver == "GRIB":
        return AxisReading(axis=_grib_axis(dataset))
    tags = dataset.tags()
    name = _axis_name(tags) if dataset.driver in _OF_NETCDF else None
    if name is None:
        return AxisReading()
    axis = TimeAxis(
        source=f"netcdf:{name}",
        units=tags[f"{name}#units"],
        calendar=tags.get(f"{name}#calendar", ""),
        values=_numbers(dataset, f"NETCDF_DIM_{name}"),
    )
    bounds = tags.get(f"{name}#bounds")
    if not axis.values or not bounds:
        return AxisReading(axis=axis if axis.values else None)
    cells = _bounds(dataset, bounds)
    if not cells:
        return AxisReading(axis=axis, problem=f"the bounds of its time axis, {bounds}, cannot be read")
    return AxisReading(axis=attrs.evolve(axis, values=cells))


def _axis_name(tags: Mapping[str, str]) -> str | None:
    """The dimension that counts units since a moment."""
    names = re.findall(r"[^{},]+", tags.get("NETCDF_DIM_EXTRA", ""))
    return next((name for name in names if " since " in tags.get(f"{name}#units", "").lower()), None)


def _numbers(dataset: DatasetReader, tag: str) -> tuple[float, ...]:
    """A tag of each band as a number; empty unless all have one. What stands behind the number is its unit."""
    found = [re.match(r"\s*([-+0-9.eE]+)", dataset.tags(band).get(tag, "")) for band in dataset.indexes]
    try:
        return tuple(float(number[1]) for number in found if number) if all(found) else ()
    except ValueError:
        return ()


def _grib_axis(dataset: DatasetReader) -> TimeAxis | None:
    values = _numbers(dataset, _GRIB_TIME)
    if not values:
        return None
    return TimeAxis(
        source=f"metadata:{_GRIB_TIME}", units="seconds since 1970-01-01", calendar="proleptic_gregorian", values=values
    )


def _bounds(dataset: SourceDataset, name: str) -> tuple[float, ...]:
    """Values of the variable of bounds, which GDAL reads as a raster of two columns; empty where it is none."""
    if '"' in dataset.gdal_path or not re.fullmatch(r"\w+", name):
        return ()
    try:
        with unheard_warnings(), VettedReader(f'NETCDF:"{dataset.gdal_path}":{name}', **_OPTIONS) as variable:
            if variable.count != 1 or variable.width != 2 or variable.height > _MOST_VALUES:
                return ()
            return tuple(float(value) for value in variable.read(1).ravel())
    except (RasterioError, ValueError):
        return ()
