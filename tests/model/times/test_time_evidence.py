"""Which fact about an acquisition counts, and what is told of the others."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rastercollection.model.times.cf_time import TimeAxis
from rastercollection.model.times.time_evidence import (
    Acquisition,
    TimeFacts,
    find_acquisition,
    ordered_span,
)

NOW = dt.datetime(2024, 6, 1, 12, tzinfo=dt.UTC)
AXIS = TimeAxis(source="netcdf:time", units="days since 2019-03-01", calendar="", values=(0.0, 9.0))
MODEL = TimeAxis(source="netcdf:time", units="days since 2019-03-01", calendar="360_day", values=(0.0, 9.0))


def found(blob: str = "a.tif", **facts: Any) -> Acquisition:
    return find_acquisition(TimeFacts(blob=blob, **facts), NOW)


def when(one: Acquisition) -> str:
    return one.datetime or f"{one.start}/{one.end}"


def codes(one: Acquisition) -> list[str]:
    return [notice.code for notice in one.notices]


ALL: dict[str, Any] = {
    "parameter": "2019-05-01T00:00:00Z",
    "pattern": r"(2019-04-\d\d)",
    "axis": AXIS,
    "tags": {"DATE_ACQUIRED": "2019-02-01"},
    "blob": "2019-04-01.tif",
}


@pytest.mark.parametrize(
    ("without", "expected", "source"),
    [
        ([], "2019-05-01T00:00:00Z", "parameter"),
        (["parameter"], "2019-04-01T00:00:00Z/2019-04-01T23:59:59Z", "pattern"),
        (["parameter", "pattern"], "2019-03-01T00:00:00Z/2019-03-10T00:00:00Z", "netcdf:time"),
        (["parameter", "pattern", "axis"], "2019-02-01T00:00:00Z/2019-02-01T23:59:59Z", "metadata:DATE_ACQUIRED"),
    ],
)
def test_facts_are_ranked(without: list[str], expected: str, source: str) -> None:
    one = found(**{name: value for name, value in ALL.items() if name not in without})
    assert (when(one), one.source) == (expected, source)
    assert codes(one) == ["DATETIME_DISAGREES"]


def test_the_name_counts_where_nothing_else_does() -> None:
    one = found("m_3712213_sw_10_1_20140613.tif", tags={"TIFFTAG_DATETIME": "2015:01:01 00:00:00"})
    assert (when(one), one.source) == ("2014-06-13T00:00:00Z/2014-06-13T23:59:59Z", "filename")
    assert codes(one) == []


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({"pattern": r"_(\d{4})_", "blob": "topo_1886_a.tif"}, "1886-01-01T00:00:00Z/1886-12-31T23:59:59Z"),
        ({"pattern": r"_(\d{4})_", "blob": "topo_2091_a.tif"}, "2091-01-01T00:00:00Z/2091-12-31T23:59:59Z"),
        ({"parameter": "1570"}, "1570-01-01T00:00:00Z/1570-12-31T23:59:59Z"),
        ({"parameter": "2019-07/2020"}, "2019-07-01T00:00:00Z/2020-12-31T23:59:59Z"),
        ({"parameter": "../2020-05-05T00:00:00Z"}, "None/2020-05-05T00:00:00Z"),
        ({"parameter": "2020-05-05/.."}, "2020-05-05T00:00:00Z/None"),
        ({"parameter": "2020-05-05T00:00:00Z/2020-05-05T00:00:00Z"}, "2020-05-05T00:00:00Z"),
        (
            {"parameter": "2020", "axis": MODEL, "tags": {"DATE_ACQUIRED": "2024-07-03"}},
            "2020-01-01T00:00:00Z/2020-12-31T23:59:59Z",
        ),
        ({"parameter": "2020-01-02T03:04:05+05:00", "blob": "d20190714.tif"}, "2020-01-01T22:04:05Z"),
    ],
)
def test_orders_are_taken_as_they_are(order: dict[str, Any], expected: str) -> None:
    one = found(**order)
    assert when(one) == expected
    assert one.source in order
    assert codes(one) == []


@pytest.mark.parametrize("pattern", [r"_(\d{8})_", r"_(\d{6})\.", r"(?P<year>\d\d)07"])
def test_an_order_that_yields_no_date_is_told(pattern: str) -> None:
    one = found("a20190714_190714.tif", pattern=pattern)
    assert codes(one) == ["DATETIME_PATTERN_MISSED", "DATETIME_UNKNOWN"], "the name is not read by guess then"
    one = found("a.tif", pattern=pattern, tags={"DATE_ACQUIRED": "2019-02-01"})
    assert codes(one) == ["DATETIME_PATTERN_MISSED"]
    assert one.source == "metadata:DATE_ACQUIRED"


def test_a_time_in_the_day_that_is_known_makes_it_exact() -> None:
    one = found("T42TXK_20190714T060631_B04.jp2", tags={"DATE_ACQUIRED": "2019-07-14"})
    assert (when(one), one.source, codes(one)) == ("2019-07-14T06:06:31Z", "filename", [])
    assert found("T42TXK_20190715T060631_B04.jp2", tags={"DATE_ACQUIRED": "2019-07-14"}).source.startswith("metadata:")
    assert found("a_20190305.nc", axis=AXIS).end == "2019-03-10T00:00:00Z", "an interval that is meant stays"


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"blob": "a_20190714.tif", "tags": {"DATE_ACQUIRED": "2021-01-01"}}, ["2021-01-01", "2019-07-14"]),
        ({"parameter": "2019", "tags": {"DATE_ACQUIRED": "2021-01-01"}}, ["datetime says 2019", "2021-01-01"]),
        ({"blob": "a_20210714.tif", "tags": {"TIFFTAG_DATETIME": "2019:07:14 00:00:00"}}, ["written 2019-07-14"]),
        ({"blob": "a_20210714.nc", "axis": AXIS}, ["time axis says 2019-03-01", "2021-07-14"]),
    ],
)
def test_facts_that_disagree_are_told(facts: dict[str, Any], told: list[str]) -> None:
    one = found(**facts)
    assert codes(one) == ["DATETIME_DISAGREES"]
    assert all(text in one.notices[0].message for text in told)


@pytest.mark.parametrize(
    "facts",
    [
        {"blob": "a_20190714.tif", "tags": {"ACQUISITIONDATETIME": "2019-07-15 02:00:00"}},
        {"blob": "a_20190714.tif", "tags": {"TIFFTAG_DATETIME": "2021:01:01 00:00:00"}},
        {"blob": "a_20190714.tif", "tags": {"TIFFTAG_DATETIME": "1970:01:01 00:00:00"}},
        {"blob": "a_20190714T100000.tif", "tags": {"TIFFTAG_DATETIME": "2019:07:14 03:00:00"}},
        {"blob": "a_20200101.tif", "parameter": "2019"},
    ],
)
def test_a_day_of_another_zone_and_a_later_writing_are_no_contradiction(facts: dict[str, Any]) -> None:
    assert codes(found(**facts)) == []


@pytest.mark.parametrize(
    ("facts", "code", "told", "expected"),
    [
        ({"blob": "a_20190714.nc", "axis": MODEL}, "DATETIME_IGNORED", "360_day", "2019-07-14T00:00:00Z"),
        (
            {"blob": "a_20190714.tif", "tags": {"DATE_ACQUIRED": "2024-06-03"}},
            "DATETIME_IGNORED",
            "future",
            "2019-07-14T00:00:00Z",
        ),
        (
            {"axis": AXIS, "axis_problem": "the bounds cannot be read"},
            "DATETIME_IGNORED",
            "bounds",
            "2019-03-01T00:00:00Z",
        ),
        ({"blob": "20190714_20190820.tif"}, "DATETIME_AMBIGUOUS", "2019-08-20", "2019-07-14T00:00:00Z"),
        (
            {"tags": {"EXIF_DateTimeOriginal": "2021:03:09 10:20:30"}},
            "DATETIME_ASSUMED_UTC",
            "DateTimeOriginal",
            "2021-03-09T10:20:30Z",
        ),
    ],
)
def test_what_is_doubtful_is_told(facts: dict[str, Any], code: str, told: str, expected: str) -> None:
    one = found(**facts)
    assert codes(one) == [code]
    assert told in one.notices[0].message
    assert when(one).startswith(expected)


def test_times_of_models_may_lie_in_the_future() -> None:
    future = TimeAxis(source="netcdf:time", units="days since 2091-01-01", calendar="", values=(0.0,))
    assert (when(found(axis=future)), codes(found(axis=future))) == ("2091-01-01T00:00:00Z", [])


@pytest.mark.parametrize("written", [{}, {"TIFFTAG_DATETIME": "2003:09:26 11:00:00"}])
def test_of_what_is_unknown_no_end_is_claimed(written: dict[str, str]) -> None:
    one = found(tags=written)
    assert (one.datetime, one.start, one.end, one.source) == (None, None, None, "unknown")
    assert codes(one) == ["DATETIME_UNKNOWN"]
    assert "Set `datetime` or `datetime_pattern`" in one.notices[0].message


def test_the_unknown_names_what_may_be_a_date() -> None:
    assert "'14072019' in its name" in found("dop_14072019.tif").notices[0].message
    assert "TIFFTAG_DATETIME says" in found(tags={"TIFFTAG_DATETIME": "2003:09:26 11:00:00"}).notices[0].message


DATES = st.sampled_from(
    ["2019-07-14", "1886", "2091-01-01", "2024-06-02T01:00:00Z", "0000", "2019:07:14 01:02:03", "x"]
)
FACTS = st.builds(
    TimeFacts,
    blob=st.sampled_from(["a.tif", "a_20190714.tif", "20190714_20200101.tif", "20991231.tif", "20240602T010000.tif"]),
    tags=st.dictionaries(st.sampled_from(["DATE_ACQUIRED", "TIFFTAG_DATETIME", "EXIF_DateTimeOriginal"]), DATES),
)


@given(FACTS)
def test_unprompted_nothing_ends_before_it_starts_or_lies_in_the_future(facts: TimeFacts) -> None:
    one = find_acquisition(facts, NOW)
    ends = [one.datetime] if one.datetime else [one.start or "0001", one.end or "0001"]
    if one.start and one.end:
        assert one.start <= one.end
    assert all(end < "2024-06-03" for end in ends if end), (ends, facts)
    assert (one.source == "unknown") == ("DATETIME_UNKNOWN" in codes(one))


@pytest.mark.parametrize(
    "text", ["", "..", "../..", "2019/", "/2019", "2020/2019", "2020/2021/2022", "../x", "2020-02-30"]
)
def test_no_orders(text: str) -> None:
    assert ordered_span(text) is None
