"""What names, units and tags say of a band's values."""

from __future__ import annotations

import pytest

from rastercollection.stages.validate.subjects import subject_of


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("LC08_L2SP_155032_QA_PIXEL.TIF", "classes"),
        ("NLCD_2019_Land_Cover.img", "classes"),
        ("lulc2019.tif", "classes"),
        ("ESA_WorldCover_10m_v200.tif", "classes"),
        ("T42TXL_20200601_SCL_20m.jp2", "classes"),
        ("cloudMask.tif", "classes"),
        ("DEM_mask.tif", "classes"),
        ("products.nc:pixel_classif_flags", "classes"),
        ("Copernicus_DSM_COG_10_N41_00_E071_00_DEM.tif", "terrain"),
        ("N41E071.hgt", "terrain"),
        ("gebco_2023.nc:elevation", "terrain"),
        ("hillshade_dem.tif", "quantity"),
        ("NDVI_2020.tif", "quantity"),
        ("S1A_IW_VV.tif", "quantity"),
        ("cloud_probability_mask.tif", ""),
        ("LC08_L1TP_155032_B4.TIF", ""),
        ("classic_view.tif", ""),
        ("sheet_12.tif", ""),
    ],
)
def test_names(name: str, subject: str) -> None:
    assert subject_of([name], "", {}) == subject


@pytest.mark.parametrize("unit", ["degC", "K", "mm", "%", "dB", "kg m-2"])
def test_a_unit_that_is_no_length_is_one_of_another_quantity(unit: str) -> None:
    assert subject_of(["elevation"], unit, {}) == "quantity"


@pytest.mark.parametrize("unit", ["", "1", "m", "Meters", "metre", "ft", "US survey foot", "us-ft", "cm"])
def test_heights_are_lengths(unit: str) -> None:
    assert subject_of(["elevation"], unit, {}) == "terrain"
    assert subject_of(["x"], unit, {}) == "", "so are distances, and amounts of rain"


def test_tags() -> None:
    assert subject_of(["x"], "", {"flag_meanings": "clear cloud"}) == "classes"
    assert subject_of(["x"], "", {"LAYER_TYPE": "thematic"}) == "classes"
    assert subject_of(["x"], "", {"LAYER_TYPE": "athematic"}) == ""
    assert subject_of(["x"], "", {"NETCDF_VARNAME": "z", "long_name": "Surface altitude"}) == "terrain"
