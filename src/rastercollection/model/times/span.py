"""A span of time as exact as it is known, and its reading from the text of one date."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Mapping

import attrs

__all__ = ["EARLIEST", "LATEST", "TimeSpan", "parse_date", "parse_offset", "span_of_parts", "utc_text"]

_DAY = r"(?P<year>\d{4})(?P<s>[-_./:]?)(?P<month>\d\d)(?P=s)(?P<day>\d\d)"
_TIME = r"(?P<hour>\d\d)(?:(?P<c>[-:_.]?)(?P<minute>\d\d)(?:(?P=c)(?P<second>\d\d)(?:[.,]?(?P<fraction>\d{1,9}))?)?)?"
_ZONE = r"(?:\s?(?P<zone>[Zz]|UTC|GMT|[+-]\d\d(?::?\d\d)?))?"
_FORMS = [
    re.compile(form, re.ASCII)
    for form in (
        rf"{_DAY}(?:[Tt\s_-]?{_TIME}{_ZONE})?",
        rf"(?P<year>\d{{4}})-?(?P<doy>\d{{3}})(?:[Tt]{_TIME}{_ZONE})?",
        r"(?P<year>\d{4})[-_./:](?P<month>\d\d)",
        r"(?P<year>\d{4})",
    )
]


EARLIEST = "1678-01-01T00:00:00Z"
LATEST = "2261-12-31T23:59:59Z"
"""The beginning of the first and the end of the last year that 64 bits of nanoseconds hold, as numpy and pandas have
them. Python and PostgreSQL's drivers can tell them in the time of any place, as they cannot the years 1 and 9999."""


@attrs.frozen(kw_only=True)
class TimeSpan:
    """From the first to the last moment, both included, UTC. Equal ends are a moment.

    Attributes:
        start, end: With a time zone; None where open, of one of the two at most.
        unit: ``year``, ``month``, ``day`` or ``hour`` where this is how exactly a moment within is known; empty for a
            moment, and for an interval that is meant.
    """

    start: dt.datetime | None
    end: dt.datetime | None
    unit: str = ""

    @property
    def is_moment(self) -> bool:
        return self.start is not None and self.start == self.end

    def __str__(self) -> str:
        if self.start is not None and self.unit:
            return utc_text(self.start)[: {"year": 4, "month": 7, "day": 10}.get(self.unit, 13)]
        ends = [utc_text(end) if end else ".." for end in (self.start, self.end)]
        return ends[0] if self.is_moment else "/".join(ends)

    def holds(self, other: TimeSpan) -> bool:
        """Whether all of another span lies in this one."""
        starts = self.start is None or (other.start is not None and self.start <= other.start)
        return starts and (self.end is None or (other.end is not None and other.end <= self.end))

    def is_apart(self, other: TimeSpan, by: dt.timedelta) -> bool:
        """Whether more than ``by`` lies between the two."""
        return _is_before(self, other, by) or _is_before(other, self, by)

    def joined(self, other: TimeSpan) -> TimeSpan:
        """The interval over both."""
        starts, ends = (self.start, other.start), (self.end, other.end)
        start = None if None in starts else min(filter(None, starts))
        return TimeSpan(start=start, end=None if None in ends else max(filter(None, ends)))


def _is_before(one: TimeSpan, other: TimeSpan, by: dt.timedelta) -> bool:
    return one.end is not None and other.start is not None and other.start - one.end > by


def parse_date(text: str) -> TimeSpan | None:
    """The span that a text tells which is a date and nothing else; None where it is none.

    It is a year, a year and month, a day, a day of the year (``2019195``), or a day with a time; years have four
    digits, and come first. What has no offset is in UTC. Six digits are not taken: they may be any of several dates.
    """
    text = text.strip().strip("\"';").strip()
    for form in _FORMS:
        found = form.fullmatch(text)
        span = span_of_parts(found.groupdict()) if found else None
        if span is not None:
            return span
    return None


DATE_PARTS = ("year", "month", "day", "doy", "hour", "minute", "second", "fraction", "zone")
"""Names of the parts of a date."""


def span_of_parts(parts: Mapping[str, str | None]) -> TimeSpan | None:
    """The span of a date in parts; None where there is no such date.

    Args:
        parts: Digits of year (four) and, as far as known, month and day or doy (day of the year), hour, minute, second
            (``60`` is a leap second: the next one is taken; decimals are kept), fraction (decimals of the second), and
            zone (``Z``, ``+02:00``, ``-0530``, ``+02``; UTC without one).
    """
    known = {name: value for name, value in parts.items() if value}
    if not re.fullmatch(r"[0-9]{4}", known.get("year", "")):
        return None
    try:
        return _span(known)
    except (ValueError, OverflowError):
        return None


def _span(known: Mapping[str, str]) -> TimeSpan | None:
    year, offset = int(known["year"]), parse_offset(known.get("zone", ""))
    if offset is None:
        return None
    if "doy" in known:
        start = dt.datetime(year, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=int(known["doy"]) - 1)
        if start.year != year:
            return None
    else:
        start = dt.datetime(year, int(known.get("month", 1)), int(known.get("day", 1)), tzinfo=dt.UTC)
    if "day" not in known and "doy" not in known:
        return _whole(start, "month" if "month" in known else "year")
    if "hour" not in known:
        return _whole(start, "day")
    start += _time_of_day(known) - offset
    return TimeSpan(start=start, end=start) if "minute" in known else _whole(start, "hour")


def _time_of_day(known: Mapping[str, str]) -> dt.timedelta:
    seconds, _, decimals = known.get("second", "0").replace(",", ".").partition(".")
    hour, minute, second = int(known["hour"]), int(known.get("minute", 0)), int(seconds)
    if hour > 23 or minute > 59 or second > 60:
        raise ValueError("there is no such time")
    micros = int((decimals or known.get("fraction", "")).ljust(6, "0")[:6])
    return dt.timedelta(hours=hour, minutes=minute, seconds=second, microseconds=micros)


def _whole(start: dt.datetime, unit: str) -> TimeSpan:
    """All of a unit, to its last whole second."""
    last = {"year": (12, 31), "month": (start.month, calendar.monthrange(start.year, start.month)[1])}
    month, day = last.get(unit, (start.month, start.day))
    if unit == "hour":
        end = start + dt.timedelta(minutes=59, seconds=59)
    else:
        end = start.replace(month=month, day=day, hour=23, minute=59, second=59)
    return TimeSpan(start=start, end=end, unit=unit)


def parse_offset(text: str) -> dt.timedelta | None:
    """An offset from UTC such as ``Z``, ``+02:00``, ``-0530`` or ``+2``; nothing is UTC, None no offset."""
    if text.strip().upper() in ("", "Z", "UTC", "GMT"):
        return dt.timedelta(0)
    found = re.fullmatch(r"([+-])(\d{1,2})(?::?([0-5]\d))?", text.strip(), re.ASCII)
    if found is None:
        return None
    size = dt.timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    if size > dt.timedelta(hours=14):
        return None
    return -size if found[1] == "-" else size


def utc_text(moment: dt.datetime) -> str:
    """RFC 3339, UTC, to the microsecond where there are any."""
    text = moment.isoformat(timespec="microseconds" if moment.microsecond else "seconds")
    return text.replace("+00:00", "Z")
