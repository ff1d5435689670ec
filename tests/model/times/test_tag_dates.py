"""Tags as producers, cameras and programs write them."""

from __future__ import annotations

import pytest

from rastercollection.model.times.tag_dates import acquired_by_tags, written_by_tags

STRIP = "Dataset_Sources.Source_Identification.Strip_Source"


@pytest.mark.parametrize(
    ("tags", "name", "expected"),
    [
        ({"ACQUISITIONDATETIME": "2003-09-26 11:00:00"}, "ACQUISITIONDATETIME", "2003-09-26T11:00:00Z"),
        ({"IMAGE_1.firstLineTime": '"2009-03-01T12:34:56.123456Z";'}, None, "2009-03-01T12:34:56.123456Z"),
        (
            {
                "MAP_PROJECTED_PRODUCT.earliestAcqTime": "2009-03-01T12:34:56Z",
                "MAP_PROJECTED_PRODUCT.latestAcqTime": "2009-04-01T12:34:56Z",
            },
            "MAP_PROJECTED_PRODUCT.earliestAcqTime",
            "2009-03-01T12:34:56Z/2009-04-01T12:34:56Z",
        ),
        (
            {f"{STRIP}.IMAGING_DATE": "2019-07-14", f"{STRIP}.IMAGING_TIME": "06:12:30.5Z"},
            f"{STRIP}.IMAGING_DATE",
            "2019-07-14T06:12:30.500000Z",
        ),
        (
            {"a_1.IMAGING_DATE": "2019-07-14", "a_2.IMAGING_DATE": "2019-08-01"},
            "a_1.IMAGING_DATE",
            "2019-07-14T00:00:00Z/2019-08-01T23:59:59Z",
        ),
        (
            {"DATE_ACQUIRED": "2019-08-14", "SCENE_CENTER_TIME": '"06:12:30.1234567Z"'},
            None,
            "2019-08-14T06:12:30.123456Z",
        ),
        ({"DATE_ACQUIRED": "2019-08-14"}, None, "2019-08-14"),
        ({"DATE_ACQUIRED": "2019-08-14", "SCENE_CENTER_TIME": "noon"}, None, "2019-08-14"),
        (
            {
                "RANGEBEGINNINGDATE": "2019-07-14",
                "RANGEBEGINNINGTIME": "00:00:00",
                "RANGEENDINGDATE": "2019-07-21",
                "RANGEENDINGTIME": "23:59:59",
            },
            None,
            "2019-07-14T00:00:00Z/2019-07-21T23:59:59Z",
        ),
        (
            {"PRODUCT_START_TIME": "2019-07-14T06:06:31.024Z", "PRODUCT_STOP_TIME": "2019-07-14T06:06:31.024Z"},
            None,
            "2019-07-14T06:06:31.024000Z",
        ),
        ({"CALENDARDATE": "20190714", "TIMEOFDAY": "061230123000Z"}, None, "2019-07-14T06:12:30.123000Z"),
        (
            {"NC_GLOBAL#time_coverage_start": "2019-07-01", "NC_GLOBAL#time_coverage_end": "2019-07-31"},
            None,
            "2019-07-01T00:00:00Z/2019-07-31T23:59:59Z",
        ),
        ({"NC_GLOBAL#start_time": "2019-07-14T06:06:31Z"}, None, "2019-07-14T06:06:31Z"),
        ({"acquisition_time": "2019-07-14T06:06:31Z"}, None, "2019-07-14T06:06:31Z"),
        (
            {"EXIF_GPSDateStamp": "2021:03:09", "EXIF_GPSTimeStamp": "(6) (2) (30.5)"},
            "EXIF_GPSDateStamp",
            "2021-03-09T06:02:30.500000Z",
        ),
        (
            {"EXIF_DateTimeOriginal": "2021:03:09 10:20:30", "EXIF_OffsetTimeOriginal": "+05:00"},
            "EXIF_DateTimeOriginal",
            "2021-03-09T05:20:30Z",
        ),
    ],
)
def test_what_tells_of_the_acquisition_is_understood(tags: dict[str, str], name: str | None, expected: str) -> None:
    found = next(acquired_by_tags(tags))
    assert (found.name, str(found.span), found.is_local) == (name or next(iter(tags)), expected, False)


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"ACQUISITIONDATETIME": "0000-00-00 00:00:00"},
        {"ACQUISITIONDATETIME": "unknown"},
        {"start_time": "2019-07-14T06:06:31Z"},
        {"TIFFTAG_DATETIME": "2003:09:26 11:00:00"},
        {"EXIF_DateTime": "2003:09:26 11:00:00", "EXIF_DateTimeDigitized": "2003:09:26 11:00:00"},
    ],
)
def test_other_tags_tell_no_acquisition(tags: dict[str, str]) -> None:
    assert list(acquired_by_tags(tags)) == []


def test_a_cameras_clock_is_local_without_an_offset() -> None:
    found = next(acquired_by_tags({"EXIF_DateTimeOriginal": "2021:03:09 10:20:30"}))
    assert (str(found.span), found.is_local) == ("2021-03-09T10:20:30Z", True)


def test_the_most_telling_comes_first() -> None:
    tags = {
        "EXIF_DateTimeOriginal": "2021:03:09 10:20:30",
        "DATE_ACQUIRED": "2021-03-08",
        "ACQUISITIONDATETIME": "2021-03-07 01:02:03",
    }
    assert [date.name for date in acquired_by_tags(tags)] == list(reversed(tags))


def test_what_tells_of_writing_is_told_apart() -> None:
    tags = {"TIFFTAG_DATETIME": "2003:09:26 11:00:00", "EXIF_DateTime": "2004:09:26 11:00:00", "DATE_ACQUIRED": "2001"}
    assert [str(date.span) for date in written_by_tags(tags)] == ["2003-09-26T11:00:00Z", "2004-09-26T11:00:00Z"]
