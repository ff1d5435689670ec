"""Times of bands, as GDAL tells them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil

from netcdf_scenes import write_netcdf
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.model.policy import SourcePolicy
from rastercollection.model.source_names import ALL_BANDS
from rastercollection.model.tile import SourceFile
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.source.opening import open_source
from rastercollection.rasters.source.time_axis import AxisReading, read_time_axis

UNITS = "days since 1900-01-01"
TIMES = (43480.0, 43494.5, 43524.0)
CELLS = ((43464.0, 43495.0), (43495.0, 43523.0), (43523.0, 43554.0))


def reading(path: Path, part: str = "") -> AxisReading:
    source = SourceFile(blob=path.name, url=str(path), size=path.stat().st_size, version="", part=part)
    told: list[str] = []
    with open_source(FsspecStorage(), source, SourcePolicy(), Limits(), lambda *notice: told.extend(notice)) as dataset:
        found = read_time_axis(dataset)
    assert told == []
    return found


def test_each_band_has_its_time(tmp_path: Path) -> None:
    axis = reading(write_netcdf(tmp_path / "x.nc", TIMES, UNITS, calendar="gregorian")).axis
    assert axis is not None
    assert (axis.source, axis.units, axis.calendar, axis.values) == ("netcdf:time", UNITS, "gregorian", TIMES)


def test_a_single_time_counts(tmp_path: Path) -> None:
    axis = reading(write_netcdf(tmp_path / "x.nc", TIMES[:1], UNITS)).axis
    assert axis is not None
    assert axis.values == TIMES[:1]


@pytest.mark.parametrize("folder", ["plain", "a: b, c"])
def test_bounds_of_cells_take_the_place_of_their_middles(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    found = reading(write_netcdf(tmp_path / folder / "x.nc", TIMES, UNITS, bounds=CELLS))
    assert found.axis is not None
    assert found.problem == ""
    assert sorted(found.axis.values) == sorted(value for cell in CELLS for value in cell)


@pytest.mark.parametrize(("part", "bands"), [("rain", 3), ("snow", 3), (ALL_BANDS, 6)])
def test_variables_have_the_times_of_their_file(tmp_path: Path, part: str, bands: int) -> None:
    path = write_netcdf(tmp_path / "x.nc", TIMES, UNITS, names=("rain", "snow"))
    axis = reading(path, part).axis
    assert axis is not None
    assert axis.values == TIMES * (bands // 3)
    found = reading(write_netcdf(path, TIMES, UNITS, names=("rain", "snow"), bounds=CELLS), part)
    assert found.axis is not None
    assert {*found.axis.values} == {value for cell in CELLS for value in cell}


def test_bounds_that_are_no_pairs_are_told(tmp_path: Path) -> None:
    found = reading(write_netcdf(tmp_path / "x.nc", TIMES, UNITS, bounds=[(*cell, 0.0) for cell in CELLS]))
    assert found.axis is not None
    assert found.axis.values == TIMES
    assert "time_bnds" in found.problem


def test_heights_are_no_times(tmp_path: Path) -> None:
    assert reading(write_netcdf(tmp_path / "x.nc", TIMES, "m")) == AxisReading()


def test_other_formats_have_none(tmp_path: Path) -> None:
    with rasterio.open(tmp_path / "x.tif", "w", driver="GTiff", width=9, height=9, count=1, dtype="uint8") as raster:
        raster.update_tags(NETCDF_DIM_EXTRA="{time}", **{"time#units": UNITS})
        raster.update_tags(1, NETCDF_DIM_time="3")
        raster.write(np.ones((1, 9, 9), "uint8"))
    assert reading(tmp_path / "x.tif") == AxisReading()
