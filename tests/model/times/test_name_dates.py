"""Dates in names of real products, in plain names, and by patterns."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rastercollection.model.times.name_dates import date_by_pattern, dates_in_name, doubtful_date
from rastercollection.model.times.product_names import product_date

LATEST = dt.datetime(2024, 5, 6, 12, tzinfo=dt.UTC)
SAFE = "S2A_MSIL2A_20190714T060631_N0213_R134_T42TXK_20190714T085522.SAFE"
SENTINEL_3 = "S3A_OL_1_EFR____20190714T055502_20190714T055802_20190715T101214_0179_047_048_2340_LN1_O_NT_002.SEN3"

PRODUCTS = [
    (f"{SAFE}/GRANULE/L2A/IMG_DATA/R10m/B04.jp2", "2019-07-14T06:06:31Z"),
    ("S2B_MSIL1C_20190714T060631_N0208_R134_T42TXK_20190714T085522.tif", "2019-07-14T06:06:31Z"),
    ("T42TXK_20190714T060631_B04_10m.jp2", "2019-07-14T06:06:31Z"),
    ("S2A_42TXK_20190714_0_L2A.tif", "2019-07-14"),
    (
        "S2A_OPER_PRD_MSIL1C_PDMC_20160930T123456_R065_V20150801T100006_20150801T100106.tif",
        "2015-08-01T10:00:06Z/2015-08-01T10:01:06Z",
    ),
    ("S2A_OPER_MSI_L1C_TL_EPA__20160930T093012_A001234_T32TQM_B04.jp2", ""),
    (
        "S1A_IW_GRDH_1SDV_20190714T055502_20190714T055527_028109_032CC4_8A1B.tif",
        "2019-07-14T05:55:02Z/2019-07-14T05:55:27Z",
    ),
    (
        "s1a-iw-grd-vv-20190714t055502-20190714t055527-028109-032cc4-001.tiff",
        "2019-07-14T05:55:02Z/2019-07-14T05:55:27Z",
    ),
    (f"{SENTINEL_3}/Oa01_radiance.nc", "2019-07-14T05:55:02Z/2019-07-14T05:58:02Z"),
    (
        "S5P_OFFL_L2__NO2____20190714T050000_20190714T064130_09061_01_010302_20190720T064130.nc",
        "2019-07-14T05:00:00Z/2019-07-14T06:41:30Z",
    ),
    ("LC08_L1TP_155032_20190814_20200826_02_T1_B4.TIF", "2019-08-14"),
    ("LC09_L2SP_155032_20220814_20230401_02_T1_SR_B4.TIF", "2022-08-14"),
    ("LC08_CU_002008_20190814_20200901_C01_V01_SRB4.tif", "2019-08-14"),
    ("LC81550322019226LGN00_B4.TIF", "2019-08-14"),
    ("LE71550322003226ASN01_B4.TIF", "2003-08-14"),
    ("MOD09GA.A2019195.h25v05.006.2019197031231.tif", "2019-07-14"),
    ("MOD021KM.A2019195.0610.061.2019195131415.tif", "2019-07-14T06:10:00Z"),
    ("VNP46A2.A2019195.h25v05.001.2020285043213.h5", "2019-07-14"),
    ("MOD13Q1.006__250m_16_days_NDVI_doy2019193_aid0001.tif", "2019-07-12"),
    ("ECO2LSTE.001_SDS_LST_doy2019195061230_aid0001.tif", "2019-07-14T06:12:30Z"),
    (
        "SVDNB_npp_d20190714_t2355459_e0001263_b39871_c20190715033626123456_noaa_ops.h5",
        "2019-07-14T23:55:45.900000Z/2019-07-15T00:01:26Z",
    ),
    (
        "OR_ABI-L1b-RadC-M6C01_G16_s20191021001234_e20191021003307_c20191021003351.nc",
        "2019-04-12T10:01:23.400000Z/2019-04-12T10:03:30Z",
    ),
    ("3B-HHR.MS.MRG.3IMERG.20190714-S100000-E102959.0600.V06B.tif", "2019-07-14T10:00:00Z/2019-07-14T10:29:59Z"),
    ("HLS.S30.T42TXK.2019195T061230.v2.0.B04.tif", "2019-07-14T06:12:30Z"),
    ("20190714_061230_0f34_3B_AnalyticMS.tif", "2019-07-14T06:12:30Z"),
    ("20190714_061230_12_2431_3B_AnalyticMS_SR.tif", "2019-07-14T06:12:30.120000Z"),
    ("20190714_061230_ssc3d2_0007_ortho_analytic.tif", "2019-07-14T06:12:30Z"),
    ("s4_20190714T061230Z_ortho_pansharpened.tif", "2019-07-14T06:12:30Z"),
    ("2019-07-14T061230_RE4_3A-NAC_12345678_154321.tif", "2019-07-14T06:12:30Z"),
    ("IMG_PHR1A_PMS_201907140612305_ORT_1234567101-001_R1C1.TIF", "2019-07-14T06:12:30.500000Z"),
    ("IMG_SPOT6_MS_201907140612305_ORT_1234567101_R1C1.TIF", "2019-07-14T06:12:30.500000Z"),
    ("19JUL14061230-M2AS-050012345010_01_P001.TIF", "2019-07-14T06:12:30Z"),
    ("m_3712213_sw_10_1_20140613.tif", "2014-06-13"),
    ("m_3712213_sw_10_060_20220519_20220804.tif", "2022-05-19"),
    ("AST_L1T_00307142019061230_20190715102030_12345.tif", "2019-07-14T06:12:30Z"),
    ("ENMAP01-____L2A-DT0000001049_20220612T105735Z_028_V010303_20230922T131734Z.TIF", "2022-06-12T10:57:35Z"),
    ("PRS_L2D_STD_20190714101500_20190714101504_0001.tif", "2019-07-14T10:15:00Z/2019-07-14T10:15:04Z"),
    ("CSKS1_GEC_B_HI_03_HH_RA_SF_20190714061230_20190714061237.tif", "2019-07-14T06:12:30Z/2019-07-14T06:12:37Z"),
    ("chirps-v2.0.2019.07.14.tif", "2019-07-14"),
    ("DJI_20210309102030_0001_D.JPG", "2021-03-09T10:20:30Z"),
    ("PXL_20190714_061230123.jpg", "2019-07-14T06:12:30.123000Z"),
    ("gfs_2019071406.tif", "2019-07-14T06"),
    ("gfs.20190714t06z.tif", "2019-07-14T06"),
    *[
        (name, "")
        for name in (
            *("N41E071.hgt", "srtm_51_04.tif", "Copernicus_DSM_COG_10_N41_00_E071_00_DEM.tif", "era5_t2m_201907.nc"),
            *("N41E071_19_sl_HH.tif", "nlcd_2019_land_cover.tif", "swissalti3d_2019_2600-1200_2.tif", "DJI_0001.JPG"),
        )
    ],
]

PLAIN = [
    ("S2_20190714_T42.tif", "2019-07-14"),
    ("20190714T12TXK.tif", "2019-07-14"),
    ("flight-2021-03-09.tif", "2021-03-09"),
    ("a_2021_03_09_b.tif", "2021-03-09"),
    ("x_20190714T100031027Z_t.tif", "2019-07-14T10:00:31.027000Z"),
    ("x_2019-07-14T10:00:31.027+02:00.tif", "2019-07-14T08:00:31.027000Z"),
    ("x_20190714T100031+0200.tif", "2019-07-14T08:00:31Z"),
    ("x_20190714T220031-0500_a.tif", "2019-07-15T03:00:31Z"),
    ("x_20190714T220031-0001.tif", "2019-07-14T22:00:31Z"),
    ("x_2019-07-14_10-00-31.tif", "2019-07-14T10:00:31Z"),
    ("x_20190714_1003.tif", "2019-07-14"),
    ("x_201907141003.tif", "2019-07-14T10:03:00Z"),
    ("x_20190714_20190714T100031.tif", "2019-07-14T10:00:31Z"),
    ("2019-01-01_to_2019-12-31.tif", "2019-01-01T00:00:00Z/2019-12-31T23:59:59Z"),
    ("x_18991231.tif", ""),
    ("x_19000101.tif", "1900-01-01"),
    ("x_20240507.tif", ""),
    ("x_20991231.tif", ""),
    ("id_120190714.tif", ""),
    ("id_201907141.tif", ""),
    ("d20190230.tif", ""),
    ("d20190714.tif", "2019-07-14"),
    ("landcover_v20190714.tif", ""),
    ("v20190714.tif", ""),
    ("20190714/tile_1.tif", ""),
    ("x_2019.tif", ""),
    ("x_2019-07.tif", ""),
    ("x_14072019.tif", ""),
    ("x_190714.tif", ""),
]


@pytest.mark.parametrize(("name", "expected"), [*PRODUCTS, *PLAIN])
def test_names_are_read_as_they_are_meant(name: str, expected: str) -> None:
    found = dates_in_name(name, LATEST)
    assert (str(found.span or ""), found.ambiguity) == (expected, "")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("flight_20190714_ortho_20190820.tif", "2019-07-14T00:00:00Z/2019-08-20T23:59:59Z"),
        ("20190820_20190714.tif", "2019-07-14T00:00:00Z/2019-08-20T23:59:59Z"),
        ("20190714T100000_20190714T130000.tif", "2019-07-14T10:00:00Z/2019-07-14T13:00:00Z"),
        ("20190714T100000_x_20190714T100100.tif", "2019-07-14T10:00:00Z/2019-07-14T10:01:00Z"),
    ],
)
def test_of_several_dates_none_is_chosen(name: str, expected: str) -> None:
    found = dates_in_name(name, LATEST)
    assert str(found.span) == expected
    assert found.ambiguity.startswith("its name has 2019-0")


STAMPS = ["20190714", "20200826", "2019-07-14", "20190714T100031Z", "20190714100031", "19991231", "20991231"]


@given(st.lists(st.sampled_from([*STAMPS, "_", "-", "x", "v", "12", "to", "A2019195", "."]), max_size=7))
def test_whatever_a_name_holds_it_claims_no_future(parts: list[str]) -> None:
    span = dates_in_name("".join(parts), LATEST).span
    if span is not None:
        assert span.start is not None
        assert span.end is not None
        assert dt.datetime(1900, 1, 1, tzinfo=dt.UTC) <= span.start <= span.end
        assert span.end < LATEST + dt.timedelta(days=1)


def test_a_folder_counts_where_it_is_that_of_a_product_only() -> None:
    assert product_date(f"{SAFE}/x.jp2") is not None
    assert product_date("20190714T060631/x.jp2") is None
    old = product_date("S2A_OPER_MSI_L1C_TL_EPA__20160930T093012_A001234_T32TQM_B04.jp2")
    assert old is not None
    assert old.span is None


@pytest.mark.parametrize(
    ("blob", "part"),
    [
        ("dop_14072019.tif", "14072019"),
        ("dop_14.07.2019.tif", "14.07.2019"),
        ("ALOS2-190714.tif", "190714"),
        ("nlcd_2019_lc.tif", "2019"),
        ("era5_201907.nc", "201907"),
        ("20190714/tile_1.tif", "20190714"),
        ("N41E071.hgt", ""),
        ("m_3712213.tif", ""),
        ("BR33_500_040034.tiff", ""),
    ],
)
def test_what_may_be_a_date_is_named(blob: str, part: str) -> None:
    assert dates_in_name(blob, LATEST).span is None
    assert doubtful_date(blob) == part


@pytest.mark.parametrize(
    ("pattern", "blob", "expected"),
    [
        (r"_(?P<year>\d{4})_", "topo_1886_sheet.tif", "1886"),
        (r"_(\d{4})_", "scenario_2091_a.tif", "2091"),
        (r"_([0-9]{4}(?:-[0-9]{2})?)_", "burn_2024-08_monthly.tif", "2024-08"),
        (r"_(\d{7})", "a_2019195.tif", "2019-07-14"),
        (r"_(?P<year>\d{4})(?P<doy>\d{3})", "a_2019195.tif", "2019-07-14"),
        (r"_(?P<day>\d\d)(?P<month>\d\d)(?P<year>\d{4})", "dop_14072019.tif", "2019-07-14"),
        (r"(?P<year>\d{4})(?P<month>\d\d)", "era5_201907.nc", "2019-07"),
        (r"^(\d{8})/", "20190714/tile_1.tif", "2019-07-14"),
        (r"_(\d{8}T\d+[+-]\d{4})", "a_20190714T100031027+0200.tif", "2019-07-14T08:00:31.027000Z"),
        (
            r"_(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)T(?P<hour>\d\d)(?P<minute>\d\d)(?P<zone>[+-]\d{4})",
            "a_20190714T1000+0200.tif",
            "2019-07-14T08:00:00Z",
        ),
        (r"_(\d{8})_(\d{8})", "a_20190101_20191231.tif", "2019-01-01T00:00:00Z/2019-12-31T23:59:59Z"),
        (r"_(\d{8})_(\d{8})", "a_20190814_20180826.tif", "2019-08-14"),
        (r"_(\d{6})_", "a_190712_b.tif", ""),
        (r"_(?P<day>\d\d)\.(?P<month>\d\d)\.(?P<year>\d\d)", "a_14.07.19.tif", ""),
        (r"_(\d{8})_", "a_20190231_b.tif", ""),
        (r"_(\d{8})_", "a.tif", ""),
    ],
)
def test_a_pattern_is_obeyed(pattern: str, blob: str, expected: str) -> None:
    assert str(date_by_pattern(pattern, blob) or "") == expected
