"""When a tile was acquired: from the request, else from the file's name, else from its tags, else unknown."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping

import attrs

from rastercollection.core.models import Notice

__all__ = ["Acquisition", "find_acquisition"]

_EARLIEST = "1970-01-01T00:00:00Z"
_FIRST_YEAR = 1900

_NAME = re.compile(
    r"""(?<!\d)
    (?P<year>(?:19|20)\d\d)(?P<s>[-_.]?)(?P<month>0[1-9]|1[0-2])(?P=s)(?P<day>0[1-9]|[12]\d|3[01])
    (?:(?:T|t|[-_ ])(?P<hour>[01]\d|2[0-3])(?P<c>[-:_.]?)(?P<minute>[0-5]\d)(?P=c)(?P<second>[0-5]\d)
       (?:\.\d+)?(?:Z|(?![\d])))?
    (?!\d)""",
    re.VERBOSE,
)
_TAGS = (
    "ACQUISITIONDATETIME",
    "ACQUISITION_DATETIME",
    "ACQUISITION_DATE",
    "SENSING_TIME",
    "DATE_ACQUIRED",
    "FIRSTLINETIME",
    "EARLIESTACQTIME",
    "TLCTIME",
    "DATETIMEORIGINAL",
    "EXIF_DATETIMEORIGINAL",
    "TIFFTAG_DATETIME",
    "EXIF_DATETIME",
)
"""Tags that hold an acquisition time, the most telling first: GDAL's IMAGERY and IMD domains, Landsat, EXIF, TIFF."""
_FORMATS = (
    "%Y:%m:%d %H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
    "%Y%m%dT%H%M%S",
    "%Y%m%d",
    "%Y/%m/%d",
    "%Y:%m:%d",
)
_GROUP_FORMATS = (
    "%Y%m%dT%H%M%S",
    "%Y%m%d%H%M%S",
    "%Y%m%d_%H%M%S",
    "%Y%m%d",
    "%Y-%m-%d",
    "%Y_%m_%d",
    "%Y%j",
    "%Y-%m",
    "%Y",
)


@attrs.frozen(kw_only=True)
class Acquisition:
    """A moment or an interval, RFC 3339 in UTC.

    Attributes:
        datetime: The moment; None for an interval, or when unknown.
        start, end: The interval; None for a moment. When unknown, from 1970 to the source's last modification.
        source: parameter, filename, tags or unknown.
        notices: ``DATETIME_UNKNOWN``.
    """

    datetime: str | None = None
    start: str | None = None
    end: str | None = None
    source: str
    notices: tuple[Notice, ...] = ()


def find_acquisition(
    parameter: str | None, pattern: str | None, blob: str, tags: Mapping[str, str], modified: str
) -> Acquisition:
    """When a tile was acquired.

    Args:
        parameter: An RFC 3339 moment, or an interval ``start/end``, that the user gave.
        pattern: A regular expression for names, searched in the path and then alone decisive for the name. Either
            named groups year, month, day, hour, minute, second (all after year optional), or one group with a date such
            as 20190714, 2019-07-14, 20190714T060000, 2019195 (day of the year), 2019-07 or 2019.
        blob: Path of the tile.
        tags: All its tags, whatever the domain.
        modified: Last modification of the source, RFC 3339: what it shows was acquired before.

    Without ``pattern`` a date is looked for in the file's name: YYYYMMDD or YYYY-MM-DD (also with ``_`` or ``.``), with
    a time behind ``T``, ``_`` or ``-`` where there is one; not before 1900 and not after next year.
    """
    if parameter:
        return _from_parameter(parameter)
    moment = _by_pattern(pattern, blob) if pattern else _by_name(blob)
    if moment is not None:
        return Acquisition(datetime=_text(moment), source="filename")
    moment = next(_from_tags(tags), None)
    if moment is not None:
        return Acquisition(datetime=_text(moment), source="tags")
    notice = Notice(
        code="DATETIME_UNKNOWN",
        message=f"{blob}: nothing tells when it was acquired; set datetime or datetime_pattern.",
    )
    end = _parsed(modified)
    if end is None:
        return Acquisition(source="unknown", notices=(notice,))
    return Acquisition(start=_EARLIEST, end=_text(end), source="unknown", notices=(notice,))


def _from_parameter(parameter: str) -> Acquisition:
    ends = [_utc(dt.datetime.fromisoformat(end)) for end in parameter.split("/")]
    if len(ends) == 1:
        return Acquisition(datetime=_text(ends[0]), source="parameter")
    return Acquisition(start=_text(ends[0]), end=_text(ends[1]), source="parameter")


def _by_pattern(pattern: str, blob: str) -> dt.datetime | None:
    found = re.search(pattern, blob)
    if found is None:
        return None
    named = {name: value for name, value in found.groupdict().items() if value is not None}
    if "year" in named:
        return _from_parts(named)
    for group in found.groups():
        for text_format in _GROUP_FORMATS:
            moment = _strptime(group or "", text_format) if group else None
            if moment is not None and _is_plausible(moment):
                return moment
        moment = _parsed(group or "")
        if moment is not None and _is_plausible(moment):
            return moment
    return None


def _by_name(blob: str) -> dt.datetime | None:
    name = blob.rsplit("/", 1)[-1]
    for found in _NAME.finditer(name):
        moment = _from_parts({key: value for key, value in found.groupdict().items() if value and len(key) > 1})
        if moment is not None:
            return moment
    return None


def _from_parts(parts: Mapping[str, str]) -> dt.datetime | None:
    names = ("year", "month", "day", "hour", "minute", "second")
    try:
        year, month, day, hour, minute, second = (int(parts.get(name, name in ("month", "day"))) for name in names)
        moment = dt.datetime(year, month, day, hour, minute, second, tzinfo=dt.UTC)
    except ValueError:
        return None
    return moment if _is_plausible(moment) else None


def _from_tags(tags: Mapping[str, str]) -> Iterator[dt.datetime]:
    upper = {key.upper(): value for key, value in tags.items()}
    for name in _TAGS:
        moment = _parsed(upper.get(name, ""))
        if moment is not None and _is_plausible(moment):
            yield moment


def _parsed(text: str) -> dt.datetime | None:
    text = text.strip().strip('"')
    if not text:
        return None
    try:
        return _utc(dt.datetime.fromisoformat(text))
    except ValueError:
        pass
    return next((moment for known in _FORMATS if (moment := _strptime(text, known)) is not None), None)


def _strptime(text: str, text_format: str) -> dt.datetime | None:
    try:
        return dt.datetime.strptime(text, text_format).replace(tzinfo=dt.UTC)
    except ValueError:
        return None


def _is_plausible(moment: dt.datetime) -> bool:
    return _FIRST_YEAR <= moment.year <= dt.datetime.now(dt.UTC).year + 1


def _utc(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _text(moment: dt.datetime) -> str:
    return moment.isoformat(timespec="microseconds" if moment.microsecond else "seconds").replace("+00:00", "Z")
