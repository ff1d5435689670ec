"""Time axes of netCDF files."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rastercollection.model.times.cf_time import TimeAxis, span_of_axis
from rastercollection.model.times.span import TimeSpan


def span(units: str, *values: float, calendar: str = "") -> TimeSpan | str:
    return span_of_axis(TimeAxis(source="netcdf:time", units=units, calendar=calendar, values=values))


@pytest.mark.parametrize(
    ("units", "values", "calendar", "expected"),
    [
        ("days since 1900-01-01", (43464.0,), "", "2019-01-01T00:00:00Z"),
        ("days since 1900-1-1 0:0:0", (43464.0, 43495.5), "gregorian", "2019-01-01T00:00:00Z/2019-02-01T12:00:00Z"),
        ("hours since 1900-01-01 00:00:00.0", (1043136.0,), "gregorian", "2019-01-01T00:00:00Z"),
        ("Days Since 1970-01-01T00:00:00Z", (17911.3333333333,), "standard", "2019-01-15T08:00:00Z"),
        (
            "seconds since 2016-12-19T10:27:29.687763",
            (0, 872712.659688),
            "proleptic_gregorian",
            "2016-12-19T10:27:29.687763Z/2016-12-29T12:52:42.347451Z",
        ),
        ("seconds since 1992-10-8 15:15:42.5 -6:00", (0,), "", "1992-10-08T21:15:42.500000Z"),
        ("hours since 1990-11-25 12:00 UTC", (0,), "", "1990-11-25T12:00:00Z"),
        ("msec since 1970-01-01", (1546300800123,), "", "2019-01-01T00:00:00.123000Z"),
        # the standard calendar is Julian before 1582: two days between the two at the year 1
        ("days since 1-1-1", (737425,), "standard", "2019-12-31T00:00:00Z"),
        ("days since 1-1-1", (737423,), "proleptic_gregorian", "2019-12-31T00:00:00Z"),
        ("days since 0000-01-01", (737790,), "proleptic_gregorian", "2020-01-01T00:00:00Z"),
        ("days since 1582-10-15", (0,), "standard", "1582-10-15T00:00:00Z"),
        ("days since 1582-10-04", (1,), "standard", "1582-10-15T00:00:00Z"),
        ("days since 2019-12-19", (0,), "julian", "2020-01-01T00:00:00Z"),
        ("days since 2000-01-01", (float("nan"), 9.969e36, 1), "", "2000-01-02T00:00:00Z"),
    ],
)
def test_axes_are_read(units: str, values: tuple[float, ...], calendar: str, expected: str) -> None:
    assert str(span(units, *values, calendar=calendar)) == expected


@pytest.mark.parametrize(
    ("units", "calendar", "why"),
    [
        ("days since 2000-01-01", "360_day", "calendar '360_day'"),
        ("days since 2000-01-01", "noleap", "calendar 'noleap'"),
        ("months since 2000-01-01", "", "unit 'months since"),
        ("years since 2000-01-01", "", "unit 'years since"),
        ("days since yesterday", "", "unit 'days since yesterday'"),
        ("days since 2000-13-01", "", "do not exist"),
        ("days since 2000-01-01 +77", "", "unit"),
    ],
)
def test_what_is_no_moment_in_utc_says_why(units: str, calendar: str, why: str) -> None:
    found = span(units, 1.0, calendar=calendar)
    assert isinstance(found, str)
    assert why in found


def test_times_that_no_calendar_has_say_so() -> None:
    assert "do not exist" in str(span("days since 2000-01-01", 1e9))
    assert "no values" in str(span("days since 2000-01-01", float("nan")))


UNITS = {"days": "D", "hours": "h", "minutes": "m", "seconds": "s"}


@given(
    st.dates(dt.date(1600, 1, 1), dt.date(2200, 1, 1)),
    st.sampled_from(sorted(UNITS)),
    st.lists(st.integers(-100_000, 100_000), min_size=1, max_size=5),
)
def test_moments_are_those_of_numpy(day: dt.date, unit: str, values: list[int]) -> None:
    found = span(f"{unit} since {day.year}-{day.month}-{day.day}", *values)
    moments = np.datetime64(day, "s") + np.array(values, f"m8[{UNITS[unit]}]")
    assert isinstance(found, TimeSpan)
    assert found.start is not None
    assert found.end is not None
    assert found.start.replace(tzinfo=None) == moments.min().astype("M8[us]").item()
    assert found.end.replace(tzinfo=None) == moments.max().astype("M8[us]").item()


@given(st.text("days since0123456789-:T+. ", max_size=40), st.lists(st.floats(), max_size=3))
def test_whatever_an_axis_is_it_ends_the_question(units: str, values: list[float]) -> None:
    found = span(units, *values)
    assert isinstance(found, str) or (found.start is not None and found.end is not None and found.start <= found.end)
