"""Nodata values of netCDF files, whose integers may be unsigned by an attribute alone, or of 64 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio.errors import RasterioError
from scipy.io import netcdf_file

from cog_scenes import make_cog


def test_unsigned_by_an_attribute(tmp_path: Path) -> None:
    """A classic file has no unsigned types: -1 stands for 65535, and so does its fill value."""
    data = np.random.default_rng(4).integers(1, 60_000, (60, 80)).astype("uint16")
    data[:5] = 65535
    with netcdf_file(str(tmp_path / "tile.nc"), "w", version=2) as file:
        file.Conventions = "CF-1.6"
        for name, size, first, step, unit in (("lat", 60, 33, -0.05, "north"), ("lon", 80, 10, 0.05, "east")):
            file.createDimension(name, size)
            axis = file.createVariable(name, "d", (name,))
            axis.units = f"degrees_{unit}"
            axis[:] = first + step * np.arange(size)
        band = file.createVariable("B04", "h", ("lat", "lon"))
        band._Unsigned = "true"
        band._FillValue = np.int16(-1)
        band[:] = data.view("int16")
    made = make_cog(tmp_path / "tile.nc", "EPSG:4326", input_crs="EPSG:4326")
    assert made.validation.nodata == 65535
    with rasterio.open(made.path) as cog:
        assert (cog.dtypes, cog.nodata) == (("uint16",), 65535)
        np.testing.assert_array_equal(cog.read(1), data)
        np.testing.assert_array_equal(cog.dataset_mask() > 0, data != 65535)
    counted = made.cog.file.bands[0].statistics
    assert counted is not None
    assert (counted.count, counted.maximum) == (55 * 80, data[5:].max())


@pytest.mark.parametrize(("dtype", "nodata"), [("int64", -(2**63)), ("uint64", 2**64 - 1), ("int64", 2**53 + 1)])
def test_fill_values_of_64_bits(tmp_path: Path, dtype: str, nodata: int) -> None:
    data = np.random.default_rng(4).integers(1, 2**40, (60, 80)).astype(dtype)
    data[:5] = nodata
    data[5] = nodata + (1 if nodata < 0 else -1)
    (tmp_path / "raw").write_bytes(data.tobytes())
    name = {"uint64": "UInt64", "int64": "Int64"}[dtype]
    (tmp_path / "raw.vrt").write_text(
        '<VRTDataset rasterXSize="80" rasterYSize="60"><SRS>EPSG:4326</SRS><GeoTransform>10,0.05,0,33,0,-0.05'
        f'</GeoTransform><VRTRasterBand dataType="{name}" band="1" subClass="VRTRawRasterBand"><NoDataValue>{nodata}'
        '</NoDataValue><SourceFilename relativeToVRT="1">raw</SourceFilename></VRTRasterBand></VRTDataset>'
    )
    try:
        rasterio.shutil.copy(str(tmp_path / "raw.vrt"), str(tmp_path / "tile.nc"), driver="netCDF", FORMAT="NC4")
    except RasterioError:
        pytest.skip("this GDAL writes no netCDF-4")
    made = make_cog(tmp_path / "tile.nc", "EPSG:4326", input_crs="EPSG:4326")
    assert made.validation.nodata == nodata
    assert "NODATA_BECAME_MASK" in [notice.code for notice in made.cog.notices]
    with rasterio.open(made.path) as cog:
        np.testing.assert_array_equal(cog.read(1), data)
        np.testing.assert_array_equal(cog.dataset_mask() > 0, data != nodata)
