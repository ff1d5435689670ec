"""Time axes as the CF conventions write them: numbers of a unit since a moment, in a calendar."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Sequence

import attrs

from rastercollection.model.times.span import TimeSpan, parse_offset

__all__ = ["TimeAxis", "span_of_axis"]

_SECONDS = {
    **dict.fromkeys(("microsecond", "microsec", "us"), 1e-6),
    **dict.fromkeys(("millisecond", "millisec", "msec", "ms"), 1e-3),
    **dict.fromkeys(("second", "sec", "s"), 1.0),
    **dict.fromkeys(("minute", "min"), 60.0),
    **dict.fromkeys(("hour", "hr", "h"), 3600.0),
    **dict.fromkeys(("day", "d"), 86400.0),
}
_UNITS = re.compile(
    r"""\s*(?P<unit>[a-z]+)\s+since\s+
    (?P<year>\d{1,4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})
    (?:[t\s]\s*(?P<hour>\d{1,2})(?::(?P<minute>\d{1,2})(?::(?P<second>\d{1,2}(?:\.\d*)?))?)?)?
    \s*(?P<zone>z|utc|gmt|[+-]\d{1,2}(?::?\d{2})?)?\s*""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_MIXED = ("", "standard", "gregorian")
_REFORM = (1582, 10, 15)
_UNIX_DAY = 2440588
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@attrs.frozen(kw_only=True)
class TimeAxis:
    """The times of a dataset's bands, as its file has them.

    Attributes:
        source: What the item says that its time is from: ``netcdf:time``.
        units: ``days since 1900-01-01``.
        calendar: CF's name; empty for the standard one.
        values: Of the bands, or of the bounds of their cells where there are any.
    """

    source: str
    units: str
    calendar: str
    values: tuple[float, ...]


def span_of_axis(axis: TimeAxis) -> TimeSpan | str:
    """From the first to the last time; a text that says why there is none where the axis has no moments of UTC.

    Calendars whose days do not exist elsewhere (``360_day``, ``noleap``) have none, nor have months and years as units,
    whose length is not that of calendars.
    """
    found, calendar = _UNITS.fullmatch(axis.units), axis.calendar.strip().lower()
    if calendar not in (*_MIXED, "proleptic_gregorian", "julian"):
        return f"its time axis is in the calendar {axis.calendar!r}, whose days are not those of UTC"
    size = found and _unit_seconds(found["unit"])
    offset = found and parse_offset(found["zone"] or "")
    if not found or not size or offset is None:
        return f"its time axis has the unit {axis.units!r}"
    values = [value for value in axis.values if math.isfinite(value) and abs(value) < 1e18]
    try:
        start = _reference(found, calendar) - offset
        moments = [_EPOCH + (start + _duration(value, size)) for value in values]
    except (ValueError, OverflowError):
        return f"its time axis has times that do not exist ({axis.units}, {_few(axis.values)})"
    if not moments:
        return "its time axis has no values"
    return TimeSpan(start=min(moments), end=max(moments))


def _few(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values[:3])


def _unit_seconds(unit: str) -> float | None:
    unit = unit.lower()
    return _SECONDS.get(unit) or _SECONDS.get(unit.removesuffix("s"))


def _duration(value: float, size: float) -> dt.timedelta:
    """A number of units: of seconds to the microsecond, of longer ones to the millisecond.

    A third of a day cannot be written exactly, and is meant to be eight hours.
    """
    whole, rest = divmod(value, 1.0)
    exact = dt.timedelta(seconds=whole * size) + dt.timedelta(seconds=rest * size)
    unit = dt.timedelta(milliseconds=1 if size >= 60 else 0.001)
    return round(exact / unit) * unit


def _reference(found: re.Match[str], calendar: str) -> dt.timedelta:
    """The moment that an axis counts from, since 1970; before 1582 the standard calendar is the Julian one."""
    year, month, day = (int(found[name]) for name in ("year", "month", "day"))
    if not (1 <= month <= 12 and 1 <= day <= 31):
        raise ValueError("there is no such day")
    is_julian = calendar == "julian" or (calendar in _MIXED and (year, month, day) < _REFORM)
    days = _julian_day(year, month, day, is_julian=is_julian) - _UNIX_DAY
    seconds = float(found["second"] or 0)
    clock = dt.timedelta(hours=int(found["hour"] or 0), minutes=int(found["minute"] or 0), seconds=seconds)
    return dt.timedelta(days=days) + clock


def _julian_day(year: int, month: int, day: int, *, is_julian: bool) -> int:
    """Julian day number at noon of a day of the Julian or the Gregorian calendar, counted from March."""
    late = (14 - month) // 12
    years, months = year + 4800 - late, month + 12 * late - 3
    days = day + (153 * months + 2) // 5 + 365 * years + years // 4
    return days - 32083 if is_julian else days - years // 100 + years // 400 - 32045
