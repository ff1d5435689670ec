"""Spans of time, and texts of dates."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rastercollection.model.times.span import TimeSpan, parse_date, parse_offset, span_of_parts, utc_text


def ends(span: TimeSpan | None) -> tuple[str, ...]:
    """The moment, or start and end, as an item has them."""
    if span is None:
        return ()
    assert span.start is not None
    assert span.end is not None
    return tuple(dict.fromkeys((utc_text(span.start), utc_text(span.end))))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2019", ("2019-01-01T00:00:00Z", "2019-12-31T23:59:59Z")),
        ("0800", ("0800-01-01T00:00:00Z", "0800-12-31T23:59:59Z")),
        ("2020-02", ("2020-02-01T00:00:00Z", "2020-02-29T23:59:59Z")),
        ("2019_02", ("2019-02-01T00:00:00Z", "2019-02-28T23:59:59Z")),
        ("1886.12", ("1886-12-01T00:00:00Z", "1886-12-31T23:59:59Z")),
        ("20190714", ("2019-07-14T00:00:00Z", "2019-07-14T23:59:59Z")),
        ("2019/07/14", ("2019-07-14T00:00:00Z", "2019-07-14T23:59:59Z")),
        ("2019195", ("2019-07-14T00:00:00Z", "2019-07-14T23:59:59Z")),
        ("2020-366", ("2020-12-31T00:00:00Z", "2020-12-31T23:59:59Z")),
        ("2019071406", ("2019-07-14T06:00:00Z", "2019-07-14T06:59:59Z")),
        ("2019-07-14T06:12", ("2019-07-14T06:12:00Z",)),
        ("20190714061230", ("2019-07-14T06:12:30Z",)),
        ("2019195T061230", ("2019-07-14T06:12:30Z",)),
        ("2019:07:14 06:12:30", ("2019-07-14T06:12:30Z",)),
        ("2019-07-14 06:12:30 UTC", ("2019-07-14T06:12:30Z",)),
        ("20190714T100031027Z", ("2019-07-14T10:00:31.027000Z",)),
        ("2009-03-01T12:34:56.1234567Z;", ("2009-03-01T12:34:56.123456Z",)),
        ("2019-07-14T01:30:00.5+05:30", ("2019-07-13T20:00:00.500000Z",)),
        ("20190714T220000-0500", ("2019-07-15T03:00:00Z",)),
        ("2016-12-31T23:59:60Z", ("2017-01-01T00:00:00Z",)),
        *[
            (text, ())
            for text in (
                *("", "yesterday", "19", "190714", "201907", "14.07.2019", "14072019", "0000", "0000:00:00 00:00:00"),
                *("20190231", "20190230T100000", "2019366", "2019000", "20191301", "2019-07-14T24:00:00"),
                *("2019-07-14T10:60:00", "2019-07-14T10:00:61", "2019-07-14T10:00:00+99:00", "0001-01-01T00:00:00+02"),
                *("2019-07-14/2019-07-15", "２０１９", "20190714x"),
            )
        ],
    ],
)
def test_a_date_is_as_exact_as_it_is_written(text: str, expected: tuple[str, ...]) -> None:
    assert ends(parse_date(text)) == expected


@given(
    st.datetimes(timezones=st.just(dt.UTC)),
    st.sampled_from(["%Y", "%Y-%m", "%Y-%m-%d", "%Y%m%d", "%Y%j", "%Y%m%dT%H", "%Y%m%dT%H%M", "%Y-%m-%dT%H:%M:%S.%fZ"]),
)
def test_whatever_is_known_of_a_moment_it_lies_within(moment: dt.datetime, form: str) -> None:
    text = moment.strftime(form.replace("%Y", f"{moment.year:04d}"))
    span = parse_date(text)
    assert span is not None
    assert span.start is not None
    assert span.end is not None
    assert span.start <= moment.replace(microsecond=moment.microsecond if "%f" in form else 0)
    assert span.is_moment == ("%M" in form)
    if not span.is_moment:
        assert moment.replace(microsecond=0) <= span.end
        after = span.end + dt.timedelta(seconds=1) if span.end.year < 9999 else None
        assert after is None or after.strftime(form) != moment.strftime(form), "no more than the unit"


@given(st.text("0123456789-T:.Z+", max_size=24))
def test_whatever_a_text_is_no_span_ends_before_it_starts(text: str) -> None:
    span = parse_date(text)
    if span is not None:
        assert span.start is not None
        assert span.end is not None
        assert span.start <= span.end
        assert parse_date(str(span)) in (span, TimeSpan(start=span.start, end=span.end))


def test_parts_that_are_no_digits_of_a_year_are_no_date() -> None:
    assert span_of_parts({"year": "19", "month": "07"}) is None
    assert span_of_parts({"year": "2019", "month": "0x"}) is None
    assert ends(span_of_parts({"year": "2019", "doy": "195", "hour": "06", "minute": "12", "second": "30.25"})) == (
        "2019-07-14T06:12:30.250000Z",
    )


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("", 0), ("Z", 0), ("utc", 0), ("+2", 120), ("-0530", -330), ("+14:00", 840)]
    + [(text, None) for text in ("+15:00", "+02:75", "noon", "02:00", "+", "EST")],
)
def test_offsets_are_those_that_there_are(text: str, minutes: int | None) -> None:
    assert parse_offset(text) == (None if minutes is None else dt.timedelta(minutes=minutes))
