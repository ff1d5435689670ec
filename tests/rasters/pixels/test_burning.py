"""The value that tells invalid pixels in place of a mask is none that a valid one has, here or in an overview."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.windows import Window

from rastercollection.rasters.limits import Limits
from rastercollection.rasters.pixels.burning import told_by_value
from rastercollection.rasters.pixels.raster_buffer import RasterBuffer
from rastercollection.rasters.pixels.statistics import RunningStatistics
from rastercollection.rasters.pixels.validity import PixelLayout
from rastercollection.rasters.pixels.workspace import Workspace
from rastercollection.testing.sample_records import sample_cog

SHAPE = (1, 20, 30)
VALID = np.arange(30) > 4 + np.zeros((20, 1))


def chosen(data: NDArray[Any], *, keeps_values: bool = False) -> tuple[int | None, NDArray[Any], bool]:
    """The value for an image whose left columns are invalid, its pixels then, and whether it still has a mask."""
    whole = Window(0, 0, data.shape[2], data.shape[1])
    with Workspace.open(Limits(), in_memory=True, needed=0) as workspace:
        buffer = RasterBuffer(workspace, data.shape, data.dtype)
        buffer.write(whole, data, VALID)
        statistics = RunningStatistics(len(data), data.dtype, VALID.size, None)
        statistics.add(data, VALID[np.newaxis])
        settings = attrs.evolve(
            sample_cog("a").file.settings, overview_resampling="nearest" if keeps_values else "average"
        )
        layout = PixelLayout(kind="none", nodata=None, bands=tuple(range(len(data))), alpha=None, dtype=data.dtype)
        told = told_by_value(buffer, layout, statistics, "unknown", settings)
        return told.nodata, buffer.read(whole).copy(), buffer.has_mask


@pytest.mark.parametrize(
    ("dtype", "low", "high", "value"),
    [
        ("uint8", 0, 254, 255),
        ("uint8", 1, 255, 0),
        ("int8", -127, 127, -128),
        ("uint16", 0, 3000, 65535),
        ("int16", -100, 3000, -32768),
        ("int16", -32768, 3000, 32767),
        ("int32", -100, 3000, -(2**31)),
        ("uint32", 0, 2**32 - 2, 2**32 - 1),
        ("int64", -100, 3000, -(2**53)),
        ("uint64", 0, 3000, 2**53),
        ("int64", -(2**60), 2**60, None),
        ("uint8", 0, 255, None),
    ],
)
def test_it_is_an_end_of_the_type_that_no_pixel_has(dtype: str, low: int, high: int, value: int | None) -> None:
    data = np.zeros(SHAPE, dtype)
    data[0, :, 5:] = low
    data[0, 10:, 15:] = high
    found, burnt, has_mask = chosen(data)
    assert found == value
    assert has_mask == (value is None)
    np.testing.assert_array_equal(burnt[0][VALID], data[0][VALID])
    if value is not None:
        assert (burnt[0][~VALID] == value).all()


def test_a_value_between_others_will_do_where_overviews_make_none(tmp_path: Path) -> None:
    data = np.resize(np.r_[0:77, 78:256].astype("uint8"), SHAPE)
    assert chosen(data)[0] is None, "an average of neighbours may be 77"
    assert chosen(data, keeps_values=True)[0] == 77


@given(st.sampled_from(["uint8", "int8", "uint16", "int16", "int32"]), st.integers(0, 2**32), st.integers(1, 4))
def test_no_valid_pixel_of_any_band_has_it(dtype: str, seed: int, bands: int) -> None:
    random, limits = np.random.default_rng(seed), np.iinfo(dtype)
    ends = np.sort(random.integers(limits.min, limits.max, 2, endpoint=True))
    data = random.integers(*ends, (bands, 20, 30), endpoint=True).astype(dtype)
    value, burnt, _ = chosen(data, keeps_values=bool(seed % 2))
    if value is not None:
        assert not (data[:, VALID] == value).any()
        assert (burnt[:, ~VALID] == value).all()
    np.testing.assert_array_equal(burnt[:, VALID], data[:, VALID])
